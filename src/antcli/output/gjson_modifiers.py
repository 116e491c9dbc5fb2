"""Modifiers of GJSON paths: `@reverse`, `@keys`, ..."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from antcli.output.gjson_queries import MISSING


def _same(value: Any, argument: Any) -> Any:
    return value


def _reverse(value: Any, argument: Any) -> Any:
    if isinstance(value, list):
        return value[::-1]
    return dict(reversed(value.items())) if isinstance(value, dict) else value


def _flatten(value: Any, argument: Any) -> Any:
    if not isinstance(value, list):
        return value
    deep = isinstance(argument, dict) and argument.get("deep") is True
    flat: list[Any] = []
    for element in value:
        if isinstance(element, list):
            flat += _flatten(element, argument) if deep else element
        else:
            flat.append(element)
    return flat


def _join(value: Any, argument: Any) -> Any:
    if not isinstance(value, list):
        return value
    return {key: inner for element in value if isinstance(element, dict) for key, inner in element.items()}


def _keys(value: Any, argument: Any) -> Any:
    return list(value) if isinstance(value, dict) else MISSING


def _values(value: Any, argument: Any) -> Any:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else MISSING


def _to_text(value: Any, argument: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _from_text(value: Any, argument: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return MISSING


def _group(value: Any, argument: Any) -> Any:
    """An object of lists becomes a list of objects."""
    if not isinstance(value, dict):
        return MISSING
    rows: list[dict[str, Any]] = []
    for key, column in value.items():
        for index, inner in enumerate(column if isinstance(column, list) else ()):
            if index == len(rows):
                rows.append({})
            if index < len(rows):
                rows[index][key] = inner
    return rows


def _dig(value: Any, argument: Any) -> Any:
    from antcli.output.gjson import compile

    return [*_found_below(value, compile(str(argument or "")))]


def _found_below(value: Any, get: Callable[[Any], Any]) -> Iterator[Any]:
    found = get(value)
    if found is not MISSING:
        yield found
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for element in inner:
        yield from _found_below(element, get)


MODIFIERS: dict[str, Callable[[Any, Any], Any]] = {
    "this": _same,
    "valid": _same,
    "pretty": _same,
    "ugly": _same,
    "reverse": _reverse,
    "flatten": _flatten,
    "join": _join,
    "keys": _keys,
    "values": _values,
    "tostr": _to_text,
    "fromstr": _from_text,
    "group": _group,
    "dig": _dig,
}
