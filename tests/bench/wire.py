"""A client that adds as little time of its own as Python can: one request or one event stream on one socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

SECONDS = 60.0


class Connection:
    """A kept-alive HTTP connection to `unix:///PATH` or `http://HOST:PORT`. Every wait is bounded by SECONDS."""

    def __init__(self, address: str, key: str = "") -> None:
        parts = urlsplit(address)
        if parts.scheme == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(SECONDS)
            self.socket.connect(parts.path)
        else:
            self.socket = socket.create_connection((parts.hostname, parts.port), timeout=SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"host: localhost\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, method: str, path: str, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._head}content-length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)

    def receive(self) -> bytes:
        """The body of an answer with a content-length. Raises AssertionError for a status that is no success."""
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = bytearray(data[end + 4 :])
        while len(body) < length:
            body += self._more()
        assert head.split()[1].startswith(b"2"), bytes(body)
        return bytes(body)

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        self.send(method, path, body)
        return self.receive()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.ask(method, path, body))

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


class Stream:
    """An open event stream. `feed` makes frames of bytes as they were received, `events` reads them from the socket."""

    def __init__(self, connection: Connection, path: str) -> None:
        self.connection = connection
        self._rest = b""
        connection.send("GET", path)
        while b"\r\n\r\n" not in self._rest:
            self._rest += connection._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], head

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.socket.close()

    def feed(self, data: bytes) -> list[bytes]:
        """Whole frames, with the marks of chunked transfer around them. The engine never splits one over chunks."""
        *frames, self._rest = (self._rest + data).split(b"\n\n")
        return frames

    def events(self) -> Iterator[tuple[float, dict[str, Any]]]:
        """(moment of arrival on the monotonic clock, event)."""
        while True:
            data = self.connection._more()
            moment = time.monotonic()
            for frame in self.feed(data):
                if (event := payload(frame)) is not None:
                    yield moment, event

    def until(self, type: str) -> tuple[float, dict[str, Any]]:
        return next((moment, event) for moment, event in self.events() if event["type"] == type)


def payload(frame: bytes) -> dict[str, Any] | None:
    _, found, text = frame.partition(b"\ndata: ")
    return json.loads(text) if found else None


def stamp(frame: bytes) -> float | None:
    """When a stamped server sent it, on the monotonic clock of this machine."""
    _, found, text = frame.partition(b": at ")
    return int(text.split(b"\n", 1)[0]) / 1e9 if found else None
