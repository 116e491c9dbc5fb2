"""What a session does with the events that a client sends: the acceptance matrix of semantics.md 3.1.

Everything that follows from an event without a model or a tool (status running, partial settlement, an interrupt of a
parked session) is written in the same transaction as the event, so that no client ever sees a session that has
accepted work and still says idle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from antcli.engine.errors import conflict, invalid
from antcli.engine.ids import new_id
from antcli.engine.model_facts import takes_system_messages
from antcli.engine.session import budgets, turns
from antcli.engine.session.events import event, internal
from antcli.engine.session.log import Draft
from antcli.engine.session.outcomes import DEFAULT_ITERATIONS
from antcli.engine.store.base import Record

ClientEvent = dict[str, Any]


class Repeated(Exception):
    """What the client sends is in the log already, at `positions`: it repeats a request whose answer it did not get."""

    def __init__(self, positions: list[int]) -> None:
        self.positions = positions


def accept(draft: Draft, events: list[ClientEvent], *, repeat: bool, key: str | None = None) -> list[str]:
    """Add the records for a whole batch, or raise and add none of them; the bodies of the client's own events.

    `repeat` says that the client marked its request as a retry: an answer to a tool use that is in the log already is
    then not an error. `key` names the request: a batch is taken once under a name. Raises RequestError (400, 409),
    Repeated.
    """
    if key is not None and key in draft.state.received:
        raise Repeated(draft.state.received[key])
    if draft.state.status == "terminated":
        raise conflict("The session is terminated: it takes no more events.")
    own: list[Record] = []
    for index, item in enumerate(events):
        where = f"events.{index}"
        if item["type"] == "system.message":
            own.append(_system_message(draft, item, where, after=events[index - 1]["type"]))
        else:
            own.append(_HANDLERS[item["type"]](draft, item, where, repeat))
    if draft.state.status == "idle" and any(item["type"] in _ANSWERS for item in events):
        _go_on(draft)
    if key is not None:
        positions = {record.event_id: record.position for record in draft.records}
        data = {"key": key, "positions": [positions[record.event_id] for record in own if record.event_id in positions]}
        draft.add(internal("_received", draft.state.thread_id, data))
    return [record.body for record in own]


def _message(draft: Draft, item: ClientEvent, where: str, repeat: bool) -> Record:
    state = draft.state
    _refuse_while_waiting(draft, where)
    _refuse_without_budget(draft, where)
    own = event("user.message", state.thread_id, {"content": item["content"]}, queued=True)
    draft.add(own)
    if state.status == "idle":
        turns.start(draft)
    return own


def _system_message(draft: Draft, item: ClientEvent, where: str, *, after: str) -> Record:
    """Waits with the message that it goes with; with an answer to a call it is taken at once."""
    model = draft.stored["agent"]["model"]["id"]
    if not takes_system_messages(model):
        raise invalid(
            f"{where}: the model {model!r} takes no system messages within the conversation.",
            code="model_does_not_support_mid_conversation_system",
        )
    own = event("system.message", draft.state.thread_id, {"content": item["content"]}, queued=after == "user.message")
    draft.add(own)
    return own


def _interrupt(draft: Draft, item: ClientEvent, where: str, repeat: bool) -> Record:
    state = draft.state
    named = item.get("session_thread_id")
    if named is not None and named != state.thread_id:
        raise invalid(f"{where}.session_thread_id: the session has no thread {named!r}.")
    fields = {} if named is None else {"session_thread_id": named}
    if state.status in ("running", "rescheduling"):
        own = event("user.interrupt", state.thread_id, fields, queued=True)
        draft.add(own)
        return own
    if budgets.is_paused(draft.state):  # nothing runs that it could stop: taken, and not kept
        return event("user.interrupt", state.thread_id, fields)
    parked = bool(state.calls) or state.owes  # owes: this batch has answered the last call
    turns.refuse_open_calls(draft, turns.INTERRUPTED_CALL)
    turns.end_evaluation(draft, "interrupted", turns.INTERRUPTED_OUTCOME)
    own = event("user.interrupt", state.thread_id, fields)
    draft.add(own)
    if parked:
        turns.stop(draft, turns.END_TURN)
    return own


def _outcome(draft: Draft, item: ClientEvent, where: str, repeat: bool) -> Record:
    state = draft.state
    _refuse_without_budget(draft, where)
    if state.outcome is not None:
        raise invalid(
            f"{where}: the session works towards outcome {state.outcome['outcome_id']}: define the next one after its"
            " last verdict, or send user.interrupt first."
        )
    _refuse_while_waiting(draft, where)
    fields = {
        "outcome_id": new_id("outc"),
        "description": item["description"],
        "rubric": item["rubric"],
        "max_iterations": item.get("max_iterations") or DEFAULT_ITERATIONS,
    }
    own = event("user.define_outcome", state.thread_id, fields)
    draft.add(own)
    if state.status == "idle":
        turns.start(draft)
    return own


def _confirmation(draft: Draft, item: ClientEvent, where: str, repeat: bool) -> Record:
    state, id = draft.state, item["tool_use_id"]
    call = state.calls.get(id)
    if call is None or call.verdict:
        _not_open(draft, id, f"{where}.tool_use_id", repeat)
    elif call.permission != "ask":
        raise invalid(f"{where}.tool_use_id: {id} does not ask for confirmation.")
    if item["result"] == "allow" and item.get("deny_message") is not None:
        raise invalid(f"{where}.deny_message: only goes with result deny.")
    fields = {name: item[name] for name in ("tool_use_id", "result", "deny_message") if item.get(name) is not None}
    own = event("user.tool_confirmation", state.thread_id, fields)
    draft.add(own)
    if item["result"] == "deny":
        message = item.get("deny_message")
        text = f"The user denied permission to use this tool.{' ' + message if message else ''}"
        draft.add(turns.tool_error(state.thread_id, id, text, mcp=call is not None and call.kind == "mcp"))
    return own


def _custom_result(draft: Draft, item: ClientEvent, where: str, repeat: bool) -> Record:
    state, id = draft.state, item["custom_tool_use_id"]
    call = state.calls.get(id)
    if call is None:
        _not_open(draft, id, f"{where}.custom_tool_use_id", repeat)
    elif call.kind != "custom":
        raise invalid(f"{where}.custom_tool_use_id: {id} is not a custom tool use.")
    fields = {name: item[name] for name in ("custom_tool_use_id", "content", "is_error") if item.get(name) is not None}
    own = event("user.custom_tool_result", state.thread_id, fields)
    draft.add(own)
    return own


def _tool_result(draft: Draft, item: ClientEvent, where: str, repeat: bool) -> Record:
    """What a worker has done for a call of a built-in tool."""
    state, id = draft.state, item["tool_use_id"]
    if not draft.stored.get("self_hosted"):
        raise invalid(f"{where}: user.tool_result is for sessions in self_hosted environments only.")
    call = state.calls.get(id)
    if call is None:
        _not_open(draft, id, f"{where}.tool_use_id", repeat)
    elif not call.away:
        raise invalid(f"{where}.tool_use_id: {id} is not the use of a built-in tool.")
    elif call.permission == "ask" and not call.verdict:
        raise invalid(f"{where}.tool_use_id: {id} waits for a user.tool_confirmation first.")
    fields = {name: item[name] for name in ("tool_use_id", "content", "is_error") if item.get(name) is not None}
    own = event("user.tool_result", state.thread_id, fields)
    draft.add(own)
    return own


def _refuse_while_waiting(draft: Draft, where: str) -> None:
    waiting = draft.state.waiting() if draft.state.status == "idle" else []
    if waiting:
        raise invalid(
            f"{where}: the session waits for an answer to {', '.join(waiting)}; send user.tool_confirmation,"
            " user.custom_tool_result or user.tool_result for each, or user.interrupt, before the next work."
        )


def _refuse_without_budget(draft: Draft, where: str) -> None:
    if budgets.is_paused(draft.state):
        raise invalid(
            f"{where}: the session's budget is used up: it takes user.interrupt, user.tool_confirmation,"
            " user.custom_tool_result and user.tool_result only, until the budget is raised or removed."
        )


def _go_on(draft: Draft) -> None:
    """After answers to a parked session: wake it when they were the last, else say which are still awaited."""
    if draft.state.waiting():
        turns.wait_for_client(draft)
    elif draft.state.calls or draft.state.owes:
        turns.start(draft)


def _not_open(draft: Draft, id: str, where: str, repeat: bool) -> NoReturn:
    position = draft.state.settled.get(id)
    if position is None:
        raise invalid(f"{where}: {id!r} is not a tool use that waits for an answer.")
    if repeat:
        raise Repeated([position])
    raise invalid(f"{where}: {id!r} has been answered already.")


_HANDLERS: dict[str, Callable[[Draft, ClientEvent, str, bool], Record]] = {
    "user.message": _message,
    "user.interrupt": _interrupt,
    "user.define_outcome": _outcome,
    "user.tool_confirmation": _confirmation,
    "user.custom_tool_result": _custom_result,
    "user.tool_result": _tool_result,
}
_ANSWERS = ("user.tool_confirmation", "user.custom_tool_result", "user.tool_result")
