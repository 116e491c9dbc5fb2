from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from antcli import __version__
from antcli.client.client import Client
from antcli.client.server import Server
from antcli.errors import ApiError, ExitCode, ServerError, UsageError


def test_call_sends_what_the_operation_says_and_decodes_the_answer(server: Any, reply: Any) -> None:
    server.answers(reply(body={"id": "agent_1"}))
    with server.client() as client:
        assert client.call("agents.create", body={"name": "é"}) == {"id": "agent_1"}
    [asked] = server.asked
    assert (asked.method, asked.target, asked.json) == ("POST", "/v1/agents", {"name": "é"})
    sent = {
        name: asked.headers.get(name) for name in ("anthropic-version", "anthropic-beta", "user-agent", "x-api-key")
    }
    assert sent == {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "managed-agents-2026-04-01",
        "user-agent": f"ant/{__version__}",
        "x-api-key": "sk-secret",
    }
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["x-stainless-retry-count"] == "0"


def test_a_unix_socket_works_like_a_port(unix_server: Any, reply: Any) -> None:
    unix_server.answers(reply(body={"status": "ready"}))
    with unix_server.client() as client:
        assert client.get("/engine/status") == {"status": "ready"}
        client.post("/engine/stop", {"now": True})
    assert [(asked.method, asked.target) for asked in unix_server.asked] == [
        ("GET", "/engine/status"), ("POST", "/engine/stop"),
    ]  # fmt: skip
    assert unix_server.asked[1].json == {"now": True}
    assert "anthropic-beta" not in unix_server.asked[0].headers


def test_queries_are_encoded_as_the_api_wants_them(server: Any, reply: Any) -> None:
    server.answers(reply(body={"data": []}))
    query = {
        "statuses": ["idle", "running"], "include_archived": True, "limit": 5, "agent_id": None,
        "created_at[gte]": datetime(2026, 1, 2, tzinfo=UTC),
    }  # fmt: skip
    with server.client() as client:
        client.call("sessions.list", query=query)
    assert server.asked[0].query == [
        ("statuses[]", "idle"), ("statuses[]", "running"), ("include_archived", "true"), ("limit", "5"),
        ("created_at[gte]", "2026-01-02T00:00:00+00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("id", "sent"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), (".", "%2E"), ("a b?c#d%", "a%20b%3Fc%23d%25"), ("ä", "%C3%A4")],
)
def test_path_parameters_cannot_leave_their_place(server: Any, reply: Any, id: str, sent: str) -> None:
    server.answers(reply(body={}))
    with server.client() as client:
        client.call("agents.retrieve", id)
    assert server.asked[0].target == f"/v1/agents/{sent}"


def test_an_empty_path_parameter_is_refused_before_it_becomes_a_list(server: Any) -> None:
    with server.client() as client, pytest.raises(UsageError, match="agent id is empty"):
        client.call("agents.retrieve", "")
    assert server.asked == []


def test_a_path_in_the_base_url_is_kept(server: Any, reply: Any) -> None:
    server.answers(reply(body={}))
    with Client(Server(server.url + "/prefix/", "hosted", "test", "", socket=server.socket)) as client:
        client.call("agents.retrieve", "x")
    assert server.asked[0].target == "/prefix/v1/agents/x"


def test_the_credential_s_beta_goes_before_the_operation_s(server: Any, reply: Any) -> None:
    server.answers(reply(body={}))
    with server.client(headers={"authorization": "Bearer t", "anthropic-beta": "oauth-1"}) as client:
        client.call("agents.retrieve", "x")
        client.call("models.retrieve", "x")
    betas = [asked.headers.get("anthropic-beta") for asked in server.asked]
    assert betas == ["oauth-1,managed-agents-2026-04-01", "oauth-1"]


def test_an_empty_answer_is_none_and_json_null_too(server: Any, reply: Any) -> None:
    server.answers(reply(204, b""), reply(body=b"null"))
    with server.client() as client:
        assert client.call("environments.work.poll", "env_1") is None
        assert client.call("environments.work.poll", "env_1") is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ExitCode.FAILURE), (401, ExitCode.NOT_LOGGED_IN), (403, ExitCode.NOT_LOGGED_IN),
        (404, ExitCode.NOT_FOUND), (429, ExitCode.SERVER), (500, ExitCode.SERVER), (529, ExitCode.SERVER),
    ],
)  # fmt: skip
def test_an_error_envelope_becomes_an_api_error(server: Any, reply: Any, status: int, code: ExitCode) -> None:
    error = {"type": "some_error", "message": "It is so.", "details": {"error_code": "so"}}
    server.answers(reply(status, {"type": "error", "error": error, "request_id": "req_1"}))
    with server.client(retries=0) as client, pytest.raises(ApiError, match=r"It is so\.") as caught:
        client.call("agents.retrieve", "x")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert (caught.value.type, caught.value.error_code, caught.value.request_id) == ("some_error", "so", "req_1")


