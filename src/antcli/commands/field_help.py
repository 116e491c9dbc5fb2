"""What the flags of requests say about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antcli.references import KINDS

if TYPE_CHECKING:
    from antcli.operations import Field, Operation

_TIMES = {"gt": "after", "gte": "at or after", "lt": "before", "lte": "at or before"}

# Texts for fields that do not speak for themselves; `operation.field` wins over `field`.
_HELP = {
    "after_id": "Only what comes behind this one.",
    "agent": "Agent: name, id, or an object with overrides.",
    "agent_id": "Only of this agent.",
    "agent_version": "Only of this version of the agent.",
    "anthropic-user-profile-id": "The user profile that the request is made for.",
    "anthropic-worker-id": "A name for this worker.",
    "before_id": "Only what comes before this one.",
    "budget": "Limit of cost, as an object.",
    "config": "Configuration, as an object or @file.",
    "description": "What it is for.",
    "environment_id": "Environment: name or id.",
    "event_deltas": "Also previews of this event, as they are written.",
    "events": "An event, as an object.",
    "include_archived": "Also archived ones.",
    "initial_events": "An event to begin with, as an object.",
    "order_by": "created_at or name.",
    "content": "Its text, or @file.",
    "path": "Where it is, as /team/style.md.",
    "path_prefix": "Only below this path, as /team/.",
    "display_name": "Its name.",
    "auth": "The secret and where it goes, as an object or @file.",
    "schedule": "When it starts by itself, as an object with a cron expression.",
    "inputs": "A memory store, or sessions, as an object.",
    "ids": "Only this file.",
    "limit": "Size of a page.",
    "mcp_servers": "An MCP server, as an object.",
    "messages": "A message: an object with role and content.",
    "metadata": "key=value, or an object.",
    "model": "Model: id, or an object with id and effort.",
    "name": "Its name.",
    "order": "asc or desc.",
    "page": "Begin at this cursor.",
    "resources": "A file, repository or memory store, as an object.",
    "skills": "A skill, as an object.",
    "statuses": "Only in this status.",
    "stream": "Print events as they come, not one answer.",
    "system": "System prompt: text or @file.",
    "title": "Title.",
    "tools": "A tool: its type, or an object or list in JSON or YAML, or @file.",
    "types": "Only events of this type.",
    "vault_ids": "A vault whose credentials the session may use.",
    "agents.retrieve.version": "This version, not the newest.",
    "agents.update.version": "Only when this is still the current version.",
}
# Fields that name another thing: what may be typed there is what Context.resolve_id knows.
REFERENCES = {
    "agent": "agents", "agent_id": "agents", "environment_id": "environments", "session_id": "sessions",
    "scope_id": "sessions", "vault_id": "vaults", "vault_ids": "vaults", "memory_store_id": "memory_stores",
    "skill_id": "skills", "file_id": "files", "deployment_id": "deployments", "deployment_run_id": "deployment_runs",
    "dream_id": "dreams", "user_profile_id": "user_profiles", "credential_id": "vaults.credentials",
    "memory_id": "memory_stores.memories", "memory_version_id": "memory_stores.memory_versions",
    "thread_id": "sessions.threads", "resource_id": "sessions.resources", "work_id": "environments.work",
    "key_id": "environments.keys",
}  # fmt: skip
_METAVARS = {"object": "OBJECT", "object[]": "OBJECT", "map": "KEY=VALUE", "integer": "N", "number": "N"}


def path(name: str, *, resolved: bool = True) -> str:
    """The help of an argument that is an id; `resolved` when names are looked up."""
    if name in REFERENCES and resolved:
        kind = KINDS[REFERENCES[name]]
        called = (
            f"{kind.name.replace('_', ' ').replace('display ', '').replace('filename', 'name')}, " if kind.name else ""
        )
        last = ", or @last" if kind.made else ""
        return f"{kind.singular.capitalize()}: {called}id, the beginning of its id{last}."
    return f"{name.removesuffix('_id').replace('_', ' ').capitalize()} id."


def field(operation: Operation, field: Field) -> str:
    plain = operation.name.removeprefix("beta.")
    return _HELP.get(f"{plain}.{field.name}") or _HELP.get(field.name) or _of(field)


def inner(outer: Field, field: Field, flag: str) -> str:
    """The help of a flag for a field inside of another's value."""
    words = field.name.replace("_", " ")
    return f"The {words} of the last {flag}." if outer.type.endswith("[]") else f"The {words} of {flag}."


def metavar(field: Field) -> str:
    if field.name in REFERENCES:
        return KINDS[REFERENCES[field.name]].singular.replace(" ", "-").upper()
    if field.type == "datetime":
        return "TIME"
    if field.type.startswith("file"):
        return "PATH"
    return _METAVARS.get(field.type, "TEXT")


def _of(field: Field) -> str:
    name, _, comparison = field.name.rstrip("]").partition("[")
    if comparison:
        return f"Only {name.removesuffix('_at')} {_TIMES[comparison]} this time (RFC 3339)."
    words = name.replace("_", " ").capitalize()
    return f"{words}: {', '.join(field.choices)}." if field.choices and len(field.choices) < 6 else f"{words}."
