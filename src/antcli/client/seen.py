"""What `follow` remembers of the events that it handed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A copy of an event can come again in two ways: listed after a reconnect, where the newest known event is found first;
# or from the stream, when the list was faster. Both reach back over what was new lately, never over the whole
# session, so the newest ids are enough. `follow` opens a new stream when more than this were new in one list.
WINDOW = 4096


def is_stamped(event: Mapping[str, Any]) -> bool:
    """Whether the event was processed; a client's event waits in a queue before."""
    return event.get("processed_at") is not None


class Seen:
    """The ids of the newest `WINDOW` processed events, and of those last seen waiting in the queue."""

    def __init__(self) -> None:
        self.count = 0  # events ever added
        self._stamped: dict[str, None] = {}
        self._queued: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._stamped or self._queued)

    def add(self, event: Mapping[str, Any]) -> None:
        self.count += 1
        id = event.get("id")
        if id is None:
            return
        if is_stamped(event):
            self.add_id(id)
        else:
            self._queued[id] = None
            _trim(self._queued)

    def add_id(self, id: str) -> None:
        """The id of a processed event."""
        self._queued.pop(id, None)
        self._stamped[id] = None
        _trim(self._stamped)

    def is_new(self, event: Mapping[str, Any]) -> bool:
        """Whether this copy, queued or stamped, was never added. An event without an id is always new."""
        id = event.get("id")
        if id is None:
            return True
        return id not in self._stamped and (is_stamped(event) or id not in self._queued)

    def knows_stamped(self, event: Mapping[str, Any]) -> bool:
        return event.get("id") in self._stamped

    def knows_queued(self, event: Mapping[str, Any]) -> bool:
        return event.get("id") in self._queued

    def knows_preview(self, preview: Mapping[str, Any]) -> bool:
        """Whether the event that this frame previews was added already."""
        inner = preview.get("event")
        id = inner.get("id") if isinstance(inner, Mapping) else preview.get("event_id")
        return id in self._stamped

    def queued_ids(self) -> set[str]:
        return set(self._queued)

    def forget_queued(self, ids: set[str]) -> None:
        """These are gone from the server: nobody will stamp them."""
        for id in ids:
            self._queued.pop(id, None)


def _trim(ids: dict[str, None]) -> None:
    if len(ids) > WINDOW:
        del ids[next(iter(ids))]
