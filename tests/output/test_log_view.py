from __future__ import annotations

import pytest

from antcli.output.log_view import LogView
from antcli.output.transcript import Transcript
from tests.output.screen import Screen
from tests.output.test_live import REQUEST_END, call, delta, result, said, start


class Log:
    def __init__(self, columns: int = 80, *, colour: bool = False) -> None:
        self.screen = Screen(columns)
        self.view = LogView(self.screen.surface(colour=colour), Transcript(times=False, colour=colour))

    def after(self, *events: dict[str, object]) -> str:
        for event in events:
            self.view.show(event)
        return self.screen.text

    def end(self) -> str:
        self.view.close()
        assert not self.screen.cursor_hidden
        return self.screen.text


def test_a_message_shows_while_it_is_written_and_once() -> None:
    log = Log()
    assert log.after(start(), delta("First **li")) == "agent     First li"
    assert log.after(delta("ne**\nSec")) == "agent     First line\n          Sec"
    assert log.after(said("First **line**\nSecond"), call(command="ls"), result("a")) == (
        "agent     First line\n          Second\nbash      ls\nbash ->   a"
    )
    assert log.end().count("First") == 1


def test_a_message_without_a_preview_and_one_of_another_thread_beside_a_preview() -> None:
    log = Log()
    log.after(said("- a\n- b", "sevt_0"), start(), delta("Half"), said("Other", "sevt_9"))
    assert log.end() == "agent     • a\n          • b\nagent     Half\n          (not finished)\nagent     Other"


@pytest.mark.parametrize("ends", [True, False])
def test_an_unfinished_message_is_marked(ends: bool) -> None:
    log = Log()
    log.after(start(), delta("I was about"), *([REQUEST_END] if ends else []))
    assert log.end() == "agent     I was about\n          (not finished)"


def test_a_narrow_terminal_has_the_message_below_its_author() -> None:
    assert Log(40).after(said("one two three four five six seven eight")).splitlines() == [
        "agent", "  one two three four five six seven", "  eight",
    ]  # fmt: skip


def test_a_resize_repeats_nothing() -> None:
    log = Log(100)
    log.after(start(), delta("word " * 30))
    log.screen.resize(50)
    log.after(delta("more "), said("word " * 30 + "more end"))
    assert log.end().replace("\n", "").count("word") == 30 and log.screen.text.endswith("end")


def test_colour_takes_no_room() -> None:
    log = Log(60, colour=True)
    log.after(said("Above.", "sevt_0"), start())
    for _ in range(20):
        log.after(delta("word "))
    assert log.end().startswith("agent     Above.\nagent     word word")
