"""Script files: every slip is told with its file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from antcli.script_file import ScriptError, read_script


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "- text: a\n- tool: []\n", "a.yaml, line 2, turn 2: unknown field 'tool'; did you mean 'tools'?"),
        ("a.yaml", "turns:\n- text: a\nlop: 1\n", "a.yaml, line 3: unknown field 'lop'; known are turns, name, "
         "description, price_as."),
        ("a.yaml", "turns:\n- text: a\n  tools:\n  - name: ls\n    inputs: {}\n", "a.yaml, line 5, turn 1, tools[0]: "
         "unknown field 'inputs'; did you mean 'input'?"),
        ("a.yaml", "price_as: x\nturns: [{text: a}]", "a.yaml, line 1, price_as: no list price is known for the model "
         "'x'."),
        ("a.yaml", "- text: a\n  tools: [\n- x: }\n", "a.yaml, line 3, column 1: did not find expected node content."),
        ("a.json", '[{"text": "a"},\n {"text": "b",\n  "usage": {"input_tokens": -1}}]', "a.json, line 3, turn 2, "
         "usage.input_tokens: expected a whole number from 0 to 1000000000."),
        ("a.json", '[{"text": }]', "a.json, line 1, column 11: Expecting value."),
        ("a.yaml", "", "a.yaml: expected a mapping with turns, name, description, price_as."),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_place(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ScriptError) as error:
        read_script(tmp_path / name)
    assert str(error.value) == told
