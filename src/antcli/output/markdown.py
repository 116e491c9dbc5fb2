"""Markdown that is still being written, as rows of a terminal: a finished row never changes again.

It works line by line, so the first word shows at once and the cost grows with the new text only. A table is held back
until its columns are known. Line breaks stay where the author put them.
"""

from __future__ import annotations

import copy
import re
from typing import NamedTuple

from antcli.output.code_colours import coloured
from antcli.output.inline import Inline, parsed
from antcli.output.markdown_table import MarkdownTable, is_table_row
from antcli.output.spans import Line, Span, joined, line_width, merged
from antcli.output.text import BOLD, CYAN, DIM, UNDERLINE, text_width
from antcli.output.wrapping import Wrapper

_RULE_WIDTH = 60
_LONGEST_START = 200  # characters within which it shows what a line is
_CODE_ROWS = 3  # rows of the terminal that a line of code may take before it is broken for good

_FENCE = re.compile(r"(\s*)(`{3,}(?=[^`]*$)|~{3,})\s*(.*)")
_QUOTE = re.compile(r" {0,3}>[ ]?")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+")
_RULE = re.compile(r"\s{0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}|={3,}\s*)")
_ITEM = re.compile(r"(\s*)([-*+•]|\d{1,9}[.)])(\s+)(?:\[([ xX])\]\s+)?")
# The beginning of a line that may still become one of these.
_UNDECIDED = re.compile(
    r"\s*(?:#{0,6}\s*|[-*_=\s]*|[+•]?\s*|\d{0,9}[.)]?\s*|(?:[-*+•]|\d{1,9}[.)])\s+\[?[ xX]?\]?\s*|[`~]{0,2})"
)


class _Marks(NamedTuple):
    bullet: str
    undone: str
    done: str
    bar: str
    rule: str


_UNICODE = _Marks("•", "☐", "☑", "│", "─")
_ASCII = _Marks("-", "[ ]", "[x]", "|", "-")


