"""The brain behind an HTTP endpoint that speaks the Messages API: Claude itself, a gateway, a local model server."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from antcli.engine.providers.answers import ErrorAnswer, JsonAnswer, StreamAnswer
from antcli.engine.providers.base import ModelError, ModelRequest
from antcli.engine.providers.endpoint import new_http_client, parse_endpoint
from antcli.engine.providers.failures import failure, retry_after, status_in_stream, type_and_detail
from antcli.engine.settings import ModelSettings

if TYPE_CHECKING:
    import httpx

_ERROR_BODY_LIMIT = 64 * 1024
_SECONDS_FOR_THE_END = 0.1
_SECONDS_FOR_A_LIST = 10.0


class MessagesProvider:
    """One endpoint with one HTTP client, made at the first request and kept. Timeouts are in seconds.

    `read_timeout` is the longest silence between two portions of an answer. Raises ModelError for unusable settings.
    """

    def __init__(self, settings: ModelSettings, *, connect_timeout: float = 5.0, read_timeout: float = 600.0) -> None:
        self.settings = settings
        self.endpoint = parse_endpoint(settings)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._name = f"The model endpoint {self.endpoint.address}"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[dict[str, Any], None]:
        client = await self.open()
        import httpx

        url = self.endpoint.url("/v1/messages")
        try:
            async with client.stream("POST", url, content=_body(request), headers=self._headers(request)) as response:
                if not response.is_success:
                    raise self.refusal(response, await start_of_body(response), request.model)
                answer = self._answer(response, request.model)
                async with aclosing(_chunks(response)) as chunks:
                    async for chunk in chunks:
                        for event in self._events(answer, chunk, request.model):
                            yield event
                        if answer.complete:
                            break
                    else:
                        for event in self._events(answer, None, request.model):
                            yield event
                    if not answer.complete:
                        raise ModelError(f"{self._name} ended its answer before it was complete.", retryable=True)
                    await _read_the_end(chunks)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self.broken(error) from None

    async def models(self) -> list[dict[str, Any]]:
        client = await self.open()
        import httpx

        url = self.endpoint.url("/v1/models")
        if self.endpoint.is_anthropic:  # its pages hold 20 models unless asked for more
            url += ("&" if "?" in url else "?") + "limit=1000"
        try:
            response = await client.get(url, timeout=min(self._read_timeout, _SECONDS_FOR_A_LIST))
        except httpx.HTTPError as error:
            raise self.broken(error) from None
        if response.status_code in (404, 405):
            return []
        if not response.is_success:
            raise self.refusal(response, response.content, model="")
        try:
            body = response.json()
        except ValueError:
            return []
        rows = body.get("data") if isinstance(body, dict) else None
        return [row for row in rows if _is_model(row)] if isinstance(rows, list) else []

    async def open(self) -> httpx.AsyncClient:
        """The client; made in a thread at the first call, because the import and the certificates take their time."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(
                    new_http_client, self.endpoint,
                    connect_timeout=self._connect_timeout, read_timeout=self._read_timeout,
                )  # fmt: skip
            return self._client

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _headers(self, request: ModelRequest) -> dict[str, str]:
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        if request.speed == "fast" and self.endpoint.is_anthropic:
            asked = self.endpoint.headers.get("anthropic-beta")
            headers["anthropic-beta"] = ",".join(filter(None, [asked, "fast-mode-2026-02-01"]))
        return headers

    def _answer(self, response: httpx.Response, model: str) -> StreamAnswer | JsonAnswer:
        content_type = response.headers.get("content-type", "").lower()
        if "html" in content_type:
            raise ModelError(f"{self._name} answered with a web page: it does not speak the Messages API there.")
        return JsonAnswer(model) if "json" in content_type else StreamAnswer(model)

    def _events(self, answer: StreamAnswer | JsonAnswer, chunk: bytes | None, model: str) -> list[dict[str, Any]]:
        """What a portion of the body brings; None stands for its end."""
        try:
            return answer.finish() if chunk is None else answer.feed(chunk)
        except ErrorAnswer as error:
            type, detail = type_and_detail(error.body)
            status, detail = status_in_stream(error.body), self.endpoint.redacted(detail)
            raise failure(status, source=self._name, model=model, type=type, detail=detail) from None
        except ValueError as error:
            reason = self.endpoint.redacted(str(error))
            message = f"{self._name} sent an answer that is not the Messages API's: {reason}."
            raise ModelError(message, retryable=True) from None

    def refusal(self, response: httpx.Response, content: bytes, model: str) -> ModelError:
        if response.is_redirect:
            return ModelError(f"{self._name} redirects elsewhere ({response.status_code}): check the model's base URL.")
        text = content.decode("utf-8", "replace")
        try:
            type, detail = type_and_detail(json.loads(text))
        except ValueError:
            type, detail = "", "" if text.lstrip().startswith("<") else text
        if request_id := response.headers.get("request-id"):
            detail = f"{detail} [request {request_id}]"
        return failure(
            response.status_code, source=self._name, model=model, type=type, detail=self.endpoint.redacted(detail),
            retry_after=retry_after(response.headers),
            should_retry={"true": True, "false": False}.get(response.headers.get("x-should-retry", "")),
        )  # fmt: skip

    def broken(self, error: Exception) -> ModelError:
        """A failure of the connection. Only what we know to hold no header is taken from `error`."""
        import httpx

        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            seconds = f"{self._connect_timeout:g}"
            return ModelError(f"{self._name} did not accept a connection within {seconds} s.", retryable=True)
        if isinstance(error, httpx.TimeoutException):
            return ModelError(f"{self._name} fell silent for too long (timeout).", retryable=True)
        if isinstance(error, httpx.ConnectError):
            reason = _reason(error)
            untrusted = "CERTIFICATE_VERIFY_FAILED" in reason
            message = f"Cannot connect to the model endpoint {self.endpoint.address}: {reason}."
            return ModelError(message, retryable=not untrusted)
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return ModelError(f"The request to the model endpoint {self.endpoint.address} is not valid HTTP.")
        return ModelError(f"{self._name} broke off the connection.", retryable=True)


