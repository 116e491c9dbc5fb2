"""Tables and the detail view."""

from datetime import UTC, datetime, timedelta

import pytest

from antcli.errors import UsageError
from antcli.output.ages import age, span
from antcli.output.columns import COLUMNS, value_at
from antcli.output.detail import detail
from antcli.output.tables import fit, table
from antcli.output.text import clean, cut, fold, text_width


def agents(*names):
    now = datetime.now(UTC)
    return [
        {
            "id": f"agent_{i:024d}", "name": name, "model": {"id": "claude-opus-5"}, "version": i,
            "created_at": (now - timedelta(hours=i, minutes=1)).isoformat(),
        }
        for i, name in enumerate(names, 1)
    ]  # fmt: skip


def test_piped_tables_are_aligned_and_never_cut():
    long = "x" * 300
    lines = "".join(table("agents", agents("short", long))).splitlines()
    assert lines[0].split() == ["ID", "NAME", "MODEL", "VERSION", "AGE"]
    assert long in lines[2]
    assert lines[1].index("claude-opus-5") == lines[2].index("claude-opus-5") == lines[0].index("MODEL")
    assert lines[1].endswith("1h")


def test_a_rare_column_is_there_when_a_row_has_it():
    first, second = agents("a", "b")
    gone = second | {"archived_at": first["created_at"]}
    assert "ARCHIVED" not in next(table("agents", [first, second]))
    lines = list(table("agents", [first, gone]))
    assert lines[0].split()[-1] == "ARCHIVED" and lines[1].split()[-1] == "-" and lines[2].split()[-1] == "1h"
    assert next(table("agents", [first], chosen=["name", "archived"])).split() == ["NAME", "ARCHIVED"]


def test_a_script_is_shown_by_its_name():
    scripted = agents("a")[0] | {"model": {"id": "script:/home/ada/a/long/way/to/review.yaml"}}
    assert " script:review.yaml " in "".join(table("agents", [scripted]))


def test_a_table_without_rows_has_its_header():
    assert "".join(table("agents", [])) == "ID  NAME  MODEL  VERSION  AGE\n"


@pytest.mark.parametrize("width", [200, 100, 80, 60, 50, 40])
@pytest.mark.parametrize("name", ["plain", "日本語の名前" * 10, "e\u0301" * 60, "👍" * 40, "x" * 400])
def test_no_line_is_wider_than_the_terminal(width, name):
    for line in table("agents", agents(name, "b"), width=width):
        assert text_width(line.rstrip("\n")) <= width


def test_an_id_is_whole_even_in_a_narrow_terminal():
    row = list(table("agents", agents("name" * 20), width=20))[1]
    assert row.strip() == f"agent_{1:024d}"


def test_an_id_is_whole_even_when_the_first_rows_had_shorter_ones():
    rows = list(table("agents", ({"id": "x" * size, "name": "n"} for size in (8, 12)), live=True, width=80))
    assert rows[2].split() == ["x" * 12, "n", "-", "-", "-"]


def test_id_and_status_stay_when_there_is_no_room_for_more():
    deployment = {"id": f"depl_{1:024d}", "name": "nightly-run", "status": "active"}
    assert [line.split() for line in table("deployments", [deployment], width=40)] == [
        ["ID", "STATUS"], [deployment["id"], "active"],
    ]  # fmt: skip


def test_texts_are_cut_before_columns_are_dropped():
    row = list(table("agents", agents("n" * 60), width=80))[1]
    assert "…" in row
    assert "1h" in row


def test_fit_leaves_what_fits():
    columns = COLUMNS["agents"]
    assert fit(columns, [30, 5, 13, 7, 3], 80) == [30, 5, 13, 7, 3]


def test_rows_after_the_sample_are_printed_too():
    rows = list(table("agents", agents(*(f"n{i}" for i in range(250)))))
    assert len(rows) == 251


def test_live_tables_wait_for_one_row_only():
    taken = []

    def source():
        for item in agents("a", "b", "c"):
            taken.append(item)
            yield item

    lines = table("agents", source(), live=True)
    next(lines), next(lines)
    assert len(taken) == 1


def test_wide_characters_do_not_shift_the_columns():
    lines = [line for line in table("agents", agents("日本", "abcd"))]
    assert text_width(lines[1][: lines[1].index("claude")]) == text_width(lines[2][: lines[2].index("claude")])


