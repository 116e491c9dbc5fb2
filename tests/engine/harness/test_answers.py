"""Whatever a model answers: the turn ends, the log stays readable JSON, the next request is one the model accepts."""

import asyncio
import json

import pytest

from antcli.engine.providers.base import ModelError
from antcli.engine.sandbox.base import ToolResult
from tests.engine.core import ASK, CUSTOM, agent, message, results, running, texts, toolset, types
from tests.engine.doubles import Brain, Hands, Turns, answer, text, use

THINKING = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def turn(tmp_path, *answers, tools=(), then=1, hands=None):
    """The events of a session that got these answers, then `then` further messages; its brain."""

    async def scenario():
        brain = Turns(*answers)
        async with running(tmp_path, brain=brain, hands=hands or Hands()) as core:
            id = await core.create(agent("any", *tools), "go")
            events = await core.idle(id)
            for n in range(then):
                await core.send(id, message(f"next {n}"))
                events = await core.idle(id)
            assert brain.illegal == []
            text = json.dumps(events, allow_nan=False)
            text.encode()
            assert "retries_exhausted" not in text
            return events, brain

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    "content",
    [
        [],
        [text("")],
        [text("  \n")],
        [text(""), text("after an empty block")],
        [THINKING],
        [text("Let me think."), THINKING],
        [THINKING, text("\n\n"), use("read", "toolu_1", file_path="a")],
        [{"type": "redacted_thinking", "data": "x"}],
        [{"type": "block_of_the_future", "data": {"a": 1}}, text("seen")],
        [text("broken \ud83d pair")],
        [use("bash", "toolu_1", command="echo \udcff")],
        [use("bash", command="x"), use("bash", command="y")],
        [use("bash", "same", command="x"), use("read", "same", file_path="y")],
        [{"type": "tool_use", "id": 7, "name": "bash", "input": {"command": "x"}}],
        [
            {"type": "tool_use", "id": "", "name": "", "input": {}},
            {"type": "tool_use", "id": "", "name": "?", "input": {}},
        ],
        [{"type": "tool_use", "id": "toolu_1", "name": "bash", "input": ["not", "an", "object"]}],
        [use("bash", "toolu_1", command={"not": "a string"})],
        [use("bash", "toolu_1", command="x", ratio=float("nan"), more=[float("inf")])],
        [use("bash", "toolu_1", command="x" * 2_000_000)],
    ],
    ids=lambda content: "+".join(block["type"] for block in content) or "nothing",
)
@pytest.mark.parametrize("stop_reason", ["end_turn", "tool_use", "max_tokens", "stop_sequence", None])
def test_an_odd_answer_leaves_a_session_that_goes_on(tmp_path, content, stop_reason):
    events, _ = turn(tmp_path, answer(*content, stop_reason=stop_reason), answer(text("ok")), tools=[toolset()])
    assert texts(events)[-1] == "ok"
    uses = [event["id"] for event in events if event["type"] == "agent.tool_use"]
    assert len(uses) == sum(block["type"] == "tool_use" for block in content)
    assert list(results(events)) == uses or set(results(events)) == set(uses)


