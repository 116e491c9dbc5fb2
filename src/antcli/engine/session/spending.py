"""What model requests use and cost, added up over a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from antcli.engine.session.state import State

TOKENS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def count(state: State, usage: dict[str, Any], data: dict[str, Any]) -> None:
    """Add one model request. `data` holds its cost in picodollars, or None for that where the model has no price."""
    for name in TOKENS:
        state.usage[name] += usage[name]
    state.cost += data.get("cost") or 0
    state.unpriced = state.unpriced or (data.get("cost") is None and any(usage[name] for name in TOKENS))
    state.searches += data.get("searches", 0)
