from __future__ import annotations

import json
import logging
from typing import Any

import anthropic
import httpx
import pytest

from antcli.engine.vaults import keyrings
from tests.engine.api.server import Server

SERVER_URL = "https://mcp.example.com/mcp"
SECRETS = ["tok-PLAIN-bearer", "tok-PLAIN-access", "tok-PLAIN-refresh", "tok-PLAIN-client", "tok-PLAIN-variable"]
BEARER: Any = {"type": "static_bearer", "mcp_server_url": SERVER_URL, "token": SECRETS[0]}
OAUTH: Any = {
    "type": "mcp_oauth", "mcp_server_url": "https://oauth.example.com", "access_token": SECRETS[1],
    "expires_at": "2036-01-02T03:04:05+02:00",
    "refresh": {
        "client_id": "client-1", "refresh_token": SECRETS[2], "token_endpoint": "https://oauth.example.com/token",
        "token_endpoint_auth": {"type": "client_secret_post", "client_secret": SECRETS[3]}, "scope": "read",
    },
}  # fmt: skip
VARIABLE: Any = {
    "type": "environment_variable", "secret_name": "API_TOKEN", "secret_value": SECRETS[4],
    "networking": {"type": "limited", "allowed_hosts": ["api.example.com", "*.example.org", "192.0.2.1"]},
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def no_keyring() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ANT_MASTER_KEY", raising=False)
        patch.setattr(keyrings, "_QUIET", ())
        yield


@pytest.fixture
def vault(sdk: anthropic.Anthropic) -> str:
    return sdk.beta.vaults.create(display_name="Ada").id


def test_a_vault_lives(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    vaults = sdk.beta.vaults
    made = vaults.create(display_name="Ada", metadata={"user": "1"})
    assert made.id.startswith("vlt_") and made.archived_at is None and vaults.retrieve(made.id) == made
    changed = vaults.update(made.id, metadata={"user": None, "b": "2"})
    assert (changed.display_name, changed.metadata) == ("Ada", {"b": "2"}) and changed.updated_at > made.updated_at
    assert vaults.update(made.id, display_name="Ada") == changed
    assert vaults.update(made.id, display_name="Grace").display_name == "Grace"
    archived = vaults.archive(made.id)
    assert archived.archived_at and vaults.archive(made.id) == archived
    assert made.id not in [found.id for found in vaults.list()]
    assert made.id in [found.id for found in vaults.list(limit=1, include_archived=True)]
    for path, body in (("", {"display_name": "x"}), ("/credentials", {"auth": BEARER})):
        refused = http.post(f"/v1/vaults/{made.id}{path}", json=body)
        assert refused.status_code == 400 and "is archived" in refused.text
    assert vaults.delete(made.id).type == "vault_deleted"
    for call in (vaults.retrieve, vaults.delete, vaults.archive, vaults.credentials.list):
        with pytest.raises(anthropic.NotFoundError):
            call(made.id)


def test_credentials_show_no_secret(sdk: anthropic.Anthropic, vault: str) -> None:
    credentials = sdk.beta.vaults.credentials
    bearer = credentials.create(vault, auth=BEARER, display_name="b", metadata={"k": "v"})
    oauth = credentials.create(vault, auth=OAUTH)
    variable = credentials.create(vault, auth=VARIABLE)
    assert bearer.to_dict()["auth"] == {"type": "static_bearer", "mcp_server_url": SERVER_URL}
    assert (bearer.display_name, bearer.metadata, bearer.vault_id) == ("b", {"k": "v"}, vault)
    assert json.loads(oauth.to_json())["auth"] == {
        "type": "mcp_oauth", "mcp_server_url": "https://oauth.example.com", "expires_at": "2036-01-02T01:04:05Z",
        "refresh": {
            "client_id": "client-1", "token_endpoint": "https://oauth.example.com/token",
            "token_endpoint_auth": {"type": "client_secret_post"}, "resource": None, "scope": "read",
        },
    }  # fmt: skip
    assert variable.to_dict()["auth"] == {
        "type": "environment_variable", "secret_name": "API_TOKEN", "networking": VARIABLE["networking"],
        "injection_location": {"header": True, "body": True},
    }  # fmt: skip
    listed = list(credentials.list(vault, limit=1))
    assert listed == [variable, oauth, bearer]
    assert credentials.retrieve(bearer.id, vault_id=vault) == bearer
    assert not any(secret in made.to_json() for made in listed for secret in SECRETS)


def test_secrets_are_nowhere_in_the_clear(
    sdk: anthropic.Anthropic, http: httpx.Client, server: Server, vault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the data directory nor in logs nor in what errors say; the sealed ones do open again."""
    caplog.set_level(logging.DEBUG)
    made = [sdk.beta.vaults.credentials.create(vault, auth=auth) for auth in (BEARER, OAUTH, VARIABLE)]
    wrong: list[dict[str, Any]] = [
        BEARER, BEARER | {"token": f"{SECRETS[0]} x"}, BEARER | {"mcp_server_url": 1}, BEARER | {"x": SECRETS[0]},
        OAUTH | {"refresh": OAUTH["refresh"] | {"scope": 1}}, OAUTH | {"expires_at": SECRETS[1]},
        VARIABLE | {"secret_value": f"{SECRETS[4]}\0"}, VARIABLE | {"networking": {"type": SECRETS[4][:3]}},
        VARIABLE | {"secret_name": f"NAME={SECRETS[4]}"},
    ]  # fmt: skip
    for auth in wrong:
        answer = http.post(f"/v1/vaults/{vault}/credentials", json={"auth": auth})
        assert answer.status_code in (400, 409) and not any(secret in answer.text for secret in SECRETS), answer.text
    assert any("vaults" in record.getMessage() for record in caplog.records)
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records
                       if record.name.startswith(("antcli", "uvicorn", "asyncio")))  # fmt: skip
    assert not any(secret in logged for secret in SECRETS)
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert {"engine.db", "engine.db-wal", "master-key"} <= {path.name for path in files}
    stored = b"".join(path.read_bytes() for path in files)
    assert made[0].id.encode() in stored  # the search finds what is there
    assert not any(secret.encode() in stored for secret in SECRETS)

    async def opened() -> list[dict[str, Any]]:
        vaults = server.services.vaults
        return [await vaults.secrets(await vaults.credential(vault, credential.id)) for credential in made]

    assert server.call(opened) == [
        {"token": SECRETS[0]},
        {"access_token": SECRETS[1], "refresh_token": SECRETS[2], "client_secret": SECRETS[3]},
        {"secret_value": SECRETS[4]},
    ]


def test_one_active_credential_a_server_and_a_variable(sdk: anthropic.Anthropic, vault: str) -> None:
    credentials = sdk.beta.vaults.credentials
    first = credentials.create(vault, auth=BEARER)
    credentials.create(vault, auth=VARIABLE)
    same = [BEARER, OAUTH | {"mcp_server_url": "HTTPS://MCP.example.com:443/mcp/"}, VARIABLE]
    for auth in same:
        with pytest.raises(anthropic.ConflictError, match="already is for"):
            credentials.create(vault, auth=auth)
    others = ("https://mcp.example.com/mcp/b", "https://mcp.example.com:444/mcp", "https://example.com/mcp")
    for url in others:
        credentials.create(vault, auth=BEARER | {"mcp_server_url": url})
    archived = credentials.archive(first.id, vault_id=vault)
    assert archived.archived_at and credentials.archive(first.id, vault_id=vault) == archived
    again = credentials.create(vault, auth=BEARER)
    assert credentials.delete(again.id, vault_id=vault).type == "vault_credential_deleted"
    credentials.create(vault, auth=BEARER)
    assert first.id not in [found.id for found in credentials.list(vault)]
    assert first.id in [found.id for found in credentials.list(vault, include_archived=True)]
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        credentials.update(first.id, vault_id=vault, display_name="x")
    with pytest.raises(anthropic.NotFoundError):
        credentials.retrieve(again.id, vault_id=vault)
    other = sdk.beta.vaults.create(display_name="other").id
    with pytest.raises(anthropic.NotFoundError, match="credential"):
        credentials.retrieve(first.id, vault_id=other)


def test_a_vault_holds_twenty(sdk: anthropic.Anthropic, vault: str) -> None:
    made = [
        sdk.beta.vaults.credentials.create(vault, auth=VARIABLE | {"secret_name": f"N{number}"}) for number in range(20)
    ]
    with pytest.raises(anthropic.BadRequestError, match=r"at most 20 active credentials, and vault .* has 20"):
        sdk.beta.vaults.credentials.create(vault, auth=VARIABLE)
    sdk.beta.vaults.credentials.archive(made[3].id, vault_id=vault)
    sdk.beta.vaults.credentials.create(vault, auth=VARIABLE)


def test_archiving_purges_the_secrets(sdk: anthropic.Anthropic, server: Server, vault: str) -> None:
    kept = sdk.beta.vaults.credentials.create(vault, auth=BEARER)
    sdk.beta.vaults.archive(vault)
    found = sdk.beta.vaults.credentials.retrieve(kept.id, vault_id=vault)
    assert found.archived_at and found.auth == kept.auth
    assert server.call(lambda: server.services.vaults.credential(vault, kept.id)).body["sealed"] is None
    sdk.beta.vaults.delete(vault)
    assert server.call(lambda: server.services.store.get("vault_credential", kept.id)) is None


def test_update_changes_what_may_change(sdk: anthropic.Anthropic, server: Server, vault: str) -> None:
    credentials = sdk.beta.vaults.credentials
    oauth, variable = (credentials.create(vault, auth=auth, display_name="d") for auth in (OAUTH, VARIABLE))

    def secrets(id: str) -> dict[str, Any]:
        async def opened() -> dict[str, Any]:
            return await server.services.vaults.secrets(await server.services.vaults.credential(vault, id))

        return server.call(opened)

    changed = credentials.update(
        oauth.id, vault_id=vault, metadata={"a": "1"},
        auth={"type": "mcp_oauth", "access_token": "new-access", "refresh": {"scope": ""}},
    )  # fmt: skip
    assert changed.to_dict()["auth"] == oauth.to_dict()["auth"] | {  # type: ignore[operator]
        "refresh": oauth.to_dict()["auth"]["refresh"] | {"scope": None}  # type: ignore[index]
    }
    assert (changed.display_name, changed.metadata) == ("d", {"a": "1"})
    assert secrets(oauth.id) == {"access_token": "new-access", "refresh_token": SECRETS[2], "client_secret": SECRETS[3]}
    rotated: Any = {"type": "client_secret_post", "client_secret": "new-client"}
    refresh: Any = {"refresh_token": "new-refresh", "token_endpoint_auth": rotated}
    update: Any = {"type": "mcp_oauth", "refresh": refresh, "expires_at": "2037-01-01T00:00:00Z"}
    later = credentials.update(oauth.id, vault_id=vault, auth=update, display_name=None)
    assert later.display_name is None and later.auth.expires_at.year == 2037  # type: ignore[union-attr]
    assert secrets(oauth.id) == {
        "access_token": "new-access", "refresh_token": "new-refresh", "client_secret": "new-client",
    }  # fmt: skip
    partly: Any = {"type": "environment_variable", "injection_location": {"body": False}}
    moved = credentials.update(variable.id, vault_id=vault, auth=partly)
    assert moved.to_dict()["auth"]["injection_location"] == {"header": True, "body": False}  # type: ignore[index]
    assert secrets(variable.id) == {"secret_value": SECRETS[4]}
    opened: Any = {"type": "environment_variable", "networking": {"type": "unrestricted"}, "secret_value": "v2"}
    assert credentials.update(variable.id, vault_id=vault, auth=opened).to_dict()["auth"]["networking"] == {  # type: ignore[index]
        "type": "unrestricted"
    }
    assert secrets(variable.id) == {"secret_value": "v2"}


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"type": "password"}, "auth: type 'password' is not one of static_bearer, mcp_oauth, environment_variable"),
        (BEARER | {"token": ""}, "auth.token: must not be empty"),
        (BEARER | {"token": "a b"}, "auth.token: must be printable ASCII without spaces"),
        (BEARER | {"mcp_server_url": "ftp://x"}, "auth.mcp_server_url: must be a URL"),
        (BEARER | {"mcp_server_url": "https://u:p@x"}, "auth.mcp_server_url: must be a URL without user name"),
        (BEARER | {"secret": 1}, "auth.secret: unknown field"),
        (OAUTH | {"expires_at": "2020-01-01T00:00:00Z"}, "auth.expires_at: must be in the future"),
        (OAUTH | {"expires_at": "soon"}, "auth.expires_at: must be an RFC 3339 time"),
        (OAUTH | {"refresh": {"client_id": "x"}}, "auth.refresh.refresh_token: required"),
        (VARIABLE | {"secret_name": "1A"}, "auth.secret_name: must be the name of an environment variable"),
        (VARIABLE | {"injection_location": None}, "auth.injection_location: must be an object, got null"),
        (VARIABLE | {"injection_location": {}}, "auth.injection_location: at least one of header and body"),
        (
            VARIABLE | {"networking": {"type": "limited", "allowed_hosts": ["x"] * 17}},
            "auth.networking.allowed_hosts: at most 16 hosts, got 17",
        ),
    ]
    + [
        (VARIABLE | {"networking": {"type": "limited", "allowed_hosts": [host]}},
         "auth.networking.allowed_hosts.0: must be a hostname")
        for host in ("https://a", "a:80", "a/b", "::1", "*", "a.*.b", "", "1.2.3", "-a.b", "*.*.a")
    ],
)  # fmt: skip
def test_bad_credentials_are_refused_by_field(
    http: httpx.Client, vault: str, auth: dict[str, Any], expected: str
) -> None:
    answer = http.post(f"/v1/vaults/{vault}/credentials", json={"auth": auth})
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith(expected), answer.text
    assert http.get(f"/v1/vaults/{vault}/credentials").json()["data"] == []


@pytest.mark.parametrize(
    ("stored", "patch", "expected"),
    [
        (BEARER, {"type": "mcp_oauth"}, "auth.type: must be 'static_bearer'"),
        (BEARER, {"type": "static_bearer", "mcp_server_url": SERVER_URL}, "auth.mcp_server_url: unknown field"),
        (
            OAUTH,
            {"type": "mcp_oauth", "refresh": {"token_endpoint_auth": {"type": "client_secret_basic"}}},
            "auth.refresh.token_endpoint_auth.type: must be 'client_secret_post'",
        ),
        (
            OAUTH | {"refresh": None},
            {"type": "mcp_oauth", "refresh": {"scope": "a"}},
            "auth.refresh: the credential was",
        ),
        (
            VARIABLE,
            {"type": "environment_variable", "injection_location": {"header": False, "body": False}},
            "auth.injection_location: at least one",
        ),
        (VARIABLE, {"type": "environment_variable", "injection_location": None}, "auth.injection_location: must be"),
        (VARIABLE, None, "auth: "),
    ],
)
def test_bad_updates_are_refused_by_field(
    http: httpx.Client, vault: str, stored: dict[str, Any], patch: Any, expected: str
) -> None:
    made = http.post(f"/v1/vaults/{vault}/credentials", json={"auth": stored}).json()
    answer = http.post(f"/v1/vaults/{vault}/credentials/{made['id']}", json={"auth": patch, "display_name": "x"})
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith(expected), answer.text
    assert http.get(f"/v1/vaults/{vault}/credentials/{made['id']}").json() == made


def test_sessions_name_vaults_that_are_there(sdk: anthropic.Anthropic, vault: str) -> None:
    agent = sdk.beta.agents.create(name="a", model="demo").id
    environment = sdk.beta.environments.create(name="e").id
    other = sdk.beta.vaults.create(display_name="other").id
    made = sdk.beta.sessions.create(agent=agent, environment_id=environment, vault_ids=[other, vault])
    assert made.vault_ids == [other, vault] == sdk.beta.sessions.retrieve(made.id).vault_ids
    assert sdk.beta.sessions.create(agent=agent, environment_id=environment).vault_ids == []

    def refused(error: type[Exception], said: str, ids: list[str]) -> None:
        with pytest.raises(error, match=said):
            sdk.beta.sessions.create(agent=agent, environment_id=environment, vault_ids=ids)

    refused(anthropic.NotFoundError, "vault_ids.1: no vault with id", [vault, "vlt_x"])
    refused(anthropic.BadRequestError, "given twice", [vault, vault])
    refused(anthropic.BadRequestError, "at most 50 vaults, got 51", [vault] * 51)
    sdk.beta.vaults.archive(other)
    refused(anthropic.BadRequestError, "is archived", [other])
    with pytest.raises(anthropic.BadRequestError, match="vault_ids"):
        sdk.beta.sessions.update(made.id, vault_ids=[vault])


def test_variables_are_refused_where_a_worker_runs_the_tools(sdk: anthropic.Anthropic, vault: str) -> None:
    """They would not reach it (semantics.md 12, 14); credentials of MCP servers, and archived ones, do not matter."""
    agent = sdk.beta.agents.create(name="a", model="claude-sonnet-5")
    environment = sdk.beta.environments.create(name="elsewhere", config={"type": "self_hosted"})
    sdk.beta.vaults.credentials.create(vault, auth=BEARER)
    variable = sdk.beta.vaults.credentials.create(vault, auth=VARIABLE)
    asked: Any = {"agent": agent.id, "environment_id": environment.id, "vault_ids": [vault]}
    with pytest.raises(anthropic.BadRequestError, match=r"vault_ids: environment_variable credentials \(API_TOKEN\)"):
        sdk.beta.sessions.create(**asked)
    assert not list(sdk.beta.sessions.list(agent_id=agent.id))
    sdk.beta.vaults.credentials.archive(variable.id, vault_id=vault)
    session = sdk.beta.sessions.create(**asked)
    assert session.vault_ids == [vault]
    sdk.beta.vaults.credentials.create(vault, auth=VARIABLE)  # comes too late for that session, and bars new ones
    assert sdk.beta.sessions.update(session.id, title="goes on").vault_ids == [vault]
    with pytest.raises(anthropic.BadRequestError, match="API_TOKEN"):
        sdk.beta.sessions.create(**asked)
