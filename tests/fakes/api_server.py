"""An API server on loopback that answers what it was told, and remembers what it was asked."""

import email
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict
    body: object
    headers: dict


@dataclass
class Api:
    """Answers what it was told: `answers[method, path]` is a body, a (status, body), or a list of SSE events."""

    url: str = ""
    answers: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)

    def on(self, method, path, answer):
        self.answers[method, path] = answer

    def page(self, path, *items):
        self.on("GET", path, {"data": list(items), "next_page": None})

    @property
    def last(self):
        return self.requests[-1]


def decoded(content, kind):
    """JSON, or the parts of a form: (name, file name, content type or None, bytes)."""
    if not kind.startswith("multipart/"):
        return json.loads(content)
    form = email.message_from_bytes(b"content-type: " + kind.encode() + b"\n\n" + content)
    return [
        (part.get_param("name", header="content-disposition"), part.get_filename(), part["content-type"],
         part.get_payload(decode=True))
        for part in form.get_payload()
    ]  # fmt: skip


def handler(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer()

        do_POST = do_DELETE = do_GET

        def answer(self):
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = decoded(self.rfile.read(length), self.headers.get("content-type", "")) if length else None
            api.requests.append(Request(self.command, parts.path, parse_qs(parts.query), body, dict(self.headers)))
            missing = (404, {"type": "error", "error": {"type": "not_found_error", "message": "Nothing here."}})
            answer = api.answers.get((self.command, parts.path), missing)
            if callable(answer):
                answer = answer(api.last)
            if isinstance(answer, list):
                return self.stream(answer)
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.send_header("request-id", "req_test")
            self.send_header("x-should-retry", "false")
            self.end_headers()
            self.wfile.write(content)

        def stream(self, events):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for event in events:
                if isinstance(event, threading.Event):
                    event.wait(10)
                    continue
                self.wfile.write(f"event: message\ndata: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
            self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def serving() -> Iterator[Api]:
    found = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(found))
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
