"""Files: their descriptions in the store, their bytes in a folder. A description is never there without its bytes."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from antcli.engine.clock import now, timestamp
from antcli.engine.errors import RequestError, invalid, not_found
from antcli.engine.files.blobs import Blobs, Incoming
from antcli.engine.ids import new_id
from antcli.engine.store.base import Insert, Object, Page, RefusedError, Remove, StorageError, Store

KIND = "file"
LARGEST_FILE = 500 * 2**20
SHORTEST_LIFE, LONGEST_LIFE = 3600, 7_776_000  # seconds
_SHOWN = (
    "id", "type", "filename", "mime_type", "size_bytes", "created_at", "downloadable", "expires_at", "scope",
)  # fmt: skip
_UPKEEP_SECONDS = 600.0
_PAGE = 500

logger = logging.getLogger("antcli.engine")


class Files:
    """A file that belongs to a session has the session as its parent in the store, and goes with it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self.blobs = Blobs(folder)
        self._expiring: list[tuple[str, str]] = []  # a heap of (time, id)
        self._upkeep: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises OSError. What a killed engine left behind is cleared away in the background."""
        found = await asyncio.to_thread(self.blobs.open)
        newest = await self._store.list(KIND, Page(1), parent=None)
        self._upkeep = asyncio.create_task(self._keep_up(found, newest[0].sequence if newest else 0))

    async def stop(self) -> None:
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.wait((self._upkeep,))

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[Incoming]:
        async with self.blobs.receiving() as incoming:
            yield incoming

    async def add(
        self, incoming: Incoming, filename: str, mime_type: str, *, expires_in_seconds: int | None = None
    ) -> dict[str, Any]:
        """A file that a client uploaded. Raises StorageError."""
        expires_at = None
        if expires_in_seconds is not None:
            expires_at = timestamp(datetime.now(UTC) + timedelta(seconds=expires_in_seconds))
        body = describe(filename, mime_type, incoming.size, expires_at=expires_at)
        with full_disk_told():
            await self.blobs.keep(incoming, body["id"])
        await self.insert(Insert(KIND, body["id"], body))
        if expires_at is not None:
            heapq.heappush(self._expiring, (expires_at, body["id"]))
        return body

    async def insert(self, file: Insert, replaces: Object | None = None) -> Object:
        """Store the description of bytes that are there already. Raises StorageError, StaleError, DuplicateError."""
        try:
            changed = await self._store.change(*([Remove(replaces)] if replaces else []), file)
        except RefusedError:  # after a StorageError the description may be there: then the next start knows
            await asyncio.to_thread(self.blobs.drop, file.id)
            raise
        if replaces:
            await asyncio.to_thread(self.blobs.drop, replaces.id)
        return changed[-1]

    async def get(self, id: str) -> Object:
        """Raises RequestError (404)."""
        found = await self._store.get(KIND, id)
        if found is None:
            raise not_found(KIND, id, code="file_not_found")
        return found

    async def content(self, id: str) -> tuple[Object, Path]:
        """The file and where its bytes are. Raises RequestError (404), with the code `file_expired`."""
        found = await self.get(id)
        if has_expired(found.body):
            raise RequestError(
                404, "not_found_error", f"File {id} expired at {found.body['expires_at']}: its content is gone.",
                code="file_expired",
            )  # fmt: skip
        return found, self.blobs.path(id)

    async def delete(self, id: str) -> None:
        """Raises RequestError (404)."""
        if not await self.discard(id):
            raise not_found(KIND, id)

    async def discard(self, id: str) -> bool:
        """Delete the file if it is there."""
        was_there = await self._store.delete(KIND, id)
        if was_there:
            await asyncio.to_thread(self.blobs.drop, id)
        return was_there

    async def page(self, page: Page, scope_id: str | None) -> Sequence[Object]:
        return await self._store.list(KIND, page, parent=scope_id)

    async def some(self, ids: Sequence[str], scope_id: str | None) -> list[Object]:
        """Those of the ids that there are, newest first."""
        found = [await self._store.get(KIND, id) for id in ids]
        files = [file for file in found if file is not None and scope_id in (None, file.parent)]
        return sorted(files, key=lambda file: -file.sequence)

    async def remove_session(self, session_id: str) -> None:
        """Delete all that belongs to a session."""
        while files := await self._store.list(KIND, Page(_PAGE), parent=session_id):
            for file in files:
                await self._store.delete(KIND, file.id)
            await asyncio.to_thread(self.blobs.drop, *(file.id for file in files))

    async def _keep_up(self, found: list[str], last: int) -> None:
        try:
            await self._clear_away(found, last)
        except (StorageError, OSError) as error:
            logger.error("Files that nobody needs could not be cleared away: %s", error)
        while True:
            while self._expiring and self._expiring[0][0] <= now():
                await asyncio.to_thread(self.blobs.drop, heapq.heappop(self._expiring)[1])
            await asyncio.sleep(_UPKEEP_SECONDS)

    async def _clear_away(self, found: list[str], last: int) -> None:
        """Bytes without a description, and files of sessions that are gone, up to the `last` that an earlier engine
        made; note what will expire."""
        for id in found:
            if await self._store.get(KIND, id) is None:
                await asyncio.to_thread(self.blobs.drop, id)
        after, alive = None, {"": True}
        while files := await self._store.list(KIND, Page(_PAGE, "asc", after), parent=None):
            for file in files:
                if file.sequence > last:
                    return
                if file.body["expires_at"] is not None:
                    heapq.heappush(self._expiring, (file.body["expires_at"], file.id))
                if file.parent not in alive:
                    alive[file.parent] = await self._store.session(file.parent) is not None
                if not alive[file.parent]:  # each by itself: a session of that id may be in the making
                    await self.discard(file.id)
            after = files[-1].sequence


def describe(
    filename: str, mime_type: str, size: int, *, expires_at: str | None = None, downloadable: bool = False,
    session_id: str | None = None, **internal: Any,
) -> dict[str, Any]:  # fmt: skip
    """A new file as it is stored; `internal` fields are not shown."""
    return {
        "id": new_id("file"),
        "type": "file",
        "filename": filename,
        "mime_type": mime_type,
        "size_bytes": size,
        "created_at": now(),
        "downloadable": downloadable,
        "expires_at": expires_at,
        "scope": {"type": "session", "id": session_id} if session_id else None,
        **internal,
    }


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """The file as the API shows it (api.md 15)."""
    return {name: body[name] for name in _SHOWN}


def has_expired(body: dict[str, Any]) -> bool:
    return body["expires_at"] is not None and body["expires_at"] <= now()


def check_downloadable(body: dict[str, Any]) -> None:
    """Raises RequestError (400): only what sessions made can be fetched, as on the hosted service."""
    if not body["downloadable"]:
        raise invalid(
            f"File {body['id']} was uploaded: only files that a session made can be downloaded.",
            code="file_not_downloadable",
        )


@contextlib.contextmanager
def full_disk_told() -> Iterator[None]:
    """Turns OSError into StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"The engine cannot store the file: {error.strerror or error}.") from error
