"""What a worker may do, with the key of its environment or the token of its work item (api.md 6.6, semantics.md 12).

What is not named here it may not do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from starlette.requests import Request

from antcli.engine.api.auth import asking_worker
from antcli.engine.errors import forbidden, not_found
from antcli.engine.orchestration.environment_keys import Worker
from antcli.engine.resources.skill_mounts import all_skills
from antcli.engine.store.base import SessionRow

if TYPE_CHECKING:
    from antcli.engine.api.services import Services

Check = Callable[[Request, Worker], Awaitable[None]]

_RESULTS = ("user.tool_result", "user.custom_tool_result")


async def admit(request: Request, operation: str) -> None:
    """Raises RequestError: 403 for what a worker may not do, 404 for what it is not to know of."""
    worker = asking_worker(request)
    if worker is None:
        return
    check = (_WITH_KEY if worker.item is None else _WITH_TOKEN).get(operation)
    if check is None:
        what = "An environment key" if worker.item is None else "The token of a work item"
        raise forbidden(f"{what} is not enough for {operation}: it takes the API key.")
    await check(request, worker)


def admit_events(request: Request, types: Iterable[str]) -> None:
    """A worker answers calls, and does not speak for the user. Raises RequestError (403)."""
    if asking_worker(request) is not None:
        for number, type in enumerate(types):
            if type not in _RESULTS:
                raise forbidden(f"events.{number}: a worker sends {' and '.join(_RESULTS)} only, not {type}.")


async def _environment(request: Request, worker: Worker) -> None:
    if (id := request.path_params["environment_id"]) != worker.environment_id:
        raise not_found("environment", id)


async def _item(request: Request, worker: Worker) -> None:
    await _environment(request, worker)
    if worker.item is not None and (id := request.path_params["work_id"]) != worker.item["id"]:
        raise not_found("work item", id)


async def _session(request: Request, worker: Worker) -> None:
    id, here = request.path_params["session_id"], _services(request)
    row = await here.store.session(id)
    if row is None or row.body["environment_id"] != worker.environment_id:
        raise not_found("session", id)
    if id not in await _held(here, worker):
        raise forbidden(f"No work item of session {id} is held: it has stopped, or none was taken.")


async def _skill(request: Request, worker: Worker) -> None:
    id, version = request.path_params["skill_id"], request.path_params["version"]
    for row in await _sessions(request, worker):
        for skill in all_skills(row.body):
            if (skill["skill_id"], skill["version"]) == (id, version):
                return
    raise not_found("skill", id)


async def _memory(request: Request, worker: Worker) -> None:
    id = request.path_params["memory_store_id"]
    for row in await _sessions(request, worker):
        for resource in row.body.get("resources", []):
            if resource.get("memory_store_id") == id:
                if request.method not in ("GET", "HEAD") and resource["access"] != "read_write":
                    raise forbidden(f"Memory store {id} is read only in session {row.id}.")
                return
    raise not_found("memory store", id)


async def _sessions(request: Request, worker: Worker) -> list[SessionRow]:
    """Those whose work the worker holds."""
    here = _services(request)
    found = [await here.store.session(id) for id in await _held(here, worker)]
    return [row for row in found if row is not None]


async def _held(here: Services, worker: Worker) -> set[str]:
    if worker.item is None:
        return await here.work.held(worker.environment_id)
    return {worker.item["data"]["id"]} if worker.item["state"] != "stopped" else set()


def _services(request: Request) -> Services:
    found: Services = request.scope["services"]
    return found


_QUEUE = "/v1/environments/{environment_id}/work"
_SESSION = "/v1/sessions/{session_id}"
_VERSION = "/v1/skills/{skill_id}/versions/{version}"
_MEMORIES = "/v1/memory_stores/{memory_store_id}/memories"

_WITH_BOTH: dict[str, Check] = {
    f"POST {_QUEUE}/{{work_id}}/heartbeat": _item,
    f"POST {_QUEUE}/{{work_id}}/stop": _item,
    f"GET {_SESSION}": _session,
    f"GET {_SESSION}/events": _session,
    f"POST {_SESSION}/events": _session,
    f"GET {_SESSION}/events/stream": _session,
    f"GET {_VERSION}": _skill,
    f"GET {_VERSION}/content": _skill,
}
_WITH_KEY: dict[str, Check] = _WITH_BOTH | {
    f"GET {_QUEUE}": _environment,
    f"GET {_QUEUE}/poll": _environment,
    f"GET {_QUEUE}/stats": _environment,
    f"POST {_QUEUE}/{{work_id}}/ack": _item,
}
_WITH_TOKEN: dict[str, Check] = _WITH_BOTH | {
    f"GET {_MEMORIES}": _memory,
    f"POST {_MEMORIES}": _memory,
    f"GET {_MEMORIES}/{{memory_id}}": _memory,
    f"POST {_MEMORIES}/{{memory_id}}": _memory,
    f"DELETE {_MEMORIES}/{{memory_id}}": _memory,
}
