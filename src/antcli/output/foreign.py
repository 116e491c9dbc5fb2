"""Text of several lines from models and tools: control characters in it must never act on a terminal."""

from __future__ import annotations

import re

# CSI, OSC and other string sequences, then any other escape; 8-bit forms alike.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_TAB = "    "


def harmless(text: str) -> str:
    """For reading: sequences are taken out, other control characters become a replacement mark, lines stay lines."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    text = _LINE_END.sub("\n", _SEQUENCE.sub("", text)).replace("\t", _TAB)
    return "".join(c if _shows(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def revealed(text: str) -> str:
    """For deciding: nothing is taken out, what would not show is written as an escape; line feeds stay."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _escape(c) for c in text)


def _shows(character: str) -> bool:
    # The zero-width joiner holds composed emoji together and moves nothing.
    return character in "\n\u200d" or character.isprintable()


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
