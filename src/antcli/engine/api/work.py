"""The work queue of self_hosted environments: `/v1/environments/{environment_id}/work` (api.md 6.4 to 6.7)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.auth import asking_worker
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.schemas.work import WorkStop, WorkUpdate
from antcli.engine.api.services import json_response, operation, read_body, read_nothing, services, stored
from antcli.engine.api.validation import merge_metadata
from antcli.engine.errors import invalid
from antcli.engine.orchestration.work import DEFAULT_RECLAIM_MS, MAXIMUM_TTL, shown

_LONGEST_WORKER_ID = 256
_DAY_MS = 24 * 3600 * 1000


async def poll(request: Request, query: Query) -> Response:
    block = query.integer("block_ms", 1, 999) or 0
    reclaim = query.integer("reclaim_older_than_ms", 0, _DAY_MS)
    worker = request.headers.get("anthropic-worker-id") or None
    if worker is not None and len(worker) > _LONGEST_WORKER_ID:
        raise invalid(f"anthropic-worker-id: at most {_LONGEST_WORKER_ID} characters, got {len(worker)}.")
    asking = asking_worker(request)
    claim = await services(request).work.poll(
        await self_hosted(request), worker=worker, key_id=asking.key_id if asking else None, block=block / 1000,
        reclaim=(DEFAULT_RECLAIM_MS if reclaim is None else reclaim) / 1000,
    )  # fmt: skip
    if claim is None:
        return json_response(None)  # `null`: clients tell an empty queue by it
    return json_response(shown(claim.item) | {"secret": claim.secret})


async def stats(request: Request, query: Query) -> Response:
    return json_response(await services(request).work.stats(await self_hosted(request)))


async def list_(request: Request, query: Query) -> Response:
    here, environment = services(request), await self_hosted(request)
    part = slice_of(here.cursors, f"work {environment}", page=query.text("page"), order="desc", limit=query.limit())
    return json_response(part.body(await here.work.page(environment, part.page), lambda row: shown(row.body)))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(shown(await services(request).work.get(await self_hosted(request), _id(request))))


async def update(request: Request, query: Query) -> Response:
    patch = (await read_body(request, WorkUpdate)).metadata
    changed = await services(request).work.update(
        await self_hosted(request), _id(request), lambda metadata: merge_metadata(metadata, patch)
    )
    return json_response(shown(changed))


async def acknowledge(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(shown(await services(request).work.acknowledge(await self_hosted(request), _id(request))))


async def heartbeat(request: Request, query: Query) -> Response:
    await read_nothing(request)
    beat = await services(request).work.heartbeat(
        await self_hosted(request), _id(request), expected=query.text("expected_last_heartbeat"),
        ttl=query.integer("desired_ttl_seconds", 1, MAXIMUM_TTL),
    )  # fmt: skip
    return json_response(beat)


async def stop(request: Request, query: Query) -> Response:
    body = await read_body(request, WorkStop, optional=True)
    stopped = await services(request).work.stop(await self_hosted(request), _id(request), force=bool(body.force))
    return json_response(shown(stopped))


def _id(request: Request) -> str:
    return str(request.path_params["work_id"])


async def self_hosted(request: Request) -> str:
    """The environment in the path. Raises RequestError (404; 400 when it has no workers)."""
    found = await stored(request, "environment")
    if found.body["config"]["type"] != "self_hosted":
        raise invalid(
            f"Environment {found.id} is not self_hosted: it has no workers; the engine runs its tools itself."
        )
    return found.id


_WORK = "/v1/environments/{environment_id}/work"
ROUTES = [  # the fixed names first: else they would be taken for ids
    operation("GET", f"{_WORK}/poll", poll, "block_ms", "reclaim_older_than_ms"),
    operation("GET", f"{_WORK}/stats", stats),
    operation("GET", _WORK, list_, "limit", "page"),
    operation("GET", f"{_WORK}/{{work_id}}", retrieve),
    operation("POST", f"{_WORK}/{{work_id}}", update),
    operation("POST", f"{_WORK}/{{work_id}}/ack", acknowledge),
    operation("POST", f"{_WORK}/{{work_id}}/heartbeat", heartbeat, "expected_last_heartbeat", "desired_ttl_seconds"),
    operation("POST", f"{_WORK}/{{work_id}}/stop", stop),
]
