from __future__ import annotations

from typing import Any

import pytest

from antcli.client.turn import Turn, can_be_confirmed, confirmation, text_of
from antcli.errors import ExitCode

Event = dict[str, Any]


def message(id: str = "sevt_mine", *, stamped: bool = True) -> Event:
    return {
        "id": id, "type": "user.message", "processed_at": "2026-01-01T00:00:00Z" if stamped else None,
        "content": [{"type": "text", "text": "go"}],
    }  # fmt: skip


def running() -> Event:
    return {"id": "sevt_r", "type": "session.status_running"}


def idle(reason: str = "end_turn", **more: Any) -> Event:
    return {"id": "sevt_i", "type": "session.status_idle", "stop_reason": {"type": reason, **more}}


def said(text: str) -> Event:
    return {"id": f"sevt_{text}", "type": "agent.message", "content": [{"type": "text", "text": text}]}


def error(kind: str, message: str, retry: str = "exhausted") -> Event:
    return {
        "id": "sevt_e", "type": "session.error",
        "error": {"type": kind, "message": message, "retry_status": {"type": retry}},
    }  # fmt: skip


def verdict(result: str) -> Event:
    return {"id": "sevt_v", "type": "span.outcome_evaluation_end", "result": result}


def folded(*events: Event, own: str | None = None) -> Turn:
    turn = Turn()
    if own:
        turn.begin_with_own()
        turn.own = frozenset([own])
    for event in events:
        turn.see(event)
    return turn


TERMINATED = {"id": "sevt_t", "type": "session.status_terminated"}
DELETED = {"id": "sevt_d", "type": "session.deleted"}
INTERRUPT = {"id": "sevt_x", "type": "user.interrupt", "processed_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("events", "code", "explanation"),
    [
        ([running(), idle()], ExitCode.OK, ""),
        ([running(), idle("requires_action", event_ids=["sevt_1"])], ExitCode.REQUIRES_ACTION, ""),
        ([running(), idle("budget_reached")], ExitCode.BUDGET_REACHED, "The session's budget is used up."),
        (
            [running(), error("model_overloaded_error", "Too busy."), idle("retries_exhausted")],
            ExitCode.ENDED_BADLY, "Too busy.",
        ),
        ([running(), idle("retries_exhausted")], ExitCode.ENDED_BADLY, "The session gave up after too many errors."),
        ([running(), idle("refusal")], ExitCode.ENDED_BADLY, "The model refused."),
        (
            [running(), idle("refusal") | {"stop_details": {"type": "refusal", "explanation": "Not this."}}],
            ExitCode.ENDED_BADLY, "The model refused: Not this.",
        ),
        ([running(), TERMINATED], ExitCode.ENDED_BADLY, "The session was terminated."),
        (
            [running(), error("unknown_error", "Broken.", "terminal"), TERMINATED],
            ExitCode.ENDED_BADLY, "The session was terminated: Broken.",
        ),
        ([running(), DELETED], ExitCode.ENDED_BADLY, "The session was deleted."),
        ([running(), INTERRUPT, idle()], ExitCode.INTERRUPTED, "The turn was interrupted."),
        ([running(), verdict("satisfied"), idle()], ExitCode.OK, ""),
        ([running(), verdict("failed"), idle()], ExitCode.OUTCOME_NOT_MET, "The outcome was not met (failed)."),
        (
            [running(), verdict("needs_revision"), verdict("max_iterations_reached"), idle()],
            ExitCode.OUTCOME_NOT_MET, "The outcome was not met (max iterations reached).",
        ),
        ([running(), idle("something_new")], ExitCode.FAILURE, "The session stopped: something_new."),
        ([running(), error("model_overloaded_error", "Busy.", "retrying"), running(), idle()], ExitCode.OK, ""),
    ],
)  # fmt: skip
def test_the_end_of_a_turn_becomes_an_exit_code(events: list[Event], code: ExitCode, explanation: str) -> None:
    turn = folded(*events)
    assert turn.ended
    assert (turn.exit_code, turn.explanation) == (code, explanation)


@pytest.mark.parametrize(
    "events", [[], [running()], [running(), said("hm")], [idle(), running()], [{"type": "session.status_rescheduled"}]]
)
def test_a_turn_goes_on_until_the_session_rests(events: list[Event]) -> None:
    assert not folded(*events).ended


def test_an_idle_before_our_message_belongs_to_others() -> None:
    assert not folded(said("old"), idle(), own="sevt_mine").ended
    turn = folded(said("old"), idle(), message(), running(), said("new"), idle(), own="sevt_mine")
    assert turn.ended and turn.answer == "new"


