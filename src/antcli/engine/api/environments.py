"""Environments: `/v1/environments` (api.md 6.1 to 6.3)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.creations import creation
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.environments import EnvironmentCreate, EnvironmentUpdate, check_config, resolve_config
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services, stored
from antcli.engine.api.validation import merge_metadata
from antcli.engine.clock import now
from antcli.engine.errors import invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.store.base import StaleError


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, EnvironmentCreate)
    moment = now()
    environment: dict[str, Any] = {
        "id": new_id("env"),
        "type": "environment",
        "name": body.name,
        "description": body.description,
        "config": resolve_config(body.config),
        "metadata": body.metadata or {},
        "scope": "organization",
        "created_at": moment,
        "updated_at": moment,
        "archived_at": None,
    }
    check_config(environment["config"])
    await services(request).store.insert("environment", environment["id"], environment)
    return json_response(environment)


async def retrieve(request: Request, query: Query) -> Response:
    return json_response((await stored(request, "environment")).body)


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, EnvironmentUpdate)
    store = services(request).store
    while True:
        found = await stored(request, "environment")
        if found.body["archived_at"] is not None:
            raise invalid(f"Environment {found.id} is archived and cannot be changed.", code="environment_archived")
        changed = found.body | _changes(found.body, body)
        if changed == found.body:
            return json_response(changed)
        check_config(changed["config"])
        try:
            return json_response((await store.replace(found, changed | {"updated_at": now()})).body)
        except StaleError:
            continue


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    part = slice_of(here.cursors, "environments", page=query.text("page"), order="desc", limit=query.limit())
    rows = await here.store.list("environment", part.page, include_archived=query.flag("include_archived"))
    return json_response(part.body(rows))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = request.path_params["environment_id"]
    here = services(request)
    if not await here.store.delete("environment", id):
        raise not_found("environment", id)
    await here.work.forget(id)
    await here.keys.forget(id)
    return json_response({"id": id, "type": "environment_deleted"})


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    store = services(request).store
    while True:
        found = await stored(request, "environment")
        if found.body["archived_at"] is not None:
            return json_response(found.body)
        moment = now()
        try:
            archived = await store.replace(found, found.body | {"archived_at": moment, "updated_at": moment})
        except StaleError:
            continue
        return json_response(archived.body)


def _changes(environment: dict[str, Any], body: EnvironmentUpdate) -> dict[str, Any]:
    given = body.model_fields_set
    changes: dict[str, Any] = {}
    if body.name is not None:
        changes["name"] = body.name
    if body.config is not None:
        changes["config"] = resolve_config(body.config, environment["config"])
    if "description" in given:
        changes["description"] = body.description
    if "metadata" in given:
        changes["metadata"] = merge_metadata(environment["metadata"], body.metadata, empty_deletes=True)
    return changes


ROUTES = [
    creation("/v1/environments", create, retrieve, "environment_id"),
    operation("GET", "/v1/environments", list_, "include_archived", "limit", "page"),
    operation("GET", "/v1/environments/{environment_id}", retrieve),
    operation("POST", "/v1/environments/{environment_id}", update),
    operation("DELETE", "/v1/environments/{environment_id}", delete),
    operation("POST", "/v1/environments/{environment_id}/archive", archive),
]
