"""The input line of a chat: it stays below what is said while an agent works.

What is finished is printed above the line and belongs to the terminal's scroll-back; the moving rows, what waits in the
queue and the draft are drawn below it and leave no trace.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from antcli.output.drawing import drawing_output, settle
from antcli.output.restoring import restored
from antcli.output.spans import Line, joined, styled
from antcli.output.surface import Surface
from antcli.output.tail import last_rows
from antcli.output.text import BOLD, CYAN, DIM, YELLOW, cut
from antcli.output.wrapping import wrapped

_SECOND_KEY_SECONDS = 2.0
_COMMAND = re.compile(r"/[a-z?]*")
_MENU = {  # no grey boxes: it must be legible on light and on dark
    "completion-menu": "noreverse bg:default fg:default",
    "completion-menu.completion": "noreverse bg:default fg:default",
    "completion-menu.completion.current": "noreverse bg:default fg:ansicyan bold",
    "completion-menu.meta.completion": "noreverse bg:default fg:ansibrightblack",
    "completion-menu.meta.completion.current": "noreverse bg:default fg:ansicyan",
    "scrollbar.background": "bg:default",
    "scrollbar.button": "bg:default",
}
_ROWS_OF_DRAFT = 4  # rows of the terminal that stay free for what is typed


class Prompt:
    """Callbacks come in the thread of `run`: `entered` with a message, `interrupted` for Esc and Ctrl-C.

    `interrupted` says whether there was something to interrupt; else the draft is cleared. Where there is none, Ctrl-C
    twice leaves. `commands` are words that begin with a slash, and what they do. `show` is that of
    `tail.Tail`, `open` and `close` are those of `keyboard.Keyboard`; these come from any thread.
    """

    def __init__(
        self, surface: Surface, history: Path, commands: Mapping[str, str], *, entered: Callable[[str], None],
        interrupted: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.surface = surface
        self._entered = entered
        self._interrupted = interrupted
        self.takes_text = False  # of a question that is open: keys that come together are a text
        self._lock = threading.Lock()
        self._printed: list[str] = []
        self._rows: list[Line] = []
        self._queued: Sequence[str] = ()
        self._leaving_at = 0.0  # until then another Ctrl-C leaves
        self._put: Callable[[str], None] | None = None  # where keys go while a question is open
        self._loop: Any = None
        self._session = self._made(history, commands)

    # For the view and the commands, from any thread.

    def show(self, above: Sequence[Line], rows: Sequence[Line]) -> None:
        """Prints `above` for good, and draws `rows` above the input line from now on."""
        printed = self.surface.painted(above) + "\n" if above else ""
        with self._lock:
            self._rows = list(rows)
        self._apply(printed)

    def say(self, text: str, style: str = "") -> None:
        """Prints a remark; what is drawn stays."""
        self._apply(self.surface.painted(wrapped(text, style, max(self.surface.width - 1, 10))) + "\n")

    def queue(self, texts: Sequence[str]) -> None:
        """Shows which messages wait for their turn."""
        self._queued = tuple(texts)
        self._apply("")

    def put_draft(self, text: str) -> None:
        """Puts a text back into the input line, before what stands there."""

        def put() -> None:
            from prompt_toolkit.document import Document

            buffer = self._session.default_buffer
            whole = "\n".join(part for part in (text, buffer.text) if part)
            buffer.set_document(Document(whole, len(whole)), bypass_readonly=True)

        self._in_loop(put)

    def exit(self) -> None:
        self._in_loop(lambda: self._session.app.exit(exception=EOFError()))

    def open(self, put: Callable[[str], None]) -> None:
        self._put = put
        self._apply("")

    def close(self) -> None:
        self._put = None
        self._apply("")

    def run(self, ready: Callable[[], None]) -> None:
        """Returns when the person leaves. `ready` is called once, when messages can be shown."""
        import asyncio

        def begin() -> None:
            self._loop = asyncio.get_running_loop()
            ready()
            self._flush()

        try:
            with restored(sys.stdin):
                self._session.prompt(pre_run=begin)
        except (EOFError, KeyboardInterrupt):
            pass
        finally:
            self._loop = None
            with self._lock:
                text = "".join(self._printed)
                self._printed.clear()
            self.surface.write(text)

    # The loop of the input line.

    def _in_loop(self, call: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(call)
            except RuntimeError:  # it has just ended
                return

    def _apply(self, printed: str) -> None:
        with self._lock:
            if printed:
                self._printed.append(printed)
        self._in_loop(self._flush)

    def _flush(self) -> None:
        app = self._session.app
        with self._lock:
            text = "".join(self._printed)
            self._printed.clear()
        if text:
            app.renderer.erase(leave_alternate_screen=False)
            app.output.write_raw(text)
            app.output.flush()
        app.invalidate()

    def _message(self) -> Any:
        """All above the draft and the mark before it."""
        from prompt_toolkit.formatted_text import ANSI

        columns, height = self.surface.size()
        with self._lock:
            rows = list(self._rows)
        for text in self._queued:
            rows.append(styled(cut(f"  queued: {text}".replace("\n", " ⏎ "), max(columns - 1, 10)), DIM))
        if self._leaves_next():
            rows.append(styled("Ctrl-C again leaves.", YELLOW))
        rows = last_rows(rows, columns, height - _ROWS_OF_DRAFT)
        return ANSI(self.surface.painted([*rows, styled("> ", joined(BOLD, CYAN))]))

    def _types_command(self) -> bool:
        return self._put is None and bool(_COMMAND.fullmatch(self._session.default_buffer.text))

    def _leaves_next(self) -> bool:
        return time.monotonic() < self._leaving_at

    def _leave_next(self, app: Any) -> None:
        """Offers to leave, for a moment."""
        self._leaving_at = time.monotonic() + _SECOND_KEY_SECONDS
        self._loop.call_later(_SECOND_KEY_SECONDS + 0.1, app.invalidate)

    # Making it.

    def _made(self, history: Path, commands: Mapping[str, str]) -> Any:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.history import FileHistory
        from prompt_toolkit.styles import Style

        session: Any = PromptSession(
            message=self._message, history=FileHistory(os.fspath(history)), multiline=True, erase_when_done=True,
            key_bindings=self._bindings(), completer=_completer(commands),
            complete_while_typing=Condition(self._types_command),
            prompt_continuation="  ", output=drawing_output(self.surface), enable_history_search=False,
            reserve_space_for_menu=len(commands) + 1, style=Style.from_dict(_MENU),
            include_default_pygments_style=False,
        )  # fmt: skip
        settle(session.app)
        return session

    def _bindings(self) -> Any:
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.keys import Keys

        keys = KeyBindings()
        asks = Condition(lambda: self._put is not None)

        @keys.add("enter", filter=~asks)
        def enter(event: Any) -> None:
            buffer = event.current_buffer
            text = buffer.text
            if text.strip():
                buffer.append_to_history()
                buffer.reset()
                self._entered(text.strip("\n"))

        @keys.add("escape", "enter", filter=~asks)
        @keys.add("c-j", filter=~asks)
        def new_line(event: Any) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("escape", filter=~asks)
        def stop(event: Any) -> None:
            if event.current_buffer.complete_state is not None:
                event.current_buffer.cancel_completion()
            elif not self._interrupted():
                event.current_buffer.reset()

        @keys.add("c-c")
        def stop_or_leave(event: Any) -> None:
            draft = event.current_buffer.text
            if self._leaves_next():
                event.app.exit(exception=EOFError())
            elif not self._interrupted():
                event.current_buffer.reset()
                if not draft:
                    self._leave_next(event.app)

        def to_question(key: str) -> Callable[[Any], None]:
            return lambda event: self._put(key) if self._put else None

        for name, key in (("enter", "\r"), ("escape", "\x1b"), ("c-h", "\x7f"), ("c-u", "\x15"), ("c-j", "\r")):
            keys.add(name, filter=asks)(to_question(key))

        @keys.add(Keys.Any, filter=asks)
        def any_key(event: Any) -> None:
            # Several keys in one go are no answer: they were pasted, or typed before the question was there.
            if self._put is not None and len(event.data) == 1:
                burst = any(press.data for press in event.app.key_processor.input_queue)
                self._put("" if burst and not self.takes_text else event.data)

        @keys.add(Keys.BracketedPaste, filter=asks)
        def paste(event: Any) -> None:
            for character in event.data if self.takes_text else [""]:
                if self._put is not None:
                    self._put(" " if character in "\r\n" and character else character)

        for name in ("up", "down", "c-p", "c-n", "c-r", "tab"):  # they would change the draft unseen
            keys.add(name, filter=asks)(lambda event: None)
        return keys


def _completer(commands: Mapping[str, str]) -> Any:
    from prompt_toolkit.completion import Completer, Completion

    class Slash(Completer):
        def get_completions(self, document: Any, complete_event: Any) -> Any:
            typed = document.text
            if _COMMAND.fullmatch(typed):
                for name, help in commands.items():
                    if name.startswith(typed):
                        yield Completion(name, -len(typed), display_meta=help)

    return Slash()
