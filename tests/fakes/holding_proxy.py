"""Passes requests on to a server, and keeps an answer for itself: the server has done it, the client never hears."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """`hold` is the method and path of the request whose answer is kept, or "" for none; `held` is set when it is.
    `drop` is that of the one request whose connection is closed in place of an answer."""

    hold: str = ""
    drop: str = ""
    held: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)
    passed: list[str] = field(default_factory=list)
    url: str = ""


def handler(proxy, target):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            there = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            there.request(self.command, self.path, body, dict(self.headers))
            answer = there.getresponse()
            content = answer.read()
            there.close()
            what = f"{self.command} {urlsplit(self.path).path}"
            proxy.passed.append(what)
            if what == proxy.drop:
                proxy.drop = ""
                self.close_connection = True
                return
            if what == proxy.hold:
                proxy.held.set()
                proxy.end.wait(60)
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = pass_on

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def proxy_before(url: str) -> Iterator[Proxy]:
    proxy = Proxy()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(proxy, urlsplit(url)))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.end.set()
        server.shutdown()
        thread.join()
        server.server_close()
