"""Sessions: `/v1/sessions` (api.md 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.agent_rules import check_agent, check_reach, check_skills, check_web_tools
from antcli.engine.api.agents import read_agent
from antcli.engine.api.creations import creation
from antcli.engine.api.file_blocks import checked_files
from antcli.engine.api.multiagent import expanded, members
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.rubrics import with_rubrics
from antcli.engine.api.schemas.agents import ModelConfig, resolve_model
from antcli.engine.api.schemas.events import plain
from antcli.engine.api.schemas.mcp import resolve_servers
from antcli.engine.api.schemas.resources import entries
from antcli.engine.api.schemas.sessions import AgentWithOverrides, SessionCreate, SessionUpdate
from antcli.engine.api.schemas.skills import entries as skill_entries
from antcli.engine.api.schemas.tools import resolve_tools
from antcli.engine.api.services import Services, json_response, operation, read_body, read_nothing, services
from antcli.engine.api.validation import merge_metadata
from antcli.engine.errors import RequestError, invalid
from antcli.engine.ids import new_id
from antcli.engine.providers.base import ModelError
from antcli.engine.session.objects import network
from antcli.engine.skills.skills import MOST_SKILLS
from antcli.engine.store.base import SessionFilter, Store
from antcli.prices import price_of

STATUSES = ("idle", "rescheduling", "running", "terminated")

_SNAPSHOT = (
    "type", "id", "version", "name", "description", "system", "model", "tools", "mcp_servers", "skills",
    "execution_identity", "multiagent",
)  # fmt: skip


async def create(request: Request, query: Query) -> Response:
    body = await read_body(request, SessionCreate)
    return json_response(await make(services(request), body, plain(body.initial_events or [])))


async def make(
    here: Services, body: SessionCreate, initial_events: list[dict[str, Any]], *, id: str | None = None,
    deployment_id: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The one way to a session: for POST /v1/sessions and for deployments, which choose its id. Raises RequestError."""
    agent, environment = await session_agent(here, body), await usable_environment(here.store, body.environment_id)
    if body.budget is not None:
        await check_budgetable(here, agent)
    await checked_files(here, initial_events, "initial_events")
    events = await with_rubrics(here, initial_events, "initial_events")
    skills, of_members = await _pin_skills(here, agent)
    vault_ids = await here.vaults.check(body.vault_ids or [])
    await check_hands(here, environment, entries(body.resources), vault_ids)
    check_reach(agent, network(environment["config"]))
    id = id or new_id("sesn")
    attached: dict[str, Any] = {"deployment_id": deployment_id} if deployment_id else {}
    attached["skills"], attached["members_skills"] = skills, of_members
    attached["vault_ids"] = vault_ids
    try:
        return await here.sessions.create(
            id=id,
            agent=agent,
            environment=environment,
            title=body.title,
            metadata=body.metadata or {},
            initial_events=events,
            budget=body.budget.model_dump() if body.budget else None,
            attached=attached | {"resources": await here.resources.attach(id, entries(body.resources))},
        )
    except RequestError:
        await here.resources.remove(id)
        raise


