"""Keys of self_hosted environments: what their workers show. A key is told when it is made; only its hash is kept."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from antcli.engine.clock import now
from antcli.engine.errors import not_found
from antcli.engine.ids import new_id
from antcli.engine.store.base import Insert, Object, Page, Remove, StaleError, Store

KIND = "environment_key"
PREFIX = "ant-env-"
_BATCH = 100

EnvironmentKey = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Worker:
    """Who shows the key of an environment or, with `item`, the token of one of its work items. `revoked` is set when
    the key that it came by is."""

    environment_id: str
    key_id: str | None
    revoked: asyncio.Event
    item: dict[str, Any] | None = None


class EnvironmentKeys:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._revoked: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    async def create(self, environment_id: str, name: str | None) -> EnvironmentKey:
        """With the key itself, which nobody is told again."""
        key = PREFIX + secrets.token_urlsafe(32)
        made: EnvironmentKey = {
            "id": new_id("envkey"),
            "type": "environment_key",
            "environment_id": environment_id,
            "name": name,
            "partial_key_hint": f"{PREFIX}...{key[-4:]}",
            "created_at": now(),
        }
        await self._store.change(Insert(KIND, made["id"], made, key=hashed(key)))
        return made | {"key": key}

    async def page(self, environment_id: str, page: Page) -> list[Object]:
        return await self._store.list(KIND, page, fields=[("environment_id", environment_id)])

    async def revoke(self, environment_id: str, id: str) -> None:
        """It opens nothing from now on, and what it opened is closed. Raises RequestError (404)."""
        found = await self._store.get(KIND, id)
        if found is None or found.body["environment_id"] != environment_id:
            raise not_found("environment key", id)
        await self._remove([found])

    async def forget(self, environment_id: str) -> None:
        """The environment is gone, and its keys with it."""
        while rows := await self.page(environment_id, Page(_BATCH, "asc")):
            await self._remove(rows)

    async def worker(self, key: str) -> Worker | None:
        """Who shows this key; None when it is no key, or no more."""
        found = await self._store.by_key(KIND, hashed(key))
        return self._worker(found.body["environment_id"], found.id) if found else None

    async def worker_with(self, item: dict[str, Any], key_id: str | None) -> Worker | None:
        """Who shows the token of a work item that was got with the key; None when that is revoked."""
        if key_id is not None and await self._store.get(KIND, key_id) is None:
            return None
        return self._worker(item["environment_id"], key_id, item)

    def _worker(self, environment_id: str, key_id: str | None, item: dict[str, Any] | None = None) -> Worker:
        return Worker(environment_id, key_id, self._revoked.setdefault(key_id or "", asyncio.Event()), item)

    async def _remove(self, rows: list[Object]) -> None:
        with contextlib.suppress(StaleError):  # somebody else has revoked it
            await self._store.change(*(Remove(row) for row in rows))
        for row in rows:
            if row.id in self._revoked:
                self._revoked[row.id].set()


def hashed(key: str) -> str:
    """Keys are long and random, so that a plain hash gives nothing away."""
    return hashlib.sha256(key.encode()).hexdigest()
