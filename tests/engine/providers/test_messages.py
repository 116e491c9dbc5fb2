from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.providers.base import ModelError
from tests.engine.providers.asking import answer_of, collect, endpoint_provider, error_of, message_of, request
from tests.fakes.messages_endpoint import USAGE, MessagesEndpoint, Turn


def test_a_whole_answer_arrives_as_it_was_sent() -> None:
    tools = [{"name": "bash", "input": {"command": "ls"}}, {"name": "read", "input": {"file_path": "ä"}}]
    with MessagesEndpoint([Turn(text="Grüße 🐜", thinking="Hm.", signature="sig", tools=tools)]) as endpoint:
        events = answer_of(endpoint.url)
    message = message_of(events)
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert (message["content"][0]["thinking"], message["content"][0]["signature"]) == ("Hm.", "sig")
    assert message["content"][1]["text"] == "Grüße 🐜"
    assert [block["input"] for block in message["content"][2:]] == [tool["input"] for tool in tools]
    assert (message["stop_reason"], message["usage"]) == ("tool_use", USAGE)


def test_pings_are_dropped_and_single_bytes_are_put_together() -> None:
    with MessagesEndpoint([Turn(text="äöü€🐜" * 3, portion=1)]) as endpoint:
        assert message_of(answer_of(endpoint.url))["content"][0]["text"] == "äöü€🐜" * 3


def test_the_first_event_comes_before_the_answer_is_whole() -> None:
    async def ask(url: str) -> list[str]:
        async with endpoint_provider(url) as provider:
            stream = provider.stream(request())
            kinds = [(await anext(stream))["type"] for _ in range(2)]
            await stream.aclose()
            return kinds

    with MessagesEndpoint([Turn(text="Hello", stall_after=3)]) as endpoint:
        assert asyncio.run(asyncio.wait_for(ask(endpoint.url), 10)) == ["message_start", "content_block_start"]
        assert endpoint.requests[0].disconnected.wait(5)


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_base_url_may_end_in_v1(suffix: str) -> None:
    with MessagesEndpoint([Turn(text="Hi")]) as endpoint:
        answer_of(endpoint.url + suffix)
        assert endpoint.requests[0].path == "/v1/messages"


def test_the_request_holds_what_was_asked_and_nothing_else() -> None:
    tools = [{"name": "t", "input_schema": {"type": "object"}}]
    with MessagesEndpoint([Turn(text="Hi"), Turn(text="Hi")]) as endpoint:
        asked = request(tools=tools, effort="high", speed="fast", text="half a pair: \ud83d")
        answer_of(endpoint.url, asked, api_key="key", headers={"X-Extra": "1"})
        answer_of(endpoint.url, request(system=[], speed="standard"))
        first, second = endpoint.requests
    assert first.headers["x-api-key"] == "key"
    assert first.headers["x-extra"] == "1"
    assert first.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in first.headers
    assert first.body == {
        "model": "some-model", "max_tokens": 16384, "stream": True, "tools": tools, "system": request().system,
        "messages": request(text="half a pair: ?").messages, "output_config": {"effort": "high"}, "speed": "fast",
    }  # fmt: skip
    assert "x-api-key" not in second.headers
    assert set(second.body) == {"model", "max_tokens", "messages", "stream"}


