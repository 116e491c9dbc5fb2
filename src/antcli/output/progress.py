"""A bar for what takes a while, on stderr and only for somebody who watches it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from antcli.output.text import clean, cut

if TYPE_CHECKING:
    from antcli.output.terminal import Terminal

_PATIENCE = 0.3  # seconds: what is over sooner needs no bar


class Progress:
    """Counts bytes; draws from the moment that it takes long."""

    def __init__(self, terminal: Terminal, label: str, total: int | None, *, seen: bool) -> None:
        self._terminal = terminal
        self._label = cut(clean(label), 30)
        self._total = total
        self._seen = seen
        self._begun = time.monotonic()
        self._done = 0
        self._bar: Any = None
        self._task: Any = None

    def advance(self, count: int) -> None:
        self._done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif self._seen and time.monotonic() - self._begun > _PATIENCE:
            self._draw()

    def hide(self) -> None:
        """Takes the bar away, for a line of text; it comes back with the next bytes."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        colour = None if self._terminal.stderr_colour else True
        console = Console(file=self._terminal.stderr, no_color=colour, width=self._terminal.width)
        columns = [TextColumn("{task.description}", markup=False), DownloadColumn(), TransferSpeedColumn()]
        if self._terminal.width >= 70:
            columns[1:1] = [BarColumn(bar_width=None)]
            columns.append(TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, transient=True, expand=True)
        self._task = self._bar.add_task(self._label, total=self._total, completed=self._done)
        self._bar.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()


def progress(terminal: Terminal, label: str, total: int | None, *, quiet: bool = False) -> Progress:
    """For a `with` block. Nothing is drawn unless stderr is a terminal that can be drawn on."""
    drawable = terminal.stderr_is_terminal and not terminal.coding_agent and terminal.environ.get("TERM") != "dumb"
    return Progress(terminal, label, total, seen=drawable and not quiet)
