"""Events as JSON lines: each leaves the moment it comes, each once."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from typing import TextIO

from antcli.client.turn import Event


class EventLines:
    """The view for `client.drive` that programs read; `show` prints one event on `stream`.

    An event that was seen queued is not told again.
    """

    deltas: Sequence[str] = ()
    lively = False

    def __init__(self, stream: TextIO, show: Callable[[Event], None]) -> None:
        self.stream = stream
        self._show = show
        self._seen: set[str] = set()

    def event(self, event: Event) -> None:
        id = str(event.get("id", ""))
        if id and id in self._seen:
            return
        self._seen.add(id)
        self._show(event)

    def refresh(self) -> None:
        """Raises BrokenPipeError when nobody reads on: the next event may be far away."""
        if reader_is_gone(self.stream):
            raise BrokenPipeError

    def notice(self, text: str) -> None:
        """Programs read the events."""


class Silence:
    """The view that shows nothing."""

    deltas: Sequence[str] = ()
    lively = False

    def event(self, event: Event) -> None: ...
    def refresh(self) -> None: ...
    def notice(self, text: str) -> None: ...


def reader_is_gone(stream: TextIO) -> bool:
    """The other end of the pipe is closed, so that the next write would fail."""
    try:
        watch = select.poll()
        watch.register(stream.fileno(), 0)
        return any(state & (select.POLLERR | select.POLLHUP) for _, state in watch.poll(0))
    except (OSError, ValueError, AttributeError):
        return False
