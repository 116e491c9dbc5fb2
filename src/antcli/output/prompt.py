"""The input line of a chat: it stays below what is said while an agent works.

What is finished is printed above the line and belongs to the terminal's scroll-back; the moving rows, what waits in the
queue and the draft are drawn below it and leave no trace.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antcli.output.drawing import drawing_output, settle
from antcli.output.text import cut

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Prompt:
    """Callbacks come in the thread of `run`: `entered` with a message, `interrupted` for Esc and Ctrl-C.

    `interrupted` says whether there was something to interrupt; else the draft is cleared. `show` is that of
    `tail.Tail`, `open` and `close` are those of `keyboard.Keyboard`; these come from any thread.
    """

    def __init__(
        self, console: Console, history: Path, commands: Mapping[str, str], *, entered: Callable[[str], None],
        interrupted: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.console = console
        self._entered = entered
        self._interrupted = interrupted
        self.takes_text = False  # of a question that is open: keys that come together are a text
        self._lock = threading.Lock()
        self._printed: list[str] = []
        self._rows: list[Text] = []
        self._queued: Sequence[str] = ()
        self._put: Callable[[str], None] | None = None  # where keys go while a question is open
        self._loop: Any = None
        self._session = self._made(history, commands)

    # For the view and the commands, from any thread.

    def show(self, above: Sequence[Text], rows: Sequence[Text]) -> None:
        """Prints `above` for good, and draws `rows` above the input line from now on."""
        printed = self._rendered(above) + "\n" if above else ""
        with self._lock:
            self._rows = list(rows)
        self._apply(printed)

    def say(self, text: str, style: str = "") -> None:
        """Prints a remark; what is drawn stays."""
        from rich.text import Text

        self._apply(self._rendered([Text(line, style) for line in text.split("\n")]) + "\n")

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
            self._session.prompt(pre_run=begin)
        except (EOFError, KeyboardInterrupt):
            pass
        finally:
            self._loop = None
            with self._lock:
                text = "".join(self._printed)
                self._printed.clear()
            self.console.file.write(text)
            self.console.file.flush()

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

    def _rendered(self, rows: Sequence[Text]) -> str:
        from rich.text import Text

        with self._lock, self.console.capture() as captured:
            self.console.print(Text("\n").join(rows), soft_wrap=True, highlight=False, end="")
        return captured.get()

    def _message(self) -> Any:
        """All above the draft and the mark before it."""
        from prompt_toolkit.formatted_text import ANSI
        from rich.text import Text

        width = max(self.console.width - 1, 10)
        with self._lock:
            rows = list(self._rows)
        for text in self._queued:
            rows.append(Text(cut(f"  queued: {text}".replace("\n", " ⏎ "), width), "dim"))
        drawn = self._rendered(rows) + "\n" if rows else ""
        return ANSI(drawn + self._rendered([Text("> ", "bold cyan")]))

    # Making it.

    def _made(self, history: Path, commands: Mapping[str, str]) -> Any:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory

        session: Any = PromptSession(
            message=self._message, history=FileHistory(os.fspath(history)), multiline=True, erase_when_done=True,
            key_bindings=self._bindings(), completer=_completer(commands), complete_while_typing=True,
            prompt_continuation="  ", output=drawing_output(self.console), enable_history_search=False,
            reserve_space_for_menu=0, include_default_pygments_style=False,
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
        @keys.add("c-c")
        def stop(event: Any) -> None:
            if not self._interrupted():
                event.current_buffer.reset()

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
            if typed.startswith("/") and " " not in typed and "\n" not in typed:
                for name, help in commands.items():
                    if name.startswith(typed):
                        yield Completion(name, -len(typed), display_meta=help)

    return Slash()
