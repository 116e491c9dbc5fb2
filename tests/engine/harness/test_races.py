"""What happens at once: interrupts, messages, crashes, failing disks and clients that are gone, in the worst moment."""

import asyncio
import json
import time

import pytest

from antcli.engine.errors import RequestError
from antcli.engine.harness import harness, turn_ends
from antcli.engine.orchestration import orchestrator
from antcli.engine.providers.base import ModelError
from antcli.engine.sandbox.base import ToolResult
from antcli.engine.session import log as session_log
from antcli.engine.session import stream
from antcli.engine.session.events import event, frame
from antcli.engine.store.base import StorageError
from tests.engine.core import CUSTOM, agent, message, results, running, texts, toolset, types
from tests.engine.doubles import Brain, Gate, Hands, Turns, answer, text, use

INTERRUPT = {"type": "user.interrupt"}
OK = answer(text("ok"))


def writes(kind):
    """Matches appends that hold a record of this type."""
    return lambda append: any(record.type == kind for record in append.records)


def slow(*answers):
    """A brain that waits for ever before its first answer, then gives the others."""

    async def think(request):
        if request.index == 0:
            await asyncio.Event().wait()
        return answers[min(request.index - 1, len(answers) - 1)]

    return Brain(think)


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario, 20))


def really_idle(events):
    assert all(event["processed_at"] for event in events), "idle, and yet something is queued"


# Clients that are gone


def test_an_interrupt_whose_sender_is_gone_still_stops_the_model_at_once(tmp_path):
    async def scenario():
        async with running(
            tmp_path, brain=slow(OK), wrap=lambda store: Gate(store, "append", writes("user.interrupt"))
        ) as core:
            id = await core.create(agent("any"), "go")
            await core.seen(id, "span.model_request_start")
            sending = asyncio.create_task(core.send(id, INTERRUPT))
            await core.store.reached.wait()
            sending.cancel()
            await asyncio.wait([sending])
            core.store.opened.set()
            started = time.monotonic()
            really_idle(await core.idle(id))
            assert time.monotonic() - started < 2

    run(scenario())


@pytest.mark.parametrize("method", ["create_session", "append", "delete_session"])
def test_what_a_client_asked_for_before_it_went_has_all_its_consequences(tmp_path, method):
    async def scenario():
        async with running(tmp_path, brain=Turns(OK), wrap=lambda store: Gate(store, method)) as core:
            if method == "create_session":
                work = asyncio.create_task(core.create(agent("any"), "go"))
            else:
                core.store.opened.set()
                id = await core.create(agent("any"))
                core.store.opened.clear()
                core.store.reached.clear()
                work = asyncio.create_task(
                    core.send(id, message("go")) if method == "append" else core.sessions.delete(id)
                )
            await core.store.reached.wait()
            work.cancel()
            await asyncio.wait([work])
            core.store.opened.set()
            if method == "delete_session":
                async with asyncio.timeout(2):
                    while await core.store.session(id) is not None or id in core.logs:
                        await asyncio.sleep(0.005)
                return
            async with asyncio.timeout(2):
                while (
                    not (rows := await core.sessions.list(*everything()))
                    or rows[0][1]["status"] != "idle"
                    or (texts(await core.events(rows[0][1]["id"])) != ["ok"])
                ):
                    await asyncio.sleep(0.005)

    run(scenario())


def everything():
    from antcli.engine.store.base import Page, SessionFilter

    return SessionFilter(), Page(10)


def test_two_deletes_at_once_are_one_delete_and_one_not_found(tmp_path):
    async def scenario():
        async with running(tmp_path, brain=Turns(OK), hands=Hands()) as core:
            id = await core.create(agent("any"))
            first, second = await asyncio.gather(
                core.sessions.delete(id), core.sessions.delete(id), return_exceptions=True
            )
            assert first is None and isinstance(second, RequestError) and second.status == 404

    run(scenario())


# Interrupts


def test_an_interrupt_behind_the_answer_to_the_last_call_ends_the_turn(tmp_path):
    async def scenario():
        brain = Turns(answer(use("lookup", "t1")), OK)
        async with running(tmp_path, brain=brain, hands=Hands()) as core:
            id = await core.create(agent("any", CUSTOM), "go")
            (call,) = (await core.idle(id))[-1]["stop_reason"]["event_ids"]
            given = {"type": "user.custom_tool_result", "custom_tool_use_id": call}
            await core.send(id, given, INTERRUPT)
            events = await core.idle(id)
            assert len(brain.requests) == 1 and events[-1]["stop_reason"] == {"type": "end_turn"}
            await core.send(id, message("go on"))
            assert texts(await core.idle(id)) == ["ok"] and brain.illegal == []

    run(scenario())