class Markdown:
    """One message. `feed` and `finish` return the rows that are complete; `rest` those that are still being written.

    `width` is that of the terminal now. Empty rows at the beginning and the end are left out.
    """

    def __init__(self, *, colour: bool = True, ascii_only: bool = False) -> None:
        self._colour = colour
        self._marks = _ASCII if ascii_only else _UNICODE
        self._ascii_only = ascii_only
        self._start = ""  # of a line, until it shows what it is
        self._inline: Inline | None = None  # the rest of a line that has shown it
        self._wrapper = Wrapper()
        self._table: MarkdownTable | None = None
        self._fence = ""  # the mark that opened the code we are in
        self._fence_indent = 0
        self._language = ""
        self._in_code_line = False  # the beginning of a very long line of code has left
        self._empty = -1  # rows that are due when something follows; at the beginning none are

    def feed(self, text: str, width: int) -> list[Line]:
        rows: list[Line] = []
        *lines, last = text.split("\n")
        for line in lines:
            self._more(line, width, rows, ends=True)
            self._end_line(width, rows)
        self._more(last, width, rows, ends=False)
        return rows

    def finish(self, width: int, *, going_on: bool = False) -> list[Line]:
        """All that is left. `going_on`: as it will probably look."""
        rows: list[Line] = []
        if self._inline is not None or self._start:
            self._end_line(width, rows, going_on=going_on)
        self._end_table(width, rows)
        if self._fence and not going_on:
            self._put(rows, self._rule(width))
        return rows

    def rest(self, width: int) -> list[Line]:
        unfinished = copy.deepcopy(self)
        if is_table_row(self._start):
            unfinished._start = ""  # its width would pull the columns about with every character
        return unfinished.finish(width, going_on=True)

    # Lines.

    def _more(self, text: str, width: int, rows: list[Line], *, ends: bool) -> None:
        if self._inline is not None:
            self._flow(self._inline.feed(text), width, rows)
            return
        self._start += text
        if self._fence:
            self._break_code(width, rows)
        elif not ends and not _may_change(self._start):
            self._begin(width, rows)

    def _end_line(self, width: int, rows: list[Line], *, going_on: bool = False) -> None:
        if self._inline is None:
            self._begin(width, rows, whole=True)
        if self._inline is not None:
            self._flow(self._inline.finish(going_on=going_on), width, rows)
            self._put(rows, *self._wrapper.finish(width))
        self._inline, self._start, self._in_code_line = None, "", False

    def _begin(self, width: int, rows: list[Line], *, whole: bool = False) -> None:
        """Something to do with the start of a line now that it shows what it is; often the beginning of a text."""
        line = self._start
        if self._fence:
            self._code(line, rows, width)
            return
        if whole and is_table_row(line):
            self._table = self._table or MarkdownTable(colour=self._colour, ascii_only=self._ascii_only)
            self._put(rows, *self._table.add(line, width))
            return
        self._end_table(width, rows)
        if whole and len(line) <= _LONGEST_START:
            if not line.strip():
                self._empty += self._empty >= 0
                return
            if fence := _FENCE.fullmatch(line):
                self._fence, self._fence_indent, self._language = fence[2], len(fence[1]), fence[3].strip()
                self._put(rows, self._rule(width, self._language))
                return
            if _RULE.fullmatch(line):
                self._put(rows, self._rule(width))
                return
        self._begin_text(line, width, rows, whole=whole)

    def _begin_text(self, line: str, width: int, rows: list[Line], *, whole: bool) -> None:
        first, others, style, text = self._opening(line, width)
        if whole and len(text) <= width:  # most lines: nothing to wrap
            row = merged([*first, *parsed(text.rstrip(), style, colour=self._colour)])
            if line_width(row) <= width:
                self._put(rows, row)
                return
        self._wrapper = Wrapper(first, others)
        self._inline = Inline(style, colour=self._colour)
        self._start = ""
        self._flow(self._inline.feed(text), width, rows)

    def _opening(self, line: str, width: int) -> tuple[list[Span], list[Span], str, str]:
        """What stands before the first row and before the others, the style, and the text that is left."""
        first: list[Span] = []
        style = ""
        while quote := _QUOTE.match(line):
            first.append(Span(f"{self._marks.bar} ", DIM))
            line = line[quote.end() :]
        others = list(first)
        if heading := _HEADING.match(line):
            style = joined(BOLD, UNDERLINE) if len(heading[1]) == 1 else BOLD
            line = line[heading.end() :]
        elif item := _ITEM.match(line):
            mark = item[2] if item[2][0].isdigit() else self._marks.bullet
            box = "" if item[4] is None else (self._marks.undone if item[4] == " " else self._marks.done)
            indent = " " * min(text_width(item[1]), width // 2)
            hung = f"{box or mark} "
            first += [Span(indent), Span(hung, CYAN)]
            others.append(Span(" " * (len(indent) + text_width(hung))))
            line = line[item.end() :]
        else:
            indent = " " * min(text_width(line) - text_width(line.lstrip()), width // 2)
            first.append(Span(indent))
            others.append(Span(indent))
            line = line.lstrip()
        return first, others, style, line

    def _flow(self, spans: list[Span], width: int, rows: list[Line]) -> None:
        self._put(rows, *self._wrapper.feed(spans, width))

    def _put(self, rows: list[Line], *new: Line) -> None:
        if new:
            rows += [()] * max(self._empty, 0)
            self._empty = 0
            rows += new

    # Blocks.

    def _code(self, line: str, rows: list[Line], width: int) -> None:
        if not self._in_code_line and _closes(self._fence, line):
            self._fence = ""
            self._put(rows, self._rule(width))
        elif line.strip():
            self._put(rows, coloured(self._dedented(line), self._language))
        elif not self._in_code_line:
            self._empty += 1

    def _break_code(self, width: int, rows: list[Line]) -> None:
        most = width * _CODE_ROWS
        while len(self._start) > most:
            piece, self._start = self._start[:most], self._start[most:]
            self._put(rows, (Span(piece),))
            self._in_code_line = True

    def _dedented(self, line: str) -> str:
        return line[min(self._fence_indent, len(line) - len(line.lstrip())) :]

    def _end_table(self, width: int, rows: list[Line]) -> None:
        if self._table is not None:
            table, self._table = self._table, None
            self._put(rows, *table.finish(width))

    def _rule(self, width: int, label: str = "") -> Line:
        width = min(width, _RULE_WIDTH)
        rule = self._marks.rule
        if not label or text_width(label) > width - 6:
            return (Span(rule * width, DIM),)
        return (Span(f"{rule * 2} {label} {rule * (width - 4 - text_width(label))}", DIM),)


def _may_change(start: str) -> bool:
    """Whether it does not show yet what a line is."""
    quote = _QUOTE.match(start)
    while quote:
        start = start[quote.end() :]
        quote = _QUOTE.match(start)
    if is_table_row(start):
        return True
    return len(start) <= _LONGEST_START and bool(_UNDECIDED.fullmatch(start) or _FENCE.fullmatch(start))


def _closes(fence: str, line: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and stripped == fence[0] * len(stripped)
