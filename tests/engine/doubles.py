"""A brain and hands that do at once what a test says: for answers no script can give, and for races."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from itertools import pairwise
from typing import Any

from antcli.engine.providers.base import ModelRequest
from antcli.engine.providers.stream_events import Normaliser, events_of
from antcli.engine.sandbox.base import ToolResult

Content = list[dict[str, Any]]


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def use(name: str, id: str = "", **input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "name": name, "input": input} | ({"id": id} if id else {})


def answer(*content: dict[str, Any], stop_reason: str | None = None, **usage: int) -> list[dict[str, Any]]:
    """The stream events of a whole answer."""
    stop_reason = stop_reason or ("tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn")
    return list(events_of({"content": list(content), "stop_reason": stop_reason, "usage": usage}))


class Brain:
    """Providers and provider in one. `think(request)` gives an answer's events, or an async generator of them; it may
    raise anything. `requests` are those that were made, `illegal` says what the Messages API would refuse of them."""

    def __init__(self, think: Callable[[ModelRequest], Any]) -> None:
        self.requests: list[ModelRequest] = []
        self.illegal: list[str] = []
        self._think = think

    async def resolve(self, model: str) -> tuple[Brain, str]:
        return self, model

    async def priced_as(self, model: str) -> str | None:
        return model

    async def stream(self, request: ModelRequest) -> AsyncGenerator[dict[str, Any], None]:
        self.requests.append(request)
        try:
            check_conversation(request)
        except AssertionError as error:
            self.illegal.append(str(error))
        given = self._think(request)
        if inspect.isawaitable(given):
            given = await given
        normaliser = Normaliser(request.model)
        if isinstance(given, list):
            for raw in given:
                for item in normaliser.accept(raw):
                    await asyncio.sleep(0)
                    yield item
        else:
            async for raw in given:
                for item in normaliser.accept(raw):
                    yield item

    async def aclose(self) -> None: ...


class Turns(Brain):
    """Answers in order; the last one is repeated."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        super().__init__(lambda request: answers[min(request.index, len(answers) - 1)])


class Gate:
    """A store that stops before each call of `method` for which `when(*arguments)` is true, until it is opened."""

    def __init__(self, store: Any, method: str, when: Callable[..., bool] = lambda *arguments, **named: True) -> None:
        self._store, self._method, self._when = store, method, when
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._store, name)
        if name != self._method:
            return inner

        async def stopped(*arguments: Any, **named: Any) -> Any:
            if self._when(*arguments, **named):
                self.reached.set()
                await self.opened.wait()
            return await inner(*arguments, **named)

        return stopped


class Hands:
    """Sandboxes whose calls are answered by `work(tool, input)`, awaited where it can be. `ran` lists the calls,
    `rested` the sessions whose turns ended."""

    def __init__(
        self, work: Callable[[str, dict[str, Any]], Any] = lambda tool, input: ToolResult.text("done")
    ) -> None:
        self.ran: list[dict[str, Any]] = []
        self.rested: list[str] = []
        self._work = work

    def prepare(self, recipe: Any) -> None: ...

    async def execute(self, recipe: Any, tool: str, input: dict[str, Any], *, used_before: bool | None = None) -> Any:
        self.ran.append(input)
        result = self._work(tool, input)
        return await result if inspect.isawaitable(result) else result

    def end_turn(self, session_id: str) -> None:
        self.rested.append(session_id)

    async def remove(self, recipe: Any) -> None: ...

    async def close(self) -> None: ...


def check_conversation(request: ModelRequest) -> None:
    """What the Messages API demands of a request."""
    messages = request.messages
    assert messages and messages[0]["role"] == "user"
    for before, after in pairwise(messages):
        assert before["role"] != after["role"], "two messages of one role in a row"
    asked: list[str] = []
    for message in messages:
        content = message["content"]
        assert content, "a message without content"
        for block in content:
            assert block["type"] != "text" or block["text"].strip(), "a blank text block"
            if "cache_control" in block:
                assert block["type"] not in ("thinking", "redacted_thinking")
        if message["role"] == "system":
            assert not asked, "a system message between calls and their results"
        elif message["role"] == "assistant":
            assert content[-1]["type"] not in ("thinking", "redacted_thinking"), "an answer that ends in thinking"
            asked = [block["id"] for block in content if block["type"] == "tool_use"]
            assert all(isinstance(id, str) and id for id in asked) and len(set(asked)) == len(asked)
        else:
            given = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
            assert [block["type"] for block in content[: len(given)]] == ["tool_result"] * len(given), "results first"
            assert sorted(given) == sorted(asked), "each tool use has exactly one result, right after it"
            asked = []
    marked = [block for message in messages for block in message["content"] if "cache_control" in block]
    assert len(marked) + 2 <= 4
