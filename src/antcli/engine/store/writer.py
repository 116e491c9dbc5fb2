"""One thread that writes: jobs that wait together share a transaction, and so one fsync (techniques.md 2a)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from antcli.engine.store.base import RefusedError, StorageError

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]

_LARGEST_BATCH = 512


class Writer:
    """Runs jobs against its own connection. A job that refuses (RefusedError) must do so before its first change."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._queue: SimpleQueue[tuple[Job, asyncio.Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def submit(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The job's result, after its transaction is on disk. Raises what the job raised, or StorageError.

        Cancelling the caller does not take the job back: what was submitted is written.
        """
        if self._closed:
            raise StorageError("The engine's database is closed: the engine is stopping.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((job, future))
        return await asyncio.shield(future)

    async def close(self) -> None:
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        connection = self._connect()
        try:
            while (first := self._queue.get()) is not None:
                batch = [first]
                last = False
                while len(batch) < _LARGEST_BATCH and not self._queue.empty():
                    item = self._queue.get()
                    if item is None:
                        last = True
                        break
                    batch.append(item)
                self._write(connection, batch)
                if last:
                    return
        finally:
            connection.close()

    def _write(self, connection: sqlite3.Connection, batch: list[tuple[Job, asyncio.Future[Any]]]) -> None:
        outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job, future in batch:
                try:
                    outcomes.append((future, job(connection), None))
                except RefusedError as refusal:
                    outcomes.append((future, None, refusal))
            connection.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if len(batch) > 1:  # one bad job must not fail its neighbours
                for item in batch:
                    self._write(connection, [item])
                return
            if isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError):
                error = StorageError(f"The engine's database cannot be written: {error}.")
            outcomes = [(batch[0][1], None, error)]
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_deliver, outcomes)


def _deliver(outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
            future.exception()  # a cancelled caller never looks at it