@pytest.mark.parametrize(
    "kind", ["span.model_request_start", "span.model_request_end", "_call_started", "agent.tool_result"]
)
def test_an_interrupt_during_any_commit_of_a_turn_stops_it_once(tmp_path, kind):
    """Also three at once, one of them with a message behind it."""

    async def scenario():
        calls = answer(use("bash", "t1", command="x"), use("bash", "t2", command="y"), use("bash", "t3", command="z"))
        brain, hands = Turns(calls, OK), Hands()
        async with running(
            tmp_path, brain=brain, hands=hands, wrap=lambda store: Gate(store, "append", writes(kind))
        ) as core:
            id = await core.create(agent("any", toolset()), "go")
            await core.store.reached.wait()
            senders = [
                asyncio.create_task(core.send(id, *batch))
                for batch in ([INTERRUPT], [INTERRUPT, message("b")], [INTERRUPT])
            ]
            await asyncio.sleep(0.01)
            core.store.opened.set()
            await asyncio.gather(*senders)
            events = await core.idle(id)
            while texts(events, "user.message") != ["go", "b"]:
                events = await core.idle(id)
            events = await core.idle(id)
            really_idle(events)
            results(events)
            assert types(events).count("user.interrupt") == 3 and brain.illegal == []
            assert len(hands.ran) < 3 or len(brain.requests) > 1
            assert types(events)[-1] == "session.status_idle"

    run(scenario())


# Messages in the moment a turn ends


def test_a_message_that_comes_while_a_dead_turn_is_being_closed_starts_afresh(tmp_path):
    async def scenario():
        asked = asyncio.Event()

        async def think(request):
            if request.index == 0 and len(brain.requests) == 1:
                await asked.wait()
                raise ModelError("no")
            return OK

        brain = Brain(think)
        async with running(tmp_path, brain=brain, wrap=lambda store: Gate(store, "record")) as core:
            core.store.opened.set()
            id = await core.create(agent("any"), "go")
            await core.seen(id, "span.model_request_start")
            core.store.opened.clear()
            core.store.reached.clear()
            await core.send(id, message("before"))
            asked.set()
            await core.store.reached.wait()  # the queue has been read
            await core.send(id, message("after"))
            core.store.opened.set()
            events = await core.idle(id)
            while texts(events) != ["ok"]:
                events = await core.idle(id)
            really_idle(await core.idle(id))
            shown = [block["text"] for block in brain.requests[-1].messages[-1]["content"]]
            assert shown == ["go", "after"]

    run(scenario())


def test_messages_sent_in_the_moment_of_going_idle_are_all_answered(tmp_path):
    async def scenario():
        brain = Brain(lambda request: OK)
        async with running(tmp_path, brain=brain, hands=Hands()) as core:
            ids = [await core.create(agent("any"), "0") for _ in range(4)]

            async def chat(id, pause):
                for n in range(1, 30):
                    await asyncio.sleep(pause * (n % 5))
                    await core.send(id, message(str(n)))

            await asyncio.gather(*(chat(id, 0.0004 * number) for number, id in enumerate(ids)))
            for id in ids:
                events = await core.idle(id)
                really_idle(events)
                assert texts(events, "user.message") == [str(n) for n in range(30)]
                assert types(events)[-1] == "session.status_idle"
            assert brain.illegal == []
            await asyncio.sleep(0)
            assert core.orchestrator.running == 0 and not core.orchestrator._again

    run(scenario())


# Failing disks, dying engines


class Flaky:
    """A store whose n-th appends raise."""

    def __init__(self, store, error, failing):
        self._store, self._error, self._failing, self._count = store, error, failing, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def append(self, append):
        self._count += 1
        if self._count in self._failing:
            raise self._error
        return await self._store.append(append)


