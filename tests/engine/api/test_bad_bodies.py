"""Every object in every body refuses unknown fields, every value the wrong type: a 400 that names the field.
Nothing is half-applied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

OPEN = {"metadata", "input_schema", "properties"}  # objects whose keys are the client's own
TOOLS: Any = [
    {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": True, "permission_policy": {"type": "always_ask"}},
        "configs": [{"name": "bash", "enabled": True, "permission_policy": {"type": "always_allow"}}],
    },
    {"type": "custom", "name": "n", "description": "d", "input_schema": {"type": "object"}},
    {
        "type": "mcp_toolset", "mcp_server_name": "s", "default_config": {"enabled": True},
        "configs": [{"name": "t", "enabled": False, "permission_policy": {"type": "always_ask"}}],
    },
]  # fmt: skip
SERVERS: Any = [{"type": "url", "name": "s", "url": "https://mcp.example"}]
AGENT: Any = {
    "name": "a", "model": {"id": "m", "effort": {"type": "low"}, "speed": "standard"}, "description": "d",
    "system": "s", "tools": TOOLS, "mcp_servers": SERVERS, "metadata": {"k": "v"},
    "execution_identity": {"type": "service_account"},
    "multiagent": {
        "type": "multiagent_20261001", "advisor": {"type": "enabled", "model": "m"},
        "subagents": {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": [{"type": "self"}]},
        "workflows": {"type": "disabled"},
    },
}  # fmt: skip
ENVIRONMENT: Any = {
    "name": "e", "description": "d", "metadata": {"k": "v"}, "scope": "organization",
    "config": {
        "type": "cloud", "packages": {"type": "packages"},
        "networking": {"type": "limited", "allowed_hosts": [], "allow_mcp_servers": False},
    },
}  # fmt: skip
TEXT: Any = {"type": "text", "text": "x"}
MESSAGE: Any = {
    "type": "user.message",
    "content": [
        TEXT,
        {"type": "image", "source": {"type": "url", "url": "https://example/x.png"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "title": "t"},
    ],
}
OUTCOME: Any = {
    "type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "r"}, "max_iterations": 3,
}  # fmt: skip
RESULT: Any = {"type": "user.custom_tool_result", "custom_tool_use_id": "u", "content": [TEXT], "is_error": False}
EVENTS: Any = {
    "events": [
        MESSAGE, OUTCOME, RESULT, {"type": "user.interrupt", "session_thread_id": "t"},
        {"type": "user.tool_confirmation", "tool_use_id": "u", "result": "deny", "deny_message": "m"},
        RESULT, {"type": "system.message", "content": [TEXT]},
    ]
}  # fmt: skip
BUDGET: Any = {"type": "limit", "max_list_cost": {"amount": "5", "currency": "USD"}}
SESSION: Any = {
    "agent": {
        "type": "agent_with_overrides", "id": "AGENT", "version": 1, "model": {"id": "claude-opus-5-5"}, "system": "s",
        "tools": TOOLS, "mcp_servers": SERVERS,
    },
    "environment_id": "ENVIRONMENT", "title": "t", "metadata": {"k": "v"}, "initial_events": [MESSAGE, OUTCOME],
    "budget": BUDGET,
}  # fmt: skip
CHANGE: Any = {
    "title": "t", "metadata": {"k": "v"}, "agent": {"tools": TOOLS, "mcp_servers": SERVERS}, "budget": BUDGET,
}  # fmt: skip

SCHEDULE: Any = {"type": "cron", "expression": "0 9 * * 1", "timezone": "Europe/Berlin"}
DEPLOYMENT: Any = {
    "name": "d", "agent": {"type": "agent", "id": "AGENT", "version": 1}, "environment_id": "ENVIRONMENT",
    "initial_events": [MESSAGE], "schedule": SCHEDULE, "description": "d", "metadata": {"k": "v"},
    "vault_ids": ["VAULT"],
}  # fmt: skip
BEARER: Any = {"type": "static_bearer", "token": "t", "mcp_server_url": "https://mcp.example/a"}
OAUTH: Any = {
    "type": "mcp_oauth", "access_token": "t", "mcp_server_url": "https://mcp.example/b",
    "expires_at": "2030-01-01T00:00:00Z",
    "refresh": {
        "refresh_token": "r", "token_endpoint": "https://mcp.example/token", "client_id": "c",
        "token_endpoint_auth": {"type": "none"},
    },
}  # fmt: skip

REPOSITORY: Any = {
    "type": "github_repository", "url": "https://example.com/o/a", "checkout": {"type": "branch", "name": "main"},
}  # fmt: skip

BODIES = {
    "POST /v1/vaults": {"display_name": "v", "metadata": {"k": "v"}},
    "POST /v1/vaults/VAULT": {"display_name": "v", "metadata": {"k": "v"}},
    "POST /v1/vaults/VAULT/credentials": {"auth": BEARER, "display_name": "c", "metadata": {"k": "v"}},
    "POST /v1/vaults/VAULT/credentials#oauth": {"auth": OAUTH},
    "POST /v1/vaults/VAULT/credentials/CREDENTIAL": {"display_name": "c", "metadata": {"k": "v"}},
    "POST /v1/memory_stores": {"name": "m", "description": "d", "metadata": {"k": "v"}},
    "POST /v1/memory_stores/STORE": {"name": "m", "description": "d", "metadata": {"k": "v"}},
    "POST /v1/memory_stores/STORE/memories": {"path": "/b", "content": "x"},
    "POST /v1/memory_stores/STORE/memories/MEMORY": {
        "path": "/c",
        "content": "x",
        "precondition": {"type": "content_sha256", "content_sha256": "0" * 64},
    },
    "POST /v1/deployments": DEPLOYMENT,
    "POST /v1/deployments/DEPLOYMENT": DEPLOYMENT,
    "POST /v1/user_profiles": {
        "name": "n",
        "access_type": "application",
        "metadata": {"k": "v"},
        "external_user_details": {"reference_id": "r"},
    },
    "POST /v1/user_profiles/PROFILE": {"name": "n", "access_type": "application", "metadata": {"k": "v"}},
    "POST /v1/dreams": {
        "model": "m",
        "instructions": "i",
        "output_behavior": {"type": "create_new"},
        "inputs": [
            {"type": "memory_store", "memory_store_id": "STORE"},
            {"type": "sessions", "session_ids": ["SESSION"]},
        ],
    },
    "POST /v1/agents": AGENT,
    "POST /v1/agents/AGENT": AGENT | {"version": 1},
    "POST /v1/environments": ENVIRONMENT,
    "POST /v1/environments/ENVIRONMENT": ENVIRONMENT,
    "POST /v1/sessions": SESSION,
    "POST /v1/sessions/SESSION": CHANGE,
    "POST /v1/sessions/SESSION/events": EVENTS,
    "POST /v1/sessions#resources": {
        "agent": "AGENT",
        "environment_id": "ENVIRONMENT",
        "resources": [
            {"type": "file", "file_id": "FILE", "mount_path": "/mnt/a.txt"},
            REPOSITORY | {"url": "https://example.com/o/b", "mount_path": "/workspace/b", "authorization_token": "t"},
            {"type": "memory_store", "memory_store_id": "STORE", "access": "read_only", "instructions": "i"},
        ],
    },
    "POST /v1/sessions/SESSION/resources": {"type": "file", "file_id": "FILE", "mount_path": "/mnt/b.txt"},
    "POST /v1/sessions/SESSION/resources/RESOURCE": {"authorization_token": "t"},
    "POST /v1/environments/MACHINES/work/WORK": {"metadata": {"k": "v"}},
    "POST /v1/environments/MACHINES/work/WORK/stop": {"force": True},
    "POST /v1/environments/MACHINES/keys": {"name": "n"},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in a body, with the way to it."""
    yield path, value
    if isinstance(value, dict) and not (path and path[-1] in OPEN):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    copied = json.loads(json.dumps(body))  # no two places are one object
    at = copied
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return copied


