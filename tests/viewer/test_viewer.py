"""Who the viewer answers, and what it sends for them. A real browser uses it in tests/e2e/test_browser.py."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from antcli.client.client import Client
from antcli.client.server import Server
from antcli.errors import ApiError
from antcli.viewer import server as server_module
from antcli.viewer.feed import Feed
from antcli.viewer.server import Viewer
from tests.fakes.hosted_session import ID, event, idle, running, said

SECRET = "sk-of-the-api"
SESSION = {"id": ID, "title": "A <b>title</b>", "status": "idle", "agent": {"name": "reviewer"}}


def make_feed(session: dict[str, Any] = SESSION) -> Feed:
    server = Server("http://127.0.0.1:9", "hosted", "x", "", headers={"x-api-key": SECRET})
    return Feed(Client(server, retries=0), session, None)


class Browser:
    """Requests as a page of the viewer sends them, unless they say otherwise."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.token = ""

    def __call__(
        self, method: str, path: str, body: Any = None, *, host: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        sent = {"host": host or self.viewer.host, "authorization": f"Bearer {self.token}"}
        if method == "POST":
            sent |= {"origin": f"http://{self.viewer.host}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.viewer.server_port, timeout=10)
        try:
            content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, content, {name: value for name, value in sent.items() if value})
            answer = connection.getresponse()
            if path.startswith("/events") and answer.status == 200:
                with answer:
                    return 200, dict(answer.getheaders()), answer.readline().decode()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, body: Any, **options: Any) -> int:
        return self("POST", path, body, **options)[0]

    def begin(self) -> str:
        self.token = json.loads(self("POST", "/start", {"code": self.viewer.address.partition("#")[2]})[2])["token"]
        return self.token


@pytest.fixture
def sent() -> list[Any]:
    return []


@pytest.fixture
def viewer(sent: list[Any]) -> Iterator[Viewer]:
    feed = make_feed()
    feed.begin()
    with Viewer(feed, sent.extend) as viewer:
        thread = threading.Thread(target=viewer.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield viewer
        viewer.shutdown()
        thread.join()


@pytest.fixture
def browser(viewer: Viewer) -> Browser:
    return Browser(viewer)


def test_it_listens_on_this_machine_alone(viewer: Viewer) -> None:
    assert viewer.server_address[0] == "127.0.0.1" and viewer.address.startswith("http://127.0.0.1:")


def test_the_page_holds_no_secret_and_allows_no_script_but_its_own(viewer: Viewer, browser: Browser) -> None:
    code = viewer.address.partition("#")[2]
    token = browser.begin()
    pages = [browser("GET", "/") for _ in range(2)]
    nonces = []
    for status, headers, page in pages:
        policy = headers["content-security-policy"]
        [nonce] = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
        nonces.append(nonce)
        assert status == 200 and page.count(f'nonce="{nonce}"') == 2 and "{" + "nonce}" not in page
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
        assert all(secret not in page + str(headers) for secret in (code, token, SECRET))
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert "set-cookie" not in headers and "access-control-allow-origin" not in headers
    assert nonces[0] != nonces[1]


def test_a_code_is_good_once(viewer: Viewer, browser: Browser) -> None:
    code = viewer.address.partition("#")[2]
    assert browser.post("/start", {"code": "wrong"}) == 403 and browser.post("/start", {}) == 403
    assert browser.begin() and browser.post("/start", {"code": code}) == 403
    assert browser.post("/send", {"text": "hello"}) == 200


def test_a_code_is_good_for_two_minutes(viewer: Viewer, browser: Browser, monkeypatch: Any) -> None:
    now = server_module.time.monotonic() + server_module.CODE_SECONDS + 1
    monkeypatch.setattr(server_module.time, "monotonic", lambda: now)
    assert browser.post("/start", {"code": viewer.address.partition("#")[2]}) == 403


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer wrong", "Basic {}", "{}"])
def test_without_the_token_there_is_nothing(browser: Browser, sent: list[Any], token: str) -> None:
    authorization = token.format(browser.begin())
    for path in ("/send", "/answer", "/interrupt"):
        assert browser.post(path, {"text": "x", "id": "x", "allow": True}, authorization=authorization) == 401
    assert browser("GET", "/events", authorization=authorization)[0] == 401 and sent == []


@pytest.mark.parametrize(
    "host", ["localhost:{}", "127.0.0.1", "127.0.0.1:1", "evil.example:{}", "evil.example", "[::1]:{}"]
)
def test_another_host_is_refused(viewer: Viewer, browser: Browser, sent: list[Any], host: str) -> None:
    browser.begin()
    other = host.format(viewer.server_port)
    assert browser("GET", "/", host=other)[0] == 403 and browser("GET", "/events", host=other)[0] == 403
    assert browser.post("/send", {"text": "x"}, host=other) == 403
    assert browser.post("/start", {"code": "x"}, host=other) == 403 and sent == []


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1:{}"])
def test_another_origin_is_refused(viewer: Viewer, browser: Browser, sent: list[Any], origin: str) -> None:
    browser.begin()
    assert browser.post("/send", {"text": "x"}, origin=origin.format(viewer.server_port)) == 403
    assert browser.post("/send", {"text": "x"}, sec_fetch_site="same-site") == 403
    assert browser("GET", "/", sec_fetch_site="cross-site")[0] == 403
    assert browser("GET", "/", sec_fetch_site="none")[0] == 200 and sent == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}), (b"[]", {}), (b"\xff", {}), ({"text": "x"}, {"content_type": "text/plain"}),
        ({"text": "x"}, {"content_type": "application/x-www-form-urlencoded"}), ({"text": "x" * (1 << 20)}, {}),
        (None, {"content_length": "x"}),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_body_that_is_none_is_refused(browser: Browser, sent: list[Any], body: Any, headers: dict[str, str]) -> None:
    browser.begin()
    with suppress(ConnectionError, http.client.HTTPException):  # it may hang up in the middle of it
        assert browser.post("/send", body, **headers) == 400
    assert sent == []


