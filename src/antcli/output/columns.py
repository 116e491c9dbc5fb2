"""Which columns a kind of thing has in a table, and what stands in a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from antcli.errors import UsageError
from antcli.output.ages import age
from antcli.output.formats import plain
from antcli.output.money import dollars, list_cost
from antcli.output.text import clean, model_name


@dataclass(frozen=True, slots=True)
class Column:
    """`path` is a dotted path into the object. Kinds: text and model (may be cut), id (never cut), time, status,
    number, money (dollars), decimal. A rare one is left out of tables in which no row has it."""

    title: str
    path: str
    kind: str = "text"
    derive: Callable[[dict[str, Any]], str] | None = None
    rare: bool = False


def event_summary(event: dict[str, Any]) -> str:
    """An event in a few words: its text, its tool call, its error."""
    content = event.get("content")
    if isinstance(content, list):
        text = " ".join(block.get("text", "") for block in content if isinstance(block, dict))
        if text.strip():
            return text
    if "name" in event and "input" in event:
        return f"{event['name']} {plain(event['input'])}"
    usage = event.get("model_usage")
    if isinstance(usage, dict):
        return f"{usage.get('input_tokens', 0)} tokens in, {usage.get('output_tokens', 0)} out"
    for key in ("error", "stop_reason", "description", "result", "title"):
        value = event.get(key)
        if isinstance(value, dict):
            return plain(value.get("message") or value.get("type") or value)
        if value:
            return plain(value)
    return ""


_USED = (
    Column("TOTAL", "total", "money"),
    Column("INPUT", "input_tokens", "number"), Column("CACHED", "cache_read_input_tokens", "number", rare=True),
    Column("OUTPUT", "output_tokens", "number"), Column("TOKENS", "token_cost", "money"),
    Column("HOURS", "hours", "decimal"), Column("TIME", "time_cost", "money"),
    Column("SEARCHES", "web_searches", "number", rare=True),
)  # fmt: skip
_SESSIONS = Column("SESSIONS", "sessions", "number")
_ID = Column("ID", "id", "id")
_NAME = Column("NAME", "name")
_MODEL = Column("MODEL", "model.id", "model")
_STATUS = Column("STATUS", "status", "status")
_AGE = Column("AGE", "created_at", "time")
_ARCHIVED = Column("ARCHIVED", "archived_at", "time", rare=True)


def _credential_place(credential: dict[str, Any]) -> str:
    """What a credential is for: the server it opens, or the variable it stands in."""
    auth = credential.get("auth") or {}
    return str(auth.get("mcp_server_url") or auth.get("secret_name") or "")


def _environment_key(key: dict[str, Any]) -> str:
    """The whole key in the one answer that has it."""
    return str(key.get("key") or key.get("partial_key_hint") or "")


COLUMNS: dict[str, tuple[Column, ...]] = {
    "agents": (_ID, _NAME, _MODEL, Column("VERSION", "version", "number"), _AGE, _ARCHIVED),
    "agents.versions": (
        Column("VERSION", "version", "number"), _NAME, _MODEL, Column("AGE", "updated_at", "time"),
    ),
    "environments": (
        _ID, _NAME, Column("TYPE", "config.type"), Column("NETWORK", "config.networking.type"), _AGE, _ARCHIVED,
    ),
    "top": (
        _ID, _STATUS, Column("AGENT", "agent"),
        Column("TITLE", "title"), Column("TOKENS", "tokens", "number"),
        Column("COST", "cost.amount", derive=lambda row: list_cost(row.get("cost")), rare=True), _AGE,
        Column("LAST ACTION", "last_action"),
    ),
    "sessions": (_ID, _STATUS, Column("TITLE", "title"), Column("AGENT", "agent.name"), _AGE, _ARCHIVED),
    "events": (
        Column("AGE", "processed_at", "time"), Column("TYPE", "type", "id"),
        Column("SUMMARY", "summary", derive=event_summary),
    ),
    "threads": (_ID, _STATUS, Column("AGENT", "agent.name"), Column("PARENT", "parent_thread_id", rare=True), _AGE),
    "resources": (_ID, Column("TYPE", "type"), Column("MOUNT", "mount_path"), _AGE),
    "vaults": (_ID, Column("NAME", "display_name"), _AGE, _ARCHIVED),
    "credentials": (
        _ID, Column("NAME", "display_name"), Column("TYPE", "auth.type"),
        Column("FOR", "for", derive=_credential_place), _AGE, _ARCHIVED,
    ),
    "memory_stores": (_ID, _NAME, Column("DESCRIPTION", "description"), _AGE, _ARCHIVED),
    "memories": (
        Column("PATH", "path"), _ID, Column("BYTES", "content_size_bytes", "number"),
        Column("CHANGED", "updated_at", "time"),
    ),
    "memory_versions": (
        _ID, Column("OPERATION", "operation"), Column("PATH", "path"), Column("BYTES", "content_size_bytes", "number"),
        Column("BY", "created_by.type"), _AGE,
    ),
    "skills": (
        _ID, Column("NAME", "display_name"), Column("SOURCE", "source.type"), Column("LATEST", "latest_version_id"),
        Column("CHANGED", "updated_at", "time"),
    ),
    "versions": (_ID, _NAME, Column("DESCRIPTION", "description"), _AGE),
    "files": (
        _ID, Column("NAME", "filename"), Column("TYPE", "mime_type"), Column("BYTES", "size_bytes", "number"), _AGE,
    ),
    "transfers": (Column("FILE", "file_id", "id"), Column("PATH", "path"), Column("BYTES", "size_bytes", "number")),
    "deployments": (
        _ID, _NAME, _STATUS, Column("SCHEDULE", "schedule.expression"), Column("ZONE", "schedule.timezone"),
        Column("NEXT", "schedule.upcoming_runs_at.0", "time"), _AGE, _ARCHIVED,
    ),
    "deployment_runs": (
        _ID, Column("TRIGGER", "trigger_context.type"), Column("SESSION", "session_id", "id"),
        Column("ERROR", "error.type", rare=True), _AGE,
    ),
    "dreams": (
        _ID, _STATUS, _MODEL, Column("STORE", "outputs.0.memory_store_id"),
        Column("ENDED", "ended_at", "time"), _AGE,
    ),
    "user_profiles": (_ID, _NAME, Column("EXTERNAL", "external_id"), Column("ACCESS", "access_type"), _AGE),
    "keys": (_ID, _NAME, Column("KEY", "key", "id", derive=_environment_key), _AGE),
    "work": (
        _ID, Column("STATE", "state", "status"), Column("SESSION", "data.id", "id"),
        Column("HEARTBEAT", "latest_heartbeat_at", "time"), _AGE,
    ),
    "models": (
        _ID, Column("NAME", "display_name"), Column("STATUS", "lifecycle", "status"),
        Column("CONTEXT", "max_input_tokens", "number"), Column("OUTPUT", "max_tokens", "number"), _AGE,
    ),
    "costs": (_ID, Column("AGENT", "agent"), Column("MODEL", "model", "model"), *_USED),
    "costs.agent": (Column("AGENT", "agent"), _SESSIONS, *_USED),
    "costs.model": (Column("MODEL", "model", "model"), _SESSIONS, *_USED),
    "costs.day": (Column("DAY", "day", "id"), _SESSIONS, *_USED),
    "profiles": (
        Column("NAME", "name", "id"), Column("KIND", "kind"), Column("SERVER", "base_url"), Column("ACTIVE", "active"),
    ),
    "settings": (Column("NAME", "name", "id"), Column("VALUES", "values"), Column("MEANING", "meaning")),
    "changes": (
        Column("ACTION", "action", "id"), Column("KIND", "kind", "id"), Column("FILE", "file", "id"), _ID,
    ),
    "results": (
        Column("SESSION", "session_id", "id"), _STATUS, Column("REASON", "stop_reason"),
        Column("SECONDS", "duration_seconds", "decimal"), Column("EXIT", "exit_code", "number"),
        Column("ANSWER", "answer"),
    ),
    "checks": (
        Column("CHECK", "name", "id"), Column("STATE", "state", "status"), Column("DETAIL", "detail"),
        Column("FIX", "fix"),
    ),
}  # fmt: skip


def columns_for(kind: str, chosen: Sequence[str], sample: dict[str, Any] | None) -> tuple[Column, ...]:
    """The columns of a kind, or the chosen ones: titles or dotted paths. Raises UsageError for an unknown one."""
    usual = COLUMNS.get(kind) or _columns_of(sample or {})
    if not chosen:
        return usual
    by_name = {column.title.lower(): column for column in usual} | {column.path: column for column in usual}
    return tuple(by_name.get(name.lower()) or _column_at(name, sample) for name in chosen)


def _columns_of(sample: dict[str, Any]) -> tuple[Column, ...]:
    """For a kind without a table of its own: its scalar fields, as they come."""
    keys = [key for key, value in sample.items() if not isinstance(value, dict | list)]
    return tuple(Column(key.upper(), key, _kind_of(key, sample[key])) for key in keys[:6])


def _kind_of(path: str, value: Any) -> str:
    last = path.rpartition(".")[2]
    if path.endswith("model.id") or path == "model":
        return "model"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "id" if last == "id" else "time" if last.endswith("_at") else "status" if last == "status" else "text"


def _column_at(path: str, sample: dict[str, Any] | None) -> Column:
    if sample is not None and path.partition(".")[0] not in sample:
        raise UsageError(f"No column {path!r}.", hint=f"There are: {', '.join(sample)}.")
    return Column(path.upper(), path, _kind_of(path, value_at(sample, path)))


def value_at(item: Any, path: str) -> Any:
    """The value at a dotted path; None when a step is missing."""
    for step in path.split("."):
        if isinstance(item, list) and step.isdecimal() and int(step) < len(item):
            item = item[int(step)]
        elif isinstance(item, dict):
            item = item.get(step)
        else:
            return None
    return item


def cell(column: Column, item: dict[str, Any]) -> Any:
    """The exact value, for CSV."""
    return column.derive(item) if column.derive else value_at(item, column.path)


def shown(column: Column, item: dict[str, Any]) -> str:
    """The value as a person reads it: on one line, times as ages."""
    value = cell(column, item)
    if column.kind == "money":
        return dollars(value)
    if column.kind == "decimal":
        return f"{value:.2f}"
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.kind == "model" and isinstance(value, str):
        return clean(model_name(value))
    return age(value) if column.kind == "time" and isinstance(value, str) else clean(plain(value))
