"""How a tool call reads: its name, its input in full or in short, the head of its result."""

from __future__ import annotations

import json
from typing import Any

from antcli.client.turn import Event, text_of

# The input that says most about a call, in order of preference.
_TELLING = ("command", "file_path", "pattern", "url", "query", "path")


def name_of(call: Event) -> str:
    """`bash`, or `server/tool` for one of an MCP server."""
    server = call.get("mcp_server_name")
    name = str(call.get("name") or "tool")
    return f"{server}/{name}" if server else name


def short_input(call: Event) -> str:
    """The most telling value on one line; the caller cuts it to its width. Line breaks show as `⏎`."""
    values = call.get("input") or {}
    if not isinstance(values, dict):
        return _compact(values)
    for key in _TELLING:
        if isinstance(values.get(key), str) and values[key]:
            text = " ⏎ ".join(line.strip() for line in values[key].strip().splitlines())
            where = values.get("path")
            return f"{text} in {where}" if key == "pattern" and where else text
    return _compact(values) if values else ""


def full_input(call: Event) -> list[str]:
    """Every value of the input, in lines; a single telling one stands without its name."""
    values = call.get("input") or {}
    if not isinstance(values, dict):
        return _compact(values).splitlines()
    if len(values) == 1 and next(iter(values)) in _TELLING:
        return _lines(next(iter(values.values())))
    shown: list[str] = []
    for key, value in values.items():
        first, *others = _lines(value) or [""]
        if others:
            shown += [f"{key}:", *(f"  {line}" for line in (first, *others))]
        else:
            shown.append(f"{key}: {first}")
    return shown


def result_lines(result: Event) -> list[str]:
    """The text of a result, and a word for each image or document in it."""
    lines = text_of({"content": [b for b in result.get("content") or [] if b.get("type") in ("text", "redacted")]})
    others = [f"[{b.get('type')}]" for b in result.get("content") or [] if b.get("type") not in ("text", "redacted")]
    return [*lines.strip("\n").splitlines(), *others] if lines.strip() else others


def _lines(value: Any) -> list[str]:
    # Split on line feeds only: other separators are the reader's to reveal.
    return (value if isinstance(value, str) else _compact(value)).strip("\n").split("\n")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
