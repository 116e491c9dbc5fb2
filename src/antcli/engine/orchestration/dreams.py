"""Dreams: jobs in the background that tidy a memory store with what happened in sessions (semantics.md 19.2).

Everything that a dream has done is in the store: one that an engine left is taken up where it was by the next.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import conflict, invalid, not_found
from antcli.engine.harness.answer import NO_USAGE
from antcli.engine.ids import new_id
from antcli.engine.orchestration.dream_work import KIND, TURN, DreamError, DreamWork
from antcli.engine.store.base import (
    DuplicateError,
    Insert,
    Object,
    Page,
    Remove,
    Replace,
    StaleError,
    StorageError,
    Store,
)

__all__ = ["KIND", "STATUSES", "Dreams", "new_dream"]

STATUSES = ("pending", "running", "completed", "failed", "canceled")
_LIVE = ("pending", "running")
_AT_ONCE = 4
_STORAGE_PAUSE = 2.0
_BATCH = 500

logger = logging.getLogger("antcli.engine")


def new_dream(
    inputs: list[dict[str, Any]], model: dict[str, Any], instructions: str | None, output_behavior: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": new_id("drm"),
        "type": "dream",
        "status": "pending",
        "inputs": inputs,
        "model": model,
        "instructions": instructions,
        "output_behavior": output_behavior,
        "outputs": [],
        "session_id": None,
        "usage": dict(NO_USAGE),
        "error": None,
        "created_at": now(),
        "ended_at": None,
        "archived_at": None,
    }


class Dreams:
    """Methods that take an id raise RequestError (404) when there is no such dream."""

    def __init__(self, store: Store, work: DreamWork) -> None:
        self._store = store
        self._work = work
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    @property
    def live(self) -> int:
        """Dreams that wait or run: while there are any, the engine is needed."""
        return len(self._tasks)

    async def start(self) -> None:
        """Take up what a stopped engine left. Raises StorageError."""
        after = None
        while rows := await self._store.list(KIND, Page(_BATCH, "asc", after), fields=[("status", list(_LIVE))]):
            for row in rows:
                self._begin(row.id)
            after = rows[-1].sequence

    async def stop(self) -> None:
        """The next engine goes on with what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def get(self, id: str) -> Object:
        found = await self._store.get(KIND, id)
        if found is None:
            raise not_found("dream", id)
        return found

    async def create(self, dream: dict[str, Any]) -> dict[str, Any]:
        """Raises RequestError (409) when another dream is writing to the same memory store."""
        return await asyncio.shield(self._create(dream))  # a client that goes away leaves nothing half done

    async def _create(self, dream: dict[str, Any]) -> dict[str, Any]:
        target = dream["output_behavior"].get("memory_store_id")
        try:
            (made,) = await self._store.change(Insert(KIND, dream["id"], dream, key=target))
        except DuplicateError as error:
            raise conflict(
                f"output_behavior.memory_store_id: dream {error} writes to {target}: wait for its end, or cancel it."
            ) from None
        self._begin(made.id)
        return made.body

    async def cancel(self, id: str) -> dict[str, Any]:
        """Once this returns nothing more is written. Raises RequestError (400) for a dream that has ended otherwise."""
        return await asyncio.shield(self._cancel(id))

    async def _cancel(self, id: str) -> dict[str, Any]:
        while True:
            dream = await self.get(id)
            if dream.body["status"] == "canceled":
                return dream.body
            if dream.body["status"] not in _LIVE:
                raise invalid(f"Dream {id} is {dream.body['status']}: there is nothing to cancel.")
            await self._halt(id)
            try:
                if (ended := await self._end(id, {"status": "canceled"})) is not None:
                    return ended
            except StorageError:
                self._begin(id)  # the answer is an error, so it is not canceled
                raise

    async def archive(self, id: str) -> dict[str, Any]:
        while True:
            dream = await self.get(id)
            if dream.body["status"] in _LIVE:
                raise invalid(f"Dream {id} is {dream.body['status']}: wait for its end, or cancel it.")
            if dream.body["archived_at"] is not None:
                return dream.body
            try:
                return (await self._store.replace(dream, dream.body | {"archived_at": now()})).body
            except StaleError:
                continue

    def _begin(self, id: str) -> None:
        if id not in self._tasks:
            self._tasks[id] = asyncio.create_task(self._run(id), name=f"dream-{id}")

    async def _halt(self, id: str) -> None:
        task = self._tasks.get(id)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _run(self, id: str) -> None:
        task = asyncio.current_task()
        try:
            async with self._places:
                while True:
                    if await self._tried(id):
                        return
                    await asyncio.sleep(_STORAGE_PAUSE)
        finally:
            if self._tasks.get(id) is task:
                del self._tasks[id]

    async def _tried(self, id: str) -> bool:
        """False when the store could not answer: it is tried again from there."""
        try:
            try:
                await self._work.run(id)
                ending: dict[str, Any] = {"status": "completed"}
            except DreamError as error:
                ending = {"status": "failed", "error": {"type": error.type, "message": error.message}}
            except StorageError:
                raise
            except Exception as error:
                logger.exception("%s: the dream failed", id)
                message = f"The engine failed: {type(error).__name__}. See the engine's log."
                ending = {"status": "failed", "error": {"type": "internal_error", "message": message}}
            await self._end(id, ending)
        except StorageError as error:
            logger.error("%s: %s", id, error)
            return False
        return True

    async def _end(self, id: str, ending: dict[str, Any]) -> dict[str, Any] | None:
        """The dream at its end, its turns cleared away and its store free for the next; None when it had ended."""
        while True:
            dream = await self._store.get(KIND, id)
            if dream is None or dream.body["status"] not in _LIVE:
                return None
            turns = await self._store.list(TURN, Page(_BATCH, "asc"), parent=id)
            body = dream.body | ending | {"ended_at": now()}
            body.pop("opening", None)
            try:
                return (await self._store.change(Replace(dream, body), *map(Remove, turns)))[0].body
            except StaleError:
                continue
