"""Words into rows: between blanks, or between ideographs; a finished row never changes again."""

from __future__ import annotations

import re

from antcli.output.spans import Line, Span, append, line_width, merged
from antcli.output.text import text_width

# Characters between which a line may be broken without a blank; Korean has blanks.
_WIDE = (
    "\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60"
    "\U00020000-\U0003fffd"
)
_TOKEN = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")
_IS_WIDE = re.compile(f"[{_WIDE}]")
_NEVER_FIRST = frozenset("、。，．・：；？！」』）】》〉〕ー々”’")
_NEVER_LAST = frozenset("「『（【《〈〔“‘")
_MARGIN = re.compile(r"[ ]*(?:> )?")
_MOST_ROWS = 3  # of the terminal that a word may take: it wraps them itself, and copying finds the word whole


class Wrapper:
    """One line. `first` stands before its first row, `others` before the rest. Without `whole_words` none is too wide.

    `feed` returns the rows that are complete, `finish` the last one, or none when there is nothing.
    """

    def __init__(self, first: Line = (), others: Line = (), *, whole_words: bool = True) -> None:
        self._row = list(first)
        self._used = line_width(first)
        self._others = others
        self._indent = line_width(others)
        self._rows_of_a_word = _MOST_ROWS if whole_words else 1
        self._begun = False  # something stands in the row but what stands before it
        self._gap: list[Span] = []
        self._word: list[Span] = []
        self._word_width = 0
        self._last = ""  # the last character of the word

    def feed(self, spans: Line, width: int) -> list[Line]:
        rows: list[Line] = []
        for span in spans:
            for token in _TOKEN.findall(span.text):
                if token.isspace():
                    self._place(width, rows)
                    append(self._gap, Span(token, span.style))
                else:
                    if self._word and not _belong_together(self._last, token[0]):
                        self._place(width, rows)
                    self._grow(token, span.style, width, rows)
        return rows

    def finish(self, width: int) -> list[Line]:
        rows: list[Line] = []
        self._place(width, rows)
        if self._begun or self._row:
            rows.append(merged(self._row))
        return rows

    def _grow(self, token: str, style: str, width: int, rows: list[Line]) -> None:
        most = max((width - self._indent) * self._rows_of_a_word, 2)
        while self._word_width + text_width(token) > most:
            head = _head(token, most - self._word_width)
            append(self._word, Span(head, style))
            self._word_width += text_width(head)
            token = token[len(head) :]
            self._place(width, rows)
            self._break(rows)
        append(self._word, Span(token, style))
        self._word_width += text_width(token)
        self._last = token[-1:]

    def _place(self, width: int, rows: list[Line]) -> None:
        if not self._word:
            return
        gap = line_width(self._gap)
        if self._begun and self._used + gap + self._word_width > width:
            self._break(rows)
        elif self._begun:
            self._row += self._gap
            self._used += gap
        self._row += self._word
        self._used += self._word_width
        self._begun = True
        self._gap, self._word, self._word_width = [], [], 0

    def _break(self, rows: list[Line]) -> None:
        rows.append(merged(self._row))
        self._row, self._used, self._begun, self._gap = list(self._others), self._indent, False, []


def _belong_together(last: str, next: str) -> bool:
    """Whether no line may be broken between the two characters."""
    if next in _NEVER_FIRST or last in _NEVER_LAST:
        return True
    return not (_IS_WIDE.match(last) or _IS_WIDE.match(next))


def _head(text: str, columns: int) -> str:
    used = 0
    for at, character in enumerate(text):
        used += text_width(character)
        if used > columns:
            return text[:at]
    return text


def wrapped(text: str, style: str, width: int) -> list[Line]:
    """Plain text in rows of one style; what is indented, or quoted with `> `, stays so."""
    rows: list[Line] = []
    for line in text.split("\n"):
        margin = _MARGIN.match(line)
        indent = margin[0] if margin and len(margin[0]) <= width // 2 else ""
        wrapper = Wrapper([Span(indent, style)], [Span(" " * len(indent))])
        rows += wrapper.feed([Span(line[len(indent) :], style)], width)
        rows += wrapper.finish(width)
    return rows
