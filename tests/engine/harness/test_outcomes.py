"""Outcomes: graded after the turn by a model request that knows nothing but the task, the rubric and the work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.errors import RequestError
from antcli.engine.harness import evaluation
from antcli.engine.sandbox.base import ToolResult
from tests.engine.core import ALLOW, ASK, CUSTOM, Core, agent, asynchronous, message, running, texts, toolset, types
from tests.engine.doubles import Brain, Hands, answer, text, use

SPANS = ("span.outcome_evaluation_start", "span.outcome_evaluation_end")


def define(description: str = "A poem.", iterations: int | None = None, rubric: str = "It rhymes.") -> dict[str, Any]:
    event = {"type": "user.define_outcome", "description": description, "rubric": {"type": "text", "content": rubric}}
    return event | ({"max_iterations": iterations} if iterations else {})


def verdict(result: str, explanation: str = "Because.") -> dict[str, Any]:
    return {"tools": [{"name": "give_verdict", "input": {"result": result, "explanation": explanation}}]}


async def start(core: Core, *turns: dict[str, Any], tools: Any = (), events: Any = ()) -> str:
    session = await core.sessions.create(
        agent=agent(core.script(*turns), *tools), environment={"id": "env_test", "config": {"type": "cloud"}},
        title=None, metadata={}, initial_events=list(events),
    )  # fmt: skip
    return str(session["id"])


def verdicts(events: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(e["iteration"], e["result"]) for e in events if e["type"] == "span.outcome_evaluation_end"]


async def evaluations(core: Core, id: str) -> list[tuple[str, int]]:
    session = await core.sessions.get(id)
    return [(outcome["result"], outcome["iteration"]) for outcome in session["outcome_evaluations"]]


@asynchronous
async def test_work_that_meets_the_rubric_ends_the_turn(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(
            core,
            {"text": "Roses are red.", "expect": {"contains": "It rhymes."}},
            verdict("satisfied", "It does.") | {"expect": [{"contains": "Roses are red."}, {"contains": "A poem."}]},
            events=[define()],
        )
        events = await core.idle(id)
        assert types(events)[0] == "user.define_outcome" and events[0]["processed_at"]
        assert types(events)[-5:] == [*SPANS, "session.thread_status_idle", "session.usage", "session.status_idle"]
        assert events[-1]["stop_reason"] == {"type": "end_turn"}
        end = events[-4]
        assert (end["result"], end["explanation"], end["iteration"]) == ("satisfied", "It does.", 0)
        assert end["outcome_evaluation_start_id"] == events[-5]["id"] and end["usage"]["output_tokens"] > 0
        (outcome,) = (await core.sessions.get(id))["outcome_evaluations"]
        assert outcome["outcome_id"] == events[0]["outcome_id"] == end["outcome_id"]
        assert outcome["result"] == "satisfied" and outcome["completed_at"] == end["processed_at"]
        # The grader's own requests and calls are nobody's business, but they are paid for.
        assert types(events).count("span.model_request_start") == 1 and "agent.tool_use" not in types(events)
        usage = (await core.sessions.get(id))["usage"]
        (request,) = [e["model_usage"] for e in events if e["type"] == "span.model_request_end"]
        assert usage["output_tokens"] == request["output_tokens"] + end["usage"]["output_tokens"]


@asynchronous
async def test_the_agent_revises_with_the_graders_words_until_it_is_done(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(
            core, {"text": "One."}, verdict("needs_revision", "No rhyme."),
            {"text": "Two.", "expect": {"contains": "No rhyme."}},
            verdict("satisfied") | {"expect": {"contains": "sent back"}}, events=[define()],
        )  # fmt: skip
        events = await core.idle(id)
        assert verdicts(events) == [(0, "needs_revision"), (1, "satisfied")] and texts(events) == ["One.", "Two."]
        assert types(events).count("session.status_running") == types(events).count("session.status_idle") == 1
        assert await evaluations(core, id) == [("satisfied", 1)]


@asynchronous
async def test_after_the_last_iteration_the_agent_has_the_last_word(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(
            core, {"text": "One."}, verdict("needs_revision"), {"text": "Two."}, verdict("needs_revision", "Still no."),
            {"text": "I could not.", "expect": {"contains": "no more checks"}}, events=[define(iterations=2)],
        )  # fmt: skip
        events = await core.idle(id)
        assert verdicts(events) == [(0, "needs_revision"), (1, "max_iterations_reached")]
        assert texts(events)[-1] == "I could not." and events[-1]["stop_reason"] == {"type": "end_turn"}
        assert await evaluations(core, id) == [("max_iterations_reached", 1)]


@asynchronous
async def test_a_rubric_that_does_not_fit_ends_the_outcome_and_the_next_may_follow(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(core, {"text": "One."}, verdict("failed"), {"text": "Two."}, verdict("satisfied"))
        await core.send(id, define())
        assert verdicts(await core.idle(id)) == [(0, "failed")]
        await core.send(id, define("Another."))
        await core.seen(id, "session.status_idle", 2)
        assert verdicts(await core.idle(id)) == [(0, "failed"), (0, "satisfied")]
        assert await evaluations(core, id) == [("failed", 0), ("satisfied", 0)]


@asynchronous
async def test_a_grader_looks_at_the_work_with_the_tools_that_run_unasked(tmp_path: Path) -> None:
    hands = Hands(lambda tool, input: ToolResult.text("what the file says"))
    told: list[Any] = []

    def think(request: Any) -> Any:
        if not any(tool["name"] == "give_verdict" for tool in request.tools):
            return answer(text("Written."))
        told.append(request)
        if len(told) == 1:
            return answer(use("read", file_path="poem.txt"), use("edit", file_path="poem.txt"))
        return answer(use("give_verdict", result="satisfied", explanation="Read it."))

    asked = {"type": "bash", "name": "bash", "enabled": True, "permission_policy": ASK}
    async with running(tmp_path, brain=(brain := Brain(think)), hands=hands) as core:
        id = (await core.sessions.create(
            agent=agent("m", toolset(ALLOW, asked), CUSTOM), environment={"id": "e", "config": {"type": "cloud"}},
            title=None, metadata={}, initial_events=[define()],
        ))["id"]  # fmt: skip
        await core.idle(id)
        assert [tool["name"] for tool in told[0].tools] == ["read", "glob", "grep", "give_verdict"]
        assert hands.ran == [{"file_path": "poem.txt"}] and not brain.illegal
        results = told[1].messages[-1]["content"]
        assert "what the file says" in str(results[0]) and results[1]["is_error"]


@asynchronous
async def test_a_verdict_may_be_written_as_json_and_none_is_asked_for_again(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(
            core, {"text": "Work."}, {"text": "Looks fine."},
            {"text": 'Here: {"result": "satisfied", "explanation": "ok"}', "expect": {"contains": "End with a call"}},
            events=[define()],
        )  # fmt: skip
        assert verdicts(await core.idle(id)) == [(0, "satisfied")]


@asynchronous
async def test_an_interrupt_ends_the_outcome_whether_it_is_graded_or_not(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(core, {"text": "Work."}, verdict("satisfied") | {"delay": 30}, events=[define()])
        (begun,) = await core.seen(id, "span.outcome_evaluation_start")
        assert await evaluations(core, id) == [("evaluating", 0)]
        await core.send(id, {"type": "user.interrupt"})
        events = await core.idle(id)
        (end,) = [event for event in events if event["type"] == "span.outcome_evaluation_end"]
        assert (end["result"], end["outcome_evaluation_start_id"]) == ("interrupted", begun["id"])

        id = await start(core, {"text": "Work.", "delay": 30}, events=[define()])
        await core.seen(id, "span.model_request_start")
        await core.send(id, {"type": "user.interrupt"})
        (end,) = [event for event in await core.idle(id) if event["type"] == "span.outcome_evaluation_end"]
        assert (end["result"], end["outcome_evaluation_start_id"]) == ("interrupted", "")


@asynchronous
async def test_an_outcome_that_is_defined_behind_an_interrupt_is_worked_on(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        turns = {"text": "Never.", "delay": 30}, {"text": "Work."}, verdict("satisfied")
        id = await start(core, *turns, events=[message("go")])
        await core.seen(id, "span.model_request_start")
        await core.send(id, {"type": "user.interrupt"}, define())
        await core.seen(id, "span.outcome_evaluation_end")
        assert verdicts(await core.idle(id)) == [(0, "satisfied")] and await evaluations(core, id) == [("satisfied", 0)]


@asynchronous
async def test_a_message_steers_and_one_sent_while_grading_waits_for_the_verdict(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def think(request: Any) -> Any:
        if any(tool["name"] == "give_verdict" for tool in request.tools):
            await gate.wait()
            return answer(use("give_verdict", result="satisfied", explanation="ok"))
        return answer(text("Heard."))

    async with running(tmp_path, brain=Brain(think)) as core:
        id = (await core.sessions.create(
            agent=agent("m"), environment={"id": "e", "config": {"type": "cloud"}}, title=None, metadata={},
            initial_events=[message("first"), define()],
        ))["id"]  # fmt: skip
        await core.seen(id, "span.outcome_evaluation_start")
        with pytest.raises(RequestError, match="works towards outcome"):
            await core.send(id, define())
        await core.send(id, message("later"))
        gate.set()
        events = await core.idle(id)
        order = [e["type"] for e in events if e["type"] in ("user.message", "span.outcome_evaluation_end")]
        assert order == ["user.message", "span.outcome_evaluation_end", "user.message"]
        assert verdicts(events) == [(0, "satisfied")]


@asynchronous
async def test_an_outcome_waits_with_the_session_for_the_clients_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await start(
            core, {"tools": [{"name": "lookup", "input": {}}]}, {"text": "Done."}, verdict("satisfied"),
            tools=[CUSTOM], events=[define()],
        )  # fmt: skip
        events = await core.idle(id)
        assert await evaluations(core, id) == [("running", 0)] and not verdicts(events)
        (call,) = [event for event in events if event["type"] == "agent.custom_tool_use"]
        await core.send(id, {"type": "user.custom_tool_result", "custom_tool_use_id": call["id"]})
        await core.seen(id, "span.outcome_evaluation_end")
        assert verdicts(await core.idle(id)) == [(0, "satisfied")]


@asynchronous
async def test_a_grader_that_fails_is_retried_and_then_ends_the_outcome(tmp_path: Path) -> None:
    async with running(tmp_path, retries=1) as core:
        id = await start(
            core, {"text": "Work."}, verdict("satisfied") | {"error": {"status": 529, "times": 1}}, events=[define()]
        )
        events = await core.idle(id)
        assert verdicts(events) == [(0, "satisfied")]
        statuses = [type.partition("status_")[2] for type in types(events) if type.startswith("session.status_")]
        assert statuses == ["running", "rescheduled", "running", "idle"]
        id = await start(core, {"text": "Work."}, {"error": {"status": 529}}, events=[define()])
        events = await core.idle(id)
        assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
        assert verdicts(events) == [(0, "failed")] and await evaluations(core, id) == [("failed", 0)]


@asynchronous
async def test_a_long_evaluation_shows_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "HEARTBEAT_SECONDS", 0.01)
    async with running(tmp_path) as core:
        id = await start(core, {"text": "Work."}, verdict("satisfied") | {"delay": 0.3}, events=[define()])
        events = await core.idle(id)
        assert types(events).count("span.outcome_evaluation_ongoing") >= 2 and verdicts(events) == [(0, "satisfied")]


@asynchronous
async def test_an_evaluation_goes_on_where_a_stopped_engine_left_it(tmp_path: Path) -> None:
    """Also after its first command, which is not run twice in silence."""
    asked: list[Any] = []
    hanging = asyncio.Event()

    def think(request: Any) -> Any:
        if not any(tool["name"] == "give_verdict" for tool in request.tools):
            return answer(text("Work."))
        asked.append(request)
        if len(asked) == 1:
            return answer(use("bash", command="make test"))
        return answer(use("give_verdict", result="satisfied", explanation="ok"))

    async def work(tool: str, input: dict[str, Any]) -> Any:
        hanging.set()
        await asyncio.sleep(60)

    async with running(tmp_path, brain=Brain(think), hands=Hands(work), grace=0.05) as core:
        id = (await core.sessions.create(
            agent=agent("m", toolset(ALLOW)), environment={"id": "e", "config": {"type": "cloud"}}, title=None,
            metadata={}, initial_events=[define()],
        ))["id"]  # fmt: skip
        await hanging.wait()
    async with running(tmp_path, brain=(brain := Brain(think)), hands=(hands := Hands())) as core:
        events = await core.idle(id)
        assert verdicts(events) == [(0, "satisfied")] and not hands.ran and not brain.illegal
        assert "may have run" in str(asked[1].messages[-1])
        assert types(events).count("span.outcome_evaluation_start") == 1
