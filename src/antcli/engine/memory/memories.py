"""Memories and their versions. Every change is one transaction that also writes an immutable version (semantics.md 15).

The text of a version is an object of its own: lists of memories and versions, and conditions on hashes, do not read it.
A live memory's text is that of its current version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import RequestError, invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.memory import paths
from antcli.engine.memory.stores import CONTENT, MEMORY, VERSION, Json, MemoryStores
from antcli.engine.store.base import (
    Change,
    DuplicateError,
    Insert,
    Object,
    Page,
    Remove,
    Replace,
    StaleError,
    Store,
)

MOST_MEMORIES = 2000
LARGEST_CONTENT = 102_400  # bytes
_BEYOND = "\U0010ffff"  # sorts behind every path


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def session_actor(session_id: str) -> Json:
    return {"type": "session_actor", "session_id": session_id}


class Memories:
    """All methods raise RequestError (404) for ids that are not there; writes 400 for an archived store or a limit,
    409 for a path that is taken or an expected hash that differs. `actor` is who made the change."""

    def __init__(self, store: Store, stores: MemoryStores) -> None:
        self._store = store
        self.stores = stores

    async def get(self, store_id: str, id: str) -> Object:
        await self.stores.get(store_id)
        found = await self._store.get(MEMORY, id)
        if found is None or found.parent != store_id:
            raise not_found("memory", id)
        return found

    async def at(self, store_id: str, path: str) -> Object | None:
        return await self._store.by_key(MEMORY, path, parent=store_id)

    async def content(self, version_id: str) -> str | None:
        """The text of a version; None for one that is redacted or records a deletion."""
        found = await self._store.get(CONTENT, version_id)
        return None if found is None else str(found.body["content"])

    async def create(self, store_id: str, path: str, content: str, actor: Json) -> Json:
        _check(path, content)
        id = new_id("mem")
        while True:
            holder = await self.stores.active(store_id)
            if (count := holder.body["memories"]) >= MOST_MEMORIES:
                raise invalid(f"A memory store holds at most {MOST_MEMORIES:,} memories, and {store_id} has {count:,}.")
            await self._must_be_free(store_id, path, but=None)
            moment = now()
            version = _version(store_id, id, "created", path, content, moment, actor)
            body = {
                "id": id, "type": "memory", "memory_store_id": store_id, "memory_version_id": version["id"],
                "path": path, **_facts(content), "created_at": moment, "updated_at": moment,
            }  # fmt: skip
            changes = [
                Replace(holder, holder.body | {"memories": count + 1}),
                Insert(MEMORY, id, body, parent=store_id, key=path),
                *_recorded(version, content),
            ]
            if await self._written(changes):
                return body

    async def update(
        self, store_id: str, id: str, actor: Json, *, content: str | None = None, path: str | None = None,
        expected: str | None = None,
    ) -> Json:  # fmt: skip
        """None keeps; a change to what is there already makes no version. `expected` is the hash it must have now."""
        if path is not None or content is not None:
            _check(path, content)
        while True:
            holder = await self.stores.active(store_id)
            memory = await self.get(store_id, id)
            _must_match(memory, expected)
            new_path = memory.body["path"] if path is None else path
            facts = {} if content is None else _facts(content)
            if memory.body | facts | {"path": new_path} == memory.body:
                return memory.body
            if new_path != memory.body["path"]:
                await self._must_be_free(store_id, new_path, but=memory.body["path"])
            text = content if content is not None else await self.content(memory.body["memory_version_id"])
            if text is None:
                continue  # another change was faster
            moment = now()
            version = _version(store_id, id, "modified", new_path, text, moment, actor)
            renewed = {"memory_version_id": version["id"], "path": new_path, "updated_at": moment}
            body = memory.body | facts | renewed
            changes: list[Change] = [Replace(memory, body, key=new_path), *_recorded(version, text)]
            if new_path != memory.body["path"]:
                changes.append(Replace(holder, holder.body))  # folders and files must not cross side by side
            if await self._written(changes):
                return body

    async def delete(self, store_id: str, id: str, actor: Json, expected: str | None = None) -> None:
        """Also in an archived store. The versions stay."""
        while True:
            holder = await self.stores.get(store_id)
            memory = await self.get(store_id, id)
            _must_match(memory, expected)
            version = _version(store_id, id, "deleted", memory.body["path"], None, now(), actor)
            changes = [
                Replace(holder, holder.body | {"memories": holder.body["memories"] - 1}),
                Remove(memory),
                *_recorded(version, None),
            ]
            if await self._written(changes):
                return

    async def list(
        self, store_id: str, *, prefix: str = "/", roll_up: bool = False, after: str = "", limit: int
    ) -> tuple[list[tuple[str, Object | None]], str | None]:
        """(path, memory) in order of path, and where the next page starts, None after the last.

        With `roll_up`, what is deeper than `prefix` is one entry for each folder, with a trailing slash and no memory.
        """
        await self.stores.get(store_id)
        found = await self._store.keys(MEMORY, parent=store_id, prefix=prefix, after=after, limit=MOST_MEMORIES + 1)
        entries: list[tuple[str, str | None]] = []
        for path, id in found:
            end = path.find("/", len(prefix)) if roll_up else -1
            if end == -1:
                entries.append((path, id))
            elif not entries or entries[-1][0] != path[: end + 1]:
                entries.append((path[: end + 1], None))
            if len(entries) > limit:
                break
        page = entries[:limit]
        rows = [(path, None if id is None else await self._store.get(MEMORY, id)) for path, id in page]
        last = page[-1][0] if page else ""
        beyond = last + _BEYOND if last.endswith("/") else last
        # One that was deleted a moment ago is left out.
        kept = [row for row, (_, id) in zip(rows, page, strict=True) if id is None or row[1] is not None]
        return kept, beyond if len(entries) > limit else None

    async def all(self, store_id: str) -> Sequence[Object]:
        """Without their texts."""
        await self.stores.get(store_id)
        return await self._store.list(MEMORY, Page(MOST_MEMORIES + 1, "asc"), parent=store_id)

    # Versions

    async def version(self, store_id: str, id: str) -> Object:
        await self.stores.get(store_id)
        found = await self._store.get(VERSION, id)
        if found is None or found.parent != store_id:
            raise not_found("memory version", id)
        return found

    async def versions(
        self, store_id: str, page: Page, *, fields: Sequence[tuple[str, Any]], created_at: Sequence[tuple[str, str]]
    ) -> Sequence[Object]:
        await self.stores.get(store_id)
        return await self._store.list(VERSION, page, parent=store_id, fields=fields, created_at=created_at)

    async def redact(self, store_id: str, id: str, actor: Json) -> Json:
        """Remove what a version says; that it was, and who made it, stays. Raises RequestError (400) for the current
        version of a memory."""
        while True:
            version = await self.version(store_id, id)
            if version.body["redacted_at"] is not None:
                return version.body
            memory = await self._store.get(MEMORY, version.body["memory_id"])
            if memory is not None and memory.body["memory_version_id"] == id:
                raise invalid(
                    f"Memory version {id} is the current one of memory {memory.id}: change or delete the memory first."
                )
            nothing = dict.fromkeys(("path", "content_sha256", "content_size_bytes"))
            body = version.body | nothing | {"redacted_at": now(), "redacted_by": actor}
            content = await self._store.get(CONTENT, id)
            changes: list[Change] = [Replace(version, body), *([Remove(content)] if content else [])]
            if await self._written(changes):
                return body

    async def _written(self, changes: Sequence[Change]) -> bool:
        """False when something has changed meanwhile: look again."""
        try:
            await self._store.change(*changes)
        except (StaleError, DuplicateError):
            return False
        return True

    async def _must_be_free(self, store_id: str, path: str, *, but: str | None) -> None:
        """Neither a memory at the path, nor one that would have to be a folder: stores are folders in sandboxes."""
        for candidate in (path, *paths.ancestors(path)):
            found = await self.at(store_id, candidate)
            if found is not None and candidate != but:
                raise _path_conflict(path, candidate, found.id)
        below = await self._store.keys(MEMORY, parent=store_id, prefix=f"{path}/", limit=2)
        for taken, id in below:
            if taken != but:
                raise _path_conflict(path, taken, id)


def _check(path: str | None, content: str | None) -> None:
    if path is not None and (trouble := paths.problem(path)):
        raise invalid(f"path: {trouble}.")
    if content is not None:
        try:
            size = len(content.encode())
        except UnicodeEncodeError:
            raise invalid("content: must be text that UTF-8 can hold.") from None
        if size > LARGEST_CONTENT:
            raise invalid(f"content: at most {LARGEST_CONTENT:,} bytes, got {size:,}.")


def _facts(content: str) -> Json:
    return {"content_sha256": sha256(content), "content_size_bytes": len(content.encode())}


def _version(
    store_id: str, memory_id: str, operation: str, path: str, content: str | None, moment: str, actor: Json
) -> Json:
    facts = {"content_sha256": None, "content_size_bytes": None} if content is None else _facts(content)
    return {
        "id": new_id("memver"), "type": "memory_version", "memory_id": memory_id, "memory_store_id": store_id,
        "operation": operation, "path": path, **facts, "created_at": moment, "created_by": actor,
        "redacted_at": None, "redacted_by": None,
    }  # fmt: skip


def _recorded(version: Json, content: str | None) -> list[Change]:
    store_id, id = version["memory_store_id"], version["id"]
    recorded: list[Change] = [Insert(VERSION, id, version, parent=store_id)]
    if content is not None:
        recorded.append(Insert(CONTENT, id, {"content": content}, parent=store_id))
    return recorded


def _must_match(memory: Object, expected: str | None) -> None:
    current = memory.body["content_sha256"]
    if expected is not None and expected != current:
        message = f"Memory {memory.id} has the content_sha256 {current}, not {expected}: read it again."
        raise RequestError(409, "memory_precondition_failed_error", message, retry=False)


def _path_conflict(path: str, taken: str, id: str) -> RequestError:
    if taken == path:
        what = f"memory {id} is there already"
    elif path.startswith(taken):
        what = f"memory {id} at {taken!r} is no folder"
    else:
        what = f"it is the folder of memory {id} at {taken!r}"
    return RequestError(
        409, "memory_path_conflict_error", f"path: {path!r} is taken: {what}.",
        details={"conflicting_memory_id": id, "conflicting_path": taken}, retry=False,
    )  # fmt: skip
