"""A conversation near the context limit is summarised and goes on; the log stays whole (semantics.md 7.2)."""

import asyncio
import json

from antcli.engine.harness.conversation import Conversations
from tests.engine.core import agent, message, running, texts, toolset, types

LONG = {"input_tokens": 900, "output_tokens": 200}


def shown(conversation):
    return json.dumps(conversation.messages)


def test_a_long_conversation_becomes_a_summary_in_mid_turn_and_goes_on(tmp_path):
    async def scenario():
        async with running(tmp_path, context_tokens=1000) as core:
            model = core.script(
                {"text": "Working.", "usage": LONG, "tools": [{"name": "bash", "input": {"command": "echo RESULT"}}]},
                {"text": "The user wants x; I ran echo.", "expect": [{"contains": "RESULT"}, {"contains": "summary"}]},
                {
                    "text": "Done.",
                    "expect": [
                        {"path": "messages[0].content[0].text", "contains": "The user wants x"},
                        {"path": "messages[1].role", "equals": "assistant"},
                        {"contains": "RESULT"},
                    ],
                },
            )
            id = await core.create(agent(model, toolset()), "do x")
            events = await core.idle(id)
            assert texts(events) == ["Working.", "Done."]
            assert types(events).count("agent.thread_context_compacted") == 1
            assert types(events).count("span.model_request_start") == types(events).count("span.model_request_end") == 3
            assert "do x" in texts(events, "user.message")

    asyncio.run(scenario())


def test_after_a_restart_only_what_came_since_the_compaction_is_read(tmp_path):
    async def scenario():
        async with running(tmp_path, context_tokens=1000) as core:
            turns = [{"text": f"answer {n}"} for n in range(5)] + [{"text": "long", "usage": LONG}]
            model = core.script(
                *turns,
                {"text": "SUMMARY"},
                {"text": "next", "expect": {"contains": "question"}},
                {"text": "last", "expect": {"path": "messages[0].content[0].text", "contains": "SUMMARY"}},
            )
            id = await core.create(agent(model))
            for n in range(7):
                await core.send(id, message(f"question {n}"))
                await core.idle(id)
            row = await core.store.session(id)
            assert 0 < row.state["context_from"] < row.last_position
        async with running(tmp_path, context_tokens=1000) as core:
            read = []
            records = core.store.records

            async def counting(*arguments, **options):
                found = await records(*arguments, **options)
                read.extend(found)
                return found

            core.store.records = counting
            conversation = await Conversations(core.store).of(await core.logs.open(id))
            assert read[0].type == "agent.thread_context_compacted" and len(read) < row.last_position / 2
            assert "SUMMARY" in shown(conversation) and "answer 0" not in shown(conversation)
            await core.send(id, message("question 7"))
            assert texts(await core.idle(id))[-1] == "last"

    asyncio.run(scenario())


def test_a_compaction_that_yields_nothing_ends_the_turn_with_its_own_error(tmp_path):
    async def scenario():
        async with running(tmp_path, context_tokens=1000) as core:
            id = await core.create(agent(core.script({"text": "long", "usage": LONG}, {"text": ""})), "one")
            await core.idle(id)
            await core.send(id, message("two"))
            events = await core.idle(id)
            (error,) = [event["error"] for event in events if event["type"] == "session.error"]
            assert error["type"] == "compaction_limit_reached_error"
            assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}

    asyncio.run(scenario())


def test_an_interrupt_during_a_compaction_ends_the_turn_and_nothing_is_lost(tmp_path):
    async def scenario():
        async with running(tmp_path, context_tokens=1000) as core:
            model = core.script(
                {"text": "long", "usage": LONG}, {"text": "never", "delay": 60}, {"text": "SUMMARY"}, {"text": "three"}
            )
            id = await core.create(agent(model), "one")
            await core.idle(id)
            await core.send(id, message("two"))
            await core.seen(id, "span.model_request_start", count=2)
            await core.send(id, {"type": "user.interrupt"})
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "end_turn"}
            assert "agent.thread_context_compacted" not in types(events)
            await core.send(id, message("three"))
            events = await core.idle(id)
            assert texts(events)[-1] == "three" and "agent.thread_context_compacted" in types(events)

    asyncio.run(scenario())
