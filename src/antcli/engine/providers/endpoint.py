"""Where a model is reached: the URL taken apart, the HTTP client for it, and what must never be shown."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from antcli.engine.providers.base import ModelError
from antcli.engine.settings import ModelSettings

if TYPE_CHECKING:
    import ssl

    import httpx

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed base URL. `root` has no userinfo, no query and no /v1; `address` is host:port, fit for messages."""

    root: str
    host: str
    address: str
    query: str = field(repr=False)
    login: tuple[str, str] | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def is_anthropic(self) -> bool:
        return self.host == "anthropic.com" or self.host.endswith(".anthropic.com")

    def url(self, path: str) -> str:
        return f"{self.root}{path}" + (f"?{self.query}" if self.query else "")

    def redacted(self, text: str) -> str:
        """The endpoint's own words without the credentials that it may have echoed."""
        for secret in self.secrets:
            # A short one ("x", "ollama") is redacted as a word only, or it would eat the letters of others.
            pattern = re.escape(secret) if len(secret) >= 8 else rf"(?<!\w){re.escape(secret)}(?!\w)"
            text = re.sub(pattern, "[redacted]", text)
        return text


def parse_endpoint(settings: ModelSettings) -> Endpoint:
    """Raises ModelError for a base URL or a header that cannot be used, without showing either."""
    try:
        parts = urlsplit(settings.base_url.strip())
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = None, 0
    if not host:
        raise ModelError("The model's base URL is not a URL of the form http(s)://HOST[:PORT].")
    literal = f"[{host}]" if ":" in host else host
    netloc = literal if parts.port is None else f"{literal}:{port}"
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    login = (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username is not None else None
    headers = _headers(settings)
    return Endpoint(
        root=urlunsplit((parts.scheme, netloc, path, "", "")),
        host=host,
        address=f"{literal}:{port}",
        query=parts.query,
        login=login,
        headers=headers,
        secrets=_secrets(settings, login, parts.query),
    )


def _headers(settings: ModelSettings) -> dict[str, str]:
    headers = {"anthropic-version": "2023-06-01"}
    if settings.api_key:
        headers["x-api-key"] = settings.api_key
    headers |= {name.lower(): value for name, value in settings.headers.items()}
    for name, value in headers.items():
        # Checked here, because the HTTP library would quote the value in its exception.
        if not value.isascii() or not value.isprintable() or value != value.strip():
            what = "API key" if name == "x-api-key" else f"header {name}"
            raise ModelError(f"The model's {what} holds characters that an HTTP header cannot carry.")
    return headers


def _secrets(settings: ModelSettings, login: tuple[str, str] | None, query: str) -> tuple[str, ...]:
    values = [settings.api_key or "", *(login or ()), *(pair.partition("=")[2] for pair in query.split("&"))]
    for header in settings.headers.values():
        values += [header, *(word for word in header.split() if len(word) >= 8)]
    return tuple(sorted({value for value in values if value}, key=len, reverse=True))


def http_library() -> None:
    """Import httpx. Blocks for some tens of milliseconds the first time, so call it off the event loop."""
    # Without this line httpx imports its own command line, and rich and pygments with it.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    import httpx  # noqa: F401

    for name in ("httpx", "httpcore"):  # they log whole URLs, whose query may be a credential, and headers
        logging.getLogger(name).setLevel(logging.WARNING)


def new_http_client(endpoint: Endpoint, *, connect_timeout: float, read_timeout: float) -> httpx.AsyncClient:
    """A client kept for the endpoint's life; blocks while certificates load, so call it off the event loop."""
    http_library()
    import httpx

    on_loopback = endpoint.host in _LOOPBACK
    return httpx.AsyncClient(
        auth=endpoint.login,
        headers=endpoint.headers | {"accept-encoding": "identity", "user-agent": "ant"},
        timeout=httpx.Timeout(read_timeout, connect=connect_timeout, write=60.0, pool=connect_timeout),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=20.0),
        verify=_bare_tls() if on_loopback and endpoint.root.startswith("http://") else httpx.create_ssl_context(),
        trust_env=not on_loopback,  # no proxy stands between us and this machine
    )


def _bare_tls() -> ssl.SSLContext:
    """A context that trusts nobody: free to make, and a plain http endpoint never uses it."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
