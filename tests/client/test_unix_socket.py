"""The engine's socket: what the tests of both ways do not see."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from antcli.client.client import Client
from antcli.client.server import Server
from antcli.errors import ServerError


def test_a_connection_is_used_again_and_a_stale_one_is_not(unix_server: Any, reply: Any) -> None:
    unix_server.answers(reply(body={"n": 1}), reply(body={"n": 2}), reply(body={"n": 3}))
    with unix_server.client(retries=0) as client:
        assert [client.get("/a")["n"], client.get("/b")["n"]] == [1, 2]
        assert len(unix_server._open) == 1
        unix_server.drop()
        assert client.get("/c")["n"] == 3


def test_threads_have_connections_of_their_own(unix_server: Any, reply: Any) -> None:
    barrier = threading.Barrier(4, timeout=10)
    unix_server.handler = lambda asked: (barrier.wait() and None) or reply(body={"target": asked.target})
    with unix_server.client(retries=0) as client:
        got: list[str] = []
        threads = [threading.Thread(target=lambda n=n: got.append(client.get(f"/{n}")["target"])) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert sorted(got) == ["/0", "/1", "/2", "/3"]


def test_closing_ends_a_stream_that_another_thread_reads(unix_server: Any, reply: Any) -> None:
    def frames() -> Any:
        yield b": one\n\n"
        unix_server.stopping.wait(20)

    unix_server.answers(reply(chunks=frames()))
    ended = threading.Event()
    client = unix_server.client(retries=0)
    stream = client.stream("sessions.events.stream", "sesn_1")

    def read() -> None:
        with stream, pytest.raises(ServerError):
            list(stream)
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    client.close()
    assert ended.wait(10)
    reader.join(10)


def test_an_answer_that_comes_before_the_body_was_read_is_heard(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def refuse() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.shutdown(socket.SHUT_RD)
            connection.sendall(b"HTTP/1.1 413 Too large\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            connection.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=refuse)
    thread.start()
    server = Server("http://ant", "local", "t", "", socket=path)
    with listener, Client(server, retries=0) as client, pytest.raises(Exception, match="413"):
        client.post("/large", {"text": "x" * 10_000_000})
    thread.join(10)


@pytest.mark.parametrize("cut", [0, 10, 30, 55, 62, 68, 70])
def test_a_head_that_is_cut_off_is_no_answer(unix_server: Any, reply: Any, cut: int) -> None:
    unix_server.answers(reply(body={"id": "x" * 100}, cut=cut))
    with unix_server.client(retries=0) as client, pytest.raises(ServerError):
        client.call("agents.retrieve", "x")


def test_a_form_goes_over_the_same_socket(unix_server: Any, reply: Any) -> None:
    unix_server.answers(reply(body={"id": "file_1"}))
    with unix_server.client() as client:
        client.call("files.upload", files=[("file", ("a.txt", b"words", "text/plain"))])
        assert b"words" in unix_server.asked[0].body
        assert "multipart/form-data" in unix_server.asked[0].headers["content-type"]


def test_it_needs_nothing_of_httpx(unix_server: Any, reply: Any) -> None:
    unix_server.answers(reply(body={"data": []}))
    script = (
        "import sys; from antcli.client.client import Client; from antcli.client.server import Server;"
        f"Client(Server('http://ant', 'local', 't', '', socket={unix_server.socket!r})).call('agents.list');"
        "print({'httpx', 'httpcore', 'h11', 'anyio', 'certifi', 'idna'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
