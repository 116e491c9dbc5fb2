"""Memories and their versions: `/v1/memory_stores/{memory_store_id}/...` (api.md 13.2, 13.3)."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.auth import asking_worker
from antcli.engine.api.creations import creation
from antcli.engine.api.pages import Cursor, page_body, slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.memory import MemoryCreate, MemoryUpdate
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services
from antcli.engine.errors import invalid
from antcli.engine.memory.memories import Memories, session_actor
from antcli.engine.memory.paths import LONGEST_PATH

MAXIMUM_FULL = 20
VIEWS = ("basic", "full")
OPERATIONS = ("created", "modified", "deleted")
# Whoever has the engine's one key, or its socket.
API_ACTOR = {"type": "api_actor", "api_key_id": "apikey_local"}

Json = dict[str, Any]


async def create(request: Request, query: Query) -> Response:
    full = _is_full(query, "basic")
    body = await read_body(request, MemoryCreate)
    memories = services(request).memories
    made = await memories.create(_store_id(request), body.path, body.content or "", _actor(request))
    return json_response(await _memory(memories, made, full))


async def retrieve(request: Request, query: Query) -> Response:
    full = _is_full(query, "full")
    memories = services(request).memories
    found = await memories.get(_store_id(request), request.path_params["memory_id"])
    return json_response(await _memory(memories, found.body, full))


async def update(request: Request, query: Query) -> Response:
    full = _is_full(query, "basic")
    body = await read_body(request, MemoryUpdate)
    memories = services(request).memories
    expected = body.precondition.content_sha256 if "precondition" in body.model_fields_set else None
    changed = await memories.update(
        _store_id(request), request.path_params["memory_id"], _actor(request),
        content=body.content, path=body.path, expected=expected,
    )  # fmt: skip
    return json_response(await _memory(memories, changed, full))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    expected, id = query.text("expected_content_sha256"), request.path_params["memory_id"]
    if expected is not None and not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise invalid("expected_content_sha256: must be 64 lower-case hexadecimal characters.")
    await services(request).memories.delete(_store_id(request), id, _actor(request), expected)
    return json_response({"id": id, "type": "memory_deleted"})


async def list_(request: Request, query: Query) -> Response:
    """In order of path, which stays the same whatever is changed."""
    here, store_id = services(request), _store_id(request)
    full, prefix = _is_full(query, "basic"), query.text("path_prefix") or "/"
    _check_prefix(prefix)
    depth, page = query.integer("depth", 0, 1) or 0, query.text("page")
    list_name = f"memories {depth} {store_id} {prefix}"
    after = here.cursors.decode(page, list_name, "asc").text if page else ""
    rows, beyond = await here.memories.list(
        store_id, prefix=prefix, roll_up=depth == 1, after=after, limit=_limit(query, full)
    )
    data = [
        {"type": "memory_prefix", "path": path} if row is None else await _memory(here.memories, row.body, full)
        for path, row in rows
    ]
    next_page = here.cursors.encode(Cursor(list_name, "asc", 0, text=beyond)) if beyond and data else None
    return json_response(page_body(data, next_page))


async def retrieve_version(request: Request, query: Query) -> Response:
    full = _is_full(query, "full")
    memories = services(request).memories
    found = await memories.version(_store_id(request), request.path_params["memory_version_id"])
    return json_response(await _version(memories, found.body, full))


async def list_versions(request: Request, query: Query) -> Response:
    """The newest first."""
    here, store_id, full = services(request), _store_id(request), _is_full(query, "basic")
    paths = {
        "memory_id": "memory_id", "operation": "operation", "session_id": "created_by.session_id",
        "api_key_id": "created_by.api_key_id", "service_account_id": "created_by.service_account_id",
    }  # fmt: skip
    query.choices("operation", OPERATIONS)
    fields = [(path, value) for name, path in paths.items() if (value := query.text(name)) is not None]
    part = slice_of(
        here.cursors, f"memory_versions {store_id}", page=query.text("page"), order="desc", limit=_limit(query, full)
    )
    created_at = query.times("created_at")
    rows = await here.memories.versions(store_id, part.page, fields=fields, created_at=created_at)
    rows_of_page, next_page, _ = part.cut(rows, lambda row: row.sequence)
    data = [await _version(here.memories, row.body, full) for row in rows_of_page]
    return json_response(page_body(data, next_page))


async def redact(request: Request, query: Query) -> Response:
    await read_nothing(request)
    memories, id = services(request).memories, request.path_params["memory_version_id"]
    return json_response(await _version(memories, await memories.redact(_store_id(request), id, API_ACTOR), True))


async def _memory(memories: Memories, body: Json, full: bool) -> Json:
    return body | {"content": await memories.content(body["memory_version_id"]) if full else None}


async def _version(memories: Memories, body: Json, full: bool) -> Json:
    return body | {"content": await memories.content(body["id"]) if full else None}


def _actor(request: Request) -> Json:
    """Whoever has the engine's one key, or a worker with the token of a session's work."""
    worker = asking_worker(request)
    return session_actor(worker.item["data"]["id"]) if worker is not None and worker.item else API_ACTOR


def _is_full(query: Query, default: str) -> bool:
    query.choices("view", VIEWS)
    return (query.text("view") or default) == "full"


def _limit(query: Query, full: bool) -> int:
    limit = query.limit()
    return min(limit, MAXIMUM_FULL) if full else limit


def _check_prefix(prefix: str) -> None:
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise invalid(f"path_prefix: must start and end with /, got {prefix[:100]!r}.")
    if (size := len(prefix.encode())) > LONGEST_PATH:
        raise invalid(f"path_prefix: at most {LONGEST_PATH:,} bytes, got {size:,}.")


def _store_id(request: Request) -> str:
    return str(request.path_params["memory_store_id"])


_MEMORIES = "/v1/memory_stores/{memory_store_id}/memories"
_MEMORY = "/v1/memory_stores/{memory_store_id}/memories/{memory_id}"
_VERSIONS = "/v1/memory_stores/{memory_store_id}/memory_versions"
_VERSION = "/v1/memory_stores/{memory_store_id}/memory_versions/{memory_version_id}"

ROUTES = [
    creation(_MEMORIES, create, retrieve, "memory_id", "view"),
    operation("GET", _MEMORIES, list_, "depth", "limit", "page", "path_prefix", "view"),
    operation("GET", _MEMORY, retrieve, "view"),
    operation("POST", _MEMORY, update, "view"),
    operation("DELETE", _MEMORY, delete, "expected_content_sha256"),
    operation(
        "GET", _VERSIONS, list_versions, "api_key_id", "created_at[gte]", "created_at[lte]", "limit", "memory_id",
        "operation", "page", "service_account_id", "session_id", "view",
    ),
    operation("GET", _VERSION, retrieve_version, "view"),
    operation("POST", f"{_VERSION}/redact", redact),
]  # fmt: skip
