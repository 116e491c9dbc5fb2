"""`GET /openapi.json`: the API as this engine serves it, from the table of operations, the request models that check
bodies, and the shapes of answers that the official SDK expects (`responses.json`, written by scripts/responses).
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from antcli import __version__
from antcli.engine.api.query import Query
from antcli.engine.api.request_bodies import BODIES
from antcli.engine.api.services import operation
from antcli.operations import OPERATIONS, Field, Operation

_SCHEMAS = "#/components/schemas/"
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "file": {"type": "string", "format": "binary"},
}
_CURSOR = {"anyOf": [{"type": "string"}, {"type": "null"}]}
_PAGES: dict[str, dict[str, Any]] = {
    "cursor": {"next_page": _CURSOR},
    "bidirectional": {"next_page": _CURSOR, "prev_page": _CURSOR},
    "id": {"has_more": {"type": "boolean"}, "first_id": _CURSOR, "last_id": _CURSOR},
}
# Which operation's answer holds, as its `id`, what a path parameter wants.
_SOURCES = {
    "agent_id": "agents.create",
    "environment_id": "environments.create",
    "session_id": "sessions.create",
    "resource_id": "sessions.resources.add",
    "vault_id": "vaults.create",
    "credential_id": "vaults.credentials.create",
    "memory_store_id": "memory_stores.create",
    "memory_id": "memory_stores.memories.create",
    "skill_id": "skills.create",
    "file_id": "files.upload",
    "deployment_id": "deployments.create",
    "deployment_run_id": "deployments.run",
    "dream_id": "dreams.create",
    "user_profile_id": "user_profiles.create",
}
_ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {"type": "string"},
                "message": {"type": "string"},
                "details": {"type": "object"},
            },
        },
        "request_id": {"type": "string"},
    },
}


async def openapi(request: Request, query: Query) -> Response:
    return Response(await asyncio.to_thread(_text), media_type="application/json")


@cache
def _text() -> bytes:
    return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()


def document() -> dict[str, Any]:
    """OpenAPI 3.1 of every operation that the engine serves."""
    answers = json.loads(resources.files("antcli.engine.api").joinpath("responses.json").read_text(encoding="utf-8"))
    schemas: dict[str, Any] = {"Error": _ERROR, **answers["schemas"]}
    paths: dict[str, Any] = {}
    for entry in served():
        path = paths.setdefault(entry.path, {})
        path[entry.method.lower()] = _operation(entry, answers["operations"].get(entry.name), schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ant: the local Managed Agents engine", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{"bearer": []}, {"key": []}],
    }


@cache
def served() -> list[Operation]:
    """The operations of the table that have a route."""
    from antcli.engine.api.routes import ROUTES

    routes = {(method, _plain(route.path)) for route in ROUTES for method in route.methods or ()}
    return [entry for entry in OPERATIONS.values() if (entry.method, entry.path) in routes]


def _plain(path: str) -> str:
    return path.replace(":path}", "}")


def _operation(entry: Operation, answer: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": entry.name,
        "tags": [entry.name.partition(".")[0]],
        "parameters": [*_parameters(entry)],
        "responses": {
            "200": {"description": "Done.", "content": _answer(entry, answer), "links": _links(entry)},
            "default": {
                "description": "An error.",
                "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Error"}}},
            },
        },
    }
    if entry.multipart:
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _form(entry)}}}
    elif entry.name in BODIES:
        schema = _schema(BODIES[entry.name], schemas)
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _parameters(entry: Operation) -> list[dict[str, Any]]:
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in entry.path_params]
    query = [{"name": _query_name(field), "in": "query", "schema": _field(field)} for field in entry.query]
    headers: list[dict[str, Any]] = [
        {"name": field.name, "in": "header", "schema": _field(field)} for field in entry.headers
    ]
    if entry.beta is not None:
        headers.append({"name": "anthropic-beta", "in": "header", "required": True, "schema": {"const": entry.beta}})
    return [*path, *query, *headers]


def _query_name(field: Field) -> str:
    return f"{field.name}[]" if field.type.endswith("[]") else field.name


def _field(field: Field) -> dict[str, Any]:
    base = field.type.removesuffix("[]")
    schema = dict(_TYPES.get(base, {}))
    if field.choices:
        schema["enum"] = list(field.choices)
    return {"type": "array", "items": schema} if field.type.endswith("[]") else schema


def _answer(entry: Operation, answer: Any) -> dict[str, Any]:
    if entry.binary:
        return {"application/octet-stream": {"schema": _TYPES["file"]}}
    if entry.stream:
        return {"text/event-stream": {"schema": {"type": "string"}}}
    if entry.pages:
        properties = {"data": {"type": "array", "items": answer}, **_PAGES[entry.pages]}
        answer = {"type": "object", "required": list(properties), "properties": properties}
    return {"application/json": {"schema": answer or {}}}


def _links(entry: Operation) -> dict[str, Any]:
    """Where the id in this answer leads: the operations on the thing that was made."""
    links = {}
    for name, source in _SOURCES.items():
        for follower in served() if source == entry.name else ():
            known = {*entry.path_params, name}
            if name in follower.path_params and known.issuperset(follower.path_params):
                parameters = {param: f"$request.path.{param}" for param in follower.path_params if param != name}
                parameters[name] = "$response.body#/id"
                links[follower.name] = {"operationId": follower.name, "parameters": parameters}
    return links


def _form(entry: Operation) -> dict[str, Any]:
    properties = {_query_name(field): _field(field) for field in entry.body}
    return {
        "type": "object",
        "properties": properties,
        "required": [_query_name(field) for field in entry.body if field.required],
    }


def _schema(model: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """The model's schema; what it refers to is put among the others under a name of its own."""
    prefix = f"{model.__name__}."
    made = model.model_json_schema(ref_template=f"{_SCHEMAS}{prefix}{{model}}")
    schemas.update({prefix + name: schema for name, schema in made.pop("$defs", {}).items()})
    schemas[model.__name__] = made
    return {"$ref": f"{_SCHEMAS}{model.__name__}"}


ROUTES = [operation("GET", "/openapi.json", openapi)]
