"""The policy `auto`: each call is judged by a model request of its own (semantics.md 9)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.providers.base import ModelError
from antcli.engine.sandbox.base import ToolResult
from tests.engine.core import ALLOW, agent, asynchronous, results, running, texts, toolset, types
from tests.engine.doubles import Brain, Hands, answer, text, use

AUTO = {"type": "auto"}


def is_judge(request: Any) -> bool:
    return [tool["name"] for tool in request.tools] == ["judge_calls"]


def brain(*risks: str, judges: list[Any] | None = None) -> Brain:
    """The agent makes a call for each risk, then ends; the judge says the risks."""

    def think(request: Any) -> Any:
        if is_judge(request):
            if judges is not None:
                judges.append(request)
            return answer(use("judge_calls", risks=list(risks)), input_tokens=7, output_tokens=3)
        if len(request.messages) > 1:
            return answer(text("Done."))
        return answer(*(use("bash", f"call{n}", command=f"do {n}") for n in range(len(risks))))

    return Brain(think)


@pytest.mark.parametrize(
    ("risk", "permission", "reason"),
    [("low", "allow", {}), ("high", "deny", {"reason_code": "high_risk"}),
     ("unclear", "ask", {"reason_code": "indeterminate"}), ("nonsense", "ask", {"reason_code": "indeterminate"})],
)  # fmt: skip
@asynchronous
async def test_a_call_runs_is_denied_or_asked_for(tmp_path: Path, risk: str, permission: str, reason: Any) -> None:
    thinker, hands = brain(risk), Hands(lambda tool, input: ToolResult.text("ran"))
    async with running(tmp_path, brain=thinker, hands=hands) as core:
        id = await core.create(agent("m", toolset(AUTO)), "please do it")
        events = await core.idle(id)
        (call,) = [event for event in events if event["type"] == "agent.tool_use"]
        assert call["evaluated_permission"] == permission
        assert call["evaluation"] == {"type": "auto", "evaluated_permission": {"type": permission} | reason}
        assert len(hands.ran) == (permission == "allow") and not thinker.illegal
        if permission == "ask":
            assert events[-1]["stop_reason"] == {"type": "requires_action", "event_ids": [call["id"]]}
            await core.send(id, {"type": "user.tool_confirmation", "tool_use_id": call["id"], "result": "allow"})
            await core.seen(id, "agent.message")
            assert len(hands.ran) == 1
        else:
            given = results(events)[call["id"]]
            assert given["is_error"] == (permission == "deny") and texts(events) == ["Done."]
            if permission == "deny":
                assert given["content"][0]["text"] == "Permission to use bash has been denied."


@asynchronous
async def test_the_judge_sees_what_the_user_said_and_no_more_and_is_paid_for(tmp_path: Path) -> None:
    judges: list[Any] = []
    thinker = brain("low", "high", judges=judges)
    async with running(tmp_path, brain=thinker, hands=Hands()) as core:
        id = await core.create(agent("claude-opus-5", toolset(AUTO), system="Secret recipe."), "clean up", "the logs")
        events = await core.idle(id)
        (judge,) = judges
        shown = str(judge.messages)
        assert shown.index("clean up") < shown.index("the logs") < shown.index("do 0") < shown.index("do 1")
        assert "Secret recipe" not in shown and judge.index == 1
        permissions = [event["evaluated_permission"] for event in events if event["type"] == "agent.tool_use"]
        assert permissions == ["allow", "deny"]
        spans = [event["model_usage"]["input_tokens"] for event in events if event["type"] == "span.model_request_end"]
        session = await core.sessions.get(id)
        assert session["usage"]["input_tokens"] == sum(spans) + 7 and len(spans) == 2
        assert session["usage"]["list_cost"] is not None, "the judge has a price"
        assert [request.index for request in thinker.requests] == [0, 1, 2]


@asynchronous
async def test_a_judge_that_fails_leaves_the_call_to_the_user(tmp_path: Path) -> None:
    def think(request: Any) -> Any:
        if is_judge(request):
            raise ModelError("overloaded", kind="overloaded", retryable=True)
        return answer(use("bash", command="x"))

    async with running(tmp_path, brain=Brain(think), hands=(hands := Hands())) as core:
        id = await core.create(agent("m", toolset(AUTO)), "go")
        events = await core.idle(id)
        assert events[-1]["stop_reason"]["type"] == "requires_action" and not hands.ran
        assert "session.error" not in types(events)


@asynchronous
async def test_only_calls_that_the_policy_leaves_open_are_judged(tmp_path: Path) -> None:
    judges: list[Any] = []
    async with running(tmp_path, brain=brain("low", judges=judges), hands=(hands := Hands())) as core:
        await core.idle(await core.create(agent("m", toolset(ALLOW)), "go"))
        assert not judges and len(hands.ran) == 1


@asynchronous
async def test_an_interrupt_while_it_is_judged_runs_nothing(tmp_path: Path) -> None:
    judged = asyncio.Event()

    async def think(request: Any) -> Any:
        if is_judge(request):
            judged.set()
            await asyncio.sleep(60)
        return answer(use("bash", command="x"), input_tokens=5)

    async with running(tmp_path, brain=Brain(think), hands=(hands := Hands())) as core:
        id = await core.create(agent("m", toolset(AUTO)), "go")
        await judged.wait()
        await core.send(id, {"type": "user.interrupt"})
        events = await core.idle(id)
        assert events[-1]["stop_reason"] == {"type": "end_turn"} and not hands.ran
        (end,) = [event for event in events if event["type"] == "span.model_request_end"]
        assert end["is_error"] is None and end["model_usage"]["input_tokens"] == 5
