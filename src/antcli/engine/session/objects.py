"""The objects that the API shows, made from a session's row and the fold of its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from antcli.engine.clock import now, parse
from antcli.engine.resources.resources import shown
from antcli.engine.sandbox.base import Recipe
from antcli.engine.session import outcomes, turns
from antcli.engine.session.state import State
from antcli.engine.store.base import SessionRow


def session(row: SessionRow, state: State) -> dict[str, Any]:
    """The session object of api.md 7.4."""
    body, moment = row.body, now()
    ended = state.ended_at or moment
    return {
        "id": row.id,
        "type": "session",
        "status": state.status,
        "title": body["title"],
        "agent": body["agent"],
        "environment_id": body["environment_id"],
        "resources": [shown(resource) for resource in body.get("resources", [])],
        "deployment_id": body.get("deployment_id"),
        "vault_ids": body.get("vault_ids", []),
        "metadata": body["metadata"],
        "budget": body.get("budget"),
        "outcome_evaluations": outcomes.shown(state),
        "stats": {
            "active_seconds": round(state.active_until(moment), 6),
            "duration_seconds": (parse(ended) - parse(row.created_at)).total_seconds(),
        },
        "usage": turns.usage(state, moment),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "archived_at": row.archived_at,
    }


def thread(row: SessionRow, state: State) -> dict[str, Any]:
    """The primary thread as api.md 9 shows it."""
    moment = now()
    agent = {name: value for name, value in row.body["agent"].items() if name != "multiagent"}
    ran = state.active_until(moment) > 0
    return {
        "id": state.thread_id,
        "type": "session_thread",
        "session_id": row.id,
        "parent_thread_id": None,
        "agent": agent,
        "status": state.status,
        "stats": {
            "active_seconds": round(state.active_until(moment), 6),
            "duration_seconds": (parse(state.ended_at or moment) - parse(row.created_at)).total_seconds(),
        },
        "usage": turns.usage(state, moment, of_thread=True) if ran else None,
        "workflow_run_id": None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "archived_at": row.archived_at,
    }


def recipe(row: SessionRow, data_dir: Path) -> Recipe:
    return Recipe(row.id, data_dir / "sessions" / row.id, row.body["network"])


def network(config: dict[str, Any]) -> Literal["open", "none"]:
    """`open` or `none`, from an environment's config (semantics.md 11)."""
    return "none" if config.get("networking", {}).get("type") == "limited" else "open"


def has_hands(agent: dict[str, Any]) -> bool:
    return any(tool["type"] == "agent_toolset_20260401" for tool in agent["tools"])


def patch_metadata(old: dict[str, str], patch: dict[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**old, **patch}
    return {key: value for key, value in merged.items() if value is not None}
