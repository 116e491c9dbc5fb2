"""Server-sent events, read as the bytes arrive (api.md 11)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from antcli.client.envelope import error_from_frame
from antcli.errors import ServerError

Frame = tuple[str, bytes]  # (event name, data)


class SseDecoder:
    """Cuts bytes into frames. LF, CR and CRLF end a line, also when a chunk ends between CR and LF.

    Time and memory grow with the bytes alone, however they are cut: a line is joined once, when its end is here.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []  # the line that has no end yet, in pieces
        self._after_cr = False
        self._at_start = True
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        frames: list[Frame] = []
        for line in chunk.splitlines(keepends=True):  # bytes are split at LF, CR and CRLF only
            self._line.append(line)
            if line.endswith((b"\n", b"\r")):
                whole = line if len(self._line) == 1 else b"".join(self._line)
                self._line.clear()
                self._take(whole.rstrip(b"\r\n"), frames)
        return frames

    def _take(self, line: bytes, frames: list[Frame]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                frames.append((self._name, b"\n".join(self._data)))
            self._name, self._data = "", []
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")


def events(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The events of a stream, heartbeats left out. An error frame raises ApiError, other nonsense ServerError."""
    decoder = SseDecoder()
    for chunk in chunks:
        for name, data in decoder.feed(chunk):
            if name == "ping":
                continue
            event = _decode(data)
            kind = event.get("type")
            if name == "error" or kind == "error":
                raise error_from_frame(event)
            if kind != "ping":
                yield event


def _decode(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ServerError("The server sent something into the stream that is not an event.")
    return event
