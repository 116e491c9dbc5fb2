"""What sessions cost at list prices: sums over what the API says they used (semantics.md 7.3 and 22)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from antcli import prices
from antcli.prices import DOLLAR

_HOUR_WRITE = 0.75  # of the input price, that a cache entry of an hour costs more than one of five minutes

Item = dict[str, Any]


def cost_of(session: Item) -> Item:
    """One session's line. Amounts are dollars; `total` and `tokens` are null when the model has no list price."""
    agent, usage = session.get("agent") or {}, session.get("usage") or {}
    model = agent.get("model") or {}
    written = usage.get("cache_creation") or {}
    brief, hour = (written.get(f"ephemeral_{time}_input_tokens") or 0 for time in ("5m", "1h"))
    seconds = float(usage.get("active_seconds") or (session.get("stats") or {}).get("active_seconds") or 0)
    searches = (usage.get("server_tool_use") or {}).get("web_search_requests") or 0
    counts = {
        "input_tokens": usage.get("input_tokens") or 0,
        "output_tokens": usage.get("output_tokens") or 0,
        "cache_read_input_tokens": usage.get("cache_read_input_tokens") or 0,
        "cache_creation_input_tokens": brief + hour,
    }
    line: Item = {
        "id": session["id"],
        "title": session.get("title"),
        "agent": agent.get("name"),
        "agent_id": agent.get("id"),
        "model": model.get("id"),
        "day": str(session.get("created_at"))[:10],
        "sessions": 1,
        **counts,
        "hours": seconds / 3600,
        "web_searches": searches,
        "time_cost": _dollars(prices.cost_of_time(seconds)),
        "web_search_cost": _dollars(searches * prices.WEB_SEARCH),
    }
    line["token_cost"] = _token_cost(model, counts, hour)
    return line | {"total": _total(line)}


def summed(lines: Iterable[Item], by: Callable[[Item], Item]) -> list[Item]:
    """One line for each value of what `by` takes from a line, in the order in which they first come."""
    groups: dict[str, Item] = {}
    for line in lines:
        key = by(line)
        name = repr(key)
        group = groups.get(name)
        groups[name] = key | {field: line[field] for field in _SUMS} if group is None else group | _added(group, line)
    return list(groups.values())


def _added(group: Item, line: Item) -> Item:
    """A sum with an unknown part is unknown: it would look like less than it is."""
    return {
        field: None if group[field] is None or line[field] is None else group[field] + line[field] for field in _SUMS
    }


_SUMS = (
    "sessions", "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "hours",
    "web_searches", "token_cost", "time_cost", "web_search_cost", "total",
)  # fmt: skip


def _token_cost(model: Item, counts: dict[str, int], hour: int) -> float | None:
    price = prices.price_of(str(model.get("id")))
    if not any(counts.values()):
        return 0.0
    if price is None or price.long is not None:  # the price hangs on the length of each request, which sums hide
        return None
    cost = prices.cost_of_tokens(price, counts, fast=model.get("speed") == "fast")
    extra = round(hour * price.input * _HOUR_WRITE * 1_000_000) * (price.fast if model.get("speed") == "fast" else 1)
    return _dollars(cost + extra)


def _total(line: Item) -> float | None:
    parts = line["token_cost"], line["time_cost"], line["web_search_cost"]
    return None if parts[0] is None else round(sum(parts), 12)


def _dollars(amount: int) -> float:
    return amount / DOLLAR
