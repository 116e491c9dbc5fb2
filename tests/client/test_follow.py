from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from antcli.client import seen
from antcli.client.client import Client
from antcli.client.follow import follow
from antcli.errors import ApiError, ServerError

Event = dict[str, Any]

FAST = {"first_delay": 0.0005, "longest_delay": 0.002}
GONE = {"error": {"type": "not_found_error", "message": "No such session."}}


class FakeSession:
    """A log behind the list and stream operations: queued events stand last in lists, streams show only what is new."""

    def __init__(self, server: Any, reply: Any) -> None:
        self.reply = reply
        self.log: list[Event] = []  # in the order of events; a stamped copy comes after its queued one
        self.grown = threading.Condition()
        self.server = server
        self.streams = 0
        self.listed = 0  # events that lists have sent
        self.cut: Callable[[str], int | None] = lambda kind: None
        self.before_list: Callable[[], None] = lambda: None
        self.after_list: Callable[[], None] = lambda: None
        self.after_open: Callable[[], None] = lambda: None
        self.heartbeat: bytes | None = b": ping\n\n"
        self.tick = 0.01
        server.handler = self.answer

    def add(self, type: str = "agent.message", id: str | None = None, *, queued: bool = False, **more: Any) -> Event:
        with self.grown:
            at = len(self.log)
            event = {"id": id or f"e{at}", "type": type, "processed_at": None if queued else f"t{at:06}", **more}
            self.log.append(event)
            self.grown.notify_all()
        return event

    def add_all(self, *events: tuple[str, str]) -> None:
        for type, id in events:
            self.add(type, id)

    def visible(self) -> list[Event]:
        stamped = {event["id"] for event in self.log if event["processed_at"]}
        return [event for event in self.log if event["processed_at"]] + [
            event for event in self.log if not event["processed_at"] and event["id"] not in stamped
        ]

    def answer(self, asked: Any) -> Any:
        if asked.path.endswith("/stream"):
            self.streams += 1
            start = len(self.log)
            self.after_open()
            return self.reply(
                chunks=self.frames(start), headers={"content-type": "text/event-stream"}, cut=self.cut("stream")
            )
        return self.list(dict(asked.query))

    def list(self, query: dict[str, str]) -> Any:
        self.before_list()
        with self.grown:
            events = [event for event in self.visible() if not event["type"].startswith("event_")]
        if query.get("order") == "desc":
            events.reverse()
        ids = [event["id"] for event in events]
        start = ids.index(query["page"]) + 1 if query.get("page") else 0
        limit = int(query.get("limit", 20))
        page = events[start : start + limit]
        self.listed += len(page)
        more = page[-1]["id"] if start + limit < len(events) else None
        self.after_list()
        return self.reply(body={"data": page, "next_page": more}, cut=self.cut("list"))

    def frames(self, start: int) -> Iterator[bytes]:
        yield b": open\n\n"
        while not self.server.stopping.is_set():
            with self.grown:
                if len(self.log) <= start:
                    self.grown.wait(self.tick)
                new, start = self.log[start:], len(self.log)
            for event in new:
                yield b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
                if event["type"] in ("session.deleted", "session.status_terminated"):
                    return
            if not new and self.heartbeat:
                yield self.heartbeat


@pytest.fixture
def session(server: Any, reply: Any) -> FakeSession:
    return FakeSession(server, reply)


def ids(events: list[Event]) -> list[str]:
    return [event["id"] for event in events]


def stop_at(id: str) -> Callable[[Event], bool]:
    return lambda event: event.get("id") == id and event.get("processed_at") is not None


def test_history_comes_first_then_what_happens(session: FakeSession, server: Any) -> None:
    for _ in range(3):
        session.add()
    with server.client() as client:
        events = follow(client, "s", deltas=["agent.message"])
        assert ids([next(events) for _ in range(3)]) == ["e0", "e1", "e2"]
        session.add()
        assert next(events)["id"] == "e3"
        session.add("session.status_terminated")
        assert ids(list(events)) == ["e4"]
    paths = [asked.path for asked in server.asked]
    assert paths == ["/v1/sessions/s/events/stream", "/v1/sessions/s/events"]  # the stream first
    assert server.asked[0].query == [("event_deltas[]", "agent.message")]


def test_what_happens_between_open_and_list_comes_once(session: FakeSession, server: Any) -> None:
    session.add()
    session.after_open = lambda: [session.add() for _ in range(3)].clear()
    session.after_list = lambda: session.add("session.deleted") and None
    with server.client() as client:
        assert ids(list(follow(client, "s"))) == ["e0", "e1", "e2", "e3", "e4"]


