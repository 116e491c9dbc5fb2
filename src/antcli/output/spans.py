"""Rows of a terminal as pieces of text with a style, kept apart until they are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from antcli.output.text import BOLD, DIM, ITALIC, STRIKE, UNDERLINE, paint, text_width

_ATTRIBUTES = {BOLD, DIM, ITALIC, UNDERLINE, STRIKE}  # what is no colour


_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m")


class Span(NamedTuple):
    """A piece of a row. `style` is parameters of the terminal's own sequence, as `1;36`."""

    text: str
    style: str = ""


Line = Sequence[Span]


def styled(text: str, style: str = "") -> Line:
    return (Span(text, style),)


def plain(row: Line) -> str:
    return "".join([span.text for span in row])


def line_width(row: Line) -> int:
    return sum(text_width(span.text) for span in row)


def painted(row: Line, *, colour: bool) -> str:
    """The row with its sequences. Without colour what is bold or dim stays so."""
    return "".join([paint(span.text, span.style if colour else _colourless(span.style)) for span in row])


def unpainted(text: str) -> list[Span]:
    """What `text.paint` made, as pieces again."""
    pieces = ["", *_SEQUENCE.split(text)]
    spans = [Span(piece, "" if style == "0" else style) for style, piece in zip(*[iter(pieces)] * 2, strict=True)]
    return [span for span in spans if span.text]


def joined(*styles: str) -> str:
    return ";".join(style for style in styles if style)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of the same style as one, nothing empty."""
    found: list[Span] = []
    for span in spans:
        append(found, span)
    return found


def append(row: list[Span], span: Span) -> None:
    if row and row[-1].style == span.style:
        row[-1] = Span(row[-1].text + span.text, span.style)
    elif span.text:
        row.append(span)


def _colourless(style: str) -> str:
    return ";".join(part for part in style.split(";") if part in _ATTRIBUTES) if style else ""