def test_an_error_that_is_not_an_envelope_is_told_too(server: Any, reply: Any) -> None:
    html = {"content-type": "text/html", "request-id": "req_9"}
    server.answers(
        reply(502, b"<html>a page</html>", html), reply(418, b"short  and\nstout", {"content-type": "text/plain"}),
        reply(400, [1]), reply(307, b"", {"location": "https://elsewhere.example/"}),
    )  # fmt: skip
    told = []
    with server.client(retries=0) as client:
        for _ in range(4):
            with pytest.raises(ApiError) as caught:
                client.call("agents.retrieve", "x")
            told.append((caught.value.message.removeprefix(server.address), caught.value.request_id))
    assert told[0] == (" answered 502 Bad Gateway", "req_9")
    assert told[1][0] == " answered 418 I'm a Teapot: short and stout"
    assert told[2][0] == " answered 400 Bad Request: [1]"
    assert "points elsewhere (https://elsewhere.example/)" in told[3][0]
    assert len(server.asked) == 4  # a redirect is not followed: the key would go with it


def test_a_good_answer_that_is_not_json_is_a_server_error(server: Any, reply: Any) -> None:
    server.answers(reply(200, b"<html>log in to the network</html>", {"content-type": "text/html; charset=utf-8"}))
    with server.client() as client, pytest.raises(ServerError, match="text/html instead of JSON"):
        client.call("agents.list")


def test_nobody_there_is_a_server_error_that_names_the_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url, path = f"http://127.0.0.1:{port}", str(tmp_path / "gone.sock")
    with pytest.raises(ServerError, match=url), Client(Server(url, "hosted", "t", ""), retries=0) as client:
        client.call("agents.list")
    server = Server("http://ant", "local", "t", "", socket=path)
    with Client(server, retries=0) as client, pytest.raises(ServerError, match=r"gone\.sock"):
        client.call("agents.list")


def test_a_server_that_falls_silent_is_a_server_error(server: Any, reply: Any) -> None:
    def hang(asked: Any) -> Any:
        server.stopping.wait(10)
        return reply()

    server.handler = hang
    with server.client(retries=0, timeout=0.05) as client, pytest.raises(ServerError, match="No answer from"):
        client.call("agents.list")


@pytest.mark.parametrize("url", ["ftp://x", "api.anthropic.com", "https://", "http://[::1", ""])
def test_a_bad_base_url_is_a_usage_error(url: str) -> None:
    with Client(Server(url, "hosted", "t", "")) as client, pytest.raises(UsageError, match="not a base URL"):
        client.call("agents.list")


