"""What a script asserts about the request that the model was shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from antcli.engine.providers.base import ModelRequest
from antcli.engine.providers.failures import shortened
from antcli.script_file import Expectation, parse_path

_SHOWN_LIMIT = 300


def failure_of(wish: Expectation, request: ModelRequest) -> str | None:
    """None where it holds, else a sentence with what was expected and what was shown."""
    try:
        got = value_at(request, wish.path) if wish.path else text_shown(request, wish.place)
    except LookupError as error:
        return f"expected {_told(wish)}, got nothing: {error}"
    if _holds(wish, got):
        return None
    shown = got if isinstance(got, str) else canonical(got)
    return f"expected {_told(wish)}, got {_excerpt(shown)!r}"


def _holds(wish: Expectation, got: Any) -> bool:
    if wish.check == "equals":
        return bool(got == wish.wanted)
    text = got if isinstance(got, str) else canonical(got)
    return wish.wanted in text if wish.check == "contains" else re.search(wish.wanted, text, re.M) is not None


def _told(wish: Expectation) -> str:
    where = wish.path or (f"the {wish.place}" if wish.place else "the last user message")
    verb = {"contains": "contain", "matches": "match", "equals": "be"}[wish.check]
    return f"{where} to {verb} {shortened(canonical(wish.wanted), _SHOWN_LIMIT)}"


def canonical(value: Any) -> str:
    """JSON text that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def value_at(request: ModelRequest, path: str) -> Any:
    """The value in the request. Raises LookupError that says where the path ends."""
    root, *steps = parse_path(path)
    value, walked = getattr(request, str(root)), str(root)
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                raise LookupError(f"{walked} has no element {step}")
            value, walked = value[step], f"{walked}[{step}]"
        else:
            if not isinstance(value, dict) or step not in value:
                raise LookupError(f"{walked} has no field {step!r}")
            value, walked = value[step], f"{walked}.{step}"
    return value


def text_shown(request: ModelRequest, place: str = "") -> str:
    """The text of a place, tool results included; of the last user message when no place is given."""
    if place == "tools":
        return canonical(request.tools)
    if place == "system":
        return "\n".join(_texts(request.system))
    if place == "messages":
        return "\n".join(text for message in request.messages for text in _texts(message.get("content")))
    from_user = [message for message in request.messages if message.get("role") == "user"]
    return "\n".join(_texts(from_user[-1].get("content"))) if from_user else ""


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else []:
        if block.get("type") == "text":
            yield block.get("text", "")
        elif block.get("type") == "tool_result":
            yield from _texts(block.get("content"))
        elif block.get("type") == "tool_use":
            yield f"{block.get('name')} {canonical(block.get('input'))}"


def _excerpt(text: str) -> str:
    """The beginning and the end: an error is mostly found in one of them."""
    if len(text) <= _SHOWN_LIMIT:
        return text
    return f"{text[: _SHOWN_LIMIT // 2]} … {text[-_SHOWN_LIMIT // 2 :]}"
