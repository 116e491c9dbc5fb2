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
    content-type date idempotency-key request-id retry-after retry-after-ms server transfer-encoding user-agent
    x-should-retry x-stainless-retry-count""".split()
)
_SECRET_FIELDS = frozenset("password secret secret_value token".split())
_SECRET_ENDINGS = ("_key", "_password", "_secret", "_token")
# Of a credential everything is secret but these.
_OPEN_IN_AUTH = frozenset(
    """allowed_hosts client_id expires_at mcp_server_url networking refresh resource scope secret_name token_endpoint
    token_endpoint_auth type""".split()
)


def is_open_header(name: str) -> bool:
    """A header that holds no secret."""
    return name.lower() in _OPEN_HEADERS


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
    return [f"{mark} {name}: {value if is_open_header(name) else HIDDEN}" for name, value in headers.items()]


def _body(body: bytes, secret: bool) -> str:
    if secret:
        return f"({len(body)} bytes, not shown)"
    try:
        text = json.dumps(without_secrets(json.loads(body)), ensure_ascii=False)
    except ValueError:
        return f"({len(body)} bytes that are not JSON)"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def without_secrets(value: Any, *, credential: bool = False) -> Any:
    """A decoded body with `[hidden]` in place of what is secret. In a `credential`, what is unknown is secret."""
    if isinstance(value, list):
        return [without_secrets(inner, credential=credential) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _shown(key, inner, credential) for key, inner in value.items()}


def _shown(key: str, value: Any, credential: bool) -> Any:
    secret = key in _SECRET_FIELDS or key.endswith(_SECRET_ENDINGS) or (credential and key not in _OPEN_IN_AUTH)
    if secret and value is not None and not isinstance(value, bool | int):
        return HIDDEN
    return without_secrets(value, credential=credential or key == "auth")