@pytest.mark.parametrize("error", [StorageError("full"), RuntimeError("a bug")], ids=["storage", "bug"])
@pytest.mark.parametrize("failing", [{1}, {2}, {3}, {4}, {5}, {3, 4, 5}, {1, 2, 3, 4, 5, 6, 7, 8}], ids=str)
def test_writes_that_fail_in_mid_turn_leave_no_session_stuck_and_double_nothing(tmp_path, monkeypatch, error, failing):
    monkeypatch.setattr(session_log, "STORAGE_PAUSE", 0.02)
    monkeypatch.setattr(orchestrator, "STORAGE_PAUSE", 0.02)
    monkeypatch.setattr(orchestrator, "LEASE_SECONDS", 0.3)

    async def scenario():
        calls = answer(use("bash", "t1", command="x"), use("bash", "t2", command="y"))
        brain, hands = Turns(calls, OK), Hands()
        async with running(tmp_path, brain=brain, hands=hands, wrap=lambda store: Flaky(store, error, failing)) as core:
            id = await core.create(agent("any", toolset()), "go")
            events = await core.idle(id)
            really_idle(events)
            assert set(results(events)) == {event["id"] for event in events if event["type"] == "agent.tool_use"}
            assert [ran["command"] for ran in hands.ran] in ([], ["x"], ["x", "y"]) and brain.illegal == []
            if isinstance(error, StorageError):
                assert texts(events) == ["ok"]

    run(scenario())


def test_an_engine_that_lost_its_lease_leaves_and_writes_nothing_more(tmp_path):
    async def scenario():
        frozen, thaw = asyncio.Event(), asyncio.Event()

        async def freeze(tool, input):
            frozen.set()
            await thaw.wait()
            return ToolResult.text("from the grave")

        calls = answer(use("bash", "t1", command="x"))
        async with running(tmp_path, brain=Turns(calls, OK), hands=Hands(freeze)) as old:
            id = await old.create(agent("any", toolset()), "go")
            await frozen.wait()
            second = Hands()
            async with running(tmp_path, brain=Turns(calls, OK), hands=second) as new:  # takes the lease over
                events = await new.idle(id)
                assert texts(events) == ["ok"] and second.ran == []
                (result,) = results(events).values()
                assert "may have run" in result["content"][0]["text"]
                thaw.set()
                async with asyncio.timeout(5):
                    while old.orchestrator.running:
                        await asyncio.sleep(0.005)
                assert await new.events(id) == events

    run(scenario())


def test_a_turn_is_not_parked_between_the_announcement_of_a_call_and_the_call(tmp_path):
    async def scenario():
        calls, first = answer(use("bash", "t1", command="x")), Hands()
        gate = lambda store: Gate(store, "append", writes("span.model_request_end"))  # noqa: E731
        async with running(tmp_path, brain=Turns(calls), hands=first, wrap=gate) as core:
            id = await core.create(agent("any", toolset()), "go")
            await core.store.reached.wait()
            stopping = asyncio.create_task(core.orchestrator.stop(5))
            await asyncio.sleep(0.01)
            core.store.opened.set()
            await stopping
        async with running(tmp_path, brain=Turns(calls, OK), hands=Hands()) as core:
            events = await core.idle(id)
            (result,) = results(events).values()
            assert not result["is_error"] and len(first.ran) == 1 and texts(events) == ["ok"]

    run(scenario())


def test_the_time_in_which_no_engine_ran_is_not_active(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "_UNATTENDED_SECONDS", 0.1)

    async def scenario():
        async with running(tmp_path, brain=slow(OK), grace=0) as core:
            id = await core.create(agent("any"), "go")
            await core.seen(id, "span.model_request_start")
        await asyncio.sleep(0.6)
        async with running(tmp_path, brain=Turns(OK)) as core:
            await core.idle(id)
            session = await core.sessions.get(id)
            assert session["stats"]["active_seconds"] < 0.5 < session["stats"]["duration_seconds"]

    run(scenario())


def test_an_endpoint_cannot_put_a_session_to_sleep_for_years(tmp_path, monkeypatch):
    monkeypatch.setattr(turn_ends, "LONGEST_WAIT", 0.01)

    async def think(request):
        if request.attempt == 0:
            raise ModelError("later", retryable=True, retry_after=1e8)
        return OK

    async def scenario():
        async with running(tmp_path, brain=Brain(think)) as core:
            id = await core.create(agent("any"), "go")
            assert texts(await core.idle(id)) == ["ok"]

    run(scenario())


