"""Answers as gzip for clients that ask for it: what is long, no streams, and no files, whose ranges must stay exact."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

SMALLEST = 2048  # bytes; below, a packet holds it anyway
_LEVEL = 4


def compressed(app: ASGIApp) -> ASGIApp:
    gzip = GZipMiddleware(app, minimum_size=SMALLEST, compresslevel=_LEVEL)

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["path"].endswith("/content") else gzip)(scope, receive, send)

    return choose
