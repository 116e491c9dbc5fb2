"""`Idempotency-Key`: a create that is sent again makes nothing new."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from antcli.engine.api import creations
from antcli.engine.store.base import Page
from tests.engine.api.server import Server

SECRET = "hunter2-of-the-vault"
TEXT: dict[str, Any] = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}


@pytest.fixture(scope="module")
def made(http: httpx.Client) -> dict[str, str]:
    """Ids of the things that others are made of."""

    def create(path: str, **body: Any) -> str:
        return str(http.post(path, json=body).raise_for_status().json()["id"])

    found = {
        "agent": create("/v1/agents", name="a", model="demo"),
        "environment_id": create("/v1/environments", name="e"),
        "vault": create("/v1/vaults", display_name="v"),
        "store": create("/v1/memory_stores", name="s"),
    }
    found["session"] = create("/v1/sessions", agent=found["agent"], environment_id=found["environment_id"])
    file = http.post("/v1/files", files={"file": ("a.txt", b"a")}).raise_for_status()
    found["file"] = file.json()["id"]
    found["deployment"] = create(
        "/v1/deployments", name="d", agent=found["agent"], environment_id=found["environment_id"],
        initial_events=[TEXT],
    )  # fmt: skip
    return found


CREATES: dict[str, Callable[[dict[str, str]], tuple[str, Any]]] = {
    "agents": lambda ids: ("/v1/agents", {"name": "a", "model": "demo"}),
    "environments": lambda ids: ("/v1/environments", {"name": "e"}),
    "sessions": lambda ids: (
        "/v1/sessions", {"agent": ids["agent"], "environment_id": ids["environment_id"], "initial_events": [TEXT]},
    ),
    "resources": lambda ids: (f"/v1/sessions/{ids['session']}/resources", {"type": "file", "file_id": ids["file"]}),
    "vaults": lambda ids: ("/v1/vaults", {"display_name": "v"}),
    "credentials": lambda ids: (
        f"/v1/vaults/{ids['vault']}/credentials",
        {"auth": {"type": "static_bearer", "mcp_server_url": "https://mcp.example.com", "token": SECRET}},
    ),
    "memory stores": lambda ids: ("/v1/memory_stores", {"name": "s"}),
    "memories": lambda ids: (f"/v1/memory_stores/{ids['store']}/memories", {"path": "/a.md", "content": "x"}),
    "deployments": lambda ids: (
        "/v1/deployments",
        {"name": "d", "agent": ids["agent"], "environment_id": ids["environment_id"], "initial_events": [TEXT]},
    ),
    "runs": lambda ids: (f"/v1/deployments/{ids['deployment']}/run", None),
    "dreams": lambda ids: (
        "/v1/dreams",
        {
            "model": "demo",
            "inputs": [
                {"type": "memory_store", "memory_store_id": ids["store"]},
                {"type": "sessions", "session_ids": [ids["session"]]},
            ],
        },
    ),
    "user profiles": lambda ids: ("/v1/user_profiles", {"name": "Ada"}),
}  # fmt: skip


def ask(http: httpx.Client, path: str, body: Any, key: str) -> httpx.Response:
    return http.post(path, json=body, headers={"idempotency-key": key})


@pytest.mark.parametrize("name", CREATES)
def test_what_is_asked_for_twice_is_made_once(http: httpx.Client, made: dict[str, str], name: str) -> None:
    path, body = CREATES[name](made)
    key = secrets.token_hex()
    first = ask(http, path, body, key).raise_for_status().json()
    again = ask(http, path, body, key).raise_for_status().json()
    assert again["id"] == first["id"] and again["type" if "type" in first else "name"]


def test_a_key_names_one_request(http: httpx.Client, made: dict[str, str]) -> None:
    key = secrets.token_hex()
    first = ask(http, "/v1/vaults", {"display_name": "v"}, key).json()["id"]
    for path, body in (("/v1/vaults", {"display_name": "w"}), ("/v1/memory_stores", {"name": "v"})):
        refused = ask(http, path, body, key)
        assert refused.status_code == 409 and "Idempotency-Key: another request" in refused.text
        assert refused.headers["x-should-retry"] == "false"
    assert ask(http, "/v1/vaults", {"display_name": "v"}, secrets.token_hex()).json()["id"] != first
    assert "1 to 255 characters" in ask(http, "/v1/vaults", {"display_name": "v"}, "k" * 256).text


def test_a_refused_request_does_not_use_its_key_up(http: httpx.Client) -> None:
    key = secrets.token_hex()
    assert ask(http, "/v1/vaults", {"display_name": ""}, key).status_code == 400
    assert ask(http, "/v1/vaults", {"display_name": "v"}, key).status_code == 200


def test_requests_of_one_key_at_the_same_time_make_one_thing(http: httpx.Client) -> None:
    key = secrets.token_hex()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(http, "/v1/environments", {"name": "at once"}, key), range(8)))
    assert len({answer.raise_for_status().json()["id"] for answer in answers}) == 1


def test_what_was_deleted_since_is_not_made_again(http: httpx.Client) -> None:
    key = secrets.token_hex()
    id = ask(http, "/v1/vaults", {"display_name": "v"}, key).json()["id"]
    http.delete(f"/v1/vaults/{id}").raise_for_status()
    assert ask(http, "/v1/vaults", {"display_name": "v"}, key).status_code == 404


def test_a_day_later_a_key_is_forgotten(
    http: httpx.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    key = secrets.token_hex()
    first = ask(http, "/v1/vaults", {"display_name": "v"}, key).json()["id"]
    monkeypatch.setattr(creations, "KEPT", timedelta(0))
    assert ask(http, "/v1/vaults", {"display_name": "v"}, key).json()["id"] != first
    for _ in range(20):
        ask(http, "/v1/vaults", {"display_name": "v"}, secrets.token_hex())
    assert len(server.call(lambda: server.services.store.list(creations.KIND, Page(1000)))) == 1


def test_neither_key_nor_body_is_kept(http: httpx.Client, server: Server, made: dict[str, str]) -> None:
    key = secrets.token_hex()
    path, body = CREATES["credentials"](made)
    body["auth"]["mcp_server_url"] += "/other"
    ask(http, path, body, key).raise_for_status()
    kept = server.call(lambda: server.services.store.list(creations.KIND, Page(1000)))
    text = json.dumps([(row.id, row.body) for row in kept])
    assert kept and key not in text and SECRET not in text
