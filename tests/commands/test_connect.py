"""`ant sessions connect` where nobody can type; on a terminal it is the chat (tests/e2e/test_terminal.py)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.hosted_session import ID, HostedSession, event, idle, running, said

LOG = [running(), said("one"), said("two"), idle()]
LONG = event(
    "agent.tool_result", tool_use_id="x", content=[{"type": "text", "text": "\n".join(map(str, range(90)))}]
)  # fmt: skip
GONE = event("session.deleted")
SPELLINGS = pytest.mark.parametrize("words", [("sessions",), ("session",), ("beta:sessions",)], ids=str)


@pytest.fixture
def connect(ant: Any, hosted: Any, api: Any) -> Any:
    made: list[HostedSession] = []

    def go(*arguments: str, words: Any = ("sessions",), streams: Any = (), **options: Any) -> Any:
        made.append(HostedSession(api, *streams, **options).wait_for_no_message())
        return ant(*words, "connect", *arguments, environ=hosted)

    yield go
    for one in made:
        one.done.set()


@SPELLINGS
def test_without_a_terminal_it_reads_along_until_the_session_is_gone(connect: Any, words: Any) -> None:
    result = connect("--session-id", ID, words=words, log=LOG[:2], streams=[[said("two"), GONE]])
    assert result.code == 0
    assert [line.split(maxsplit=1)[1] for line in result.out.splitlines() if line[0] != "-"][:3] == [
        "session   running", "agent     one", "agent     two",
    ]  # fmt: skip
    assert f"ant sessions send {ID}" in result.err


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_json_is_a_line_for_each_event(connect: Any, format: str) -> None:
    result = connect(ID, "-o", format, log=LOG[:2], streams=[[said("two"), GONE]])
    assert [json.loads(line)["type"] for line in result.out.splitlines()] == [
        "session.status_running", "agent.message", "agent.message", "session.deleted",
    ]  # fmt: skip
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_session_that_is_over_is_read(ant: Any, hosted: Any, api: Any, terminal: bool) -> None:
    HostedSession(api, log=[*LOG, event("session.status_terminated")], statuses=["terminated"])
    result = ant("sessions", "connect", ID, terminal=terminal, environ=hosted)
    assert result.code == 0 and "two" in result.out and "The session is over" in result.err
    assert not any(request.path.endswith("/stream") for request in api.requests)


def test_verbose_leaves_nothing_out(connect: Any) -> None:
    assert "more lines" in connect(ID, log=[LONG], statuses=["terminated"]).out
    for flag in ("-v", "--verbose"):
        out = connect(ID, flag, log=[LONG], statuses=["terminated"]).out
        assert "more lines" not in out and "89" in out


def test_no_browser_goes_with_web(connect: Any, api: Any) -> None:
    assert connect(ID, "--no-browser").code == 2 and api.requests == []


def test_which_session_is_said_once(connect: Any) -> None:
    assert connect(ID, "--session-id", ID).code == 2
    assert connect().code == 2 and "@last" in connect().err


def test_a_session_that_is_not_there(ant: Any, hosted: Any) -> None:
    assert ant("sessions", "connect", ID, environ=hosted).code == 4
