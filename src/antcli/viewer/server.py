"""The web server of the viewer: for one browser on this machine.

It listens on 127.0.0.1 alone. The address that is opened holds a code behind the #, which no server is sent; the page
gives it, once and within two minutes, for a token that only pages of this origin can read and that every request
carries. Requests that name another host, come from another origin or carry no token are refused. The credential of the
API stays in this process.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from antcli.client.turn import Event, confirmation
from antcli.errors import AntError
from antcli.output.page import style
from antcli.viewer.feed import Feed

CODE_SECONDS = 120.0
_LARGEST_BODY = 1 << 20
_HEARTBEAT, _SILENCE = 15.0, 30.0  # seconds
_PACE = 0.05  # between two messages to a page: what is written meanwhile goes out together
_MOST_PAGES = 16
_POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src-elem 'nonce-{0}'; style-src-attr 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; "  # attributes: the columns of Markdown tables are aligned so
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}  # fmt: skip


class Viewer(ThreadingHTTPServer):
    """`send` gives events to the session. Pages are answered while `serve_forever` runs."""

    daemon_threads = True

    def __init__(self, feed: Feed, send: Callable[[list[Event]], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.feed = feed
        self.send = send
        self.pages = threading.BoundedSemaphore(_MOST_PAGES)
        self._code: str | None = secrets.token_urlsafe(24)
        self._until = time.monotonic() + CODE_SECONDS
        self._token = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    @cached_property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def address(self) -> str:
        """What to open: good once."""
        return f"http://{self.host}/#{self._code}"

    def redeem(self, code: str) -> str | None:
        """The token for the code; None for a wrong, used or late one."""
        with self._lock:
            if self._code is None or time.monotonic() > self._until:
                return None
            if not secrets.compare_digest(code.encode(), self._code.encode()):
                return None
            self._code = None
            return self._token

    def knows(self, authorization: str) -> bool:
        return secrets.compare_digest(authorization.encode(), f"Bearer {self._token}".encode())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that went away is no error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Viewer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ant", ""
    timeout = _SILENCE

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self._is_ours():
            self._refuse(403, "This is not for you.")
        elif parts.path == "/":
            self._page()
        elif parts.path != "/events":
            self._refuse(404, "Nothing here.")
        elif not self.server.knows(self.headers.get("authorization", "")):
            self._refuse(401, "The token is missing.")
        else:
            self._events(parse_qs(parts.query).get("since", ["0"])[0])

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_ours() or self.headers.get("origin") != f"http://{self.server.host}":
            self._refuse(403, "This is not for you.")
        elif body is None:
            self._refuse(400, "Expected an object as JSON.")
        elif self.path == "/start":
            token = self.server.redeem(str(body.get("code")))
            if token is None:
                self._refuse(403, "This address is good once, for two minutes. Run the command again for a new one.")
            else:
                self._answer(200, {"token": token})
        elif not self.server.knows(self.headers.get("authorization", "")):
            self._refuse(401, "The token is missing.")
        else:
            self._send(body)

    def _is_ours(self) -> bool:
        """It is meant for this server, and comes from one of its own pages or was typed."""
        origin, site = self.headers.get("origin"), self.headers.get("sec-fetch-site")
        ours = origin in (None, f"http://{self.server.host}") and site in (None, "same-origin", "none")
        return ours and self.headers.get_all("host") == [self.server.host]

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("content-length", "")
        sound = self.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
        if not length.isdecimal() or int(length) > _LARGEST_BODY or not sound:
            self.close_connection = True
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def _send(self, body: dict[str, Any]) -> None:
        events = _events_of(self.path, body)
        if events is None:
            self._refuse(404 if self.path not in ("/send", "/answer", "/interrupt") else 400, "Nothing to send.")
            return
        try:
            self.server.send(events)
        except AntError as error:
            self._refuse(502, error.message)
        else:
            self._answer(200, {})

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = files("antcli.viewer").joinpath("page.html").read_text(encoding="utf-8")
        content = page.replace("{nonce}", nonce).replace("{style}", style()).encode()
        self._head(200, "text/html; charset=utf-8", {"content-security-policy": _POLICY.format(nonce)}, len(content))
        self.wfile.write(content)

    def _events(self, since: str) -> None:
        at = int(since) if since.isdecimal() else 0
        if not self.server.pages.acquire(blocking=False):
            self._refuse(503, "Too many pages are open.")
            return
        try:
            self.close_connection = True
            self._head(200, "text/event-stream", {"connection": "close"}, None)
            while True:
                found = self.server.feed.changes(at, _HEARTBEAT)
                if found is None:
                    self.wfile.write(b": \n\n")
                    continue
                at, message = found
                self.wfile.write(f"data: {json.dumps(message)}\n\n".encode())
                time.sleep(_PACE)
        except OSError:  # the page is gone
            pass
        finally:
            self.server.pages.release()

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, {"error": message})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self._head(status, "application/json", {}, len(content))
        self.wfile.write(content)

    def _head(self, status: int, kind: str, more: dict[str, str], length: int | None) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, **_HEADERS, **more}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("content-length", str(length))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the address holds a code."""


def _events_of(path: str, body: dict[str, Any]) -> list[Event] | None:
    """What a page wants sent; None for what it may not, or what says nothing."""
    text, id, message = body.get("text"), body.get("id"), body.get("message")
    if path == "/interrupt":
        return [{"type": "user.interrupt"}]
    if path == "/send" and isinstance(text, str) and text.strip():
        return [{"type": "user.message", "content": [{"type": "text", "text": text}]}]
    if path == "/answer" and isinstance(id, str) and isinstance(body.get("allow"), bool):
        return [confirmation(id, allow=body["allow"], message=message if isinstance(message, str) else "")]
    return None
