"""The messages that the model is shown, folded from the log. What is sent is a view: the log stays whole."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from antcli.engine.session.log import SessionLog
from antcli.engine.store.base import Record, Store

_PAGE = 1000
_OVERHEAD = 1000
_BLANK = {"type": "text", "text": "(a blank message)"}


class Conversation:
    """`messages` in Messages API form after all records up to `position`; it begins after the record at `after`."""

    def __init__(self, after: int = 0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.has_files = False  # perhaps: some message may refer to a file
        self.position = after
        self.size = 0  # about as many bytes as it takes in memory
        self._provider_ids: dict[str, str] = {}
        self._held: list[dict[str, Any]] = []  # system messages that came between the results of one answer's calls

    def apply(self, record: Record) -> None:
        self.position = record.position
        self.size += len(record.body) + _OVERHEAD
        self.has_files = self.has_files or '"file_id"' in record.body
        type, data = record.type, record.data or {}
        if type == "user.message":
            if record.processed_at is not None and not data.get("flushed"):
                self._add("user", _without_blanks(json.loads(record.body)["content"]) or [_BLANK])
        elif type == "system.message":
            if record.processed_at is not None and not data.get("flushed"):
                self._held += _without_blanks(json.loads(record.body)["content"])
                self._release()
        elif data.get("server"):  # it is in the answer itself
            return
        elif type in ("agent.tool_use", "agent.custom_tool_use", "agent.mcp_tool_use"):
            self._provider_ids[record.event_id] = data["provider_id"]
        elif type in ("agent.tool_result", "user.tool_result"):
            self._add_result(json.loads(record.body), "tool_use_id")
        elif type == "agent.mcp_tool_result":
            self._add_result(json.loads(record.body), "mcp_tool_use_id")
        elif type == "user.custom_tool_result":
            self._add_result(json.loads(record.body), "custom_tool_use_id")
        elif type in ("_outcome_started", "span.outcome_evaluation_end") and data.get("content"):
            self._add("user", data["content"])
        elif type == "agent.thread_context_compacted":
            self.messages = list(data["messages"])
        elif type == "span.model_request_end" and data.get("content"):
            self._add("assistant", fit_to_send(data["content"]))

    def _add_result(self, body: dict[str, Any], key: str) -> None:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._provider_ids.pop(body[key])}
        if content := _without_blanks(body.get("content") or []):
            block["content"] = content
        if body.get("is_error"):
            block["is_error"] = True
        self._add("user", [block])
        self._release()

    def _release(self) -> None:
        if not self._provider_ids:
            self._add("system", self._held)
            self._held = []

    def _add(self, role: str, blocks: list[dict[str, Any]]) -> None:
        add(self.messages, role, blocks)


def add(messages: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    """Neighbours of one role are one message, as the Messages API wants it. Earlier requests keep what they saw."""
    if not blocks:
        return
    if messages and messages[-1]["role"] == role:
        blocks = [*messages.pop()["content"], *blocks]
    messages.append({"role": role, "content": blocks})


def fit_to_send(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A model's answer as it may be shown to it again."""
    return _without_loose_end(_without_blanks(blocks))


def _without_blanks(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Messages API refuses text without a visible character, also in what it has written itself."""
    return [block for block in blocks if block["type"] != "text" or block["text"].strip()]


def _without_loose_end(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nor may a message end in thinking, as one does that the output limit cut."""
    end = len(blocks)
    while end and blocks[end - 1]["type"] in ("thinking", "redacted_thinking"):
        end -= 1
    return blocks[:end]


class Conversations:
    """The conversations of the sessions that worked last. The log only grows, so what was folded once stays true and
    between turns only what is new is read. `budget` bounds the bytes that are kept."""

    def __init__(self, store: Store, budget: int = 64 * 2**20) -> None:
        self._store = store
        self._budget = budget
        self._size = 0
        self._kept: OrderedDict[str, Conversation] = OrderedDict()

    async def of(self, log: SessionLog) -> Conversation:
        """The conversation up to the end of the log. What lies before its last compaction is not read."""
        after = max(0, log.state.context_from - 1)
        conversation = self._kept.pop(log.id, None) or Conversation(after)
        self._size -= conversation.size
        while conversation.position < log.position:
            records = await self._store.records(log.id, after=conversation.position, limit=_PAGE)
            if not records:
                break
            for record in records:
                conversation.apply(record)
        self._keep(log.id, conversation)
        return conversation

    def _keep(self, id: str, conversation: Conversation) -> None:
        self._kept[id] = conversation
        self._size += conversation.size
        while self._size > self._budget:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
