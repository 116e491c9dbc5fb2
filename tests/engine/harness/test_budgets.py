"""Budgets: what a session costs, and that it asks no model beyond its limit (semantics.md 7.4)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.errors import RequestError
from tests.engine.core import ALLOW, CUSTOM, Core, agent, asynchronous, message, running, toolset, types
from tests.engine.doubles import Brain, Hands, Turns, answer, text, use

DOLLARS_5 = 1_000_000  # input tokens of claude-opus-5 for five dollars


def limit(cents: int) -> dict[str, Any]:
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


async def start(core: Core, cents: int | None, *texts: str, tools: tuple[dict[str, Any], ...] = ()) -> str:
    session = await core.sessions.create(
        agent=agent("claude-opus-5", *tools), environment={"id": "env_test", "config": {"type": "cloud"}}, title=None,
        metadata={}, initial_events=[message(text) for text in texts], budget=limit(cents) if cents else None,
    )  # fmt: skip
    return str(session["id"])


def budgeted(data_dir: Path, **options: Any) -> AbstractAsyncContextManager[Core]:
    return running(data_dir, context_tokens=10**9, **options)  # so many tokens are no reason to summarise


def reasons(events: list[dict[str, Any]], type: str = "session.status_idle") -> list[str]:
    return [event["stop_reason"]["type"] for event in events if event["type"] == type]


@asynchronous
async def test_the_request_that_crosses_the_limit_is_the_last_and_a_higher_limit_resumes_the_work(
    tmp_path: Path,
) -> None:
    brain = Turns(
        answer(text("Looking."), use("bash", command="a"), input_tokens=DOLLARS_5),
        answer(text("Done."), input_tokens=DOLLARS_5),
    )
    async with budgeted(tmp_path, brain=brain, hands=Hands()) as core:
        id = await start(core, 400, "go", tools=(toolset(ALLOW),))
        events = await core.idle(id)
        assert reasons(events) == reasons(events, "session.thread_status_idle") == ["budget_reached"]
        assert types(events)[-2:] == ["session.usage", "session.status_idle"]
        assert events[-2]["usage"]["list_cost"] == {"amount": "500", "currency": "USD"}
        assert events[-2]["budget"] == limit(400)
        assert len(brain.requests) == 1 and "agent.tool_result" in types(events)

        await core.sessions.update(id, {"budget": limit(2000)})
        events = await core.idle(id)
        assert reasons(events) == ["budget_reached", "end_turn"] and len(brain.requests) == 2
        (update,) = [event for event in events if event["type"] == "session.updated"]
        assert update["budget"] == limit(2000)
        assert (await core.sessions.get(id))["usage"]["list_cost"]["amount"] == "1000"


@asynchronous
async def test_a_turn_that_ends_with_the_last_of_the_budget_ended_by_itself(tmp_path: Path) -> None:
    brain = Turns(answer(text("Done."), input_tokens=DOLLARS_5))
    async with budgeted(tmp_path, brain=brain) as core:
        id = await start(core, 500, "go")
        events = await core.idle(id)
        assert reasons(events, "session.thread_status_idle") == ["end_turn"]
        assert reasons(events) == ["budget_reached"]
        # Nothing was left to do: removing the limit runs nothing, and the next message is taken.
        await core.sessions.update(id, {"budget": None})
        assert (await core.sessions.get(id))["status"] == "idle" and len(brain.requests) == 1
        await core.send(id, message("more"))
        await core.until(id, lambda session: len(brain.requests) == 2)
        assert reasons(await core.idle(id)) == ["budget_reached", "end_turn"]


@asynchronous
async def test_what_a_session_without_budget_takes(tmp_path: Path) -> None:
    async with budgeted(tmp_path, brain=Turns(answer(text("Done."), input_tokens=DOLLARS_5))) as core:
        id = await start(core, 1, "go")
        before = await core.idle(id)
        with pytest.raises(RequestError, match=r"budget is used up: it takes user\.interrupt"):
            await core.send(id, message("more"))
        (echo,) = await core.send(id, {"type": "user.interrupt"})
        assert echo["type"] == "user.interrupt" and echo["processed_at"]
        assert await core.events(id) == before
        assert (await core.sessions.archive(id))["status"] == "terminated"


@asynchronous
async def test_messages_wait_for_a_higher_limit(tmp_path: Path) -> None:
    brain = Brain(lambda request: answer(text("Hm."), input_tokens=DOLLARS_5))
    async with budgeted(tmp_path, brain=brain) as core:
        id = await start(core, 500, "one", "two")
        await core.idle(id)
        await core.sessions.update(id, {"budget": limit(2000)})
        events = await core.idle(id)
        said = [event["content"][0]["text"] for event in events if event["type"] == "user.message"]
        assert said == ["one", "two"] and all(event["processed_at"] for event in events)


@asynchronous
async def test_answers_are_recorded_without_asking_the_model(tmp_path: Path) -> None:
    brain = Turns(answer(use("lookup", key="a"), input_tokens=DOLLARS_5), answer(text("Done.")))
    async with budgeted(tmp_path, brain=brain) as core:
        id = await start(core, 100, "go", tools=(CUSTOM,))
        events = await core.idle(id)
        assert reasons(events) == ["requires_action"], "an action that is required outranks the budget"
        (call,) = [event for event in events if event["type"] == "agent.custom_tool_use"]
        await core.send(id, {"type": "user.custom_tool_result", "custom_tool_use_id": call["id"]})
        events = await core.idle(id)
        assert reasons(events) == ["requires_action", "budget_reached"] and len(brain.requests) == 1
        await core.sessions.update(id, {"budget": None})
        assert reasons(await core.idle(id))[-1] == "end_turn" and len(brain.requests) == 2


@asynchronous
async def test_an_interrupted_turn_is_not_resumed_with_its_budget(tmp_path: Path) -> None:
    brain = Turns(answer(use("lookup", key="a"), input_tokens=DOLLARS_5), answer(text("Done.")))
    async with budgeted(tmp_path, brain=brain) as core:
        id = await start(core, 100, "go", tools=(CUSTOM,))
        await core.idle(id)
        await core.send(id, {"type": "user.interrupt"})
        assert reasons(await core.idle(id))[-1] == "budget_reached"
        await core.sessions.update(id, {"budget": None})
        await core.idle(id)
        assert len(brain.requests) == 1


@pytest.mark.parametrize(
    ("new", "code"), [(limit(499), "budget_not_raised"), (limit(500), "budget_not_raised"), (limit(501), None)]
)
@asynchronous
async def test_a_limit_must_be_above_what_was_spent(tmp_path: Path, new: dict[str, Any], code: str | None) -> None:
    async with budgeted(tmp_path, brain=Turns(answer(text("Done."), input_tokens=DOLLARS_5))) as core:
        id = await start(core, 10_000, "go")
        await core.idle(id)
        if code is None:
            assert (await core.sessions.update(id, {"budget": new}))["budget"] == new
            return
        with pytest.raises(RequestError) as refused:
            await core.sessions.update(id, {"budget": new})
        assert refused.value.details == {"error_code": code}


@asynchronous
async def test_a_budget_cannot_be_added_later(tmp_path: Path) -> None:
    async with budgeted(tmp_path, brain=Turns(answer(text("Done.")))) as core:
        id = await start(core, None)
        with pytest.raises(RequestError) as refused:
            await core.sessions.update(id, {"budget": limit(5)})
        assert refused.value.details == {"error_code": "budget_create_only"}


@asynchronous
async def test_a_script_may_stand_in_for_a_model_with_a_price(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        path = tmp_path / "priced.yaml"
        path.write_text("price_as: claude-opus-5\nturns:\n- {text: Hi., usage: {input_tokens: 200000}}\n")
        id = await core.create(agent(f"script:{path}"), "go")
        await core.idle(id)
        assert (await core.sessions.get(id))["usage"]["list_cost"] == {"amount": "100", "currency": "USD"}
        id = await core.create(agent(core.script({"text": "Hi."})), "go")
        await core.idle(id)
        assert (await core.sessions.get(id))["usage"]["list_cost"] is None


@asynchronous
async def test_a_thread_costs_its_tokens_and_the_session_its_running_time_as_well(tmp_path: Path) -> None:
    async with budgeted(tmp_path, brain=Turns(answer(text("Done."), input_tokens=DOLLARS_5))) as core:
        id = await start(core, None, "go")
        await core.idle(id)
        state = (await core.logs.open(id)).state
        state.active_seconds = 3600.0
        (thread,) = await core.sessions.threads(id)
        assert thread["usage"]["list_cost"]["amount"] == "500"
        assert (await core.sessions.get(id))["usage"]["list_cost"]["amount"] == "508"
