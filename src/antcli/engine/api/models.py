"""Models: `/v1/models`, as far as the endpoint behind this engine lists them (api.md 18)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.query import Query
from antcli.engine.api.services import Services, json_response, operation, services
from antcli.engine.errors import RequestError, invalid, not_found
from antcli.engine.providers.base import ModelError

MAXIMUM_LIMIT = 1000
LIFECYCLES = ("active", "deprecated", "retired")


async def list_(request: Request, query: Query) -> Response:
    limit = query.limit(MAXIMUM_LIMIT)
    lifecycles = query.choices("lifecycle", LIFECYCLES) or ("active", "deprecated")
    after_id, before_id = query.text("after_id"), query.text("before_id")
    if after_id and before_id:
        raise invalid("after_id and before_id exclude each other.")
    models = [model for model in await _models(services(request)) if model["lifecycle"] in lifecycles]
    ids = [model["id"] for model in models]
    if before_id:
        end = _position(ids, "before_id", before_id)
        start = max(0, end - limit)
        more = start > 0
    else:
        start = _position(ids, "after_id", after_id) + 1 if after_id else 0
        end = start + limit
        more = end < len(models)
    page = models[start:end]
    first_id, last_id = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return json_response({"data": page, "has_more": more, "first_id": first_id, "last_id": last_id})


async def retrieve(request: Request, query: Query) -> Response:
    id = request.path_params["model_id"]
    for model in await _models(services(request)):
        if model["id"] == id:
            return json_response(model)
    raise not_found("model", id)


async def _models(here: Services) -> list[dict[str, Any]]:
    """Newest first. Raises RequestError (502) when the endpoint does not answer."""
    try:
        models = await here.providers.models()
    except ModelError as error:
        raise RequestError(502, "api_error", f"The model endpoint does not list its models: {error.message}") from error
    return sorted(models, key=lambda model: str(model["created_at"]), reverse=True)


def _position(ids: list[str], name: str, id: str) -> int:
    if id not in ids:
        raise invalid(f"{name}: no model with id {id[:100]!r} in this list.")
    return ids.index(id)


ROUTES = [
    operation("GET", "/v1/models", list_, "after_id", "before_id", "lifecycle", "limit"),
    operation("GET", "/v1/models/{model_id:path}", retrieve),
]
