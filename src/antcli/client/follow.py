"""A session's events without a gap and without a repeat, over as many connections as it takes.

The stream of a server shows only what happens while it is open, so every connection goes the same way: open the stream,
list what is new, hand that out, then hand out what the stream brings and the list did not have (semantics.md 5).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from antcli.client.client import Client, EventStream
from antcli.client.retries import backoff
from antcli.client.seen import WINDOW, Seen, is_stamped
from antcli.errors import AntError, ApiError, ServerError

Event = dict[str, Any]

_PREVIEWS = ("event_start", "event_delta")
_LAST = ("session.deleted", "session.status_terminated")
_FIRST_PAGE, _LARGEST_PAGE = 20, 1000


def follow(
    client: Client,
    session_id: str,
    *,
    thread_id: str | None = None,
    deltas: Sequence[str] = (),
    history: bool = True,
    after: str | None = None,
    on_open: Callable[[], None] | None = None,
    on_caught_up: Callable[[], None] | None = None,
    stop: Callable[[Event], bool] | None = None,
    queued: bool = True,
    heartbeat_timeout: float = 60.0,
    first_delay: float = 0.1,
    longest_delay: float = 5.0,
    before_reconnect: Callable[[], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Iterator[Event]:
    """The events of a session, or of one of its threads, until it is deleted or terminated, or until `stop`.

    First come the past events in list order (`history`), or those after the event `after`, the last processed one that
    the caller knows; then the live ones. With `history=False` it begins with what happens from now on.

    An event that waits in the queue has no `processed_at`; its id comes once more, stamped, when it was processed.
    So an id comes at most twice: once queued, once stamped. `queued=False` leaves the queued copies out.
    Previews (`deltas`: "agent.message", "agent.thinking") are passed on as the stream brings them, and a reconnect
    does not bring back those it missed.

    `on_open` is called once, when the first stream stands: what is sent there cannot be missed. `on_caught_up` is
    called on every connection when all that was missed is handed out; what follows is live. `stop` is asked about
    every event, and about copies that the stream repeats, so it should judge by the event alone; the event it says
    yes to is the last one handed out. A connection without a byte for `heartbeat_timeout` seconds is dead.

    When a connection breaks, `notice` (else `client.on_notice`) is told once, and again when there is a new one. They
    are tried after `first_delay` to `longest_delay` seconds, for ever; `before_reconnect` is called before each and may
    raise to give up. Raises ApiError when the server refuses (4xx), and what the first connection and `on_open` raise.
    """
    tell = notice or (lambda text: client.on_notice(text))
    follower = _Follower(client, session_id, thread_id, tuple(deltas), after, stop, queued, heartbeat_timeout, tell)
    follower.on_caught_up = on_caught_up
    return follower.run(history, on_open, first_delay, longest_delay, before_reconnect)


class _Follower:
    def __init__(
        self,
        client: Client,
        session_id: str,
        thread_id: str | None,
        deltas: tuple[str, ...],
        after: str | None,
        stop: Callable[[Event], bool] | None,
        queued: bool,
        silence: float,
        notice: Callable[[str], None],
    ) -> None:
        self._client = client
        self._notice = notice
        self._family = "sessions.events" if thread_id is None else "sessions.threads.events"
        self._path = (session_id,) if thread_id is None else (session_id, thread_id)
        self._thread_id = thread_id
        self._query = {"event_deltas": list(deltas)} if deltas else None
        self._stop = stop
        self._queued = queued
        self._silence = silence
        self.on_caught_up: Callable[[], None] | None = None
        self._seen = Seen()
        if after is not None:
            self._seen.add_id(after)
        self._from: str | None = None  # the cursor of the last page of a list that can only be read forwards
        self._over = False

    def run(
        self,
        history: bool,
        on_open: Callable[[], None] | None,
        first_delay: float,
        longest_delay: float,
        before_reconnect: Callable[[], None] | None,
    ) -> Iterator[Event]:
        if not history and not self._seen:
            self._mark_present()
        opened = told = away = False
        attempt = 0
        while True:
            stood, known = None, self._seen.count
            trouble: AntError | None = None
            try:
                with self._open(0 if opened else None) as stream:
                    stood = time.monotonic()
                    if not opened and on_open is not None:
                        on_open()
                    opened = True
                    if away:
                        away = False
                        self._notice("Connected again.")
                    yield from self._connection(stream)
            except (ServerError, ApiError) as error:
                if not opened or _is_final(error):
                    raise
                trouble = error
            if self._over:
                return
            if self._seen.count > known or (stood is not None and time.monotonic() - stood >= longest_delay):
                attempt, told = 0, False
            attempt += 1
            if not told and (trouble is not None or attempt > 1):  # servers end streams now and then: no news
                self._client.pause(0)  # a client that was closed has lost nothing
                self._notice(f"Lost the event stream{_because(trouble)}; reconnecting.")
                told = away = True
            self._client.pause(backoff(attempt, first_delay, longest_delay))
            if before_reconnect is not None:
                before_reconnect()

    def _open(self, retries: int | None) -> EventStream:
        name = f"{self._family}.stream"
        return self._client.stream(name, *self._path, query=self._query, silence=self._silence, retries=retries)

    def _connection(self, stream: EventStream) -> Iterator[Event]:
        known = self._seen.count
        yield from self._missed()
        # What came while we listed is in the stream too. If that may be more than we remember, a new stream, opened
        # now, has less of it.
        if self._over or self._seen.count - known > WINDOW:
            return
        if self.on_caught_up is not None:
            self.on_caught_up()
        for event in stream:
            yield from self._live(event)
            if self._over:
                return

    def _live(self, event: Event) -> Iterator[Event]:
        if event.get("type") in _PREVIEWS:
            if not self._seen.knows_preview(event):  # else the list had it in full already
                yield event
            return
        if self._seen.is_new(event):
            yield from self._hand_out(event)
        else:
            self._over = self._is_last(event)

    def _hand_out(self, event: Event) -> Iterator[Event]:
        self._seen.add(event)
        self._over = self._is_last(event)
        if self._queued or is_stamped(event):
            yield event

    def _is_last(self, event: Event) -> bool:
        return self._ends(event) or (self._stop is not None and self._stop(event))

    def _ends(self, event: Event) -> bool:
        kind = event.get("type")
        if self._thread_id is not None and kind == "session.thread_status_terminated":
            return event.get("session_thread_id") == self._thread_id
        return kind in _LAST

    # The lists.

    def _missed(self) -> Iterator[Event]:
        """What the server has and we have not, in order; everything when we have nothing."""
        events: Iterable[Event]
        if not self._seen:
            events, ended = self._forwards(), False
        else:
            listed = self._backwards() if self._thread_id is None else list(self._forwards())
            old, new = self._split(listed)
            events = [event for event in old if self._seen.knows_queued(event)] + new
            ended = any(self._ends(event) for event in listed)
        for event in events:
            if self._seen.is_new(event):
                yield from self._hand_out(event)
                if self._over:
                    return
        self._over = ended

    def _split(self, listed: list[Event]) -> tuple[list[Event], list[Event]]:
        """What stands above the oldest event we know is new where we do not know it; what stands below is old."""
        for at, event in enumerate(listed):
            if self._seen.knows_stamped(event):
                return listed[: at + 1], listed[at + 1 :]
        return [], listed

    def _backwards(self) -> list[Event]:
        """From the newest back to one we know, and to all that were queued when we last saw them; oldest first."""
        found: list[Event] = []
        waiting = self._seen.queued_ids()
        size, known, cursor = _FIRST_PAGE, False, None
        while True:
            page = self._list(order="desc", limit=size, page=cursor)
            events = page.get("data") or []
            found += [event for event in events if event.get("id") in waiting] if known else events
            known = known or any(self._seen.knows_stamped(event) for event in events)
            waiting -= {str(event.get("id")) for event in events}
            if known and not waiting:
                break
            before, cursor = cursor, page.get("next_page")
            if not cursor or cursor == before:
                self._seen.forget_queued(waiting)
                break
            size = min(size * 5, _LARGEST_PAGE)
        return found[::-1]

    def _forwards(self) -> Iterator[Event]:
        """From the last page of the time before: the lists of threads know no other direction."""
        page = self._page_again()
        while True:
            events = page.get("data") or []
            yield from events
            cursor = page.get("next_page")
            if not cursor:
                return
            if events and is_stamped(events[-1]):  # behind queued ones it would skip what is processed in the meantime
                self._from = cursor
            page = self._list(limit=_LARGEST_PAGE, page=cursor)
            if page.get("next_page") == cursor:
                return

    def _page_again(self) -> dict[str, Any]:
        try:
            return self._list(limit=_LARGEST_PAGE, page=self._from)
        except ApiError as error:
            if error.status != 400 or self._from is None:
                raise
            self._from = None  # the cursor is too old
            return self._list(limit=_LARGEST_PAGE)

    def _mark_present(self) -> None:
        """Take what is there as known, back to the newest processed event: a reconnect looks for that."""
        if self._thread_id is not None:
            for event in self._forwards():
                self._seen.add(event)
            return
        present: list[Event] = []
        cursor = None
        while not any(is_stamped(event) for event in present):
            page = self._list(order="desc", limit=_FIRST_PAGE, page=cursor)
            present += page.get("data") or []
            before, cursor = cursor, page.get("next_page")
            if not cursor or cursor == before:
                break
        for event in reversed(present):
            self._seen.add(event)

    def _list(self, **query: Any) -> dict[str, Any]:
        page = self._client.call(f"{self._family}.list", *self._path, query=query)
        return page if isinstance(page, dict) else {}


def _is_final(error: AntError) -> bool:
    return isinstance(error, ApiError) and error.status < 500 and error.status not in (408, 409, 429)


def _because(trouble: AntError | None) -> str:
    return f" ({trouble.message.partition(': ')[0].rstrip('.')})" if trouble is not None else ""
