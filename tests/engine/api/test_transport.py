from __future__ import annotations

import socket

import httpx
import pytest

from tests.e2e.ant import until
from tests.engine.api.server import KEY, Server

AGENT = {"name": "x", "model": "m"}


def error_of(response: httpx.Response, status: int, type: str) -> str:
    assert response.status_code == status, response.text
    body = response.json()
    assert (body["type"], body["error"]["type"]) == ("error", type)
    assert body["request_id"] == response.headers["request-id"]
    return str(body["error"]["message"])


def test_every_answer_carries_a_request_id_of_its_own(http: httpx.Client) -> None:
    ids = {http.get(path).headers["request-id"] for path in ("/v1/agents", "/v1/agents", "/healthz", "/nothing")}
    assert len(ids) == 4 and all(id.startswith("req_") for id in ids)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer x"}, {"authorization": KEY}])
def test_without_the_key_nothing_is_told(server: Server, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        message = error_of(client.get("/v1/agents/agent_x", headers=headers), 401, "authentication_error")
        assert KEY not in message
        assert client.get("/nothing", headers=headers).status_code == 401
        assert client.get("/metrics", headers=headers).status_code == 401
        assert client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}, {"x-api-key": "wrong", "authorization": f"bearer {KEY}"}],
)
def test_both_ways_to_show_the_key_are_accepted(server: Server, headers: dict[str, str]) -> None:
    assert httpx.get(f"{server.url}/v1/agents", headers=headers, trust_env=False).status_code == 200


def test_unknown_paths_and_methods_get_an_envelope(http: httpx.Client) -> None:
    assert "/v1/nothing" in error_of(http.get("/v1/nothing"), 404, "not_found_error")
    assert "DELETE" in error_of(http.delete("/v1/agents"), 405, "invalid_request_error")
    error_of(http.get("/v1/agents/"), 404, "not_found_error")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "The request body is empty"),
        (b"{", "The request body is not valid JSON"),
        (b"[1]", "The request body must be a JSON object, got an array"),
        (b'{"name": NaN}', "The request body is not valid JSON"),
        (b'{"name": "\\ud800", "model": "m"}', "The request body is not valid JSON"),
        (b'{"name": "\xff", "model": "m"}', "The request body is not valid JSON"),
        (b"[" * 100_000, "The request body is not valid JSON"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(http: httpx.Client, body: bytes, expected: str) -> None:
    assert error_of(http.post("/v1/agents", content=body), 400, "invalid_request_error").startswith(expected)


def test_any_content_type_is_read_as_json(http: httpx.Client) -> None:
    headers = {"content-type": "text/plain"}
    assert http.post("/v1/agents", content=b'{"name":"x","model":"m"}', headers=headers).status_code == 200


def test_an_operation_without_a_body_takes_none(http: httpx.Client) -> None:
    id = http.post("/v1/agents", json=AGENT).json()["id"]
    assert http.post(f"/v1/agents/{id}/archive", headers={"content-type": "application/json"}).status_code == 200
    assert http.post(f"/v1/agents/{id}/archive", json={}).status_code == 200
    error_of(http.post(f"/v1/agents/{id}/archive", json={"a": 1}), 400, "invalid_request_error")


def test_a_body_over_32_mb_is_refused_before_it_is_read(server: Server, http: httpx.Client) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /v1/agents HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Length: 99999999\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 413")


def test_a_streamed_body_over_32_mb_is_refused(http: httpx.Client) -> None:
    response = http.post("/v1/agents", content=(b" " * 2**20 for _ in range(33)))
    assert "32 MB" in error_of(response, 413, "invalid_request_error")


def test_a_large_body_below_the_limit_is_read(http: httpx.Client) -> None:
    message = error_of(http.post("/v1/agents", json=AGENT | {"system": "s" * 10_000_000}), 400, "invalid_request_error")
    assert message == "system: at most 100,000 characters, got 10,000,000."


def test_a_compressed_body_is_refused(http: httpx.Client) -> None:
    response = http.post("/v1/agents", content=b"x", headers={"content-encoding": "gzip"})
    error_of(response, 400, "invalid_request_error")
    assert response.json()["error"]["details"]["error_code"] == "request_body_encoding_unsupported"


def test_a_body_in_another_charset_is_refused(http: httpx.Client) -> None:
    for charset, status in (("utf-8", 200), ('"UTF-8"', 200), ("us-ascii", 200), ("iso-8859-1", 400), ("utf-16", 400)):
        headers = {"content-type": f"application/json; charset={charset}"}
        response = http.post("/v1/agents", content=b'{"name": "a", "model": "m"}', headers=headers)
        assert response.status_code == status
        assert status == 200 or response.json()["error"]["details"]["error_code"] == "unsupported_charset"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limti=3", "limti: unknown query parameter."),
        ("limit=0", "limit: must be 1 to 100, got 0."),
        ("limit=101", "limit: must be 1 to 100, got 101."),
        ("limit=3&limit=4", "limit: given 2 times."),
        ("limit=three", "limit: must be an integer, got 'three'."),
        ("include_archived=1", "include_archived: must be true or false, got '1'."),
        ("created_at[gte]=yesterday", "created_at[gte]: must be an RFC 3339 time, got 'yesterday'."),
        ("created_at[eq]=2026-01-01", "created_at[eq]: unknown query parameter."),
    ],
)
def test_query_parameters_are_read_strictly(http: httpx.Client, query: str, expected: str) -> None:
    assert error_of(http.get(f"/v1/agents?{query}"), 400, "invalid_request_error") == expected


