"""A real git repository behind git's own `http-backend`, on loopback, which wants a token."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class GitServer:
    """Serves `owner/thing` below `url`. Without a `token` anybody may clone. `asked` are the requests' paths."""

    def __init__(self, folder: Path) -> None:
        self.token: str | None = None
        self.asked: list[str] = []
        self.closed = threading.Event()  # cleared: an answer waits
        self.closed.set()
        self._root = folder / "served"
        self._work = folder / "work"
        self._bare = self._root / "owner" / "thing"
        self._bare.parent.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main", str(self._work))
        self.first = self.commit("README.md", "first\n")
        self.second = self.commit("README.md", "second\n")
        self._git("-C", str(self._work), "branch", "other", self.first)
        self._git("clone", "--quiet", "--bare", str(self._work), str(self._bare))

    def commit(self, name: str, text: str) -> str:
        (self._work / name).write_text(text)
        self._git("-C", str(self._work), "add", ".")
        self._git("-C", str(self._work), "commit", "--quiet", "-m", text.strip())
        return self._git("-C", str(self._work), "rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        who = {f"GIT_{role}_{part}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._root), "GIT_CONFIG_NOSYSTEM": "1"} | who
        return subprocess.run(
            ["git", *words], check=True, capture_output=True, text=True, env=environment, timeout=30
        ).stdout

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        assert self.closed.wait(30)
        path, _, query = handler.path.partition("?")
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if self.token is not None:
            given = handler.headers.get("Authorization", "").removeprefix("Basic ")
            if base64.b64decode(given) != f"x-access-token:{self.token}".encode():
                handler.send_response(401)
                handler.send_header("WWW-Authenticate", 'Basic realm="git"')
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, timeout=30,
            env={
                "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self._root), "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": handler.command,
                "CONTENT_TYPE": handler.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1": "true",
            },
        )  # fmt: skip
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        handler.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[GitServer, str]]:
    """The server and the address of its repository."""
    git = GitServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):  # who asked has gone
                git.answer(self)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield git, f"http://127.0.0.1:{server.server_port}/owner/thing"
        finally:
            git.closed.set()
            server.shutdown()
            thread.join(10)