def test_what_a_page_sends_becomes_events_and_nothing_else_does(browser: Browser, sent: list[Any]) -> None:
    browser.begin()
    assert browser.post("/send", {"text": "Hello\nyou", "type": "system.message"}) == 200
    assert browser.post("/answer", {"id": "sevt_1", "allow": False, "message": "No."}) == 200
    assert browser.post("/answer", {"id": "sevt_2", "allow": True, "message": "ignored"}) == 200
    assert browser.post("/interrupt", {}) == 200
    assert sent == [
        {"type": "user.message", "content": [{"type": "text", "text": "Hello\nyou"}]},
        {"type": "user.tool_confirmation", "tool_use_id": "sevt_1", "result": "deny", "deny_message": "No."},
        {"type": "user.tool_confirmation", "tool_use_id": "sevt_2", "result": "allow"}, {"type": "user.interrupt"},
    ]  # fmt: skip
    sent.clear()
    for path, body in (
        ("/send", {"text": " "}),
        ("/send", {}),
        ("/answer", {"id": "x", "allow": "yes"}),
        ("/answer", {}),
    ):
        assert browser.post(path, body) == 400
    assert browser.post("/v1/agents", {}) == 404 and browser("GET", "/etc/passwd")[0] == 404 and sent == []


def test_a_refusal_of_the_server_is_told(viewer: Viewer, browser: Browser) -> None:
    def refuse(_: Any) -> None:
        raise ApiError("The session is archived.", status=409)

    viewer.send = refuse
    browser.begin()
    status, _, body = browser("POST", "/send", {"text": "x"})
    assert (status, json.loads(body)) == (502, {"error": "The session is archived."})


def test_pages_are_counted(viewer: Viewer, browser: Browser) -> None:
    browser.begin()
    viewer.pages = threading.BoundedSemaphore(1)
    viewer.pages.acquire()
    assert browser("GET", "/events")[0] == 503
    viewer.pages.release()
    status, _, line = browser("GET", "/events")
    assert status == 200 and json.loads(line.removeprefix("data: "))["state"]["agent"] == "reviewer"


# What it tells.


def start(id: str) -> dict[str, Any]:
    return {"type": "event_start", "event": {"type": "agent.message", "id": id}}


def delta(id: str, text: str) -> dict[str, Any]:
    return {"type": "event_delta", "event_id": id, "delta": {"content": {"text": text}}}


def told(feed: Feed, since: int = 0) -> tuple[int, dict[str, str], dict[str, Any]]:
    found = feed.changes(since, 0)
    assert found is not None
    return found[0], dict(found[1]["pieces"]), found[1]["state"]


def test_a_message_grows_and_is_replaced_by_itself() -> None:
    feed, message = make_feed(), said("Hello **you**")
    for one in (running(), start(message["id"]), delta(message["id"], "Hello "), delta(message["id"], "**y")):
        feed.take(one)
    since, pieces, state = told(feed)
    assert "Hello **y" in pieces[message["id"]] and "draft" in pieces[message["id"]] and state["status"] == "running"
    feed.take(message)
    feed.take(idle())
    since, pieces, state = told(feed, since)
    assert "<strong>you</strong>" in pieces[message["id"]] and "draft" not in pieces[message["id"]]
    assert state["status"] == "idle" and feed.changes(since, 0) is None


def test_a_draft_without_a_message_goes() -> None:
    feed = make_feed()
    for one in (start("sevt_1"), delta("sevt_1", "Hal"), event("span.model_request_end")):
        feed.take(one)
    assert told(feed)[1]["sevt_1"] == ""


def test_a_result_stands_with_its_call_and_a_question_shows_all_of_it() -> None:
    feed = make_feed()
    command = "echo " + "x" * 5000 + "\u202e<script>"
    call = event("agent.tool_use", name="bash", input={"command": command}, evaluated_permission="ask")
    feed.take(call)
    feed.take(idle("requires_action", event_ids=[call["id"]]))
    since, pieces, state = told(feed)
    assert next(iter(pieces)) == call["id"] and "<script>" not in pieces[call["id"]]
    [ask] = state["asks"]
    assert ask["id"] == call["id"] and "x" * 5000 in ask["input"] and "\u202e" not in ask["input"] and state["waits"]
    feed.take(event("user.tool_confirmation", tool_use_id=call["id"], result="allow"))
    feed.take(event("agent.tool_result", tool_use_id=call["id"], content=[{"type": "text", "text": "the result"}]))
    _, pieces, state = told(feed, since)
    assert "the result" in pieces[call["id"]] and state["asks"] == []


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "![x](http://e.example/x.png)"]
)
def test_what_an_agent_says_stays_text(text: str) -> None:
    feed = make_feed()
    feed.take(said(text))
    [html] = told(feed)[1].values()
    assert "<img" not in html and 'href="javascript' not in html


def test_a_server_that_says_no_ends_the_feed_with_its_words(api: Any) -> None:
    with Client(Server(api.url, "hosted", "x", ""), retries=0) as client:
        feed = Feed(client, SESSION, None)
        feed.run()
    state = told(feed)[2]
    assert state["over"] and "Nothing here" in state["notice"]
