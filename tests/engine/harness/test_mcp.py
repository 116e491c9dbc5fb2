"""Sessions with MCP servers: real ones, made with the library's own server, on loopback ports."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from antcli.engine.tools import mcp as client
from antcli.engine.vaults import keyrings
from tests.engine.core import ALLOW, ASK, agent, message, running, texts, types

TOKEN, STALE, FRESH = "tok-PLAIN-good", "tok-PLAIN-stale", "tok-PLAIN-fresh"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANT_MASTER_KEY", raising=False)
    monkeypatch.setattr(keyrings, "_QUIET", ())


class McpServer:
    """Tools over streamable HTTP; `tokens` are those it accepts, None: it asks for none. Also a token endpoint."""

    def __init__(self) -> None:
        self.tokens: set[str] | None = None
        self.calls: list[str] = []
        self.refreshes: list[str] = []
        self.refusal: tuple[int, dict[str, Any]] | None = None  # what the token endpoint answers instead
        self.release = threading.Event()

    def __enter__(self) -> McpServer:
        from mcp.server.mcpserver import MCPServer

        server = MCPServer("weather")

        @server.tool()
        def forecast(city: str) -> str:
            """Tells the weather."""
            self.calls.append(city)
            return f"Sun in {city}"

        @server.tool()
        def broken() -> str:
            raise ValueError("the barometer fell")

        @server.tool()
        async def slow() -> str:
            self.calls.append("slow")
            await asyncio.to_thread(self.release.wait, 10)
            return "late"

        self._inner = server.streamable_http_app()
        config = uvicorn.Config(
            self._app, port=0, interface="asgi3", log_level="error", lifespan="on", timeout_graceful_shutdown=1
        )
        self._http = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._http.run)
        self._thread.start()
        while not self._http.started:
            assert self._thread.is_alive()
        port = self._http.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/mcp"
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._http.should_exit = True
        self._thread.join(10)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            if scope["path"] == "/token":
                self.refreshes.append((await receive())["body"].decode())
                if self.refusal is not None:
                    await _answer(send, *self.refusal)
                    return
                self.tokens = {FRESH}
                await _answer(send, 200, {"access_token": FRESH, "expires_in": 3600})
                return
            if scope["path"] == "/broken":
                await _answer(send, 500, {"error": "broken"})
                return
            shown = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
            if self.tokens is not None and shown not in self.tokens:
                await _answer(send, 401, {"error": "invalid_token"})
                return
        await self._inner(scope, receive, send)


async def _answer(send: Any, status: int, body: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@pytest.fixture
def server() -> Iterator[McpServer]:
    with McpServer() as server:
        yield server


def with_mcp(model: str, url: str, policy: dict[str, str] = ALLOW, *configs: dict[str, Any]) -> dict[str, Any]:
    toolset = {
        "type": "mcp_toolset", "mcp_server_name": "weather", "configs": list(configs),
        "default_config": {"enabled": True, "permission_policy": policy},
    }  # fmt: skip
    return agent(model, toolset) | {"mcp_servers": [{"type": "url", "name": "weather", "url": url}]}


def use(tool: str, **input: Any) -> dict[str, Any]:
    return {"tools": [{"name": f"mcp__weather__{tool}", "input": input}]}


def of_type(events: list[dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == type]


def test_tools_are_found_called_and_answered(tmp_path: Path, server: McpServer) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as core:
            model = core.script(
                use("forecast", city="Oslo"), use("broken"), use("missing"), use("slow"),
                {"text": "done"},
            )  # fmt: skip
            off = {"name": "slow", "enabled": False, "permission_policy": ALLOW}
            events = await core.idle(await core.create(with_mcp(model, server.url, ALLOW, off), "go"))
            assert texts(events) == ["done"], events
            calls = of_type(events, "agent.mcp_tool_use")
            assert [(call["name"], call["mcp_server_name"]) for call in calls] == [
                ("forecast", "weather"), ("broken", "weather"),
            ]  # fmt: skip
            assert calls[0]["input"] == {"city": "Oslo"} and calls[0]["evaluated_permission"] == "allow"
            results = of_type(events, "agent.mcp_tool_result")
            assert [result["mcp_tool_use_id"] for result in results] == [call["id"] for call in calls]
            assert results[0]["content"] == [{"type": "text", "text": "Sun in Oslo"}] and not results[0]["is_error"]
            assert results[1]["is_error"] and "broken" in results[1]["content"][0]["text"]
            assert len(of_type(events, "agent.tool_result")) == 2 and server.calls == ["Oslo"]  # not offered

    asyncio.run(scenario())


def test_a_call_waits_for_its_confirmation(tmp_path: Path, server: McpServer) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as core:
            model = core.script(use("forecast", city="A"), use("forecast", city="B"), {"text": "done"})
            id = await core.create(with_mcp(model, server.url, ASK), "go")
            for number, result in enumerate(("deny", "allow"), start=1):
                call = (await core.seen(id, "agent.mcp_tool_use", number))[-1]
                await core.until(id, lambda session: session["status"] == "idle")
                assert call["evaluated_permission"] == "ask" and server.calls == []
                await core.send(id, {"type": "user.tool_confirmation", "tool_use_id": call["id"], "result": result})
            await core.seen(id, "agent.message")
            denied, allowed = of_type(await core.idle(id), "agent.mcp_tool_result")
            assert denied["is_error"] and not allowed["is_error"] and server.calls == ["B"]

    asyncio.run(scenario())


def test_credentials_come_from_the_vaults(tmp_path: Path, server: McpServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.tokens = {TOKEN}

    async def scenario() -> None:
        async with running(tmp_path) as core:
            turns = [use("forecast", city="Rome"), {"text": "done"}]
            vault = (await core.vaults.create("v", {}))["id"]
            auth = {
                "type": "static_bearer",
                "mcp_server_url": server.url.upper().replace("/MCP", "/mcp/"),
                "token": TOKEN,
            }
            credential = (await core.vaults.add(vault, auth, None, {}))["id"]
            good = await core.create(with_mcp(core.script(*turns), server.url), "go", vault_ids=[vault])
            assert server.calls == [] and texts(await core.idle(good)) == ["done"] and server.calls == ["Rome"]
            await core.vaults.archive_credential(vault, credential)
            for vault_ids, said in (([], "no vault of the session has one"), ([vault], "no vault of the session")):
                bad = await core.create(with_mcp(core.script({"text": "x"}), server.url), "go", vault_ids=vault_ids)
                events = await core.idle(bad)
                (error,) = of_type(events, "session.error")
                assert error["error"]["type"] == "mcp_authentication_failed_error" and said in error["error"]["message"]
                assert error["error"]["mcp_server_name"] == "weather" and texts(events) == ["x"]
            assert TOKEN not in json.dumps([await core.events(good), await core.events(bad)])

    asyncio.run(scenario())
    assert not any(TOKEN in record.getMessage() for record in caplog.records)
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_rejected_access_token_is_refreshed_once(tmp_path: Path, server: McpServer) -> None:
    server.tokens = {TOKEN}

    async def scenario() -> None:
        async with running(tmp_path) as core:
            vault = (await core.vaults.create("v", {}))["id"]
            refresh = {
                "client_id": "c", "refresh_token": "r", "token_endpoint": server.url.replace("/mcp", "/token"),
                "token_endpoint_auth": {"type": "none"},
            }  # fmt: skip
            auth = {"type": "mcp_oauth", "mcp_server_url": server.url, "access_token": STALE, "refresh": refresh}
            made = await core.vaults.add(vault, auth, None, {})
            model = core.script(use("forecast", city="Rome"), {"text": "done"})
            events = await core.idle(await core.create(with_mcp(model, server.url), "go", vault_ids=[vault]))
            assert texts(events) == ["done"] and server.calls == ["Rome"] and len(server.refreshes) == 1
            assert "grant_type=refresh_token" in server.refreshes[0] and "client_id=c" in server.refreshes[0]
            kept = await core.vaults.credential(vault, made["id"])
            assert (await core.vaults.secrets(kept)) == {"access_token": FRESH, "refresh_token": "r"}
            assert kept.body["auth"]["expires_at"] is not None

    asyncio.run(scenario())


def test_a_server_that_is_away_is_tried_again_in_the_next_run(
    tmp_path: Path, server: McpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as core:
            dead = "http://127.0.0.1:9/mcp"
            model = core.script({"text": "without"}, use("forecast", city="Rome"), {"text": "done"})
            id = await core.create(with_mcp(model, dead), "go")
            (error,) = of_type(await core.idle(id), "session.error")
            assert error["error"]["type"] == "mcp_connection_failed_error"
            assert error["error"]["retry_status"] == {"type": "retrying"}
            await core.sessions.update(id, {"agent": with_mcp(model, server.url)}, lambda agent: None)
            await core.send(id, message("again"))
            await core.seen(id, "agent.message", 2)
            events = await core.idle(id)
            assert texts(events) == ["without", "done"] and len(of_type(events, "session.error")) == 1

    asyncio.run(scenario())


def test_a_call_that_takes_too_long_may_have_run(
    tmp_path: Path, server: McpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_SECONDS", 0.3)

    async def scenario() -> None:
        async with running(tmp_path) as core:
            model = core.script(use("slow"), {"text": "done"})
            events = await core.idle(await core.create(with_mcp(model, server.url), "go"))
            (result,) = of_type(events, "agent.mcp_tool_result")
            assert result["is_error"] and "may have run" in result["content"][0]["text"] and texts(events) == ["done"]

    asyncio.run(scenario())


def test_an_interrupted_call_is_not_repeated(tmp_path: Path, server: McpServer) -> None:
    """The engine goes away while the server works: the next one records that it may have run."""

    async def scenario() -> None:
        async with running(tmp_path, grace=0.0) as core:
            model = core.script(use("slow"), {"text": "done"})
            id = await core.create(with_mcp(model, server.url), "go")
            await core.seen(id, "agent.mcp_tool_use")
            async with asyncio.timeout(10):
                while "slow" not in server.calls:
                    await asyncio.sleep(0.01)
        server.release.set()
        async with running(tmp_path) as core:
            events = await core.idle(id)
            (result,) = of_type(events, "agent.mcp_tool_result")
            assert result["is_error"] and "may have run" in result["content"][0]["text"].lower()
            assert (
                texts(events) == ["done"]
                and server.calls == ["slow"]
                and types(events).count("agent.mcp_tool_use") == 1
            )

    asyncio.run(scenario())
