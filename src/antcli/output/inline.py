"""The marks inside a line of Markdown, while the line is still being written.

What a mark means is known when its partner has come, or when none has come for `_FARTHEST` characters. So the pieces
come out the same however the text arrives, and the cost of a line grows with its length only.
"""

from __future__ import annotations

import re

from antcli.output.spans import Span, joined
from antcli.output.text import BOLD, CYAN, DIM, ITALIC, STRIKE, UNDERLINE

_FARTHEST = 400  # characters between a mark and its partner
_MARK = re.compile(r"`+|\*+|~+|_+|!?\[|!$|\\")
_UP_TO = f"{{1,{_FARTHEST}}}?"
_PAIRS = {
    "*": (re.compile(rf"\*(?=[^\s*])(.{_UP_TO})(?<=[^\s*])\*(?![\w*])"), ITALIC),
    "_": (re.compile(rf"_(?=[^\s_])([^_]{_UP_TO})(?<=\S)_(?![\w_])"), ITALIC),
    "**": (re.compile(rf"\*\*(?=[^\s*])(.{_UP_TO})(?<=\S)\*\*(?!\*)"), BOLD),
    "***": (re.compile(rf"\*\*\*(?=[^\s*])(.{_UP_TO})(?<=[^\s*])\*\*\*(?!\*)"), joined(BOLD, ITALIC)),
    "~~": (re.compile(rf"~~(?=[^\s~])(.{_UP_TO})(?<=[^\s~])~~(?!~)"), STRIKE),
}
_LINK = re.compile(r'!?\[([^\[\]]{0,400})\]\((<[^<>]{0,400}>|(?:[^()\s]|\([^()\s]*\)){0,400})(?:\s+"[^"]*")?\)')
_LINK_BEGUN = re.compile(r'!?\[([^\[\]]{0,400})(?:\](?:\((?:<[^<>]{0,400}|\S{0,400}(?:\s+"?[^"]{0,100}"?)?)?)?)?')
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


class Inline:
    """The text of one line. `feed` returns the pieces that no longer change, `finish` the others.

    `style` goes below the marks' own. Where there is no colour, code keeps its marks.
    """

    def __init__(self, style: str = "", *, colour: bool = True) -> None:
        self._style = style
        self._colour = colour
        self._rest = ""
        self._before = ""  # the character before the rest

    def feed(self, text: str) -> list[Span]:
        self._rest += text
        return self._take(final=False)

    def finish(self, *, going_on: bool = False) -> list[Span]:
        """`going_on`: as it will probably look, with what is open closed."""
        if going_on:
            self._rest = _closed(self._rest)
        return self._take(final=True)

    def _take(self, *, final: bool) -> list[Span]:
        spans, taken = _parsed(self._rest, self._before, self._style, final=final, colour=self._colour)
        if taken:
            self._before = self._rest[taken - 1]
            self._rest = self._rest[taken:]
        return spans


def parsed(text: str, style: str = "", *, colour: bool = True) -> list[Span]:
    """A whole line."""
    return _parsed(text, "", style, final=True, colour=colour)[0]


def _parsed(text: str, before: str, style: str, *, final: bool, colour: bool) -> tuple[list[Span], int]:
    """The pieces that are decided, and how many characters they came from."""
    spans: list[Span] = []
    at = 0
    while at < len(text):
        found = _MARK.search(text, at)
        if found is None:
            spans.append(Span(text[at:], style))
            return spans, len(text)
        if found.start() > at:
            spans.append(Span(text[at : found.start()], style))
        at = found.start()
        if not final and found.end() == len(text):  # the mark may still grow
            return spans, at
        end, pieces = _meaning(text, found, text[at - 1] if at else before, style, final=final, colour=colour)
        if end < 0:
            return spans, at
        spans += pieces
        at = end
    return spans, at


def _meaning(
    text: str, found: re.Match[str], before: str, style: str, *, final: bool, colour: bool
) -> tuple[int, list[Span]]:
    """Where the mark and what belongs to it ends, and its pieces; -1 while that is open."""
    mark, at = found[0], found.start()
    as_it_is = (found.end(), [Span(mark, style)])
    if mark == "\\":
        escaped = _ESCAPED.match(text, at)
        return (escaped.end(), [Span(escaped[1], style)]) if escaped else as_it_is
    if mark.endswith("["):
        return _link(text, at, style, final=final, colour=colour) or as_it_is
    if mark[0] == "`":
        partner = re.compile(rf"{mark}(?!`)(.{_UP_TO})(?<!`){mark}(?!`)").match(text, at)
        inner = [Span(_code(partner[1]) if colour else partner[0], joined(style, CYAN))] if partner else []
    else:
        pair = _PAIRS.get(mark)
        if pair is None or (len(mark) == 1 and (before.isalnum() or before == "_")):
            return as_it_is
        partner = pair[0].match(text, at)
        inner = _parsed(partner[1], "", joined(style, pair[1]), final=True, colour=colour)[0] if partner else []
    if not final and (partner.end() == len(text) if partner else _may_come(text, found)):
        return -1, []
    return (partner.end(), inner) if partner else as_it_is


def _may_come(text: str, mark: re.Match[str]) -> bool:
    """Whether the partner of a mark can still come."""
    if mark[0][0] != "`" and text[mark.end()].isspace():
        return False
    return len(text) - mark.start() <= _FARTHEST + 2 * len(mark[0])


def _code(text: str) -> str:
    return text[1:-1] if text.startswith(" ") and text.endswith(" ") and text.strip() else text


def _link(text: str, at: int, style: str, *, final: bool, colour: bool) -> tuple[int, list[Span]] | None:
    """The words of a link, and where it leads: nobody should have to trust the words. None when it is no link."""
    link = _LINK.match(text, at)
    if link is None:
        begun = _LINK_BEGUN.match(text, at)
        return (-1, []) if not final and begun and begun.end() == len(text) else None
    words, target = link[1], link[2].strip("<>")
    if not words or words == target:
        return link.end(), [Span(target, joined(style, UNDERLINE))]
    pieces = _parsed(words, "", joined(style, UNDERLINE), final=True, colour=colour)[0]
    if target and not target.startswith("#"):
        pieces = [*pieces, Span(f" ({target})", joined(style, DIM))]
    return link.end(), pieces


def _closed(text: str) -> str:
    """The rest of a line with its first mark closed, or without it where nothing stands behind it."""
    found = _MARK.match(text)
    if found is None or found[0] == "\\":
        return text
    mark = found[0]
    if mark.endswith("[") or mark == "!":
        words = _LINK_BEGUN.match(text)
        return f"[{words[1]}](#)" if words and words[1] else ""
    if mark not in _PAIRS and mark[0] != "`":
        return text
    inner = text[len(mark) :].rstrip("`" if mark[0] == "`" else mark[0] + " ")
    return f"{mark}{inner}{mark}" if inner else ""
