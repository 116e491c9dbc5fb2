"""A session's turns, end to end inside the engine: real log, real harness, scripted model."""

import asyncio

import pytest

from antcli.engine.errors import RequestError
from antcli.engine.sandbox.base import ToolResult
from tests.engine.core import ASK, CUSTOM, agent, message, results, running, texts, toolset, types
from tests.engine.doubles import Hands, Turns, answer, text, use

TURN = [
    "session.status_running",
    "session.thread_status_running",
    "user.message",
    "span.model_request_start",
    "agent.message",
    "span.model_request_end",
    "session.thread_status_idle",
    "session.usage",
    "session.status_idle",
]


def test_a_turn_emits_its_events_in_the_documented_order(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "Hello."})))
            assert (await core.sessions.get(id))["status"] == "idle"
            assert await core.events(id) == []
            (echo,) = await core.send(id, message("hi"))
            assert echo["processed_at"] is None
            events = await core.idle(id)
            assert types(events) == TURN
            assert events[2]["id"] == echo["id"] and events[2]["processed_at"] is not None
            assert events[-1]["stop_reason"] == {"type": "end_turn"}
            assert events[-2]["usage"]["output_tokens"] > 0
            stamps = [event["processed_at"] for event in events]
            assert stamps == sorted(stamps)

    asyncio.run(scenario())


def test_a_session_with_initial_events_is_born_running(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script({"text": "One answer to both."})
            session = await core.sessions.create(
                agent=agent(model),
                environment={"id": "env_x", "config": {"type": "cloud"}},
                title="t",
                metadata={"a": "b"},
                initial_events=[message("first"), message("second")],
            )
            assert session["status"] == "running"
            events = await core.idle(session["id"])
            assert texts(events, "user.message") == ["first", "second"]
            assert texts(events) == ["One answer to both."]

    asyncio.run(scenario())


def test_messages_sent_while_running_wait_and_become_one_further_turn_without_an_idle_between(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "one", "delay": 0.3}, {"text": "two"})), "a")
            await core.seen(id, "span.model_request_start")
            await core.send(id, message("b"))
            await core.send(id, message("c"))
            queued = (await core.events(id))[-2:]
            assert texts(queued, "user.message") == ["b", "c"] and queued[0]["processed_at"] is None
            events = await core.idle(id)
            assert texts(events) == ["one", "two"]
            assert types(events).count("session.status_idle") == 1
            assert types(events).count("session.status_running") == 1
            order = [e["content"][0]["text"] for e in events if e["type"] in ("user.message", "agent.message")]
            assert order == ["a", "one", "b", "c", "two"]

    asyncio.run(scenario())


