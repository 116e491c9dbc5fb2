"""What a task needs before it can start: an agent, an environment, a session. Made once where there is none."""

from __future__ import annotations

from typing import Any

from antcli.client.client import Client

AGENT_NAME = "ant"
ENVIRONMENT_NAME = "default"
HOSTED_MODEL = "claude-sonnet-5-5"
SYSTEM = (
    "You do tasks for a person at a command line, with tools that work in a sandbox; its working directory is "
    "/workspace. Do the whole task without asking back, check the result by running it where that is possible, and end "
    "with a short plain-text answer: the result first, then what the reader must know. Say openly what did not work."
)
TOOLS: list[dict[str, Any]] = [{"type": "agent_toolset_20260401"}]


def find_by_name(client: Client, kind: str, name: str) -> dict[str, Any] | None:
    """The newest agent or environment of that name which is not archived."""
    for item in client.pages(f"{kind}.list", query={"limit": 100}):
        if item.get("name") == name:
            return item
    return None


def ensure_agent(client: Client, name: str, *, model: str, system: str = SYSTEM) -> dict[str, Any]:
    """The agent of that name; made with all tools of the toolset where there is none."""
    found = find_by_name(client, "agents", name)
    if found is not None:
        return found
    made: dict[str, Any] = client.call(
        "agents.create", body={"name": name, "model": model, "system": system, "tools": TOOLS}
    )
    return made


def ensure_environment(client: Client, name: str = ENVIRONMENT_NAME) -> dict[str, Any]:
    """The environment of that name; made as a cloud one with an open network where there is none."""
    found = find_by_name(client, "environments", name)
    if found is not None:
        return found
    config = {"type": "cloud", "networking": {"type": "unrestricted"}}
    made: dict[str, Any] = client.call("environments.create", body={"name": name, "config": config})
    return made


def session_body(
    agent_id: str, environment_id: str, *, title: str, model: str | None = None,
    system: str | None = None, initial_events: list[dict[str, Any]] | None = None,
    budget: dict[str, Any] | None = None, resources: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The request for a new session; `model` and `system` replace the agent's own in this session."""
    overrides = {key: value for key, value in (("model", model), ("system", system)) if value is not None}
    agent: Any = {"type": "agent_with_overrides", "id": agent_id, **overrides} if overrides else agent_id
    body: dict[str, Any] = {"agent": agent, "environment_id": environment_id, "title": title}
    if budget is not None:
        body["budget"] = budget
    if resources:
        body["resources"] = resources
    if initial_events:
        body["initial_events"] = initial_events
    return body


def user_message(text: str) -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}
