"""A model's answer while it arrives: previews for those who asked, and the records it becomes at its end."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from antcli.engine.ids import new_id
from antcli.engine.json_text import dump
from antcli.engine.metrics import counters
from antcli.engine.providers.base import ModelRequest
from antcli.engine.session.events import event, frame
from antcli.engine.session.log import Draft
from antcli.engine.session.turns import tool_error
from antcli.engine.tools.builtin import BUILTIN_TOOLS
from antcli.engine.tools.mcp_names import McpTool
from antcli.engine.tools.policy import NO_TOOLS, Judgement, judge
from antcli.engine.tools.web import result_of
from antcli.prices import Price, cost_of_tokens, price_of

if TYPE_CHECKING:
    from antcli.engine.providers.registry import Providers

NO_USAGE = dict.fromkeys(("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), 0)
Show = Callable[[str, bytes], None]


async def ask(providers: Providers, request: ModelRequest, answer: Answer) -> None:
    """Let the model that the request names by its full id fill `answer`. Raises ModelError."""
    provider, model = await providers.resolve(request.model)
    answer.price = price_of(await providers.priced_as(request.model) or "")
    counters.model_requests += 1
    async with contextlib.aclosing(provider.stream(replace(request, model=model))) as items:
        async for item in items:
            answer.take(item)


class Answer:
    """Collects Messages API stream events. `show(type, frame)` gets the previews (api.md 11.2)."""

    def __init__(self, show: Show) -> None:
        self.stop_reason: str | None = None
        self.stop_details: dict[str, Any] | None = None
        self.usage = dict(NO_USAGE)
        self.speed: str | None = None  # that it ran at, where the endpoint says so
        self.searches = 0
        self.price: Price | None = None
        self._server_calls: dict[str, str] = {}  # the provider's id of a call that it runs itself -> its event
        self.judged: dict[int, Judgement] = {}  # block index -> what was decided about a call that the policy left open
        self._blocks: list[dict[str, Any]] = []
        self._inputs: dict[int, list[str]] = {}
        self._event_ids: dict[int, str] = {}  # block index -> id of the event that the block will be part of
        self.offered: Mapping[str, McpTool] = NO_TOOLS  # what MCP servers offer, by the names that the model knows
        self._show = show
        self._message_id: str | None = None  # of the agent.message that is being written
        self._part = -1  # of that message: the text that is being written

    def take(self, item: dict[str, Any]) -> None:
        type = item["type"]
        if type == "content_block_delta":
            self._extend(item["index"], item["delta"])
        elif type == "content_block_start":
            self._open(item["content_block"])
        elif type == "message_start":
            self._count(item["message"].get("usage"))
        elif type == "message_delta":
            self.stop_reason = item["delta"].get("stop_reason")
            self.stop_details = item["delta"].get("stop_details")
            self._count(item.get("usage"))

    def _count(self, usage: dict[str, Any] | None) -> None:
        for name, count in (usage or {}).items():
            if name in self.usage and count is not None:
                self.usage[name] = count
        if (speed := (usage or {}).get("speed")) in ("standard", "fast"):
            self.speed = speed
        if isinstance(searches := ((usage or {}).get("server_tool_use") or {}).get("web_search_requests"), int):
            self.searches = searches

    def shown_usage(self) -> dict[str, Any]:
        """`model_usage` as the wire shows it."""
        return self.usage | ({"speed": self.speed} if self.speed else {})

    def spent(self) -> dict[str, Any]:
        """What the request cost, for the fold of the log; a cost of None says that the model has no price."""
        cost = None if self.price is None else cost_of_tokens(self.price, self.usage, fast=self.speed == "fast")
        return {"cost": cost} | ({"searches": self.searches} if self.searches else {})

    def _open(self, block: dict[str, Any]) -> None:
        index = len(self._blocks)
        self._blocks.append(dict(block))
        if block["type"] == "text":
            self._preview_text(index, block["text"])
            return
        self._message_id, self._part = None, -1
        if block["type"] in ("tool_use", "server_tool_use"):
            self._inputs[index] = []
        elif block["type"] in ("thinking", "redacted_thinking"):
            id = self._event_ids[index] = new_id("sevt")
            self._preview("agent.thinking", {"type": "event_start", "event": {"type": "agent.thinking", "id": id}})

    def _extend(self, index: int, delta: dict[str, Any]) -> None:
        block, type = self._blocks[index], delta["type"]
        if type == "text_delta":
            block["text"] += delta["text"]
            self._preview_text(index, delta["text"])
        elif type == "input_json_delta":
            self._inputs[index].append(delta["partial_json"])
        elif type == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta["thinking"]
        elif type == "signature_delta":
            block["signature"] = delta["signature"]
        elif type == "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])

    def _preview_text(self, index: int, text: str) -> None:
        if not text:  # a text that stays empty is no part of the message
            return
        if self._message_id is None:
            self._message_id = new_id("sevt")
            start = {"type": "event_start", "event": {"type": "agent.message", "id": self._message_id}}
            self._preview("agent.message", start)
        if index not in self._event_ids:
            self._event_ids[index] = self._message_id
            self._part += 1
        delta = {"type": "content_delta", "index": self._part, "content": {"type": "text", "text": text}}
        self._preview("agent.message", {"type": "event_delta", "event_id": self._message_id, "delta": delta})

    def _preview(self, type: str, body: dict[str, Any]) -> None:
        self._show(type, frame(body["type"], dump(body)))

    def text(self) -> str:
        return "".join(block["text"] for block in self._blocks if block["type"] == "text").strip()

    def needs_hands(self, agent: dict[str, Any]) -> bool:
        """Whether it has a call that may run at once, so that it is not the end of the turn."""
        return any(
            (block["name"] in BUILTIN_TOOLS or block["name"] in self.offered)
            and self._judgement(agent, index).permission == "allow"
            for index, block in enumerate(self._blocks)
            if block["type"] == "tool_use"
        )

    def open_calls(self, agent: dict[str, Any]) -> list[tuple[int, dict[str, Any], Judgement]]:
        """The calls that have to be judged one by one: index, block, and what the policy says so far."""
        found = []
        for index, block in enumerate(self._blocks):
            if block["type"] == "tool_use" and not self._finish_input(index, block):
                judgement = judge(agent, block["name"], self.offered)
                if judgement.is_open:
                    found.append((index, block, judgement))
        return found

    def _judgement(self, agent: dict[str, Any], index: int) -> Judgement:
        return self.judged.get(index) or judge(agent, self._blocks[index]["name"], self.offered)

    def record(self, draft: Draft, agent: dict[str, Any], span: str) -> None:
        """Add the whole answer: messages, thinking and tool uses, the end of the span, results of refused calls."""
        thread = draft.state.thread_id
        content = [block for block in self._blocks if block["type"] != "text" or block["text"]]
        refused: list[tuple[str, str, bool]] = []
        parts: list[dict[str, Any]] = []
        message_id = ""
        for index, block in enumerate(self._blocks):
            if block["type"] == "text":
                if block["text"]:
                    parts.append({"type": "text", "text": block["text"]})
                    message_id = self._event_ids[index]
                continue
            if parts:
                draft.add(event("agent.message", thread, {"content": parts}, id=message_id))
                parts = []
            if block["type"] == "tool_use":
                id, reason, mcp = self._record_call(draft, agent, index)
                if reason:
                    refused.append((id, reason, mcp))
            elif block["type"] in ("thinking", "redacted_thinking"):
                draft.add(event("agent.thinking", thread, id=self._event_ids[index]))
            elif block["type"] == "server_tool_use":
                self._record_server_call(draft, index, block)
            elif block["type"].endswith("_tool_result"):
                self._record_server_result(draft, block)
        if parts:
            draft.add(event("agent.message", thread, {"content": parts}, id=message_id))
        ending = {"model_request_start_id": span, "is_error": False, "model_usage": self.shown_usage()}
        data = {"content": content, "paused": self.stop_reason == "pause_turn"} | self.spent()
        draft.add(event("span.model_request_end", thread, ending, data=data))
        for id, reason, mcp in refused:
            draft.add(tool_error(thread, id, reason, mcp=mcp))

    def _record_server_call(self, draft: Draft, index: int, block: dict[str, Any]) -> None:
        """A call that the model's provider has run itself: nothing is left to do for it."""
        self._finish_input(index, block)
        allowed = {"evaluated_permission": "allow", "evaluation": {"type": "always_allow"}}
        fields = {"name": block["name"], "input": block.get("input") or {}} | allowed
        record = event("agent.tool_use", draft.state.thread_id, fields, data={"server": True})
        draft.add(record)
        self._server_calls[block["id"]] = record.event_id

    def _record_server_result(self, draft: Draft, block: dict[str, Any]) -> None:
        id = self._server_calls.pop(block.get("tool_use_id", ""), None)
        if id is not None:
            content, is_error = result_of(block)
            fields = {"tool_use_id": id, "content": content, "is_error": is_error}
            draft.add(event("agent.tool_result", draft.state.thread_id, fields, data={"server": True}))

    def calls(self) -> list[tuple[dict[str, Any], str]]:
        """The tool uses with their inputs, and for each what is wrong with its input or ""."""
        found = []
        for index, block in enumerate(self._blocks):
            if block["type"] == "tool_use":
                problem = self._finish_input(index, block)
                self._name_call(index, block)
                found.append((block, problem))
        return found

    def content(self) -> list[dict[str, Any]]:
        """All blocks, as they came; after `calls` with whole inputs."""
        return self._blocks

    def _record_call(self, draft: Draft, agent: dict[str, Any], index: int) -> tuple[str, str, bool]:
        """Add the tool use of block `index`; its event id, why it is refused or "", whether it is one of MCP.

        The first call that may run at once and has side effects is marked as started, so that its intent is on disk
        together with the answer.
        """
        block = self._blocks[index]
        problem = self._finish_input(index, block)
        judgement = Judgement("builtin", "deny", reason=problem) if problem else self._judgement(agent, index)
        reason = judgement.reason
        self._name_call(index, block)
        fields: dict[str, Any] = {"name": block["name"], "input": block["input"]}
        data: dict[str, Any] = {"provider_id": block["id"], "refused": bool(reason), "started": False}
        if judgement.kind == "custom":
            record = event("agent.custom_tool_use", draft.state.thread_id, fields, data=data)
        else:
            fields["evaluated_permission"] = judgement.permission
            if judgement.evaluation:
                fields["evaluation"] = judgement.evaluation
            runs = judgement.permission == "allow"
            first = not any(call.started for call in draft.state.calls.values())
            type = "agent.tool_use"
            if tool := judgement.tool:
                type = "agent.mcp_tool_use"
                fields |= {"name": tool.name, "mcp_server_name": tool.server}
            data["away"] = tool is None and bool(draft.stored.get("self_hosted"))
            data["started"] = (
                runs and first and not data["away"] and (tool is not None or not BUILTIN_TOOLS[block["name"]].pure)
            )
            record = event(type, draft.state.thread_id, fields, data=data)
        draft.add(record)
        return record.event_id, reason, judgement.kind == "mcp"

    def _finish_input(self, index: int, block: dict[str, Any]) -> str:
        """Fill in the input; a reason to refuse the call when the model did not finish it."""
        text = "".join(self._inputs[index])
        try:
            value = json.loads(text, parse_constant=_number, parse_float=_number) if text else block["input"]
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            block["input"] = value
            return ""
        limit = " It reached its output limit." if self.stop_reason == "max_tokens" else ""
        return f"The input of this call is not a complete JSON object, so it was not run.{limit}"

    def _name_call(self, index: int, block: dict[str, Any]) -> None:
        """Some endpoints leave the id of a call empty or use one twice: what is shown to them again must be clear."""
        taken = [other["id"] for other in self._blocks[:index] if other["type"] == "tool_use"]
        if not isinstance(block["id"], str) or not block["id"] or block["id"] in taken:
            block["id"] = new_id("toolu")


def _number(text: str) -> float:
    """Raises ValueError for what JSON has no word for: infinity and NaN."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