def test_tools_really_run_and_each_call_has_one_result(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script(
                {
                    "text": "Working.",
                    "tools": [
                        {"name": "write", "input": {"file_path": "a.txt", "content": "alpha\n"}},
                        {"name": "bash", "input": {"command": "cat a.txt; echo beta >> a.txt"}},
                        {"name": "read", "input": {"file_path": "/workspace/a.txt"}},
                        {"name": "read", "input": {"file_path": "/workspace/missing"}},
                        {"name": "nonsense", "input": {}},
                    ],
                },
                {"text": "Done.", "expect": {"contains": "alpha\nbeta"}},
            )
            id = await core.create(agent(model, toolset()), "go")
            events = await core.idle(id)
            assert texts(events)[-1] == "Done."
            uses = [event for event in events if event["type"] == "agent.tool_use"]
            found = results(events)
            assert [found[use["id"]].get("is_error") for use in uses] == [False, False, False, True, True]
            assert uses[-1]["evaluated_permission"] == "deny" and "evaluation" not in uses[-1]
            assert uses[0]["evaluation"] == {"type": "always_allow"}

    asyncio.run(scenario())


def test_reads_of_one_answer_run_side_by_side_and_changes_run_in_order(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script(
                {"tools": [{"name": "bash", "input": {"command": f"echo {n} >> log"}} for n in range(5)]},
                {
                    "tools": [
                        {"name": "glob", "input": {"pattern": "*"}},
                        {"name": "read", "input": {"file_path": "log"}},
                    ]
                },
                {"text": "ok", "expect": {"contains": "0\n1\n2\n3\n4"}},
            )
            id = await core.create(agent(model, toolset()), "go")
            events = await core.idle(id)
            assert texts(events) == ["ok"]

    asyncio.run(scenario())


def test_custom_and_asked_calls_park_the_session_until_each_is_answered(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script(
                {
                    "tools": [
                        {"name": "lookup", "input": {"key": 1}},
                        {"name": "bash", "input": {"command": "echo ran"}},
                        {"name": "bash", "input": {"command": "touch forbidden"}},
                    ]
                },
                {"text": "ok", "expect": [{"contains": "forty-two"}, {"contains": "ran"}, {"contains": "no thanks"}]},
            )
            id = await core.create(agent(model, toolset(ASK), CUSTOM), "go")
            events = await core.idle(id)
            ids = events[-1]["stop_reason"]["event_ids"]
            assert events[-1]["stop_reason"]["type"] == "requires_action" and len(ids) == 3
            with pytest.raises(RequestError, match="waits for an answer"):
                await core.send(id, message("too early"))

            answer = {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": ids[0],
                "content": [{"type": "text", "text": "forty-two"}],
            }
            await core.send(id, answer)
            events = await core.idle(id)
            assert types(events)[-3:] == ["session.thread_status_idle", "session.usage", "session.status_idle"]
            assert events[-1]["stop_reason"]["event_ids"] == ids[1:]

            await core.send(
                id,
                {"type": "user.tool_confirmation", "tool_use_id": ids[1], "result": "allow"},
                {
                    "type": "user.tool_confirmation",
                    "tool_use_id": ids[2],
                    "result": "deny",
                    "deny_message": "no thanks",
                },
            )
            events = await core.idle(id)
            assert texts(events) == ["ok"]
            found = results(events)
            assert not found[ids[1]]["is_error"] and found[ids[2]]["is_error"]

    asyncio.run(scenario())


def test_an_answer_that_a_client_repeats_is_answered_like_the_first(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script({"tools": [{"name": "lookup", "input": {}}]}, {"text": "ok"})
            id = await core.create(agent(model, CUSTOM), "go")
            (use,) = (await core.idle(id))[-1]["stop_reason"]["event_ids"]
            answer = {"type": "user.custom_tool_result", "custom_tool_use_id": use}
            (first,) = await core.send(id, answer)
            (again,) = await core.send(id, answer, retry=True)
            assert again == first
            with pytest.raises(RequestError, match="answered already"):
                await core.send(id, answer)
            with pytest.raises(RequestError, match="not a tool use"):
                await core.send(id, answer | {"custom_tool_use_id": "sevt_unknown"})

    asyncio.run(scenario())


def test_a_call_is_allowed_once_and_not_by_a_batch_that_is_refused(tmp_path):
    async def scenario():
        hands, commands = Hands(), [{"command": word} for word in ("first", "second")]
        async with running(tmp_path, hands=hands) as core:
            model = core.script({"tools": [{"name": "bash", "input": input} for input in commands]}, {"text": "ok"})
            id = await core.create(agent(model, toolset(ASK)), "go")
            first, second = (await core.idle(id))[-1]["stop_reason"]["event_ids"]
            allow = {"type": "user.tool_confirmation", "tool_use_id": first, "result": "allow"}
            with pytest.raises(RequestError, match="not a tool use"):
                await core.send(id, allow, allow | {"tool_use_id": "sevt_none"})
            with pytest.raises(RequestError, match="deny_message: only goes with result deny"):
                await core.send(id, allow | {"deny_message": "no"})
            await core.send(id, allow)
            with pytest.raises(RequestError, match="answered already"):
                await core.send(id, allow | {"result": "deny"})
            await core.send(id, allow | {"tool_use_id": second})
            assert texts(await core.idle(id)) == ["ok"] and hands.ran == commands

    asyncio.run(scenario())


def test_a_batch_with_one_bad_event_is_refused_whole(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "never"})))
            bad = {"type": "user.tool_confirmation", "tool_use_id": "sevt_none", "result": "allow"}
            with pytest.raises(RequestError, match=r"events\.1\.tool_use_id"):
                await core.send(id, message("hi"), bad)
            assert await core.events(id) == []
            assert (await core.sessions.get(id))["status"] == "idle"

    asyncio.run(scenario())


def test_a_refusal_stops_the_turn_with_its_own_reason(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "", "stop_reason": "refusal"}, {"text": "fine"})), "bad")
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "refusal"}
            assert events[-1]["stop_details"]["type"] == "refusal"
            await core.send(id, message("good"))
            assert texts(await core.idle(id)) == ["fine"]

    asyncio.run(scenario())


