"""The outermost layer of the application: request ids, the key, the size of bodies, and every error as an envelope."""

from __future__ import annotations

import logging
import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antcli.engine.api.auth import WORKER, Headers, who_asks
from antcli.engine.api.errors import envelope, no_route, storage_failed, too_large, unexpected, wrong_method
from antcli.engine.api.services import Services
from antcli.engine.errors import RequestError, invalid
from antcli.engine.files.files import LARGEST_FILE
from antcli.engine.ids import new_id
from antcli.engine.store.base import StorageError

MAXIMUM_BODY = 32 * 2**20
MAXIMUM_UPLOAD = LARGEST_FILE + 2**16  # with what a form adds to the file

_OPEN_PATHS = frozenset({"/healthz"})
# Looking at the engine does not keep it awake.
_UNCOUNTED = ("/healthz", "/metrics", "/engine/")

_OTHER_CHARSET = re.compile(rb"""charset\s*=\s*"?(?!utf-?8\b|us-ascii\b)([^\s";]{1,40})""", re.IGNORECASE)

log = logging.getLogger("antcli.engine.api")


class Transport:
    """An ASGI application around the router. `key` is None where the socket's file mode guards the engine."""

    def __init__(self, app: ASGIApp, services: Services, key: str | None) -> None:
        self._app = app
        self._services = services
        self._key = key.encode() if key is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = _Exchange(receive, send, MAXIMUM_UPLOAD if scope["path"] == "/v1/files" else MAXIMUM_BODY)
        counted = not scope["path"].startswith(_UNCOUNTED)
        if counted:
            self._services.activity.begin()
        try:
            await self._answer(scope, exchange)
        finally:
            if counted:
                self._services.activity.end()

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            scope["services"] = self._services
            if scope["path"] not in _OPEN_PATHS:
                scope[WORKER] = await who_asks(scope["headers"], self._key, self._services)
            _check_headers(scope["headers"], exchange.maximum)
            scope["app"] = self  # makes the router raise for unknown paths and methods instead of answering itself
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            return
        except Exception as error:
            if exchange.started:
                raise
            await exchange.fail(_request_error(error, scope, exchange.request_id))


class _Exchange:
    """One request and its answer: counts what is received, adds the headers every answer has."""

    def __init__(self, receive: Receive, send: Send, maximum: int) -> None:
        self.maximum = maximum
        self.request_id = new_id("req")
        self.started = False
        self._receive = receive
        self._send = send
        self._received = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self.maximum:
                raise too_large(self.maximum)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", ()), (b"request-id", self.request_id.encode())]
        await self._send(message)

    async def fail(self, error: RequestError) -> None:
        body = envelope(error, self.request_id)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if error.retry is not None:
            headers.append((b"x-should-retry", b"true" if error.retry else b"false"))
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _check_headers(headers: Headers, maximum: int) -> None:
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value) > maximum:
            raise too_large(maximum)
        if name == b"content-encoding" and value.lower() != b"identity":
            raise invalid("Compressed request bodies are not supported.", code="request_body_encoding_unsupported")
        if name == b"content-type" and (other := _OTHER_CHARSET.search(value)):
            charset = other[1].decode("ascii", "replace")
            raise invalid(f"Request bodies are UTF-8, not {charset}.", code="unsupported_charset")


def _request_error(error: Exception, scope: dict[str, Any] | Any, request_id: str) -> RequestError:
    match error:
        case RequestError():
            return error
        case HTTPException(status_code=405):
            return wrong_method(scope["method"], scope["path"])
        case HTTPException():
            return no_route(scope["path"])
        case StorageError():
            log.error("%s %s failed: %s (%s)", scope["method"], scope["path"], error, request_id)
            return storage_failed(str(error))
    log.exception("%s %s failed (%s)", scope["method"], scope["path"], request_id, exc_info=error)
    return unexpected()
