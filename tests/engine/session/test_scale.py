"""What many sessions, long ones and large events cost: counted where it can be, timed with wide margins where not."""

import asyncio
import gc
import time

from antcli.engine.harness.conversation import Conversations
from antcli.engine.session import turns
from antcli.engine.session.events import event
from antcli.engine.store.base import Page
from tests.engine.core import EventFilter, agent, message, running, texts, toolset
from tests.engine.doubles import Hands, Turns, answer, text, use

OK = answer(text("ok"))
NO_TOKENS = dict.fromkeys(
    ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), 0
)  # fmt: skip


class Counting:
    """A store that counts the records it hands out."""

    def __init__(self, store):
        self._store, self.read = store, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def records(self, *arguments, **named):
        found = await self._store.records(*arguments, **named)
        self.read += len(found)
        return found


def add_round(draft, n):
    """One round of a long turn: request, message, call, result."""
    start = event("span.model_request_start", "t")
    call = event("agent.tool_use", "t", {"name": "bash", "input": {}}, data={"provider_id": f"t{n}", "started": True})
    content = [text("working"), use("bash", f"t{n}")]
    ending = {"model_request_start_id": start.event_id, "is_error": False, "model_usage": NO_TOKENS}
    draft.add(start, event("agent.message", "t", {"content": [text("working")]}), call)
    draft.add(event("span.model_request_end", "t", ending, data={"content": content}))
    draft.add(turns.tool_result("t", call.event_id, [text("out")], is_error=False))


def test_a_turn_of_a_long_session_reads_only_what_is_new(tmp_path):
    async def scenario():
        brain = Turns(OK)
        async with running(tmp_path, brain=brain, hands=Hands(), wrap=Counting) as core:
            id = await core.create(agent("any", toolset()), "go")
            await core.idle(id)
            log = await core.logs.open(id)
            for first in range(0, 4000, 200):
                await log.commit(lambda draft, first=first: [add_round(draft, n) for n in range(first, first + 200)])
            await log.commit(lambda draft: turns.stop(draft, turns.END_TURN))
            for turn in range(3):
                before, started = core.store.read, time.perf_counter()
                await core.send(id, message("more"))
                await core.until(id, lambda session: session["status"] == "idle")
                assert core.store.read - before < (30 if turn else 21_000)
                assert time.perf_counter() - started < (1 if turn else 10)
            for order in ("asc", "desc"):
                started = time.perf_counter()
                assert len(await core.sessions.events(id, EventFilter(), Page(1000, order))) == 1000
                assert time.perf_counter() - started < 0.5
            assert len(brain.requests[-1].messages) == 8005 and brain.illegal == []

    asyncio.run(scenario())


def test_memory_holds_a_bounded_number_of_sessions_and_conversations(tmp_path):
    async def scenario():
        async with running(tmp_path, brain=Turns(OK), hands=Hands(), capacity=50) as core:
            for _ in range(10):
                ids = await asyncio.gather(*(core.create(agent("any"), "x" * 10_000) for _ in range(30)))
                for id in ids:
                    await core.until(id, lambda session: session["status"] == "idle")
            gc.collect()
            assert len(core.logs._alive) <= 51
            kept = Conversations(core.store, budget=100_000)
            for id in ids:
                log = await core.logs.open(id)
                assert len((await kept.of(log)).messages) == 2
                assert sum(one.size for one in kept._kept.values()) == kept._size <= 100_000
            assert 1 < len(kept._kept) < 10

    asyncio.run(scenario())


def test_an_event_of_ten_megabytes_does_not_stop_the_others_for_long(tmp_path):
    async def scenario():
        big = "x" * 10_000_000
        calls = answer(use("write", "t1", file_path="a", content=big), use("bash", "t2", command="y"))
        async with running(tmp_path, brain=Turns(calls, OK), hands=Hands()) as core:
            id = await core.create(agent("any", toolset()))
            worst = 0.0

            async def watch():
                nonlocal worst
                while True:
                    started = time.perf_counter()
                    await asyncio.sleep(0.001)
                    worst = max(worst, time.perf_counter() - started)

            watching = asyncio.create_task(watch())
            await core.send(id, message(big))
            assert texts(await core.idle(id)) == ["ok"]
            watching.cancel()
            assert worst < 1.0

    asyncio.run(scenario())


def test_the_upkeep_of_leases_reads_only_the_sessions_at_work(tmp_path):
    """It runs every few seconds, whatever the number of sessions that rest."""

    async def scenario():
        async with running(tmp_path, brain=Turns(OK)) as core:
            plans = []

            def explain(connection):
                connection.set_trace_callback(plans.append)

            await core.store._write(explain)
            await core.store.renew("x", 1)
            await core.store.release_all()
            await core.store._write(lambda connection: connection.set_trace_callback(None))
            updates = [sql for sql in plans if sql.startswith("UPDATE")]
            assert len(updates) == 2

            def plan(connection):
                return [row[3] for sql in updates for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

            steps = await core.store._write(plan)
            assert steps and all("sessions_awake" in step for step in steps)

    asyncio.run(scenario())
