"""Text that is still being written, broken into rows: a finished row never changes again.

Prose is wrapped between words with a hanging indent under list items; code and tables are left as they are, so that
they can be copied.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from antcli.output.text import text_width

Kind = Literal["text", "heading", "code"]

_LIST_ITEM = re.compile(r"\s*(?:(?:[-*+•]|\d{1,3}[.)])\s+)?")
_HEADING = re.compile(r"\s{0,3}#{1,6} ")
_WORD = re.compile(r"\s*\S+")
_MOST_ROWS = 3  # rows of the terminal that an unfinished line may take before it is broken anywhere


class Row(NamedTuple):
    text: str
    kind: Kind = "text"


class Prose:
    """One message. `feed` and `finish` return the rows that are complete; `rest` is the row being written."""

    def __init__(self) -> None:
        self._rest = ""
        self._indent = ""  # of the rows after the first of a line
        self._kind: Kind = "text"
        self._fenced = False
        self._at_line_start = True

    @property
    def rest(self) -> Row:
        return Row(self._rest, self._kind_of(self._rest) if self._at_line_start else self._kind)

    def feed(self, text: str, width: int) -> list[Row]:
        *lines, last = (self._rest + text).split("\n")
        rows: list[Row] = []
        for line in lines:
            fence = self._at_line_start and _is_fence(line)
            rows += self._broken(line, width)
            self._fenced ^= fence
            self._at_line_start = True
        unfinished = self._broken(last, width)
        self._rest = unfinished.pop().text
        return rows + unfinished

    def finish(self) -> list[Row]:
        """The last row, unless it is empty."""
        rows = [self.rest] if self._rest.strip() else []
        self._rest, self._fenced, self._at_line_start = "", False, True
        return rows

    def _broken(self, line: str, width: int) -> list[Row]:
        """At least one row. `line` may be the rest of a line whose first rows have left already."""
        if self._at_line_start:
            self._kind = self._kind_of(line)
            item = _LIST_ITEM.match(line)
            self._indent = " " * min(text_width(item[0]) if item else 0, width // 2)
        if self._kind == "code":
            rows = _chopped(line, width)
        else:
            rows = [piece for row in _wrapped(line, self._indent, width) for piece in _chopped(row, width)]
        self._at_line_start = self._at_line_start and len(rows) == 1
        return [Row(row, self._kind) for row in rows]

    def _kind_of(self, line: str) -> Kind:
        if self._fenced or _is_fence(line) or line.lstrip().startswith("|"):
            return "code"
        return "heading" if _HEADING.match(line) else "text"


def _is_fence(line: str) -> bool:
    return line.lstrip().startswith(("```", "~~~"))


def _wrapped(line: str, indent: str, width: int) -> list[str]:
    if text_width(line) <= width:
        return [line]
    rows = [""]
    for word in _WORD.findall(line):
        if rows[-1].strip() and text_width(rows[-1] + word) > width:
            rows.append(indent + word.lstrip())
        else:
            rows[-1] += word
    trailing = line[len(line.rstrip()) :]
    rows[-1] += trailing
    return rows


def _chopped(line: str, width: int) -> list[str]:
    """A line of up to `_MOST_ROWS` terminal rows is left whole: the terminal wraps it, and copying finds it whole."""
    most = width * _MOST_ROWS
    if text_width(line) <= most:
        return [line]
    pieces: list[str] = []
    piece: list[str] = []
    used = 0
    for character in line:
        columns = text_width(character)
        if used + columns > most:
            pieces.append("".join(piece))
            piece, used = [], 0
        piece.append(character)
        used += columns
    return [*pieces, "".join(piece)]
