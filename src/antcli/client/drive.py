"""Drive a session to the end of a turn: send, follow, answer questions, keep the time limit, stop on Ctrl-C.

Everything that can happen (an event, a key, a signal, the end of the stream) enters one inbox, and the one loop that
reads it is the only place where something is decided.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal, Protocol

from antcli.client.client import Client
from antcli.client.follow import follow
from antcli.client.turn import Event, Turn, can_be_confirmed, confirmation
from antcli.errors import AntError, ApiError, ExitCode, ServerError
from antcli.fatal_signals import stopping

Approval = Literal["ask", "all", "none"]
Leaving = Literal["interrupt", "leave"]

REFUSED_BY_POLICY = "This call is not allowed: the run was started with --approve none."
_STOPPING_SECONDS = 5.0  # how long a session may take to come to rest after an interrupt
_DOUBT_SECONDS = 0.5  # how long an idle of unknown origin stands before the server is asked


class View(Protocol):
    """Shows what happens. `deltas` are the event types to preview; without `lively` nothing moves between events."""

    deltas: Sequence[str]
    lively: bool

    def event(self, event: Event) -> None: ...
    def refresh(self) -> None: ...
    def notice(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a question; `allow` None leaves the call pending."""

    allow: bool | None
    message: str = ""


class Questions(Protocol):
    """Asks a person about one call at a time. Keys arrive through `put`, from any thread."""

    def open(self, call: Event, number: int, total: int, put: Callable[[str], None]) -> None: ...
    def key(self, key: str) -> Answer | None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended: the exit code, what to tell (empty when all is well), and the seconds it took."""

    exit_code: ExitCode
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Notice:
    text: str


class _Signal:
    pass


class _Closed:
    pass


@dataclass(frozen=True, slots=True)
class _Key:
    key: str


_Item = Event | Turn | _Key | _Notice | _Signal | _Closed | BaseException


class Drive:
    """One turn of one session, from `opening` to its end. That is called once, in another thread, when the stream
    stands; a turn that it returns is how the session stands then.

    `deadline` is a time of `time.monotonic`. `leaving` says what a signal or the deadline does to the session:
    interrupt it, or leave it alone. `goes_on` says which rests are no end yet.
    """

    def __init__(
        self, client: Client, session_id: str, *, turn: Turn, view: View, opening: Callable[[], Turn | None],
        approve: Approval = "ask", questions: Questions | None = None, deadline: float | None = None,
        leaving: Leaving = "interrupt", before_reconnect: Callable[[], None] | None = None,
        goes_on: Callable[[Turn], bool] | None = None,
    ) -> None:  # fmt: skip
        self.client = client
        self.session_id = session_id
        self.view = view
        self.opening = opening
        self.approve = approve
        self.questions = questions
        self.deadline = deadline
        self.leaving = leaving
        self.before_reconnect = before_reconnect
        self.goes_on = goes_on
        self.turn = turn
        self.leaving_notice = "Interrupting (Ctrl-C again leaves at once)."
        self._inbox: SimpleQueue[_Item] = SimpleQueue()
        self._stop = threading.Event()
        self._opened = False
        self._asked: Event | None = None
        self._answered: set[str] = set()
        self._together: list[str] = []  # the calls that are asked about at the same time, in order
        self._left_pending: set[str] = set()
        self._interrupted_again = False
        self._left: ExitCode | None = None  # the exit code once we have interrupted the session
        self._doubted_at: float | None = None
        self._told_of_worker = False
        self._started = time.monotonic()

    def run(self) -> Ending:
        """Returns when the turn is over, needs somebody, or was given up. Raises what `follow` and the client raise."""
        reader = threading.Thread(target=self._read, name="events", daemon=True)
        with self._notices_to_inbox(), stopping(lambda: self._inbox.put(_Signal())):
            reader.start()
            try:
                return self._loop()
            except KeyboardInterrupt:  # the second Ctrl-C
                return self._ending(ExitCode.INTERRUPTED, "Left while the session was still stopping.")
            finally:
                self._close_question()
                self._stop.set()

    @property
    def opened(self) -> bool:
        """Whether `opening` was called: something may have been sent."""
        return self._opened

    @property
    def left(self) -> bool:
        """Whether a signal or the deadline ended it."""
        return self._left is not None

    def interrupt(self) -> None:
        """As a signal does; from any thread."""
        self._inbox.put(_Signal())

    # The inbox and what fills it.

    def _read(self) -> None:
        try:
            events = follow(
                self.client, self.session_id, deltas=tuple(self.view.deltas), history=False,
                on_open=self._open, stop=lambda event: self._stop.is_set(), before_reconnect=self._reconnects,
                notice=self._notice,
            )  # fmt: skip
            for event in events:
                self._inbox.put(event)
            self._inbox.put(_Closed())
        except BaseException as error:
            self._inbox.put(error)

    def _open(self) -> None:
        if self._left is not None:
            return  # given up before anything was sent
        self._opened = True
        found = self.opening()
        if found is not None:
            self._inbox.put(found)

    def _notice(self, text: str) -> None:
        if not self._stop.is_set():  # a stream that nobody follows any more may break unnoticed
            self.client.on_notice(text)

    def _reconnects(self) -> None:
        if self._stop.is_set():
            raise ServerError("The session is no longer followed.")
        if self.before_reconnect is not None:
            self.before_reconnect()

    @contextmanager
    def _notices_to_inbox(self) -> Iterator[None]:
        """What the client has to say goes where the view draws, not across it."""
        before = self.client.on_notice
        if self.view.lively:
            self.client.on_notice = lambda text: self._inbox.put(_Notice(text))
        try:
            yield
        finally:
            self.client.on_notice = before

    # The loop.

    def _loop(self) -> Ending:
        while True:
            ending = None
            for item in self._arrivals():
                self._take(item)
                if self.turn.ended and (ending := self._decide()) is not None:
                    break  # what follows belongs to the next turn
            self._settle_doubt()
            ending = ending or self._decide()
            self.view.refresh()
            if ending is not None:
                return ending

    def _arrivals(self) -> Iterator[_Item]:
        """Waits for one item or the next tick, then takes what else is there: a burst costs one refresh."""
        try:
            yield self._inbox.get(timeout=self._patience())
            for _ in range(1000):
                yield self._inbox.get_nowait()
        except Empty:
            return

    def _patience(self) -> float:
        patience = 0.1 if self.view.lively else 1.0
        if self.turn.doubtful:
            patience = min(patience, _DOUBT_SECONDS)
        if self.deadline is not None:
            patience = min(patience, max(self.deadline - time.monotonic(), 0.0))
        return patience

    def _take(self, item: _Item) -> None:
        if isinstance(item, dict):
            if self.turn.see(item):
                self.view.event(item)
            if self._left is not None and item.get("type") == "session.status_running":
                self._interrupt_own()
        elif isinstance(item, Turn):
            self.turn.adopt(item)
        elif isinstance(item, _Key):
            self._take_key(item.key)
        elif isinstance(item, _Notice):
            self.view.notice(item.text)
        elif isinstance(item, _Signal):
            self._leave(ExitCode.INTERRUPTED)
        elif isinstance(item, _Closed):
            self._closed()
        else:
            raise item

    def _decide(self) -> Ending | None:
        """What follows from the state of the turn; None goes on."""
        if self._left is None and self.deadline is not None and time.monotonic() >= self.deadline:
            self._leave(ExitCode.TIMED_OUT)
        if self._left is not None:
            return self._decide_after_leaving(self._left)
        if not self.turn.ended:
            self._together.clear()
            if self.turn.at_worker and not self._told_of_worker:
                self._told_of_worker = True
                self.client.on_notice("A worker of its environment runs its tools; until one does, the session waits.")
            return None
        if self.goes_on is not None and self.turn.status == "idle" and self.goes_on(self.turn):
            return None
        if self.turn.reason == "requires_action":
            return self._decide_about_questions()
        return self._ending(self.turn.exit_code, self.turn.explanation)

    def _decide_after_leaving(self, code: ExitCode) -> Ending | None:
        words = "The time limit ran out" if code is ExitCode.TIMED_OUT else "Interrupted"
        if self.leaving == "leave":
            return self._ending(code, f"{words}. The session goes on.")
        if not self._opened:
            return self._ending(code, f"{words} before anything was sent.")
        if self.turn.ended and self.turn.reason != "requires_action":
            return self._ending(code, f"{words}. The session has stopped.")
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return self._ending(code, f"{words}. The session was told to stop and is still at it.")
        return None

    def _ending(self, code: ExitCode, message: str) -> Ending:
        return Ending(code, message, time.monotonic() - self._started)

    def _closed(self) -> None:
        """The stream is over for good: the session is gone, or the server says how it stands."""
        if not self.turn.ended:
            self.turn.see({"type": "session.status_terminated", "id": ""})
            self.turn.started, self.turn.doubtful = True, False

    # Leaving.

    def _leave(self, code: ExitCode) -> None:
        if self._left is not None:
            return
        self._close_question()
        self._left = code
        if self.leaving == "leave" or not self._opened:
            return
        self.deadline = time.monotonic() + _STOPPING_SECONDS
        self.view.notice(self.leaving_notice)
        self.view.refresh()
        try:
            self._send({"type": "user.interrupt"})
        except AntError as error:  # it does not run, or nobody answers
            self.view.notice(f"Not interrupted: {error.message}")
            self.deadline = time.monotonic()

    def _interrupt_own(self) -> None:
        """What we interrupted was the turn before ours, and our message, still queued, begins the next: not wanted."""
        if self.leaving == "leave" or self.turn.own_taken or self._interrupted_again:
            return
        self._interrupted_again = True
        with suppress(AntError):  # it is over already, or nobody answers: the time limit ends the wait
            self._send({"type": "user.interrupt"})

    def _settle_doubt(self) -> None:
        """An idle that may belong to an earlier turn: when nothing follows it, the server's word decides."""
        if not self.turn.doubtful:
            self._doubted_at = None
            return
        now = time.monotonic()
        if self._doubted_at is None:
            self._doubted_at = now
        elif now - self._doubted_at >= _DOUBT_SECONDS:
            self._doubted_at = now
            if self.client.call("sessions.retrieve", self.session_id).get("status") in ("idle", "terminated"):
                self.turn.accept()

    # Questions.

    def _decide_about_questions(self) -> Ending | None:
        pending = self.turn.pending
        self._together += [call["id"] for call in pending if call["id"] not in self._together]
        known = self._answered | self.turn.confirmed
        waiting = [call for call in pending if call["id"] not in known]
        if self._asked is not None and all(call["id"] != self._asked["id"] for call in waiting):
            self._close_question()  # somebody else answered
        if not waiting and pending:
            return None
        answerable = [call for call in waiting if can_be_confirmed(call) and call["id"] not in self._left_pending]
        if answerable and self.approve != "ask":
            self._answer(answerable, Answer(self.approve == "all", REFUSED_BY_POLICY))
            return None
        if answerable and self.questions is not None:
            if self._asked is None:
                self._asked = answerable[0]
                number = self._together.index(self._asked["id"]) + 1
                self.questions.open(self._asked, number, len(self._together), lambda key: self._inbox.put(_Key(key)))
            return None
        return self._ending(ExitCode.REQUIRES_ACTION, "")

    def _take_key(self, key: str) -> None:
        if self._asked is None or self.questions is None:
            return
        answer = self.questions.key(key)
        if answer is None:
            return
        call = self._asked
        self._close_question()
        if answer.allow is None:
            self._left_pending.add(call["id"])
        else:
            self._answer([call], answer)

    def _answer(self, calls: Sequence[Event], answer: Answer) -> None:
        allow = bool(answer.allow)
        self._answered.update(call["id"] for call in calls)
        try:
            self._send(*(confirmation(call["id"], allow=allow, message=answer.message) for call in calls))
        except ApiError as error:
            if error.status not in (400, 409):
                raise
            self.view.notice(f"Not taken: {error.message}")

    def _close_question(self) -> None:
        if self._asked is not None and self.questions is not None:
            self.questions.close()
            self._asked = None

    def _send(self, *events: Event) -> None:
        self.client.call("sessions.events.send", self.session_id, body={"events": list(events)})
