"""Memory stores of a session: folders in its sandbox, kept the same as their stores (semantics.md 15).

Both sides' changes meet before the first call of a turn and after the last one. Where both changed a memory, the store
wins. What the store does not take (a file that is too large, or no text) stays in the session's folder alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from antcli.engine.errors import RequestError, invalid
from antcli.engine.memory.memories import Memories, session_actor
from antcli.engine.memory.paths import MOUNT, mount_paths
from antcli.engine.resources.kind import Furnishing, Kind, Resource
from antcli.engine.resources.memory_folder import Entry, FolderError, MemoryFolder
from antcli.engine.sandbox.base import Mount
from antcli.engine.store.base import Object, SessionRow

MOST_STORES = 8
_HEADING = (
    "These folders are memory stores: what is in their files outlives this session, and other sessions may read and"
    " change it. Look there for what is known of a task, with the ordinary tools for files."
)
_ACCESS = {"read_write": "read and write", "read_only": "read only"}

Json = dict[str, Any]
logger = logging.getLogger("antcli.engine")


class MemoryMounts(Kind):
    type = "memory_store"
    shared = True
    removable = False

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    async def attach(self, session_id: str, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        id = wanted["memory_store_id"]
        try:
            store = (await self._memories.stores.get(id)).body
        except RequestError as error:
            message = f"memory_store_id: {error.message}"
            raise RequestError(error.status, error.type, message, details=error.details) from None
        if store["archived_at"] is not None:
            raise invalid(f"memory_store_id: memory store {id} is archived and cannot be attached to new sessions.")
        stores = [other for other in others if other["type"] == self.type]
        if len(stores) >= MOST_STORES:
            raise invalid(f"memory_store_id: at most {MOST_STORES} memory stores a session, and it has {len(stores)}.")
        if any(other["memory_store_id"] == id for other in stores):
            raise invalid(f"memory_store_id: memory store {id} is attached twice.")
        return {
            "type": self.type, "memory_store_id": id, "access": wanted.get("access") or "read_write",
            "name": store["name"], "description": store["description"], "instructions": wanted.get("instructions"),
            "mount_path": mount_paths([*(other["name"] for other in stores), store["name"]])[-1],
        }  # fmt: skip

    async def plan(self, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        return await self.attach("", wanted, others)  # which makes nothing

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        mounts = []
        for resource in self._of(session.body):
            folder = _folder(resource, home)
            await self._meet(session.id, resource, folder)
            mounts.append(Mount(folder.root, resource["mount_path"], writable=_is_writable(resource)))
        return Furnishing(tuple(mounts))

    async def collect(self, session: SessionRow, home: Path) -> None:
        for resource in self._of(session.body):
            folder = _folder(resource, home)
            if _is_writable(resource) and await asyncio.to_thread(folder.root.is_dir):
                await self._meet(session.id, resource, folder)

    def notes(self, body: dict[str, Any]) -> list[str]:
        stores = self._of(body)
        return ["\n".join([_HEADING, *map(_line, stores)])] if stores else []

    def _of(self, body: Json) -> list[Resource]:
        return [resource for resource in body.get("resources", []) if resource["type"] == self.type]

    async def _meet(self, session_id: str, resource: Resource, folder: MemoryFolder) -> None:
        """Make folder and store the same. One that cannot be compared is left as it is."""
        store_id = resource["memory_store_id"]
        known = await asyncio.to_thread(folder.known)
        try:
            files = await asyncio.to_thread(folder.scan, known)
            memories = await self._memories_of(store_id)
            kept: set[str] = set()
            if _is_writable(resource):
                kept = await _Push(self._memories, store_id, session_id, folder).run(known, files, memories)
                memories = await self._memories_of(store_id)
        except (FolderError, RequestError) as error:
            logger.error("%s: memory store %s is not kept up: %s", session_id, store_id, error)
            return
        await self._pull(folder, known, files, memories, kept)

    async def _memories_of(self, store_id: str) -> dict[str, Object]:
        return {memory.body["path"]: memory for memory in await self._memories.all(store_id)}

    async def _pull(
        self, folder: MemoryFolder, known: dict[str, Entry], files: dict[str, Entry], memories: dict[str, Object],
        kept: set[str],
    ) -> None:  # fmt: skip
        same = {path: known[path] for path in kept if path in known}
        for path, file in files.items():
            if path not in memories and path not in kept:
                await _tried(path, folder.remove, path, file)
        for path, memory in memories.items():
            found = files.get(path)
            if path in kept:
                continue
            if found is not None and found.sha256 == memory.body["content_sha256"]:
                same[path] = found
                continue
            content = await self._memories.content(memory.body["memory_version_id"])
            if content is not None:  # else it has changed meanwhile: the next time
                written = await _tried(path, folder.put, path, content.encode(), found)
                if written is not None:
                    same[path] = written
        if same != known:
            await asyncio.to_thread(folder.remember, same)


class _Push:
    """The folder's changes, written to the store as versions made by the session."""

    def __init__(self, memories: Memories, store_id: str, session_id: str, folder: MemoryFolder) -> None:
        self._memories = memories
        self._store_id = store_id
        self._session_id = session_id
        self._actor = session_actor(session_id)
        self._folder = folder

    async def run(self, known: dict[str, Entry], files: dict[str, Entry], memories: dict[str, Object]) -> set[str]:
        """The paths of files that the store does not take: they stay as they are. Raises StorageError."""
        for path in sorted(known.keys() - files.keys()):
            if (memory := memories.get(path)) is not None and _is_at(memory, known[path]):
                await self._taken(path, self._delete(memory))
        kept = set()
        for path, file in sorted(files.items()):
            before, memory = known.get(path), memories.get(path)
            if before is not None and file.sha256 == before.sha256:
                continue
            if memory is None:
                wins = before is not None  # it was deleted there
            else:
                wins = _is_at(memory, file) or before is None or not _is_at(memory, before)
            if not wins and not await self._taken(path, self._write(path, file, memory)):
                kept.add(path)
        return kept

    async def _delete(self, memory: Object) -> None:
        await self._memories.delete(self._store_id, memory.id, self._actor, memory.body["content_sha256"])

    async def _write(self, path: str, file: Entry, memory: Object | None) -> None:
        data = await asyncio.to_thread(self._folder.read, path) if file.sha256 else None
        if data is None:
            raise invalid("it is too large for a memory, or cannot be read")
        try:
            content = data.decode()
        except UnicodeDecodeError:
            raise invalid("it is no UTF-8 text") from None
        if memory is None:
            await self._memories.create(self._store_id, path, content, self._actor)
        else:
            sha256 = memory.body["content_sha256"]
            await self._memories.update(self._store_id, memory.id, self._actor, content=content, expected=sha256)

    async def _taken(self, path: str, change: Any) -> bool:
        """Whether it is settled: what another change of the store forestalled is, for the store wins."""
        try:
            await change
        except RequestError as error:
            logger.warning(
                "%s: %r of memory store %s is not written back: %s", self._session_id, path, self._store_id, error
            )
            return error.status in (404, 409)
        return True


def _is_at(memory: Object, entry: Entry) -> bool:
    return bool(memory.body["content_sha256"] == entry.sha256)


def _is_writable(resource: Resource) -> bool:
    return bool(resource["access"] == "read_write")


def _folder(resource: Resource, home: Path) -> MemoryFolder:
    return MemoryFolder(home / "memory" / resource["mount_path"].removeprefix(f"{MOUNT}/"))


def _line(resource: Resource) -> str:
    texts = [f"- {resource['name']}: {resource['mount_path']} ({_ACCESS[resource['access']]})."]
    texts += [" ".join(text.split()) for text in (resource["description"], resource["instructions"]) if text]
    return " ".join(texts)


async def _tried(path: str, step: Any, *arguments: Any) -> Any:
    try:
        return await asyncio.to_thread(step, *arguments)
    except OSError as error:
        logger.warning("%r of a memory store cannot be laid out: %s", path, error)
        return None
