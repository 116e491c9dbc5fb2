"""The message that an agent is writing: previews come in pieces, and the final message is the true one."""

from __future__ import annotations

import re
from collections.abc import Callable

from antcli.client.turn import Event, text_of
from antcli.output.foreign import harmless
from antcli.output.markdown import Markdown
from antcli.output.spans import Line
from antcli.output.surface import Surface

# The end of a piece that may be the beginning of a sequence, or of the end of a line.
_HALF = re.compile(r"(?:\r|\x1b(?:\[[0-?]{0,32}[ -/]{0,4})?)\Z")


class Writing:
    """One message after the other. Finished rows go to `put`; `rest` are those that may still change.

    Text is turned into rows when somebody looks (`flush`), not with every piece. `width` is asked each time.
    """

    def __init__(self, surface: Surface, put: Callable[[list[Line]], None], width: Callable[[], int]) -> None:
        self._surface = surface
        self._put = put
        self._width = width
        self._id: str | None = None
        self._text: list[str] = []  # of the preview so far
        self._unread: list[str] = []  # what no row has been made of yet
        self._markdown: Markdown | None = None

    @property
    def open(self) -> bool:
        return self._id is not None

    def begin(self, id: str) -> None:
        self._id = id

    def grow(self, event: Event) -> None:
        """Takes an `event_delta`."""
        text = ((event.get("delta") or {}).get("content") or {}).get("text")
        if text and event.get("event_id") == self._id:
            self._text.append(text)
            self._unread.append(text)

    def is_of(self, message: Event) -> bool:
        """Whether it is the message whose preview is open."""
        return self._id is not None and message.get("id") == self._id

    def complete(self, message: Event) -> None:
        """Takes the final message: what the preview had of it is not repeated."""
        text, written = text_of(message), "".join(self._text)
        if text.startswith(written):
            self._unread.append(text[len(written) :])
        else:
            self.end()
            self._unread.append(text)
        self.end()

    def end(self) -> None:
        """Nothing more comes of this message."""
        self.flush(ends=True)
        if self._markdown is not None:
            self._give(self._markdown.finish(self._width()))
        self._id, self._text, self._markdown = None, [], None

    def flush(self, *, ends: bool = False) -> None:
        text = "".join(self._unread)
        self._unread.clear()
        if not ends and (half := _HALF.search(text)):
            self._unread.append(text[half.start() :])
            text = text[: half.start()]
        if text:
            if self._markdown is None:
                self._markdown = Markdown(colour=self._surface.colour, ascii_only=self._surface.ascii_only)
            self._give(self._markdown.feed(harmless(text), self._width()))

    def rest(self) -> list[Line]:
        return self._markdown.rest(self._width()) if self._markdown is not None else []

    def _give(self, rows: list[Line]) -> None:
        if rows:
            self._put(rows)
