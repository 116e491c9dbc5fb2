"""Lists over their pages, in the three shapes the API has (api.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from antcli.operations import Operation

Page = Mapping[str, Any]

LARGEST = 100  # what every list accepts as `limit` ...
LARGEST_FULL = 20  # ... but those with `view=full`


def items(
    fetch: Callable[[dict[str, Any]], Page | None], operation: Operation, query: Mapping[str, Any], limit: int | None
) -> Iterator[dict[str, Any]]:
    """The items of all pages, at most `limit`. No page is fetched before its first item is asked for."""
    if operation.pages is None:
        raise TypeError(f"{operation.name} is not a list")
    asked = dict(query)
    if limit is not None and asked.get("limit") is None:
        asked["limit"] = min(limit, LARGEST_FULL if asked.get("view") == "full" else LARGEST)
    left = limit
    seen = set()
    while left is None or left > 0:
        page = fetch(asked) or {}
        data = page.get("data") or []
        yield from data if left is None else data[:left]
        if left is not None:
            left -= len(data)
        step = _next_by_id(page, asked) if operation.pages == "id" else _next_by_cursor(page)
        if step is None or step in seen:  # a cursor that leads back would never end
            return
        seen.add(step)
        asked[step[0]] = step[1]


def _next_by_cursor(page: Page) -> tuple[str, str] | None:
    cursor = page.get("next_page")
    return ("page", cursor) if cursor else None


def _next_by_id(page: Page, asked: Mapping[str, Any]) -> tuple[str, str] | None:
    if not page.get("has_more"):
        return None
    parameter, field = ("before_id", "first_id") if asked.get("before_id") else ("after_id", "last_id")
    cursor = page.get(field)
    return (parameter, cursor) if cursor else None
