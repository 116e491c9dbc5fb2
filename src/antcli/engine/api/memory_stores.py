"""Memory stores: `/v1/memory_stores` (api.md 13.1)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.creations import creation
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.memory import MemoryStoreCreate, MemoryStoreUpdate
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services
from antcli.engine.api.validation import merge_metadata
from antcli.engine.memory.stores import STORE, MemoryStores, shown


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, MemoryStoreCreate)
    return json_response(await _stores(request).create(body.name, body.description or "", body.metadata or {}))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(shown(await _stores(request).get(_id(request))))


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, MemoryStoreUpdate)

    def changes(store: dict[str, Any]) -> dict[str, Any]:
        given = {"name": body.name, "description": body.description}
        changed = {name: value for name, value in given.items() if value is not None}
        return changed | {"metadata": merge_metadata(store["metadata"], body.metadata)}

    return json_response(await _stores(request).update(_id(request), changes))


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    part = slice_of(here.cursors, "memory_stores", page=query.text("page"), order="desc", limit=query.limit())
    rows = await here.store.list(
        STORE, part.page, include_archived=query.flag("include_archived"), created_at=query.times("created_at")
    )
    return json_response(part.body(rows, shown))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = _id(request)
    await _stores(request).delete(id)
    return json_response({"id": id, "type": "memory_store_deleted"})


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(await _stores(request).archive(_id(request)))


def _stores(request: Request) -> MemoryStores:
    return services(request).memories.stores


def _id(request: Request) -> str:
    return str(request.path_params["memory_store_id"])


_STORE = "/v1/memory_stores/{memory_store_id}"

ROUTES = [
    creation("/v1/memory_stores", create, retrieve, "memory_store_id"),
    operation(
        "GET", "/v1/memory_stores", list_, "created_at[gte]", "created_at[lte]", "include_archived", "limit", "page"
    ),
    operation("GET", _STORE, retrieve),
    operation("POST", _STORE, update),
    operation("DELETE", _STORE, delete),
    operation("POST", f"{_STORE}/archive", archive),
]
