"""What an MCP server answers, as content blocks that the model and `agent.mcp_tool_result` can hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from antcli.engine.sandbox.base import ToolResult

if TYPE_CHECKING:
    from mcp import types

LONGEST_TEXT = 100_000
_LARGEST_DATA = 5 * 2**20  # of base64: what the Messages API takes as one image
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")

Block = dict[str, Any]


def result_of(answer: types.CallToolResult) -> ToolResult:
    blocks = [_block(item) for item in answer.content]
    if not blocks and answer.structured_content is not None:
        blocks = [_text(json.dumps(answer.structured_content, ensure_ascii=False))]
    return ToolResult(_bounded(blocks), bool(answer.is_error))


def _block(item: Any) -> Block:
    match item.type:
        case "text":
            return _text(item.text)
        case "image":
            return _data("image", item.mime_type, item.data)
        case "resource":
            return _resource(item.resource)
        case "resource_link":
            return _text(f"[resource {item.name}: {item.uri}]" + (f" {item.description}" if item.description else ""))
    return _text(f"[{item.type} content, which cannot be shown]")


def _resource(resource: Any) -> Block:
    text = getattr(resource, "text", None)
    if text is not None:
        return _text(text)
    kind = "document" if resource.mime_type == "application/pdf" else "image"
    return _data(kind, resource.mime_type or "", resource.blob)


def _data(kind: str, media_type: str, data: str) -> Block:
    fits = media_type in _IMAGES if kind == "image" else True
    if not fits or len(data) > _LARGEST_DATA:
        return _text(f"[{media_type or 'binary'} content of {len(data) * 3 // 4:,} bytes, which cannot be shown]")
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def _text(text: str) -> Block:
    # Half of a surrogate pair cannot be stored as UTF-8.
    return {"type": "text", "text": text.encode("utf-8", "replace").decode()}


def _bounded(blocks: list[Block]) -> list[Block]:
    """Texts up to the limit in all; what is cut is said."""
    left = LONGEST_TEXT
    kept = []
    for block in blocks:
        if block["type"] == "text":
            text = block["text"]
            if len(text) > left:
                block = _text(f"{text[:left]}\n[{len(text) - left:,} more characters are left out]")
            left = max(0, left - len(text))
        kept.append(block)
    return kept
