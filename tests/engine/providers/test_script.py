from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.providers.base import ModelError, ModelRequest
from antcli.engine.providers.script import ScriptProvider
from tests.engine.providers.asking import collect, message_of, request


def write(tmp_path: Path, content: Any, name: str = "script.yaml") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def answer(path: Path, *asked: ModelRequest) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        provider = ScriptProvider(path)
        return [message_of(await collect(provider, each)) for each in asked or (request(),)]

    return asyncio.run(ask())


def error(path: Path, asked: ModelRequest | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        answer(path, asked or request())
    return caught.value


def test_turn_k_answers_request_k(tmp_path: Path) -> None:
    path = write(tmp_path, "turns:\n- text: one\n- text: two\n  tools: [{name: bash, input: {command: ls}}]\n")
    first, second, again = answer(path, request(0), request(1), request(0))
    assert first["content"] == [{"type": "text", "text": "one"}]
    assert first["stop_reason"] == "end_turn"
    assert [block["type"] for block in second["content"]] == ["text", "tool_use"]
    assert second["content"][1]["input"] == {"command": "ls"}
    assert second["stop_reason"] == "tool_use"
    assert again == first


def test_a_bare_list_and_json_are_scripts_too(tmp_path: Path) -> None:
    assert answer(write(tmp_path, "- text: hi"))[0]["content"][0]["text"] == "hi"
    path = write(tmp_path, {"name": "n", "description": "d", "turns": [{"text": ["a", "b"]}]}, "script.json")
    assert [block["text"] for block in answer(path)[0]["content"]] == ["a", "b"]


def test_a_request_past_the_last_turn_is_an_error(tmp_path: Path) -> None:
    problem = error(write(tmp_path, "- text: only"), request(1))
    assert (problem.kind, problem.retryable, problem.fatal) == ("failed", False, False)
    assert "has 1 turns" in problem.message


def test_a_turn_may_think_refuse_and_count(tmp_path: Path) -> None:
    turns = [{"thinking": "Hm, hm.", "text": "No.", "stop_reason": "refusal", "usage": {"output_tokens": 7}}]
    message = answer(write(tmp_path, turns))[0]
    assert message["content"][0]["thinking"] == "Hm, hm."
    assert message["content"][0]["signature"]
    assert message["stop_reason"] == "refusal"
    assert message["usage"]["output_tokens"] == 7
    assert message["usage"]["input_tokens"] > 5
    assert message["usage"]["cache_read_input_tokens"] == 0


def test_text_is_streamed_in_words_that_add_up(tmp_path: Path) -> None:
    texts = ["  Two words,\n\nand ü more \t", "x" * 150_000, "w " * 5000]
    path = write(tmp_path, [{"text": text} for text in texts])

    async def deltas(index: int) -> list[str]:
        events = await collect(ScriptProvider(path), request(index))
        return [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]

    portions = [asyncio.run(deltas(index)) for index in range(3)]
    assert ["".join(each) for each in portions] == texts
    assert portions[0] == ["  Two", " words,", "\n\nand", " ü", " more", " \t"]
    assert all(1 < len(each) <= 401 for each in portions)


def test_ids_are_the_same_for_the_same_request_and_differ_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path, [{"tools": [{"name": "a"}, {"name": "b"}]}, {"tools": [{"name": "a"}]}])
    asked = [
        request(0),
        request(0, attempt=1),
        request(1),
        request(0, session_id="other"),
        request(0, thread_id="other"),
    ]
    ids = [[block["id"] for block in message["content"]] for message in answer(path, *asked)]
    assert ids[0] == ids[1]
    assert len({id for each in ids for id in each}) == 2 + 1 + 2 + 2


