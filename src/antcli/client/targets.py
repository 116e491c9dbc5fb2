"""Paths and queries as they stand in a request line (api.md 1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from antcli.errors import UsageError
from antcli.operations import Operation


def target(operation: Operation, path: Sequence[str], query: Mapping[str, Any]) -> str:
    """The operation's path with its parameters filled in, and the query. UsageError: an empty parameter."""
    names = operation.path_params
    if len(names) != len(path):
        raise TypeError(f"{operation.name} takes {len(names)} path parameters {names}, not {len(path)}")
    filled = operation.path
    for name, value in zip(names, path, strict=True):
        filled = filled.replace("{" + name + "}", _segment(name, value), 1)
    encoded = urlencode(list(_pairs(query)))
    return f"{filled}?{encoded}" if encoded else filled


def _segment(name: str, value: str) -> str:
    if not value.strip():
        raise UsageError(f"The {name.replace('_', ' ')} is empty.")
    if value in (".", ".."):
        return value.replace(".", "%2E")  # else the HTTP library takes it for a step in the path
    return quote(value, safe="")


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in query.items():
        if isinstance(value, (list, tuple, set, frozenset)):
            bracketed = key if key.endswith("[]") else f"{key}[]"
            pairs += [(bracketed, _text(item)) for item in value]
        elif value is not None:
            pairs.append((key, _text(value)))
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
