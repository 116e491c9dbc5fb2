"""The usual example, written with the official SDK as for any server, against a whole engine with a script model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
import yaml

from antcli.engine.app import Engine, application
from antcli.engine.http_server import http_server
from antcli.engine.serve import _listen_on_port
from antcli.engine.settings import EngineSettings
from tests.engine.api.server import KEY


class WholeEngine:
    def __init__(self, data_dir: Path) -> None:
        self._settings = EngineSettings(data_dir, port=0, api_key=KEY, sandbox="none")
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> WholeEngine:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _end(self) -> None:
        self._engine.activity.closing.set()
        self._http.should_exit = True

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = Engine(self._settings, {"pid": 1}, retire=lambda: None)
        await self._engine.start()
        self._http = http_server(application(self._engine))
        listener, address = _listen_on_port(self._settings)
        self.url = address["url"]
        serving = asyncio.create_task(self._http.serve(sockets=[listener]))
        await self._http.ready.wait()
        self._up.set()
        await serving
        await self._engine.stop(1)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anthropic.Anthropic]:
    with (
        WholeEngine(tmp_path_factory.mktemp("engine")) as engine,
        anthropic.Anthropic(
            base_url=engine.url, api_key=KEY, _strict_response_validation=True, max_retries=0, timeout=20
        ) as client,
    ):
        yield client


def script(folder: Path, *turns: dict[str, Any]) -> str:
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump({"turns": list(turns)}))
    return f"script:{path}"


def test_create_stream_send_and_read_until_idle(client: anthropic.Anthropic, tmp_path: Path) -> None:
    model = script(tmp_path, {"text": "Three words here.", "usage": {"input_tokens": 7, "output_tokens": 3}})
    agent = client.beta.agents.create(name="example", model=model, tools=[{"type": "agent_toolset_20260401"}])
    environment = client.beta.environments.create(name="example")
    session = client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    seen: list[str] = []
    deltas = ""
    answer = ""
    with client.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as stream:
        client.beta.sessions.events.send(
            session.id, events=[{"type": "user.message", "content": [{"type": "text", "text": "hello"}]}]
        )
        for event in stream:
            seen.append(event.type)
            if event.type == "event_delta":
                deltas += event.delta.content.text
            if event.type == "agent.message":
                answer = "".join(block.text for block in event.content if block.type == "text")
            if event.type == "session.status_idle":
                assert event.stop_reason.type == "end_turn"
                break
    assert answer == deltas == "Three words here."
    assert seen.index("session.status_running") < seen.index("agent.message") < seen.index("session.usage")
    stored = [event.type for event in client.beta.sessions.events.list(session.id)]
    assert "agent.message" in stored and "event_delta" not in stored
    usage = client.beta.sessions.retrieve(session.id).usage
    assert (usage.input_tokens, usage.output_tokens) == (7, 3)
    assert client.beta.sessions.threads.list(session.id).data[0].usage is not None
    assert client.beta.sessions.archive(session.id).status == "terminated"


def test_a_custom_tool_is_answered_by_the_client(client: anthropic.Anthropic, tmp_path: Path) -> None:
    model = script(tmp_path, {"tools": [{"name": "ask", "input": {"q": 1}}]}, {"text": "Thanks."})
    agent = client.beta.agents.create(
        name="asker", model=model,
        tools=[{"type": "custom", "name": "ask", "description": "Asks.", "input_schema": {"type": "object"}}],
    )  # fmt: skip
    session = client.beta.sessions.create(
        agent=agent.id,
        environment_id=client.beta.environments.create(name="e").id,
    )
    with client.beta.sessions.events.stream(session.id) as stream:
        client.beta.sessions.events.send(
            session.id, events=[{"type": "user.message", "content": [{"type": "text", "text": "hello"}]}]
        )
        for event in stream:
            if event.type == "session.status_idle" and event.stop_reason.type == "requires_action":
                answer: Any = {
                    "type": "user.custom_tool_result", "custom_tool_use_id": event.stop_reason.event_ids[0],
                    "content": [{"type": "text", "text": "42"}],
                }  # fmt: skip
                sent, again = (  # as an SDK does that did not get the first answer
                    client.beta.sessions.events.send(
                        session.id, events=[answer], extra_headers={"x-stainless-retry-count": count}
                    )
                    for count in ("0", "1")
                )
                assert again == sent
                with pytest.raises(anthropic.BadRequestError, match="answered already"):
                    client.beta.sessions.events.send(session.id, events=[answer])
            elif event.type == "session.status_idle":
                break
    types = [event.type for event in client.beta.sessions.events.list(session.id)]
    assert types.count("session.status_idle") == 2
    assert types.count("user.custom_tool_result") == types.count("agent.message") == 1
