from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.ids import new_id
from antcli.engine.providers.base import ModelError, ModelRequest
from antcli.engine.providers.recording import RecordingProvider, ReplayProvider, first_difference, stable
from antcli.engine.providers.script import ScriptProvider
from tests.engine.providers.asking import collect, request


def follow_up(tool_id: str, result: str = "done") -> ModelRequest:
    """The second request of a session, with a tool's id that differs from run to run."""
    call = {"type": "tool_use", "id": tool_id, "name": "bash", "input": {"command": "ls"}}
    messages: list[dict[str, Any]] = [
        *request().messages,
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": tool_id, "content": result}]},
    ]
    return request(1, messages=messages, system=[{"type": "text", "text": f"You are {new_id('sesn')}."}])


def record(tmp_path: Path) -> tuple[Path, list[list[dict[str, Any]]]]:
    script, path = tmp_path / "script.yaml", tmp_path / "recording.jsonl"
    script.write_text("- tools: [{name: bash, input: {command: ls}}]\n- text: All done.\n")

    async def run() -> list[list[dict[str, Any]]]:
        provider = RecordingProvider(ScriptProvider(script), path)
        answers = [await collect(provider, asked) for asked in (request(), follow_up("toolu_1"))]
        await provider.aclose()
        return answers

    return path, asyncio.run(run())


def replay(path: Path, asked: ModelRequest) -> list[dict[str, Any]]:
    return asyncio.run(collect(ReplayProvider(path), asked))


def test_a_recorded_session_is_replayed_whatever_its_ids(tmp_path: Path) -> None:
    path, answers = record(tmp_path)
    assert replay(path, request()) == answers[0]
    assert replay(path, follow_up(new_id("toolu"))) == answers[1]
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_request_ends_the_session_and_shows_the_first_difference(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    with pytest.raises(ModelError) as caught:
        replay(path, follow_up("toolu_2", result="failed"))
    assert caught.value.fatal
    assert 'messages[2].content[0].content: recorded "done", shown "failed"' in caught.value.message


def test_a_request_past_the_recording_is_an_error(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    with pytest.raises(ModelError, match="has 2 answers") as caught:
        replay(path, request(2))
    assert not caught.value.retryable


def test_a_missing_or_broken_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        replay(tmp_path / "none.jsonl", request())
    for text in ("what\n", "[]\n", '{"events": []}\n'):
        (tmp_path / "broken.jsonl").write_text(text)
        with pytest.raises(ModelError, match=r"broken\.jsonl, line 1"):
            replay(tmp_path / "broken.jsonl", request())


def test_an_incomplete_answer_is_not_recorded(tmp_path: Path) -> None:
    script, path = tmp_path / "script.yaml", tmp_path / "recording.jsonl"
    script.write_text("- {text: hi, error: {status: 500, times: 1}}")

    async def run() -> None:
        provider = RecordingProvider(ScriptProvider(script), path)
        with pytest.raises(ModelError):
            await collect(provider)
        stream = provider.stream(request(attempt=1))
        await anext(stream)
        await stream.aclose()
        assert not path.exists()

    asyncio.run(run())


def test_a_line_cut_by_a_crash_is_replaced_and_a_repeated_answer_counts_once(tmp_path: Path) -> None:
    path, answers = record(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ModelError, match="has 1 answers"):
        replay(path, follow_up("t"))

    async def again() -> None:
        provider = RecordingProvider(ScriptProvider(tmp_path / "script.yaml"), path)
        await collect(provider, follow_up("toolu_3"))
        await collect(provider, follow_up("toolu_4"))

    asyncio.run(again())
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == [0, 1, 1]
    assert replay(path, follow_up("t"))[-1] == answers[1][-1]


def test_a_line_without_index_counts_by_its_place(tmp_path: Path) -> None:
    path, answers = record(tmp_path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "index"}) + "\n" for line in lines))
    assert replay(path, follow_up("toolu_9")) == answers[1]


def test_ids_keep_their_pairs() -> None:
    def calls(first: str, second: str, *answered: str) -> Any:
        results = [{"type": "tool_result", "tool_use_id": id} for id in answered]
        return stable([{"type": "tool_use", "id": first}, {"type": "tool_use", "id": second}, *results])

    assert calls("a", "b", "a", "b") == calls("x", "y", "x", "y")
    assert calls("a", "b", "a", "b") != calls("a", "b", "b", "a")


def test_the_first_difference_is_found_at_any_depth() -> None:
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) is None
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == "a[1].b: recorded 2, shown 3"
    assert first_difference([1], [1, 2]) == ": recorded 1 items, shown 2"
    long = first_difference({"a": "x" * 9999 + "1"}, {"a": "x" * 9999 + "2"})
    assert long is not None
    assert len(long) < 200
