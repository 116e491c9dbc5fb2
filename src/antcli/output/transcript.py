"""Events as plain text: the time, who, and what was said or done. What is left out is counted."""

from __future__ import annotations

from datetime import datetime

from antcli.client.turn import CALLS, RESULTS, Event, text_of
from antcli.output.foreign import harmless
from antcli.output.text import BOLD, CYAN, DIM, GREEN, RED, clean, paint, thread_style
from antcli.output.tool_calls import full_input, name_of, result_lines

_LONGEST = 20  # lines of one tool input or result
# Previews, spans and the thread's copies of the session's status say nothing that the others do not.
_SILENT_PREFIXES = (
    "event_", "span.model_", "span.outcome_evaluation_start", "span.outcome_evaluation_ongoing",
    "session.thread_status_", "session.usage", "agent.thinking",
)  # fmt: skip


def silent(kind: str) -> bool:
    """Whether events of this type have no line."""
    return kind.startswith(_SILENT_PREFIXES)


class Transcript:
    """Turns events into lines, one event at a time. Keeps the names of calls, and the day for a line when it changes.

    `whole` leaves nothing out of long inputs and results.
    """

    def __init__(self, *, whole: bool = False, times: bool = True, colour: bool = False) -> None:
        self.whole = whole
        self.times = times
        self.colour = colour
        self._threads: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self._day = datetime.now().astimezone().date()

    def lines(self, event: Event) -> list[str]:
        """The lines of one event, without newlines; none for events that a reader does not need."""
        kind = str(event.get("type"))
        if silent(kind):
            return []
        who, body = self._said(kind, event)
        body = [line for text in body for line in harmless(text.rstrip("\n")).split("\n")]
        if not body:
            return []
        day, head, margin = self.head(event, who, self._style(kind, event))
        first, *others = body
        return [*day, f"{head} {first}".rstrip(), *(f"{margin}{line}".rstrip() for line in others)]

    @property
    def margin(self) -> str:
        """What stands before the second line of an event and those below."""
        return " " * (20 if self.times else 10)

    def head(self, event: Event, who: str, style: str = GREEN) -> tuple[list[str], str, str]:
        """A line with the day where that is a new one, what stands before the first line, and before the others."""
        stamp, day = self._stamp(event)
        margin = " " * (len(stamp) + 10)
        label = self._label(event)
        who = f"{harmless(who):<9}"
        if self.colour:
            who, stamp = paint(who, style), paint(stamp, DIM)
        return day, f"{stamp}{label}{who}", margin

    def _label(self, event: Event) -> str:
        """The thread that an event speaks of, when it is not the session's own."""
        id = event.get("session_thread_id") or event.get("from_session_thread_id") or event.get("to_session_thread_id")
        if not id:
            return ""
        name = event.get("agent_name") or event.get("from_agent_name") or event.get("to_agent_name")
        if name:
            self._threads[str(id)] = clean(str(name))
        label = f"[{self._threads.get(str(id)) or str(id)[:12]}] "
        return paint(label, thread_style(str(id))) if self.colour else label

    @staticmethod
    def _style(kind: str, event: Event) -> str:
        if kind == "session.error" or (kind in RESULTS and event.get("is_error")):
            return RED
        if kind in CALLS or kind in RESULTS:
            return CYAN
        return {"user": BOLD, "agent": GREEN}.get(kind.partition(".")[0], DIM)

    def _said(self, kind: str, event: Event) -> tuple[str, list[str]]:
        if kind in CALLS:
            self._calls[str(event.get("id"))] = name_of(event)
            asked = "(asks) " if event.get("evaluated_permission") == "ask" else ""
            return name_of(event), _begun(asked, self._cut(full_input(event)) or ["(no input)"])
        if kind in RESULTS:
            name = self._calls.pop(str(event.get(RESULTS[kind])), "tool")
            failed = "error: " if event.get("is_error") else ""
            return f"{name} ->", _begun(failed, self._cut(result_lines(event)) or ["(no output)"])
        match kind:
            case "user.message" | "agent.message" | "system.message":
                return kind.split(".")[0], [text_of(event) or _content_words(event)]
            case "user.interrupt":
                return "user", ["(interrupt)"]
            case "user.tool_confirmation":
                reason = event.get("deny_message")
                return "user", [f"{event.get('result')}{f': {reason}' if reason else ''}"]
            case "user.define_outcome":
                return "user", [f"outcome: {event.get('description')}"]
            case "agent.thread_message_sent" | "agent.thread_message_received":
                word, name = ("to", "to_agent_name") if kind.endswith("sent") else ("from", "from_agent_name")
                return "agent", [f"{word} {event.get(name) or 'the primary thread'}: {text_of(event)}"]
            case "session.error":
                error = event.get("error") or {}
                retry = (error.get("retry_status") or {}).get("type")
                return "error", [f"{error.get('message') or error.get('type')}{f' ({retry})' if retry else ''}"]
            case "session.status_idle":
                return "session", [f"idle: {(event.get('stop_reason') or {}).get('type')}"]
            case "session.thread_created":
                return "thread", [f"created: {event.get('agent_name') or event.get('session_thread_id')}"]
            case "span.outcome_evaluation_end":
                return "grader", [f"{event.get('result')}: {event.get('explanation') or ''}".rstrip(": ")]
        domain, _, action = kind.partition(".")
        return domain, [action.removeprefix("status_").replace("_", " ")]

    def _cut(self, lines: list[str]) -> list[str]:
        if self.whole or len(lines) <= _LONGEST + 1:
            return lines
        return [*lines[:_LONGEST], f"({len(lines) - _LONGEST} more lines; --whole shows them)"]

    def _stamp(self, event: Event) -> tuple[str, list[str]]:
        """The time in this machine's zone, and a line with the day when it is another one than before."""
        if not self.times:
            return "", []
        try:
            moment = datetime.fromisoformat(str(event.get("processed_at"))).astimezone()
        except ValueError:  # still queued
            return " " * 10, []
        day = []
        if moment.date() != self._day:
            self._day = moment.date()
            day = [f"--- {self._day.isoformat()} ---"]
        return f"{moment:%H:%M:%S}  ", day


def _begun(word: str, lines: list[str]) -> list[str]:
    return [word + lines[0], *lines[1:]]


def _content_words(event: Event) -> str:
    return " ".join(f"[{block.get('type')}]" for block in event.get("content") or [])