async def _pin_skills(here: Services, agent: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Settle which versions the skills of the agent and of those that it may call upon are; its own ones, and what
    the others have besides: all share the sandbox (semantics.md 16.1, 17.2). Raises RequestError (400, 404)."""
    own = await here.skills.pinned(agent["skills"])
    agent["skills"] = _references(own)
    besides: list[dict[str, Any]] = []
    for member in members(agent["multiagent"]):
        pinned = await here.skills.pinned(member["skills"], "agent.multiagent.skills", [*own, *besides])
        member["skills"] = _references(pinned)
        besides += [skill for skill in pinned if skill not in own and skill not in besides]
    if (count := len(own) + len(besides)) > MOST_SKILLS:
        raise invalid(f"agent: at most {MOST_SKILLS} skills a session with all its agents, got {count}.")
    return own, besides


def _references(skills: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "custom", "skill_id": skill["skill_id"], "version": skill["version"]} for skill in skills]


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(await services(request).sessions.get(request.path_params["session_id"]))


async def update(request: Request, query: Query) -> Response:
    body = await read_body(request, SessionUpdate)
    changes: dict[str, Any] = {}
    if "title" in body.model_fields_set:
        changes["title"] = body.title
    if body.metadata:
        changes["metadata"] = body.metadata
    agent: dict[str, Any] = {}
    if "tools" in body.agent.model_fields_set:
        agent["tools"] = resolve_tools(body.agent.tools)
    if "mcp_servers" in body.agent.model_fields_set:
        agent["mcp_servers"] = resolve_servers(body.agent.mcp_servers)
    if agent:
        changes["agent"] = agent
        here, id = services(request), request.path_params["session_id"]
        changed = (await here.sessions.get(id))["agent"] | agent
        if "tools" in agent:
            check_skills(changed)
        await check_web_tools(changed, here.providers, "agent.")
    if "budget" in body.model_fields_set:
        changes["budget"] = body.budget.model_dump() if body.budget else None
    return json_response(await services(request).sessions.update(request.path_params["session_id"], changes, _check))


def _check(body: dict[str, Any]) -> None:
    """What an update would leave behind. Raises RequestError (400)."""
    merge_metadata(body["metadata"], None)
    check_agent(body["agent"], "agent.")
    check_reach(body["agent"], body["network"], "agent.mcp_servers")


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    created_at = query.times("created_at")
    filter = SessionFilter(
        agent_id=query.text("agent_id"),
        agent_version=query.integer("agent_version", 1, 2**31),
        statuses=query.choices("statuses", STATUSES),
        created_at=created_at,
        include_archived=query.flag("include_archived"),
        fields=[("deployment_id", deployment)] if (deployment := query.text("deployment_id")) else [],
        within=[("resources", "memory_store_id", store)] if (store := query.text("memory_store_id")) else [],
    )
    if filter.agent_version is not None and filter.agent_id is None:
        raise invalid("agent_version: goes with agent_id only.")
    part = slice_of(
        here.cursors, "sessions", page=query.text("page"), order=query.order("desc"),
        limit=query.limit(), created_at=created_at,
    )  # fmt: skip
    rows = await here.sessions.list(filter, part.page)
    rows_of_page, next_page, prev_page = part.cut(rows, lambda row: row[0], lambda row: row[1]["created_at"])
    data = [session for _, session in rows_of_page]
    return json_response({"data": data, "next_page": next_page, "prev_page": prev_page})


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    return json_response(await services(request).sessions.archive(request.path_params["session_id"]))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = request.path_params["session_id"]
    await services(request).sessions.delete(id)
    return json_response({"id": id, "type": "session_deleted"})


async def check_hands(
    here: Services, environment: dict[str, Any], resources: Sequence[dict[str, Any]], vault_ids: Sequence[str]
) -> None:
    """Workers lay out memory stores and nothing else, and get no variables (semantics.md 12, 14).

    Raises RequestError (400).
    """
    if environment["config"]["type"] != "self_hosted":
        return
    for number, resource in enumerate(resources):
        if resource["type"] != "memory_store":
            raise invalid(
                f"resources.{number}: {resource['type']} resources are not supported with self-hosted environments."
                " Name what the worker is to fetch in the session's metadata.",
                code="self_hosted_resources_unsupported",
            )
    if names := sorted(await here.vaults.variables(vault_ids)):
        raise invalid(
            f"vault_ids: environment_variable credentials ({', '.join(names)}) are not supported with self-hosted"
            " environments; use a vault without them, and set the variables where the worker runs.",
            code="self_hosted_resources_unsupported",
        )


async def check_budgetable(here: Services, agent: dict[str, Any]) -> None:
    for model in sorted({agent["model"]["id"], *_models_in(agent["multiagent"])}):
        await _check_priced(here, model)


def _models_in(multiagent: Any) -> set[str]:
    """Of all agents and advisors that a session's agent may call upon."""
    if isinstance(multiagent, list):
        return {model for item in multiagent for model in _models_in(item)}
    if not isinstance(multiagent, dict):
        return set()
    model = multiagent.get("model")
    if model is not None:
        return {model if isinstance(model, str) else model["id"]}
    return {model for item in multiagent.values() for model in _models_in(item)}


async def _check_priced(here: Services, model: str) -> None:
    try:
        priced_as = await here.providers.priced_as(model)
    except ModelError as error:  # a script that cannot be read
        raise invalid(f"budget: the price of the model {model!r} is not known: {error.message}") from None
    if priced_as is None or price_of(priced_as) is None:
        message = f"budget: no list price is known for the model {model!r}, so its cost cannot be limited."
        raise invalid(message, code="model_not_budgetable")


async def usable_environment(store: Store, id: str) -> dict[str, Any]:
    """Raises RequestError (404, 400) when there is none, or it is archived."""
    found = await store.get("environment", id)
    if found is None:
        message = f"environment_id: no environment with id {id!r}."
        raise RequestError(404, "not_found_error", message, code="environment_not_found")
    if found.body["archived_at"] is not None:
        raise invalid(f"environment_id: environment {id} is archived.", code="environment_archived")
    return found.body


async def session_agent(here: Services, body: SessionCreate) -> dict[str, Any]:
    """The agent's snapshot that the session keeps (semantics.md 1.2)."""
    reference = body.agent
    if isinstance(reference, str):
        agent = await read_agent(here.store, reference)
    else:
        agent = await read_agent(here.store, reference.id, reference.version)
    _must_live(agent, "agent")
    snapshot = {name: agent[name] for name in _SNAPSHOT}
    if isinstance(reference, AgentWithOverrides):
        snapshot |= _overrides(reference)
        if "skills" in reference.model_fields_set:
            snapshot["skills"] = await here.skills.references(skill_entries(reference.skills), "agent.skills")
        check_agent(snapshot, "agent.")
        if "tools" in reference.model_fields_set:
            check_skills(snapshot)
    await check_web_tools(snapshot, here.providers, "agent.")

    async def member(id: str, version: int | None) -> dict[str, Any]:
        found = await read_agent(here.store, id, version)
        _must_live(found, "agent.multiagent")
        return found

    snapshot["multiagent"] = await expanded(snapshot["multiagent"], snapshot, member)
    return snapshot


def _must_live(agent: dict[str, Any], where: str) -> None:
    if agent["archived_at"] is not None:
        raise invalid(f"{where}: agent {agent['id']} is archived: it takes no new sessions.", code="agent_archived")


def _overrides(reference: AgentWithOverrides) -> dict[str, Any]:
    given = reference.model_fields_set
    changes: dict[str, Any] = {}
    if "model" in given:
        if reference.model is None:
            raise invalid("agent.model: cannot be cleared.", code="agent_model_required")
        model = reference.model
        if isinstance(model, ModelConfig):
            # A session's own model runs at its default effort, whatever is asked for.
            model = model.model_copy(update={"effort": None})
        changes["model"] = resolve_model(model)
    if "system" in given:
        changes["system"] = reference.system or None
    if "tools" in given:
        changes["tools"] = resolve_tools(reference.tools)
    if "mcp_servers" in given:
        changes["mcp_servers"] = resolve_servers(reference.mcp_servers)
    return changes


ROUTES = [
    creation("/v1/sessions", create, retrieve, "session_id"),
    operation(
        "GET", "/v1/sessions", list_, "agent_id", "agent_version", "created_at[gt]", "created_at[gte]",
        "created_at[lt]", "created_at[lte]", "statuses", "include_archived", "order", "limit", "page",
        "deployment_id", "memory_store_id",
    ),
    operation("GET", "/v1/sessions/{session_id}", retrieve),
    operation("POST", "/v1/sessions/{session_id}", update),
    operation("DELETE", "/v1/sessions/{session_id}", delete),
    operation("POST", "/v1/sessions/{session_id}/archive", archive),
]  # fmt: skip
