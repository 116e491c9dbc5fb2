from __future__ import annotations

from typing import Any

import pytest

from antcli.engine.tools.builtin import BUILTIN_TOOLS, validate_input


def test_the_six_tools_are_there_and_three_of_them_only_read() -> None:
    assert list(BUILTIN_TOOLS) == ["bash", "read", "write", "edit", "glob", "grep"]
    assert [name for name, tool in BUILTIN_TOOLS.items() if tool.pure] == ["read", "glob", "grep"]


def test_every_schema_describes_each_of_its_fields() -> None:
    for tool in BUILTIN_TOOLS.values():
        assert tool.input_schema["type"] == "object"
        assert set(tool.input_schema["required"]) <= set(tool.input_schema["properties"])
        assert all(field["description"] for field in tool.input_schema["properties"].values())


@pytest.mark.parametrize(
    ("tool", "input"),
    [
        ("bash", {"command": "ls"}),
        ("bash", {"restart": True}),
        ("bash", {"command": "ls", "restart": None, "timeout_ms": 5}),
        ("read", {"file_path": "a", "view_range": [1, -1]}),
        ("write", {"file_path": "a", "content": "", "extra": 1}),
        ("edit", {"file_path": "a", "old_string": "x", "new_string": "", "replace_all": None}),
        ("glob", {"pattern": "*", "path": None}),
        ("grep", {"pattern": "x", "path": "src"}),
    ],
)
def test_good_input_passes(tool: str, input: dict[str, Any]) -> None:
    assert validate_input(tool, input) is None


@pytest.mark.parametrize(
    ("tool", "input", "field"),
    [
        ("bash", {}, "command"),
        ("bash", {"command": 5}, "command"),
        ("bash", {"command": "ls", "timeout_ms": "5"}, "timeout_ms"),
        ("bash", {"command": "ls", "timeout_ms": True}, "timeout_ms"),
        ("bash", {"command": "ls", "timeout_ms": 0}, "timeout_ms"),
        ("bash", {"command": "ls", "restart": "yes"}, "restart"),
        ("read", {"file_path": None}, "file_path"),
        ("read", {"file_path": "a", "view_range": [1]}, "view_range"),
        ("read", {"file_path": "a", "view_range": [1, "2"]}, "view_range"),
        ("write", {"file_path": "a"}, "content"),
        ("edit", {"file_path": "a", "old_string": "x"}, "new_string"),
        ("glob", {"path": "."}, "pattern"),
        ("grep", {"pattern": ["x"]}, "pattern"),
        ("web_search", {}, "web_search"),
    ],
)
def test_bad_input_names_the_field(tool: str, input: dict[str, Any], field: str) -> None:
    assert (validate_input(tool, input) or "").startswith(f"{field}: ")
