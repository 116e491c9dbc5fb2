"""One session in memory: the fold of its log, a lock that orders its writers, and its live streams."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from antcli.engine.clock import now
from antcli.engine.errors import not_found
from antcli.engine.metrics import counters
from antcli.engine.session.events import frame, not_before
from antcli.engine.session.state import State, fold
from antcli.engine.session.stream import LARGEST_CHUNK, Subscriber
from antcli.engine.store.base import Append, MissingError, Record, SessionRow, StaleError, StorageError, Store

STORAGE_PAUSE = 2.0

logger = logging.getLogger("antcli.engine")


class Draft:
    """What a decision writes: records, folded as they are added, and changes of the session's row.

    `state` is a working copy, always the fold of the log and of the records added so far; `stored` is the body of the
    row as it is.
    """

    def __init__(self, state: State, position: int, stored: dict[str, Any]) -> None:
        self.state = state
        self.stored = stored
        self.records: list[Record] = []
        self.body: dict[str, Any] | None = None
        self.archived_at: str | None = None
        self._position = position

    @property
    def budget(self) -> dict[str, Any] | None:
        return (self.stored if self.body is None else self.body).get("budget")

    def add(self, *records: Record) -> None:
        for record in records:
            self._position += 1
            record = replace(not_before(record, self.state.latest), position=self._position)
            fold(self.state, record)
            self.records.append(record)


Decide = Callable[[Draft], None]


class SessionLog:
    """`commit` is the only way to write. What streams show has been on disk before (DESIGN.md 5.2)."""

    def __init__(self, store: Store, row: SessionRow) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._subscribers: set[Subscriber] = set()
        self.row = row
        self.state = State.from_json(row.state)

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def position(self) -> int:
        return self.row.last_position

    async def commit(self, decide: Decide, *, epoch: int | None = None) -> list[Record]:
        """Write what `decide` adds to a draft on the present state; returns the records once they are on disk.

        `decide` is called again when another process wrote first. It may raise, then nothing is written.
        Cancelling the caller does not undo the write. With an `epoch`, a write that leaves the session parked or ended
        gives the lease back. Raises FencedError, RequestError (404), StorageError.
        """
        return await asyncio.shield(asyncio.ensure_future(self._commit(decide, epoch)))

    async def _commit(self, decide: Decide, epoch: int | None) -> list[Record]:
        async with self._lock:
            while True:
                draft = Draft(self.state.copy(), self.position, self.row.body)
                decide(draft)
                records, state = draft.records, draft.state
                if not records and draft.body is None:
                    return []
                row = replace(
                    self.row,
                    state=state.to_json(),
                    status=state.status,
                    updated_at=now(),
                    body=self.row.body if draft.body is None else draft.body,
                    archived_at=draft.archived_at or self.row.archived_at,
                    last_position=self.position + len(records),
                )
                release = epoch is not None and state.status not in ("running", "rescheduling")
                append = Append(
                    self.id, self.position, records, row.state, row.status, row.updated_at,
                    epoch, release, draft.body, draft.archived_at,
                )  # fmt: skip
                try:
                    await self._store.append(append)
                except StaleError:
                    await self._take_over()
                    continue
                except MissingError:
                    raise not_found("session", self.id) from None
                self.row, self.state = row, state
                counters.events_appended += len(records)
                self._publish(records)
                return records

    async def keep(self, decide: Decide, epoch: int) -> None:
        """Commit what cannot be had a second time: a call's result, an answer. A full disk is waited for.

        Raises FencedError, RequestError; cancelling ends the wait.
        """
        while True:
            try:
                await self.commit(decide, epoch=epoch)
                return
            except StorageError as error:
                logger.error("%s: %s It is tried again.", self.id, error)
                await asyncio.sleep(STORAGE_PAUSE)

    async def refresh(self) -> None:
        """Take over what another process appended. Raises RequestError (404), StorageError."""
        async with self._lock:  # a commit under way is not another process
            await self._take_over()

    async def _take_over(self) -> None:
        row = await self._store.session(self.id)
        if row is None:
            raise not_found("session", self.id)
        if row.last_position > self.position:
            records = await self._store.records(self.id, after=self.position, limit=row.last_position - self.position)
            self.row, self.state = row, State.from_json(row.state)
            self._publish(records)

    def _publish(self, records: Sequence[Record]) -> None:
        if not self._subscribers:
            return
        for record in records:
            if not record.type.startswith("_"):
                data = frame(record.type, record.body)
                for subscriber in self._subscribers:
                    subscriber.push(record, data)

    def preview(self, type: str, data: bytes) -> None:
        """Show a frame that is not in the log to the streams that asked for previews of `type`."""
        for subscriber in self._subscribers:
            subscriber.preview(type, data)

    @contextlib.contextmanager
    def subscribe(self, deltas: frozenset[str]) -> Iterator[Subscriber]:
        """A stream of all that is committed from now on; after the session's end that is nothing, and it ends."""
        subscriber = Subscriber(
            self.position,
            deltas,
            lambda after: self._store.records(self.id, after=after, limit=500, characters=LARGEST_CHUNK),
            ended=self.state.status == "terminated",
        )
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def delete(self, check: Callable[[State], None], last: Record) -> None:
        """Remove the session; open streams get `last` and end. `check` may refuse by raising.

        Raises RequestError (404), StorageError.
        """
        async with self._lock:
            while True:
                check(self.state)
                try:
                    await self._store.delete_session(self.id, self.position)
                    break
                except StaleError:
                    await self._take_over()
                except MissingError:
                    raise not_found("session", self.id) from None
            for subscriber in self._subscribers:
                subscriber.end(frame(last.type, last.body))


class Logs:
    """The sessions in memory. A session that anyone works on or follows is here, as one object and once; of the others
    the most recently used ones are kept."""

    def __init__(self, store: Store, capacity: int = 1000) -> None:
        self.store = store
        self._capacity = capacity
        self._alive: WeakValueDictionary[str, SessionLog] = WeakValueDictionary()
        self._recent: OrderedDict[str, SessionLog] = OrderedDict()
        self._opening: dict[str, asyncio.Future[SessionLog]] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._alive

    def add(self, row: SessionRow) -> SessionLog:
        log = self._alive[row.id] = SessionLog(self.store, row)
        return self._touch(log)

    async def open(self, id: str) -> SessionLog:
        """Raises RequestError (404)."""
        log = self._alive.get(id)
        if log is not None:
            return self._touch(log)
        opening = self._opening.get(id)
        if opening is None:
            opening = self._opening[id] = asyncio.ensure_future(self._load(id))
            opening.add_done_callback(lambda _: self._opening.pop(id, None))
        return await asyncio.shield(opening)

    async def _load(self, id: str) -> SessionLog:
        row = await self.store.session(id)
        if row is None:
            raise not_found("session", id)
        return self._alive.get(id) or self.add(row)

    def forget(self, id: str) -> None:
        self._alive.pop(id, None)
        self._recent.pop(id, None)

    def _touch(self, log: SessionLog) -> SessionLog:
        self._recent[log.id] = log
        self._recent.move_to_end(log.id)
        if len(self._recent) > self._capacity:
            self._recent.popitem(last=False)
        return log
