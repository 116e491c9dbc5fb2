"""The whole terminal, drawn over and over without flicker; what was there comes back in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@contextmanager
def full_screen(stream: TextIO) -> Iterator[Callable[[Sequence[str]], None]]:
    """A function that draws lines, each at most as wide as the terminal; those that do not fit are left out."""

    def draw(lines: Sequence[str]) -> None:
        try:
            height = os.get_terminal_size(stream.fileno()).lines
        except OSError:
            height = 24
        # Each line wipes what the last frame left behind it, so that no frame is ever empty.
        stream.write("\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in lines[: max(height, 1)]) + "\x1b[J")
        stream.flush()

    stream.write(_ENTER)
    try:
        yield draw
    finally:
        stream.write(LEAVE)
        stream.flush()
