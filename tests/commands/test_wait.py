from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.hosted_session import ID, HostedSession, event, idle, running, said


@pytest.fixture
def wait(ant: Any, hosted: Any, api: Any) -> Any:
    made: list[HostedSession] = []

    def go(*streams: Any, arguments: tuple[str, ...] = (), **options: Any) -> Any:
        made.append(HostedSession(api, *streams, **options).wait_for_no_message())
        return ant("wait", ID, *arguments, environ=hosted)

    yield go
    for one in made:
        one.done.set()


@pytest.mark.parametrize(
    ("log", "code"),
    [
        ([], 0),
        ([running(), idle()], 0),
        ([running(), idle("requires_action", event_ids=["sevt_x"])], 6),
        ([running(), idle("budget_reached")], 9),
        ([running(), idle("retries_exhausted"), running(2), idle(number=2)], 0),
        ([running(), event("user.interrupt"), idle()], 130),
    ],
)
def test_a_session_at_rest_answers_at_once(wait: Any, log: Any, code: int) -> None:
    result = wait(log=log)
    assert (result.code, result.out) == (code, "")


def test_a_terminated_one_too(wait: Any) -> None:
    assert wait(log=[running()], statuses=["terminated"]).code == 7


def test_a_running_session_is_followed(wait: Any) -> None:
    assert wait([said("done"), idle()], log=[running()], statuses=["running"]).code == 0


def test_a_status_that_lags_behind_the_log_is_asked_again(wait: Any) -> None:
    assert wait(log=[running(), idle()], statuses=["running", "running", "idle"]).code == 0


def test_a_status_ahead_of_the_log_is_waited_for(wait: Any) -> None:
    end = idle("budget_reached", number=2)
    assert wait([running(2), end], log=[running(), idle()], statuses=["running"]).code == 9


def test_the_time_limit_leaves_the_session_alone(wait: Any, api: Any) -> None:
    assert wait(log=[running()], statuses=["running"], arguments=("--timeout", "0.3")).code == 124
    assert not [request for request in api.requests if request.method == "POST"]


def test_no_such_session(ant: Any, hosted: Any) -> None:
    assert ant("wait", ID, environ=hosted).code == 4


@pytest.mark.parametrize(
    ("goal", "log", "code"),
    [
        ("requires_action", [running(), idle("requires_action", event_ids=["sevt_x"])], 0),
        ("requires_action", [running(), idle()], 1),
        ("outcome", [running(), event("span.outcome_evaluation_end", result="failed"), idle()], 8),
        ("outcome", [running(), event("span.outcome_evaluation_end", result="satisfied"), idle()], 0),
        ("outcome", [running(), idle()], 1),
        ("idle", [running(), idle("refusal")], 7),
    ],
)
def test_what_is_waited_for_is_what_answers(wait: Any, goal: str, log: Any, code: int) -> None:
    assert wait(log=log, arguments=("--for", goal)).code == code


def test_idle_is_no_end_while_somebody_is_asked(wait: Any) -> None:
    asked = [running(), idle("requires_action", event_ids=["sevt_x"])]
    assert wait([running(2), idle(number=2)], log=asked, arguments=("--for", "idle")).code == 0


def test_a_goal_that_does_not_exist(wait: Any) -> None:
    assert wait(arguments=("--for", "ever")).code == 2


def call(permission: str = "allow") -> Any:
    return event("agent.tool_use", name="bash", input={}, evaluated_permission=permission)


def test_a_session_that_waits_for_its_worker_is_waited_for(wait: Any) -> None:
    waiting = [running(), call(), idle("requires_action", event_ids=[call()["id"]])]
    result = event("user.tool_result", tool_use_id=call()["id"])
    assert wait([result, running(2), said("done"), idle(number=2)], log=waiting).code == 0


def test_also_when_the_call_was_allowed_before(wait: Any) -> None:
    asked = call("ask")
    allowed = event("user.tool_confirmation", tool_use_id=asked["id"], result="allow")
    waits = idle("requires_action", event_ids=[asked["id"]])
    assert wait(log=[running(), asked, waits]).code == 6
    end = [event("user.tool_result", tool_use_id=asked["id"]), running(2), idle(number=2)]
    assert (
        wait(end, log=[running(), asked, waits, allowed, idle("requires_action", 2, event_ids=[asked["id"]])]).code == 0
    )


def test_approve_asks_no_second_time_about_what_waits_for_its_worker(ant: Any, hosted: Any, api: Any) -> None:
    asked = call("ask")
    allowed = event("user.tool_confirmation", tool_use_id=asked["id"], result="allow")
    log = [running(), asked, allowed, idle("requires_action", event_ids=[asked["id"]])]
    session = HostedSession(api, log=log).wait_for_no_message()
    result = ant("approve", ID, environ=hosted)
    assert (result.code, session.sent) == (1, [])
    assert "asks nothing. It waits for the results of its tools." in result.err
    session.done.set()
