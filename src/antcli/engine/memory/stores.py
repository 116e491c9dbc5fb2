"""Memory stores: what holds memories, and is attached to sessions (semantics.md 15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.store.base import Insert, Object, Page, Remove, StaleError, Store

STORE, MEMORY, VERSION, CONTENT = "memory_store", "memory", "memory_version", "memory_content"
_BATCH = Page(500, "asc")

Json = dict[str, Any]


def shown(store: Object) -> Json:
    """As responses show it: without the count of its memories."""
    return {name: value for name, value in store.body.items() if name != "memories"}


def new_store(name: str, description: str, metadata: Mapping[str, str]) -> Insert:
    moment = now()
    body = {
        "id": new_id("memstore"), "type": "memory_store", "name": name, "description": description,
        "metadata": dict(metadata), "created_at": moment, "updated_at": moment, "archived_at": None, "memories": 0,
    }  # fmt: skip
    return Insert(STORE, str(body["id"]), body)


class MemoryStores:
    """All methods raise RequestError (404) for an id that is not there. A store counts its memories, and each change of
    their number is one of the store too: side by side, two cannot pass the limit or an archive."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, name: str, description: str, metadata: Mapping[str, str]) -> Json:
        (made,) = await self._store.change(new_store(name, description, metadata))
        return shown(made)

    async def get(self, id: str) -> Object:
        found = await self._store.get(STORE, id)
        if found is None:
            raise not_found("memory store", id)
        return found

    async def active(self, id: str) -> Object:
        """One that takes changes. Raises RequestError (400)."""
        found = await self.get(id)
        if found.body["archived_at"] is not None:
            raise invalid(f"Memory store {id} is archived: its memories can be read and deleted only.")
        return found

    async def update(self, id: str, changes: Callable[[Json], Json]) -> Json:
        """`changes` makes the fields that change from the store."""
        while True:
            found = await self.active(id)
            body = found.body | changes(found.body)
            if body == found.body:
                return shown(found)
            try:
                return shown(await self._store.replace(found, body | {"updated_at": now()}))
            except StaleError:
                continue

    async def archive(self, id: str) -> Json:
        while True:
            found = await self.get(id)
            if found.body["archived_at"] is not None:
                return shown(found)
            moment = now()
            try:
                return shown(
                    await self._store.replace(found, found.body | {"archived_at": moment, "updated_at": moment})
                )
            except StaleError:
                continue

    async def delete(self, id: str) -> None:
        """The store at once, then what was in it, which nothing refers to any more."""
        while True:
            found = await self.get(id)
            try:
                await self._store.change(Remove(found))
                break
            except StaleError:
                continue
        for kind in (MEMORY, VERSION, CONTENT):
            while batch := await self._store.list(kind, _BATCH, parent=id):
                try:
                    await self._store.change(*map(Remove, batch))
                except StaleError:
                    continue
