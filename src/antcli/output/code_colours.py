"""A little colour for code in any language, one line at a time: comments, strings, numbers, words of the language.

A real lexer knows more, and takes longer to import than the answer takes to begin.
"""

from __future__ import annotations

import re

from antcli.output.spans import Line, Span
from antcli.output.text import CYAN, DIM, GREEN, MAGENTA, RED

_LONGEST = 1000  # characters of a line
_WORDS = (
    "and as assert async await break case catch class const continue def default del do done elif else enum esac "
    "except export extends extern fi final finally fn for from func function if impl implements import in interface is "
    "lambda let match mod mut new nil None not null or package pass private protected public pub raise return self "
    "static struct super switch then this throw trait true false True False try type typeof union until use var void "
    "where while with yield SELECT FROM WHERE INSERT INTO UPDATE DELETE CREATE TABLE JOIN ON VALUES"
).split()
_TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)"""
    r"|(?P<comment>(?:(?<=\s)|^)(?:#(?!\[)|//|--\s|/\*).*)"
    rf"|(?P<word>\b(?:{'|'.join(_WORDS)})\b)"
    r"|(?P<number>\b\d[\w.]*\b)"
)
_STYLES = {"string": GREEN, "comment": DIM, "word": MAGENTA, "number": CYAN}
_CHANGES = {"+": GREEN, "-": RED, "@": CYAN}
_PLAIN = {"text", "txt", "plain", "plaintext", "output", "console", "markdown", "md", "log", "csv"}


def coloured(code: str, language: str) -> Line:
    """A line of code; `language` is the word after the fence."""
    language = language.partition(" ")[0].lower()
    if language in ("diff", "patch"):
        return (Span(code, _CHANGES.get(code[:1], "")),)
    if not language or language in _PLAIN or len(code) > _LONGEST:
        return (Span(code),)
    spans: list[Span] = []
    at = 0
    for found in _TOKEN.finditer(code):
        spans += [Span(code[at : found.start()]), Span(found[0], _STYLES[found.lastgroup or "word"])]
        at = found.end()
    return [span for span in (*spans, Span(code[at:])) if span.text]
