from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from antcli.output.transcript import Transcript

Event = dict[str, Any]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(clock: str, kind: str, **fields: Any) -> Event:
    today = datetime.now(UTC).date()
    return {"id": f"sevt_{kind}", "type": kind, "processed_at": f"{today}T{clock}Z", **fields}


def text(value: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": value}]


def lines(*events: Event, **options: Any) -> list[str]:
    transcript = Transcript(**options)
    return [line for event in events for line in transcript.lines(event)]


def test_who_said_and_did_what_and_when() -> None:
    call = at("10:00:02", "agent.tool_use", name="bash", input={"command": "ls\npwd"}) | {"id": "sevt_1"}
    assert lines(
        at("10:00:00", "user.message", content=text("Look around")),
        at("10:00:01", "agent.message", content=text("I will.\nWait.\n")),
        call,
        at("10:00:03", "agent.tool_result", tool_use_id="sevt_1", content=text("a\nb\n")),
        at("10:00:04", "session.status_idle", stop_reason={"type": "end_turn"}),
    ) == [
        "10:00:00  user      Look around",
        "10:00:01  agent     I will.",
        "                    Wait.",
        "10:00:02  bash      ls",
        "                    pwd",
        "10:00:03  bash ->   a",
        "                    b",
        "10:00:04  session   idle: end_turn",
    ]


def test_what_a_reader_does_not_need_is_left_out() -> None:
    kinds = ("span.model_request_start", "session.usage", "session.thread_status_idle", "agent.thinking", "event_delta")
    assert lines(*(at("10:00:00", kind) for kind in kinds)) == []


def test_what_is_cut_is_counted() -> None:
    long = at("10:00:00", "agent.tool_result", tool_use_id="x", content=text("\n".join(map(str, range(50)))))
    cut = lines(long, times=False)
    assert len(cut) == 21 and cut[-1].strip() == "(30 more lines; --whole shows them)"
    assert len(lines(long, times=False, whole=True)) == 50


def test_another_day_gets_a_line_of_its_own() -> None:
    event = at("10:00:00", "agent.message", content=text("hi")) | {"processed_at": "2020-02-03T10:00:00Z"}
    assert lines(event, event) == [
        "--- 2020-02-03 ---", "10:00:00  agent     hi", "10:00:00  agent     hi",
    ]  # fmt: skip


def test_a_queued_message_has_no_time_yet() -> None:
    event = at("10:00:00", "user.message", content=text("later")) | {"processed_at": None}
    assert lines(event) == ["          user      later"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (at("1", "user.interrupt"), "user      (interrupt)"),
        (at("1", "user.tool_confirmation", result="deny", deny_message="no"), "user      deny: no"),
        (
            at("1", "session.error", error={"type": "x", "message": "Broke.", "retry_status": {"type": "retrying"}}),
            "error     Broke. (retrying)",
        ),
        (at("1", "agent.tool_use", name="write", input={"file_path": "a", "content": "b"}), "write     file_path: a"),
        (at("1", "agent.tool_use", name="x", input={}), "x         (no input)"),
        (at("1", "agent.tool_use", name="b", input={"command": "c"}, evaluated_permission="ask"), "b         (asks) c"),
        (at("1", "agent.mcp_tool_use", name="t", mcp_server_name="s", input={"query": "q"}), "s/t       q"),
        (at("1", "agent.tool_result", tool_use_id="z", is_error=True, content=text("no")), "tool ->   error: no"),
        (at("1", "agent.thread_context_compacted"), "agent     thread context compacted"),
        (at("1", "session.status_terminated"), "session   terminated"),
        (at("1", "something.unknown_yet"), "something unknown yet"),
        (at("1", "agent.message", content=text("\x1b[2Jhi")), "agent     hi"),
    ],
)
def test_every_kind_of_event_has_a_line(event: Event, line: str) -> None:
    assert lines(event, times=False)[0] == line
