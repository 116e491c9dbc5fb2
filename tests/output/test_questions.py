from __future__ import annotations

from typing import Any

import pytest

from antcli.client.drive import Answer
from antcli.client.turn import Turn
from antcli.output.live import Live
from antcli.output.questions import GUARD_SECONDS, TerminalQuestions
from tests.output.screen import Screen


class Keys:
    """A keyboard that types nothing."""

    is_open = False

    def open(self, put: Any) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class Desk:
    def __init__(self, **input: Any) -> None:
        self.now = 10.0
        self.screen = Screen(60)

        self.keys = Keys()
        self.questions = TerminalQuestions(Live(self.screen.surface(), Turn()), self.keys, clock=lambda: self.now)  # type: ignore[arg-type]
        self.questions.open({"id": "sevt_1", "name": "bash", "input": input}, 1, 2, lambda key: None)

    def type(self, *keys: str, after: float = GUARD_SECONDS) -> Answer | None:
        self.now += after
        answer = None
        for key in keys:
            assert answer is None
            answer = self.questions.key(key)
        return answer


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["y"], Answer(True)), (["Y"], Answer(True)), (["1"], Answer(True)),
        (["n"], Answer(False)), (["2"], Answer(False)), (["q"], Answer(None)),
        (["x", "\n", " ", "\x1b", "y"], Answer(True)),
        (["r", *"no way", "\n"], Answer(False, "no way")),
        (["3", *"abc", "\x7f", "\x7f", "!", "\r"], Answer(False, "a!")),
        (["r", *"abc", "\x15", *"äö", "\n"], Answer(False, "äö")),
        (["r", *"yes", "\x1b", "y"], Answer(True)),
        (["r", "\n"], Answer(False)),
        (["r", "y"], None), (["\n"], None), ([" "], None),
    ],
)  # fmt: skip
def test_keys(keys: list[str], answer: Answer | None) -> None:
    assert Desk(command="ls").type(*keys) == answer


def test_a_key_too_early_does_nothing() -> None:
    desk = Desk(command="ls")
    assert desk.type("y", after=GUARD_SECONDS - 0.01) is None
    assert desk.type("y", after=0.02) is None  # still typing: only after a pause does a key count
    assert desk.type("y", after=GUARD_SECONDS) == Answer(True)


def test_keys_that_come_together_are_no_answer() -> None:
    desk = Desk(command="ls")
    assert desk.type("", after=GUARD_SECONDS) is None
    assert desk.type("y", after=GUARD_SECONDS) == Answer(True)


def test_the_whole_input_is_shown_and_nothing_in_it_hides() -> None:
    desk = Desk(command="echo ok\n" + "x" * 200 + "\nrm -rf /\x1b[8m", timeout_ms=5)
    text = desk.screen.text.replace("\n", "")
    assert "bash asks to run (1 of 2)" in text and "x" * 200 in text
    assert "rm -rf /\\x1b[8m" in text and "timeout_ms: 5" in text and "y allow" in text


def test_the_keyboard_is_open_only_while_something_is_asked() -> None:
    desk = Desk(command="ls")
    assert desk.keys.is_open
    desk.questions.close()
    assert not desk.keys.is_open and "y allow" not in desk.screen.text
