"""A file server on loopback that breaks off where it is told, and sends the rest alone or cannot."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ID = "file_" + "a" * 24


@dataclass
class Cutting:
    """`cuts`: after so many bytes each answer breaks off, one after the other; then answers are whole."""

    content: bytes = b""
    name: str = "out.bin"
    size: int | None = None  # that the records say, where it is another
    ranges: bool = True
    tag: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    hold: threading.Event | None = None  # an answer that stops half way, and goes on never
    held: threading.Event = field(default_factory=threading.Event)
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    url: str = ""

    def metadata(self):
        size = len(self.content) if self.size is None else self.size
        return {"id": ID, "type": "file", "filename": self.name, "size_bytes": size, "downloadable": True}


def handler(files):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if not self.path.partition("?")[0].endswith("/content"):
                content = json.dumps(files.metadata()).encode()
                return self.send(200, content, {"content-type": "application/json"})
            asked = self.headers.get("range")
            files.asked.append(asked)
            headers = {"etag": files.tag}
            if files.ranges:
                headers["accept-ranges"] = "bytes"
            if asked and files.ranges and self.headers.get("if-range") == files.tag:
                begin = int(asked.removeprefix("bytes=").rstrip("-"))
                headers["content-range"] = f"bytes {begin}-{len(files.content) - 1}/{len(files.content)}"
                return self.send(206, files.content[begin:], headers, cut=True)
            return self.send(200, files.content, headers, cut=True)

        def send(self, status, content, headers, cut=False):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            until = files.cuts.pop(0) if cut and files.cuts else len(content)
            self.wfile.write(content[:until])
            self.wfile.flush()
            if cut and files.hold is not None:
                files.held.set()
                files.hold.wait(20)
            if until < len(content):
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def cutting() -> Iterator[Cutting]:
    found = Cutting()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(found))
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        if found.hold is not None:
            found.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
