"""`ant run` against a hosted server on loopback: what it sends, and how it reads turns the local engine never makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.hosted_session import ID, HostedSession, event, idle, mine, running, said


@pytest.fixture
def session(api: Any) -> Any:
    made: list[HostedSession] = []

    def make(*streams: Any, **options: Any) -> HostedSession:
        made.append(HostedSession(api, *streams, **options))
        return made[-1]

    yield make
    for one in made:
        one.done.set()


@pytest.fixture
def run(ant: Any, hosted: Any) -> Any:
    return lambda *arguments, **options: ant("run", "task", *arguments, environ=hosted, **options)


@pytest.mark.parametrize(
    ("events", "code", "told"),
    [
        ([said("Done."), idle()], 0, ""),
        ([idle("budget_reached")], 9, "budget"),
        ([event("span.outcome_evaluation_end", result="failed"), idle()], 8, "outcome was not met"),
        ([idle("refusal")], 7, "refused"),
        ([idle("retries_exhausted")], 7, "too many errors"),
        ([event("session.status_terminated")], 7, "terminated"),
        ([event("session.deleted")], 7, "deleted"),
        ([idle("brand_new_reason")], 1, "brand_new_reason"),
        ([event("user.interrupt"), idle()], 130, "interrupted"),
        ([idle("requires_action", event_ids=["sevt_x"])], 6, f"ant approve {ID} sevt_x"),
    ],
)
def test_the_exit_code_is_that_of_the_end(session: Any, run: Any, events: Any, code: int, told: str) -> None:
    session([mine(), running(), *events])
    result = run()
    assert result.code == code and told in result.err
    assert result.out == ("Done.\n" if code == 0 else "")


def test_what_is_sent(session: Any, run: Any, api: Any) -> None:
    sent = session([mine(), running(), idle()]).sent
    assert run("--model", "claude-x", "--system", "Be brief.", "--title", "T").code == 0
    assert sent == [{"type": "user.message", "content": [{"type": "text", "text": "task"}]}]
    created = next(request for request in api.requests if (request.method, request.path) == ("POST", "/v1/sessions"))
    assert created.body == {
        "agent": {"type": "agent_with_overrides", "id": "agent_1", "model": "claude-x", "system": "Be brief."},
        "environment_id": "env_1", "title": "T",
    }  # fmt: skip


def test_the_default_agent_and_environment_are_made_when_they_are_missing(session: Any, run: Any, api: Any) -> None:
    session([mine(), running(), idle()])
    api.page("/v1/agents")
    api.page("/v1/environments")
    api.on("POST", "/v1/agents", {"id": "agent_9", "name": "ant", "model": {"id": "claude-sonnet-5-5"}})
    api.on("POST", "/v1/environments", {"id": "env_9", "name": "default"})
    assert run().code == 0
    bodies = {request.path: request.body for request in api.requests if request.method == "POST"}
    assert bodies["/v1/agents"]["name"] == "ant" and bodies["/v1/agents"]["model"] == "claude-sonnet-5-5"
    assert bodies["/v1/agents"]["tools"] == [{"type": "agent_toolset_20260401"}]
    assert bodies["/v1/environments"] == {
        "name": "default",
        "config": {"type": "cloud", "networking": {"type": "unrestricted"}},
    }
    assert (bodies["/v1/sessions"]["agent"], bodies["/v1/sessions"]["environment_id"]) == ("agent_9", "env_9")


def test_detached_the_message_goes_with_the_session(session: Any, run: Any, api: Any) -> None:
    session([])
    result = run("--detach")
    assert (result.code, result.out) == (0, f"{ID}\n")
    assert api.last.body["initial_events"][0]["content"][0]["text"] == "task"
    assert json.loads(run("--detach", "-o", "json").out) == {"session_id": ID}


def test_history_does_not_end_the_run(session: Any, run: Any) -> None:
    session([mine(), running(2), said("new"), idle(number=2)], log=[running(), said("old"), idle()])
    assert run("--session", ID).out == "new\n"


def test_the_idle_of_a_busy_session_does_not_end_the_run(session: Any, run: Any) -> None:
    session(
        [mine(stamped=False), said("old"), idle(), running(2), mine(), said("new"), idle(number=2)],
        statuses=["running"],
    )
    assert run("--session", ID).out == "new\n"


def test_a_message_that_was_folded_into_the_turn_before_is_done_when_the_server_rests(session: Any, run: Any) -> None:
    session([mine(stamped=False), said("both"), idle()], statuses=["running", "idle"])
    assert run("--session", ID).out == "both\n"


def test_a_stream_that_ends_is_opened_again(session: Any, run: Any) -> None:
    session([mine(), running()], [said("after the break"), idle()])
    assert run().out == "after the break\n"


def test_the_time_limit_interrupts(session: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antcli.client.drive._STOPPING_SECONDS", 0.2)
    sent = session([mine(), running()]).sent
    result = run("--timeout", "0.3")
    assert result.code == 124 and "still at it" in result.err
    assert [event["type"] for event in sent] == ["user.message", "user.interrupt"]


def test_approve_all_confirms_once(session: Any, run: Any) -> None:
    call = event("agent.tool_use", name="bash", input={}, evaluated_permission="ask")
    asks = idle("requires_action", event_ids=[call["id"]])
    sent = session([mine(), running(), call, asks, running(2), said("ok"), idle(number=2)]).sent
    assert run("--approve", "all").out == "ok\n"
    assert sent[1:] == [{"type": "user.tool_confirmation", "tool_use_id": call["id"], "result": "allow"}]


def test_the_result_object_says_what_is_pending(session: Any, run: Any) -> None:
    call = event("agent.tool_use", name="bash", input={"command": "ls"}, evaluated_permission="ask")
    session([mine(), running(), call, idle("requires_action", event_ids=[call["id"]])])
    result = run("-o", "json").json
    assert result["exit_code"] == 6 and result["stop_reason"] == "requires_action"
    assert result["pending"] == [{"id": call["id"], "name": "bash", "input": {"command": "ls"}}]


def test_the_turn_of_somebody_else_that_follows_at_once_is_not_ours(session: Any, run: Any) -> None:
    session([mine(), running(), said("mine"), idle(), running(2), said("theirs"), idle("refusal", number=2)])
    assert run().out == "mine\n"


def test_the_id_is_all_that_is_printed_on_request(session: Any, run: Any) -> None:
    session([mine(), running(), said("hi"), idle()])
    assert run("--format", "id").out == f"{ID}\n"


def test_a_pending_question_is_told_when_a_message_is_refused(session: Any, run: Any, api: Any) -> None:
    session([])
    refusal = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "The session waits for an answer."},
    }
    api.on("POST", f"/v1/sessions/{ID}/events", (400, refusal))
    result = run("--session", ID)
    assert result.code == 1 and "waits for an answer" in result.err
