"""Queries of GJSON paths: `#(path operator value)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class _Missing:
    """What a path that leads nowhere gets."""

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()
OPERATORS = ("==", "!=", "!%", "<=", ">=", "=", "<", ">", "%")
_TRUE = ("1", "t", "true", "yes")


class Comparison(NamedTuple):
    """`get` is None where the elements themselves are compared; without an operator it must only lead somewhere."""

    get: Callable[[Any], Any] | None = None
    operator: str = ""
    text: str = ""
    quoted: bool = False
    tilde: bool = False


def fits(comparison: Comparison, value: Any) -> Iterator[Any]:
    """The elements of a list that fit."""
    for element in value if isinstance(value, list) else ():
        found = comparison.get(element) if comparison.get is not None else element
        if _fits(comparison, found):
            yield element


def _fits(wanted: Comparison, found: Any) -> bool:
    if not wanted.operator:
        return found is not MISSING
    if wanted.tilde:
        return (wanted.operator in ("=", "==")) == _is_like(wanted.text, found)
    if found is MISSING or isinstance(found, (dict, list)):
        return False
    if isinstance(found, str):
        if wanted.operator in ("%", "!%"):
            return (wanted.operator == "%") == pattern(_pieces(wanted.text))(found)
        return _ordered(wanted.operator, found, wanted.text)
    if found is None or isinstance(found, bool):
        order = {"null": None, "false": False, "true": True}
        if wanted.text not in order or wanted.quoted:
            return wanted.operator == "!="
        other = order[wanted.text]
        if found is None or other is None:
            return (wanted.operator in ("=", "==", "<=", ">=")) == (found is other)
        return _ordered(wanted.operator, found, other)
    try:
        return _ordered(wanted.operator, found, float(wanted.text))
    except ValueError:
        return wanted.operator == "!="


def _ordered(operator: str, found: Any, other: Any) -> bool:
    if operator in ("=", "=="):
        return bool(found == other)
    return {
        "!=": lambda: bool(found != other),
        "<": lambda: bool(found < other),
        "<=": lambda: bool(found <= other),
        ">": lambda: bool(found > other),
        ">=": lambda: bool(found >= other),
    }.get(operator, lambda: False)()


def _is_like(text: str, found: Any) -> bool:
    """`~true`, `~false`, `~null` and `~*` (there is something)."""
    if text == "*":
        return found is not MISSING
    if text == "null":
        return found is MISSING or found is None
    if isinstance(found, str):
        truth = found.lower() in _TRUE
    else:
        truth = found is not MISSING and not isinstance(found, (dict, list)) and bool(found)
    return truth == (text == "true")


def pattern(pieces: list[str]) -> Callable[[str], bool]:
    """A test for plain texts with the wildcards `*` and `?` between."""
    wild = {"*": ".*", "?": "."}
    parts = [wild[piece] if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)]
    expression = re.compile("".join(parts), re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None


def _pieces(text: str) -> list[str]:
    return re.split(r"([*?])", text)
