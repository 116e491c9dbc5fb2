"""The engine dies at every commit boundary in turn; another one finishes the session from the log."""

import asyncio
import contextlib
from collections import Counter

import pytest

from antcli.engine.providers.base import ModelError
from antcli.engine.store.base import StorageError
from tests.engine.core import ASK, CUSTOM, agent, message, results, running, texts, toolset, types
from tests.engine.doubles import Brain, answer, text

LOST = "It may have run"


class Dying:
    """A store whose writes stop for ever before or after the n-th append, as if the process were gone."""

    def __init__(self, store, deadline: int, *, after: bool):
        self._store = store
        self._left = deadline
        self._after = after
        self.died = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def append(self, append):
        self._left -= 1
        if self._left < 0 or (self._left == 0 and not self._after):
            self.died.set()
            await asyncio.Event().wait()
        position = await self._store.append(append)
        if self._left == 0:
            self.died.set()
            await asyncio.Event().wait()
        return position

    async def claim(self, *arguments):
        if self.died.is_set():
            raise StorageError("gone")
        return await self._store.claim(*arguments)


def script(core):
    return core.script(
        {"text": "First.", "tools": [{"name": "bash", "input": {"command": "echo run >> effects"}}]},
        {"tools": [{"name": "read", "input": {"file_path": "effects"}}, {"name": "glob", "input": {"pattern": "*"}},
                   {"name": "bash", "input": {"command": "echo run >> effects"}},
                   {"name": "bash", "input": {"command": "echo run >> effects"}}]},
        {"text": "Done."},
    )  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("deadline", range(1, 12))