def test_what_is_sent_on_open_is_not_missed(session: FakeSession, server: Any) -> None:
    session.add("session.status_idle")

    def send() -> None:
        assert session.streams == 1 and session.listed == 1  # the stream stands, only the newest event was looked up
        session.add("user.message", "mine")
        session.add("session.status_idle", "end")

    with server.client() as client:
        events = follow(client, "s", history=False, on_open=send, stop=lambda event: "idle" in event["type"])
        assert ids(list(events)) == ["mine", "end"]


def test_on_every_connection_it_is_said_when_what_was_missed_is_out(session: FakeSession, server: Any) -> None:
    session.add()
    heard: list[str] = []

    def caught_up() -> None:
        heard.append("caught up")
        session.add("session.deleted" if session.streams == 2 else "agent.message")

    session.cut = lambda kind: 200 if kind == "stream" and session.streams == 1 else None
    with server.client() as client:
        for event in follow(client, "s", on_caught_up=caught_up, **FAST):
            heard.append(event["id"])
    assert heard[:2] == ["e0", "caught up"] and heard.count("caught up") == 2
    assert [id for id in heard if id != "caught up"] == ["e0", "e1", "e2"]


def test_what_on_open_raises_is_raised(session: FakeSession, server: Any) -> None:
    def refuse() -> None:
        raise ServerError("not sent")

    with server.client() as client, pytest.raises(ServerError, match="not sent"):
        list(follow(client, "s", on_open=refuse))
    assert session.streams == 1


def test_a_queued_event_comes_once_queued_and_once_stamped(session: FakeSession, server: Any) -> None:
    session.add("user.message", "m1", queued=True)
    session.add("user.message", "m2", queued=True)
    session.after_open = lambda: session.add("user.message", "m1") and None
    session.after_list = lambda: session.add_all(("user.message", "m2"), ("session.deleted", "end"))
    with server.client() as client:
        shown = [(event["id"], bool(event["processed_at"])) for event in follow(client, "s")]
    assert shown == [("m1", True), ("m2", False), ("m2", True), ("end", True)]


def test_queued_copies_can_be_left_out(session: FakeSession, server: Any) -> None:
    session.add("user.message", "m1", queued=True)
    session.after_list = lambda: session.add_all(("user.message", "m1"), ("session.deleted", "end"))
    with server.client() as client:
        assert ids(list(follow(client, "s", queued=False))) == ["m1", "end"]


def test_it_goes_on_after_the_event_that_is_known(session: FakeSession, server: Any) -> None:
    for _ in range(50):
        session.add()
    with server.client() as client:
        assert ids(list(follow(client, "s", after="e45", stop=stop_at("e49")))) == ["e46", "e47", "e48", "e49"]
    assert session.listed <= 20


@pytest.mark.parametrize(("thread_id", "most"), [(None, 7 * 20), ("t", 7 * 56)])
def test_without_history_only_what_is_new_comes_also_after_a_reconnect(
    session: FakeSession, server: Any, thread_id: str | None, most: int
) -> None:
    for _ in range(50):
        session.add("session.status_idle")
    session.after_open = lambda: session.add() and None
    session.cut = lambda kind: 250 if kind == "stream" and session.streams < 6 else None
    with server.client() as client:
        events = follow(client, "s", thread_id=thread_id, history=False, stop=stop_at("e55"), **FAST)
        assert ids(list(events)) == ["e50", "e51", "e52", "e53", "e54", "e55"]
    assert session.streams == 6
    assert session.listed <= most


def test_a_session_that_is_over_ends_it_whatever_is_known(session: FakeSession, server: Any) -> None:
    session.add()
    session.add("session.status_terminated")
    opened: list[bool] = []
    with server.client() as client:
        assert list(follow(client, "s", after="e1", on_open=lambda: opened.append(True))) == []
        assert list(follow(client, "s", history=False, on_open=lambda: opened.append(True))) == []
        assert ids(list(follow(client, "s"))) == ["e0", "e1"]
    assert opened == [True, True]


def test_stop_is_asked_about_copies_too(session: FakeSession, server: Any) -> None:
    session.add("user.message", "m1")
    asked: list[str] = []

    def stop(event: Event) -> bool:
        asked.append(event["id"])
        return asked.count("m2") == 2

    session.after_open = lambda: session.add("user.message", "m2") and None
    with server.client() as client:
        assert ids(list(follow(client, "s", stop=stop))) == ["m1", "m2"]


