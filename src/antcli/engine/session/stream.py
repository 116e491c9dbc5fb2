"""Live fan-out: frames are made once and shared; a slow reader falls back to the log (techniques.md 4a)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from antcli.engine.session.events import frame
from antcli.engine.store.base import Record

HEARTBEAT = b": ping\n\n"
HEARTBEAT_SECONDS = 15.0
_LARGEST_BACKLOG = 1000
LARGEST_CHUNK = 4 * 2**20  # bytes that wait for one reader, or come from the log at once; one event may be larger
_PREVIEW_START = b"event: event_start\n"
_ENDS = frozenset({"session.deleted", "session.status_terminated"})

ReadLog = Callable[[int], Awaitable[list[Record]]]


class Subscriber:
    """One open stream. `deltas` are the preview types it asked for; `position` the log entry it starts after."""

    def __init__(self, position: int, deltas: frozenset[str], read: ReadLog, *, ended: bool = False) -> None:
        self._deltas = deltas
        self._read = read
        self._taken = position  # the last log entry that left through frames()
        self._newest = position  # the last one that was offered
        self._frames: deque[tuple[int | None, bytes]] = deque()
        self._size = 0
        self._torn = True  # the reader lacks a part of the present preview, so it gets no more of it
        self._behind = False
        self._ended = ended
        self._waiter: asyncio.Future[None] | None = None

    def push(self, record: Record, data: bytes) -> None:
        if record.position <= self._taken:  # it was on disk, and so read, before it was offered
            return
        self._newest = record.position
        if self._behind:
            return
        if self._is_full(data):
            self._frames.clear()
            self._size = 0
            self._behind = self._torn = True
        else:
            self._append(record.position, data)
            self._ended = self._ended or record.type in _ENDS
        self._wake()

    def preview(self, type: str, data: bytes) -> None:
        """Previews are best effort: a reader that came late or is behind does not get the rest of one."""
        if type not in self._deltas:
            return
        if data.startswith(_PREVIEW_START):
            self._torn = False
        self._torn = self._torn or self._behind or self._is_full(data)
        if not self._torn:
            self._append(None, data)
            self._wake()

    def end(self, data: bytes) -> None:
        """Deliver a last frame that is in no log (`session.deleted`) and finish."""
        self._append(None, data)
        self._ended, self._behind = True, False
        self._wake()

    def _is_full(self, data: bytes) -> bool:
        waiting = len(self._frames)
        return waiting >= _LARGEST_BACKLOG or (waiting > 0 and self._size + len(data) > LARGEST_CHUNK)

    def _append(self, position: int | None, data: bytes) -> None:
        self._frames.append((position, data))
        self._size += len(data)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def frames(self) -> AsyncIterator[bytes]:
        """Chunks of whole frames, a comment when nothing happens; ends after a terminal event."""
        while True:
            if self._frames:
                yield self._take()
            elif self._behind:
                if chunk := await self._catch_up():
                    yield chunk
            elif self._ended:
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await self._waiter
                except TimeoutError:
                    yield HEARTBEAT
                finally:
                    self._waiter = None

    def _take(self) -> bytes:
        positions = [position for position, _ in self._frames if position is not None]
        if positions:
            self._taken = positions[-1]
        chunk = b"".join(data for _, data in self._frames)
        self._frames.clear()
        self._size = 0
        return chunk

    async def _catch_up(self) -> bytes:
        records = await self._read(self._taken)
        if records:
            self._taken = max(self._taken, records[-1].position)
        if self._taken >= self._newest:
            self._behind = False
        self._ended = self._ended or any(record.type in _ENDS for record in records)
        return b"".join(frame(record.type, record.body) for record in records if not record.type.startswith("_"))
