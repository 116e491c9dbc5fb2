"""A terminal small enough to read: it understands what the live view writes, with wrapping and scroll-back."""

from __future__ import annotations

import io
import re

from antcli.output.surface import Surface
from antcli.output.text import text_width

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|(\r|\n)|([^\x1b\r\n])", re.DOTALL)


class Screen(io.StringIO):
    """A stream to write to; `rows` is everything, scroll-back included. Wraps at `columns`, as terminals do."""

    def __init__(self, columns: int = 80) -> None:
        super().__init__()
        self.columns = columns
        self.rows: list[str] = [""]
        self.row = self.column = 0
        self.cursor_hidden = False
        self.height = 50
        self.writes = 0

    def surface(self, *, colour: bool = False) -> Surface:
        return Surface(self, colour=colour, size=lambda: (self.columns, self.height))

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes += 1
        for numbers, action, motion, character in _TOKEN.findall(text):
            if character:
                self._put(character)
            elif motion == "\r":
                self.column = 0
            elif motion == "\n":
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.rows):
                    self.rows.append("")
            elif action == "A":
                self.row = max(0, self.row - int(numbers or 1))
            elif action == "J":
                self.rows[self.row] = self.rows[self.row][: self.column]
                del self.rows[self.row + 1 :]
            elif action in "hl" and numbers == "?25":
                self.cursor_hidden = action == "l"
            elif action != "m" and numbers != "?2026":
                raise AssertionError(f"unexpected sequence {numbers}{action}")
        return len(text)

    def _put(self, character: str) -> None:
        width = text_width(character)
        if self.column + width > self.columns:
            self.write("\n")
        line = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = line[: self.column] + character + line[self.column + width :]
        self.column += width

    def resize(self, columns: int) -> None:
        """Wraps what is there anew, as tmux and most terminals do. The cursor stays behind its text."""
        before = self.rows[: self.row + 1]
        self.columns, self.rows, self.row, self.column = columns, [""], 0, 0
        self.write("\n".join(before))

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).strip("\n")
