"""Live streams: what was committed arrives once and in order, however slow the reader."""

import asyncio
import json

from antcli.engine.session import stream
from antcli.engine.session.events import event, frame, internal
from antcli.engine.session.log import Logs
from tests.engine.core import agent, message, running, types


def parse(chunks):
    """The events in SSE chunks, previews included."""
    return [
        json.loads(line.removeprefix("data: "))
        for line in b"".join(chunks).decode().splitlines()
        if line.startswith("data: ")
    ]


async def collect(frames, until, chunks):
    async for chunk in frames:
        chunks.append(chunk)
        if until(parse(chunks)):
            return


def test_a_stream_shows_what_the_list_holds_with_queued_copies_and_previews(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"thinking": "hm", "text": "some words to stream"})))
            deltas = frozenset({"agent.message", "agent.thinking"})
            chunks: list[bytes] = []
            async with core.sessions.subscribe(id, None, deltas) as frames, asyncio.timeout(10):
                await core.send(id, message("hi"))
                await collect(frames, lambda seen: types(seen)[-1:] == ["session.status_idle"], chunks)
            seen = parse(chunks)
            stored = [item for item in seen if "processed_at" in item]
            listed = await core.events(id)
            assert stored[0]["processed_at"] is None and stored[0]["type"] == "user.message"
            assert [item["id"] for item in stored[1:]] == [item["id"] for item in listed]
            starts = {item["event"]["id"]: item["event"]["type"] for item in seen if item["type"] == "event_start"}
            finals = {item["id"]: item["type"] for item in listed if item["type"] in deltas}
            assert starts == finals
            text = "".join(item["delta"]["content"]["text"] for item in seen if item["type"] == "event_delta")
            assert text == "some words to stream"

    asyncio.run(scenario())


def test_previews_go_only_to_those_who_asked(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"thinking": "hm", "text": "words"})))
            chunks: list[bytes] = []
            async with core.sessions.subscribe(id, None, frozenset()) as frames, asyncio.timeout(10):
                await core.send(id, message("hi"))
                await collect(frames, lambda seen: types(seen)[-1:] == ["session.status_idle"], chunks)
            assert not any(item["type"].startswith("event_") for item in parse(chunks))

    asyncio.run(scenario())


def test_a_reader_that_falls_behind_goes_on_from_the_log_and_sees_nothing_that_is_internal(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x"})))
            log = await core.logs.open(id)
            total = 2 * stream._LARGEST_BACKLOG + 500
            chunks: list[bytes] = []
            with log.subscribe(frozenset()) as subscriber:
                for batch in range(total // 50):
                    await log.commit(
                        lambda draft, batch=batch: draft.add(
                            *(event("agent.thinking", "t", {"n": batch * 50 + n}) for n in range(50)),
                            internal("_note", "t", {}),
                        )
                    )
                async with asyncio.timeout(20):
                    reading = asyncio.create_task(
                        collect(subscriber.frames(), lambda seen: seen[-1]["n"] == total + 9, chunks)
                    )
                    for n in range(10):
                        shown = event("agent.thinking", "t", {"n": total + n})
                        await log.commit(lambda draft, shown=shown: draft.add(internal("_note", "t", {}), shown))
                    await reading
            assert [item["n"] for item in parse(chunks)] == list(range(total + 10))

    asyncio.run(scenario())


def test_a_deleted_session_ends_its_streams_with_a_last_event(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x"})))
            async with core.sessions.subscribe(id, None, frozenset()) as frames, asyncio.timeout(10):
                await core.sessions.delete(id)
                assert types(parse([chunk async for chunk in frames])) == ["session.deleted"]

    asyncio.run(scenario())


def test_a_quiet_stream_sends_comments(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.01)

    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x"})))
            async with core.sessions.subscribe(id, None, frozenset()) as frames, asyncio.timeout(10):
                assert await anext(frames) == b": ping\n\n"

    asyncio.run(scenario())


def test_names_that_older_sdks_do_not_know_travel_as_message():
    assert frame("session.usage", "{}") == b"event: message\ndata: {}\n\n"
    assert frame("agent.message", "{}") == b"event: agent.message\ndata: {}\n\n"


def test_two_logs_of_one_session_in_two_engines_agree_through_the_store(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x"})))
            here, there = await core.logs.open(id), await Logs(core.store).open(id)
            for n in range(3):
                await here.commit(lambda draft, n=n: draft.add(event("agent.thinking", "t", {"n": n})))
                await there.commit(lambda draft, n=n: draft.add(event("agent.thinking", "t", {"n": 10 + n})))
            await here.refresh()
            assert here.position == there.position == 6
            assert [item["n"] for item in await core.events(id)] == [0, 10, 1, 11, 2, 12]

    asyncio.run(scenario())
