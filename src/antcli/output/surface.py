"""A terminal that is drawn on: its size now, whether it shows colour, and what it can write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TextIO

from antcli.output.spans import Line, painted

if TYPE_CHECKING:
    from antcli.output.terminal import Terminal

# Terminals that know this mode show a frame as a whole; the others pass over it.
BEGIN_FRAME, END_FRAME = "\x1b[?2026h", "\x1b[?2026l"


class Surface:
    """`size` answers columns and rows; it is asked for each frame."""

    def __init__(self, stream: TextIO, *, colour: bool, size: Callable[[], tuple[int, int]]) -> None:
        self.stream = stream
        self.colour = colour
        self.size = size
        self.ascii_only = not (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")

    @property
    def width(self) -> int:
        return max(self.size()[0], 1)

    @property
    def height(self) -> int:
        return max(self.size()[1], 2)

    def painted(self, rows: Iterable[Line]) -> str:
        return "\n".join([painted(row, colour=self.colour) for row in rows])

    def write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def surface(terminal: Terminal, *, stderr: bool = False) -> Surface:
    """On stdout or stderr, which must be a terminal; colour as the user wants it."""
    stream = terminal.stderr if stderr else terminal.stdout

    def size() -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError):
            return terminal.width, 24
        return columns or terminal.width, rows or 24

    return Surface(stream, colour=terminal.stderr_colour if stderr else terminal.colour, size=size)
