"""The scripted brain: turn k of a file answers the k-th model request of a thread (DESIGN.md 4.6)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from antcli.engine.providers.base import ModelError, ModelRequest
from antcli.engine.providers.expectations import canonical, failure_of
from antcli.engine.providers.failures import failure
from antcli.engine.providers.stream_events import events_of
from antcli.script_file import Script, ScriptError, Turn, read_script

_MOST_PORTIONS = 400


class ScriptProvider:
    """Answers from a script file, which is read again only when it changes. Needs no network and no key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._script: Script | None = None
        self._version: tuple[int, int] | None = None
        self._reading = asyncio.Lock()

    async def script(self) -> Script:
        """The parsed file. Raises ModelError that names the place of a mistake."""
        async with self._reading:
            try:
                status = self.path.stat()
                version = (status.st_mtime_ns, status.st_size)
            except OSError:
                version = None
            if self._script is None or version is None or version != self._version:
                try:
                    self._script = await asyncio.to_thread(read_script, self.path)
                except ScriptError as error:
                    raise ModelError(str(error)) from None
                self._version = version
            return self._script

    async def stream(self, request: ModelRequest) -> AsyncGenerator[dict[str, Any], None]:
        turns = (await self.script()).turns
        if request.index >= len(turns):
            raise ModelError(
                f"The script {self.path.name} has {len(turns)} turns; the session asked for turn {request.index + 1}."
            )
        turn = turns[request.index]
        self._check(turn, request)
        await asyncio.sleep(turn.delay)
        if turn.error and (turn.error.times is None or request.attempt < turn.error.times):
            source = f"The script {self.path.name}, turn {request.index + 1},"
            raise failure(turn.error.status, source=source, model=request.model, detail=turn.error.message)
        for event in events_of(_message(turn, request), _portions):
            if event["type"] == "content_block_delta":
                # Even without a pace: other sessions get their turn between two portions.
                await asyncio.sleep(turn.pace if event["delta"]["type"] == "text_delta" else 0)
            yield event

    async def models(self) -> list[dict[str, Any]]:
        return []

    async def aclose(self) -> None:
        self._script = None

    def _check(self, turn: Turn, request: ModelRequest) -> None:
        failures = [problem for wish in turn.expectations if (problem := failure_of(wish, request))]
        if failures:
            place = f"The script {self.path.name}, turn {request.index + 1}"
            raise ModelError(f"{place}: {'; '.join(failures)}.", fatal=True)


def _message(turn: Turn, request: ModelRequest) -> dict[str, Any]:
    """The turn as a Messages API message, the same for the same request however often it is asked."""
    seed = f"{request.session_id}/{request.thread_id}/{request.index}"
    content: list[dict[str, Any]] = []
    if turn.thinking:
        content.append({"type": "thinking", "thinking": turn.thinking, "signature": _id("sig", seed)})
    content += [{"type": "text", "text": text} for text in turn.texts]
    for number, tool in enumerate(turn.tools):
        id = _id("toolu", f"{seed}/{number}")
        content.append({"type": "tool_use", "id": id, "name": tool.name, "input": tool.input})
    usage = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0} | (turn.usage or {})
    if "input_tokens" not in usage:
        usage["input_tokens"] = _tokens([request.system, request.messages, request.tools])
    if "output_tokens" not in usage:
        usage["output_tokens"] = _tokens(content)
    return {
        "id": _id("msg", seed),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": turn.stop_reason or ("tool_use" if turn.tools else "end_turn"),
        "stop_sequence": None,
        "usage": usage,
    }


def _id(prefix: str, seed: str) -> str:
    return f"{prefix}_{hashlib.sha256(seed.encode()).hexdigest()[:24]}"


def _tokens(value: Any) -> int:
    """A stable estimate: four characters of JSON are a token."""
    return max(1, len(canonical(value)) // 4)


def _portions(text: str) -> list[str]:
    """Words with the space before them; several to a portion where a text is long."""
    words = re.findall(r"\s*\S+|\s+", text) if len(text) < 100_000 else []
    size = max(1, -(-len(words) // _MOST_PORTIONS))
    if words:
        return ["".join(words[start : start + size]) for start in range(0, len(words), size)]
    step = max(1, -(-len(text) // _MOST_PORTIONS))
    return [text[start : start + step] for start in range(0, len(text), step)]
