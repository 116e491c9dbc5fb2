"""system.message: context that goes with a turn and stays, as a message of its own role (semantics.md 3.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from antcli.engine.errors import RequestError
from tests.engine.core import CUSTOM, agent, asynchronous, message, running, types
from tests.engine.doubles import Brain, Turns, answer, text, use

MODEL = "claude-opus-5-5"


def system(value: str) -> dict[str, Any]:
    return {"type": "system.message", "content": [{"type": "text", "text": value}]}


def roles(request: Any) -> list[str]:
    return [message["role"] for message in request.messages]


@asynchronous
async def test_it_stands_behind_the_message_that_it_came_with_and_stays(tmp_path: Path) -> None:
    brain = Turns(answer(text("One.")), answer(text("Two.")))
    async with running(tmp_path, brain=brain) as core:
        id = await core.create(agent(MODEL, system="Be kind."))
        sent = await core.send(id, message("hi"), system("It is night."))
        assert [event["processed_at"] for event in sent] == [None, None]
        events = await core.idle(id)
        assert "system.message" in types(events) and all(event["processed_at"] for event in events)
        await core.send(id, message("again"))
        await core.seen(id, "session.status_idle", 2)
        assert roles(brain.requests[0]) == ["user", "system"]
        assert roles(brain.requests[1]) == ["user", "system", "assistant", "user"]
        assert brain.requests[1].system[0]["text"] == "Be kind." and not brain.illegal


@asynchronous
async def test_with_an_answer_it_waits_until_all_calls_are_answered(tmp_path: Path) -> None:
    brain = Turns(answer(use("lookup", "a", key="a"), use("lookup", "b", key="b")), answer(text("Done.")))
    async with running(tmp_path, brain=brain) as core:
        id = await core.create(agent(MODEL, CUSTOM), "go")
        calls = [event["id"] for event in await core.idle(id) if event["type"] == "agent.custom_tool_use"]
        result = {"type": "user.custom_tool_result", "custom_tool_use_id": calls[0]}
        sent = await core.send(id, result, system("Hurry."))
        assert all(event["processed_at"] for event in sent)
        await core.send(id, result | {"custom_tool_use_id": calls[1]})
        await core.until(id, lambda session: len(brain.requests) == 2)
        await core.idle(id)
        assert roles(brain.requests[1]) == ["user", "assistant", "user", "system"] and not brain.illegal


@asynchronous
async def test_it_is_kept_word_for_word_when_the_conversation_is_summarised(tmp_path: Path) -> None:
    def think(request: Any) -> Any:
        return answer(text("Summary."), input_tokens=900 if len(request.messages) <= 2 else 1)

    async with running(tmp_path, brain=(brain := Brain(think)), context_tokens=500) as core:
        id = await core.create(agent(MODEL))
        await core.send(id, message("hi"), system("Speak French."))
        await core.idle(id)
        await core.send(id, message("again"))
        await core.seen(id, "session.status_idle", 2)
        assert "agent.thread_context_compacted" in types(await core.events(id))
        assert roles(brain.requests[-1]) == ["user", "system", "user"] and "Speak French." in str(
            brain.requests[-1].messages
        )
        assert not brain.illegal


@asynchronous
async def test_a_model_that_does_not_take_it_refuses_the_whole_request(tmp_path: Path) -> None:
    async with running(tmp_path, brain=Turns(answer(text("One.")))) as core:
        id = await core.create(agent("claude-sonnet-4-5"))
        with pytest.raises(RequestError) as refused:
            await core.send(id, message("hi"), system("No."))
        assert refused.value.details == {"error_code": "model_does_not_support_mid_conversation_system"}
        assert await core.events(id) == []


@asynchronous
async def test_an_interrupt_takes_it_with_the_message_that_was_not_begun(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        id = await core.create(agent(core.script({"text": "One.", "delay": 30}, {"text": "Two."})), "go")
        await core.seen(id, "span.model_request_start")
        await core.send(id, message("later"), system("Quietly."))
        await core.send(id, {"type": "user.interrupt"})
        events = await core.idle(id)
        assert all(event["processed_at"] for event in events) and types(events).count("system.message") == 1
