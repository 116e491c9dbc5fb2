"""What a session's events say about the turn we wait for: whether it is over and why, the answer, and what is pending.

Pure logic on events as they come from `follow`: a copy seen twice, or history from before the turn, changes nothing.
"""

from __future__ import annotations

from typing import Any

from antcli.errors import ExitCode

Event = dict[str, Any]

CALLS = {
    "agent.tool_use": "tool_use_id",
    "agent.mcp_tool_use": "mcp_tool_use_id",
    "agent.custom_tool_use": "custom_tool_use_id",
}
RESULTS = {
    "agent.tool_result": "tool_use_id",
    "agent.mcp_tool_result": "mcp_tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
    "user.tool_result": "tool_use_id",
}
# What to list to learn how a session stands without reading its history.
STATUS_TYPES = (
    "session.status_running", "session.status_idle", "session.status_rescheduled", "session.status_terminated",
    "session.error", "user.interrupt", "span.outcome_evaluation_end",
)  # fmt: skip

_STOP_CODES = {
    "end_turn": ExitCode.OK,
    "requires_action": ExitCode.REQUIRES_ACTION,
    "budget_reached": ExitCode.BUDGET_REACHED,
    "retries_exhausted": ExitCode.ENDED_BADLY,
    "refusal": ExitCode.ENDED_BADLY,
}
_UNMET_OUTCOMES = {"max_iterations_reached", "failed", "interrupted"}


