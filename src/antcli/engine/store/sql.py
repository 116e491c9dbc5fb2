"""Pieces of SQL that several queries share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from antcli.engine.store.base import Page

_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def add_times(where: list[str], values: list[Any], column: str, times: Sequence[tuple[str, str]]) -> None:
    for operator, moment in times:
        where.append(f"{column} {_OPERATORS[operator]} ?")
        values.append(moment)


def keyset(where: list[str], values: list[Any], column: str, page: Page) -> str:
    """The WHERE, ORDER and LIMIT of a keyset page; adds its values to `values`."""
    if page.after is not None:
        where.append(f"{column} {'>' if page.order == 'asc' else '<'} ?")
        values.append(page.after)
    values.append(page.limit)
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"{condition} ORDER BY {column} {page.order.upper()} LIMIT ?"
