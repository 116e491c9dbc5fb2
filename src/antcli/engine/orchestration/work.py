"""The work queue of self_hosted environments (api.md 6.4 to 6.7): which session wants a worker, and which one has it.

    queued -> (poll offers it, again when it is not acknowledged) -> starting -> active -> stopping -> stopped

An item is open until it is to stop, and a session has one open item at most: open items bear the session as their
unique key. A worker holds its item by a lease that heartbeats extend; when it lapses, the item is offered anew and the
worker that lost it is told so by its next heartbeat. Nothing runs in the background: whoever looks finds what is due.

A worker leaves when its session has been idle for a while; what arrives just then it does not see. So an item counts
what is offered while it is held, and when it is left with its session at work, another one takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from antcli.engine.clock import parse, timestamp
from antcli.engine.errors import RequestError, conflict, not_found
from antcli.engine.ids import new_id
from antcli.engine.orchestration.work_tokens import key_of, new_token, secret_with, with_token, work_id_in
from antcli.engine.store.base import (
    Change,
    DuplicateError,
    Insert,
    Object,
    Page,
    Remove,
    Replace,
    SessionFilter,
    StaleError,
    Store,
)

KIND = "work"
DEFAULT_TTL, MAXIMUM_TTL = 300, 3600
DEFAULT_RECLAIM_MS = 5000
NO_HEARTBEAT = "NO_HEARTBEAT"
_OPEN = ("queued", "starting", "active")
_AT_WORK = ("running", "rescheduling")
_AWAKE = SessionFilter(statuses=_AT_WORK)  # also those whose lease a killed engine has not given back
_WORKER_SECONDS = 30.0
_BATCH = 100

Work = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A work item in the hands of a worker, which got it with an environment key, or with none. `secret` is told to
    it once."""

    item: Work
    key_id: str | None
    secret: str | None = None