def test_previews_pass_through_but_not_after_the_whole_message(session: FakeSession, server: Any) -> None:
    def write(id: str) -> None:
        session.add("event_start", event={"type": "agent.message", "id": id})
        session.add("event_delta", event_id=id, delta={"content": {"text": "x"}})
        session.add(id=id)

    session.after_open = lambda: write("m1")
    session.after_list = lambda: write("m2")
    with server.client() as client:
        types = [event["type"] for event in follow(client, "s", stop=stop_at("m2"))]
    assert types == ["agent.message", "event_start", "event_delta", "agent.message"]


def test_a_thread_is_followed_by_its_own_lists(
    session: FakeSession, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antcli.client.follow._LARGEST_PAGE", 10)
    for _ in range(35):
        session.add()
    session.after_open = lambda: session.add() and None
    session.cut = lambda kind: 250 if kind == "stream" and session.streams < 6 else None
    with server.client() as client:
        events = follow(client, "s", thread_id="t", **FAST)
        assert ids([next(events) for _ in range(41)]) == [f"e{n}" for n in range(41)]
        session.add("session.thread_status_terminated", "other", session_thread_id="u")
        session.add("session.thread_status_terminated", "own", session_thread_id="t")
        assert ids(list(events)) == ["other", "own"]
    lists = [dict(asked.query) for asked in server.asked if asked.path == "/v1/sessions/s/threads/t/events"]
    assert not any("order" in query for query in lists)
    assert all("page" in query for query in lists[1:])  # never from the beginning again
    assert session.listed <= 36 + 5 * 20


def test_a_cursor_of_a_thread_that_is_too_old_is_forgotten(
    session: FakeSession, server: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antcli.client.follow._LARGEST_PAGE", 10)
    for _ in range(35):
        session.add()
    session.cut = lambda kind: 250 if kind == "stream" and session.streams < 2 else None
    calm = session.answer
    refused: list[str] = []

    def forgetful(asked: Any) -> Any:
        page = dict(asked.query).get("page")
        if page is None or refused:
            return calm(asked)
        refused.append(page)
        return reply(400, {"error": {"type": "invalid_request_error", "message": "Too old."}})

    with server.client() as client:
        events = follow(client, "s", thread_id="t", before_reconnect=lambda: session.add() and None, **FAST)
        assert ids([next(events) for _ in range(35)]) == [f"e{n}" for n in range(35)]
        server.handler = forgetful
        assert next(events)["id"] == "e35"
    assert refused == ["e29"]


def test_a_list_of_a_thread_does_not_go_on_behind_what_is_queued(
    session: FakeSession, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is processed later stands before that."""
    monkeypatch.setattr("antcli.client.follow._LARGEST_PAGE", 10)
    for _ in range(9):
        session.add()
    for id in ("m1", "m2"):
        session.add("user.message", id, queued=True)
    session.cut = lambda kind: 250 if kind == "stream" and session.streams < 2 else None
    with server.client() as client:
        events = follow(client, "s", thread_id="t", before_reconnect=lambda: session.add() and None, **FAST)
        assert ids([next(events) for _ in range(12)])[-3:] == ["m1", "m2", "e11"]


def test_a_reconnect_lists_what_is_new_and_not_what_is_old(session: FakeSession, server: Any) -> None:
    for _ in range(3000):
        session.add()
    session.after_open = lambda: session.add() and None
    session.cut = lambda kind: 250 if kind == "stream" and session.streams < 10 else None
    with server.client() as client:
        assert ids(list(follow(client, "s", stop=stop_at("e3009"), **FAST))) == [f"e{n}" for n in range(3010)]
    assert session.listed <= 3001 + 9 * 20


def test_a_long_list_is_followed_by_a_new_stream(
    session: FakeSession, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the stream could bring again what is no longer remembered."""
    for module in ("antcli.client.seen", "antcli.client.follow"):
        monkeypatch.setattr(f"{module}.WINDOW", 50)
    assert seen.WINDOW == 50
    session.after_open = lambda: [session.add() for _ in range(100 if session.streams == 1 else 1)].clear()
    with server.client() as client:
        events = list(follow(client, "s", stop=stop_at("e100"), **FAST))
    assert ids(events) == [f"e{n}" for n in range(101)]
    assert session.streams == 2


def test_a_silent_connection_is_given_up(session: FakeSession, server: Any) -> None:
    session.heartbeat = None
    notices: list[str] = []
    with server.client(on_notice=notices.append) as client:
        events = follow(client, "s", heartbeat_timeout=0.05, before_reconnect=lambda: session.add() and None, **FAST)
        assert next(events)["id"] == "e0"
    assert session.streams == 2
    assert len(notices) == 2 and "No answer" in notices[0] and notices[1] == "Connected again."


def test_it_says_once_that_it_reconnects_and_asks_before_each_try(
    session: FakeSession, server: Any, reply: Any
) -> None:
    session.add()
    notices: list[str] = []
    tries: list[int] = []
    calm = session.answer

    def before() -> None:
        tries.append(1)
        if len(tries) == 5:
            server.handler = calm
            session.add("session.deleted")

    with server.client(on_notice=notices.append) as client:
        events = follow(client, "s", before_reconnect=before, **FAST)
        assert next(events)["id"] == "e0"
        server.handler = lambda asked: reply(503, {"error": {"type": "api_error", "message": "Down."}})
        server.drop()
        assert ids(list(events)) == ["e1"]
    assert len(tries) == 5
    assert len(notices) == 2 and "reconnecting" in notices[0] and notices[1] == "Connected again."


def test_a_second_loss_is_told_like_the_first(session: FakeSession, server: Any) -> None:
    session.add()
    notices: list[str] = []
    with server.client(on_notice=notices.append) as client:
        events = follow(client, "s", **FAST)
        assert next(events)["id"] == "e0"
        for id in ("e1", "e2"):
            server.drop()
            session.add()
            assert next(events)["id"] == id
    assert [notice.partition(" ")[0] for notice in notices] == ["Lost", "Connected"] * 2


def test_what_is_raised_before_a_reconnect_gives_up(session: FakeSession, server: Any) -> None:
    def give_up() -> None:
        raise ServerError("enough")

    session.frames = lambda start: iter([b": bye\n\n"])  # type: ignore[method-assign]
    with server.client() as client, pytest.raises(ServerError, match="enough"):
        list(follow(client, "s", before_reconnect=give_up, **FAST))


def test_a_stream_the_server_ends_is_opened_again_without_a_word(session: FakeSession, server: Any) -> None:
    notices: list[str] = []
    calm = session.frames
    session.frames = lambda start: iter([b": bye\n\n"]) if session.streams == 1 else calm(start)  # type: ignore[method-assign]
    session.add()
    with server.client(on_notice=notices.append) as client:
        events = follow(client, "s", before_reconnect=lambda: session.add("session.deleted") and None, **FAST)
        assert ids(list(events)) == ["e0", "e1"]
    assert notices == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_on_the_way_is_raised(session: FakeSession, server: Any, reply: Any, status: int) -> None:
    session.add()

    def refuse() -> None:
        server.handler = lambda asked: reply(status, GONE)

    session.frames = lambda start: iter([b": bye\n\n"])  # type: ignore[method-assign]
    with server.client() as client, pytest.raises(ApiError) as caught:
        list(follow(client, "s", before_reconnect=refuse, **FAST))
    assert caught.value.status == status


@pytest.mark.parametrize("status", [408, 409, 429, 500])
def test_a_refusal_that_may_pass_is_waited_for(session: FakeSession, server: Any, reply: Any, status: int) -> None:
    session.add()
    refused: list[str] = []

    def once(asked: Any) -> Any:
        if refused:
            return session.answer(asked)
        refused.append(asked.path)
        return reply(status, GONE)

    with server.client() as client:
        events = follow(client, "s", **FAST)
        assert next(events)["id"] == "e0"
        server.handler = once
        server.drop()
        session.add("session.deleted")
        assert ids(list(events)) == ["e1"]
    assert refused == ["/v1/sessions/s/events/stream"]


def test_a_first_connection_that_fails_is_raised(server: Any, reply: Any) -> None:
    server.answers(reply(503, GONE))
    with server.client(retries=1) as client, pytest.raises(ApiError):
        list(follow(client, "s", **FAST))
    assert len(server.asked) == 2


def test_closing_the_client_ends_the_waiting(session: FakeSession, server: Any) -> None:
    session.frames = lambda start: iter([b": bye\n\n"])  # type: ignore[method-assign]
    client = server.client()
    threading.Timer(0.1, client.close).start()
    with pytest.raises(ServerError, match="closed"):
        list(follow(client, "s", first_delay=30, longest_delay=30))


def test_a_client_that_was_closed_has_lost_nothing(session: FakeSession, server: Any) -> None:
    session.add()
    notices: list[str] = []
    client = server.client(on_notice=notices.append)
    events = follow(client, "s", **FAST)
    next(events)
    client.close()
    with pytest.raises(ServerError, match="closed"):
        next(events)
    assert notices == []


@pytest.mark.parametrize(("thread_id", "wanted"), [(None, 1000), ("t", 300)])
def test_a_thousand_disconnects_lose_nothing_and_repeat_nothing(
    session: FakeSession, server: Any, thread_id: str | None, wanted: int
) -> None:
    """At any byte of a stream or a list, with events before, between and after, and queued ones among them."""
    dice = random.Random(wanted)
    waiting: list[str] = []
    disconnects = 0

    def happen() -> None:
        if disconnects >= wanted:
            return
        for _ in range(dice.choice([0, 0, 1, 1, 2, 40 if dice.random() < 0.02 else 0])):
            if waiting and dice.random() < 0.4:
                session.add("user.message", waiting.pop(0))
            elif dice.random() < 0.2:
                waiting.append(session.add("user.message", queued=True)["id"])
            else:
                session.add()

    def cut(kind: str) -> int | None:
        nonlocal disconnects
        if disconnects >= wanted:
            if session.log[-1]["type"] != "session.status_terminated":
                for id in waiting:
                    session.add("user.message", id)
                session.add("session.status_terminated", "end")
            return None
        if kind == "list" and dice.random() < 0.8:
            return None
        disconnects += 1
        return dice.randrange(0, 900)

    def cutting(kind: str) -> int | None:
        happen()
        return cut(kind)

    session.cut = cutting
    session.before_list = session.after_list = session.after_open = happen
    session.heartbeat, session.tick = b": " + b"." * 400 + b"\n\n", 0.001  # so that every stream reaches its cut
    client: Client = server.client(retries=0, headers={})
    with client:
        got = list(started(client, thread_id))
    stamped = [event["id"] for event in got if event["processed_at"]]
    assert stamped == [event["id"] for event in session.log if event["processed_at"]]
    queued = [event["id"] for event in got if not event["processed_at"]]
    assert len(queued) == len(set(queued)) and set(queued) <= {e["id"] for e in session.log if not e["processed_at"]}
    first_seen = {event["id"]: at for at, event in reversed(list(enumerate(got)))}
    assert all(got[first_seen[id]]["processed_at"] is None for id in queued)
    assert disconnects == wanted and len(stamped) > wanted and queued


def started(client: Client, thread_id: str | None) -> Iterator[Event]:
    """Follow, and try again for as long as the very first connection fails: that one is the caller's to judge."""
    while True:
        events = follow(client, "s", thread_id=thread_id, **FAST)
        try:
            first = next(events)
        except ServerError:
            continue
        yield first
        yield from events
        return


def test_a_queued_event_that_is_stamped_in_its_old_place_while_away_is_found(session: FakeSession, server: Any) -> None:
    """For a server that lists events where they were first put."""

    def in_place() -> list[Event]:
        stamped = {event["id"]: event for event in session.log if event["processed_at"]}
        first = {event["id"]: event for event in reversed(session.log)}
        return [stamped.get(event["id"], event) for event in session.log if first[event["id"]] is event]

    session.visible = in_place  # type: ignore[method-assign]
    session.add("user.message", "m1", queued=True)
    for _ in range(60):
        session.add()
    session.cut = lambda kind: 200 if kind == "stream" and session.streams == 1 else None
    with server.client() as client:
        events = follow(client, "s", before_reconnect=lambda: session.add("user.message", "m1") and None, **FAST)
        assert ids([next(events) for _ in range(61)])[0] == "m1"
        found = next(events)
    assert (found["id"], bool(found["processed_at"])) == ("m1", True)


def test_a_queued_event_that_vanished_is_looked_for_once(session: FakeSession, server: Any) -> None:
    session.add("user.message", "m1", queued=True)
    for _ in range(200):
        session.add()
    session.cut = lambda kind: 200 if kind == "stream" and session.streams < 4 else None

    def vanish() -> None:
        session.log = [event for event in session.log if event["id"] != "m1"]
        session.add(f"session.{session.streams}", f"n{session.streams}")

    with server.client() as client:
        events = follow(client, "s", before_reconnect=vanish, **FAST)
        assert ids([next(events) for _ in range(204)])[-3:] == ["n1", "n2", "n3"]
    assert session.listed <= 201 + 201 + 2 * 20
