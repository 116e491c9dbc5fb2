"""Which tool calls of a session are this worker's to run, folded from the session's events (api.md 21.4)."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]

TOOLS = ("bash", "read", "write", "edit", "glob", "grep")
# They say nothing about whether the session rests.
_NEUTRAL = ("user.tool_confirmation", "session.thread_status_terminated")


class Calls:
    """`resting`: the last that was heard is that the session has ended its turn."""

    def __init__(self) -> None:
        self.resting = False
        self._open: dict[str, Event] = {}  # without an answer, in the order of asking
        self._answered: set[str] = set()
        self._verdicts: dict[str, str] = {}
        self._interrupted: set[str] = set()
        self._interrupts: set[str] = set()

    def take(self, event: Event) -> set[str]:
        """The ids of open calls that this event ends: somebody else has answered, or the user has interrupted."""
        kind = event.get("type")
        if kind not in _NEUTRAL:
            self.resting = kind == "session.status_idle" and ends_turn(event)
        if kind == "agent.tool_use":
            if event["id"] not in self._answered:
                self._open.setdefault(event["id"], event)
        elif kind in ("user.tool_result", "agent.tool_result"):
            return self.answered(event["tool_use_id"])
        elif kind == "user.tool_confirmation":
            self._verdicts[event["tool_use_id"]] = event["result"]
        elif kind == "session.thread_status_terminated":
            ended = self._of_thread(event["session_thread_id"])
            return set().union(*(self.answered(id) for id in ended))
        elif kind == "user.interrupt" and event.get("id") not in self._interrupts:
            self._interrupts.add(event["id"])  # it comes queued, and again when it was processed
            thread = event.get("session_thread_id")
            ended = self._of_thread(thread) if thread else set(self._open)
            self._interrupted |= ended
            return ended
        return set()

    def answered(self, id: str) -> set[str]:
        """The call has its answer; the set of it when it was open."""
        self._answered.add(id)
        return {id} if self._open.pop(id, None) else set()

    def due(self) -> Event | None:
        """The oldest call that may run now."""
        return next((call for call in self._open.values() if self._may_run(call)), None)

    def is_interrupted(self, call: Event) -> bool:
        """The user has interrupted the session since: the call is to be answered, and not to be run."""
        return call["id"] in self._interrupted

    def _may_run(self, call: Event) -> bool:
        if call["name"] not in TOOLS:
            return False
        permission = call.get("evaluated_permission") or "allow"
        return permission == "allow" or (permission != "deny" and self._verdicts.get(call["id"]) == "allow")

    def _of_thread(self, thread: str) -> set[str]:
        return {id for id, call in self._open.items() if call.get("session_thread_id") == thread}


def ends_turn(event: Event) -> bool:
    """Whether a session.status_idle is more than a wait for results."""
    return (event.get("stop_reason") or {}).get("type") != "requires_action"