def test_an_idle_while_our_message_is_still_queued_is_doubtful() -> None:
    turn = folded(message(stamped=False), said("of the turn before"), idle(), own="sevt_mine")
    assert turn.doubtful and not turn.ended
    for event in (running(), message(), said("mine")):
        turn.see(event)
    assert not turn.ended and not turn.doubtful
    turn.see(idle())
    assert turn.ended and turn.answer == "mine"


def test_a_doubtful_idle_counts_once_the_server_says_so() -> None:
    turn = folded(message(stamped=False), idle(), own="sevt_mine")
    turn.accept()
    assert turn.ended


@pytest.mark.parametrize("reason", ["requires_action", "retries_exhausted", "budget_reached"])
def test_what_stops_the_turn_before_stops_our_queued_message_too(reason: str) -> None:
    assert folded(message(stamped=False), idle(reason, event_ids=[]), own="sevt_mine").ended


def test_our_message_is_taken_up_with_its_stamped_copy() -> None:
    turn = folded(message(stamped=False), message(), idle(), own="sevt_mine")
    assert turn.ended


def test_an_interrupted_turn_does_not_taint_the_next() -> None:
    turn = folded(running(), INTERRUPT, idle(), running(), said("again"), idle())
    assert turn.exit_code == ExitCode.OK


def test_the_answer_is_the_last_message() -> None:
    assert folded(running(), said("first"), said("last"), idle()).answer == "last"


def test_what_is_withheld_says_so() -> None:
    assert text_of({"content": [{"type": "text", "text": "a "}, {"type": "redacted"}]}) == "a [withheld]"


def test_pending_calls_are_those_of_the_stop_reason() -> None:
    first = {"id": "sevt_1", "type": "agent.tool_use", "name": "bash", "evaluated_permission": "ask"}
    second = {"id": "sevt_2", "type": "agent.custom_tool_use", "name": "lookup"}
    turn = folded(running(), first, second, idle("requires_action", event_ids=["sevt_1", "sevt_2", "sevt_3"]))
    assert turn.pending == [first, second, {"id": "sevt_3"}]
    assert [can_be_confirmed(call) for call in turn.pending] == [True, False, False]


def test_tokens_are_counted_once_for_each_request() -> None:
    end = {
        "id": "sevt_m", "type": "span.model_request_end",
        "model_usage": {
            "input_tokens": 5, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 1, "output_tokens": 7,
        },
    }  # fmt: skip
    turn = folded(running(), end, end)
    assert (turn.input_tokens, turn.output_tokens) == (16, 7)


def test_only_a_denial_carries_a_message() -> None:
    assert confirmation("sevt_1", allow=True, message="x") == {
        "type": "user.tool_confirmation", "tool_use_id": "sevt_1", "result": "allow",
    }  # fmt: skip
    assert confirmation("sevt_1", allow=False, message="no")["deny_message"] == "no"
    assert "deny_message" not in confirmation("sevt_1", allow=False)


def use(id: str = "sevt_u", type: str = "agent.tool_use", permission: str = "allow") -> Event:
    return {"id": id, "type": type, "name": "bash", "input": {}, "evaluated_permission": permission}


def result(id: str, type: str = "user.tool_result", key: str = "tool_use_id") -> Event:
    return {"id": f"{id}_result", "type": type, key: id}


def test_a_turn_whose_tools_run_at_a_worker_is_not_over() -> None:
    waits = [running(), use(), idle("requires_action", event_ids=["sevt_u"])]
    turn = folded(*waits)
    assert turn.at_worker and not turn.ended
    turn.see(result("sevt_u"))
    assert not turn.ended  # it is about to go on
    turn.see(running())
    turn.see(idle())
    assert turn.ended and turn.exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("calls", "asked"),
    [
        ([use(permission="ask")], True),
        ([use(type="agent.custom_tool_use")], True),
        ([use(), use("sevt_c", "agent.custom_tool_use")], True),
        ([use("sevt_c", "agent.custom_tool_use"), result("sevt_c", "user.custom_tool_result", "custom_tool_use_id"),
          use()], False),
        ([use(permission="ask"), {"id": "sevt_y", "type": "user.tool_confirmation", "tool_use_id": "sevt_u",
                                  "result": "allow"}], False),
    ],
)  # fmt: skip
def test_a_turn_that_asks_somebody_is_over(calls: list[Event], asked: bool) -> None:
    ids = [call["id"] for call in calls if "name" in call]
    turn = folded(running(), *calls, idle("requires_action", event_ids=ids))
    assert turn.ended is asked


def test_a_call_that_was_not_seen_asks_somebody() -> None:
    assert folded(running(), idle("requires_action", event_ids=["sevt_u"])).ended
