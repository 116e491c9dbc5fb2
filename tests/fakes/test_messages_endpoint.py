from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from tests.fakes.messages_endpoint import MessagesEndpoint, Turn, events, message

ROOT = Path(__file__).parents[2]
TURN = Turn(
    text=["Hi.", "More."], thinking="Hm.", tools=[{"name": "bash", "input": {"command": "ls"}}, {"name": "read"}]
)


def test_the_frames_fit_the_official_types() -> None:
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    sent = [event for event in events(TURN, "m", 1) if event["type"] != "ping"]
    for event in sent:
        parsed = adapter.validate_python(event)
        # The official models take unknown fields in silence: what they call extra would be our invention.
        assert not parsed.model_extra, event
        assert parsed.type == event["type"]
    Message.model_validate(message(TURN, "m", 1))


def test_the_official_client_reads_the_stream_and_the_errors() -> None:
    turns = [TURN, Turn(status=429, headers={"retry-after": "3"}), Turn(status=529)]
    ask: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    with (
        MessagesEndpoint(turns) as endpoint,
        anthropic.Anthropic(base_url=endpoint.url, api_key="key", max_retries=0) as client,
    ):
        with client.messages.stream(**ask) as stream:
            final = stream.get_final_message()
        assert [block.type for block in final.content] == ["thinking", "text", "text", "tool_use", "tool_use"]
        assert (final.stop_reason, final.usage.cache_read_input_tokens) == ("tool_use", 200)
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(**ask)
        assert caught.value.response.headers["retry-after"] == "3"
        with pytest.raises(anthropic.APIStatusError):
            client.messages.create(**ask)
        assert [model.id for model in client.models.list()] == ["claude-sonnet-5-5"]
        assert endpoint.requests[0].body["messages"] == ask["messages"]
        assert "key" in endpoint.requests[0].headers["authorization"]


def test_turns_are_chosen_by_the_conversation_when_asked() -> None:
    with MessagesEndpoint([Turn(text="one"), Turn(text="two")], by_conversation=True) as endpoint:

        def ask(*roles: str) -> httpx.Response:
            body = {"model": "m", "max_tokens": 9, "messages": [{"role": role, "content": "x"} for role in roles]}
            return httpx.post(f"{endpoint.url}/v1/messages", json=body)

        assert ask("user").json()["content"][0]["text"] == "one"
        assert ask("user").json()["content"][0]["text"] == "one"
        assert ask("user", "assistant", "user").json()["content"][0]["text"] == "two"
        assert ask("user", "assistant", "user", "assistant", "user").status_code == 400


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    turns = tmp_path / "turns.yaml"
    turns.write_text("- {text: from a file, stream: false}")
    command = [sys.executable, "-m", "tests.fakes.messages_endpoint", "--port", "0", "--turns", str(turns)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        body = json.dumps({"model": "m", "messages": []}).encode()
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/messages", body, headers), timeout=10) as answer:
            assert json.load(answer)["content"][0]["text"] == "from a file"
    finally:
        process.terminate()
        process.communicate(timeout=10)