def test_an_error_comes_so_many_times_and_then_the_answer(tmp_path: Path) -> None:
    path = write(tmp_path, [{"error": {"status": 529, "times": 2, "message": "busy"}, "text": "at last"}])
    for attempt in range(2):
        problem = error(path, request(attempt=attempt))
        assert (problem.kind, problem.retryable) == ("overloaded", True)
        assert "script.yaml, turn 1" in problem.message
        assert "busy" in problem.message
    assert answer(path, request(attempt=2))[0]["content"][0]["text"] == "at last"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(400, "failed", False), (402, "billing", False), (429, "rate_limited", True), (500, "failed", True)],
)
def test_an_error_without_times_stays(tmp_path: Path, status: int, kind: str, retryable: bool) -> None:
    path = write(tmp_path, [{"error": {"status": status}}])
    problem = error(path, request(attempt=99))
    assert (problem.kind, problem.retryable) == (kind, retryable)


def test_delay_and_pace_take_their_time(tmp_path: Path) -> None:
    path = write(tmp_path, "- {text: one two three four, delay: 100ms, pace: 0.05}")

    async def ask() -> tuple[float, float]:
        start = time.monotonic()
        stream = ScriptProvider(path).stream(request())
        await anext(stream)
        first = time.monotonic() - start
        async for _ in stream:
            pass
        return first, time.monotonic() - start

    first, whole = asyncio.run(ask())
    assert first >= 0.1
    assert whole - first >= 0.2


def test_a_delay_can_be_interrupted(tmp_path: Path) -> None:
    path = write(tmp_path, "- {text: late, delay: 1m}")

    async def ask() -> None:
        async with asyncio.timeout(0.05):
            await collect(ScriptProvider(path))

    with pytest.raises(TimeoutError):
        asyncio.run(ask())


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    path = write(tmp_path, "- text: old")

    async def ask() -> None:
        provider = ScriptProvider(path)
        script = await provider.script()
        assert await provider.script() is script
        path.write_text("- text: new")
        os.utime(path, ns=(1, 1))
        assert (await provider.script()).turns[0].texts == ("new",)
        path.unlink()
        with pytest.raises(ModelError, match="no script file"):
            await provider.script()

    asyncio.run(ask())


CALL = {"type": "tool_use", "id": "t", "name": "bash", "input": {"command": "ls -l"}}
TOTAL = [{"type": "text", "text": "total 3"}]
SHOWN: dict[str, Any] = {
    "tools": [{"name": "bash", "input_schema": {}}],
    "messages": [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": [CALL]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": TOTAL, "is_error": False},
                {"type": "tool_result", "tool_use_id": "u", "content": "plain"},
                {"type": "text", "text": "and now?"},
            ],
        },
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "expect",
    [
        {"contains": "total 3"},
        {"contains": "plain\nand now?"},
        {"matches": r"^total \d$"},
        {"contains": "Be brief", "in": "system"},
        {"contains": "first", "in": "messages"},
        {"contains": "ls -l", "in": "messages"},
        {"contains": '"name":"bash"', "in": "tools"},
        {"path": "messages[-1].content[0].content[0].text", "equals": "total 3"},
        {"path": "messages[1].content[0].input", "equals": {"command": "ls -l"}},
        {"path": "messages[-1].content[0].is_error", "equals": False},
        {"path": "messages[-1].content", "contains": "and now"},
        {"path": "model", "matches": "^some"},
        [{"contains": "total"}, {"contains": "now"}],
    ],
)
def test_an_expectation_holds(tmp_path: Path, expect: Any) -> None:
    assert answer(write(tmp_path, [{"text": "ok", "expect": expect}]), request(**SHOWN))


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        (
            {"contains": "first"},
            "expected the last user message to contain \"first\", got 'total 3\\nplain\\nand now?'",
        ),
        ({"matches": r"^\d$"}, "to match"),
        ({"contains": "nothing", "in": "system"}, "got 'Be brief.'"),
        ({"path": "messages[-1].content[0].is_error", "equals": True}, "to be true, got 'false'"),
        ({"path": "messages[7].content", "equals": 1}, "messages has no element 7"),
        ({"path": "messages[0].content.text", "equals": 1}, "messages[0].content has no field 'text'"),
        ([{"contains": "total"}, {"contains": "absent"}], "absent"),
    ],
)
def test_a_failed_expectation_ends_the_session_and_shows_both_sides(tmp_path: Path, expect: Any, words: str) -> None:
    problem = error(write(tmp_path, [{"text": "ok", "expect": expect}]), request(**SHOWN))
    assert problem.fatal
    assert not problem.retryable
    assert words in problem.message
    assert "script.yaml, turn 1" in problem.message


