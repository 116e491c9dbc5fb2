"""The question whether a tool call may run: its full input is shown, an accidental key does nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from antcli.client.drive import Answer
from antcli.client.turn import Event
from antcli.output.foreign import revealed
from antcli.output.live import Live
from antcli.output.spans import Line, Span, joined, styled
from antcli.output.text import BOLD, DIM, YELLOW, cut
from antcli.output.tool_calls import full_input, name_of

GUARD_SECONDS = 0.5  # keys before there was such a pause were meant for something else

_CHOICES = "y allow · n deny · r deny with a reason · q leave it open"


class Keys(Protocol):
    """Where keys come from while a question is open: `keyboard.Keyboard`, or an input line.

    An empty key stands for several at once, which are no answer, except while it `takes_text`.
    """

    takes_text: bool

    def open(self, put: Callable[[str], None], /) -> None: ...
    def close(self) -> None: ...


class TerminalQuestions:
    """Asks in the live view; keys come from the keyboard."""

    def __init__(self, live: Live, keyboard: Keys, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.live = live
        self.keyboard = keyboard
        self._clock = clock
        self._quiet_since = 0.0
        self._title = ""
        self._reason: str | None = None  # the reason while it is typed

    def open(self, call: Event, number: int, total: int, put: Callable[[str], None]) -> None:
        which = f" ({number} of {total})" if total > 1 else ""
        self.live.say(
            f"? {revealed(name_of(call))} asks to run{which}:", joined(BOLD, YELLOW), block=f"question {call.get('id')}"
        )
        for row in full_input(call) or ["(no input)"]:
            self.live.say("    " + revealed(row).replace("\n", " "))
        self._quiet_since = self._clock()
        self._reason = None
        self.keyboard.takes_text = False
        self.live.question = self._rows
        self.live.refresh(at_once=True)
        self.keyboard.open(put)

    def key(self, key: str) -> Answer | None:
        if self._reason is not None:
            return self._reason_key(self._reason, key)
        if self._clock() - self._quiet_since < GUARD_SECONDS or not key:
            self._quiet_since = self._clock()
            return None
        match key.lower():
            case "y" | "1":
                return self._answered(Answer(True), "Allowed.")
            case "n" | "2":
                return self._answered(Answer(False), "")
            case "r" | "3":
                self._reason = ""
                self.keyboard.takes_text = True
            case "q":
                return self._answered(Answer(None), "Left open.")
        self.live.refresh(at_once=True)
        return None

    def close(self) -> None:
        self.keyboard.close()
        self.live.question = None
        self.live.refresh(at_once=True)

    def _reason_key(self, reason: str, key: str) -> Answer | None:
        if key in ("\r", "\n"):
            return self._answered(Answer(False, reason.strip()), "")
        if key == "\x1b":
            self._reason = None
            self.keyboard.takes_text = False
        elif key in ("\x7f", "\x08"):
            self._reason = reason[:-1]
        elif key == "\x15":  # Ctrl-U
            self._reason = ""
        elif key.isprintable():
            self._reason = reason + key
        self.live.refresh(at_once=True)
        return None

    def _answered(self, answer: Answer, remark: str) -> Answer:
        if remark:
            self.live.say(remark, DIM)
        return answer

    def _rows(self) -> list[Line]:
        width = max(self.live.surface.width - 1, 10)
        if self._reason is None:
            return [styled(cut(_CHOICES, width), YELLOW)]
        label = "Reason (Enter sends, Esc goes back): "
        room = max(width - len(label) - 1, 8)
        return [(Span(label, YELLOW), Span(self._reason[-room:]), Span("▏", YELLOW))]