def test_chosen_columns_are_titles_or_paths():
    lines = list(table("agents", agents("a"), chosen=["name", "model.id", "Version"]))
    assert lines[0].split() == ["NAME", "MODEL", "VERSION"]
    assert lines[1].split() == ["a", "claude-opus-5", "1"]


def test_an_unknown_column_names_those_that_exist():
    with pytest.raises(UsageError) as caught:
        list(table("agents", agents("a"), chosen=["nmae"]))
    assert "name" in caught.value.hint


def test_names_cannot_send_commands_to_the_terminal():
    row = list(table("agents", agents("\x1b[2Jevil\r\nname\x9b1m"), width=200))[1]
    assert "\x1b" not in row and "\x9b" not in row and row.count("\n") == 1


def test_colour_is_only_there_when_asked_for():
    session = {"id": "sesn_1", "status": "running", "title": None, "created_at": "2026-01-01T00:00:00Z"}
    assert "\x1b[" in "".join(table("sessions", [session], colour=True))
    assert "\x1b[" not in "".join(table("sessions", [session]))
    header, row = table("agents", agents("running"), colour=True)
    assert "\x1b[" in header and "\x1b[" not in row, "it is a name"


def test_detail_shows_nested_fields_and_long_texts():
    item = {
        "id": "agent_1", "system": "first\nsecond \x1b[2J", "model": {"id": "m", "effort": {"type": "high"}},
        "tools": [{"type": "custom", "input_schema": {"type": "object"}}, "x"], "metadata": {},
        "archived_at": None, "enabled": False,
        "created_at": "2020-01-01T00:00:00Z",
    }  # fmt: skip
    text = "".join(detail(item))
    assert "id:         agent_1\n" in text
    assert "system:\n  first\n  second" in text
    assert "  effort:\n    type: high\n" in text
    assert "tools:\n  - type:         custom\n    input_schema:\n      type: object\n  - x\n" in text
    assert "enabled:    no\n" in text
    assert "(6y)" in text or "y)" in text
    assert "metadata" not in text and "\x1b" not in text


def test_long_texts_of_a_detail_break_between_words_under_their_indent():
    rows = "".join(detail({"id": "x", "model": {"note": "one two three four"}, "b": "a\nfive six seven"}, width=12))
    assert rows.splitlines() == [
        "id:    x", "model:", "  note:", "    one two", "    three", "    four", "b:", "  a", "  five six", "  seven",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86400 * 3, "3d"), (86400 * 800, "2y")]
)
def test_spans_are_said_in_their_largest_unit(seconds, text):
    assert span(seconds) == text


def test_ages_know_the_future_and_nonsense():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age("2026-01-01T00:05:30Z", now) == "in 5m"
    assert age("not a time", now) == "not a time"


def test_value_at_follows_dots_and_indexes():
    assert value_at({"a": [{"b": 1}]}, "a.0.b") == 1
    assert value_at({"a": 1}, "a.b.c") is None


def test_cut_respects_wide_characters():
    assert cut("日本語", 4) == "日…"
    assert cut("日本語", 6) == "日本語"
    assert text_width(cut("e\u0301" * 20, 5)) == 5


def test_clean_keeps_what_is_printable():
    assert clean("naïve 日本 👍") == "naïve 日本 👍"
    assert clean("a\n\tb") == "a b"


def test_a_folded_text_breaks_between_words_and_never_in_a_command():
    text = "Set the key, or run `ant auth login --with-token` now.\nSecond line."
    assert fold(text, 20) == "Set the key, or run\n`ant auth login --with-token`\nnow.\nSecond line."
    assert fold(text, 200) == text
    assert fold("日本語 日本語 日本語", 13) == "日本語 日本語\n日本語"
    assert fold("", 10) == ""


def test_times_in_a_list_have_a_line_each_and_what_says_nothing_has_none():
    text = "".join(detail({"runs_at": ["2020-01-01T00:00:00Z"], "model": {"base_url": None}, "name": "x"}))
    assert text == f"runs_at:\n  - 2020-01-01T00:00:00Z ({age('2020-01-01T00:00:00Z')})\nname:    x\n"
