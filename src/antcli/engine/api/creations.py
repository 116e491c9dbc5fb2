"""A create that a client sends again, because it never got the answer, makes nothing new: `Idempotency-Key` names it.

For a day the store keeps what was made under a key, and a hash of the request; never a key, a body or an answer. Who
asks again gets the thing as it is now. Only an engine that dies between the making and the keeping makes two.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antcli.engine.api.query import Query
from antcli.engine.api.services import Handler, operation, services
from antcli.engine.clock import now, timestamp
from antcli.engine.errors import conflict, invalid
from antcli.engine.store.base import Insert, Object, Page, Remove, StaleError, StorageError, Store

KIND = "idempotency_key"
KEPT = timedelta(hours=24)
LONGEST_KEY = 255
_BATCH = 10

logger = logging.getLogger("antcli.engine.api")


def creation(path: str, create: Handler, retrieve: Handler, id_name: str, *query: str) -> Route:
    """The route of a POST that makes a thing, which `retrieve` shows by its id in the path parameter `id_name`."""

    async def once(request: Request, query: Query) -> Response:
        key, creations = idempotency_key(request), services(request).creations
        if key is None:
            return await create(request, query)
        name, asked = hashlib.sha256(key.encode()).hexdigest(), await _hashed(request, key)
        async with creations.lock(name):
            made = await creations.find(name, asked)
            if made is not None:
                request.path_params[id_name] = made
                return await retrieve(request, query)
            response = await create(request, query)
            await creations.note(name, asked, json.loads(bytes(response.body))["id"])
            return response

    return operation("POST", path, once, *query)


def idempotency_key(request: Request) -> str | None:
    """Raises RequestError (400)."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise invalid(f"Idempotency-Key: must have 1 to {LONGEST_KEY} characters, not {len(key)}.")
    return key


class Creations:
    """What was made under which key; a key goes by its hash, its `name`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def lock(self, name: str) -> asyncio.Lock:
        """Held while the thing is made: a request that comes again meanwhile waits for it."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def find(self, name: str, asked: str) -> str | None:
        """The id of what the request has made. Raises RequestError (409) when the key is that of another request."""
        row = await self._store.get(KIND, name)
        if row is None:
            return None
        if _is_old(row):
            await self._store.delete(KIND, name)
            return None
        if row.body["request"] != asked:
            raise conflict(
                "Idempotency-Key: another request bore it within the last 24 hours; take a new one.",
                code="idempotency_key_reused",
            )
        return str(row.body["made"])

    async def note(self, name: str, asked: str, made: str) -> None:
        """Also drop a few that are old: as many go as come."""
        body = {"request": asked, "made": made, "created_at": now()}
        while True:
            try:
                old = [row for row in await self._store.list(KIND, Page(_BATCH, "asc")) if _is_old(row)]
                await self._store.change(*map(Remove, old), Insert(KIND, name, body))
                return
            except StaleError:
                continue
            except StorageError as error:  # the thing is made, and its answer on the way
                logger.error("An Idempotency-Key could not be kept: %s", error)
                return


async def _hashed(request: Request, key: str) -> str:
    """With the key, which is not kept: nobody can find out a short body by trying."""
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hmac.digest(key.encode(), asked + await request.body(), "sha256").hex()


def _is_old(row: Object) -> bool:
    return bool(row.body["created_at"] < timestamp(datetime.now(UTC) - KEPT))