class Turn:
    """One turn, folded from events by `see`.

    It is under way from the first event on; after `begin_with_own`, nothing counts before one of our own messages has
    come by.
    """

    def __init__(self) -> None:
        self.started = True
        self.status = "running"
        self.stop_reason: dict[str, Any] | None = None
        self.stop_details: dict[str, Any] | None = None
        self.doubtful = False  # an idle was seen that may belong to the turn before ours: ask the server
        self.answer = ""
        self.error: dict[str, Any] | None = None
        self.usage: dict[str, Any] | None = None
        self.input_tokens = 0
        self.output_tokens = 0
        self.calls: dict[str, Event] = {}
        self.confirmed: set[str] = set()
        self.answered: set[str] = set()
        self.interrupted = False
        self.outcome: str | None = None
        self.verdict = ""  # the outcome in words, and why
        self.own: frozenset[str] = frozenset()  # the ids of our own messages
        self.own_taken = False  # one of them was processed
        self._picked_up = True
        self._counted: set[str] = set()

    def begin_with_own(self) -> None:
        """The turn begins with the first of `own`, when they are known: what comes before belongs to others."""
        self.started = self._picked_up = False

    @property
    def ended(self) -> bool:
        rests = self.status in ("idle", "terminated", "deleted") and not self.at_worker
        return self.started and not self.doubtful and rests

    @property
    def at_worker(self) -> bool:
        """Nobody is asked: the session waits for the worker of its environment, which runs its tools, or has got all
        that it waited for."""
        return bool(self.pending) and all(
            self._is_workers(call) for call in self.pending if call["id"] not in self.answered
        )

    @property
    def reason(self) -> str | None:
        """The stop reason's type while the session is idle, else None."""
        return str(self.stop_reason.get("type")) if self.status == "idle" and self.stop_reason else None

    @property
    def pending(self) -> list[Event]:
        """The calls that the session waits for, oldest first; one whose event was not seen has only its id."""
        if self.reason != "requires_action" or self.stop_reason is None:
            return []
        return [self.calls.get(id, {"id": id}) for id in self.stop_reason.get("event_ids") or []]

    @property
    def asked(self) -> list[Event]:
        """The pending calls that somebody is to allow or to deny."""
        return [call for call in self.pending if can_be_confirmed(call) and call["id"] not in self.confirmed]

    def _is_workers(self, call: Event) -> bool:
        """A session waits for a built-in tool that may run only where a worker has to run it."""
        may_run = not can_be_confirmed(call) or call["id"] in self.confirmed
        return call.get("type") == "agent.tool_use" and may_run

    @property
    def exit_code(self) -> ExitCode:
        """What the end of the turn means to a shell (README, "Exit codes")."""
        if self.status in ("terminated", "deleted"):
            return ExitCode.ENDED_BADLY
        reason = self.reason
        if reason == "end_turn":
            if self.interrupted:  # an interrupted turn reports end_turn too
                return ExitCode.INTERRUPTED
            if self.outcome in _UNMET_OUTCOMES:
                return ExitCode.OUTCOME_NOT_MET
        if reason is None:  # a session that never ran
            return ExitCode.OK
        return _STOP_CODES.get(reason, ExitCode.FAILURE)

    @property
    def explanation(self) -> str:
        """Why the turn did not end well, in one line; empty when it did."""
        if self.status == "deleted":
            return "The session was deleted."
        cause = str((self.error or {}).get("message") or "")
        if self.status == "terminated":
            return f"The session was terminated{': ' + cause if cause else '.'}"
        match self.reason:
            case None | "requires_action":
                return ""
            case "end_turn":
                if self.interrupted:
                    return "The turn was interrupted."
                return f"The outcome was not met {self.verdict}" if self.outcome in _UNMET_OUTCOMES else ""
            case "retries_exhausted":
                return cause or "The session gave up after too many errors."
            case "budget_reached":
                return "The session's budget is used up."
            case "refusal":
                why = str((self.stop_details or {}).get("explanation") or "")
                return f"The model refused{': ' + why if why else '.'}"
            case other:
                return f"The session stopped: {other}."

    def see(self, event: Event) -> bool:
        """Fold one event in; True when it belongs to the turn, False for what came before it."""
        kind = str(event.get("type"))
        id = str(event.get("id", ""))
        if id in self.own:
            self.started = True
            self.own_taken = self.own_taken or bool(event.get("processed_at"))
            self._picked_up = self._picked_up or self.own_taken
        if not self.started:
            return False
        self._fold(kind, id, event)
        return True

    def adopt(self, other: Turn) -> None:
        """Take over all that another one knows."""
        self.__dict__.update(other.__dict__)

    def accept(self) -> None:
        """The server says that the session rests: the idle we doubted was ours."""
        self.doubtful = False

    def _fold(self, kind: str, id: str, event: Event) -> None:
        if kind in CALLS:
            self.calls.setdefault(id, event)
        elif kind in RESULTS:
            self.answered.add(str(event.get(RESULTS[kind])))
            self.calls.pop(str(event.get(RESULTS[kind])), None)
        elif kind == "agent.message":
            self.answer = text_of(event)
        elif kind == "user.tool_confirmation":
            self.confirmed.add(str(event.get("tool_use_id")))
        elif kind == "user.interrupt":
            self.interrupted = True
        elif kind == "session.error":
            self.error = event.get("error") or {}
        elif kind == "session.usage":
            self.usage = event.get("usage")
        elif kind == "span.model_request_end" and id not in self._counted:
            self._counted.add(id)
            self._count(event.get("model_usage") or {})
        elif kind == "span.outcome_evaluation_end":
            self.outcome = str(event.get("result"))
            why = str(event.get("explanation") or "").strip()
            self.verdict = f"({self.outcome.replace('_', ' ')})" + (f": {why}" if why else ".")
        elif kind in ("session.status_running", "session.status_rescheduled"):
            if kind == "session.status_running" and self.status == "idle":
                self.interrupted = False  # an interrupted turn is followed by one of its own
            self.status = "running" if kind == "session.status_running" else "rescheduling"
            self.stop_reason = self.stop_details = None
            self.doubtful, self._picked_up = False, True
        elif kind == "session.status_idle":
            self.status = "idle"
            self.stop_reason = event.get("stop_reason") or {"type": "end_turn"}
            self.stop_details = event.get("stop_details")
            # The other reasons stop our queued message as well; after these two it is still to be worked on.
            self.doubtful = not self._picked_up and self.stop_reason.get("type") in ("end_turn", "refusal")
        elif kind in ("session.status_terminated", "session.deleted"):
            self.status = kind.removeprefix("session.status_").removeprefix("session.")
            self.doubtful = False

    def _count(self, usage: dict[str, Any]) -> None:
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            self.input_tokens += usage.get(name) or 0
        self.output_tokens += usage.get("output_tokens") or 0


def text_of(event: Event) -> str:
    """The text of an event's content; what the platform withholds says so."""
    blocks = event.get("content") or []
    return "".join(
        "[withheld]" if block.get("type") == "redacted" else str(block.get("text") or "") for block in blocks
    )


def can_be_confirmed(call: Event) -> bool:
    """Whether allow and deny are possible answers: only for calls that a policy asks about."""
    return call.get("type") in ("agent.tool_use", "agent.mcp_tool_use") and call.get("evaluated_permission") == "ask"


def confirmation(call_id: str, *, allow: bool, message: str = "") -> Event:
    """The event that answers a question."""
    event: Event = {"type": "user.tool_confirmation", "tool_use_id": call_id, "result": "allow" if allow else "deny"}
    if message and not allow:
        event["deny_message"] = message
    return event
