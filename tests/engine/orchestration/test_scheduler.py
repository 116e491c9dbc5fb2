"""The scheduler on a clock of its own: nothing here waits for time to pass."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from antcli.engine.clock import timestamp
from antcli.engine.errors import RequestError
from antcli.engine.orchestration.deployments import KIND, RUN, Deployments, due_at
from antcli.engine.orchestration.scheduler import Scheduler
from antcli.engine.store.base import Object, Page
from antcli.engine.store.sqlite import SqliteStore

START = datetime(2026, 5, 1, 8, 0, 30, tzinfo=UTC)


class World:
    """A store, a clock that is set by hand, and what was started."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = START
        self.started: list[str] = []
        self.asleep = asyncio.Event()
        self.slept: list[float | None] = []
        self.refusal: RequestError | None = None
        self.crash = False
        self._moved = asyncio.Event()

    async def start_session(self, deployment: dict[str, Any], session_id: str) -> None:
        if self.crash:
            raise asyncio.CancelledError
        if self.refusal:
            raise self.refusal
        self.started.append(session_id)

    async def sleep(self, poked: asyncio.Event, seconds: float | None) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        waits = [asyncio.ensure_future(event.wait()) for event in (poked, self._moved)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._moved.clear()

    def go_to(self, moment: datetime) -> None:
        self.now = moment
        self._moved.set()

    async def runs(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(10):
            while len(found := await self.store.list(RUN, Page(100, "asc"), parent=None)) < count:
                await asyncio.sleep(0.005)
        return [row.body for row in found]

    async def deploy(self, expression: str = "*/30 * * * *") -> Object:
        for kind, id in (("agent", "agent_1"), ("environment", "env_1")):
            if await self.store.get(kind, id) is None:
                await self.store.insert(kind, id, {"archived_at": None})
        body = {
            "id": "depl_1", "agent": {"type": "agent", "id": "agent_1", "version": 1}, "environment_id": "env_1",
            "vault_ids": [], "resources": [], "status": "active", "archived_at": None, "paused_reason": None,
            "schedule": {"type": "cron", "expression": expression, "timezone": "UTC", "last_run_at": None},
            "fires_from": timestamp(self.now),
        }  # fmt: skip
        return await self.store.insert(KIND, "depl_1", body)

    @contextlib.asynccontextmanager
    async def engine(self) -> AsyncIterator[Scheduler]:
        scheduler = Scheduler(Deployments(self.store, self.start_session), clock=lambda: self.now, sleep=self.sleep)
        await scheduler.start()
        try:
            yield scheduler
        finally:
            await scheduler.stop()


@contextlib.asynccontextmanager
async def world(path: Path) -> AsyncIterator[World]:
    store = SqliteStore(path / "engine.db")
    await store.open()
    try:
        yield World(store)
    finally:
        await store.close()


def test_it_fires_on_time_and_once(tmp_path: Path) -> None:
    async def go() -> None:
        async with world(tmp_path) as w:
            deployment = await w.deploy()
            due = due_at(deployment, w.now)
            assert due is not None
            async with w.engine() as scheduler:
                assert scheduler.scheduled == 1
                w.go_to(due - timedelta(microseconds=1))
                await w.asleep.wait()
                assert w.started == []
                w.go_to(due)
                (run,) = await w.runs(1)
                assert run["trigger_context"] == {"type": "schedule", "scheduled_at": "2026-05-01T08:30:00.000000Z"}
                assert [run["session_id"]] == w.started and run["error"] is None
            async with w.engine():  # another engine at the same moment
                await asyncio.sleep(0)
            assert len(await w.runs(1)) == 1

    asyncio.run(go())


def test_what_was_missed_is_made_up_for_once_or_skipped(tmp_path: Path) -> None:
    async def go() -> None:
        async with world(tmp_path) as w:
            await w.deploy("* * * * *")
            w.now = START + timedelta(hours=5)
            async with w.engine():
                (run,) = await w.runs(1)
            at = datetime.fromisoformat(run["trigger_context"]["scheduled_at"])
            assert w.now - timedelta(minutes=2) < at <= w.now
        assert len(w.started) == 1

    asyncio.run(go())


def test_a_fire_that_a_crash_cut_short_is_finished_under_its_name(tmp_path: Path) -> None:
    async def go() -> None:
        async with world(tmp_path) as w:
            deployment = await w.deploy()
            due = due_at(deployment, w.now)
            assert due is not None
            w.now, w.crash = due, True
            with contextlib.suppress(asyncio.CancelledError):
                await Deployments(w.store, w.start_session).fire("depl_1", due)
            (fire,) = await w.store.list("deployment_fire", Page(10), parent=None)
            assert not await w.store.list(RUN, Page(10), parent=None)
            w.crash = False
            async with w.engine():
                (run,) = await w.runs(1)
            assert run["id"] == fire.id and w.started == [fire.body["session_id"]]
            assert not await w.store.list("deployment_fire", Page(10), parent=None)

    asyncio.run(go())


def test_what_cannot_go_well_pauses_and_a_limit_does_not(tmp_path: Path) -> None:
    async def go() -> None:
        async with world(tmp_path) as w:
            deployment = await w.deploy()
            engine = Deployments(w.store, w.start_session)
            w.refusal = RequestError(429, "rate_limit_error", "slower")
            due = due_at(deployment, w.now)
            assert due is not None
            await engine.fire("depl_1", due)
            found = await w.store.get(KIND, "depl_1")
            assert found is not None and found.body["status"] == "active"
            environment = await w.store.get("environment", "env_1")
            assert environment is not None
            await w.store.replace(environment, {"archived_at": timestamp(w.now)})
            again = due_at(found, due)
            assert again is not None
            await engine.fire("depl_1", again)
            found = await w.store.get(KIND, "depl_1")
            assert found is not None and due_at(found, again) is None
            error = {"type": "environment_archived_error"}
            assert found.body["paused_reason"] == {"type": "error", "error": error}
            assert [run["error"]["type"] for run in await w.runs(2)] == ["session_rate_limited_error", error["type"]]

    asyncio.run(go())