def test_archive_and_delete_right_after_idle_succeed_and_are_refused_while_running(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "slow", "delay": 5})), "go")
            for refused in (core.sessions.archive, core.sessions.delete):
                with pytest.raises(RequestError, match="interrupt it"):
                    await refused(id)
            await core.send(id, {"type": "user.interrupt"})
            await core.idle(id)
            archived = await core.sessions.archive(id)
            assert archived["status"] == "terminated" and archived["archived_at"]
            assert types(await core.events(id))[-1] == "session.status_terminated"
            with pytest.raises(RequestError, match="terminated") as refusal:
                await core.send(id, message("more"))
            assert refusal.value.status == 409
            assert (await core.sessions.archive(id))["archived_at"] == archived["archived_at"]
            await core.sessions.delete(id)
            with pytest.raises(RequestError, match="No session"):
                await core.sessions.get(id)
            assert not (tmp_path / "sessions" / id).exists()

    asyncio.run(scenario())


def test_a_change_of_title_and_metadata_is_an_event_with_only_what_changed(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "x"})))
            await core.sessions.update(id, {"title": "New", "metadata": {"k": "v"}})
            session = await core.sessions.update(id, {"title": "New", "metadata": {"gone": None}})
            assert session["title"] == "New" and session["metadata"] == {"k": "v"}
            (updated,) = await core.events(id)
            assert {name: updated[name] for name in ("title", "metadata")} == {"title": "New", "metadata": {"k": "v"}}
            assert "agent" not in updated

    asyncio.run(scenario())


def test_a_message_that_a_client_repeats_under_its_key_is_taken_once(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent(core.script({"text": "one"}, {"text": "two"})))
            batch = [message("hi"), message("there")]
            first = await core.sessions.send(id, batch, retry=False, key="k1")
            await core.idle(id)
            assert await core.sessions.send(id, batch, retry=True, key="k1") == first
            events = await core.idle(id)
            assert texts(events, "user.message") == ["hi", "there"] and texts(events) == ["one"]
        async with running(tmp_path) as core:
            assert await core.sessions.send(id, batch, retry=True, key="k1") == first
            await core.sessions.send(id, [message("hi")], retry=False, key="k2")
            assert texts(await core.idle(id)) == ["one", "two"]

    asyncio.run(scenario())


def test_the_latest_request_keys_are_remembered_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr("antcli.engine.session.state._REMEMBERED", 2)

    async def scenario():
        async with running(tmp_path) as core:
            id = await core.create(agent("any"))

            async def sent(key):
                (event,) = await core.sessions.send(id, [{"type": "user.interrupt"}], retry=False, key=key)
                return event

            first, second, third = [await sent(key) for key in ("k1", "k2", "k3")]
            assert (await sent("k2"), await sent("k3")) == (second, third)
            assert await sent("k1") != first

    asyncio.run(scenario())


def test_the_hands_rest_when_the_turn_is_over_and_not_between_its_calls(tmp_path):
    at_calls = []
    hands = Hands(lambda tool, input: at_calls.append(list(hands.rested)) or ToolResult.text("done"))

    async def scenario():
        brain = Turns(answer(use("bash", command="a")), answer(use("bash", command="b")), answer(text("ok")))
        async with running(tmp_path, brain=brain, hands=hands) as core:
            id = await core.create(agent("any", toolset()), "go")
            await core.idle(id)
        return id

    assert (asyncio.run(scenario()), at_calls) == (hands.rested[-1], [[], []])
