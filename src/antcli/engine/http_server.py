"""uvicorn, without its own ideas of signals, logs and process life."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

# Longer than clients keep idle connections, so that they close first and no request meets a closing server.
_KEEP_ALIVE_SECONDS = 75
_DRAIN_SECONDS = 1


class HttpServer(uvicorn.Server):
    """`ready` is set when connections are accepted; `should_exit` ends it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def http_server(app: ASGIApp) -> HttpServer:
    config = uvicorn.Config(
        app,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return HttpServer(config)