def test_a_session_survives_death_at_any_commit(tmp_path, deadline, after):
    async def scenario():
        async with running(tmp_path, wrap=lambda store: Dying(store, deadline, after=after), grace=0) as core:
            id = await core.create(agent(script(core), toolset()), "go")
            idle = asyncio.create_task(core.until(id, lambda session: session["status"] == "idle"))
            dead = asyncio.create_task(core.store.died.wait())
            await asyncio.wait((idle, dead), return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert idle.done() or dead.done()
            idle.cancel()
            dead.cancel()
            seen = await core.events(id)
        async with running(tmp_path) as core:
            events = await core.idle(id)
            check(events, seen)
            effects = (tmp_path / "sessions" / id / "workspace" / "effects").read_text().count("run")
            lost = sum(LOST in result["content"][0]["text"] for result in results(events).values())
            assert 3 - lost <= effects <= 3, "a side effect was repeated, or left out in silence"

    asyncio.run(scenario())


def check(events, seen):
    counted = Counter(event["id"] for event in events)
    assert max(counted.values()) == 1, "an event stands twice"
    ids = [event["id"] for event in events]
    assert [event["id"] for event in seen if event["processed_at"]] == ids[: len(ids)][
        : sum(1 for event in seen if event["processed_at"])
    ], "an event that was seen is lost or moved"
    assert texts(events) == ["First.", "Done."]
    assert events[-1]["type"] == "session.status_idle" and events[-1]["stop_reason"] == {"type": "end_turn"}
    uses = {event["id"] for event in events if event["type"].endswith("tool_use")}
    assert uses == set(results(events))
    spans = [event["id"] for event in events if event["type"] == "span.model_request_start"]
    ends = [event["model_request_start_id"] for event in events if event["type"] == "span.model_request_end"]
    assert spans == ends


def test_a_request_that_died_with_its_engine_is_no_failure_of_the_model(tmp_path):
    attempts, asked = [], asyncio.Event()

    async def think(request):
        attempts.append(request.attempt)
        asked.set()
        if len(attempts) <= 3:
            await asyncio.Event().wait()
        if len(attempts) == 4:
            raise ModelError("busy", retryable=True, retry_after=0)
        return answer(text("ok"))

    async def scenario():
        async with running(tmp_path, brain=Brain(think), grace=0) as core:
            id = await core.create(agent("any"), "go")
            await asyncio.wait_for(asked.wait(), 10)
        for _ in range(2):
            asked.clear()
            async with running(tmp_path, brain=Brain(think), grace=0):
                await asyncio.wait_for(asked.wait(), 10)
        async with running(tmp_path, brain=Brain(think), retries=1) as core:
            assert texts(await core.idle(id)) == ["ok"]
        assert attempts == [0, 0, 0, 0, 1]

    asyncio.run(scenario())


def test_a_parked_session_still_waits_after_a_restart(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script(
                {"tools": [{"name": "lookup", "input": {}}, {"name": "bash", "input": {"command": "echo yes"}}]},
                {"text": "ok"},
            )
            id = await core.create(agent(model, toolset(ASK), CUSTOM), "go")
            before = await core.idle(id)
        async with running(tmp_path) as core:
            assert await core.idle(id) == before
            custom, asked = before[-1]["stop_reason"]["event_ids"]
            await core.send(id, {"type": "user.custom_tool_result", "custom_tool_use_id": custom})
        async with running(tmp_path) as core:
            await core.send(id, {"type": "user.tool_confirmation", "tool_use_id": asked, "result": "allow"})
            assert texts(await core.idle(id)) == ["ok"]

    asyncio.run(scenario())


@pytest.mark.parametrize("restarted", [True, False], ids=["restart", "rest"])
def test_who_waited_for_an_answer_is_told_that_its_sandbox_is_another_one(tmp_path, restarted):
    async def scenario():
        async with contextlib.AsyncExitStack() as engines:
            core = await engines.enter_async_context(running(tmp_path))
            bash = [{"name": "bash", "input": {"command": "pwd; cd /tmp; echo kept >> /workspace/f; cat /workspace/f"}}]
            model = core.script(
                {"tools": bash}, {"tools": [{"name": "lookup", "input": {}}]}, {"tools": bash * 2}, {"text": "ok"}
            )
            id = await core.create(agent(model, toolset(), CUSTOM), "go")
            [custom] = (await core.idle(id))[-1]["stop_reason"]["event_ids"]
            if restarted:
                await engines.aclose()
                core = await engines.enter_async_context(running(tmp_path))
            else:  # as after five minutes
                await core.sandboxes.discard(id)
            await core.send(id, {"type": "user.custom_tool_result", "custom_tool_use_id": custom})
            await core.idle(id)
            answers = [event["content"] for event in await core.seen(id, "agent.tool_result", 3)]
            said = [[block["text"] for block in content] for content in answers]
            assert said[0] == ["/workspace\nkept"] and said[2] == ["/tmp\nkept\nkept\nkept"]
            assert "sandbox of the earlier calls is gone" in said[1][0]
            assert said[1][1] == "/workspace\nkept\nkept"

    asyncio.run(scenario())


def test_a_stopping_engine_parks_its_turns_and_the_next_one_goes_on(tmp_path):
    async def scenario():
        async with running(tmp_path, grace=3) as core:
            command = "sleep 0.5; echo once >> effects"
            model = core.script({"tools": [{"name": "bash", "input": {"command": command}}]}, {"text": "ok"})
            id = await core.create(agent(model, toolset()), "go")
            await core.seen(id, "agent.tool_use")
        async with running(tmp_path) as core:
            events = await core.idle(id)
            assert texts(events) == ["ok"]
            assert not any(LOST in result["content"][0]["text"] for result in results(events).values())
            assert (tmp_path / "sessions" / id / "workspace" / "effects").read_text() == "once\n"

    asyncio.run(scenario())


def test_an_interrupt_that_was_accepted_before_the_crash_is_applied_after_it(tmp_path):
    async def scenario():
        async with running(tmp_path, wrap=lambda store: Dying(store, 2, after=True), grace=0) as core:
            id = await core.create(agent(core.script({"text": "x", "delay": 30}, {"text": "two"})), "go")
            await core.seen(id, "span.model_request_start")
            sending = asyncio.create_task(core.send(id, {"type": "user.interrupt"}))
            await core.seen(id, "user.interrupt")
            sending.cancel()
        async with running(tmp_path) as core:
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "end_turn"} and texts(events) == []
            assert "user.interrupt" in types(events)
            await core.send(id, message("next"))
            assert texts(await core.idle(id)) == ["two"]

    asyncio.run(scenario())


def test_an_engine_that_was_frozen_past_its_lease_is_fenced(tmp_path):
    """Another harness took the session over: the old one may not write a single record."""
    from antcli.engine.session.events import event
    from antcli.engine.session.log import Logs
    from antcli.engine.store.base import FencedError

    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x"})))
            old = await core.store.claim(id, "frozen", -1.0)
            new = await core.store.claim(id, "other", 30.0)
            assert new == old + 1
            assert await core.store.claim(id, "third", 30.0) is None
            log = await Logs(core.store).open(id)
            with pytest.raises(FencedError):
                await log.commit(lambda draft: draft.add(event("agent.thinking", "sthr_x")), epoch=old)
            await log.commit(lambda draft: draft.add(event("agent.thinking", "sthr_x")), epoch=new)
            assert types(await core.events(id)) == ["agent.thinking"]

    asyncio.run(scenario())