def test_the_login_in_a_url_is_sent_and_the_connection_is_used_again() -> None:
    async def ask_twice(url: str) -> None:
        async with endpoint_provider(url) as provider:
            await collect(provider)
            await collect(provider)

    with MessagesEndpoint([Turn(text="one"), Turn(text="two")]) as endpoint:
        asyncio.run(ask_twice(f"http://me:pass%20word@127.0.0.1:{endpoint.port}"))
        first, second = endpoint.requests
    assert first.headers["authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    assert first.client == second.client


ERRORS = [
    (Turn(status=400, error_message="cache_control: unknown field"), "failed", False, "cache_control: unknown field"),
    (Turn(status=400, error_message="Your credit balance is too low"), "billing", False, "credit"),
    (Turn(status=400, error_type="billing_error"), "billing", False, "402"),
    (Turn(status=401), "failed", False, "refused the key"),
    (Turn(status=402), "billing", False, "refused to bill"),
    (Turn(status=403), "failed", False, "refused the key"),
    (Turn(status=404), "failed", False, "'some-model'"),
    (Turn(status=408), "failed", True, "408"),
    (Turn(status=413), "failed", False, "too large"),
    (Turn(status=422), "failed", False, "made to fail"),
    (Turn(status=429), "rate_limited", True, "limits the rate"),
    (Turn(status=429, headers={"x-should-retry": "false"}), "rate_limited", False, "limits the rate"),
    (Turn(status=500), "failed", True, "made to fail"),
    (Turn(status=502), "failed", True, "502"),
    (Turn(status=503), "overloaded", True, "overloaded"),
    (Turn(status=529), "overloaded", True, "overloaded"),
    (Turn(status=307, headers={"location": "http://127.0.0.1:9/?k=canary"}), "failed", False, "redirects"),
    (Turn(raw="<html>", headers={"content-type": "text/html"}), "failed", False, "web page"),
    (Turn(text="x", error_event_after=3), "overloaded", True, "made to fail"),
    (Turn(text="x", error_event_after=3, error_type="rate_limit_error"), "rate_limited", True, "429"),
    (Turn(text="x", error_event_after=3, error_type="billing_error"), "billing", False, "402"),
    (Turn(text="x", error_event_after=3, error_type="api_error"), "failed", True, "500"),
    (Turn(text="x", error_event_after=3, error_type="invalid_request_error"), "failed", False, "400"),
    (Turn(text="x", cut_after=3), "failed", True, "broke off"),
    (Turn(text="x", end_after=3), "failed", True, "before it was complete"),
    (Turn(raw=""), "failed", True, "before it was complete"),
    (Turn(raw='data: {"type":"mess'), "failed", True, "before it was complete"),
    (Turn(raw="data: what?\n\n"), "failed", True, "not JSON"),
    (Turn(raw='data: {"type":"message_stop"}\n\n'), "failed", True, "before message_start"),
    (Turn(raw='data: {"error":{"code":503,"message":"Loading model"}}\n\n'), "overloaded", True, "Loading model"),
    (Turn(raw='{"error":"no"}', headers={"content-type": "application/json"}), "failed", True, "no"),
    (Turn(raw='{"id":1}', headers={"content-type": "application/json"}), "failed", True, "content"),
]


@pytest.fixture(scope="module")
def failing() -> Any:
    """One server for all kinds of errors."""
    with MessagesEndpoint() as endpoint:
        yield endpoint


@pytest.mark.parametrize(("turn", "kind", "retryable", "words"), ERRORS)
def test_each_error_has_its_kind_and_says_what_happened(
    failing: MessagesEndpoint, turn: Turn, kind: str, retryable: bool, words: str
) -> None:
    failing.add(turn)
    error = error_of(failing.url)
    assert (error.kind, error.retryable, error.fatal) == (kind, retryable, False)
    assert words in error.message
    assert f"127.0.0.1:{failing.port}" in error.message
    assert "canary" not in error.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(
    failing: MessagesEndpoint, headers: dict[str, str], seconds: float | None
) -> None:
    failing.add(Turn(status=429, headers=headers))
    assert error_of(failing.url).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": "model \'some-model\' not found"}', "not found"),
        ('{"detail": "no such model"}', "no such model"),
        ('{"error": {"code": 404, "message": "File Not Found"}}', "File Not Found"),
        ("plain\x1b[31m words\n", "plain [31m words"),
        ("[1]", "(404)."),
        ("<html>secret page</html>", "(404)."),
    ],
)
def test_an_error_is_understood_in_every_shape(failing: MessagesEndpoint, body: str, words: str) -> None:
    failing.add(Turn(status=404, raw=body, headers={"content-type": "application/json"}))
    message = error_of(failing.url).message
    assert words in message
    assert "page" not in message


def test_an_endpoint_that_is_down_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = error_of(f"http://127.0.0.1:{port}")
    assert (error.kind, error.retryable) == ("failed", True)
    assert error.message == f"Cannot connect to the model endpoint 127.0.0.1:{port}: Connection refused."


