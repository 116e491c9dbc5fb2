"""A credential is validated against a real MCP server and token endpoint on loopback, judged by the strict SDK."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from antcli.engine.vaults import keyrings
from tests.engine.api.server import KEY, Server
from tests.engine.harness.test_mcp import FRESH, STALE, TOKEN, McpServer

REFRESH, SECRET = "tok-PLAIN-refresh", "tok-PLAIN-client"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ANT_MASTER_KEY", raising=False)
        patch.setattr(keyrings, "_QUIET", ())
        with Server(tmp_path_factory.mktemp("engine")) as server:
            yield server


@pytest.fixture(scope="module")
def sdk(engine: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=engine.url, api_key=KEY, _strict_response_validation=True, max_retries=0, timeout=20
    ) as client:
        yield client


@pytest.fixture
def weather() -> Iterator[McpServer]:
    with McpServer() as server:
        server.tokens = {TOKEN}
        yield server


@pytest.fixture
def vault(sdk: anthropic.Anthropic) -> str:
    return sdk.beta.vaults.create(display_name="Ada").id


def oauth(url: str, token: str, endpoint: str | None = None) -> Any:
    auth: dict[str, Any] = {"type": "mcp_oauth", "mcp_server_url": url, "access_token": token}
    if endpoint:
        auth["refresh"] = {
            "client_id": "c", "refresh_token": REFRESH, "token_endpoint": endpoint,
            "token_endpoint_auth": {"type": "client_secret_post", "client_secret": SECRET},
        }  # fmt: skip
    return auth


def check(sdk: anthropic.Anthropic, vault: str, auth: Any) -> Any:
    made = sdk.beta.vaults.credentials.create(vault, auth=auth)
    found = sdk.beta.vaults.credentials.mcp_oauth_validate(made.id, vault_id=vault)
    assert (found.type, found.credential_id, found.vault_id) == ("vault_credential_validation", made.id, vault)
    assert found.has_refresh_token == ("refresh" in auth)
    for secret in (TOKEN, STALE, FRESH, REFRESH, SECRET):
        assert secret not in found.to_json()
    return found


def test_a_good_token_is_valid(sdk: anthropic.Anthropic, vault: str, weather: McpServer) -> None:
    found = check(sdk, vault, oauth(weather.url, TOKEN))
    assert (found.status, found.mcp_probe, found.refresh) == ("valid", None, None) and weather.calls == []


def test_a_rejected_token_without_a_refresh_token_is_invalid(
    sdk: anthropic.Anthropic, vault: str, weather: McpServer
) -> None:
    found = check(sdk, vault, oauth(weather.url, STALE))
    assert found.status == "invalid" and found.refresh.status == "no_refresh_token"
    assert found.refresh.http_response is None
    answer = found.mcp_probe.http_response
    assert found.mcp_probe.method and (answer.status_code, answer.body_truncated) == (401, False)
    assert json.loads(answer.body) == {"error": "invalid_token"} and answer.content_type == "application/json"


def test_a_rejected_token_is_refreshed_kept_and_tried(
    sdk: anthropic.Anthropic, engine: Server, vault: str, weather: McpServer
) -> None:
    found = check(sdk, vault, oauth(weather.url, STALE, weather.url.replace("/mcp", "/token")))
    assert (found.status, found.mcp_probe) == ("valid", None)
    assert found.refresh.status == "succeeded" and found.refresh.http_response is None
    again = sdk.beta.vaults.credentials.mcp_oauth_validate(found.credential_id, vault_id=vault)
    assert (again.status, again.refresh) == ("valid", None) and len(weather.refreshes) == 1


def test_a_refused_refresh_is_invalid_and_shows_the_answer_without_secrets(
    sdk: anthropic.Anthropic, vault: str, weather: McpServer
) -> None:
    weather.refusal = (
        400,
        {"error": "invalid_grant", "seen": [REFRESH, SECRET], "access_token": "other", "x": "y" * 9000},
    )
    found = check(sdk, vault, oauth(weather.url, STALE, weather.url.replace("/mcp", "/token")))
    assert (found.status, found.refresh.status) == ("invalid", "failed")
    answer = found.refresh.http_response
    assert answer.status_code == 400 and "invalid_grant" in answer.body and "other" not in answer.body
    assert answer.body_truncated and len(answer.body) == 4096
    assert found.mcp_probe.http_response.status_code == 401


def test_what_cannot_be_told_is_unknown(sdk: anthropic.Anthropic, vault: str, weather: McpServer) -> None:
    with socket.socket() as taken:  # bound and not listening: refused
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        away = check(sdk, vault, oauth(f"{dead}/mcp", TOKEN))
        assert away.status == "unknown" and away.mcp_probe.http_response is None and away.refresh is None
        endpoint = check(sdk, vault, oauth(weather.url, STALE, f"{dead}/token"))
        assert (endpoint.status, endpoint.refresh.status) == ("unknown", "connect_error")
    weather.refusal = 503, {"error": "later"}
    busy = check(sdk, sdk.beta.vaults.create(display_name="B").id, oauth(
        weather.url, STALE, weather.url.replace("/mcp", "/token")))  # fmt: skip
    assert (busy.status, busy.refresh.status) == ("unknown", "failed")
    broken = check(sdk, vault, oauth(weather.url.replace("/mcp", "/broken"), TOKEN))
    assert broken.status == "unknown" and broken.mcp_probe.http_response.status_code == 500


def test_what_is_no_oauth_credential_is_refused_and_an_archived_one_is_invalid(
    sdk: anthropic.Anthropic, vault: str
) -> None:
    credentials = sdk.beta.vaults.credentials
    bearer: Any = {"type": "static_bearer", "mcp_server_url": "https://mcp.example.com", "token": TOKEN}
    made = credentials.create(vault, auth=bearer)
    with pytest.raises(anthropic.BadRequestError, match="static_bearer: only those of type mcp_oauth"):
        credentials.mcp_oauth_validate(made.id, vault_id=vault)
    gone = credentials.create(vault, auth=oauth("https://mcp.example.org", TOKEN, "https://mcp.example.org/token"))
    credentials.archive(gone.id, vault_id=vault)
    found = credentials.mcp_oauth_validate(gone.id, vault_id=vault)
    assert (found.status, found.has_refresh_token, found.mcp_probe) == ("invalid", False, None)
    with pytest.raises(anthropic.NotFoundError):
        credentials.mcp_oauth_validate("vcrd_none", vault_id=vault)
