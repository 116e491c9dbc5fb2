"""A Markdown table on a terminal: columns as wide as they must be, cells wrapped where they do not fit.

Where the columns would be too narrow to read, each row becomes a short list of `heading: value`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from antcli.output.inline import parsed
from antcli.output.spans import Line, Span, line_width
from antcli.output.text import BOLD, DIM
from antcli.output.wrapping import Wrapper

_MEASURED = 24  # rows that decide about the columns; what follows them is fitted in
_NARROWEST = 6  # columns of the terminal: less is not legible
_LONGEST = 4000  # characters of a row
_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_CELL_END = re.compile(r"(?<!\\)\|")

Cells = list[list[Span]]


def is_table_row(line: str) -> bool:
    return line.lstrip()[:1] == "|" and len(line) <= _LONGEST


class MarkdownTable:
    """`add` takes a line and returns the rows that are complete: none before the columns are decided about."""

    def __init__(self, *, colour: bool, ascii_only: bool) -> None:
        self._colour = colour
        self._between, self._crossing, self._rule = (" | ", "-+-", "-") if ascii_only else (" │ ", "─┼─", "─")
        self._lines: list[str] = []
        self._head: Cells = []
        self._widths: Sequence[int] = ()
        self._right: Sequence[bool] = ()
        self._decided = False

    def add(self, line: str, width: int) -> list[Line]:
        if self._decided:
            return self._row(self._cells(line), width)
        self._lines.append(line)
        if len(self._lines) == 2 and not _DELIMITER.fullmatch(line):
            return self.finish(width)  # bars, but no table
        return self._begin(width) if len(self._lines) > _MEASURED else []

    def finish(self, width: int) -> list[Line]:
        """What was held back."""
        if self._decided:
            return []
        if len(self._lines) < 2 or not _DELIMITER.fullmatch(self._lines[1]):
            lines, self._lines = self._lines, []
            self._decided = True
            return [parsed(line, colour=self._colour) for line in lines]
        return self._begin(width)

    def _begin(self, width: int) -> list[Line]:
        head, delimiter, *body = self._lines
        self._lines = []
        self._decided = True
        self._head = self._cells(head, BOLD)
        rows = [self._cells(line) for line in body]
        self._right = [mark.strip().endswith(":") and not mark.strip().startswith(":") for mark in _split(delimiter)]
        self._widths = _fitted([self._head, *rows], width - 3 * (len(self._head) - 1))
        found: list[Line] = []
        if self._widths:
            found += self._row(self._head, width)
            found.append([Span(self._crossing.join(self._rule * column for column in self._widths), DIM)])
        for cells in rows:
            found += self._row(cells, width)
        return found

    def _cells(self, line: str, style: str = "") -> Cells:
        return [parsed(cell.strip().replace("\\|", "|"), style, colour=self._colour) for cell in _split(line)]

    def _row(self, cells: Cells, width: int) -> list[Line]:
        if not self._head:
            return [[span for cell in cells for span in (*cell, Span(self._between, DIM))]]
        cells = [*cells, *([] for _ in self._head)][: len(self._head)]
        return self._side_by_side(cells) if self._widths else self._below_each_other(cells, width)

    def _side_by_side(self, cells: Cells) -> list[Line]:
        columns = [_wrapped(cell, (), width) for cell, width in zip(cells, self._widths, strict=True)]
        rows: list[Line] = []
        for number in range(max(map(len, columns))):
            row: list[Span] = []
            for at, (column, width) in enumerate(zip(columns, self._widths, strict=True)):
                piece = column[number] if number < len(column) else ()
                blank = Span(" " * (width - line_width(piece)))
                right = at < len(self._right) and self._right[at]
                row += [blank, *piece] if right else [*piece, blank]
                row.append(Span(self._between, DIM))
            rows.append(_without_end(row[:-1]))
        return rows

    def _below_each_other(self, cells: Cells, width: int) -> list[Line]:
        rows: list[Line] = [[Span(self._rule * min(width, 20), DIM)]]
        for heading, cell in zip(self._head, cells, strict=True):
            label = [*heading, Span(": ", BOLD)] if heading else []
            rows += _wrapped([*label, *cell], [Span("  ")], width)
        return rows


def _split(line: str) -> list[str]:
    stripped = line.strip()
    stripped = stripped[1:] if stripped.startswith("|") else stripped
    if stripped.endswith("|") and not stripped.endswith("\\|"):
        stripped = stripped[:-1]
    return _CELL_END.split(stripped)


def _fitted(rows: list[Cells], room: int) -> list[int]:
    """The width of each column, the widest ones cut down evenly; empty when that cannot be read."""
    number = len(rows[0])
    natural = [max([line_width(row[at]) for row in rows if at < len(row)] + [1]) for at in range(number)]
    if sum(natural) <= room:
        return natural
    low, high = 0, max(natural)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(width, middle) for width in natural) <= room else (low, middle - 1)
    return [min(width, low) for width in natural] if low >= _NARROWEST else []


def _wrapped(spans: list[Span], others: Line, width: int) -> list[Line]:
    wrapper = Wrapper((), others, whole_words=False)
    return [*wrapper.feed(spans, width), *wrapper.finish(width)] or [[]]


def _without_end(row: list[Span]) -> list[Span]:
    """Without blanks at its end."""
    while row and not row[-1].text.strip() and not row[-1].style:
        row.pop()
    return row
