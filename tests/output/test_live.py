from __future__ import annotations

import io
import time
from typing import Any

import pytest

from antcli.client.turn import Turn
from antcli.output.live import Live
from tests.output.screen import Screen

Event = dict[str, Any]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Sink(io.StringIO):
    """Takes everything, keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


class Stage:
    """A live view on a small terminal."""

    def __init__(self, columns: int = 80, **options: Any) -> None:
        self.screen = Screen(columns)
        self.clock = Clock()
        self.turn = Turn()
        self.live = Live(self.screen.surface(), self.turn, clock=self.clock, **options)

    def play(self, *events: Event, seconds: float = 0.1) -> str:
        for event in events:
            self.turn.see(event)
            self.live.event(event)
        self.clock.now += seconds
        self.live.refresh()
        return self.screen.text

    def resize(self, columns: int) -> None:
        self.screen.resize(columns)

    def end(self) -> str:
        self.live.finish()
        assert not self.screen.cursor_hidden
        return self.screen.text


def delta(text: str, id: str = "sevt_m") -> Event:
    return {
        "type": "event_delta", "event_id": id,
        "delta": {"type": "content_delta", "index": 0, "content": {"type": "text", "text": text}},
    }  # fmt: skip


def start(id: str = "sevt_m") -> Event:
    return {"type": "event_start", "event": {"type": "agent.message", "id": id}}


def said(text: str, id: str = "sevt_m") -> Event:
    return {"type": "agent.message", "id": id, "content": [{"type": "text", "text": text}]}


def call(id: str = "sevt_c", name: str = "bash", **input: Any) -> Event:
    return {"type": "agent.tool_use", "id": id, "name": name, "input": input}


def result(text: str, id: str = "sevt_c", *, is_error: bool = False) -> Event:
    return {
        "type": "agent.tool_result", "id": f"{id}r", "tool_use_id": id, "is_error": is_error,
        "content": [{"type": "text", "text": text}],
    }  # fmt: skip


REQUEST_START = {"type": "span.model_request_start", "id": "sevt_q"}
REQUEST_END = {
    "type": "span.model_request_end", "id": "sevt_e", "model_usage": {"input_tokens": 1500, "output_tokens": 20},
}  # fmt: skip


def test_the_answer_appears_as_it_is_written_and_once() -> None:
    stage = Stage()
    assert "Hello wo" in stage.play(start(), delta("Hello "), delta("wo"))
    assert stage.play(delta("rld.\nSecond line")).startswith("Hello world.\nSecond line")
    stage.play(said("Hello world.\nSecond line, all of it."), REQUEST_END)
    assert stage.end() == "Hello world.\nSecond line, all of it.\n\n0.3s · 1.5k in, 20 out tokens"


def test_a_final_message_that_differs_is_the_true_one() -> None:
    stage = Stage()
    stage.play(start(), delta("Helo"))
    assert stage.play(said("Hello")).startswith("Helo\nHello\n")


def test_an_unfinished_preview_is_marked() -> None:
    stage = Stage()
    stage.play(start(), delta("I was about to"))
    stage.play(REQUEST_END)
    assert "I was about to\n(not finished)" in stage.end()


def test_a_tool_call_spins_then_leaves_its_head() -> None:
    stage = Stage()
    running = stage.play(call(command="pytest -q\nls"), seconds=3)
    assert "bash pytest -q ⏎ ls  3.0s" in running
    done = stage.play(result("\n".join(f"line {n}" for n in range(20))))
    assert "✓ bash pytest -q ⏎ ls  3.1s" not in running
    assert "✓ bash pytest -q ⏎ ls  3.0s" in done
    assert "  │ line 4\n  │ … 15 more lines" in done and "line 5" not in done


def test_a_failed_call_is_marked() -> None:
    stage = Stage()
    assert "✗ bash false  0.0s\n  │ exit 1" in stage.play(call(command="false"), result("exit 1", is_error=True))


def test_of_a_long_error_the_end_is_shown() -> None:
    stage = Stage()
    text = stage.play(call(command="x"), result("\n".join(f"line {n}" for n in range(20)), is_error=True))
    assert "│ … 15 lines before\n  │ line 15" in text and "line 19" in text


def test_calls_side_by_side_each_have_a_row() -> None:
    stage = Stage()
    text = stage.play(*(call(f"sevt_{n}", command=f"sleep {n}") for n in range(6)))
    assert "sleep 3" in text and "sleep 4" not in text and "and 2 more calls" in text
    text = stage.play(result("ok", "sevt_4"))
    assert text.startswith("✓ bash sleep 4")


def test_long_things_are_cut_to_the_width() -> None:
    stage = Stage(columns=40)
    text = stage.play(call(command="echo " + "x" * 100), result("y" * 100))
    assert max(map(len, text.splitlines())) <= 40
    assert "…" in text


def test_a_narrow_terminal_is_enough() -> None:
    stage = Stage(columns=20)
    text = stage.play(REQUEST_START, start(), delta("some words that need several rows here"), call(command="ls"))
    assert max(map(len, text.splitlines())) <= 20
    stage.play(said("some words that need several rows here"), result("ok"))
    assert stage.end().startswith("some words that\nneed several rows\nhere\n✓ bash ls")


@pytest.mark.parametrize("columns", [40, 200])
def test_a_resize_leaves_nothing_behind(columns: int) -> None:
    stage = Stage(columns=100)
    stage.play(said("Done already.", "sevt_0"), call(command="x" * 300), call("sevt_d", command="y" * 300))
    stage.resize(columns)
    text = stage.play(result("ok", "sevt_c"), result("ok", "sevt_d"))
    assert text.startswith("Done already.\n\n✓ bash xxx")
    assert text.count("bash") == 2


def test_control_characters_of_models_and_tools_do_nothing() -> None:
    stage = Stage()
    text = stage.play(said("a\x1b[2Jb\x07"), call(command="printf '\x1b[31m'"), result("\x1b[1mbold\r\nnext"))
    assert text.startswith("ab�\n\n✓ bash printf ''")
    assert "│ bold\n  │ next" in text


def test_a_busy_model_is_told() -> None:
    stage = Stage()
    error = {"type": "model_overloaded_error", "message": "Overloaded.", "retry_status": {"type": "retrying"}}
    assert "the model is busy, retrying: Overloaded." in stage.play(
        {"type": "session.error", "id": "e", "error": error}
    )


def test_without_the_answer_only_the_way_is_shown() -> None:
    stage = Stage(show_answer=False)
    stage.play(start(), delta("secret"), said("secret"), call(command="ls"), result("file"))
    assert "secret" not in stage.end() and "✓ bash ls" in stage.screen.text


def test_a_plain_terminal_gets_plain_marks() -> None:
    class Plain(Screen):
        encoding = "ascii"

    screen = Plain(80)
    live = Live(screen.surface(), Turn())
    for event in (call(command="ls"), result("x"), said("- one")):
        live.event(event)
    live.finish()
    assert "+ bash ls" in screen.text and "\n- one\n" in screen.text


def test_ten_thousand_lines_cost_no_more_at_the_end_than_at_the_start() -> None:
    stage = Stage()
    stage.live.surface.stream = Sink()
    stage.play(start())

    def seconds_for(lines: int) -> float:
        began = time.process_time()
        for number in range(lines):
            stage.live.event(delta(f"line {number}\n"))
            if number % 20 == 0:
                stage.live.refresh(at_once=True)
        return time.process_time() - began

    seconds_for(200)
    first = seconds_for(2000)
    seconds_for(6000)
    assert seconds_for(2000) < 3 * first + 0.05