def test_a_host_without_an_address_is_named() -> None:
    error = error_of("http://nowhere.invalid")
    assert error.retryable
    assert "nowhere.invalid:80" in error.message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_an_untrusted_certificate_is_not_tried_again(tmp_path: Path) -> None:
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost".split()
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_refused_handshake, args=(context, listener))
        thread.start()
        error = error_of(f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert not error.retryable
    assert "CERTIFICATE_VERIFY_FAILED" in error.message


def _refused_handshake(context: ssl.SSLContext, listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        context.wrap_socket(connection, server_side=True)


def test_silence_ends_after_the_read_timeout() -> None:
    with MessagesEndpoint([Turn(text="x", stall_after=2), Turn(text="x", delay=30)]) as endpoint:
        for _ in range(2):
            error = error_of(endpoint.url, read_timeout=0.2)
            assert error.retryable
            assert "silent" in error.message
        assert endpoint.requests[0].disconnected.wait(5)


def test_cancelling_closes_the_connection() -> None:
    async def ask(url: str) -> None:
        async with endpoint_provider(url) as provider:
            started = asyncio.Event()

            async def read() -> None:
                async for _ in provider.stream(request()):
                    started.set()

            task = asyncio.create_task(read())
            await asyncio.wait_for(started.wait(), 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # The provider is still open: it is the cancelling that closed the connection.
            assert await asyncio.to_thread(endpoint.requests[0].disconnected.wait, 5)
            assert message_of(await collect(provider))["content"][0]["text"] == "again"

    with MessagesEndpoint([Turn(text="x", stall_after=2), Turn(text="again")]) as endpoint:
        asyncio.run(ask(endpoint.url))


def test_an_open_end_of_the_body_does_not_hold_up_the_turn() -> None:
    """The stream stays open after message_stop: the answer is complete all the same."""
    whole = len(_events_of(Turn(text="x")))
    with MessagesEndpoint([Turn(text="x", stall_after=whole)]) as endpoint:
        assert message_of(answer_of(endpoint.url, read_timeout=30.0))["stop_reason"] == "end_turn"


def _events_of(turn: Turn) -> list[dict[str, Any]]:
    from tests.fakes.messages_endpoint import events

    return events(turn, "m", 1)


TEXT_START = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}


def sse(*events: dict[str, Any] | str) -> str:
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\r\n\r\n" for event in events)


def test_what_a_local_server_leaves_out_is_filled_in() -> None:
    turn = Turn(
        raw=sse(
            {"type": "message_start", "message": {"id": "chatcmpl-1", "usage": {"input_tokens": 9}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "name": "a", "id": "4mPj"},
            },
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": '{"b":1}'},
            },
            {
                "type": "content_block_start",
                "index": 7,
                "content_block": {"type": "tool_use", "name": "c", "input": {"d": 2}},
            },
            {"type": "something_new", "x": 1},
            {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 4}},
            "[DONE]",
            {"type": "message_stop"},
        )
    )
    with MessagesEndpoint([turn]) as endpoint:
        message = message_of(answer_of(endpoint.url))
    assert message["id"] == "chatcmpl-1"
    assert message["model"] == "some-model"
    assert [block.get("input") for block in message["content"]] == [None, {"b": 1}, {"d": 2}]
    assert message["content"][1]["id"] == "4mPj"
    assert message["content"][2]["id"].startswith("toolu_")
    assert message["stop_reason"] == "tool_use"
    assert message["usage"] == {
        "input_tokens": 9, "output_tokens": 4, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    }  # fmt: skip


def test_the_kind_of_an_event_may_stand_in_the_event_line_only() -> None:
    raw = (
        'event: message_start\ndata: {"message": {}}\n\n'
        'event: content_block_start\ndata: {"index": 0, "content_block": {"type": "text", "text": ""}}\n\n'
        'event: content_block_delta\ndata: {"index": 0, "delta": {"type": "text_delta", "text": "Hi"}}\n\n'
        "event: message_stop\ndata: {}"
    )
    with MessagesEndpoint([Turn(raw=raw)]) as endpoint:
        message = message_of(answer_of(endpoint.url))
    assert (message["content"][0]["text"], message["stop_reason"]) == ("Hi", "end_turn")


