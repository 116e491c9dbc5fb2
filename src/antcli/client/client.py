"""The API client: one method per way of asking. It passes on the dictionaries that the server made."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from antcli import __version__
from antcli.client.retries import DEFAULT_RETRIES, delay_before, worth_repeating
from antcli.client.server import Server
from antcli.errors import ServerError, UsageError
from antcli.operations import Operation, operation

if TYPE_CHECKING:
    from antcli.client.transport import FormPart, OpenResponse, Request, Response, Transport

API_VERSION = "2026-10-21"  # what the shapes here come from (api.md 1.1)


class EventStream:
    """The live events of a stream, as dictionaries. Leave its `with` block, or close it, to hang up."""

    def __init__(self, response: OpenResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Ends when the server ends the stream. ServerError: it broke off or fell silent; ApiError: an error frame."""
        from antcli.client.sse import events

        return events(self._response.chunks())

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """Talks to one server. Nothing is imported or connected before the first request; threads may share it.

    `timeout` is the longest silence in an answer, in seconds. `on_notice` gets sentences for the person who waits,
    `debug` lines about every request and answer, without secrets.
    All calls raise ApiError (the server says no), ServerError (no answer, after all `retries`) or UsageError.
    """

    def __init__(
        self,
        server: Server,
        *,
        retries: int = DEFAULT_RETRIES,
        timeout: float = 600.0,
        on_notice: Callable[[str], None] | None = None,
        debug: Callable[[str], None] | None = None,
    ) -> None:
        self.server = server
        self.retries = retries
        self.timeout = timeout
        self.on_notice: Callable[[str], None] = on_notice or (lambda _: None)
        self.debug = debug
        self._transport: Transport | None = None
        self._making = threading.Lock()
        self._closed = threading.Event()

    def call(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        files: Sequence[FormPart] = (),
        headers: Mapping[str, str] | None = None,
        retries: int | None = None,
    ) -> Any:
        """The decoded answer of one operation (`"agents.retrieve"`), its path parameters in order.

        For a form, `files` are its files and `body` its other fields.
        """
        from antcli.client.envelope import decoded

        asked = operation(name)
        request = self._request(asked, path, query, headers, body, files)
        return decoded(self._send(request, asked.name, retries), self._connection().address)

    def get(self, path: str) -> Any:
        """The decoded answer of a path that is not part of the API, such as `/engine/status`."""
        return self._plain("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """As `get`, for paths that change something."""
        return self._plain("POST", path, body)

    def prepare(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        files: Sequence[FormPart] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        """The request that `call` would send."""
        return self._request(operation(name), path, query, headers, body, files)

    def body(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of an answer as it came."""
        return self._send(self._request(operation(name), path, query, headers), name, None).body

    def pages(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        limit: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The items of a list, over all its pages, at most `limit` of them."""
        from antcli.client.pages import items

        def fetch(page: dict[str, Any]) -> Any:
            return self.call(name, *path, query=page, headers=headers)

        return items(fetch, operation(name), query or {}, limit)

    def stream(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        silence: float | None = None,
        retries: int | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> EventStream:
        """An open stream. After `silence` seconds without a byte it counts as broken (ServerError)."""
        request = self._request(operation(name), path, query, {"accept-encoding": "identity", **(headers or {})}, body)
        return EventStream(self._open(request, name, silence, retries))

    def lines(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """The values of an answer in JSON lines, as they arrive."""
        from antcli.client.envelope import json_lines

        return json_lines(self.download(name, *path, query=query, headers=headers), self._connection().address)

    def download(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """The bytes of a file, as they arrive."""
        response = self.open(name, *path, query=query, headers=headers)
        try:
            yield from response.chunks()
        finally:
            response.close()

    def open(
        self,
        name: str,
        /,
        *path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> OpenResponse:
        """An answer whose head is here and whose body is still coming; the caller closes it."""
        return self._open(self._request(operation(name), path, query, headers), name, None, None)

    def pause(self, seconds: float) -> None:
        """Sleep, but not through Ctrl-C or `close`. Raises ServerError when the client is closed."""
        if self._closed.wait(seconds):
            raise ServerError("The client was closed.", hint="")

    def close(self) -> None:
        self._closed.set()
        with self._making:
            if self._transport is not None:
                self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def make_ready(self) -> None:
        """Imports and makes already now what the first request would; nothing is connected."""
        from antcli.client import envelope, pages, targets  # noqa: F401

        self._connection()

    def _connection(self) -> Transport:
        from antcli.client.transport import transport_to

        with self._making:
            if self._transport is None:
                self._transport = transport_to(self.server, timeout=self.timeout)
            return self._transport

    def _plain(self, method: str, path: str, body: Any) -> Any:
        from antcli.client.envelope import decoded
        from antcli.client.transport import Request

        headers = self._headers(None, "application/json", None)
        content = None
        if body is not None:
            headers["content-type"], content = "application/json", _encoded(body)
        response = self._send(Request(method, path, headers, content), path, None)
        return decoded(response, self._connection().address)

    def _request(
        self,
        asked: Operation,
        path: Sequence[str],
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: Any = None,
        files: Sequence[FormPart] = (),
    ) -> Request:
        from antcli.client.targets import target
        from antcli.client.transport import Request

        sent = self._headers(asked.beta, _accepted(asked), headers)
        where = target(asked, path, query or {})
        if asked.method == "POST":
            sent.setdefault("idempotency-key", os.urandom(16).hex())  # the same in every try of this request
        if asked.multipart:
            form = {key: str(value) for key, value in (body or {}).items() if value is not None}
            return Request(asked.method, where, sent, files=files, form=form)
        if body is None:
            return Request(asked.method, where, sent)
        sent["content-type"] = "application/json"
        return Request(asked.method, where, sent, _encoded(body))

    def _headers(self, beta: str | None, accept: str, extra: Mapping[str, str] | None) -> dict[str, str]:
        extra = {name.lower(): value for name, value in (extra or {}).items()}
        beta = extra.pop("anthropic-beta", beta)  # a chosen one replaces the usual one, never that of the credential
        headers = {
            "accept": accept,
            "user-agent": f"ant/{__version__}",
            "anthropic-version": API_VERSION,
            **{name.lower(): value for name, value in self.server.headers.items()},
            **extra,
        }
        betas = [value for value in (headers.get("anthropic-beta"), beta) if value]
        if betas:
            headers["anthropic-beta"] = ",".join(betas)
        return headers

    def _send(self, request: Request, name: str, retries: int | None) -> Response:
        from antcli.client.envelope import error_from

        def once(attempt: Request) -> Response:
            return self._connection().send(attempt)

        response = self._repeated(request, name, retries, once)
        if response.status >= 300:
            raise error_from(response, self._connection().address)
        return response

    def _open(self, request: Request, name: str, silence: float | None, retries: int | None) -> OpenResponse:
        from antcli.client.envelope import error_from

        opened: list[OpenResponse] = []

        def once(attempt: Request) -> Response:
            from antcli.client.transport import Response

            response = self._connection().open(attempt, timeout=silence)
            if response.status < 300:
                opened.append(response)
                return Response(response.status, response.headers, b"")
            try:
                return response.read()
            finally:
                response.close()

        answer = self._repeated(request, name, retries, once)
        if not opened:
            raise error_from(answer, self._connection().address)
        return opened[0]

    def _repeated(
        self, request: Request, name: str, retries: int | None, once: Callable[[Request], Response]
    ) -> Response:
        left = self.retries if retries is None else retries
        attempt, refused = 0, ""
        while True:
            bearer = self.server.token(refused) if self.server.token else ""
            login = {"authorization": f"Bearer {bearer}"} if bearer else {}
            counted = request._replace(headers={**request.headers, **login, "x-stainless-retry-count": str(attempt)})
            answer: Response | None = None
            try:
                answer = self._traced(counted, name, once)
            except ServerError:
                if attempt >= left:
                    raise
            if answer is not None and answer.status == 401 and bearer and not refused:
                refused = bearer  # it may have been revoked: once more with another one
                continue
            if answer is not None and (attempt >= left or not worth_repeating(answer.status, answer.headers)):
                return answer
            attempt += 1
            self.pause(delay_before(attempt, answer.headers if answer else None))

    def _traced(self, request: Request, name: str, once: Callable[[Request], Response]) -> Response:
        if self.debug is None:
            return once(request)
        from antcli.client.debug import request_lines, response_lines

        secret = name.startswith(("vaults.", "environments.keys."))
        for line in request_lines(request, secret=secret):
            self.debug(line)
        started = time.monotonic()
        response = once(request)
        for line in response_lines(response, time.monotonic() - started, secret=secret):
            self.debug(line)
        return response


def _accepted(asked: Operation) -> str:
    if asked.stream:
        return "text/event-stream"
    if asked.lines:
        return "application/x-jsonl"
    return "application/binary" if asked.binary else "application/json"


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise UsageError("The text is not valid UTF-8.", hint="Convert the file or the terminal to UTF-8.") from None
