"""The live view of a turn on a terminal: finished things are printed once, the unfinished tail is drawn below them.

The answer appears as it is written, each tool call while it runs and then with the head of its result, and at the
bottom a line with the elapsed time and the tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from antcli.client.turn import CALLS, RESULTS, Event, Turn, text_of
from antcli.output.foreign import harmless
from antcli.output.spans import Line, Span, joined, styled
from antcli.output.surface import Surface
from antcli.output.tail import Tail
from antcli.output.text import BOLD, CYAN, DIM, GREEN, RED, YELLOW, cut, text_width, thread_style
from antcli.output.tool_calls import name_of, result_lines, short_input
from antcli.output.wrapping import wrapped
from antcli.output.writing import Writing

_WIDEST = 100  # columns of prose: longer rows are hard to read
_RESULT_ROWS = 5
_RUNNING_ROWS = 4
_FRAME_SECONDS = 0.04


@dataclass(frozen=True, slots=True)
class _Marks:
    spinner: str
    done: str
    failed: str
    asks: str
    bar: str
    dot: str


_UNICODE = _Marks("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "✓", "✗", "?", "│", " · ")
_ASCII = _Marks("-\\|/", "+", "x", "?", "|", " - ")


class Drawing(Protocol):
    """Where the view is drawn: `tail.Tail`, or above an input line."""

    def show(self, above: Sequence[Line], rows: Sequence[Line], /) -> None: ...


class Live:
    """The view for `client.drive`. Without `show_answer` (stdout is a pipe) only what happens on the way is shown."""

    deltas: Sequence[str] = ("agent.message", "agent.thinking")
    lively = True

    def __init__(
        self, surface: Surface, turn: Turn, *, show_answer: bool = True, clock: Callable[[], float] = time.monotonic,
        tail: Drawing | None = None, whole: bool = False,
    ) -> None:  # fmt: skip
        self.surface = surface
        self.turn = turn
        self.show_answer = show_answer
        self.whole = whole  # nothing is left out of results
        self.hint = ""  # what the reader can do now; at the end of the bottom line
        self.question: Callable[[], list[Line]] | None = None  # draws the question that is open
        self._clock = clock
        self._started = clock()
        self._drawn = float("-inf")
        self._tail: Drawing = tail or Tail(surface)
        self._threads: dict[str, str] = {}  # names of threads that are not the session's own
        self._above: list[Line] = []
        self._block = ""  # what the last row above belongs to
        self._gap = False  # an empty row is due: it keeps message and calls apart
        self._marks = _ASCII if surface.ascii_only else _UNICODE
        self._running: dict[str, tuple[Event, float]] = {}
        self._activity = "starting"
        self._writing = Writing(surface, self._put, self._width)

    # What the driver calls.

    def event(self, event: Event) -> None:
        kind = str(event.get("type"))
        if kind == "event_start":
            self._preview_begins(event.get("event") or {})
        elif kind == "event_delta":
            self._writing.grow(event)
        elif kind == "agent.message":
            self._message(event)
        elif kind in CALLS:
            if not self._writing.open:
                self._begin_block("calls")
            self._running[str(event["id"])] = (event, self._clock())
        elif kind in RESULTS:
            self._result(event, str(event.get(RESULTS[kind])))
        elif kind == "span.model_request_start":
            self._activity = "thinking"
        elif kind == "span.model_request_end":
            self._preview_ends()
            self._activity = "working"
        elif kind == "user.message" and str(event.get("id")) not in self.turn.own and event.get("processed_at"):
            self.say(f"> {harmless(text_of(event))}", DIM)
        elif kind == "session.error":
            self._error(event.get("error") or {})
        else:
            self._status(kind, event)

    def refresh(self, *, at_once: bool = False) -> None:
        """Draws what changed, at most 25 times a second."""
        now = self._clock()
        if not at_once and now - self._drawn < _FRAME_SECONDS:
            return
        self._drawn = now
        self._writing.flush()
        above, self._above = self._above, []
        self._tail.show(above, self._rows(now))

    def notice(self, text: str) -> None:
        self._writing.flush()
        self._begin_block("notice")
        self._print(wrapped(text, YELLOW, self._width()))

    # What commands call.

    def say(self, text: str, style: str = "", *, block: str = "") -> None:
        """Prints a remark above the tail with the next frame; `block` keeps it apart from what is above."""
        self._writing.flush()
        if block:
            self._begin_block(block)
        self._print(styled(row, style) for row in text.split("\n"))
        self._block = self._block or "remark"

    def _begin_block(self, kind: str) -> None:
        self._gap = self._gap or self._block not in ("", kind)
        self._block = kind

    def _print(self, rows: Iterable[Line]) -> None:
        for row in rows:
            if self._gap:
                self._above.append(())
            self._gap = False
            self._above.append(row)

    def finish(self) -> None:
        """Takes the tail away and leaves a line with what the turn took. The view can go on with another turn."""
        self._preview_ends()
        for call, started in self._running.values():
            self._print_call(call, started, self._marks.asks, YELLOW, "no result yet")
        self._running.clear()
        self._begin_block("end")
        self.say(self._marks.dot.join(self._figures(self._clock())), DIM)
        above, self._above = self._above, []
        self._tail.show(above, ())

    def close(self) -> None:
        """Leaves the terminal as it was found, whatever happened."""
        above, self._above = self._above, []
        self._tail.show(above, ())

    # Messages.

    def _preview_begins(self, event: Event) -> None:
        if event.get("type") == "agent.message":
            self._preview_ends()
            self._writing.begin(str(event.get("id")))
            self._activity = "writing"
        else:
            self._activity = "thinking"

    def _preview_ends(self) -> None:
        """A preview without its message: the request failed or was interrupted."""
        if self._writing.open:
            self._writing.end()
            if self.show_answer:
                self.say("(not finished)", DIM)

    def _message(self, event: Event) -> None:
        if not self._writing.is_of(event):
            self._preview_ends()
        self._writing.complete(event)
        self._activity = "working"

    def _put(self, rows: Sequence[Line]) -> None:
        if self.show_answer:
            self._begin_block("message")
            self._print(rows)

    # Tool calls.

    def _result(self, event: Event, call_id: str) -> None:
        call, started = self._running.pop(call_id, (None, 0.0))
        if call is None:
            return
        failed = bool(event.get("is_error"))
        mark, style = (self._marks.failed, RED) if failed else (self._marks.done, GREEN)
        self._print_call(call, started, mark, style)
        width = self._width(narrow=False) - 4
        lines = result_lines(event)
        for line in lines if self.whole else _excerpt(lines, from_end=failed):
            self.say(f"  {self._marks.bar} {cut(harmless(line), width)}", joined(DIM, RED) if failed else DIM)

    def _print_call(self, call: Event, started: float, mark: str, style: str, remark: str = "") -> None:
        self._writing.flush()
        self._print([self._call_row(call, mark, style, remark or _duration(self._clock() - started))])

    def _call_row(self, call: Event, mark: str, style: str, taken: str) -> Line:
        """Name and short input, cut so that what it took fits behind."""
        reserved = 2 + len(taken) + 3
        label, colour = self._thread_label(call)
        width = max(self._width(narrow=False) - reserved - text_width(label), 8)
        name = cut(harmless(name_of(call)), width)
        room = width - text_width(name) - 1
        short = cut(harmless(short_input(call)).replace("\n", " "), room) if room > 3 else ""
        words = (Span(label, colour), Span(name, BOLD), Span(f" {short}" if short else ""))
        return (Span(mark, style), Span(" "), *words, Span(f"  {taken}", DIM))

    def _thread_label(self, event: Event) -> tuple[str, str]:
        """The thread that an event came from, when it is not the session's own, and its colour."""
        id = str(event.get("session_thread_id") or "")
        if not id:
            return "", ""
        name = cut(harmless(self._threads.get(id, id)), 24)
        return f"[{name}] ", thread_style(id)

    # The rest.

    def _error(self, error: Event) -> None:
        retry = (error.get("retry_status") or {}).get("type")
        if retry == "retrying":
            kind = str(error.get("type"))
            what = "the model is busy" if kind.startswith("model_") else kind.removesuffix("_error").replace("_", " ")
            self.notice(harmless(f"{what}, retrying: {error.get('message') or ''}").rstrip(": "))

    def _status(self, kind: str, event: Event) -> None:
        if kind == "session.status_running":
            self._activity = "thinking"
            now = self._clock()  # what was waiting for a person starts now
            self._running = {
                id: (call, now if _asks(call) else started) for id, (call, started) in self._running.items()
            }
        elif kind == "session.status_rescheduled":
            self._activity = "waiting to try again"
        elif kind == "user.interrupt":
            self._activity = "stopping"
        elif kind == "agent.thread_context_compacted":
            self.say("The context was compacted.", DIM)
        elif kind == "session.thread_created" and event.get("agent_name"):
            self._threads[str(event.get("session_thread_id"))] = str(event["agent_name"])
            label, colour = self._thread_label(event)
            self.say(f"{label}started", colour)
        elif kind == "user.tool_confirmation" and event.get("result") == "deny":
            self.say("Denied.", DIM)

    def _rows(self, now: float) -> list[Line]:
        rest = self._writing.rest() if self.show_answer else []
        rows: list[Line] = [()] if self._gap or (rest and self._block not in ("", "message")) else []
        rows += rest
        spinner = self._marks.spinner[int(now * 10) % len(self._marks.spinner)]
        running = list(self._running.values())
        if self.question is not None:  # it shows what it asks about
            running = [(call, started) for call, started in running if not _asks(call)]
        for call, started in running[:_RUNNING_ROWS]:
            waits = _asks(call) and str(call["id"]) not in self.turn.confirmed
            mark, style = (self._marks.asks, YELLOW) if waits else (spinner, CYAN)
            rows.append(self._call_row(call, mark, style, _duration(now - started)))
        if len(running) > _RUNNING_ROWS:
            rows.append(styled(f"  … and {len(running) - _RUNNING_ROWS} more calls", DIM))
        if self.question is not None:
            return rows + self.question()
        activity = "" if running or rest else self._activity
        parts = [*self._figures(now), activity, self.hint]
        text = cut(self._marks.dot.join(part for part in parts if part), self._width(narrow=False) - 2)
        return [*rows, (Span(spinner, CYAN), Span(f" {text}", DIM))]

    def _figures(self, now: float) -> list[str]:
        figures = [_duration(now - self._started)]
        if self.turn.input_tokens or self.turn.output_tokens:
            figures.append(f"{_count(self.turn.input_tokens)} in, {_count(self.turn.output_tokens)} out tokens")
        return figures

    def _width(self, *, narrow: bool = True) -> int:
        """Columns to write in: the last one stays free, so that no terminal wraps by itself."""
        width = max(self.surface.width - 1, 10)
        return min(width, _WIDEST) if narrow else width


def _excerpt(lines: list[str], *, from_end: bool) -> list[str]:
    """The first lines of a result; of an error the last ones, which say what it was."""
    hidden = len(lines) - _RESULT_ROWS
    if hidden <= 1:
        return lines
    if from_end:
        return [f"… {hidden} lines before", *lines[hidden:]]
    return [*lines[:_RESULT_ROWS], f"… {hidden} more lines"]


def _asks(call: Event) -> bool:
    return call.get("evaluated_permission") == "ask"


def _duration(seconds: float) -> str:
    """`0.4s`, `12s`, `3m 05s`, `2h 05m`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def _count(number: int) -> str:
    """`950`, `3.2k`, `1.4M`."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 999_950 else f"{number / 1_000_000:.1f}M"