def cut(name, part):
    """An answer whose tool call ends in the middle of its input."""
    return [
        {"type": "message_start", "message": {}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": name},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize(
    "part", ['{"command": "rm -r', "[" * 100_000, '{"n": 1e999}', '{"n": NaN}', '"text"', "1" * 5000]
)
@pytest.mark.parametrize("name", ["bash", "lookup"])
def test_a_call_whose_input_is_not_whole_is_refused_and_nobody_runs_it(tmp_path, name, part):
    """Not the client either: the event of a refused custom call is not one that runners act on (api.md 21.4)."""
    hands = Hands()
    events, _ = turn(tmp_path, cut(name, part), answer(text("ok")), tools=[toolset(), CUSTOM], hands=hands)
    assert hands.ran == []
    (called,) = [event for event in events if event["type"].endswith("tool_use")]
    assert (
        called["type"] == "agent.tool_use" and called["evaluated_permission"] == "deny" and "evaluation" not in called
    )
    (result,) = results(events).values()
    assert result["is_error"] and "output limit" in result["content"][0]["text"]
    assert texts(events)[0] == "ok"


def test_a_paused_answer_is_continued_in_one_message(tmp_path):
    paused = answer(text("half"), stop_reason="pause_turn")
    events, brain = turn(tmp_path, paused, answer(stop_reason="pause_turn"), answer(text("whole")), then=1)
    assert texts(events)[:2] == ["half", "whole"]
    last = brain.requests[3].messages
    assert [[block["text"] for block in item["content"]] for item in last] == [["go"], ["half", "whole"], ["next 0"]]
    assert types(events).count("session.status_idle") == 2


def test_a_model_that_pauses_for_ever_meets_the_limit_and_the_next_message_starts_afresh(tmp_path, monkeypatch):
    monkeypatch.setattr("antcli.engine.harness.model_requests._MOST_ROUNDS", 5)

    async def scenario():
        brain = Turns(*[answer(stop_reason="pause_turn")] * 5, answer(text("ok")))
        async with running(tmp_path, brain=brain, hands=Hands()) as core:
            id = await core.create(agent("any"), "go")
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
            assert types(events).count("span.model_request_start") == 5
            await core.send(id, message("again"))
            assert texts(await core.idle(id)) == ["ok"]

    asyncio.run(scenario())


def test_denied_custom_asked_and_allowed_calls_of_one_answer_each_get_one_result_in_one_message(tmp_path):
    policy = [{"name": "bash", "enabled": True, "permission_policy": ASK},
              {"name": "write", "enabled": False, "permission_policy": ASK}]  # fmt: skip
    mixed = answer(
        use("write", "t1", file_path="a", content="b"), use("lookup", "t2", key=1), use("bash", "t3", command="x"),
        use("read", "t4", file_path="a"), use("edit", "t5", file_path="a", old_string="a", new_string="b"),
        use("bash", "t6", command="y"),
    )  # fmt: skip

    async def scenario():
        brain, hands = Turns(mixed, answer(text("ok"))), Hands()
        async with running(tmp_path, brain=brain, hands=hands) as core:
            id = await core.create(agent("any", toolset({"type": "always_allow"}, *policy), CUSTOM), "go")
            events = await core.idle(id)
            assert [next(iter(ran)) for ran in hands.ran] == ["file_path", "file_path"]
            assert len(results(events)) == 3
            custom, first, second = events[-1]["stop_reason"]["event_ids"]
            await core.send(id, {"type": "user.tool_confirmation", "tool_use_id": second, "result": "deny"})
            assert (await core.idle(id))[-1]["stop_reason"]["event_ids"] == [custom, first]
            await core.send(id, {"type": "user.custom_tool_result", "custom_tool_use_id": custom})
            assert (await core.idle(id))[-1]["stop_reason"]["event_ids"] == [first]
            await core.send(id, {"type": "user.tool_confirmation", "tool_use_id": first, "result": "allow"})
            events = await core.idle(id)
            assert texts(events) == ["ok"] and len(results(events)) == 6 and len(hands.ran) == 3
            assert brain.illegal == []

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), RecursionError(), ExceptionGroup("g", [OSError()])])
def test_a_provider_that_raises_anything_ends_the_turn_and_no_message_is_forgotten(tmp_path, error):
    async def scenario():
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def think(request):
            if request.index == 0 and not go_on.is_set():
                asked.set()
                await go_on.wait()
                raise error
            return answer(text("ok"))

        async with running(tmp_path, brain=Brain(think), hands=Hands()) as core:
            id = await core.create(agent("any"), "go")
            await asked.wait()
            await core.send(id, message("queued"))
            go_on.set()
            events = await core.idle(id)
            assert events[-1]["stop_reason"] == {"type": "retries_exhausted"}
            assert all(event["processed_at"] for event in events), "idle, and yet something is queued"
            await core.send(id, message("again"))
            assert texts(await core.idle(id)) == ["ok"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "result",
    [
        ToolResult([]),
        ToolResult.text(""),
        ToolResult.text(" \n", is_error=True),
        ToolResult.text("half a pair \ud800 and \udcff"),
        ToolResult([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]),
        OSError("broken"),
    ],
    ids=["nothing", "empty", "blank", "surrogates", "image", "raises"],
)
def test_an_odd_result_of_the_hands_reaches_the_model_and_does_not_end_the_turn(tmp_path, result):
    def work(tool, input):
        if isinstance(result, Exception):
            raise result
        return result

    call = answer(use("bash", "toolu_1", command="x"))
    events, brain = turn(tmp_path, call, answer(text("ok")), tools=[toolset()], hands=Hands(work))
    assert texts(events)[0] == "ok"
    (shown,) = brain.requests[1].messages[-1]["content"]
    assert shown["type"] == "tool_result"
    assert all(block["type"] != "text" or block["text"].strip() for block in shown.get("content", []))


def test_blank_messages_of_the_user_are_shown_as_something_a_model_accepts(tmp_path):
    async def scenario():
        brain = Turns(answer(text("ok")))
        async with running(tmp_path, brain=brain, hands=Hands()) as core:
            id = await core.create(agent("any"), "  ")
            await core.idle(id)
            await core.send(id, message("\n"), message("real"))
            assert texts(await core.idle(id)) == ["ok", "ok"]
            assert brain.illegal == []

    asyncio.run(scenario())


def test_tokens_of_answers_that_failed_or_were_interrupted_are_counted(tmp_path):
    async def scenario():
        started = asyncio.Event()

        async def broken(request):
            yield {"type": "message_start", "message": {"usage": {"input_tokens": 100, "output_tokens": 1}}}
            if request.attempt == 0:
                raise ModelError("gone", retryable=True)
            started.set()
            await asyncio.Event().wait()

        async with running(tmp_path, brain=Brain(broken), hands=Hands()) as core:
            id = await core.create(agent("any"), "go")
            await started.wait()
            await core.send(id, {"type": "user.interrupt"})
            events = await core.idle(id)
            ends = [event["model_usage"] for event in events if event["type"] == "span.model_request_end"]
            assert [end["input_tokens"] for end in ends] == [100, 100]
            assert (await core.sessions.get(id))["usage"]["input_tokens"] == 200

    asyncio.run(scenario())
