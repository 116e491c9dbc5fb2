"""A session of a hosted server as a client meets it: what its log holds, what its stream brings after a message."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from tests.fakes.api_server import Api, Request

Event = dict[str, Any]

ID = "sesn_0123456789abcdefghijABCD"
MESSAGE = "sevt_mine"
_STAMP = "2026-01-02T03:04:05Z"


class HostedSession:
    """Answers for one session. `streams` are what the first, second, ... connection brings; the last one stays open.

    `statuses` are the answers of GET, one after the other; the last one stays.
    """

    def __init__(
        self, api: Api, *streams: Sequence[Event], log: Sequence[Event] = (), statuses: Sequence[str] = ("idle",)
    ) -> None:
        self.api = api
        self.log = list(log)
        self.sent: list[Event] = []
        self.done = threading.Event()
        self._streams = [list(stream) for stream in streams]
        self._statuses = list(statuses)
        self._posted = threading.Event()
        path = f"/v1/sessions/{ID}"
        api.page("/v1/agents", {"id": "agent_1", "name": "ant", "model": {"id": "claude-sonnet-5-5"}})
        api.page("/v1/environments", {"id": "env_1", "name": "default"})
        api.on("POST", "/v1/sessions", {"id": ID, "agent": {"name": "ant", "model": {"id": "m"}}, "status": "idle"})
        api.on("GET", path, self._session)
        api.on("GET", f"{path}/events", self._list)
        api.on("POST", f"{path}/events", self._take)
        api.on("GET", f"{path}/events/stream", self._stream)

    def wait_for_no_message(self) -> HostedSession:
        """The stream begins at once: for commands that send nothing."""
        self._posted.set()
        return self

    def _session(self, request: Request) -> Any:
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return {"id": ID, "status": status}

    def _list(self, request: Request) -> Any:
        types = request.query.get("types[]")
        events = [event for event in self.log if types is None or event["type"] in types]
        return {"data": events[::-1] if request.query.get("order") == ["desc"] else events, "next_page": None}

    def _take(self, request: Request) -> Any:
        self.sent += request.body["events"]
        self._posted.set()
        return {"data": [{**event, "id": MESSAGE, "processed_at": None} for event in request.body["events"]]}

    def _stream(self, request: Request) -> Any:
        brings = self._streams.pop(0) if self._streams else []
        self.log += [event for event in brings if not event["type"].startswith("event_")]
        return [self._posted, *brings, *([] if self._streams else [self.done])]


def event(type: str, **fields: Any) -> Event:
    return {"id": f"sevt_{type}_{abs(hash(str(fields))) % 10**8}", "type": type, "processed_at": _STAMP, **fields}


def mine(*, stamped: bool = True) -> Event:
    return {"id": MESSAGE, "type": "user.message", "content": [], "processed_at": _STAMP if stamped else None}


def running(number: int = 1) -> Event:
    return event("session.status_running", number=number)


def idle(reason: str = "end_turn", number: int = 1, **more: Any) -> Event:
    return event("session.status_idle", stop_reason={"type": reason, **more}, number=number)


def said(text: str) -> Event:
    return event("agent.message", content=[{"type": "text", "text": text}])