def bad_bodies(body: Any) -> Iterator[tuple[str, Any]]:
    """(the path that is wrong, the body)"""
    for path, value in places(body):
        if isinstance(value, dict) and not (path and path[-1] in OPEN):
            yield ".".join(map(str, (*path, "zz"))), changed(body, (*path, "zz"), 1)
        if path:
            wrong = [["x"], 7.5] if not isinstance(value, list) else [{"x": 1}, "x"]
            for item in wrong:
                yield ".".join(map(str, path)), changed(body, path, item)


@pytest.fixture(scope="module")
def ids(http: httpx.Client) -> dict[str, str]:
    agent = http.post("/v1/agents", json={"name": "a", "model": "m"}).json()["id"]
    environment = http.post("/v1/environments", json={"name": "e"}).json()["id"]
    body = {"agent": agent, "environment_id": environment, "resources": [REPOSITORY]}
    session = http.post("/v1/sessions", json=body).json()
    machines = http.post("/v1/environments", json={"name": "m", "config": {"type": "self_hosted"}}).json()["id"]
    http.post("/v1/sessions", json={"agent": agent, "environment_id": machines, "initial_events": [MESSAGE]})
    vault = http.post("/v1/vaults", json={"display_name": "v"}).json()["id"]
    auth = BEARER | {"mcp_server_url": "https://mcp.example/first"}
    store = http.post("/v1/memory_stores", json={"name": "m"}).json()["id"]
    deployment = with_ids(DEPLOYMENT, {"AGENT": agent, "ENVIRONMENT": environment, "VAULT": vault})
    return {
        "AGENT": agent,
        "ENVIRONMENT": environment,
        "SESSION": session["id"],
        "RESOURCE": session["resources"][0]["id"],
        "FILE": http.post("/v1/files", files={"file": ("a.txt", b"x")}).json()["id"],
        "MACHINES": machines,
        "WORK": http.get(f"/v1/environments/{machines}/work").json()["data"][0]["id"],
        "VAULT": vault,
        "CREDENTIAL": http.post(f"/v1/vaults/{vault}/credentials", json={"auth": auth}).json()["id"],
        "STORE": store,
        "MEMORY": http.post(f"/v1/memory_stores/{store}/memories", json={"path": "/a", "content": "x"}).json()["id"],
        "DEPLOYMENT": http.post("/v1/deployments", json=deployment).json()["id"],
        "PROFILE": http.post("/v1/user_profiles", json={"name": "n"}).json()["id"],
    }


