"""What workers may do with the key of an environment, and with the token of a work item: that, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx
import pytest

from antcli.engine.api.routes import ROUTES
from tests.engine.api.server import KEY, Server

CUSTOM: Any = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}
HELLO: Any = {"type": "user.message", "content": [{"type": "text", "text": "hello"}]}
RESULT: Any = {"type": "user.custom_tool_result", "custom_tool_use_id": "sevt_none"}
WITH_KEY = """
    GET work  GET work/poll  GET work/stats  POST work/WORK/ack  POST work/WORK/heartbeat  POST work/WORK/stop
    GET /v1/sessions/SESSION  GET /v1/sessions/SESSION/events  POST /v1/sessions/SESSION/events
    GET /v1/sessions/SESSION/events/stream
    GET /v1/skills/SKILL/versions/VERSION  GET /v1/skills/SKILL/versions/VERSION/content
"""
WITH_TOKEN = """
    POST work/WORK/heartbeat  POST work/WORK/stop
    GET /v1/sessions/SESSION  GET /v1/sessions/SESSION/events  POST /v1/sessions/SESSION/events
    GET /v1/sessions/SESSION/events/stream
    GET /v1/skills/SKILL/versions/VERSION  GET /v1/skills/SKILL/versions/VERSION/content
    GET /v1/memory_stores/STORE/memories  POST /v1/memory_stores/STORE/memories
    GET /v1/memory_stores/STORE/memories/MEMORY  POST /v1/memory_stores/STORE/memories/MEMORY
    DELETE /v1/memory_stores/STORE/memories/MEMORY
