"""Server-sent events from bytes that arrive in any portions."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_LIMIT = 32 * 1024 * 1024


class ServerSentEvent(NamedTuple):
    name: str  # "" where the stream gives none
    data: str


class EventParser:
    """Feed it bytes, take whole events. Raises ValueError when one event is larger than 32 MiB."""

    def __init__(self) -> None:
        self._unfinished: list[bytes] = []  # pieces of the line that has no end yet
        self._unfinished_size = 0
        self._after_carriage_return = False
        self._first_line = True
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        if not chunk:
            return []
        if self._after_carriage_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_carriage_return = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(chunk)
        if lines:
            lines[0] = b"".join([*self._unfinished, lines[0]])
            self._unfinished, self._unfinished_size = [], 0
        self._unfinished.append(rest)
        self._unfinished_size += len(rest)
        if self._unfinished_size + self._size > _EVENT_LIMIT:
            raise ValueError("an event of more than 32 MiB")
        return [event for line in lines if (event := self._line(line)) is not None]

    def finish(self) -> list[ServerSentEvent]:
        """What the stream left without its closing blank line."""
        return self.feed(b"\n\n") if self._unfinished_size or self._data else []

    def _line(self, line: bytes) -> ServerSentEvent | None:
        if self._first_line:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._first_line = False
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if field == b"data":
            self._data.append(text)
            self._size += len(value)
        elif field == b"event":
            self._name = text
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event = ServerSentEvent(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event