@pytest.mark.parametrize("key", ["sk-1\n", "sk-1\r\nx: y", "sk-é", " sk-1"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(server: Any, key: str) -> None:
    with server.client(headers={"x-api-key": key}) as client, pytest.raises(UsageError) as caught:
        client.call("agents.list")
    assert "sk-" not in caught.value.message + caught.value.hint
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_text_that_is_not_unicode_is_a_usage_error(server: Any) -> None:
    with server.client() as client, pytest.raises(UsageError, match="UTF-8"):
        client.call("agents.create", body={"name": "\udcff"})


def test_a_form_carries_files_and_fields(server: Any, reply: Any) -> None:
    server.answers(reply(503, {}), reply(body={"id": "file_1"}))
    with server.client() as client:
        part = ("file", ("a.txt", b"contents", "text/plain"))
        client.call("files.upload", files=[part], body={"expires_in_seconds": 60})
    first, second = server.asked
    assert first.headers["content-type"].startswith("multipart/form-data; boundary=")
    for text in (b'name="file"; filename="a.txt"', b"contents", b'name="expires_in_seconds"', b"60"):
        assert text in first.body
    assert first.body == second.body and first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_download_hands_out_the_bytes(server: Any, reply: Any) -> None:
    server.answers(reply(chunks=[b"\x00ab", b"\xff"], headers={"content-type": "application/octet-stream"}))
    with server.client() as client:
        assert b"".join(client.download("files.download", "file_1")) == b"\x00ab\xff"
    assert server.asked[0].headers["accept"] == "application/binary"


def test_debug_lines_hold_no_secrets(server: Any, reply: Any) -> None:
    lines: list[str] = []
    answer = {"id": "r_1", "authorization_token": "ghp_answer", "note": "seen"}
    server.answers(reply(body=answer, headers={"set-cookie": "c=cookie-value", "request-id": "req_7"}))
    with server.client(debug=lines.append) as client:
        client.call("sessions.create", body={"resources": [{"authorization_token": "ghp_secret", "url": "u1"}]})
        client.call("vaults.credentials.create", "v", body={"auth": {"anything": "vault-secret"}, "display_name": "dn"})
    shown = "\n".join(lines)
    assert "POST /v1/sessions" in shown and "u1" in shown and "seen" in shown and "req_7" in shown
    for secret in ("sk-secret", "ghp_secret", "ghp_answer", "vault-secret", "dn", "cookie-value"):
        assert secret not in shown


def test_streams_yield_each_event_as_it_arrives(server: Any, reply: Any) -> None:
    got_first = threading.Event()

    def chunks() -> Any:
        yield b'event: session.status_running\ndata: {"id":"e1","type":"session.status_running"}\n\n'
        assert got_first.wait(5)
        yield b': ping\n\nevent: x\ndata: {"id":"e2","type":"agent.message"}\n\n'

    server.answers(reply(chunks=chunks(), headers={"content-type": "text/event-stream"}))
    with (
        server.client() as client,
        client.stream("sessions.events.stream", "s", query={"event_deltas": ["a"]}) as stream,
    ):
        events = iter(stream)
        assert next(events)["id"] == "e1"
        got_first.set()
        assert [event["id"] for event in events] == ["e2"]
    assert server.asked[0].query == [("event_deltas[]", "a")]
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_a_refused_stream_raises_the_servers_error(server: Any, reply: Any) -> None:
    server.answers(reply(404, {"error": {"type": "not_found_error", "message": "No such session."}}))
    with server.client() as client, pytest.raises(ApiError, match="No such session"):
        client.stream("sessions.events.stream", "s")


def test_a_silent_stream_counts_as_broken(server: Any, reply: Any) -> None:
    def chunks() -> Any:
        yield b": hello\n\n"
        server.stopping.wait(10)

    server.answers(reply(chunks=chunks()))
    client = server.client()
    stream = client.stream("sessions.events.stream", "s", silence=0.05)
    with client, stream, pytest.raises(ServerError, match="No answer"):
        list(stream)


def test_closing_the_client_ends_a_wait_between_retries(server: Any, reply: Any) -> None:
    server.answers(reply(503, {}, {"retry-after": "30"}))
    client = server.client()
    threading.Timer(0.05, client.close).start()
    with pytest.raises(ServerError, match="closed"):
        client.call("agents.list")


def test_importing_the_client_is_light() -> None:
    script = (
        "import sys, json;"
        "import antcli.client.client, antcli.client.follow, antcli.profiles.resolve, antcli.operations;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    heavy = {
        "httpx", "asyncio", "pydantic", "rich", "ssl", "typer", "tomllib", "tomli_w", "platformdirs",
        "antcli.engine", "antcli.operation_bodies", "antcli.client.transport", "email.utils", "http", "urllib.request",
    }  # fmt: skip
    assert not loaded & heavy


def test_a_request_does_not_import_what_httpx_would_like(port_server: Any, reply: Any) -> None:
    port_server.answers(reply(body={}))
    script = (
        "import sys, json; from antcli.client.client import Client; from antcli.client.server import Server;"
        f"Client(Server({port_server.url!r}, 'hosted', 't', '')).call('agents.list');"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(json.loads(run.stdout)) & {"click", "rich", "pygments", "asyncio", "pydantic"}


@pytest.mark.parametrize(
    ("name", "body"), [("sessions.events.send", {"events": []}), ("deployments.run", None), ("agents.archive", None)]
)
def test_the_tries_of_one_request_share_a_key_and_other_requests_have_others(
    server: Any, reply: Any, name: str, body: Any
) -> None:
    server.answers(reply(status=503, headers={"retry-after": "0"}), reply(body={}), reply(body={}))
    with server.client() as client:
        client.call(name, "id_1", body=body)
        client.call(name, "id_1", body=body)
        client.call("agents.list")
    first, again, other = (asked.headers["idempotency-key"] for asked in server.asked[:3])
    assert first == again != other
    assert "idempotency-key" not in server.asked[3].headers