def with_ids(value: Any, ids: dict[str, str]) -> Any:
    """The value with the ids in place of their names."""
    text = json.dumps(value)
    for name, id in ids.items():
        text = text.replace(f'"{name}"', f'"{id}"')
    return json.loads(text)


def path_of(operation: str, ids: dict[str, str]) -> str:
    names = operation.split()[1].partition("#")[0].split("/")
    return "/".join(ids.get(name, name) for name in names)


def everything(http: httpx.Client, ids: dict[str, str]) -> list[Any]:
    """All that a request might have changed."""
    return [
        http.get("/v1/agents", params={"limit": 100}).json(),
        http.get(f"/v1/agents/{ids['AGENT']}/versions").json(),
        http.get("/v1/environments", params={"limit": 100}).json(),
        [found["id"] for found in http.get("/v1/sessions", params={"limit": 100}).json()["data"]],
        {name: value for name, value in http.get(f"/v1/sessions/{ids['SESSION']}").json().items() if name != "stats"},
        http.get(f"/v1/sessions/{ids['SESSION']}/events").json(),
        http.get("/v1/vaults").json(),
        http.get(f"/v1/vaults/{ids['VAULT']}/credentials").json(),
        http.get("/v1/memory_stores").json(),
        http.get(f"/v1/memory_stores/{ids['STORE']}/memories").json(),
        http.get("/v1/deployments").json(),
        http.get("/v1/user_profiles").json(),
        http.get("/v1/dreams").json(),
        http.get("/v1/files").json(),
        http.get(f"/v1/environments/{ids['MACHINES']}/work").json(),
        http.get(f"/v1/environments/{ids['MACHINES']}/keys").json(),
    ]


@pytest.mark.parametrize("operation", BODIES)
def test_what_is_unknown_or_mistyped_is_named_and_nothing_is_done(
    http: httpx.Client, ids: dict[str, str], operation: str
) -> None:
    path = path_of(operation, ids)
    body = with_ids(BODIES[operation], ids)
    before = everything(http, ids)
    tried = 0
    for where, bad in bad_bodies(body):
        response = http.post(path, json=bad)
        assert response.status_code == 400, (where, response.text)
        error = response.json()["error"]
        assert error["type"] == "invalid_request_error"
        named = error["message"].partition(": ")[0]
        assert named == where or where.startswith(f"{named}.") or named.startswith(f"{where}."), (where, error)
        tried += 1
    assert tried >= 3 and everything(http, ids) == before


def test_the_bodies_are_good_but_for_what_is_made_bad(http: httpx.Client, ids: dict[str, str]) -> None:
    assert http.post("/v1/agents", json=AGENT).status_code == 200
    assert http.post("/v1/environments", json=ENVIRONMENT).status_code == 200
    body = SESSION | {"environment_id": ids["ENVIRONMENT"], "agent": SESSION["agent"] | {"id": ids["AGENT"]}}
    made = http.post("/v1/sessions", json=body)
    assert made.status_code == 200, made.text
    for operation in (one for one in BODIES if "resources" in one or "MACHINES" in one):
        made = http.post(path_of(operation, ids), json=with_ids(BODIES[operation], ids))
        assert made.status_code == 200, (operation, made.text)


def test_resources_are_attached_all_or_none(http: httpx.Client, ids: dict[str, str]) -> None:
    file: Any = {"type": "file", "file_id": ids["FILE"]}
    body = {"agent": ids["AGENT"], "environment_id": ids["ENVIRONMENT"]}
    before = everything(http, ids)
    for bad in (
        {"type": "file", "file_id": "file_none"},
        {"type": "memory_store", "memory_store_id": "memstore_none"},
        REPOSITORY | {"url": "ssh://example.com/o/a"},
    ):
        response = http.post("/v1/sessions", json=body | {"resources": [file, bad]})
        assert response.status_code in (400, 404), response.text
        assert response.json()["error"]["message"].startswith("resources.1.")
    assert everything(http, ids) == before
