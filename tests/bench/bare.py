"""The floor: the engine's HTTP server with nothing behind it. Echoes a body; sends one to all who listen."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from antcli.engine.http_server import http_server

_queues: set[asyncio.Queue[bytes]] = set()


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type="application/json")


async def push(request: Request) -> Response:
    body = await request.body()
    frame = b": at %d\nevent: x\ndata: %b\n\n" % (time.monotonic_ns(), body)
    for queue in _queues:
        queue.put_nowait(frame)
    return Response(b"{}", media_type="application/json")


async def stream(request: Request) -> Response:
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def frames() -> AsyncIterator[bytes]:
        try:
            while True:
                yield await queue.get()
        finally:
            _queues.discard(queue)

    _queues.add(queue)
    return StreamingResponse(frames(), media_type="text/event-stream")


async def main() -> None:
    if len(sys.argv) > 1:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[1])
        url = f"unix://{sys.argv[1]}"
    else:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.listen(2048)
    paths = [Route("/echo", echo, methods=["POST"]), Route("/push", push, methods=["POST"]), Route("/stream", stream)]
    server = http_server(Starlette(routes=paths))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    asyncio.get_running_loop().add_signal_handler(15, os._exit, 0)
    await server.ready.wait()
    print(json.dumps({"url": url}), flush=True)
    await serving


if __name__ == "__main__":
    uvloop.run(main())
