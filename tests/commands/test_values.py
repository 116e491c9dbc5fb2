"""What people type as values."""

import json

import pytest

from antcli.commands import values
from antcli.context import Context, use
from antcli.errors import UsageError
from antcli.output.terminal import Terminal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("{a: b, c: [d, e]}", {"a": "b", "c": ["d", "e"]}),
        ("{a: no, b: on, c: yes}", {"a": "no", "b": "on", "c": "yes"}),
        ("{d: 2026-01-01, e: 1:30, f: 012}", {"d": "2026-01-01", "e": "1:30", "f": "012"}),
        ("{1: a, null: c}", {"1": "a", "null": "c"}),
        ("{true: b}", {"true": "b"}),
        ("{a: true, b: null, c: ~}", {"a": True, "b": None, "c": None}),
        ("{d: 1e3, e: -2, f: '1'}", {"d": 1000.0, "e": -2, "f": "1"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("agent_toolset_20260401", "agent_toolset_20260401"),
    ],
)  # fmt: skip
def test_json_and_relaxed_yaml_mean_what_they_look_like(text, value):
    parsed = values.parse(text, source="--x")
    assert parsed == value
    json.dumps(parsed)  # whatever YAML holds can be sent


@pytest.mark.parametrize("text", ["{a: [}", "{a: b", "a: b: c", "!!python/object/apply:os.system ['true']"])
def test_wrong_yaml_is_refused_with_its_place(text):
    with pytest.raises(UsageError, match=r"--x: .* at line 1, column \d+"):
        values.parse(text, source="--x")


def test_files_and_escapes(tmp_path):
    (tmp_path / "f").write_text("inside")
    assert values.text_value(f"@{tmp_path}/f") == "inside"
    assert values.text_value(f"@file://{tmp_path}/f") == "inside"
    assert values.text_value("\\@home") == "@home"
    assert values.text_value("@") == "@"
    assert values.text_value("me@home") == "me@home"


def test_stdin_is_a_file_too():
    import io

    use(Context(Terminal(io.StringIO("typed"), io.StringIO(), io.StringIO(), {}), {}))
    assert values.text_value("@-") == "typed"


def test_binary_files_are_refused_by_name(tmp_path):
    (tmp_path / "f").write_bytes(b"abc\xff")
    with pytest.raises(UsageError, match=r"not UTF-8 text .byte 3."):
        values.read_text(str(tmp_path / "f"))


def test_objects_take_words_lists_and_files(tmp_path):
    (tmp_path / "tools.yaml").write_text("- {type: custom}\n- bash\n")
    assert values.objects(f"@{tmp_path}/tools.yaml", name="--tool") == [{"type": "custom"}, {"type": "bash"}]
    assert values.objects("[]", name="--tool") == []


def test_pairs_keep_everything_behind_the_first_equals_sign():
    assert values.pairs("url=https://x/?a=b", name="--metadata") == {"url": "https://x/?a=b"}
    assert values.pairs("{gone: null}", name="--metadata") == {"gone": None}
