"""Messages API stream events in their one exact form, whatever the endpoint left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from antcli.engine.ids import new_id

_KINDS = {
    *("message_start", "message_delta", "message_stop"),
    *("content_block_start", "content_block_delta", "content_block_stop"),
}
_TOKEN_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
# kind of delta -> the kind of block it belongs to, and the field with its text
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}
_EMPTY_BLOCKS: dict[str, dict[str, Any]] = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}

Event = dict[str, Any]


class Normaliser:
    """One answer's events: takes them as the endpoint sends them, gives them as `Provider.stream` promises.

    Missing ids, counts, `input`, block ends and the stop reason are filled in; pings and unknown kinds are dropped;
    blocks follow one another and are numbered from 0. `accept` raises ValueError, in words, on what makes no sense.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._blocks = 0
        self._open: _OpenBlock | None = None
        self._used_tools = False
        self._stop_reason: str | None = None
        self._usage: dict[str, Any] = dict.fromkeys(_TOKEN_COUNTS, 0)
        self.complete = False

    def accept(self, event: Event) -> list[Event]:
        kind = event.get("type")
        if kind not in _KINDS or self.complete:
            return []
        if kind == "message_start":
            return [self._message_start(event)]
        if not self._started:
            raise ValueError(f"{kind} before message_start")
        if kind == "message_delta":
            return [*self._block_stop(), self._message_delta(event)]
        if kind == "message_stop":
            return self._message_stop()
        if kind == "content_block_start":
            return [*self._block_stop(), self._block_start(event)]
        if self._open is None or event.get("index") != self._open.given_index:
            raise ValueError(f"{kind} for a block that is not open")
        return self._block_stop() if kind == "content_block_stop" else [self._block_delta(event, self._open)]

    def _message_start(self, event: Event) -> Event:
        if self._started:
            raise ValueError("a second message_start")
        self._started = True
        message = {
            "id": new_id("msg"), "type": "message", "role": "assistant", "model": self._model, "stop_sequence": None,
        } | _without_nulls(event.get("message"))  # fmt: skip
        self._count(message.get("usage"))
        message |= {"content": [], "stop_reason": None, "usage": dict(self._usage)}
        return {"type": "message_start", "message": message}

    def _block_start(self, event: Event) -> Event:
        block = event.get("content_block")
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise ValueError("content_block_start without a block")
        block = _EMPTY_BLOCKS.get(block["type"], {}) | _without_nulls(block)
        self._open = _OpenBlock(event.get("index"), self._blocks, block["type"])
        self._blocks += 1
        if block["type"] == "tool_use":
            if not isinstance(block.get("name"), str):
                raise ValueError("a tool_use without a name")
            self._open.whole_input = block.get("input") or None
            self._used_tools = True
            block = {"id": new_id("toolu")} | block | {"input": {}}
        return {"type": "content_block_start", "index": self._open.index, "content_block": block}

    def _block_delta(self, event: Event, block: _OpenBlock) -> Event:
        delta = event.get("delta")
        if not isinstance(delta, dict) or not isinstance(delta.get("type"), str):
            raise ValueError("content_block_delta without a delta")
        if delta["type"] in _DELTAS:
            block_type, field = _DELTAS[delta["type"]]
            text = delta.get(field) or ""
            fits = block.type == block_type or (block_type, block.type) == ("tool_use", "server_tool_use")
            if not fits or not isinstance(text, str):
                raise ValueError(f"a {delta['type']} that does not fit its {block.type} block")
            delta = {**delta, field: text}
        if delta.get("partial_json"):
            block.whole_input = None
        return {"type": "content_block_delta", "index": block.index, "delta": delta}

    def _block_stop(self) -> list[Event]:
        """The end of the open block, where there is one; before it an input that came with its start."""
        block, self._open = self._open, None
        if block is None:
            return []
        stop = {"type": "content_block_stop", "index": block.index}
        if block.whole_input is None:
            return [stop]
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block.whole_input, ensure_ascii=False)}
        return [{"type": "content_block_delta", "index": block.index, "delta": delta}, stop]

    def _message_delta(self, event: Event) -> Event:
        delta = {"stop_reason": self._stop_reason, "stop_sequence": None} | _without_nulls(event.get("delta"))
        self._stop_reason = delta["stop_reason"]
        self._count(event.get("usage"))
        return {**event, "delta": delta, "usage": dict(self._usage)}

    def _count(self, given: Any) -> None:
        """Counts are cumulative, so the larger one is true: some endpoints end with zeros for what they said before."""
        usage = _without_nulls(given)
        for name in _TOKEN_COUNTS:
            count = usage.get(name)
            usage[name] = max(self._usage[name], count if isinstance(count, int) else 0)
        self._usage |= usage

    def _message_stop(self) -> list[Event]:
        events = self._block_stop()
        if self._stop_reason is None:
            reason = "tool_use" if self._used_tools else "end_turn"
            events.append(self._message_delta({"type": "message_delta", "delta": {"stop_reason": reason}}))
        self.complete = True
        return [*events, {"type": "message_stop"}]


@dataclass(slots=True)
class _OpenBlock:
    given_index: Any
    index: int
    type: str
    whole_input: Any = None  # an input that came with the block's start, until a delta brings it


def _without_nulls(given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else {}


def events_of(message: dict[str, Any], split: Callable[[str], list[str]] = lambda text: [text]) -> Iterator[Event]:
    """The events that stream a whole message; `split` cuts long texts into the portions of the deltas."""
    usage = message.get("usage") or {}
    unfinished: Event = {
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 0},
    }
    yield {"type": "message_start", "message": {**message, **unfinished}}
    for index, block in enumerate(message.get("content") or []):
        deltas = [delta | {name: part} for delta, name, text in _texts_of(block) for part in split(text) if part]
        emptied = {"text": "", "thinking": "", "signature": "", "input": {}}
        start = block | {name: emptied[name] for name in block if name in emptied} if deltas else block
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {name: message.get(name) for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": stop, "usage": usage}
    yield {"type": "message_stop"}


def _texts_of(block: dict[str, Any]) -> list[tuple[dict[str, str], str, str]]:
    """A block's texts as (delta without its text, name of the text, text)."""
    if block.get("type") == "text":
        return [({"type": "text_delta"}, "text", block.get("text") or "")]
    if block.get("type") == "thinking":
        return [
            ({"type": "thinking_delta"}, "thinking", block.get("thinking") or ""),
            ({"type": "signature_delta"}, "signature", block.get("signature") or ""),
        ]
    if block.get("type") == "tool_use":
        text = json.dumps(block.get("input") or {}, ensure_ascii=False)
        return [({"type": "input_json_delta"}, "partial_json", text)]
    return []
