"""One object for a person: a line a field."""

from __future__ import annotations

from collections.abc import Iterator
from sys import maxsize
from typing import Any

from antcli.output.ages import age
from antcli.output.formats import plain
from antcli.output.spans import plain as plain_row
from antcli.output.text import DIM, STATUS_COLOURS, clean, paint, text_width
from antcli.output.wrapping import wrapped


def detail(item: dict[str, Any], *, colour: bool = False, width: int = maxsize) -> Iterator[str]:
    """One object for a person: a line a field, nested ones indented, long texts as blocks below their name.

    `width`, in columns, is where texts break, between words.
    """
    yield from _fields(item, "", colour, width)


def _fields(item: dict[str, Any], indent: str, colour: bool, width: int) -> Iterator[str]:
    """Those that say something."""
    told = {str(key): value for key, value in item.items() if _says(value)}
    longest = max(map(len, told), default=0)
    for key, value in told.items():
        yield from _field(key, value, longest, indent, colour, width)


def _says(value: Any) -> bool:
    return any(map(_says, value.values())) if isinstance(value, dict) else value not in (None, "", [])


def _field(key: str, value: Any, longest: int, indent: str, colour: bool, width: int) -> Iterator[str]:
    label = indent + paint(f"{key}:", DIM if colour else "")
    space = " " * (longest - len(key) + 1)
    if isinstance(value, dict):
        yield f"{label}\n"
        yield from _fields(value, indent + "  ", colour, width)
    elif isinstance(value, list) and (key.endswith("_at") or any(isinstance(entry, dict | list) for entry in value)):
        yield f"{label}\n"
        for entry in value:
            yield from _entry(key, entry, indent + "  ", colour, width)
    elif isinstance(value, str) and ("\n" in value or len(indent) + longest + 2 + text_width(value) > width):
        yield f"{label}\n"
        for text in value.splitlines():
            for row in wrapped(clean(text), "", width - len(indent) - 2):
                yield f"{indent}  {plain_row(row)}\n"
    else:
        yield f"{label}{space}{_scalar(key, value, colour)}\n"


def _entry(key: str, entry: Any, indent: str, colour: bool, width: int) -> Iterator[str]:
    """One of a list: the fields of an object below each other, the first behind a dash."""
    lines = list(_fields(entry, indent + "  ", colour, width)) if isinstance(entry, dict) else []
    first, *others = lines or [f"{indent}  {_scalar(key, entry, colour)}\n"]
    yield f"{indent}- {first[len(indent) + 2 :]}"
    yield from others


def _scalar(key: str, value: Any, colour: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return clean(", ".join(plain(entry) for entry in value)) or "-"
    if key.endswith("_at") and isinstance(value, str):
        return f"{clean(value)} ({age(value)})"
    text = clean(plain(value)) or "-"
    return paint(text, STATUS_COLOURS.get(text, "")) if colour and key in ("status", "lifecycle") else text
