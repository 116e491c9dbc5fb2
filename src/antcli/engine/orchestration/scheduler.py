"""Fires deployments on time: sleeps until the next one is due, and no shorter than that."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from antcli.engine.orchestration.deployments import Deployments, due_at
from antcli.engine.store.base import Object, StorageError

_STORAGE_PAUSE = 2.0
# The clock of sleeping tasks stands still while the machine sleeps, and the clock on the wall may be set.
_LONGEST_SLEEP = 60.0

logger = logging.getLogger("antcli.engine")


async def _sleep(poked: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await poked.wait()


class Scheduler:
    """`clock` and `sleep` are the only sources of time; `sleep` returns early when its event is set."""

    def __init__(
        self, deployments: Deployments, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[asyncio.Event, float | None], Awaitable[None]] = _sleep,
    ) -> None:  # fmt: skip
        self._deployments = deployments
        self._clock = clock
        self._sleep = sleep
        self._due: dict[str, datetime] = {}
        self._heap: list[tuple[datetime, str]] = []  # with entries that are out of date: `_due` knows
        self._poked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._firing: dict[str, asyncio.Task[None]] = {}

    @property
    def scheduled(self) -> int:
        """Deployments that will fire: while there are any, the engine is needed."""
        return len(self._due)

    async def start(self) -> None:
        """Finish what a stopped engine began, then take up the schedules. Raises StorageError."""
        self._deployments.changed = self.take
        await self._deployments.recover()
        for deployment in await self._deployments.all_scheduled():
            self.take(deployment)
        self._task = asyncio.create_task(self._run(), name="scheduler")

    async def stop(self) -> None:
        """A fire under way is finished, or found and finished by the next engine."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        if self._firing:
            _, late = await asyncio.wait(self._firing.values(), timeout=1)
            for task in late:
                task.cancel()

    def take(self, deployment: Object) -> None:
        """Take over when a deployment, new or changed, fires next."""
        due = due_at(deployment, self._clock())
        if due is None:
            self._due.pop(deployment.id, None)
        elif self._due.get(deployment.id) != due:
            self._due[deployment.id] = due
            heapq.heappush(self._heap, (due, deployment.id))
        self._poked.set()

    async def _run(self) -> None:
        while True:
            self._poked.clear()
            seconds = self._fire_due()
            await self._sleep(self._poked, seconds)

    def _fire_due(self) -> float | None:
        """Start all that is due; seconds until the next one, None when there is none."""
        now = self._clock()
        while self._heap:
            due, id = self._heap[0]
            if self._due.get(id) != due or id in self._firing:  # whatever is firing is taken anew when it is done
                heapq.heappop(self._heap)
                continue
            if due > now:
                return min(_LONGEST_SLEEP, (due - now).total_seconds())
            heapq.heappop(self._heap)
            self._firing[id] = asyncio.create_task(self._fire(id, now), name=f"fire-{id}")
        return None

    async def _fire(self, id: str, moment: datetime) -> None:
        try:
            await self._guard(self._deployments.fire(id, moment))
        finally:
            del self._firing[id]
            if id in self._due:
                heapq.heappush(self._heap, (self._due[id], id))
            self._poked.set()

    async def _guard(self, work: Awaitable[None]) -> None:
        """Nothing that goes wrong with one fire ends the schedule."""
        try:
            await work
        except StorageError as error:
            logger.error("Schedules: %s It is tried again.", error)
            await asyncio.sleep(_STORAGE_PAUSE)
        except Exception:
            logger.exception("A scheduled fire failed")
            await asyncio.sleep(_STORAGE_PAUSE)
