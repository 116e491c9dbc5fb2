"""Requests and answers in lines for `--debug`, without what is secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from antcli.client.transport import Request, Response

HIDDEN = "[hidden]"
SHOWN = 2000  # characters of a body

_OPEN_HEADERS = frozenset(
    """accept accept-encoding anthropic-beta anthropic-version anthropic-workspace-id connection content-length
    content-type date request-id retry-after retry-after-ms server transfer-encoding user-agent x-should-retry
    x-stainless-retry-count""".split()
)
_SECRET_FIELDS = frozenset(
    """access_token api_key auth authorization_token client_secret password refresh_token secret secret_value
    token""".split()
)


def request_lines(request: Request, *, secret: bool) -> list[str]:
    """`secret`: the body belongs to a vault and is not shown at all."""
    lines = [f"> {request.method} {request.target}", *_headers(">", request.headers)]
    if request.files:
        lines.append("> (a form)")
    elif request.content:
        lines.append(f"> {_body(request.content, secret)}")
    return lines


def response_lines(response: Response, seconds: float, *, secret: bool) -> list[str]:
    lines = [f"< {response.status} after {seconds * 1000:.0f} ms", *_headers("<", response.headers)]
    if response.body:
        lines.append(f"< {_body(response.body, secret)}")
    return lines


def _headers(mark: str, headers: Mapping[str, str]) -> list[str]:
    return [f"{mark} {name}: {value if name.lower() in _OPEN_HEADERS else HIDDEN}" for name, value in headers.items()]


def _body(body: bytes, secret: bool) -> str:
    if secret:
        return f"({len(body)} bytes, not shown)"
    try:
        text = json.dumps(_without_secrets(json.loads(body)), ensure_ascii=False)
    except ValueError:
        return f"({len(body)} bytes that are not JSON)"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: HIDDEN if key in _SECRET_FIELDS else _without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value
