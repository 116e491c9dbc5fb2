"""Deployments and their runs: `/v1/deployments`, `/v1/deployment_runs` (api.md 16)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.agent_rules import check_reach
from antcli.engine.api.agents import read_agent
from antcli.engine.api.creations import creation
from antcli.engine.api.file_blocks import checked_files
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.rubrics import with_rubrics
from antcli.engine.api.schemas.deployments import DeploymentCreate, DeploymentUpdate, shown, shown_run
from antcli.engine.api.schemas.events import plain
from antcli.engine.api.schemas.sessions import AgentReference, SessionCreate
from antcli.engine.api.services import Services, json_response, operation, read_body, read_nothing, services, stored
from antcli.engine.api.sessions import check_budgetable, check_hands, make, session_agent, usable_environment
from antcli.engine.api.validation import merge_metadata
from antcli.engine.clock import now
from antcli.engine.errors import invalid
from antcli.engine.ids import new_id
from antcli.engine.model_facts import takes_system_messages
from antcli.engine.orchestration.deployments import KIND, MOST_SCHEDULED, RUN, archived
from antcli.engine.session.objects import network
from antcli.engine.store.base import StaleError, Store

MAXIMUM_RUNS = 1000
_CLEARED: dict[str, Any] = {"description": None, "resources": [], "vault_ids": [], "schedule": None, "budget": None}
_KEPT = ("name", "agent", "environment_id", "initial_events")


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, DeploymentCreate)
    here = services(request)
    moment = now()
    deployment: dict[str, Any] = {
        "id": new_id("depl"),
        "type": "deployment",
        "name": body.name,
        **_CLEARED,
        "metadata": body.metadata or {},
        "status": "active",
        "paused_reason": None,
        "created_at": moment,
        "updated_at": moment,
        "archived_at": None,
        "fires_from": moment,
        **await _resolved(here, body),
    }
    await _check_session(here, deployment)
    if deployment["schedule"] is not None:
        await _check_scheduled(here)
    made = await here.store.insert(KIND, deployment["id"], deployment)
    here.deployments.changed(made)
    return json_response(shown(deployment))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(shown((await stored(request, KIND)).body))


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, DeploymentUpdate)
    here = services(request)
    for name in _KEPT:
        if name in body.model_fields_set and getattr(body, name) is None:
            raise invalid(f"{name}: cannot be cleared.")
    changes = await _resolved(here, body)

    async def change(old: dict[str, Any]) -> dict[str, Any]:
        _must_live(old, "changed")
        new = old | changes
        new["metadata"] = merge_metadata(old["metadata"], body.metadata)
        if new["schedule"] is not None and old["schedule"] is None:
            await _check_scheduled(here)
        if "schedule" in changes:
            new |= _rescheduled(old, new["schedule"])
        if new != old:
            await _check_session(here, new)
        return new

    return await _change(request, change)


async def list_(request: Request, query: Query) -> Response:
    here, fields = services(request), []
    if (agent := query.text("agent_id")) is not None:
        fields.append(("agent.id", agent))
    status, include_archived = query.text("status"), query.flag("include_archived")
    if status is not None:
        if status not in ("active", "paused"):
            raise invalid(f"status: must be active or paused, got {status[:60]!r}.")
        if include_archived:
            raise invalid("status: cannot be combined with include_archived.")
        fields.append(("status", status))
    created_at = query.times("created_at")
    part = slice_of(
        here.cursors, "deployments", page=query.text("page"), order="desc", created_at=created_at, limit=query.limit()
    )
    rows = await here.store.list(
        KIND, part.page, include_archived=include_archived, created_at=created_at, fields=fields
    )
    return json_response(part.body(rows, lambda row: shown(row.body)))


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)

    async def change(old: dict[str, Any]) -> dict[str, Any]:
        return old if old["archived_at"] is not None else old | archived(old)

    return await _change(request, change)


async def pause(request: Request, query: Query) -> Response:
    await read_nothing(request)

    async def change(old: dict[str, Any]) -> dict[str, Any]:
        _must_live(old, "paused")
        return old | {"status": "paused", "paused_reason": {"type": "manual"}}

    return await _change(request, change)


async def unpause(request: Request, query: Query) -> Response:
    await read_nothing(request)

    async def change(old: dict[str, Any]) -> dict[str, Any]:
        _must_live(old, "unpaused")
        if old["status"] == "active":
            return old
        # What was missed meanwhile stays missed.
        return old | {"status": "active", "paused_reason": None, "fires_from": now()}

    return await _change(request, change)


async def run(request: Request, query: Query) -> Response:
    await read_nothing(request)
    here = services(request)
    found = await stored(request, KIND)
    _must_live(found.body, "run")
    return json_response(shown_run(await here.deployments.run_now(found)))


async def retrieve_run(request: Request, query: Query) -> Response:
    return json_response(shown_run((await stored(request, RUN)).body))


async def list_runs(request: Request, query: Query) -> Response:
    here = services(request)
    fields: list[tuple[str, Any]] = []
    if query.text("has_error") is not None:
        fields.append(("failed", query.flag("has_error")))
    if (trigger := query.text("trigger_type")) is not None:
        if trigger not in ("schedule", "manual"):
            raise invalid(f"trigger_type: must be schedule or manual, got {trigger[:60]!r}.")
        fields.append(("trigger_context.type", trigger))
    created_at = query.times("created_at")
    part = slice_of(
        here.cursors, "deployment runs", page=query.text("page"), order="desc", created_at=created_at,
        limit=query.limit(MAXIMUM_RUNS),
    )  # fmt: skip
    rows = await here.store.list(
        RUN, part.page, parent=query.text("deployment_id"), created_at=created_at, fields=fields
    )
    return json_response(part.body(rows, lambda row: shown_run(row.body)))


async def start_session(here: Services, deployment: dict[str, Any], session_id: str) -> None:
    """The session of a run, made as POST /v1/sessions makes it. Raises RequestError."""
    await here.resources.remove(session_id)  # what an attempt left that a crash cut short
    events = deepcopy(deployment["initial_events"])  # each run reads the files of its rubrics anew
    body = _session(deployment, await here.resources.kept(deployment["resources"]))
    await make(here, body, events, id=session_id, deployment_id=deployment["id"])


def _session(deployment: dict[str, Any], resources: list[dict[str, Any]]) -> SessionCreate:
    return SessionCreate.model_validate(
        {
            "agent": deployment["agent"],
            "environment_id": deployment["environment_id"],
            "title": deployment["name"],
            "resources": resources or None,
            "vault_ids": deployment["vault_ids"] or None,
            "budget": deployment["budget"],
        }
    )


async def _check_session(here: Services, deployment: dict[str, Any]) -> None:
    """Refuse what no session could be made of. Raises RequestError."""
    agent = await session_agent(here, _session(deployment, []))
    if deployment["budget"] is not None:
        await check_budgetable(here, agent)
    environment = await usable_environment(here.store, deployment["environment_id"])
    check_reach(agent, network(environment["config"]))
    await here.vaults.check(deployment["vault_ids"])
    await check_hands(here, environment, deployment["resources"], deployment["vault_ids"])
    await here.resources.check(deployment["resources"])
    events = await with_rubrics(here, deepcopy(deployment["initial_events"]), "initial_events")
    await checked_files(here, events, "initial_events")
    model = agent["model"]["id"]
    if events[-1]["type"] == "system.message" and not takes_system_messages(model):
        raise invalid(
            f"initial_events.{len(events) - 1}: the model {model!r} takes no system messages within the conversation.",
            code="model_does_not_support_mid_conversation_system",
        )


async def _resolved(here: Services, body: DeploymentCreate | DeploymentUpdate) -> dict[str, Any]:
    """The fields that were given, as they are stored; the agent pinned to a version."""
    given = [name for name in type(body).model_fields if name in body.model_fields_set and name != "metadata"]
    found: dict[str, Any] = {}
    for name in given:
        value = getattr(body, name)
        if name == "agent" and value is not None:
            found["agent"] = await _pinned(here.store, value)
        elif name == "initial_events":
            found[name] = plain(value)
        elif name == "schedule" and value is not None:
            found[name] = value.model_dump() | {"last_run_at": None}
        elif name == "resources":
            found[name] = await here.resources.keep(_dumped(value) or [])
        elif name == "description":
            found[name] = value or None
        else:
            found[name] = _dumped(value) or _CLEARED.get(name)
    return found


def _dumped(value: Any) -> Any:
    if isinstance(value, list):
        return [_dumped(item) for item in value]
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value


async def _pinned(store: Store, reference: str | AgentReference) -> dict[str, Any]:
    if isinstance(reference, str):
        agent = await read_agent(store, reference)
    else:
        agent = await read_agent(store, reference.id, reference.version)
    return {"type": "agent", "id": agent["id"], "version": agent["version"]}


def _rescheduled(old: dict[str, Any], schedule: dict[str, Any] | None) -> dict[str, Any]:
    """A new schedule begins now and remembers the last run; the same one goes on."""
    before = old["schedule"]
    if schedule is None or before is None:
        return {"fires_from": now()} if schedule is not before else {}
    if all(schedule[name] == before[name] for name in ("expression", "timezone")):
        return {"schedule": before}
    return {"schedule": schedule | {"last_run_at": before["last_run_at"]}, "fires_from": now()}


async def _check_scheduled(here: Services) -> None:
    if (count := len(await here.deployments.all_scheduled())) >= MOST_SCHEDULED:
        raise invalid(f"schedule: at most {MOST_SCHEDULED:,} deployments have one, and {count:,} do: archive one.")


def _must_live(deployment: dict[str, Any], verb: str) -> None:
    if deployment["archived_at"] is not None:
        raise invalid(f"Deployment {deployment['id']} is archived and cannot be {verb}.")


async def _change(request: Request, change: Any) -> Response:
    here = services(request)
    while True:
        found = await stored(request, KIND)
        changed = await change(found.body)
        if changed == found.body:
            return json_response(shown(changed))
        try:
            replaced = await here.store.replace(found, changed | {"updated_at": now()})
        except StaleError:
            continue
        here.deployments.changed(replaced)
        return json_response(shown(replaced.body))


_TIMES = ("created_at[gte]", "created_at[lte]")
_ONE = "/v1/deployments/{deployment_id}"

ROUTES = [
    creation("/v1/deployments", create, retrieve, "deployment_id"),
    operation(
        "GET", "/v1/deployments", list_, "agent_id", "status", "include_archived", "limit", "page", *_TIMES
    ),
    operation("GET", _ONE, retrieve),
    operation("POST", _ONE, update),
    operation("POST", f"{_ONE}/archive", archive),
    operation("POST", f"{_ONE}/pause", pause),
    operation("POST", f"{_ONE}/unpause", unpause),
    creation(f"{_ONE}/run", run, retrieve_run, "deployment_run_id"),
    operation(
        "GET", "/v1/deployment_runs", list_runs, "deployment_id", "has_error", "trigger_type", "limit", "page",
        "created_at[gt]", "created_at[lt]", *_TIMES,
    ),
    operation("GET", "/v1/deployment_runs/{deployment_run_id}", retrieve_run),
]  # fmt: skip
