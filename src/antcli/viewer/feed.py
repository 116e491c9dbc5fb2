"""What a page shows of a session, and what has changed since it last asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from antcli.client.client import Client
from antcli.client.follow import follow
from antcli.client.turn import Event, Turn, text_of
from antcli.errors import AntError
from antcli.output.foreign import harmless
from antcli.output.page import Blocks, question

_BATCH = 500  # pieces at once: the first of a long session are there soon


class Feed:
    """Follows one session in `run`; pages ask `changes` from threads of their own."""

    def __init__(self, client: Client, session: Mapping[str, Any], before_reconnect: Callable[[], None] | None) -> None:
        self._client = client
        self._session = session
        self._before_reconnect = before_reconnect
        self._turn = Turn()
        self._turn.status = str(session.get("status"))
        self._blocks = Blocks()
        self._pieces: dict[str, str] = {}
        self._drafts: dict[str, str] = {}
        self._log: list[str] = []  # the id of each piece that changed, "" for the state alone
        self._notice = ""
        self._ended = session.get("archived_at") is not None
        self._changed = threading.Condition()

    def run(self) -> None:
        """Until the session is gone; what goes wrong is told to the pages."""
        try:
            for event in follow(
                self._client, str(self._session["id"]), deltas=("agent.message",), notice=self._tell,
                before_reconnect=self._before_reconnect,
            ):  # fmt: skip
                self.take(event)
        except AntError as error:
            self._tell(error.message)
        with self._changed:
            self._ended = True
            self._note("")

    def take(self, event: Event) -> None:
        kind, id = event.get("type"), str(event.get("id"))
        with self._changed:
            if kind == "event_start":
                begun = event.get("event") or {}
                if begun.get("type") == "agent.message":
                    self._drafts[str(begun.get("id"))] = ""
                return
            if kind == "event_delta":
                self._grow(str(event.get("event_id")), event)
                return
            self._turn.see(event)
            if kind == "agent.message":
                self._drafts.pop(id, None)
            if kind == "span.model_request_end":
                self._give_up()
            piece = self._blocks.add(event) if kind != "agent.message" or text_of(event) else None
            if piece is not None:
                self._pieces[piece[0]] = piece[1]
            self._note(piece[0] if piece else "")

    def changes(self, since: int, wait: float) -> tuple[int, dict[str, Any]] | None:
        """What came after `since`, with where that ends; None when nothing does within `wait` seconds."""
        with self._changed:
            if len(self._log) <= since:
                self._changed.wait(wait)
            if len(self._log) <= since:
                return None
            end = min(since + _BATCH, len(self._log))
            ids = dict.fromkeys(id for id in self._log[since:end] if id)
            return end, {"since": end, "pieces": [[id, self._html(id)] for id in ids], "state": self._state()}

    def _html(self, id: str) -> str:
        return Blocks.draft(self._drafts[id]) if id in self._drafts else self._pieces.get(id, "")

    def _state(self) -> dict[str, Any]:
        agent = self._session.get("agent") or {}
        return {
            "title": harmless(str(self._session.get("title") or self._session["id"])),
            "agent": harmless(str(agent.get("name") or "")),
            "status": self._turn.status,
            "waits": bool(self._turn.asked),
            "over": self._ended or self._turn.status in ("terminated", "deleted"),
            "tokens": [self._turn.input_tokens, self._turn.output_tokens],
            "asks": [question(call) for call in self._turn.asked],
            "notice": harmless(self._notice),
        }

    def _grow(self, id: str, event: Event) -> None:
        text = ((event.get("delta") or {}).get("content") or {}).get("text")
        if text and id in self._drafts:
            self._drafts[id] += text
            self._note(id)

    def _give_up(self) -> None:
        """Previews whose messages do not come: the request failed."""
        for id in list(self._drafts):
            del self._drafts[id]
            self._note(id)

    def _tell(self, text: str) -> None:
        with self._changed:
            self._notice = "" if text == "Connected again." else text
            self._note("")

    def _note(self, id: str) -> None:
        self._log.append(id)
        self._changed.notify_all()

    def begin(self) -> None:
        """Lets pages know the state before anything has happened."""
        with self._changed:
            self._note("")
