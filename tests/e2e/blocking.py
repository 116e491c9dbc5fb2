"""The asynchronous SDK for callers that wait: what drives `Anthropic` drives `AsyncAnthropic` too, from any thread."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Iterator
from inspect import isawaitable
from typing import Any

import anthropic
from anyio.from_thread import BlockingPortal, start_blocking_portal

_END = object()


@contextlib.contextmanager
def blocking(client: anthropic.AsyncAnthropic) -> Iterator[Any]:
    """The client on an event loop in a thread of its own, for as long as the context lasts."""
    with start_blocking_portal() as portal, Blocking(client, portal) as blocked:
        yield blocked


class Blocking:
    """Calls, iteration and contexts of something asynchronous, each waited for."""

    def __init__(self, target: Any, portal: BlockingPortal) -> None:
        self._target = target
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        return self._outcome(getattr(self._target, name))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._outcome(self._target(*arguments, **named))

    def __iter__(self) -> Iterator[Any]:
        iterator = aiter(self._target)
        while (item := self._wait(anext(iterator, _END))) is not _END:
            yield item

    def __enter__(self) -> Any:
        return self._outcome(self._target.__aenter__())

    def __exit__(self, *raised: Any) -> Any:
        return self._outcome(self._target.__aexit__(*raised))

    def _outcome(self, value: Any) -> Any:
        """Data as it is; what is asynchronous as something to wait for."""
        if isawaitable(value):
            value = self._wait(value)
        return Blocking(value, self._portal) if callable(value) or type(value).__name__.startswith("Async") else value

    def _wait(self, awaitable: Awaitable[Any]) -> Any:
        async def result() -> Any:
            return await awaitable

        return self._portal.call(result)
