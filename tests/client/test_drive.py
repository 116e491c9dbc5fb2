"""The loop of `Drive` where the commands' tests do not reach: giving up early, and a server that is gone."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from antcli.client.drive import Drive
from antcli.client.turn import Turn
from antcli.errors import ExitCode, ServerError
from antcli.output.event_lines import Silence


class Client:
    """What `Drive` asks of a client; `reachable` says when it answers at all."""

    def __init__(self) -> None:
        self.on_notice = lambda text: None
        self.reachable = threading.Event()
        self.sent: list[str] = []
        self.fails = False

    def call(self, name: str, *path: str, **options: Any) -> Any:
        if name == "sessions.events.list":
            self.reachable.wait(10)
            return {"data": []}
        if self.fails:
            raise ServerError("Nobody is there.")
        self.sent += [event["type"] for event in (options.get("body") or {}).get("events", [])]
        return {"data": []}

    def stream(self, name: str, *path: str, **options: Any) -> Any:
        return Stream(self.reachable)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


class Stream:
    """Stands, and brings nothing."""

    def __init__(self, end: threading.Event) -> None:
        self.end = end

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None: ...

    def __iter__(self) -> Any:
        time.sleep(0.5)
        return iter(())


def drive(client: Any, *, deadline: float, leaving: Any = "interrupt") -> Drive:
    def opening() -> None:
        client.call("sessions.events.send", body={"events": [{"type": "user.message"}]})

    return Drive(
        client, "sesn_1", turn=Turn(), view=Silence(), opening=opening, leaving=leaving,
        deadline=time.monotonic() + deadline,
    )  # fmt: skip


def test_what_is_given_up_before_the_stream_stands_sends_nothing() -> None:
    client = Client()
    ending = drive(client, deadline=0.1).run()
    assert ending.exit_code == ExitCode.TIMED_OUT and "before anything was sent" in ending.message
    client.reachable.set()
    for thread in threading.enumerate():
        if thread.name == "events":
            thread.join(5)
    assert client.sent == []


def test_who_only_watches_leaves_the_session_alone() -> None:
    client = Client()
    client.reachable.set()
    ending = drive(client, deadline=0.3, leaving="leave").run()
    assert ending.exit_code == ExitCode.TIMED_OUT and "goes on" in ending.message
    assert client.sent == ["user.message"]


def test_a_server_that_is_gone_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.reachable.set()
    begun = drive(client, deadline=0.3)
    threading.Timer(0.2, lambda: setattr(client, "fails", True)).start()
    began = time.monotonic()
    assert begun.run().exit_code == ExitCode.TIMED_OUT
    assert time.monotonic() - began < 2


class Hunted:
    """A question that every signal meets at the worst moment."""

    is_open = False

    def open(self, *_: Any) -> None:
        self.is_open = True
        signal.raise_signal(signal.SIGTERM)

    def key(self, key: str) -> None: ...

    def close(self) -> None:
        signal.raise_signal(signal.SIGTERM)
        self.is_open = False


def test_a_question_is_closed_also_when_signals_break_into_that() -> None:
    client, asked, question = Client(), Turn(), Hunted()
    client.reachable.set()
    asked.see({"type": "agent.tool_use", "id": "sevt_1", "name": "bash", "evaluated_permission": "ask"})
    asked.see(
        {"type": "session.status_idle", "id": "2", "stop_reason": {"type": "requires_action", "event_ids": ["sevt_1"]}}
    )
    begun = Drive(
        client, "sesn_1", turn=Turn(), view=Silence(), opening=lambda: asked, questions=question,  # type: ignore[arg-type]
        deadline=time.monotonic() + 5,
    )  # fmt: skip
    assert begun.run().exit_code == ExitCode.INTERRUPTED
    assert not question.is_open