def _body(request: ModelRequest) -> bytes:
    body: dict[str, Any] = {
        "model": request.model, "max_tokens": request.max_tokens, "messages": request.messages, "stream": True,
    }  # fmt: skip
    if request.system:
        body["system"] = request.system
    if request.tools:
        body["tools"] = request.tools
    if request.effort:
        body["output_config"] = {"effort": request.effort}
    if request.speed == "fast":
        body["speed"] = "fast"
    # A tool's output may hold half a surrogate pair, which UTF-8 cannot.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _is_model(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str)


def _chunks(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    return cast("AsyncGenerator[bytes, None]", response.aiter_bytes())


async def start_of_body(response: httpx.Response) -> bytes:
    """An error's body as far as it comes; the status alone says enough when it does not."""
    import httpx

    content = b""
    try:
        async with asyncio.timeout(_SECONDS_FOR_A_LIST), aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > _ERROR_BODY_LIMIT:
                    break
    except (httpx.HTTPError, TimeoutError):
        pass
    return content


async def _read_the_end(chunks: AsyncIterator[bytes]) -> None:
    """Read up to the end of the body, so that the connection can serve the next request; give up soon."""
    import httpx

    try:
        async with asyncio.timeout(_SECONDS_FOR_THE_END):
            async for _ in chunks:
                pass
    except (httpx.HTTPError, TimeoutError):
        pass


def _reason(error: BaseException) -> str:
    """The operating system's words for a failed connection, found beneath what the HTTP library made of them."""
    reason, inner = str(error), error.__cause__ or error.__context__
    while inner is not None:
        if isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        if isinstance(inner, OSError) and inner.strerror:
            # asyncio puts words of its own in place of the system's; names and certificates have their own numbers.
            has_errno = isinstance(inner, ConnectionError | TimeoutError) or type(inner) is OSError
            reason = os.strerror(inner.errno) if has_errno and inner.errno else inner.strerror
        inner = inner.__cause__ or inner.__context__
    return reason or "no reason given"
