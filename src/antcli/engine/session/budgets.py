"""Budgets (semantics.md 7.4): a session that has used its list cost up asks no model until the limit is raised."""

from __future__ import annotations

from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import invalid
from antcli.engine.session import turns
from antcli.engine.session.log import Draft
from antcli.engine.session.state import State


def is_paused(state: State) -> bool:
    return state.status == "idle" and state.stop_reason is not None and state.stop_reason["type"] == "budget_reached"


def check_change(old: dict[str, Any] | None, new: dict[str, Any] | None, state: State) -> None:
    """Raises RequestError (400) unless `new` may take the place of `old`."""
    if old is None:
        raise invalid("budget: can only be set when a session is created.", code="budget_create_only")
    if new is not None and turns.is_used_up(new, state, now()):
        raise invalid(
            "budget.max_list_cost must be greater than the session's consumed list cost.", code="budget_not_raised"
        )


def resume(draft: Draft) -> None:
    """Go on with what a session was in the middle of when its budget ended, if there was anything."""
    state = draft.state
    if state.owes or state.queue or state.outcome or (state.calls and not state.waiting()):
        turns.start(draft)
