"""The body of a model's answer, taken in portions and given as stream events."""

from __future__ import annotations

import json
from typing import Any

from antcli.engine.providers.sse import EventParser, ServerSentEvent
from antcli.engine.providers.stream_events import Event, Normaliser, events_of

_BODY_LIMIT = 32 * 1024 * 1024


class ErrorAnswer(Exception):
    """The endpoint reported an error inside a successful answer; `body` is what it sent."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("an error inside an answer")
        self.body = body


class StreamAnswer:
    """Server-sent events. `feed` raises ErrorAnswer, and ValueError on what is not the Messages API."""

    def __init__(self, model: str) -> None:
        self._parser = EventParser()
        self._normaliser = Normaliser(model)

    @property
    def complete(self) -> bool:
        return self._normaliser.complete

    def feed(self, chunk: bytes) -> list[Event]:
        return self._accept(self._parser.feed(chunk))

    def finish(self) -> list[Event]:
        """The events that the end of the body reveals; an event cut in two is none: the answer stays incomplete."""
        try:
            return self._accept(self._parser.finish())
        except ValueError:
            return []

    def _accept(self, received: list[ServerSentEvent]) -> list[Event]:
        events: list[Event] = []
        for name, data in received:
            if data.strip() == "[DONE]":  # an OpenAI habit that some gateways keep
                continue
            event = _decoded(data)
            event.setdefault("type", "error" if "error" in event else name)
            if event["type"] == "error":
                raise ErrorAnswer(event)
            events += self._normaliser.accept(event)
        return events


class JsonAnswer:
    """One JSON message, of an endpoint that does not stream. Raises like StreamAnswer."""

    def __init__(self, model: str) -> None:
        self._normaliser = Normaliser(model)
        self._content = bytearray()

    @property
    def complete(self) -> bool:
        return self._normaliser.complete

    def feed(self, chunk: bytes) -> list[Event]:
        self._content += chunk
        if len(self._content) > _BODY_LIMIT:
            raise ValueError("more than 32 MiB of JSON")
        return []

    def finish(self) -> list[Event]:
        message = _decoded(self._content.decode("utf-8", "replace"))
        if "error" in message:
            raise ErrorAnswer(message)
        content = message.get("content")
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            raise ValueError("JSON without a message's content")
        return [event for raw in events_of(message) for event in self._normaliser.accept(raw)]


def _decoded(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError("text that is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("JSON that is not an object")
    return value
