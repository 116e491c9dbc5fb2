"""The moments of a turn as groups of records, in their documented order (semantics.md 2)."""

from __future__ import annotations

from typing import Any

from antcli.engine.clock import now
from antcli.engine.session.events import event
from antcli.engine.session.log import Draft
from antcli.engine.session.spending import TOKENS
from antcli.engine.session.state import State
from antcli.engine.store.base import Record
from antcli.prices import CENT, CURRENCY, WEB_SEARCH, cost_of_time, in_cents

END_TURN = {"type": "end_turn"}
BUDGET_REACHED = {"type": "budget_reached"}
INTERRUPTED_OUTCOME = "The user interrupted the session."
INTERRUPTED_CALL = "Tool execution was interrupted before completion. Please retry."


def usage(state: State, moment: str, *, of_thread: bool = False) -> dict[str, Any]:
    """The cumulative usage as the wire shows it (api.md 7.4). A thread's cost is that without its running time."""
    counted = state.usage
    spent = cost(state, moment) - (cost_of_time(state.active_until(moment)) if of_thread else 0)
    return {
        "input_tokens": counted["input_tokens"],
        "output_tokens": counted["output_tokens"],
        "cache_read_input_tokens": counted["cache_read_input_tokens"],
        "cache_creation": {
            "ephemeral_5m_input_tokens": counted["cache_creation_input_tokens"],
            "ephemeral_1h_input_tokens": 0,
        },
        "list_cost": None if state.unpriced else {"amount": in_cents(spent), "currency": CURRENCY},
        "active_seconds": round(state.active_until(moment), 6),
        "server_tool_use": {"web_search_requests": state.searches, "web_fetch_requests": 0},
    }


def cost(state: State, moment: str) -> int:
    """The list cost of tokens, searches and running time up to `moment`, in picodollars."""
    return state.cost + state.searches * WEB_SEARCH + cost_of_time(state.active_until(moment))


def is_used_up(budget: dict[str, Any] | None, state: State, moment: str) -> bool:
    return budget is not None and cost(state, moment) >= limit(budget)


def limit(budget: dict[str, Any]) -> int:
    """In picodollars."""
    return int(budget["max_list_cost"]["amount"]) * CENT


def start(draft: Draft) -> None:
    thread = draft.state.thread_id
    draft.add(
        event("session.status_running", thread),
        event("session.thread_status_running", thread, _named(draft.state)),
    )


def stop(draft: Draft, stop_reason: dict[str, Any], stop_details: dict[str, Any] | None = None) -> None:
    """Go idle. `session.status_idle` comes last: SDK runners time their exit from it (api.md 21.4).

    A turn that has ended by itself, but with the last of the budget, ends the session's run as `budget_reached`.
    """
    thread, moment = draft.state.thread_id, now()
    reason = {"stop_reason": stop_reason, "stop_details": stop_details}
    draft.add(event("session.thread_status_idle", thread, _named(draft.state) | reason))
    draft.add(event("session.usage", thread, {"usage": usage(draft.state, moment), "budget": draft.budget}))
    if stop_reason == END_TURN and is_used_up(draft.budget, draft.state, moment):
        reason["stop_reason"] = BUDGET_REACHED
    draft.add(event("session.status_idle", thread, reason))


def start_queued(draft: Draft) -> None:
    """Go on at once with what was queued behind the turn that has just stopped."""
    if draft.state.queue or draft.state.has_new_outcome:
        start(draft)


def reschedule(draft: Draft) -> None:
    thread = draft.state.thread_id
    draft.add(
        event("session.thread_status_rescheduled", thread, _named(draft.state)),
        event("session.status_rescheduled", thread),
    )


def end_evaluation(draft: Draft, result: str, explanation: str, data: dict[str, Any] | None = None) -> None:
    """The verdict on the active outcome, if there is one; also of an evaluation that has not begun."""
    outcome, evaluation = draft.state.outcome, draft.state.evaluation
    if outcome is None:
        return
    fields = {
        "outcome_evaluation_start_id": evaluation["id"] if evaluation else "",
        "outcome_id": outcome["outcome_id"],
        "iteration": outcome["iteration"],
        "result": result,
        "explanation": explanation,
        "usage": evaluation["usage"] if evaluation else dict.fromkeys(TOKENS, 0),
    }
    draft.add(event("span.outcome_evaluation_end", draft.state.thread_id, fields, data=data))


def terminate(draft: Draft) -> None:
    end_evaluation(draft, "interrupted", "The session was terminated.")
    thread = draft.state.thread_id
    draft.add(
        event("session.thread_status_terminated", thread, _named(draft.state)),
        event("session.status_terminated", thread),
    )


def wait_for_client(draft: Draft) -> None:
    """Go idle for the calls that only the client can bring on."""
    stop(draft, {"type": "requires_action", "event_ids": draft.state.waiting()})


def refuse_open_calls(draft: Draft, text: str) -> None:
    """Give every open call an error result, of the type that answers its kind."""
    thread = draft.state.thread_id
    for call in list(draft.state.calls.values()):
        if call.kind == "custom":
            fields = {"custom_tool_use_id": call.id, "content": _text(text), "is_error": True}
            draft.add(event("user.custom_tool_result", thread, fields))
        elif call.away:  # runners take a call for answered by this type only
            fields = {"tool_use_id": call.id, "content": _text(text), "is_error": True}
            draft.add(event("user.tool_result", thread, fields))
        else:
            draft.add(tool_error(thread, call.id, text, mcp=call.kind == "mcp"))


def tool_result(
    thread_id: str, call_id: str, content: list[dict[str, Any]], *, is_error: bool, mcp: bool = False
) -> Record:
    type, key = ("agent.mcp_tool_result", "mcp_tool_use_id") if mcp else ("agent.tool_result", "tool_use_id")
    return event(type, thread_id, {key: call_id, "content": content, "is_error": is_error})


def tool_error(thread_id: str, call_id: str, text: str, *, mcp: bool = False) -> Record:
    return tool_result(thread_id, call_id, _text(text), is_error=True, mcp=mcp)


def _named(state: State) -> dict[str, Any]:
    return {"session_thread_id": state.thread_id, "agent_name": state.agent_name}


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]
