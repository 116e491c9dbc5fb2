"""What a session has attached: `/v1/sessions/{id}/resources` (api.md 8)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.creations import creation
from antcli.engine.api.pages import page_body, slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.resources import MOST_RESOURCES, ResourceAdd, ResourceUpdate
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services
from antcli.engine.errors import RequestError, invalid, not_found
from antcli.engine.resources.resources import shown


async def list_(request: Request, query: Query) -> Response:
    here, session_id = services(request), request.path_params["session_id"]
    part = slice_of(
        here.cursors, f"resources of {session_id}", page=query.text("page"), order="asc",
        limit=query.limit(MOST_RESOURCES, MOST_RESOURCES),
    )  # fmt: skip
    after = part.page.after or 0
    rows = [resource for resource in await here.sessions.resources(session_id) if resource["_number"] > after]
    rows_of_page, next_page, _ = part.cut(rows[: part.page.limit], lambda resource: resource["_number"])
    return json_response(page_body([shown(resource) for resource in rows_of_page], next_page))


async def add(request: Request, query: Query) -> Response:
    body = await read_body(request, ResourceAdd)
    here, session_id = services(request), request.path_params["session_id"]
    before = await here.sessions.resources(session_id)
    [made] = await here.resources.attach(session_id, [body.model_dump(exclude_none=True)], before, path="")

    def change(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        here.resources.of_type(made["type"]).check(made, resources)
        return [*resources, made | {"_number": max((one["_number"] for one in resources), default=0) + 1}]

    try:
        await here.sessions.change_resources(session_id, change)
    except RequestError:
        await here.resources.detach(session_id, made)
        raise
    return json_response(shown(made))


async def retrieve(request: Request, query: Query) -> Response:
    resources = await services(request).sessions.resources(request.path_params["session_id"])
    return json_response(shown(_of(resources, request)))


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, ResourceUpdate)
    here, session_id = services(request), request.path_params["session_id"]
    resource = _of(await here.sessions.resources(session_id), request)
    changed = await here.resources.of_type(resource["type"]).update(session_id, resource, body.authorization_token)

    def change(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = _of(resources, request)
        return [changed if one is found else one for one in resources]

    await here.sessions.change_resources(session_id, change)
    return json_response(shown(changed))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    here, session_id = services(request), request.path_params["session_id"]

    def change(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = _of(resources, request)
        if not here.resources.of_type(found["type"]).removable:
            raise invalid(f"A resource of type {found['type']} stays with the session: it cannot be removed.")
        return [one for one in resources if one is not found]

    await here.sessions.change_resources(session_id, change)
    return json_response({"id": request.path_params["resource_id"], "type": "session_resource_deleted"})


def _of(resources: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    id = request.path_params["resource_id"]
    for resource in resources:
        if resource.get("id") == id:
            return resource
    raise not_found("resource", id)


_RESOURCES = "/v1/sessions/{session_id}/resources"

ROUTES = [
    operation("GET", _RESOURCES, list_, "limit", "page"),
    creation(_RESOURCES, add, retrieve, "resource_id"),
    operation("GET", f"{_RESOURCES}/{{resource_id}}", retrieve),
    operation("POST", f"{_RESOURCES}/{{resource_id}}", update),
    operation("DELETE", f"{_RESOURCES}/{{resource_id}}", delete),
]
