from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.hosted_session import ID, HostedSession, event, idle, running, said


@pytest.fixture
def logs(ant: Any, hosted: Any, api: Any) -> Any:
    made: list[HostedSession] = []

    def go(*arguments: str, streams: Any = (), **options: Any) -> Any:
        made.append(HostedSession(api, *streams, **options).wait_for_no_message())
        return ant("logs", ID, *arguments, environ=hosted)

    yield go
    for one in made:
        one.done.set()


LOG = [running(), said("one"), said("two"), idle()]


def test_text_and_json_lines(logs: Any) -> None:
    assert [line.split(maxsplit=1)[1] for line in logs(log=LOG).out.splitlines() if line[0] != "-"] == [
        "session   running", "agent     one", "agent     two", "session   idle: end_turn",
    ]  # fmt: skip
    assert [json.loads(line) for line in logs("-o", "jsonl", log=LOG).out.splitlines()] == LOG


def test_the_server_is_asked_for_what_is_wanted(logs: Any, api: Any) -> None:
    result = logs("--type", "agent.message", "--tail", "1", "--since", "5m", log=LOG)
    assert result.out.endswith("agent     two\n") and "one" not in result.out
    query = api.last.query
    assert query["types[]"] == ["agent.message"] and query["order"] == ["desc"]
    assert query["created_at[gte]"][0].endswith("Z")


def test_a_tail_of_the_text_view_counts_what_is_shown_there(logs: Any) -> None:
    spans = [event("session.thread_status_idle"), event("session.usage")]
    log = [*LOG[:3], *spans, LOG[3]]
    assert [line.split()[-1] for line in logs("--tail", "2", log=log).out.splitlines()[-2:]] == ["two", "end_turn"]
    types = [json.loads(line)["type"] for line in logs("--tail", "2", "-o", "jsonl", log=log).out.splitlines()]
    assert types == ["session.usage", "session.status_idle"]


def test_following_shows_the_past_then_what_comes_each_once(logs: Any) -> None:
    result = logs(
        "-f", "-o", "jsonl", "--until", "idle", log=LOG[:2], statuses=["running"],
        streams=[[said("two"), said("one"), idle()]],
    )  # fmt: skip
    assert [json.loads(line)["type"] for line in result.out.splitlines()] == [
        "session.status_running", "agent.message", "agent.message", "session.status_idle",
    ]  # fmt: skip


def test_until_idle_ends_at_once_for_a_session_at_rest(logs: Any) -> None:
    result = logs("-f", "--until", "idle", log=LOG)
    assert result.code == 0 and result.out.endswith("idle: end_turn\n")


def test_an_earlier_idle_does_not_end_it(logs: Any) -> None:
    result = logs(
        "-f", "--until", "idle", log=[*LOG, running(2)], statuses=["running"], streams=[[said("three"), idle(number=2)]]
    )
    assert result.out.count("idle: end_turn") == 2 and "three" in result.out


def test_until_an_event(logs: Any) -> None:
    result = logs("-f", "--until", "session.error", statuses=["running"], streams=[
        [running(), event("session.error", error={"type": "x", "message": "Broke."}), said("more")],
    ])  # fmt: skip
    assert result.out.endswith("error     Broke.\n")


def test_following_ends_with_the_session(logs: Any) -> None:
    result = logs("-f", log=LOG[:1], statuses=["running"], streams=[[said("last words"), event("session.deleted")]])
    assert result.code == 0 and result.out.endswith("session   deleted\n")


@pytest.mark.parametrize(
    "arguments", [["--type", "agent.mesage"], ["--until", "idle"], ["-f", "--until", "never"], ["--since", "soon"]]
)
def test_what_cannot_be_is_refused_before_anything_is_asked(logs: Any, api: Any, arguments: list[str]) -> None:
    assert logs(*arguments).code == 2
    assert api.requests == []


def test_since_an_event_begins_behind_it(logs: Any) -> None:
    result = logs("--since", LOG[1]["id"], "-o", "jsonl", log=LOG)
    assert [json.loads(line) for line in result.out.splitlines()] == LOG[2:]


def test_since_an_event_that_is_not_there(logs: Any) -> None:
    result = logs("--since", "sevt_nowhere", log=LOG)
    assert result.code == 4 and "sevt_nowhere" in result.err


def test_until_the_id_of_an_event(logs: Any) -> None:
    result = logs("-f", "--until", LOG[1]["id"], log=LOG, statuses=["running"])
    assert result.out.endswith("agent     one\n")


def test_threads_are_named(logs: Any) -> None:
    call = event("agent.tool_use", name="bash", input={"command": "ls"}, session_thread_id="sthr_1")
    born = event("session.thread_created", session_thread_id="sthr_1", agent_name="reviewer")
    assert "[reviewer] bash      ls" in logs(log=[born, call]).out


def test_the_stream_begins_now_and_goes_on_over_a_lost_connection(ant: Any, hosted: Any, api: Any) -> None:
    session = HostedSession(
        api, [running()], [said("one"), event("session.deleted")], log=LOG[1:2], statuses=["running"]
    ).wait_for_no_message()
    result = ant("sessions", "events", "stream", ID, environ=hosted)
    session.done.set()
    assert [line["type"] for line in result.lines] == ["session.status_running", "session.deleted"], result.err
