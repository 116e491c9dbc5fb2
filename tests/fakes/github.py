"""A GitHub on loopback: what its API says about commits, and the archives that another host gives."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, Any]  # a text, bytes, or a TarInfo for what is no file


@dataclass
class Repository:
    """Branches lead to commits, commits to files. `token`: only with it is it there."""

    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, bytes] = field(default_factory=dict)
    token: str = ""

    def commit(self, files: Files, branch: str = "main", **archive: Any) -> str:
        sha = hashlib.sha1(repr((sorted(files), files, len(self.commits))).encode()).hexdigest()
        self.commits[sha] = packed(files, sha, **archive)
        self.branches[branch] = self.branches["HEAD"] = sha
        return sha


def packed(files: Files, commit: str, top: str = "", comment: str | None = None) -> bytes:
    """As GitHub packs them: all in one folder, the commit in the comment."""
    top = top or f"owner-repository-{commit[:7]}/"
    buffer = io.BytesIO()
    headers = {"comment": commit if comment is None else comment}
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        for name, content in files.items():
            entry = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo()
            entry.name = top + name
            data = content.encode() if isinstance(content, str) else content if isinstance(content, bytes) else b""
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class GitHub:
    """`asked` has (host, path, authorization) of each request; `answer` is given to the API's next ones instead."""

    url: str = ""
    files_url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    answer: tuple[int, dict[str, str], bytes] | None = None

    def repository(self, name: str = "owner/skills", token: str = "") -> Repository:
        return self.repositories.setdefault(name, Repository(token=token))

    def reply(self, host: str, path: str, authorization: str | None) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((host, path, authorization))
        parts = [unquote(part) for part in urlsplit(path).path.strip("/").split("/")]
        if host == "files":
            return (
                200,
                {"content-type": "application/x-gzip"},
                self.repositories[f"{parts[0]}/{parts[1]}"].commits[parts[2]],
            )
        if self.answer is not None:
            return self.answer
        found = self.repositories.get("/".join(parts[1:3]))
        if found is None or (found.token and authorization != f"Bearer {found.token}"):
            return 404, {}, b'{"message": "Not Found"}'
        if parts[3] == "commits":
            sha = found.branches.get(parts[4])
            return (200, {}, sha.encode()) if sha else (422, {}, b'{"message": "No commit found for SHA"}')
        return 302, {"location": f"{self.files_url}/{parts[1]}/{parts[2]}/{parts[4]}?token=temporary"}, b""


@contextmanager
def github() -> Iterator[GitHub]:
    found = GitHub()
    with ExitStack() as stack:
        found.url = stack.enter_context(_serving(found, "api"))
        found.files_url = stack.enter_context(_serving(found, "files"))
        yield found


@contextmanager
def _serving(found: GitHub, host: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = found.reply(host, self.path, self.headers.get("authorization"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
