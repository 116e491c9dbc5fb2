"""What a session's log means: its status, queue, open calls, usage. Folded record by record, kept as a checkpoint."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from antcli.engine.clock import parse
from antcli.engine.session import outcomes, spending
from antcli.engine.store.base import Record

_REMEMBERED = 64
ACTIVE_RESULTS = ("pending", "running", "evaluating")
_WAITING = ("requires_action", "budget_reached")
_CALLS: dict[str, Literal["builtin", "custom", "mcp"]] = {
    "agent.tool_use": "builtin",
    "agent.custom_tool_use": "custom",
    "agent.mcp_tool_use": "mcp",
}
_CLIENT_RESULTS = {"user.custom_tool_result": "custom_tool_use_id", "user.tool_result": "tool_use_id"}


@dataclass(slots=True)
class Queued:
    """A client event that waits to be processed; its content is in the log at `position`."""

    position: int
    type: str
    id: str


@dataclass(slots=True)
class Call:
    """A tool call without a result. `provider_id` is the model's name for it, `id` the event's."""

    id: str
    name: str
    kind: Literal["builtin", "custom", "mcp"]
    input: dict[str, Any]
    provider_id: str
    permission: str = "allow"  # allow, ask
    verdict: str = ""  # of a confirmation: allow, deny
    deny_message: str | None = None
    started: bool = False  # the hands may have moved
    server: str = ""  # of kind mcp
    away: bool = False  # a worker of a self_hosted environment runs it

    @property
    def waits(self) -> bool:
        """Only the client can bring this call on."""
        return self.kind == "custom" or self.away or (self.permission == "ask" and not self.verdict)


@dataclass(slots=True)
class State:
    """The fold of one session's log (single thread: the primary).

    `owes` says that the model has input without an answer, `requests` how many model requests were answered,
    `failures` how often the present one failed, `rounds` the requests since the last user message; `under_way` that
    the present turn has got beyond its start, `used_hands` that a call has had effects in a sandbox. `context_tokens`
    is the size of the conversation at the last request, `context_from` the position of its last compaction: what lies
    before is not shown to the model any more.
    """

    thread_id: str
    agent_name: str
    status: str = "idle"
    stop_reason: dict[str, Any] | None = None
    queue: list[Queued] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)  # tool use -> position of the client's answer
    received: dict[str, list[int]] = field(default_factory=dict)  # key of a client's request -> positions of its events
    span: str | None = None
    outcomes: list[dict[str, Any]] = field(default_factory=list)  # oldest first; a changed one is a new dict
    evaluation: dict[str, Any] | None = None  # of the active outcome, while it goes on
    owes: bool = False
    under_way: bool = False
    used_hands: bool = False
    requests: int = 0
    failures: int = 0
    rounds: int = 0
    context_tokens: int = 0
    context_from: int = 0
    usage: dict[str, int] = field(default_factory=lambda: dict.fromkeys(spending.TOKENS, 0))
    cost: int = 0  # of all model requests, in picodollars
    unpriced: bool = False  # some of them went to a model without a price
    searches: int = 0
    active_seconds: float = 0.0
    running_since: str | None = None
    ended_at: str | None = None
    latest: str = ""  # the time of the last record

    def copy(self) -> State:
        """A copy whose changes do not show here; written out because every commit makes one."""
        other = copy.copy(self)
        other.queue = list(self.queue)
        other.calls = {id: copy.copy(call) for id, call in self.calls.items()}
        other.settled = dict(self.settled)
        other.received = dict(self.received)
        other.usage = dict(self.usage)
        other.outcomes = list(self.outcomes)
        return other

    def to_json(self) -> dict[str, Any]:
        data = {name: getattr(self, name) for name in _FIELDS}
        data["queue"] = [{name: getattr(item, name) for name in _QUEUED_FIELDS} for item in self.queue]
        data["calls"] = {id: {name: getattr(call, name) for name in _CALL_FIELDS} for id, call in self.calls.items()}
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> State:
        data = dict(data)
        data["queue"] = [Queued(**item) for item in data["queue"]]
        data["calls"] = {id: Call(**call) for id, call in data["calls"].items()}
        return cls(**data)

    def waiting(self) -> list[str]:
        """Ids of the calls that only the client can bring on, in the order of the model."""
        return [call.id for call in self.calls.values() if call.waits]

    @property
    def outcome(self) -> dict[str, Any] | None:
        """The outcome that the session works towards."""
        last = self.outcomes[-1] if self.outcomes else None
        return last if last and last["result"] in ACTIVE_RESULTS else None

    @property
    def has_new_outcome(self) -> bool:
        return self.outcome is not None and self.outcome["result"] == "pending"

    def queued(self, *types: str) -> list[Queued]:
        return [item for item in self.queue if item.type in types]

    def active_until(self, moment: str) -> float:
        """Seconds in status running up to `moment`."""
        if self.running_since is None:
            return self.active_seconds
        return self.active_seconds + max(0.0, (parse(moment) - parse(self.running_since)).total_seconds())


_FIELDS, _CALL_FIELDS, _QUEUED_FIELDS = (tuple(item.name for item in fields(kind)) for kind in (State, Call, Queued))


def fold(state: State, record: Record) -> None:
    """Change `state` by one record of the log; `record.position` must be set."""
    type = record.type
    state.latest = record.processed_at or state.latest
    if type in _CALLS:
        _open_call(state, record)
    elif type == "agent.tool_result":
        call = state.calls.pop(json.loads(record.body)["tool_use_id"], None)
        state.used_hands |= call is not None and call.started
        state.owes = True
    elif type == "agent.mcp_tool_result":
        state.calls.pop(json.loads(record.body)["mcp_tool_use_id"], None)
        state.owes = True
    elif type == "_judged":
        assert record.data is not None
        spending.count(state, record.data["usage"], record.data)
        state.requests += 1
    elif type == "_call_started":
        assert record.data is not None
        state.calls[record.data["id"]].started = True
    elif type == "_received":
        assert record.data is not None
        state.received[record.data["key"]] = record.data["positions"]
        _trim(state.received)
    elif type == "_resumed":  # nobody had worked on it since the moment it names
        assert record.data is not None
        state.active_seconds = state.active_until(record.data["since"])
        state.running_since = record.processed_at
    elif type == "agent.thread_context_compacted":
        state.context_tokens, state.context_from = 0, record.position
    elif type == "span.model_request_start":
        state.span = record.event_id
    elif type == "span.model_request_end":
        _end_request(state, record)
    elif type == "session.thread_status_idle":
        _end_turn(state, json.loads(record.body))
    elif type.startswith("session.status_"):
        _change_status(state, record)
    elif type.startswith(("span.outcome_", "_outcome", "_grader")):
        outcomes.fold(state, record)
    elif type == "session.updated":
        _change_budget(state, json.loads(record.body))
    elif type.startswith(("user.", "system.")):
        _take_client_event(state, record)


def _open_call(state: State, record: Record) -> None:
    assert record.data is not None
    if record.data.get("refused") or record.data.get("server"):  # its result stands beside it
        return
    body = json.loads(record.body)
    state.calls[record.event_id] = Call(
        id=record.event_id,
        name=body["name"],
        kind=_CALLS[record.type],
        input=body["input"],
        provider_id=record.data["provider_id"],
        permission=body.get("evaluated_permission", "allow"),
        started=record.data.get("started", False),
        server=body.get("mcp_server_name", ""),
        away=record.data.get("away", False),
    )


def _end_request(state: State, record: Record) -> None:
    body, data = json.loads(record.body), record.data or {}
    state.span = None
    spending.count(state, body["model_usage"], data)
    if not body["is_error"]:  # false: answered; null: interrupted, which uses the request up as well
        state.requests += 1
        state.rounds += 1
        state.failures = 0
        if not data.get("summary"):  # a request for a summary answers nothing
            state.owes = data.get("paused", False)
        if body["is_error"] is False:
            state.context_tokens = sum(body["model_usage"][name] for name in spending.TOKENS)
    elif not data.get("lost"):
        state.failures += 1


def _end_turn(state: State, body: dict[str, Any]) -> None:
    """The primary thread has stopped; unless it waits, what it owed is settled."""
    if body["session_thread_id"] == state.thread_id and body["stop_reason"]["type"] not in _WAITING:
        state.owes = False
        state.failures = 0


def _change_budget(state: State, changes: dict[str, Any]) -> None:
    """A budget is raised or removed, never used up: a session that it held up is like one whose turn has ended."""
    if "budget" in changes and state.stop_reason is not None and state.stop_reason["type"] == "budget_reached":
        state.stop_reason = {"type": "end_turn"}


def _change_status(state: State, record: Record) -> None:
    assert record.processed_at is not None
    state.active_seconds = state.active_until(record.processed_at)
    state.running_since = None
    state.status = record.type.removeprefix("session.status_")
    if state.status == "rescheduled":
        state.status = "rescheduling"
    elif state.status == "running":
        state.running_since = record.processed_at
        state.stop_reason = None
        state.under_way = state.owes or bool(state.calls) or state.evaluation is not None
    elif state.status == "terminated":
        state.ended_at = record.processed_at
        state.queue.clear()
        state.calls.clear()
    elif state.status == "idle":
        state.stop_reason = json.loads(record.body)["stop_reason"]


def _take_client_event(state: State, record: Record) -> None:
    if record.processed_at is None:
        state.queue.append(Queued(record.position, record.type, record.event_id))
        return
    state.queue = [item for item in state.queue if item.id != record.event_id]
    if record.type == "user.define_outcome":
        outcomes.define(state, record)
    elif record.type == "user.message":
        if not (record.data or {}).get("flushed"):
            state.owes = state.under_way = True
            state.rounds = 0
    elif record.type == "user.tool_confirmation":
        body = json.loads(record.body)
        call = state.calls.get(body["tool_use_id"])
        if call is not None:
            call.verdict, call.deny_message = body["result"], body.get("deny_message")
        _remember(state, body["tool_use_id"], record.position)
    elif record.type in _CLIENT_RESULTS:
        id = json.loads(record.body)[_CLIENT_RESULTS[record.type]]
        state.calls.pop(id, None)
        _remember(state, id, record.position)
        state.owes = True


def _remember(state: State, tool_use_id: str, position: int) -> None:
    """Keep the last answers, so that a POST that a client repeats is answered like the first (api.md 2)."""
    state.settled[tool_use_id] = position
    _trim(state.settled)


def _trim(remembered: dict[str, Any]) -> None:
    while len(remembered) > _REMEMBERED:
        del remembered[next(iter(remembered))]