def test_nothing_is_left_behind_by_turns_interrupts_streams_and_stopping(tmp_path):
    async def scenario():
        before = asyncio.all_tasks()
        async with running(tmp_path, brain=slow(OK), hands=Hands(), grace=0) as core:
            for _ in range(10):
                id = await core.create(agent("any"), "go")
                async with core.sessions.subscribe(id, None, frozenset({"agent.message"})) as frames:
                    await anext(frames)
                await core.send(id, INTERRUPT, message("next"))
                await core.idle(id)
            last = await core.create(agent("any"), "go")
            await core.seen(last, "span.model_request_start")
            assert not any(log._subscribers for log in core.logs._alive.values())
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    run(scenario())


# Sessions in memory and their streams


def test_streams_and_turns_miss_nothing_when_more_sessions_are_in_use_than_are_kept(tmp_path):
    async def scenario():
        async with running(tmp_path, brain=Turns(OK), hands=Hands(), capacity=1) as core:
            ids = [await core.create(agent("any")) for _ in range(6)]

            async def follow(id):
                seen = b""
                async with core.sessions.subscribe(id, None, frozenset()) as frames:
                    ready.append(id)
                    async for chunk in frames:
                        seen += chunk
                        if b"session.status_idle" in seen:
                            return seen

            ready: list[str] = []
            following = [asyncio.create_task(follow(id)) for id in ids]
            async with asyncio.timeout(5):
                while len(ready) < len(ids):
                    await asyncio.sleep(0)
                for id in ids:
                    await core.send(id, message("go"))
                for id, seen in zip(ids, await asyncio.gather(*following), strict=True):
                    for shown in await core.events(id):
                        assert shown["id"].encode() in seen
            assert len(core.logs._recent) == 1

    run(scenario())


def test_a_record_that_is_read_before_it_is_offered_is_shown_once(tmp_path):
    """A reader that has fallen behind reads the log while a commit is on disk and not yet published."""

    async def scenario():
        records = [event("agent.thinking", "t", {"n": n}) for n in range(3)]
        placed = [record for record in numbered(records)]
        reader = stream.Subscriber(0, frozenset(), read_of(placed))
        reader._behind, reader._newest = True, 2
        frames = reader.frames()
        chunk = await anext(frames)
        reader.push(placed[2], frame("agent.thinking", placed[2].body))
        reader.end(b"event: end\n\n")
        rest = b"".join([item async for item in frames])
        assert (chunk + rest).count(b'"n":2') == 1

    run(scenario())


def numbered(records):
    from dataclasses import replace

    return [replace(record, position=number) for number, record in enumerate(records, 1)]


def read_of(records):
    async def read(after):
        return [record for record in records if record.position > after]

    return read


def preview(kind, **fields):
    return frame(kind, json.dumps({"type": kind} | fields))


def test_a_reader_that_comes_in_the_middle_of_a_message_or_falls_behind_gets_no_torn_preview(monkeypatch):
    monkeypatch.setattr(stream, "_LARGEST_BACKLOG", 4)

    async def scenario():
        reader = stream.Subscriber(0, frozenset({"agent.message"}), read_of([]))
        show = lambda kind, **fields: reader.preview("agent.message", preview(kind, **fields))  # noqa: E731
        show("event_delta", n=0)
        assert not reader._frames, "a delta without its start: SDKs raise on it (api.md 11.3)"
        show("event_start")
        for n in range(1, 9):
            show("event_delta", n=n)
        taken = await anext(reader.frames())
        assert [f'"n": {n}'.encode() in taken for n in range(1, 9)] == [True] * 3 + [False] * 5
        show("event_delta", n=9)
        assert not reader._frames, "the tail is lost, so what comes later no longer fits"
        show("event_start")
        show("event_delta", n=10)
        assert len(reader._frames) == 2

    run(scenario())


def test_a_reader_that_takes_nothing_holds_a_bounded_number_of_bytes(tmp_path):
    async def scenario():
        async with running(tmp_path, brain=Turns(OK)) as core:
            id = await core.create(agent("any"))
            log = await core.logs.open(id)
            with log.subscribe(frozenset()) as reader:
                for n in range(30):
                    big = event("agent.thinking", "t", {"n": n, "text": "x" * 1_000_000})
                    await log.commit(lambda draft, big=big: draft.add(big))
                assert sum(len(data) for _, data in reader._frames) <= stream.LARGEST_CHUNK
                frames, seen, largest = reader.frames(), b"", 0
                while seen.count(b'"n":') < 30:
                    chunk = await anext(frames)
                    largest, seen = max(largest, len(chunk)), seen + chunk
                assert largest < 2 * stream.LARGEST_CHUNK
                assert [f'"n":{n},'.encode() in seen for n in range(30)] == [True] * 30

    run(scenario())
