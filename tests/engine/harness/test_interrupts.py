"""`user.interrupt` in every state of a session (semantics.md 3.3)."""

import asyncio
import time

from tests.engine.core import CUSTOM, agent, message, results, running, texts, toolset, types

INTERRUPT = {"type": "user.interrupt"}


def test_an_interrupt_stops_a_streaming_model_at_once_and_closes_its_span(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "a b c d", "delay": 30}, {"text": "two"})), "go")
            await core.seen(id, "span.model_request_start")
            started = time.monotonic()
            (echo,) = await core.send(id, INTERRUPT)
            assert echo["processed_at"] is None
            events = await core.idle(id)
            assert time.monotonic() - started < 5
            assert types(events)[-5:] == [
                "span.model_request_end", "user.interrupt", "session.thread_status_idle", "session.usage",
                "session.status_idle",
            ]  # fmt: skip
            assert events[-1]["stop_reason"] == {"type": "end_turn"}
            assert events[-5]["is_error"] is None
            await core.send(id, message("again"))
            assert texts(await core.idle(id)) == ["two"]

    asyncio.run(scenario())


def test_an_interrupt_kills_a_running_tool_and_its_call_gets_an_error_result(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            command = "touch begun; sleep 60; touch ended"
            model = core.script({"tools": [{"name": "bash", "input": {"command": command}}]}, {"text": "two"})
            id = await core.create(agent(model, toolset()), "go")
            begun = tmp_path / "sessions" / id / "workspace" / "begun"
            async with asyncio.timeout(10):
                while not begun.exists():
                    await asyncio.sleep(0.01)
            started = time.monotonic()
            await core.send(id, INTERRUPT, message("next"))
            await core.seen(id, "session.status_idle")
            assert time.monotonic() - started < 5
            events = await core.idle(id)
            (result,) = results(events).values()
            assert result["is_error"] and "interrupted before completion" in result["content"][0]["text"]
            assert texts(events) == ["two"]
            assert types(events).count("session.status_idle") in (1, 2)

    asyncio.run(scenario())


def test_an_interrupt_of_a_parked_session_answers_the_open_calls_without_asking_the_model(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script({"tools": [{"name": "lookup", "input": {}}]}, {"text": "two"})
            id = await core.create(agent(model, CUSTOM), "go")
            before = await core.idle(id)
            (echo,) = await core.send(id, INTERRUPT)
            assert echo["processed_at"] is not None
            events = await core.events(id)
            assert events[-1]["stop_reason"] == {"type": "end_turn"}
            assert types(events)[len(before) :][:2] == ["user.custom_tool_result", "user.interrupt"]
            assert types(events).count("span.model_request_start") == 1
            await core.send(id, message("go on"))
            assert texts(await core.idle(id)) == ["two"]

    asyncio.run(scenario())


def test_an_interrupt_of_an_idle_session_changes_nothing(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "one"})), "go")
            await core.idle(id)
            await core.send(id, INTERRUPT)
            events = await core.events(id)
            assert types(events)[-1] == "user.interrupt" and events[-1]["processed_at"]
            assert (await core.sessions.get(id))["status"] == "idle"

    asyncio.run(scenario())


def test_a_message_interrupted_before_the_harness_took_it_is_not_answered(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "one"}, {"text": "two"})))
            await core.send(id, message("never mind"), INTERRUPT)
            events = await core.idle(id)
            assert texts(events) == []
            await core.send(id, message("now"))
            assert texts(await core.idle(id)) == ["one"]

    asyncio.run(scenario())


def test_what_was_queued_behind_an_interrupt_becomes_the_next_turn(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x", "delay": 30}, {"text": "two"})), "go")
            await core.seen(id, "span.model_request_start")
            await core.send(id, INTERRUPT, message("next"))
            events = await core.idle(id)
            while texts(events) != ["two"]:
                events = await core.idle(id)
            assert types(events).count("session.status_idle") == 2
            assert types(events).count("session.status_running") == 2

    asyncio.run(asyncio.wait_for(scenario(), 20))
