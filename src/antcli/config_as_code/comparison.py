"""Whether a field says the same in a file and on the server, which writes every default out (api.md 5, 6, 16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from antcli.config_as_code.secrets import SECRETS

# What the server chooses where nothing is said, and keeps when it is sent again.
_CHOSEN = {"version", "effort", "mount_path"}
_AS_IT_IS = ("input_schema",)  # in there, an empty text may be a value


def simplified(field: str, value: Any) -> Any:
    """The value without what is default, empty, or changes by itself; None when nothing is left."""
    shorter = _SHORTER.get(field)
    return _clean(shorter(value) if shorter is not None and value is not None else value)


def same(field: str, wanted: Any, live: Any) -> bool:
    """Sending `wanted` would change nothing about `live`. Secrets are not compared: no server shows them."""
    return _fits(_without_secrets(simplified(field, wanted)), simplified(field, live))


def _fits(wanted: Any, live: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(live, dict):
        more = live.keys() - wanted.keys()
        return more <= _CHOSEN and all(_fits(value, live.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(map(_fits, wanted, live))
    return bool(wanted == live)


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        cleaned = {name: item if name in _AS_IT_IS else _clean(item) for name, item in value.items()}
        value = {name: item for name, item in cleaned.items() if item is not None}
    elif isinstance(value, list):
        value = [_clean(item) or item for item in value]
    return None if value in ({}, [], "") else value


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _without_secrets(item) for name, item in value.items() if name not in SECRETS}


def _without(value: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in defaults or item != defaults[name]}


def _model(value: Any) -> Any:
    if isinstance(value, str):
        return {"id": value}
    effort = value.get("effort")
    level = effort.get("type") if isinstance(effort, dict) else effort
    return _without(value, speed="standard") | {"effort": level}


def _tools(value: Any) -> Any:
    return [_tool(tool) if isinstance(tool, dict) else tool for tool in value]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    usual = {"mcp_toolset": "always_ask", "agent_toolset_20260401": "always_allow"}.get(str(tool.get("type")))
    if usual is None:
        return tool
    above = {"enabled": True, "permission_policy": {"type": usual}}
    default = above | _clean_dict(tool.get("default_config"))
    configs = [_without(config, **default, type=config.get("name")) for config in tool.get("configs") or ()]
    configs = [config for config in configs if _clean(config).keys() - {"name"}]
    return tool | {"default_config": _without(default, **above), "configs": configs}


def _clean_dict(value: Any) -> dict[str, Any]:
    return _clean(value) or {} if isinstance(value, dict) else {}


def _config(value: dict[str, Any]) -> dict[str, Any]:
    networking = _clean_dict(value.get("networking"))
    networking = _without(networking, allow_mcp_servers=False, allow_package_managers=False)
    if networking == {"type": "unrestricted"}:
        networking = {}
    packages = {name: item for name, item in _clean_dict(value.get("packages")).items() if name != "type"}
    return value | {"networking": networking, "packages": packages}


def _events(value: Any) -> Any:
    return [
        event | {"content": [{"type": "text", "text": event["content"]}]}
        if isinstance(event, dict) and isinstance(event.get("content"), str)
        else event
        for event in value
    ]


def _schedule(value: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in ("last_run_at", "upcoming_runs_at")}


def _resources(value: Any) -> Any:
    made = {"id", "created_at", "updated_at", "name", "description"}
    entries = [entry for entry in value if isinstance(entry, dict)]
    return [_without({k: v for k, v in entry.items() if k not in made}, access="read_write") for entry in entries]


def _agent(value: Any) -> Any:
    return {"type": "agent", "id": value} if isinstance(value, str) else value


def _multiagent(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("type") == "coordinator":
        return value | {"agents": [_agent(entry) for entry in value.get("agents") or ()]}
    members = {name: _member(value.get(name)) for name in ("subagents", "workflows")}
    return _without(value | members, advisor={"type": "disabled"})


def _member(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    roster = [_agent(entry) for entry in value.get("predefined_agents") or ()]
    left = _without(value, inline_agents={"type": "enabled"}) | {"predefined_agents": roster}
    return None if _clean(left) == {"type": "enabled"} else left


def _auth(value: dict[str, Any]) -> dict[str, Any]:
    return _without(value, injection_location={"header": True, "body": True}, expires_at=value.get("expires_at"))


def _scope(value: Any) -> Any:
    return None if value == "organization" else value


def _identity(value: dict[str, Any]) -> Any:
    return None if value == {"type": "service_account"} else value


_SHORTER: dict[str, Callable[[Any], Any]] = {
    "agent": _agent,
    "auth": _auth,
    "config": _config,
    "execution_identity": _identity,
    "initial_events": _events,
    "model": _model,
    "multiagent": _multiagent,
    "resources": _resources,
    "schedule": _schedule,
    "scope": _scope,
    "tools": _tools,
}


def shortened(value: Any, beside: Any) -> Any:
    """The value as it is shown beside another one: without what the server chose and the other does not say."""
    if isinstance(value, dict) and isinstance(beside, dict):
        kept = {name: item for name, item in value.items() if name in beside or name not in _CHOSEN}
        kept = {name: shortened(item, beside.get(name, item)) for name, item in kept.items()}
        return kept["id"] if kept.keys() == {"id"} else kept
    if isinstance(value, list) and isinstance(beside, list):
        return [shortened(item, other) for item, other in zip(value, [*beside, *value[len(beside) :]], strict=False)]
    return value
