"""The exchange of an identity token for an access token (RFC 7523), as the official SDKs send it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from antcli import __version__
from antcli.client.retries import delay_before, worth_repeating
from antcli.client.server import Server
from antcli.client.transport import Request, Response, Transport, transport_to
from antcli.errors import AntError, NotLoggedInError, ServerError, UsageError

OAUTH_BETA, FEDERATION_BETA = "oauth-2025-04-20", "oidc-federation-2026-04-01"
_PATH = "/v1/oauth/token"
_PATIENCE = 30.0  # seconds for one exchange
_AHEAD = 120.0  # seconds before its end that a token is replaced
_LEAST = 30.0  # seconds that a token must have left when it cannot be replaced
_BACKOFF = 5.0  # seconds until a failed replacement is tried again
_LONGEST_ANSWER = 1 << 20
_LONGEST_TOLD = 256


class Source(Protocol):
    """What is exchanged, and where the result is kept between commands (profiles.federation)."""

    def request(self) -> dict[str, str]: ...

    def kept(self) -> tuple[str, float] | None: ...

    def keep(self, token: str, expires_at: float) -> None: ...


class ExchangedToken:
    """The bearer token of each request: exchanged when it is first needed, and anew before it expires.

    Threads may share it. Calls raise NotLoggedInError (the server says no), ServerError (no answer) or UsageError.
    """

    def __init__(
        self, base_url: str, source: Source, *, retries: int, debug: Callable[[str], None] | None = None
    ) -> None:  # fmt: skip
        self._base_url = base_url
        self._source = source
        self._retries = retries
        self._debug = debug
        self._token = ""
        self._expires_at = self._due = 0.0
        self._lock = threading.Lock()

    def __call__(self, refused: str = "") -> str:
        """The token; another one than `refused`."""
        with self._lock:
            if not self._token and not refused and (kept := self._source.kept()):
                self._token, self._expires_at = kept
                self._due = self._expires_at - _AHEAD
            now = time.time()
            if self._token and self._token != refused and now < self._due:
                return self._token
            try:
                self._renew()
            except AntError:
                if not self._token or self._token == refused or time.time() > self._expires_at - _LEAST:
                    raise
                self._due = time.time() + _BACKOFF
            return self._token

    def _renew(self) -> None:
        token, lifetime = exchange(self._base_url, self._source.request, retries=self._retries, debug=self._debug)
        now = time.time()
        self._token, self._expires_at = token, now + lifetime
        self._due = self._expires_at - min(_AHEAD, lifetime / 2)
        self._source.keep(token, self._expires_at)


def exchange(
    base_url: str, request: Callable[[], dict[str, str]], *, retries: int, debug: Callable[[str], None] | None = None
) -> tuple[str, float]:  # fmt: skip
    """The access token and for how many seconds it is good. Each try sends what `request` says then."""
    _refuse_open_roads(base_url)
    transport = transport_to(Server(base_url, "hosted", "", ""), timeout=_PATIENCE)
    try:
        attempt = 0
        while True:
            body = request()
            answer: Response | None = None
            try:
                answer = _asked(transport, body, debug)
            except ServerError:
                if attempt >= retries:
                    raise
            if answer is not None and (attempt >= retries or not worth_repeating(answer.status, answer.headers)):
                return _understood(answer, body["assertion"], transport.address)
            attempt += 1
            time.sleep(delay_before(attempt, answer.headers if answer else None))
    finally:
        transport.close()


def _refuse_open_roads(base_url: str) -> None:
    """Raises UsageError unless the way is encrypted or ends on this machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in ("localhost", "::1") and not re.fullmatch(r"127(\.\d+){3}", host):
        raise UsageError(
            f"An identity token is not sent to {base_url}: the way there is open.", hint="Use an https address."
        )


def _asked(transport: Transport, body: dict[str, str], debug: Callable[[str], None] | None) -> Response:
    headers = {
        "accept": "application/json", "content-type": "application/json", "user-agent": f"ant/{__version__}",
        "anthropic-beta": f"{OAUTH_BETA},{FEDERATION_BETA}",
    }  # fmt: skip
    request = Request("POST", _PATH, headers, json.dumps(body).encode())
    started = time.monotonic()
    opened = transport.open(request, timeout=_PATIENCE)
    try:
        content = b""
        for chunk in opened.chunks():
            content += chunk
            if len(content) > _LONGEST_ANSWER:
                raise ServerError(f"{transport.address} answered the exchange with more than a megabyte.")
            if time.monotonic() - started > _PATIENCE:
                raise ServerError(f"No answer from {transport.address}: the exchange took too long.")
    finally:
        opened.close()
    answer = Response(opened.status, opened.headers, content)
    if debug is not None:
        from antcli.client.debug import request_lines, response_lines

        for line in (
            *request_lines(request, secret=True),
            *response_lines(answer, time.monotonic() - started, secret=True),
        ):
            debug(line)
    return answer


def _understood(answer: Response, assertion: str, address: str) -> tuple[str, float]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if answer.status != 200:
        raise _refusal(answer, found, assertion, address)
    found = found if isinstance(found, dict) else {}
    token, lifetime = found.get("access_token"), found.get("expires_in")
    sound = isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token
    if str(found.get("token_type") or "bearer").lower() != "bearer" or not sound:
        raise ServerError(f"{address} answered the exchange with no bearer token.", hint="Check the base URL.")
    try:
        return str(token), float(int(str(lifetime)))
    except ValueError:
        raise ServerError(f"{address} does not say how long its access token is good.", hint="") from None


def _refusal(answer: Response, found: Any, assertion: str, address: str) -> AntError:
    """What the server says, without anything in it that could be a token."""
    found = found if isinstance(found, dict) else {}
    error = found.get("error")
    texts = [error.get("message")] if isinstance(error, dict) else [error, found.get("error_description")]
    told = ": ".join(text for text in texts if isinstance(text, str) and text).replace(assertion, "[hidden]")
    told = " ".join(re.sub(r"eyJ[\w-]*(\.[\w-]*)*|[\w-]{40,}", "[hidden]", told).split())[:_LONGEST_TOLD]
    id = answer.headers.get("request-id", "")
    message = f"{address} does not exchange the identity token ({answer.status})" + (f": {told}" if told else "")
    message += f" [{id}]" if re.fullmatch(r"[\w-]{1,80}", id) else ""
    if answer.status == 429 or answer.status >= 500:
        return ServerError(message)
    hint = "The federation rule must match the token's issuer, subject and audience. "
    hint += "Where the rule is for several workspaces, name one: --workspace-id or ANTHROPIC_WORKSPACE_ID."
    return NotLoggedInError(message, hint=hint if answer.status in (400, 401, 403) else "Check the base URL.")
