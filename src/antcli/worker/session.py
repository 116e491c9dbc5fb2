"""One session at work: its events come in, the calls that are ours are run one after the other, results go out.

Everything that happens arrives in one queue (events, answers of the tools, the end of the lease, the wish to stop), so
that the state below belongs to one thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal, NamedTuple

from antcli.client.client import Client
from antcli.client.follow import follow
from antcli.client.retries import backoff
from antcli.engine.tools.builtin import BUILTIN_TOOLS, validate_input
from antcli.errors import AntError, ApiError
from antcli.worker.begun import Begun
from antcli.worker.calls import Calls, Event, ends_turn
from antcli.worker.hands import BASH_SECONDS, FILE_SECONDS, Answer, Hands
from antcli.worker.lease import End, Lease, is_fatal
from antcli.worker.log import Log
from antcli.worker.memory import MemoryFolder
from antcli.worker.skills import download

OVERDUE_SECONDS = 10.0  # the tools keep their times themselves; a program that was stopped or starved does not
CANCEL_SECONDS = 3.0
LAST_TRIES = 3
LAST_IDLES = 20  # among which the end of the last turn is looked for, before the whole history is read
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0

# `left`: it has rested for a while. `stopped`: somebody wants the worker to leave it. `over`: the session is no more.
Ending = Literal["left", "stopped", "over", "lost", "refused"]


class Place(NamedTuple):
    """Where and how tools run. `begun` is the folder where calls that have begun are noted; `max_idle` is the rest in
    seconds after which the session is left, None is never."""

    workdir: Path
    begun: Path
    environ: Mapping[str, str]
    confined: bool = True
    max_idle: float | None = 60.0
    lease_seconds: int = 60


class Item(NamedTuple):
    """A claimed work item."""

    environment_id: str
    work_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class _Events:
    events: list[Event]


@dataclass(frozen=True, slots=True)
class _Answered:
    generation: int  # of the tools: late words of those that were given up count for nothing
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class _Ended:
    how: Ending
    trouble: str = ""


@dataclass(slots=True)
class _Running:
    call: Event
    number: int
    began: float
    deadline: float
    cancelled: bool = False


_Message = _Events | _Answered | _Ended


class SessionWork:
    """`client` bears the credential of the item, and is closed at the end."""

    def __init__(self, client: Client, item: Item, place: Place, log: Log) -> None:
        self._client = client
        self._item = item
        self._place = place
        self._log = log
        self._inbox: SimpleQueue[_Message] = SimpleQueue()
        self._calls = Calls()
        self._memory: list[MemoryFolder] = []
        self._begun = Begun(place.begun, item.session_id)
        self._lost = self._begun.get()  # the call that ran here when a worker before this one died
        self._hands: Hands | None = None
        self._generation = 0
        self._running: _Running | None = None
        self._number = 0
        self._unsent: list[dict[str, Any]] = []
        self._failures = 0
        self._send_at = 0.0
        self._rests_since: float | None = None
        self._lease = Lease(
            client, item.environment_id, item.work_id, seconds=place.lease_seconds, log=log,
            ended=lambda end: self._inbox.put(_Ended(_ENDINGS[end])),
        )  # fmt: skip

    def stop(self) -> None:
        """Leave the session, from any thread or a signal handler: what runs is killed, what waits is left to others."""
        self._inbox.put(_Ended("stopped"))

    def run(self) -> Ending:
        """Until the session rests, ends, or is taken away. Raises AntError when the session cannot be worked on."""
        self._lease.start()
        ending: Ending = "stopped"
        try:
            ending = self._work()
        except ApiError as error:
            ending = "refused" if is_fatal(error) else "stopped"
            raise
        finally:
            if self._hands is not None:
                self._hands.close()
            self._put_memory_away(ending)
            self._lease.close()
            self._release(ending)
            self._client.close()
        return ending

    def _work(self) -> Ending:
        session = self._client.call("sessions.retrieve", self._item.session_id)
        if session.get("status") == "terminated":
            return "over"
        self._place.workdir.mkdir(parents=True, exist_ok=True)
        for resource in session.get("resources") or ():
            if resource.get("type") == "memory_store":
                self._memory.append(MemoryFolder(self._client, resource, self._log))
        download(self._client, (session.get("agent") or {}).get("skills") or [], self._place.workdir, self._log)
        self._log.info("Working.")
        threading.Thread(target=self._follow, args=[self._last_rest()], name="events", daemon=True).start()
        return self._loop()

    def _last_rest(self) -> Event | None:
        """The newest end of a turn, if it is not long ago: what was asked before it has its answer."""
        query = {"order": "desc", "limit": LAST_IDLES, "types": ["session.status_idle"]}
        page = self._client.call("sessions.events.list", self._item.session_id, query=query)
        return next((event for event in page.get("data") or () if ends_turn(event)), None)

    def _loop(self) -> Ending:
        while True:
            message = self._next()
            if isinstance(message, _Ended):
                if message.trouble:
                    self._log.warning(message.trouble)
                self._wind_up(message.how)
                return message.how
            if isinstance(message, _Events):
                self._take(message.events)
            elif isinstance(message, _Answered) and message.generation == self._generation:
                self._heard(message.answer)
            self._keep_time()
            self._send()
            self._begin()
            if self._has_rested():
                return "left"

    def _next(self, limit: float | None = None) -> _Message | None:
        times = [self._running.deadline] if self._running else []
        if self._unsent:
            times.append(self._send_at)
        if self._rests_since is not None and self._place.max_idle is not None:
            times.append(self._rests_since + self._place.max_idle)
        if limit is not None:
            times.append(limit)
        try:
            return self._inbox.get(timeout=max(0.0, min(times) - time.monotonic()) if times else None)
        except Empty:
            return None

    # events

    def _follow(self, rest: Event | None) -> None:
        """In a thread. What was missed is handed over whole: a call in it may have its answer in it."""
        missed: list[Event] | None = [rest] if rest else []

        def caught_up() -> None:
            nonlocal missed
            events, missed = missed, None
            self._inbox.put(_Events(events or []))

        def lost() -> None:
            nonlocal missed
            missed = missed or []

        how: Ending = "over"
        trouble = ""
        live = follow(
            self._client, self._item.session_id, after=rest["id"] if rest else None, on_caught_up=caught_up,
            before_reconnect=lost, notice=self._log.warning,
        )  # fmt: skip
        try:
            for event in live:
                if missed is None:
                    self._inbox.put(_Events([event]))
                else:
                    missed.append(event)
        except AntError as error:
            gone = isinstance(error, ApiError) and error.status == 404
            how = "over" if gone else "refused" if is_fatal(error) else "stopped"
            trouble = f"The events cannot be read any more: {error.message}"
        self._inbox.put(_Ended(how, trouble))

    def _take(self, events: list[Event]) -> None:
        for event in events:
            ended = self._calls.take(event)
            if self._running is not None and self._running.call["id"] in ended:
                self._cancel()
        self._rests_since = time.monotonic() if self._calls.resting else None

    def _has_rested(self) -> bool:
        if self._rests_since is None or self._place.max_idle is None or self._running or self._unsent:
            return False
        return time.monotonic() >= self._rests_since + self._place.max_idle

    # calls

    def _begin(self) -> None:
        """Start what is due, when nothing runs and every result is out: the server decides what comes next by them."""
        while self._running is None and not self._unsent and (call := self._calls.due()) is not None:
            tool, input = call["name"], call.get("input") or {}
            if self._calls.is_interrupted(call):
                self._answer(call, _text("The user interrupted the session before this call ran."), is_error=True)
            elif problem := validate_input(tool, input):
                self._answer(call, _text(problem), is_error=True)
            elif call["id"] == self._lost:
                self._answer(
                    call, _text("The worker died during this call. It may have run: look before repeating it."), True
                )
            else:
                self._start(call, tool, input)

    def _start(self, call: Event, tool: str, input: dict[str, Any]) -> None:
        place, now = self._place, time.monotonic()
        if not BUILTIN_TOOLS[tool].pure:
            self._begun.set(call["id"])
        if self._hands is None:
            try:
                self._hands = Hands(
                    place.workdir,
                    self._item.session_id,
                    place.environ,
                    heard=self._hearer(),
                    within=[place.workdir, *(folder.path for folder in self._memory)] if place.confined else None,
                    read_only=[folder.path for folder in self._memory if not folder.is_writable],
                )
            except OSError as error:
                words = f"The tools cannot be started on the worker's machine: {error.strerror}."
                return self._answer(call, _text(words), is_error=True)
        self._number += 1
        given = input.get("timeout_ms") if tool == "bash" else None
        seconds = given / 1000 if given else BASH_SECONDS if tool == "bash" else FILE_SECONDS
        self._running = _Running(call, self._number, now, now + seconds + OVERDUE_SECONDS)
        self._hands.call(self._number, tool, input)
        return None

    def _hearer(self) -> Callable[[Answer | None], None]:
        self._generation += 1
        generation = self._generation
        return lambda answer: self._inbox.put(_Answered(generation, answer))

    def _heard(self, answer: Answer | None) -> None:
        running = self._running
        if answer is None:
            self._end_hands()
            if running is not None:
                self._answer(
                    running.call, _text("The tools were lost during this call; it may have had effects."), True
                )
        elif running is not None and answer["id"] == running.number:
            self._log.info(
                "A call is done.", tool=running.call["name"], is_error=bool(answer["is_error"]),
                seconds=round(time.monotonic() - running.began, 3),
            )  # fmt: skip
            if not BUILTIN_TOOLS[running.call["name"]].pure:
                self._sync_memory()
            self._answer(running.call, answer["content"], bool(answer["is_error"]))

    def _cancel(self) -> None:
        if self._running is not None and self._hands is not None and not self._running.cancelled:
            self._running.cancelled = True
            self._running.deadline = time.monotonic() + CANCEL_SECONDS
            self._hands.cancel(self._running.number)

    def _keep_time(self) -> None:
        if self._running is not None and time.monotonic() >= self._running.deadline:
            call = self._running.call
            self._end_hands()
            self._answer(
                call, _text("The tools no longer answered and were ended; the call may have had effects."), True
            )

    def _end_hands(self) -> None:
        hands, self._hands = self._hands, None
        self._generation += 1
        if hands is not None:
            hands.close()

    # results

    def _answer(self, call: Event, content: list[dict[str, Any]], is_error: bool) -> None:
        self._running = None
        self._calls.answered(call["id"])
        result = {"type": "user.tool_result", "tool_use_id": call["id"], "is_error": is_error, "content": content}
        self._unsent.append(result)
        self._failures, self._send_at = 0, 0.0
        self._send()

    def _send(self) -> None:
        while self._unsent and time.monotonic() >= self._send_at:
            try:
                body = {"events": [self._unsent[0]]}
                self._client.call("sessions.events.send", self._item.session_id, body=body, retries=0)
            except AntError as error:
                if not is_fatal(error):
                    self._failures += 1
                    self._send_at = time.monotonic() + backoff(self._failures, FIRST_DELAY, LONGEST_DELAY)
                    self._log.warning(f"A result could not be sent yet: {error.message}")
                    return
                # Mostly an interrupt was faster: the server has answered the call itself.
                self._log.warning(f"A result was not taken: {error.message}")
            del self._unsent[0]
            self._begun.clear()

    def _sync_memory(self) -> None:
        for folder in self._memory:
            folder.sync()

    # the end

    def _put_memory_away(self, how: Ending) -> None:
        if how != "lost":
            self._sync_memory()
        for folder in self._memory:
            folder.remove()

    def _wind_up(self, how: Ending) -> None:
        if how == "lost" or self._running is None:
            return
        call = self._running.call
        self._end_hands()
        self._answer(call, _text("The worker was stopped during this call; it may have had effects."), True)
        for _ in range(LAST_TRIES):
            if self._unsent:
                time.sleep(max(0.0, self._send_at - time.monotonic()))
                self._send()

    def _release(self, how: Ending) -> None:
        """Tell the queue. What a stopped worker leaves undone is another one's; a lost item is so already."""
        self._log.info("Done with the session.", how=how)
        if how == "lost":
            return
        if how == "stopped" and not (self._calls.resting and self._calls.due() is None):
            return self._lease.give_back()
        try:
            self._client.call(
                "environments.work.stop", self._item.environment_id, self._item.work_id, body={"force": True}
            )
        except AntError as error:
            if not (isinstance(error, ApiError) and error.status == 409):  # it had stopped already
                self._log.warning(f"The work item could not be stopped: {error.message}")
        return None


_ENDINGS: dict[End, Ending] = {"stopping": "over", "lost": "lost", "refused": "refused"}


def _text(words: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": words}]