class WorkQueue:
    """`clock` is the time that stands in the items; leases are measured by it."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        self._arrived: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._workers: defaultdict[str, dict[str, float]] = defaultdict(dict)  # environment -> worker -> last poll

    async def start(self) -> None:
        """Queue the sessions whose wake a stopped engine did not get to queue. Raises StorageError."""
        after: int | None = None
        while rows := await self._store.sessions(_AWAKE, Page(_BATCH, "asc", after)):
            for row in rows:
                if row.body.get("self_hosted"):
                    await self.offer(row.body["environment_id"], row.id)
            after = rows[-1].sequence

    async def offer(self, environment_id: str, session_id: str) -> None:
        """The session has something to do: queue it, or let the item that it has know."""
        while True:
            try:
                await self._store.change(self._new(environment_id, session_id))
                self._arrived[environment_id].set()
                return
            except DuplicateError:
                row = await self._store.by_key(KIND, session_id, parent=environment_id)
            if row is None:  # it was stopped meanwhile
                continue
            offered = row.body | {"_offered": row.body.get("_offered", 0) + 1}
            if row.body["state"] == "queued" or await self._try(row, offered):
                return

    def _new(self, environment_id: str, session_id: str) -> Insert:
        id, moment = new_id("work"), self._now()
        item: Work = {
            "id": id,
            "type": "work",
            "environment_id": environment_id,
            "data": {"type": "session", "id": session_id},
            "state": "queued",
            "metadata": {},
            "secret": None,
            "created_at": moment,
            "acknowledged_at": None,
            "started_at": None,
            "latest_heartbeat_at": None,
            "stop_requested_at": None,
            "stopped_at": None,
            "_queued_at": moment,
            "_polled_at": None,
            "_offered": 0,
            "_tokens": [],
            "_ttl": DEFAULT_TTL,
        }
        return Insert(KIND, id, item, parent=environment_id, key=session_id)

    async def close(self, environment_id: str, session_id: str) -> None:
        """The session has ended: nobody is to take it up, and whoever has it is to stop."""
        item = await self._store.by_key(KIND, session_id, parent=environment_id)
        if item is not None:
            with contextlib.suppress(RequestError):  # it has stopped, or is gone, by itself
                await self.stop(environment_id, item.id, force=False)

    async def forget(self, environment_id: str) -> None:
        """The environment is gone, and its items with it."""
        while rows := await self._store.list(KIND, Page(_BATCH, "asc"), parent=environment_id):
            with contextlib.suppress(StaleError):
                await self._store.change(*(Remove(row) for row in rows))
        self._arrived.pop(environment_id, None)
        self._workers.pop(environment_id, None)

    async def get(self, environment_id: str, id: str) -> Work:
        """Raises RequestError (404), as all that take an id."""
        return (await self._stored(environment_id, id)).body

    async def page(self, environment_id: str, page: Page) -> list[Object]:
        return await self._store.list(KIND, page, parent=environment_id)

    async def poll(
        self, environment_id: str, *, worker: str | None, key_id: str | None = None, block: float = 0.0,
        reclaim: float = DEFAULT_RECLAIM_MS / 1000,
    ) -> Claim | None:  # fmt: skip
        """The oldest item that nobody has, waiting up to `block` seconds for one. One that was polled and not
        acknowledged is had for `reclaim` seconds."""
        workers = self._polling(environment_id)
        if worker is not None:
            workers[worker] = time.monotonic()
        arrived = self._arrived[environment_id]
        claim = await self._take(environment_id, reclaim, key_id)
        if claim is None and block:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(block):
                    await arrived.wait()
            claim = await self._take(environment_id, reclaim, key_id)
        return claim

    async def claimed_with(self, token: str) -> Claim | None:
        """The item whose token it is, also when it has stopped; None when there is none."""
        row = await self._store.get(KIND, work_id_in(token))
        if row is None:
            return None
        try:
            return Claim(row.body, key_of(row.body, token))
        except KeyError:
            return None

    async def held(self, environment_id: str) -> set[str]:
        """The sessions whose items workers have."""
        rows = [row async for row in self._all(environment_id, (*_OPEN, "stopping"))]
        return {row.body["data"]["id"] for row in rows if row.body["_polled_at"] is not None}

    async def acknowledge(self, environment_id: str, id: str) -> Work:
        """Raises RequestError (409) when a worker has it already, or it is over. Safe to repeat until it is active."""

        def change(item: Work) -> Work:
            if item["state"] == "queued":
                return item | {"state": "starting", "acknowledged_at": self._now()}
            if item["state"] == "starting":
                return item
            raise conflict(f"Work item {id} is {item['state']}: only a queued one can be acknowledged.")

        return await self._change(environment_id, id, change)

    async def heartbeat(self, environment_id: str, id: str, *, expected: str | None, ttl: int | None) -> dict[str, Any]:
        """Raises RequestError (412) when the worker does not hold the item (any more)."""
        extended = False

        def change(item: Work) -> Work:
            nonlocal extended
            extended = item["state"] in ("starting", "active", "stopping")
            held = item["latest_heartbeat_at"] or NO_HEARTBEAT
            if item["state"] == "queued" or (item["state"] in _OPEN and expected not in (None, held)):
                raise _lost(item)
            if not extended:
                return item
            moment = self._now()
            beat = item | {"latest_heartbeat_at": moment, "_ttl": ttl or DEFAULT_TTL}
            return beat | ({"state": "active", "started_at": moment} if item["state"] == "starting" else {})

        item = await self._change(environment_id, id, change)
        return {"type": "work_heartbeat"} | _lease(item) | {"lease_extended": extended}

    async def stop(self, environment_id: str, id: str, *, force: bool) -> Work:
        """At once, or when its worker has wound up. Raises RequestError (409) when it has stopped already."""

        def change(item: Work) -> Work:
            if item["state"] == "stopped":
                raise conflict(f"Work item {id} has stopped already.")
            moment = self._now()
            stopping = item | {"state": "stopping", "stop_requested_at": item["stop_requested_at"] or moment}
            if force or item["state"] == "queued":  # of a queued one no worker would ever say that it is done
                return stopping | {"state": "stopped", "stopped_at": moment}
            return stopping

        while True:
            row = await self._stored(environment_id, id)
            item, session_id = change(row.body), row.body["data"]["id"]
            changes: list[Change] = [_replacement(row, item | {"_offered": 0})]
            if row.body.get("_offered") and await self._is_at_work(session_id):
                changes.append(self._new(environment_id, session_id))
            with contextlib.suppress(StaleError, DuplicateError):
                await self._store.change(*changes)
                self._arrived[environment_id].set()
                return item

    async def _is_at_work(self, session_id: str) -> bool:
        row = await self._store.session(session_id)
        return row is not None and (row.status in _AT_WORK or bool(row.state["calls"]))

    async def update(self, environment_id: str, id: str, merge: Callable[[dict[str, str]], dict[str, str]]) -> Work:
        """`merge` makes the new metadata of the old, and may raise."""
        return await self._change(environment_id, id, lambda item: item | {"metadata": merge(item["metadata"])})

    async def stats(self, environment_id: str) -> dict[str, Any]:
        polled, waiting, oldest = 0, 0, None
        async for row in self._all(environment_id, ("queued",)):
            polled += row.body["_polled_at"] is not None
            waiting += row.body["_polled_at"] is None
            oldest = min(oldest or row.body["_queued_at"], row.body["_queued_at"])
        return {
            "type": "work_queue_stats",
            "depth": waiting,
            "pending": polled,
            "oldest_queued_at": oldest,
            "workers_polling": len(self._polling(environment_id)),
        }

    def _polling(self, environment_id: str) -> dict[str, float]:
        """The workers that have polled of late."""
        workers, limit = self._workers[environment_id], time.monotonic() - _WORKER_SECONDS
        for name in [name for name, last in workers.items() if last < limit]:
            del workers[name]
        return workers

    async def _take(self, environment_id: str, reclaim: float, key_id: str | None) -> Claim | None:
        self._arrived[environment_id].clear()
        now = self._clock()
        async for row in self._all(environment_id, ("queued", "starting", "active", "stopping")):
            item, moment = row.body, timestamp(now)
            if item["state"] == "queued":
                if item["_polled_at"] is not None and parse(item["_polled_at"]) + timedelta(seconds=reclaim) > now:
                    continue
            elif _held_until(item) > now:
                continue
            elif item["state"] == "stopping":  # its worker went without a word
                await self._try(row, item | {"state": "stopped", "stopped_at": moment})
                continue
            else:
                lease = dict.fromkeys(("acknowledged_at", "started_at", "latest_heartbeat_at"))
                item = item | lease | {"state": "queued", "_queued_at": moment, "_offered": 0}
            token = new_token(item["id"])
            if taken := await self._try(row, with_token(item | {"_polled_at": moment}, token, key_id)):
                return Claim(taken, key_id, secret_with(token))
        return None

    async def _try(self, row: Object, item: Work) -> Work | None:
        """None when somebody else was faster."""
        try:
            await self._store.change(_replacement(row, item))
        except StaleError:
            return None
        return item

    async def _change(self, environment_id: str, id: str, change: Callable[[Work], Work]) -> Work:
        while True:
            row = await self._stored(environment_id, id)
            item = change(row.body)
            if item == row.body or await self._try(row, item):
                return item

    async def _stored(self, environment_id: str, id: str) -> Object:
        row = await self._store.get(KIND, id)
        if row is None or row.parent != environment_id:
            raise not_found("work item", id)
        return row

    async def _all(self, environment_id: str, states: Sequence[str]) -> AsyncIterator[Object]:
        after: int | None = None
        while True:
            rows = await self._store.list(
                KIND, Page(_BATCH, "asc", after), parent=environment_id, fields=[("state", list(states))]
            )
            for row in rows:
                yield row
            if len(rows) < _BATCH:
                return
            after = rows[-1].sequence

    def _now(self) -> str:
        return timestamp(self._clock())


def shown(item: Work) -> Work:
    """The item as the API shows it."""
    return {name: value for name, value in item.items() if not name.startswith("_")}


def _replacement(row: Object, item: Work) -> Replace:
    return Replace(row, item, key=item["data"]["id"] if item["state"] in _OPEN else None)


def _held_until(item: Work) -> datetime:
    return parse(item["latest_heartbeat_at"] or item["acknowledged_at"]) + timedelta(seconds=item["_ttl"])


def _lease(item: Work) -> dict[str, Any]:
    return {
        "last_heartbeat": item["latest_heartbeat_at"] or "",
        "lease_extended": False,
        "state": item["state"],
        "ttl_seconds": item["_ttl"],
    }


def _lost(item: Work) -> RequestError:
    message = f"expected_last_heartbeat: work item {item['id']} has another last heartbeat: its lease is lost."
    lease = _lease(item) | {"last_heartbeat": item["latest_heartbeat_at"]}
    return RequestError(
        412, "invalid_request_error", message, code="heartbeat_precondition_failed",
        details={"current_state": lease}, retry=False,
    )  # fmt: skip
