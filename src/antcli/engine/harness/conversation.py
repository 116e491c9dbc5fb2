"""The messages that the model is shown, folded from the log. What is sent is a view: the log stays whole."""

from __future__ import annotations

import json
from typing import Any

from antcli.engine.session.log import SessionLog
from antcli.engine.store.base import Record, Store

_PAGE = 1000


class Conversation:
    """`messages` in Messages API form after all records up to `position`."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.position = 0
        self._provider_ids: dict[str, str] = {}

    def apply(self, record: Record) -> None:
        self.position = record.position
        type, data = record.type, record.data or {}
        if type == "user.message":
            if record.processed_at is not None and not data.get("flushed"):
                self._add_user(json.loads(record.body)["content"])
        elif type == "agent.tool_use" or type == "agent.custom_tool_use":
            self._provider_ids[record.event_id] = data["provider_id"]
        elif type == "agent.tool_result":
            self._add_result(json.loads(record.body), "tool_use_id")
        elif type == "user.custom_tool_result":
            self._add_result(json.loads(record.body), "custom_tool_use_id")
        elif type == "span.model_request_end" and data.get("content"):
            self.messages.append({"role": "assistant", "content": data["content"]})

    def _add_result(self, body: dict[str, Any], key: str) -> None:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._provider_ids.pop(body[key])}
        if body.get("content"):
            block["content"] = body["content"]
        if body.get("is_error"):
            block["is_error"] = True
        self._add_user([block])

    def _add_user(self, blocks: list[dict[str, Any]]) -> None:
        """Neighbouring user input is one message, as the Messages API wants it."""
        if self.messages and self.messages[-1]["role"] == "user":
            self.messages[-1]["content"].extend(blocks)
        else:
            self.messages.append({"role": "user", "content": list(blocks)})


async def conversation_of(log: SessionLog, store: Store) -> Conversation:
    """The conversation up to the end of the log; between turns only what is new is read."""
    conversation: Conversation = log.warm or Conversation()
    while conversation.position < log.position:
        records = await store.records(log.id, after=conversation.position, limit=_PAGE)
        if not records:
            break
        for record in records:
            conversation.apply(record)
    log.warm = conversation
    return conversation
