"""Model errors: retried, exhausted, terminal (semantics.md 6)."""

import asyncio

from tests.engine.core import agent, message, running, texts, types


def errors(events):
    return [(e["error"]["type"], e["error"]["retry_status"]["type"]) for e in events if e["type"] == "session.error"]


def test_a_passing_error_is_retried_and_shown(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "ok", "error": {"status": 529, "times": 1}})), "go")
            events = await core.idle(id)
            assert errors(events) == [("model_overloaded_error", "retrying")]
            assert texts(events) == ["ok"]
            at = types(events).index("session.error")
            assert types(events)[at - 1 : at + 6] == [
                "span.model_request_end", "session.error", "session.thread_status_rescheduled",
                "session.status_rescheduled", "session.status_running", "session.thread_status_running",
                "span.model_request_start",
            ]  # fmt: skip
            assert events[at - 1]["is_error"] is True

    asyncio.run(scenario())


def test_an_error_that_stays_exhausts_the_retries_and_flushes_the_queue(tmp_path):
    async def scenario():
        async with running(tmp_path, retries=1) as core:
            model = core.script({"error": {"status": 500}}, {"text": "never"})
            id = await core.create(agent(model), "go")
            await core.send(id, message("queued"))
            events = await core.idle(id)
            assert errors(events) == [
                ("model_request_failed_error", "retrying"),
                ("model_request_failed_error", "exhausted"),
            ]
            assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
            assert all(event["processed_at"] for event in events)

    asyncio.run(scenario())


def test_a_new_message_starts_afresh_after_exhausted_retries(tmp_path):
    async def scenario():
        async with running(tmp_path, retries=0) as core:
            model = core.script({"text": "ok", "error": {"status": 400, "times": 1}})
            id = await core.create(agent(model), "go")
            assert (await core.idle(id))[-1]["stop_reason"] == {"type": "retries_exhausted"}
            await core.send(id, message("again"))
            events = await core.idle(id)
            assert errors(events) == [("model_request_failed_error", "exhausted")] * 2 or texts(events) == ["ok"]

    asyncio.run(scenario())


def test_a_failed_expectation_ends_the_session_and_shows_expected_and_got(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x", "expect": {"contains": "magic word"}})), "hello")
            events = await core.idle(id)
            assert errors(events) == [("model_request_failed_error", "terminal")]
            text = next(e["error"]["message"] for e in events if e["type"] == "session.error")
            assert "magic word" in text and "hello" in text
            assert types(events)[-1] == "session.status_terminated"
            assert (await core.sessions.get(id))["status"] == "terminated"

    asyncio.run(scenario())


def test_a_request_past_the_last_turn_of_a_script_is_an_error(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "only"})), "one")
            await core.idle(id)
            await core.send(id, message("two"))
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
            assert texts(events) == ["only"]

    asyncio.run(scenario())


def test_an_interrupt_ends_the_wait_between_retries(tmp_path):
    async def scenario():
        async with running(tmp_path, retries=9) as core:
            id = await core.create(agent(core.script({"error": {"status": 529}})), "go")
            await core.seen(id, "session.error", count=3)
            await core.send(id, {"type": "user.interrupt"})
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "end_turn"}

    asyncio.run(scenario())