"""
PARAMETERS = {
    "environment_id": "ENVIRONMENT", "work_id": "WORK", "session_id": "SESSION", "skill_id": "SKILL",
    "version": "VERSION", "memory_store_id": "STORE", "memory_id": "MEMORY",
}  # fmt: skip


@pytest.fixture
def environment(sdk: anthropic.Anthropic) -> str:
    return sdk.beta.environments.create(name="hosted", config={"type": "self_hosted"}).id


@pytest.fixture
def key(http: httpx.Client, environment: str) -> str:
    return made_key(http, environment)["key"]


@pytest.fixture
def shows(server: Server) -> Iterator[Callable[[str], httpx.Client]]:
    """A client that shows another key."""
    opened: list[httpx.Client] = []

    def client(key: str) -> httpx.Client:
        opened.append(
            httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=10, trust_env=False)
        )
        return opened[-1]

    yield client
    for one in opened:
        one.close()


def made_key(http: httpx.Client, environment: str, **body: Any) -> Any:
    response = http.post(f"/v1/environments/{environment}/keys", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def session(sdk: anthropic.Anthropic, environment: str, **more: Any) -> str:
    agent = sdk.beta.agents.create(name="a", model="demo", tools=[CUSTOM])
    return sdk.beta.sessions.create(agent=agent.id, environment_id=environment, initial_events=[HELLO], **more).id


def taken(worker: httpx.Client, environment: str) -> Any:
    item = worker.get(f"/v1/environments/{environment}/work/poll").json()
    assert worker.post(f"/v1/environments/{environment}/work/{item['id']}/ack").status_code == 200
    return item


def token_of(item: Any) -> str:
    found = json.loads(base64.urlsafe_b64decode(item["secret"]))["sessions_token"]
    assert isinstance(found, str)
    return found


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["type"]


def test_a_key_is_told_once_and_only_its_hash_is_kept(http: httpx.Client, server: Server, environment: str) -> None:
    made = made_key(http, environment, name="builder")
    key = made.pop("key")
    assert key.startswith("ant-env-") and len(key) > 40
    assert set(made) == {"id", "type", "environment_id", "name", "partial_key_hint", "created_at"}
    assert made["name"] == "builder" and made["partial_key_hint"] == f"ant-env-...{key[-4:]}"
    nameless = made_key(http, environment)
    assert nameless.pop("key") != key and nameless["name"] is None
    path = f"/v1/environments/{environment}/keys"
    assert http.get(path).json() == {"data": [nameless, made], "next_page": None}
    first = http.get(path, params={"limit": 1}).json()
    assert first["data"] == [nameless]
    assert http.get(path, params={"limit": 1, "page": first["next_page"]}).json()["data"] == [made]
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert files and not [path for path in files if key.encode() in path.read_bytes()]


def test_a_worker_needs_only_its_key(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: str, shows: Callable[[str], httpx.Client], key: str
) -> None:
    id, worker, queue = session(sdk, environment), shows(key), f"/v1/environments/{environment}/work"
    item = taken(worker, environment)
    assert item["data"]["id"] == id
    assert worker.post(f"{queue}/{item['id']}/heartbeat?expected_last_heartbeat=NO_HEARTBEAT").status_code == 200
    assert worker.get(queue).json()["data"][0]["id"] == item["id"]
    assert worker.get(f"{queue}/stats").json()["type"] == "work_queue_stats"
    assert worker.get(f"/v1/sessions/{id}").json()["id"] == id
    assert worker.get(f"/v1/sessions/{id}/events").json()["data"]
    answered = worker.post(f"/v1/sessions/{id}/events", json={"events": [RESULT]})
    assert answered.status_code == 400 and "is not a tool use that waits" in answered.text
    assert worker.post(f"{queue}/{item['id']}/stop", json={"force": True}).json()["state"] == "stopped"
    assert refusal(worker.get(f"/v1/sessions/{id}")) == (403, "permission_error")  # its work is not held any more
    x_api_key = httpx.get(http.base_url.join(f"{queue}/stats"), headers={"x-api-key": key}, trust_env=False)
    assert x_api_key.status_code == 200


@pytest.mark.parametrize(
    "event",
    [HELLO, {"type": "user.interrupt"}, {"type": "user.tool_confirmation", "tool_use_id": "t", "result": "allow"}],
)
def test_a_worker_does_not_speak_for_the_user(
    sdk: anthropic.Anthropic, environment: str, shows: Callable[[str], httpx.Client], key: str, event: Any
) -> None:
    id, worker = session(sdk, environment), shows(key)
    item = taken(worker, environment)
    before = worker.get(f"/v1/sessions/{id}/events").json()
    for client in (worker, shows(token_of(item))):
        response = client.post(f"/v1/sessions/{id}/events", json={"events": [event]})
        assert refusal(response) == (403, "permission_error") and "events.0: " in response.text
    assert worker.get(f"/v1/sessions/{id}/events").json() == before


def test_what_is_elsewhere_does_not_exist(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: str, shows: Callable[[str], httpx.Client], key: str
) -> None:
    other = sdk.beta.environments.create(name="other", config={"type": "self_hosted"}).id
    theirs, worker = session(sdk, other), shows(key)
    item = taken(http, other)
    for method, path in [
        ("GET", f"/v1/environments/{other}/work"),
        ("GET", f"/v1/environments/{other}/work/poll"),
        ("POST", f"/v1/environments/{other}/work/{item['id']}/heartbeat"),
        ("POST", f"/v1/environments/{environment}/work/{item['id']}/stop"),
        ("GET", f"/v1/sessions/{theirs}"),
        ("GET", f"/v1/sessions/{theirs}/events"),
        ("POST", f"/v1/sessions/{theirs}/events"),
        ("GET", f"/v1/sessions/{theirs}/events/stream"),
        ("GET", "/v1/sessions/sesn_none"),
        ("GET", "/v1/skills/skill_none/versions/v"),
    ]:
        assert refusal(worker.request(method, path)) == (404, "not_found_error"), path
    unheld = session(sdk, environment)
    assert refusal(worker.get(f"/v1/sessions/{unheld}")) == (403, "permission_error")
    mine = taken(worker, environment)
    second = session(sdk, environment)
    beside = taken(worker, environment)
    assert beside["data"]["id"] == second
    with_token = shows(token_of(mine))
    for verb in ("heartbeat", "stop"):
        response = with_token.post(f"/v1/environments/{environment}/work/{beside['id']}/{verb}")
        assert refusal(response) == (404, "not_found_error"), verb
    assert with_token.get(f"/v1/sessions/{unheld}").status_code == 200
    assert refusal(with_token.get(f"/v1/sessions/{second}")) == (403, "permission_error")


@pytest.mark.parametrize("credential", ["key", "token"])
def test_nothing_but_what_a_worker_needs_is_open(
    sdk: anthropic.Anthropic, environment: str, shows: Callable[[str], httpx.Client], key: str, credential: str
) -> None:
    session(sdk, environment)
    worker = shows(key)
    item = taken(worker, environment)
    client = worker if credential == "key" else shows(token_of(item))
    words = (WITH_KEY if credential == "key" else WITH_TOKEN).split()
    allowed = {
        (method, path if path.startswith("/") else f"/v1/environments/ENVIRONMENT/{path}")
        for method, path in zip(words[::2], words[1::2], strict=True)
    }
    opened = set()
    for route in ROUTES:
        path = re.sub(r"{(\w+)[^}]*}", lambda found: PARAMETERS.get(found[1], found[1]), route.path)
        for method in set(route.methods or ()) - {"HEAD"}:
            if path == "/healthz":
                continue
            response = client.request(method, path)
            if response.status_code != 403:
                assert response.status_code == 404, (method, path, response.text)
                opened.add((method, path))
            else:
                assert response.json()["error"]["type"] == "permission_error"
    assert opened == allowed


def test_a_revoked_key_opens_nothing(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: str, shows: Callable[[str], httpx.Client]
) -> None:
    made, kept = made_key(http, environment), made_key(http, environment)
    id, worker = session(sdk, environment), shows(made["key"])
    with_token = shows(token_of(taken(worker, environment)))
    assert worker.get(f"/v1/sessions/{id}").status_code == with_token.get(f"/v1/sessions/{id}").status_code == 200

    with worker.stream("GET", f"/v1/sessions/{id}/events/stream") as stream:
        ended = threading.Event()

        def follow() -> None:
            for _ in stream.iter_bytes():
                pass
            ended.set()

        threading.Thread(target=follow, daemon=True).start()
        path = f"/v1/environments/{environment}/keys/{made['id']}"
        assert http.delete(path).json() == {"id": made["id"], "type": "environment_key_deleted"}
        assert ended.wait(5)  # what it had opened is closed
    for client in (worker, with_token):
        assert refusal(client.get(f"/v1/sessions/{id}")) == (401, "authentication_error")
    assert refusal(http.delete(path)) == (404, "not_found_error")
    assert shows(kept["key"]).get(f"/v1/environments/{environment}/work/stats").status_code == 200


def test_the_end_of_an_environment_is_the_end_of_its_keys(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: str, shows: Callable[[str], httpx.Client], key: str
) -> None:
    sdk.beta.environments.delete(environment)
    assert refusal(shows(key).get(f"/v1/environments/{environment}/work")) == (401, "authentication_error")
    assert refusal(http.get(f"/v1/environments/{environment}/keys")) == (404, "not_found_error")


def test_a_token_lasts_as_long_as_its_item(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: str, shows: Callable[[str], httpx.Client], key: str
) -> None:
    id, worker, queue = session(sdk, environment), shows(key), f"/v1/environments/{environment}/work"
    item = taken(worker, environment)
    token = token_of(item)
    for read in (worker.get(queue).json()["data"][0], http.get(f"{queue}/{item['id']}").json()):
        assert read["secret"] is None  # told by poll alone
    client = shows(token)
    assert client.post(f"{queue}/{item['id']}/heartbeat?expected_last_heartbeat=NO_HEARTBEAT").status_code == 200
    assert client.post(f"{queue}/{item['id']}/stop", json={"force": True}).json()["state"] == "stopped"
    assert client.post(f"{queue}/{item['id']}/heartbeat").json()["state"] == "stopped"
    assert client.post(f"{queue}/{item['id']}/stop", json={}).status_code == 409
    assert refusal(client.get(f"/v1/sessions/{id}")) == (403, "permission_error")
    assert refusal(shows(token[:-1] + "-").get(f"/v1/sessions/{id}")) == (401, "authentication_error")


def test_memories_are_open_to_the_token_of_a_session_that_has_them(
    sdk: anthropic.Anthropic, environment: str, shows: Callable[[str], httpx.Client], key: str
) -> None:
    store = sdk.beta.memory_stores.create(name="notes").id
    read_only = sdk.beta.memory_stores.create(name="rules").id
    other = sdk.beta.memory_stores.create(name="other").id
    session(sdk, environment, resources=[
        {"type": "memory_store", "memory_store_id": store},
        {"type": "memory_store", "memory_store_id": read_only, "access": "read_only"},
    ])  # fmt: skip
    worker = shows(key)
    item = taken(worker, environment)
    client = shows(token_of(item))
    memory = {"path": "/a.md", "content": "x"}
    made = client.post(f"/v1/memory_stores/{store}/memories", json=memory)
    assert made.status_code == 200
    (version,) = sdk.beta.memory_stores.memory_versions.list(store)
    assert version.created_by.to_dict() == {"type": "session_actor", "session_id": item["data"]["id"]}
    assert client.get(f"/v1/memory_stores/{read_only}/memories").json()["data"] == []
    assert refusal(client.post(f"/v1/memory_stores/{read_only}/memories", json=memory)) == (403, "permission_error")
    assert refusal(client.get(f"/v1/memory_stores/{other}/memories")) == (404, "not_found_error")
    assert refusal(worker.get(f"/v1/memory_stores/{store}/memories")) == (403, "permission_error")


def test_keys_are_for_environments_with_workers(sdk: anthropic.Anthropic, http: httpx.Client, environment: str) -> None:
    cloud = sdk.beta.environments.create(name="cloud").id
    response = http.post(f"/v1/environments/{cloud}/keys", json={})
    assert response.status_code == 400 and "is not self_hosted" in response.text
    for body, message in [({"name": ""}, "name: "), ({"name": 1}, "name: "), ({"nam": "x"}, "nam: unknown field")]:
        response = http.post(f"/v1/environments/{environment}/keys", json=body)
        assert response.status_code == 400 and response.json()["error"]["message"].startswith(message)
    assert http.get(f"/v1/environments/{environment}/keys").json()["data"] == []


def test_the_key_of_the_engine_wins(http: httpx.Client, environment: str, key: str) -> None:
    response = httpx.get(
        http.base_url.join("/v1/agents"), headers={"x-api-key": KEY, "authorization": f"Bearer {key}"}, trust_env=False
    )
    assert response.status_code == 200
