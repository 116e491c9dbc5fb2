"""The unfinished last lines of a terminal, drawn again and again below what is finished.

What is finished is printed once and belongs to the terminal's scroll-back. Before each frame the rows that the last one
takes up *now* are counted: after a resize the terminal has wrapped them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from antcli.output.text import text_width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Tail:
    """Draws on a rich console. Nothing else may print on that terminal while there is a tail; `erase` takes it away."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._widths: list[int] = []

    def show(self, above: Sequence[Text], rows: Sequence[Text]) -> None:
        """Prints `above` for good, then the tail."""
        frame = [self._erasure()]
        if above:
            self._write("".join(frame))  # by itself, so that a recording console sees only what is finished
            frame = []
            from rich.text import Text

            self.console.print(Text("\n").join(above), soft_wrap=True, highlight=False)
        if rows:
            from rich.text import Text

            with self.console.capture() as captured:
                self.console.print(Text("\n").join(rows), soft_wrap=True, highlight=False, end="")
            frame += [_HIDE_CURSOR, captured.get()]
        self._widths = [text_width(row.plain) for row in rows]
        self._write("".join(frame))

    def erase(self) -> None:
        self.show((), ())

    def _erasure(self) -> str:
        if not self._widths:
            return ""
        columns = max(self.console.width, 1)
        rows = sum(max(1, -(-width // columns)) for width in self._widths)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        return f"\r{up}\x1b[J{_SHOW_CURSOR}"

    def _write(self, text: str) -> None:
        if text:
            self.console.file.write(text)
            self.console.file.flush()