def test_a_plain_json_message_becomes_a_stream() -> None:
    tools = [{"name": "bash", "input": {"command": "ls"}}, {"name": "none", "input": {}}]
    with MessagesEndpoint([Turn(text="Hi", thinking="Hm.", tools=tools, stream=False)]) as endpoint:
        message = message_of(answer_of(endpoint.url))
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert [block.get("input") for block in message["content"][2:]] == [{"command": "ls"}, {}]
    assert (message["stop_reason"], message["usage"]) == ("tool_use", USAGE)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([{"type": "message_start"}], "a second message_start"),
        ([{"type": "content_block_start", "index": 0}], "without a block"),
        ([{"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}}], "without a name"),
        ([{"type": "content_block_stop", "index": 0}], "not open"),
        ([TEXT_START, {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta"}}], "not open"),
        ([TEXT_START, {"type": "content_block_delta", "index": 0}], "without a delta"),
        ([TEXT_START, {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta"}}], "not fit"),
        (
            [TEXT_START, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 1}}],
            "not fit",
        ),
        (["[1]"], "not an object"),
    ],
)
def test_nonsense_is_an_error_and_no_crash(failing: MessagesEndpoint, events: list[Any], words: str) -> None:
    failing.add(Turn(raw=sse({"type": "message_start"}, *events)))
    error = error_of(failing.url)
    assert error.retryable
    assert words in error.message


CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize(
    "turn",
    [
        Turn(status=400, error_message=f"bad key {CANARY}!"),
        Turn(status=401, error_message=f"Incorrect API key: {CANARY[:14]}***"),
        Turn(status=403, error_message=f"no rights for {CANARY}"),
        Turn(status=500, raw=f"<{CANARY}>"),
        Turn(text="x", error_event_after=2, error_message=f"what is {CANARY}"),
        Turn(raw=f"data: {{{CANARY}\n\n"),
        Turn(text="x", cut_after=2),
    ],
)
def test_no_secret_is_in_an_error_or_a_log(
    failing: MessagesEndpoint, turn: Turn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    failing.add(turn)
    url = f"http://user:{CANARY}@127.0.0.1:{failing.port}/?token={CANARY}"
    error = error_of(url, api_key=CANARY, headers={"authorization": f"Bearer {CANARY}"})
    logged = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    shown = f"{error!r} {error.message} {logged}"
    assert "canary" not in shown
    assert "sk-" not in shown


@pytest.mark.parametrize("key", [f"{CANARY}\n", f"{CANARY}\x00", f"{CANARY}ä", f" {CANARY}"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    error = error_of("http://127.0.0.1:9", api_key=key)
    assert not error.retryable
    assert "API key" in error.message
    assert "canary" not in repr(error)


@pytest.mark.parametrize("url", ["", "canary", "ftp://canary", "http://", "http://canary:port", "http://[canary"])
def test_a_base_url_that_is_none_is_refused_without_showing_it(url: str) -> None:
    error = error_of(url)
    assert not error.retryable
    assert "base URL" in error.message
    assert "canary" not in error.message


def test_a_short_key_is_redacted_as_a_word_only(failing: MessagesEndpoint) -> None:
    failing.add(Turn(status=400, error_message="x is no key, exactly"))
    assert "[redacted] is no key, exactly" in error_of(failing.url, api_key="x").message


def test_the_provider_does_not_show_its_key() -> None:
    async def show() -> str:
        async with endpoint_provider("http://u:canary@127.0.0.1:9", "canary") as provider:
            return f"{provider!r} {provider.settings!r} {provider.endpoint!r}".replace("u:canary@", "")

    assert "canary" not in asyncio.run(show())


def test_many_requests_at_once_each_get_their_answer() -> None:
    async def ask_all(url: str) -> list[str]:
        async with endpoint_provider(url) as provider:
            streams = [collect(provider, request(text=f"n{number}")) for number in range(120)]
            return [message_of(events)["content"][0]["text"] for events in await asyncio.gather(*streams)]

    waiting: list[int] = []

    def answer(body: dict[str, Any]) -> Turn:
        waiting.append(sum(not exchange.answered.is_set() for exchange in endpoint.requests))
        return Turn(text=f"re: {body['messages'][0]['content'][0]['text']}", delay=1)

    with MessagesEndpoint(answer=answer) as endpoint:
        assert asyncio.run(ask_all(endpoint.url)) == [f"re: n{number}" for number in range(120)]
        assert max(waiting) == 120  # nobody had to queue for a connection


def test_models_are_listed_as_they_come() -> None:
    async def ask(endpoint: MessagesEndpoint) -> Any:
        async with endpoint_provider(endpoint.url) as provider:
            try:
                return await provider.models()
            except ModelError as error:
                return error.kind, error.retryable

    with MessagesEndpoint(models=[{"id": "a", "object": "model"}, {"no": "id"}]) as endpoint:
        assert asyncio.run(ask(endpoint)) == [{"id": "a", "object": "model"}]
        endpoint.models_status = 404
        assert asyncio.run(ask(endpoint)) == []
        endpoint.models_status = 429
        assert asyncio.run(ask(endpoint)) == ("rate_limited", True)


def test_a_server_that_accepts_and_closes_is_a_retryable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        error = error_of(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert error.retryable
