"""The unfinished last lines of a terminal, drawn again and again below what is finished.

What is finished is printed once and belongs to the terminal's scroll-back. Before each frame the rows that the last one
takes up *now* are counted: after a resize the terminal has wrapped them anew. A frame is one write.
"""

from __future__ import annotations

from collections.abc import Sequence

from antcli.output.spans import Line, plain
from antcli.output.surface import BEGIN_FRAME, END_FRAME, Surface
from antcli.output.text import rows_taken

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Tail:
    """Nothing else may print on that terminal while there is a tail; `show` without rows takes it away."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._shown: list[Line] = []

    def show(self, above: Sequence[Line], rows: Sequence[Line]) -> None:
        """Prints `above` for good, then the tail: of one that is too high the end."""
        columns, height = self.surface.size()
        fitting = last_rows(rows, columns, height - 1)
        if not above and fitting == self._shown:
            return
        frame = self._erasure(columns)
        if above:
            frame += self.surface.painted(above) + "\n"
        if fitting:
            frame += _HIDE_CURSOR + self.surface.painted(fitting)
        self._shown = fitting
        if frame:
            self.surface.write(f"{BEGIN_FRAME}{frame}{END_FRAME}")

    def _erasure(self, columns: int) -> str:
        if not self._shown:
            return ""
        rows = sum(rows_taken(plain(row), columns) for row in self._shown)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[J{_SHOW_CURSOR}"


def last_rows(rows: Sequence[Line], columns: int, height: int) -> list[Line]:
    """As many of the last ones as fit into that many rows of the terminal."""
    kept: list[Line] = []
    for row in reversed(rows):
        height -= rows_taken(plain(row), columns)
        if height < 0:
            break
        kept.append(row)
    return kept[::-1]
