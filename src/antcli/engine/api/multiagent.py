"""From the agents that a request names to what is stored, merged with what was; and to what a session takes along."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from antcli.engine.api.schemas.multiagent import Advisor, Coordinator, Disabled, EnabledGroup, Members, Self
from antcli.engine.errors import RequestError, invalid

Read = Callable[[str, int | None], Awaitable[dict[str, Any]]]

_WHERE = "multiagent"
_GROUP = {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": []}


async def resolve_multiagent(
    given: Coordinator | Members | None, stored: dict[str, Any] | None, own: dict[str, Any], read: Read
) -> dict[str, Any] | None:
    """As responses show it: every member there, every agent with its version. `own` is the agent that it belongs to,
    `read` gives an agent by id and version. Raises RequestError (400, 404)."""
    if given is None:
        return None
    if isinstance(given, Coordinator):
        return {"type": given.type, "agents": await _agents(given.agents, f"{_WHERE}.agents", own, read)}
    before = stored if stored is not None and stored["type"] == given.type else {}
    result: dict[str, Any] = {"type": given.type, "advisor": {"type": "disabled"}}
    if "advisor" not in given.model_fields_set:
        result["advisor"] = before.get("advisor", result["advisor"])
    elif given.advisor is not None:
        result["advisor"] = given.advisor.model_dump()
    for name in ("subagents", "workflows"):
        if name in given.model_fields_set:
            result[name] = await _group(getattr(given, name), before.get(name), f"{_WHERE}.{name}", own, read)
        else:
            result[name] = before.get(name, _GROUP)
    return result


async def _group(
    given: EnabledGroup | Disabled | None, stored: dict[str, Any] | None, where: str, own: dict[str, Any], read: Read
) -> dict[str, Any]:
    if given is None:
        return _GROUP
    if isinstance(given, Disabled):
        return {"type": "disabled"}
    group = dict(stored if stored is not None and stored["type"] == "enabled" else _GROUP)
    if "inline_agents" in given.model_fields_set:
        group["inline_agents"] = {"type": given.inline_agents.type if given.inline_agents else "enabled"}
    if "predefined_agents" in given.model_fields_set:
        agents = await _agents(given.predefined_agents or [], f"{where}.predefined_agents", own, read)
        group["predefined_agents"] = agents
    if group["inline_agents"]["type"] == "disabled" and not group["predefined_agents"]:
        raise invalid(f"{where}.predefined_agents: name at least one agent, since inline_agents is disabled.")
    return group


async def _agents(entries: Sequence[Any], where: str, own: dict[str, Any], read: Read) -> list[dict[str, Any]]:
    resolved: list[dict[str, Any]] = []
    for index, entry in enumerate(entries):
        found = await _agent(entry, f"{where}.{index}", own, read)
        same = [other for other in resolved if other["type"] == found["type"] and other.get("id") == found.get("id")]
        if same:
            what = "the advisor" if found["type"] == "advisor" else f"agent {found['id']}"
            raise invalid(f"{where}.{index}: {what} is named twice.")
        resolved.append(found)
    return resolved


async def _agent(entry: Any, where: str, own: dict[str, Any], read: Read) -> dict[str, Any]:
    if isinstance(entry, Advisor):
        return {"type": "advisor", "model": entry.model}
    if isinstance(entry, Self):
        return {"type": "agent", "id": own["id"], "version": own["version"]}
    id, version = (entry, None) if isinstance(entry, str) else (entry.id, entry.version)
    if id == own["id"]:
        raise invalid(f'{where}: an agent names itself with {{"type": "self"}}.')
    try:
        agent = await read(id, version)
    except RequestError as error:
        raise RequestError(error.status, error.type, f"{where}: {error.message}") from None
    if agent["archived_at"] is not None:
        raise invalid(f"{where}: agent {id} is archived.")
    if agent["multiagent"] is not None:
        raise invalid(f"{where}: agent {id} calls upon other agents itself: only one level is possible.")
    return {"type": "agent", "id": id, "version": agent["version"]}


def with_own_version(multiagent: dict[str, Any] | None, id: str, version: int) -> dict[str, Any] | None:
    """What says `self` means the version that it is part of."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("type") == "agent" and value.get("id") == id:
            return value | {"version": version}
        return {key: change(item) for key, item in value.items()}

    changed: dict[str, Any] | None = change(multiagent)
    return changed


def members(multiagent: Any) -> list[dict[str, Any]]:
    """The agents that a session's agent may call upon, each where it stands in the `expanded` form."""
    if isinstance(multiagent, dict) and multiagent.get("type") == "agent":
        return [multiagent]
    inner = multiagent.values() if isinstance(multiagent, dict) else multiagent if isinstance(multiagent, list) else ()
    return [member for value in inner for member in members(value)]


async def expanded(multiagent: dict[str, Any] | None, own: dict[str, Any], read: Read) -> dict[str, Any] | None:
    """With whole agents in place of references, as a session keeps them; `own` is the session's agent."""

    async def change(value: Any) -> Any:
        if isinstance(value, list):
            return [await change(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("type") == "agent":
            whole = own if value["id"] == own["id"] else await read(value["id"], value["version"])
            return {name: whole[name] for name in own if name != "multiagent"}
        return {key: await change(item) for key, item in value.items()}

    result: dict[str, Any] | None = await change(multiagent)
    return result
