"""Dreams: `/v1/dreams` (api.md 17)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.creations import creation
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.dreams import DreamCreate, DreamModel, MemoryStoreInput, UpdateExisting, shown
from antcli.engine.api.services import Services, json_response, operation, read_body, read_nothing, services
from antcli.engine.errors import RequestError, invalid
from antcli.engine.orchestration.dreams import KIND, STATUSES, new_dream


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, DreamCreate)
    here = services(request)
    inputs = await _inputs(here, body)
    model = body.model if isinstance(body.model, DreamModel) else DreamModel(id=body.model)
    dream = new_dream(
        inputs, {"id": model.id, "speed": "standard"}, body.instructions, body.output_behavior.model_dump()
    )
    return json_response(shown(await here.dreams.create(dream)))


async def _inputs(here: Services, body: DreamCreate) -> list[dict[str, Any]]:
    """Raises RequestError (400, 404) that names the input which is not there."""
    found: list[dict[str, Any]] = []
    for number, item in enumerate(body.inputs):
        where = f"inputs.{number}"
        if isinstance(item, MemoryStoreInput):
            id = item.memory_store_id
            try:
                await here.memories.stores.active(id)
            except RequestError as error:
                message = f"{where}.memory_store_id: {error.message}"
                raise RequestError(error.status, error.type, message, details=error.details) from None
            target = body.output_behavior
            if isinstance(target, UpdateExisting) and target.memory_store_id != id:
                raise invalid(f"output_behavior.memory_store_id: must be the memory store of the inputs, {id}.")
            found.append(item.model_dump())
            continue
        for index, id in enumerate(item.session_ids):
            if await here.store.session(id) is None:
                message = f"{where}.session_ids.{index}: no session with id {id!r}."
                raise RequestError(404, "not_found_error", message)
        found.append({"type": "sessions", "session_ids": sorted(item.session_ids)})
    return found


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(shown((await services(request).dreams.get(_id(request))).body))


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    created_at = query.times("created_at")
    statuses = query.choices("statuses", STATUSES)
    part = slice_of(
        here.cursors, "dreams", page=query.text("page"), order="desc", created_at=created_at, limit=query.limit()
    )
    rows = await here.store.list(
        KIND, part.page, include_archived=query.flag("include_archived"), created_at=created_at,
        fields=[("status", list(statuses))] if statuses else [],
    )  # fmt: skip
    return json_response(part.body(rows, lambda row: shown(row.body)))


async def cancel(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(shown(await services(request).dreams.cancel(_id(request))))


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(shown(await services(request).dreams.archive(_id(request))))


def _id(request: Request) -> str:
    return str(request.path_params["dream_id"])


_ONE = "/v1/dreams/{dream_id}"

ROUTES = [
    creation("/v1/dreams", create, retrieve, "dream_id"),
    operation(
        "GET", "/v1/dreams", list_, "created_at[gt]", "created_at[lt]", "include_archived", "limit", "page", "statuses"
    ),
    operation("GET", _ONE, retrieve),
    operation("POST", f"{_ONE}/cancel", cancel),
    operation("POST", f"{_ONE}/archive", archive),
]
