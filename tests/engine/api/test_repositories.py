"""`github_repository` among a session's resources: the wire, judged by the SDK in strict mode."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import pytest

from antcli.engine.vaults.cipher import Cipher
from tests.engine.api.server import Server

URL = "https://github.com/octocat/hello-world"
TOKEN = "ghp_not-for-anybodys-eyes"
COMMIT = {"type": "commit", "sha": "0123456789abcdef0123456789abcdef01234567"}


def repository(**more: Any) -> dict[str, Any]:
    return {"type": "github_repository", "url": URL, "authorization_token": TOKEN} | more


@pytest.fixture(scope="module")
def base(sdk: anthropic.Anthropic) -> dict[str, str]:
    return {
        "agent": sdk.beta.agents.create(name="a", model="demo").id,
        "environment_id": sdk.beta.environments.create(name="repositories").id,
    }


def test_the_resource_as_the_sdk_knows_it(sdk: anthropic.Anthropic, server: Server, base: dict[str, Any]) -> None:
    resources = [repository(), repository(mount_path="/workspace/at/commit", checkout=COMMIT)]
    session = sdk.beta.sessions.create(**base, resources=resources)  # type: ignore[arg-type]
    plain, at_commit = session.resources
    assert plain.type == at_commit.type == "github_repository"
    assert (plain.url, plain.mount_path, plain.checkout) == (URL, "/workspace/hello-world", None)
    assert at_commit.mount_path == "/workspace/at/commit"
    assert at_commit.checkout is not None and at_commit.checkout.model_dump() == COMMIT
    assert list(sdk.beta.sessions.resources.list(session.id)) == [plain, at_commit]
    assert sdk.beta.sessions.resources.retrieve(plain.id, session_id=session.id) == plain
    assert sdk.beta.sessions.retrieve(session.id).resources == [plain, at_commit]


def test_a_token_is_rotated_and_never_seen(
    sdk: anthropic.Anthropic, http: httpx.Client, server: Server, base: dict[str, Any]
) -> None:
    session = http.post("/v1/sessions", json=base | {"resources": [repository()]}).json()
    [before] = session["resources"]
    assert set(before) == {"id", "type", "url", "mount_path", "created_at", "updated_at"}

    def sealed() -> str:
        [stored] = server.call(lambda: server.services.sessions.resources(session["id"]))
        return str(stored["_token"])

    first = sealed()
    rotated = sdk.beta.sessions.resources.update(
        before["id"], session_id=session["id"], authorization_token="ghp_another-secret"
    )
    assert rotated.type == "github_repository" and rotated.id == before["id"] and rotated.url == URL
    assert sealed() != first and first.startswith("ant1.")
    for path in (server.data_dir / "engine.db", server.data_dir / "engine.db-wal"):
        data = path.read_bytes() if path.exists() else b""
        assert TOKEN.encode() not in data and b"ghp_another-secret" not in data
    with pytest.raises(anthropic.BadRequestError, match="visible ASCII") as error:
        sdk.beta.sessions.resources.update(before["id"], session_id=session["id"], authorization_token="a\nsecret")
    assert "secret" not in str(error.value)


def test_the_repositories_of_a_session_are_fixed(
    sdk: anthropic.Anthropic, http: httpx.Client, base: dict[str, Any]
) -> None:
    session = sdk.beta.sessions.create(**base, resources=[repository()])  # type: ignore[list-item]
    with pytest.raises(anthropic.BadRequestError, match="github_repository stays with the session"):
        sdk.beta.sessions.resources.delete(session.resources[0].id, session_id=session.id)  # type: ignore[union-attr]
    assert http.post(f"/v1/sessions/{session.id}/resources", json=repository()).status_code == 400
    assert len(sdk.beta.sessions.retrieve(session.id).resources) == 1


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"url": "git@github.com:octocat/hello-world"}, "url"),
        ({"url": f"{URL}.git"}, "url"),
        ({"url": "http://github.com/octocat/hello-world"}, "url"),
        ({"url": "https://token@github.com/octocat/hello-world"}, "url"),
        ({"url": "https://github.com/octocat/.."}, "url"),
        ({"url": f"{URL}/tree/main"}, "url"),
        ({"url": f"{URL}\n"}, "url"),
        ({"mount_path": "/etc/repository"}, "mount_path"),
        ({"mount_path": "/workspace"}, "mount_path"),
        ({"mount_path": "/workspace/../etc"}, "mount_path"),
        ({"authorization_token": ""}, "authorization_token"),
        ({"checkout": {"type": "branch", "name": "--orphan"}}, "checkout.name"),
        ({"checkout": {"type": "branch", "name": "a..b"}}, "checkout.name"),
        ({"checkout": {"type": "commit", "sha": "0123456"}}, "checkout.sha"),
        ({"checkout": {"type": "tag", "name": "v1"}}, "checkout"),
        ({"depth": 1}, "depth"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(
    http: httpx.Client, base: dict[str, Any], more: dict[str, Any], field: str
) -> None:
    answer = http.post("/v1/sessions", json=base | {"resources": [repository(**more)]})
    assert answer.status_code == 400, answer.text
    assert f"resources.0.{field}" in answer.json()["error"]["message"] and TOKEN not in answer.text


@pytest.mark.parametrize("path", ["/workspace/hello-world", "/workspace/hello-world/inner", "/workspace/hello-world/"])
def test_two_repositories_are_not_in_each_others_way(http: httpx.Client, base: dict[str, Any], path: str) -> None:
    answer = http.post("/v1/sessions", json=base | {"resources": [repository(), repository(mount_path=path)]})
    assert answer.status_code == 400 and "resources.1.mount_path" in answer.json()["error"]["message"]


def test_a_deployment_keeps_the_token_sealed_and_gives_it_to_its_runs(
    sdk: anthropic.Anthropic, http: httpx.Client, server: Server, base: dict[str, Any]
) -> None:
    hello = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    body = base | {"name": "n", "initial_events": [hello], "resources": [repository(checkout=COMMIT)]}
    made = http.post("/v1/deployments", json=body).json()
    config = {"type": "github_repository", "url": URL, "checkout": COMMIT}
    assert made["resources"] == [config]
    deployment = sdk.beta.deployments.retrieve(made["id"])
    assert [one.model_dump(exclude_unset=True) for one in deployment.resources] == [config]
    stored = server.call(lambda: server.services.store.get("deployment", made["id"]))
    assert stored is not None and stored.body["resources"][0]["_token"].startswith("ant1.")
    assert TOKEN not in str(stored.body)

    run = sdk.beta.deployments.run(made["id"])
    assert run.error is None and run.session_id is not None
    [resource] = server.call(lambda: server.services.sessions.resources(str(run.session_id)))
    assert resource["checkout"] == COMMIT and resource["mount_path"] == "/workspace/hello-world"
    cipher = Cipher(server.services.store, server.data_dir)
    assert server.call(lambda: cipher.open(resource["_token"], resource["id"])) == TOKEN
