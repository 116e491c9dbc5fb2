"""Keys of self_hosted environments: `/v1/environments/{environment_id}/keys`, which only this engine has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.work import KeyCreate
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services
from antcli.engine.api.work import self_hosted


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, KeyCreate, optional=True)
    return json_response(await services(request).keys.create(await self_hosted(request), body.name))


async def list_(request: Request, query: Query) -> Response:
    here, environment = services(request), await self_hosted(request)
    part = slice_of(here.cursors, f"keys {environment}", page=query.text("page"), order="desc", limit=query.limit())
    return json_response(part.body(await here.keys.page(environment, part.page)))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = request.path_params["key_id"]
    await services(request).keys.revoke(await self_hosted(request), id)
    return json_response({"id": id, "type": "environment_key_deleted"})


_KEYS = "/v1/environments/{environment_id}/keys"
ROUTES = [
    operation("POST", _KEYS, create),  # no `creation`: a key is told once, so who asks again gets another one
    operation("GET", _KEYS, list_, "limit", "page"),
    operation("DELETE", f"{_KEYS}/{{key_id}}", delete),
]