def test_beta_flags_and_headers_of_all_kinds_are_tolerated(http: httpx.Client) -> None:
    headers = {"anthropic-beta": "something-else", "anthropic-version": "2000-01-01", "anthropic-workspace-id": "w"}
    assert http.get("/v1/agents?beta=true", headers=headers).status_code == 200


def test_a_time_with_an_unescaped_plus_is_understood(http: httpx.Client) -> None:
    assert http.get("/v1/agents?created_at[gte]=2026-01-02T03:04:05+00:00").status_code == 200


def test_an_unexpected_error_tells_nothing_of_the_inside(
    server: Server, http: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("inner secret")

    monkeypatch.setattr(server.services.store, "get", fail)
    response = http.get("/v1/agents/agent_x")
    assert "inner" not in error_of(response, 500, "api_error")
    assert response.headers["request-id"] in caplog.text and "ZeroDivisionError" in caplog.text


def test_health_metrics_status_and_retire(server: Server, http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    metrics = http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    values = dict(line.rsplit(" ", 1) for line in metrics.text.splitlines() if not line.startswith("#"))
    assert float(values["process_resident_memory_bytes"]) > 10**7
    assert 'ant_sessions{status="running"}' in values
    assert http.get("/engine/status").json() == {"pid": 1}
    assert not server.retired.is_set()
    assert http.post("/engine/retire").status_code == 200
    assert server.retired.wait(1)


def test_looking_at_the_engine_does_not_keep_it_awake(server: Server, http: httpx.Client) -> None:
    activity = server.services.activity

    def last_after(path: str) -> float:
        assert http.get(path).status_code == 200
        until(lambda: activity.requests == 0)
        return activity.last

    last = last_after("/v1/agents")
    assert {last_after(path) for path in ("/healthz", "/metrics", "/engine/status")} == {last}
    assert last_after("/v1/agents") > last


def test_long_answers_are_compressed_for_those_who_ask_and_files_never(server):
    with httpx.Client(base_url=server.url, headers={"x-api-key": KEY}, trust_env=False) as client:
        asked = client.get("/openapi.json", headers={"accept-encoding": "gzip"})
        plain = client.get("/openapi.json", headers={"accept-encoding": "identity"})
        assert asked.headers["content-encoding"] == "gzip" and asked.json() == plain.json()
        assert "content-encoding" not in plain.headers
        short = client.get("/healthz", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in short.headers
        text = "x" * 10_000
        file = client.post("/v1/files", files={"file": ("a.txt", text)}).json()
        read = client.get(f"/v1/files/{file['id']}/content", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in read.headers


def test_no_other_site_may_read_the_answers(http):
    answer = http.get("/v1/agents", headers={"origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert http.options("/v1/agents", headers={"origin": "https://elsewhere.example"}).status_code == 405