def test_a_failed_expectation_is_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path, [{"text": "ok", "expect": {"contains": "y" * 5000}}])
    message = error(path, request(text="begin" + "x" * 100_000 + "end")).message
    assert len(message) < 1000
    assert "begin" in message
    assert "end" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- txt: hi", "turn 1: unknown field 'txt'; did you mean 'text'?"),
        ("turns: [{text: a}]\nloop: true", "script.yaml, line 2: unknown field 'loop'"),
        ("turns: []", "a script is a list of turns"),
        ("", "script.yaml: expected a mapping"),
        ("just words", "script.yaml, line 1: expected a mapping"),
        ("- text: yes", "turn 1, text: expected text, got True"),
        ("- text: a\n- {}", "turn 2: no answer"),
        ("- error: {status: 500, times: 1}", "turn 1: no answer"),
        ("- error: {status: 200}", "turn 1, error.status: expected a whole number from 400 to 599"),
        ("- error: {times: 2}", "turn 1, error.status"),
        ("- error: {status: 500, times: 0}", "error.times"),
        ("- error: {status: 500, time: 1}", "turn 1, error: unknown field 'time'"),
        ("- tools: {name: a}", "turn 1, tools: expected a list"),
        ("- tools: [{name: a}, {nam: b}]", "turn 1, tools[1]: unknown field 'nam'"),
        ("- tools: [{input: {}}]", "turn 1, tools[0].name"),
        ("- tools: [{name: a, input: x}]", "tools[0].input: expected a mapping"),
        ("- tools: [{name: a, input: {day: 2026-01-01}}]", "what JSON cannot"),
        ("- tools: [{name: a, input: {1: x}}]", "what JSON cannot"),
        ("- tools: [{name: a, input: {x: .nan}}]", "what JSON cannot"),
        ("- {text: a, delay: soon}", "turn 1, delay: expected seconds"),
        ("- {text: a, delay: -1}", "turn 1, delay: expected seconds"),
        ("- {text: a, pace: true}", "turn 1, pace: expected seconds"),
        ("- {text: a, stop_reason: done}", "turn 1, stop_reason: expected one of"),
        ("- {text: a, usage: {input: 1}}", "turn 1, usage: unknown field 'input'"),
        ("- {text: a, usage: {input_tokens: -1}}", "usage.input_tokens"),
        ("- {text: a, expect: hi}", "turn 1, expect[0]: expected a mapping"),
        ("- {text: a, expect: {contains: a, matches: b}}", "exactly one of"),
        ("- {text: a, expect: [{contains: a}, {contains: 1}]}", "turn 1, expect[1].contains: expected text"),
        ("- {text: a, expect: {equals: 1}}", "equals needs a path"),
        ("- {text: a, expect: {contains: a, in: here}}", "expect[0].in: expected one of system"),
        ("- {text: a, expect: {contains: a, in: tools, path: model}}", "exclude each other"),
        ("- {text: a, expect: {matches: '('}}", "not a regular expression"),
        ("- {text: a, expect: {path: 'messages[', equals: 1}}", "expect[0].path"),
        ("- {text: a, expect: {path: 'other', equals: 1}}", "a path starts with one of"),
        ("- text: a\n- text: [b\n", "line 3"),
        ("- text: \x00", "characters that YAML does not allow"),
    ],
)
def test_a_slip_in_the_file_is_an_error_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    problem = error(write(tmp_path, text))
    assert (problem.kind, problem.retryable, problem.fatal) == ("failed", False, False)
    assert words in problem.message
    assert "script.yaml" in problem.message


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    assert str(tmp_path / "no.yaml") in error(tmp_path / "no.yaml").message
    assert "no script file" in error(tmp_path).message
    os.mkfifo(tmp_path / "pipe")
    assert "no script file" in error(tmp_path / "pipe").message
    (tmp_path / "latin").write_bytes(b"- text: \xff")
    assert "UTF-8" in error(tmp_path / "latin").message
    assert "line 1" in error(write(tmp_path, "{", "broken.json")).message
