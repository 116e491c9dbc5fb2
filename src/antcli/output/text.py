"""Text for a terminal: its width, cutting it to fit, colour, and making foreign text harmless."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

BOLD, DIM, ITALIC, UNDERLINE, STRIKE = "1", "2", "3", "4", "9"
RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN = "31", "32", "33", "34", "35", "36"

_THREAD_COLOURS = ("35", "34", "33", "36", "95", "94")

STATUS_COLOURS = {
    "running": CYAN,
    "starting": CYAN,
    "completed": GREEN,
    "paused": YELLOW,
    "pending": YELLOW,
    "queued": YELLOW,
    "stopping": YELLOW,
    "failed": RED,
    "canceled": RED,
    "stopped": RED,
    "idle": GREEN,
    "active": GREEN,
    "ok": GREEN,
    "rescheduling": YELLOW,
    "deprecated": YELLOW,
    "warning": YELLOW,
    "terminated": RED,
    "retired": RED,
    "broken": RED,
}


def paint(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


def fold(text: str, width: int) -> str:
    """The text in lines of that width, broken between words; a command between backquotes stays whole."""
    lines = []
    for line in text.split("\n"):
        rest = ""
        for word in _words(line):
            longer = f"{rest} {word}" if rest else word
            if rest and text_width(longer) > width:
                lines.append(rest)
                longer = word
            rest = longer
        lines.append(rest)
    return "\n".join(lines)


def _words(line: str) -> list[str]:
    words: list[str] = []
    for part in line.split(" "):
        if words and words[-1].count("`") % 2:
            words[-1] += f" {part}"
        else:
            words.append(part)
    return words


def model_name(id: str) -> str:
    """A model as people call it: of a script or a recording the file's name, not the way to it."""
    kind, _, path = id.partition(":")
    return f"{kind}:{path.rpartition('/')[2]}" if kind in ("script", "recording") else id


def thread_style(id: str) -> str:
    """The colour of a thread, always the same for the same one."""
    return _THREAD_COLOURS[sum(id.encode()) % len(_THREAD_COLOURS)]


def clean(text: str) -> str:
    """Text from elsewhere made safe for one line of a terminal: no line breaks, no control sequences."""
    if text.isprintable():
        return text
    joined = " ".join(text.split())
    return "".join(c if c.isprintable() or c == "\u200d" else "\N{REPLACEMENT CHARACTER}" for c in joined)


def text_width(text: str) -> int:
    """Columns that a terminal uses for a text: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def rows_taken(text: str, columns: int) -> int:
    """Rows of a terminal that many columns wide that a line takes up; a wide character is never split."""
    if text.isascii():
        return max(1, -(-len(text) // columns))
    rows, used = 1, 0
    for character in text:
        width = _character_width(character)
        if used + width > columns:
            rows, used = rows + 1, 0
        used += width
    return rows


@lru_cache(maxsize=4096)
def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns, with an ellipsis where something is missing."""
    if text_width(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += _character_width(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"
