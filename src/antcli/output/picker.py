"""Choose one thing from a list on the terminal: arrows move, typing filters, Enter takes, Esc leaves.

It is drawn on stderr, so that the result can go into a pipe, and leaves no trace.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from antcli.errors import AntError, ExitCode
from antcli.output.columns import COLUMNS, Column, shown
from antcli.output.restoring import restored
from antcli.output.tables import fit
from antcli.output.text import cut, text_width

if TYPE_CHECKING:
    from antcli.output.terminal import Terminal

_AT_ONCE = 100  # things that are there before the list is shown: one page
_ROWS = 10
_KEYS = "↑↓ move · type to filter · Enter takes · Esc leaves"

Thing = dict[str, Any]


def pick(terminal: Terminal, what: str, kind: str, name: str, things: Iterator[Thing]) -> Thing | None:
    """The chosen thing; None when the person leaves. `name` is the field that people call it by, or empty.

    Raises what the first page raises; what comes later is shown as far as it comes.
    """
    first = list(islice(things, _AT_ONCE))
    if not first:
        raise AntError(f"There is no {what} to choose from.", code=ExitCode.NOT_FOUND)
    return Picker(terminal, f"Which {what}?", columns(kind, name), first).run(things)


def columns(kind: str, name: str) -> tuple[Column, ...]:
    """What tells things of a kind apart: the name, else the id; then what its table shows, without ids."""
    called = Column("NAME", name or "id", derive=lambda thing: str(thing.get(name) or thing["id"]))
    usual = COLUMNS.get(kind, ())
    status = [column for column in usual if column.kind == "status"]
    times = [column for column in usual if column.path in ("created_at", "updated_at")][:1]
    others = [column for column in usual if column.kind in ("text", "model") and column.path != name][:1]
    return (called, *status, *times, *others)


class Picker:
    def __init__(self, terminal: Terminal, question: str, columns: tuple[Column, ...], things: list[Thing]) -> None:
        self.terminal = terminal
        self.question = question
        self.columns = columns
        self.things = things
        self.filter = ""
        self.at = 0
        self._over = False
        self._app = self._made()

    def run(self, more: Iterator[Thing]) -> Thing | None:
        """`more` is read while the list is shown."""
        threading.Thread(target=self._load, args=(more,), daemon=True).start()
        try:
            with restored(sys.stdin):
                chosen: Thing | None = self._app.run()
            return chosen
        finally:
            self._over = True

    def _load(self, more: Iterator[Thing]) -> None:
        with suppress(AntError):
            for thing in more:
                if self._over:
                    return
                self.things.append(thing)
                if len(self.things) % _AT_ONCE == 0:
                    self._app.invalidate()
            self._app.invalidate()

    def fitting(self) -> list[Thing]:
        """Those with all the words that were typed, the newest first."""
        words = self.filter.casefold().split()
        found = [thing for thing in self.things if all(word in self._text(thing) for word in words)]
        return sorted(found, key=lambda thing: str(thing.get("created_at") or ""), reverse=True)

    def _text(self, thing: Thing) -> str:
        return " ".join([str(thing["id"]), *(shown(column, thing) for column in self.columns)]).casefold()

    # What is drawn.

    def fragments(self) -> list[tuple[str, str]]:
        size = self._app.output.get_size()
        width, rows = max(size.columns - 1, 10), max(min(_ROWS, size.rows - 3), 1)
        found = self.fitting()
        self.at = max(min(self.at, len(found) - 1), 0)
        begin = max(min(self.at - rows // 2, len(found) - rows), 0)
        typed = self.filter[-max(width - text_width(self.question) - 2, 4) :]
        drawn = [("bold", cut(self.question, width)), ("", f" {typed}"), ("[SetCursorPosition]", ""), ("", "\n")]
        for number, line in enumerate(self._lines(found[begin : begin + rows], width - 2), begin):
            drawn.append(("bold fg:ansicyan", f"> {line}\n") if number == self.at else ("", f"  {line}\n"))
        count = f"{len(found)} of {len(self.things)}" if found else f"none of {len(self.things)}"
        return [*drawn, ("fg:ansibrightblack", cut(f"{count} · {_KEYS}", width))]

    def _lines(self, things: list[Thing], width: int) -> Iterator[str]:
        rows = [[shown(column, thing) for column in self.columns] for thing in things]
        widths = fit(self.columns, [max(map(text_width, cells)) for cells in zip(*rows, strict=True)], width)
        for row in rows:
            cells = [cut(text, size) for text, size in zip(row, widths, strict=True) if size]
            sizes = [size for size in widths if size]
            padded = (text + " " * (size - text_width(text)) for text, size in zip(cells, sizes, strict=True))
            yield cut("  ".join(padded).rstrip(), width)

    # Keys.

    def _made(self) -> Any:
        from prompt_toolkit import Application
        from prompt_toolkit.formatted_text import FormattedText
        from prompt_toolkit.input import create_input
        from prompt_toolkit.layout import FormattedTextControl, Layout, Window

        from antcli.output.drawing import drawing_output, settle
        from antcli.output.surface import surface

        control = FormattedTextControl(lambda: FormattedText(self.fragments()), focusable=True)
        app: Any = Application(
            layout=Layout(Window(control, dont_extend_height=True)), key_bindings=self._bindings(),
            output=drawing_output(surface(self.terminal, stderr=True)), input=create_input(self.terminal.stdin),
            erase_when_done=True, include_default_pygments_style=False,
        )  # fmt: skip
        settle(app)
        return app

    def _bindings(self) -> Any:
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.keys import Keys

        keys = KeyBindings()
        moves = {"up": -1, "c-p": -1, "down": 1, "c-n": 1, "pageup": -_ROWS, "pagedown": _ROWS}
        for name, step in moves.items():
            keys.add(name)(lambda event, step=step: self._move(step))
        for name in ("escape", "c-c", "c-d"):
            keys.add(name)(lambda event: event.app.exit(result=None))
        keys.add("c-h")(lambda event: self._type(self.filter[:-1]))
        keys.add("c-u")(lambda event: self._type(""))

        @keys.add("enter")
        def take(event: Any) -> None:
            found = self.fitting()
            if found:
                event.app.exit(result=found[self.at])

        @keys.add(Keys.Any)
        @keys.add(Keys.BracketedPaste)
        def typed(event: Any) -> None:
            self._type(self.filter + "".join(filter(str.isprintable, event.data)))

        return keys

    def _move(self, step: int) -> None:
        self.at = max(self.at + step, 0)  # the end is known when it is drawn

    def _type(self, text: str) -> None:
        self.filter, self.at = text, 0
