"""Ask a provider as the harness does, and take what comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antcli.engine.providers.base import ModelError, ModelRequest, Provider
from antcli.engine.providers.messages import MessagesProvider
from antcli.engine.settings import ModelSettings


def request(index: int = 0, *, attempt: int = 0, text: str = "Hello?", **changes: Any) -> ModelRequest:
    fields: dict[str, Any] = {
        "session_id": "sesn_1", "thread_id": "sthr_1", "index": index, "attempt": attempt, "model": "some-model",
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}],
    }  # fmt: skip
    return ModelRequest(**fields | changes)


async def collect(provider: Provider, asked: ModelRequest | None = None) -> list[dict[str, Any]]:
    return [event async for event in provider.stream(asked or request())]


@asynccontextmanager
async def endpoint_provider(
    base_url: str, api_key: str | None = None, **options: Any
) -> AsyncIterator[MessagesProvider]:
    headers, default = options.pop("headers", {}), options.pop("default_model", None)
    provider = MessagesProvider(ModelSettings(base_url, api_key, headers, default), **options)
    try:
        yield provider
    finally:
        await provider.aclose()


def answer_of(base_url: str, asked: ModelRequest | None = None, **options: Any) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        async with endpoint_provider(base_url, **options) as provider:
            return await collect(provider, asked)

    return asyncio.run(ask())


def error_of(base_url: str, asked: ModelRequest | None = None, **options: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        answer_of(base_url, asked, **options)
    return caught.value


def message_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold the events strictly, as the contract promises them: a KeyError here is a broken promise."""
    assert events[0]["type"] == "message_start" and events[-1] == {"type": "message_stop"}
    message: dict[str, Any] = events[0]["message"]
    partial = ""
    for event in events[1:-1]:
        match event["type"]:
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(dict(event["content_block"]))
                partial = ""
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] += delta["signature"]
                    case "input_json_delta":
                        assert block["input"] == {}
                        partial += delta["partial_json"]
            case "content_block_stop":
                if partial:
                    message["content"][event["index"]]["input"] = json.loads(partial)
                    partial = ""
            case "message_delta":
                message |= event["delta"] | {"usage": event["usage"]}
            case kind:
                raise AssertionError(f"unexpected {kind}")
    return message
