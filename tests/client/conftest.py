"""A server on loopback that answers as told, byte by byte, and can hang up anywhere."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from antcli.client.client import Client
from antcli.client.server import Server


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """`body` at once, or `chunks` until they end. `cut`: hang up after so many bytes of the answer, head included."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    cut: int | None = None

    def pieces(self) -> Iterator[bytes]:
        headers = {"content-type": "application/json", **self.headers}
        if self.chunks is None:
            body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
            headers["content-length"] = str(len(body))
        else:
            headers["transfer-encoding"] = "chunked"
        yield (
            f"HTTP/1.1 {self.status} Told\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        ).encode()
        if self.chunks is None:
            yield body
            return
        for chunk in self.chunks:
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n"


class FakeServer:
    def __init__(self, path: str | None = None) -> None:
        self.handler: Callable[[Asked], Reply] = lambda asked: Reply(404, {})
        self.asked: list[Asked] = []
        self.socket = path
        self.tls: ssl.SSLContext | None = None
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self.url = "http://ant"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._listener.listen(50)
        self._patience = threading.Timer(30, self.give_up)
        self._patience.daemon = True
        self._patience.start()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What messages call it."""
        return self.socket or self.url

    def answers(self, *replies: Reply) -> None:
        """One reply after the other; the last one again and again."""
        left = list(replies)
        self.handler = lambda asked: left.pop(0) if len(left) > 1 else left[0]

    def client(self, **options: Any) -> Client:
        headers = options.pop("headers", {"x-api-key": "sk-secret"})
        return Client(Server(self.url, "hosted", "test", "", socket=self.socket, headers=headers), **options)

    def give_up(self) -> None:
        """Refuse everything: a test that would wait for ever fails instead."""
        self.handler = lambda asked: Reply(410, {"error": {"type": "gone", "message": "The test took too long."}})
        self.stopping.set()
        self.drop()

    def drop(self) -> None:
        """Hang up on everybody."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._patience.cancel()
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self._thread.join(5)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        if self.tls:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
        with suppress(OSError), connection, connection.makefile("rb") as reader:
            while (asked := _read(reader)) is not None:
                self.asked.append(asked)
                reply = self.handler(asked)
                left = reply.cut
                for piece in reply.pieces():
                    connection.sendall(piece if left is None else piece[:left])
                    left = None if left is None else left - len(piece)
                    if left is not None and left <= 0:
                        if left % 2:  # now and then a reset instead of a close
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                if left is not None:
                    return
        self._open.discard(connection)


def _read(reader: Any) -> Asked | None:
    line = reader.readline()
    if not line:
        return None
    method, target, _ = line.decode().split(" ")
    headers = {}
    while (header := reader.readline().decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(method, target, headers, reader.read(int(headers.get("content-length", 0))))


@pytest.fixture
def port_server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def unix_server(tmp_path: Path) -> Iterator[FakeServer]:
    fake = FakeServer(str(tmp_path / "s"))
    yield fake
    fake.close()


@pytest.fixture(params=["port", "unix"])
def server(request: pytest.FixtureRequest) -> FakeServer:
    """One after the other: the two ways that bytes go."""
    fake: FakeServer = request.getfixturevalue(f"{request.param}_server")
    return fake


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once, and no proxy of this machine is used."""
    monkeypatch.setattr("antcli.client.retries.FIRST_DELAY", 0.001)
    for name in ("http_proxy", "https_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
