"""The six built-in tools that run in the sandbox, as data: what the model is told, and what a call must look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BuiltinTool:
    """`pure`: the call changes nothing, so it may be run again after a crash and side by side with others."""

    name: str
    description: str
    input_schema: dict[str, Any]
    pure: bool = False


def _schema(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


_PATH = {"type": "string", "description": "Relative to /workspace, or absolute."}

_TOOLS = (
    BuiltinTool(
        "bash",
        "Run a command in a bash shell that stays alive between calls: the current directory, variables, functions and "
        "background jobs are kept. Commands read nothing from standard input. The result holds standard output and "
        "standard error together, the last 102,400 bytes of them; a non-zero exit code makes it an error result. A "
        "command that exceeds its time is killed together with the shell and all that runs in it.",
        _schema(
            [],
            command={"type": "string", "description": "What to run. Needed unless restart is true."},
            restart={"type": "boolean", "description": "Kill the shell and all it started, and begin with a new one."},
            timeout_ms={"type": "integer", "description": "Time limit in milliseconds; 120000 unless given."},
        ),
    ),
    BuiltinTool(
        "read",
        "Read a file. UTF-8 text is returned as it is, up to 256 KiB; for larger files give view_range. PNG, JPEG, GIF "
        "and WebP images and PDF documents are shown to you as such.",
        _schema(
            ["file_path"],
            file_path=_PATH,
            view_range={
                "type": "array",
                "items": {"type": "integer"},
                "minItems": 2,
                "maxItems": 2,
                "description": "First and last line, counted from 1, both included; a last line of 0 is the end.",
            },
        ),
        pure=True,
    ),
    BuiltinTool(
        "write",
        "Write a text file. An existing file is replaced whole; missing parent directories are made.",
        _schema(["file_path", "content"], file_path=_PATH, content={"type": "string", "description": "The text."}),
    ),
    BuiltinTool(
        "edit",
        "Replace an exact piece of text in a file of at most 256 KiB. The old text must occur exactly once, unless "
        "replace_all is true; white space counts.",
        _schema(
            ["file_path", "old_string", "new_string"],
            file_path=_PATH,
            old_string={"type": "string", "description": "The text to replace, with enough around it to be unique."},
            new_string={"type": "string", "description": "What stands there afterwards."},
            replace_all={"type": "boolean", "description": "Replace every occurrence."},
        ),
    ),
    BuiltinTool(
        "glob",
        "Find files by name. The result has one path a line, the newest first, at most 200, or says `no matches`.",
        _schema(
            ["pattern"],
            pattern={
                "type": "string",
                "description": "Like `**/*.py` or `src/*.{js,ts}`; `**` is any number of directories. No `..`.",
            },
            path={"type": "string", "description": "The directory to search; /workspace unless given."},
        ),
        pure=True,
    ),
    BuiltinTool(
        "grep",
        "Search the contents of files with a regular expression. The result has lines of the form `path:line:text`, "
        "or says `no matches`. Binary files, `.git` and `node_modules` are left out.",
        _schema(
            ["pattern"],
            pattern={"type": "string", "description": "The regular expression."},
            path={"type": "string", "description": "The file or directory to search; /workspace unless given."},
        ),
        pure=True,
    ),
)

BUILTIN_TOOLS: dict[str, BuiltinTool] = {tool.name: tool for tool in _TOOLS}

_KINDS: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "boolean": (bool, "a boolean"),
    "integer": (int, "an integer"),
    "array": (list, "an array"),
}


def validate_input(tool: str, input: dict[str, Any]) -> str | None:
    """What is wrong with the input of a call, naming the field, or None. Null counts as left out; extra fields pass."""
    if tool not in BUILTIN_TOOLS:
        return f"{tool}: no such built-in tool"
    schema = BUILTIN_TOOLS[tool].input_schema
    given = {name: value for name, value in input.items() if value is not None}
    for name in schema["required"]:
        if name not in given:
            return f"{name}: required"
    for name, value in given.items():
        if name in schema["properties"] and (problem := _mismatch(schema["properties"][name], value)):
            return f"{name}: {problem}"
    if tool == "bash" and not given.get("restart") and "command" not in given:
        return "command: required unless restart is true"
    if tool == "bash" and given.get("timeout_ms", 1) <= 0:
        return "timeout_ms: must be greater than 0"
    return None


def _mismatch(schema: dict[str, Any], value: Any) -> str | None:
    kind, words = _KINDS[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return f"must be {words}"
    if isinstance(value, list):
        if not schema["minItems"] <= len(value) <= schema["maxItems"]:
            return f"must have {schema['minItems']} items"
        if any(_mismatch(schema["items"], item) for item in value):
            return f"each item must be {_KINDS[schema['items']['type']][1]}"
    return None
