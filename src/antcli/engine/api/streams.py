"""A stream of server-sent events as a response: ready-made frames in, bytes out, gone the moment the client is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from antcli.engine.api.activity import Activity
from antcli.engine.orchestration.environment_keys import Worker

Frames = AbstractAsyncContextManager[AsyncIterator[bytes]]

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class EventStream(Response):
    """Subscribes before the response starts: what happens after the client has the headers is on the stream."""

    def __init__(self, frames: Frames, activity: Activity, worker: Worker | None) -> None:
        self._frames = frames
        self._activity = activity
        self._ends = [activity.closing, *((worker.revoked,) if worker else ())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._frames as frames:
            self._activity.streams += 1
            try:
                await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
                await self._until_over(frames, receive, send)
            finally:
                self._activity.streams -= 1

    async def _until_over(self, frames: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
        """Ends with the frames, with the client, with its key or with the engine, whichever is first."""
        pump = asyncio.create_task(_pump(frames, send))
        others = [asyncio.create_task(_hang_up(receive)), *(asyncio.create_task(end.wait()) for end in self._ends)]
        try:
            await asyncio.wait([pump, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, *others):
                task.cancel()
            outcome, *_ = await asyncio.gather(pump, *others, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            raise outcome
        if not others[0].done() or others[0].cancelled():
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pump(frames: AsyncIterator[bytes], send: Send) -> None:
    async for chunk in frames:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
