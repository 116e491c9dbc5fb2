"""Answers of the server as Python values, and error answers as exceptions (api.md 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from antcli.client.transport import Response
from antcli.errors import ApiError, ServerError

SHOWN = 300  # characters of an error body that is not an envelope

_STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "memory_precondition_failed_error": 409,
    "memory_path_conflict_error": 409,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TYPE_OF = {400: "invalid_request_error", 413: "invalid_request_error", 422: "invalid_request_error"} | {
    status: type for type, status in _STATUS_OF.items() if not type.startswith("memory_")
}


def decoded(response: Response, address: str) -> Any:
    """The JSON of a good answer; None for an empty one. ServerError when it is not JSON."""
    if not response.body.strip():
        return None
    try:
        return json.loads(response.body)
    except ValueError:
        kind = response.headers.get("content-type", "an unnamed type").partition(";")[0]
        raise ServerError(
            f"{address} answered with {kind} instead of JSON.", hint="Is the base URL that of the API?"
        ) from None


def json_lines(chunks: Iterable[bytes], address: str) -> Iterator[Any]:
    """The values of JSON lines. ServerError for a line that is not JSON."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (_line(line, address) for line in whole if line.strip())
    if rest.strip():
        yield _line(rest, address)


def _line(line: bytes, address: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise ServerError(f"{address} sent a line that is not JSON.", hint="Try again.") from None


def error_from(response: Response, address: str) -> ApiError:
    """The error that an answer with a bad status stands for, whether or not its body is an envelope."""
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    request_id = response.headers.get("request-id")
    error = _inner(body)
    if error is not None:
        return _from_envelope(body, error, response.status, request_id)
    return ApiError(
        _told(response, address),
        status=response.status,
        type=_TYPE_OF.get(response.status, "api_error"),
        request_id=request_id,
        body=body,
    )


def error_from_frame(event: dict[str, Any]) -> ApiError:
    """The error in a stream's `error` frame; its status follows from its type, the stream's own was 200."""
    error = _inner(event) or event
    status = _STATUS_OF.get(str(error.get("type")), 500)
    return _from_envelope(event, error, status, None)


def _inner(body: Any) -> dict[str, Any] | None:
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _from_envelope(body: dict[str, Any], error: Mapping[str, Any], status: int, request_id: str | None) -> ApiError:
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    return ApiError(
        str(error.get("message") or _phrase(status)),
        status=status,
        type=str(error.get("type") or _TYPE_OF.get(status, "api_error")),
        error_code=None if code is None else str(code),
        request_id=body.get("request_id") or request_id,
        body=body,
    )


def _told(response: Response, address: str) -> str:
    location = response.headers.get("location")
    if 300 <= response.status < 400:
        return f"{address} points elsewhere ({location or 'nowhere'}); set that as the base URL if you trust it."
    text = ""
    if "html" not in response.headers.get("content-type", ""):
        text = " ".join(response.body[: 4 * SHOWN].decode("utf-8", "replace").split())[:SHOWN]
    return f"{address} answered {response.status} {_phrase(response.status)}" + (f": {text}" if text else "")


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded" if status == 529 else "an unknown status"
