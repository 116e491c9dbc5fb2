"""Agents: `/v1/agents` (api.md 5, semantics.md 1.1). Each effective change makes a version; versions are kept."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.agent_rules import check_agent, check_web_tools
from antcli.engine.api.creations import creation
from antcli.engine.api.multiagent import Read, resolve_multiagent, with_own_version
from antcli.engine.api.pages import page_body, slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.agents import AgentCreate, AgentUpdate, resolve_model
from antcli.engine.api.schemas.mcp import resolve_servers
from antcli.engine.api.schemas.skills import entries
from antcli.engine.api.schemas.tools import resolve_tools
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services
from antcli.engine.api.validation import merge_metadata
from antcli.engine.clock import now
from antcli.engine.errors import conflict, invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.store.base import Insert, Object, Replace, StaleError, Store


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, AgentCreate)
    store = services(request).store
    moment = now()
    agent: dict[str, Any] = {
        "id": new_id("agent"),
        "type": "agent",
        "version": 1,
        "name": body.name,
        "description": body.description or None,
        "system": body.system or None,
        "model": resolve_model(body.model),
        "tools": resolve_tools(body.tools),
        "mcp_servers": resolve_servers(body.mcp_servers),
        "skills": await services(request).skills.references(entries(body.skills)),
        "multiagent": None,
        "metadata": body.metadata or {},
        "execution_identity": {"type": "service_account"},
        "created_at": moment,
        "updated_at": moment,
        "archived_at": None,
    }
    agent["multiagent"] = await resolve_multiagent(body.multiagent, None, agent, _reader(store))
    check_agent(agent)
    await check_web_tools(agent, services(request).providers)
    await store.change(Insert("agent", agent["id"], agent), _version(agent))
    return json_response(agent)


async def retrieve(request: Request, query: Query) -> Response:
    version = query.integer("version", 1, 2**31)
    return json_response(await read_agent(services(request).store, request.path_params["agent_id"], version))


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, AgentUpdate)
    store = services(request).store
    while True:
        stored = await _stored(store, request.path_params["agent_id"])
        _check_current(stored.body, body.version)
        changed = stored.body | _changes(stored.body, body)
        if "skills" in body.model_fields_set:
            changed["skills"] = await services(request).skills.references(entries(body.skills))
        if "multiagent" in body.model_fields_set:
            changed["multiagent"] = await resolve_multiagent(
                body.multiagent, stored.body["multiagent"], stored.body, _reader(store)
            )
        if changed == stored.body:
            return json_response(changed)
        check_agent(changed)
        if {"tools", "model"} & body.model_fields_set:
            await check_web_tools(changed, services(request).providers)
        version = changed["version"] + 1
        multiagent = with_own_version(changed["multiagent"], changed["id"], version)
        changed |= {"version": version, "updated_at": now(), "multiagent": multiagent}
        try:
            await store.change(Replace(stored, changed), _version(changed))
            return json_response(changed)
        except StaleError:
            continue  # somebody else changed it meanwhile: decide again on what it is now


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    created_at = query.times("created_at")
    part = slice_of(
        here.cursors, "agents", page=query.text("page"), order="desc", limit=query.limit(), created_at=created_at
    )
    rows = await here.store.list(
        "agent", part.page, include_archived=query.flag("include_archived"), created_at=created_at
    )
    rows_of_page, next_page, _ = part.cut(rows, lambda row: row.sequence, lambda row: row.body["created_at"])
    return json_response(page_body([row.body for row in rows_of_page], next_page))


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    store = services(request).store
    while True:
        stored = await _stored(store, request.path_params["agent_id"])
        if stored.body["archived_at"] is not None:
            return json_response(stored.body)
        moment = now()
        try:
            archived = await store.replace(stored, stored.body | {"archived_at": moment, "updated_at": moment})
        except StaleError:
            continue
        await services(request).deployments.agent_archived(stored.id)
        return json_response(archived.body)


async def list_versions(request: Request, query: Query) -> Response:
    here = services(request)
    agent = await _stored(here.store, request.path_params["agent_id"])
    part = slice_of(here.cursors, f"versions of {agent.id}", page=query.text("page"), order="desc", limit=query.limit())
    rows = await here.store.list("agent_version", part.page, parent=agent.id, include_archived=True)
    return json_response(part.body(rows, lambda row: _as_version(agent.body, row.body)))


async def read_agent(store: Store, id: str, version: int | None = None) -> dict[str, Any]:
    """An agent as it is now, or as it was in a version. Raises RequestError (404)."""
    agent = await _stored(store, id)
    if version is None or version == agent.body["version"]:
        return agent.body
    found = await store.get("agent_version", _version_id(id, version))
    if found is None:
        raise not_found(f"version of agent {id}", str(version))
    return _as_version(agent.body, found.body)


def _reader(store: Store) -> Read:
    return lambda id, version: read_agent(store, id, version)


def _as_version(agent: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    """Archiving concerns the agent with all its versions."""
    return version | {"archived_at": agent["archived_at"]}


def _version(agent: dict[str, Any]) -> Insert:
    return Insert("agent_version", _version_id(agent["id"], agent["version"]), agent, agent["id"])


def _version_id(id: str, version: int) -> str:
    return f"{id}:{version}"


async def _stored(store: Store, id: str) -> Object:
    found = await store.get("agent", id)
    if found is None:
        raise not_found("agent", id)
    return found


def _check_current(agent: dict[str, Any], version: int | None) -> None:
    if agent["archived_at"] is not None:
        raise invalid(f"Agent {agent['id']} is archived and cannot be changed.")
    if version is not None and version != agent["version"]:
        raise conflict(f"version: the agent is at version {agent['version']}, not {version}.")


def _changes(agent: dict[str, Any], body: AgentUpdate) -> dict[str, Any]:
    given = body.model_fields_set
    changes: dict[str, Any] = {}
    if "name" in given:
        changes["name"] = body.name
    if "model" in given:
        changes["model"] = resolve_model(body.model, agent["model"])
    if "description" in given:
        changes["description"] = body.description or None
    if "system" in given:
        changes["system"] = body.system or None
    if "tools" in given:
        changes["tools"] = resolve_tools(body.tools)
    if "mcp_servers" in given:
        changes["mcp_servers"] = resolve_servers(body.mcp_servers)
    if "metadata" in given:
        changes["metadata"] = merge_metadata(agent["metadata"], body.metadata)
    return changes


ROUTES = [
    creation("/v1/agents", create, retrieve, "agent_id"),
    operation(
        "GET", "/v1/agents", list_, "created_at[gte]", "created_at[lte]", "include_archived", "limit", "page"
    ),
    operation("GET", "/v1/agents/{agent_id}", retrieve, "version"),
    operation("POST", "/v1/agents/{agent_id}", update),
    operation("POST", "/v1/agents/{agent_id}/archive", archive),
    operation("GET", "/v1/agents/{agent_id}/versions", list_versions, "limit", "page"),
]  # fmt: skip
