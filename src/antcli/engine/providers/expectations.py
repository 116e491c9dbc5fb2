"""What a script asserts about the request that the model was shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from antcli.engine.providers.base import ModelRequest
from antcli.engine.providers.failures import shortened

Check = Literal["contains", "matches", "equals"]
CHECKS: tuple[Check, ...] = ("contains", "matches", "equals")
PLACES = ("system", "messages", "tools")
ROOTS = ("model", "system", "messages", "tools", "max_tokens", "effort", "speed")
_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(-?\d+)\]")
_SHOWN_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Expectation:
    """`check` is how `wanted` is compared; `place` or `path` say with what, by default the last user message's text."""

    check: Check
    wanted: Any
    place: str = ""
    path: str = ""

    def failure(self, request: ModelRequest) -> str | None:
        """None where it holds, else a sentence with what was expected and what was shown."""
        try:
            got = value_at(request, self.path) if self.path else text_shown(request, self.place)
        except LookupError as error:
            return f"expected {self._wish()}, got nothing: {error}"
        if self._holds(got):
            return None
        shown = got if isinstance(got, str) else canonical(got)
        return f"expected {self._wish()}, got {_excerpt(shown)!r}"

    def _holds(self, got: Any) -> bool:
        if self.check == "equals":
            return bool(got == self.wanted)
        text = got if isinstance(got, str) else canonical(got)
        return self.wanted in text if self.check == "contains" else re.search(self.wanted, text, re.M) is not None

    def _wish(self) -> str:
        where = self.path or (f"the {self.place}" if self.place else "the last user message")
        verb = {"contains": "contain", "matches": "match", "equals": "be"}[self.check]
        return f"{where} to {verb} {shortened(canonical(self.wanted), _SHOWN_LIMIT)}"


def canonical(value: Any) -> str:
    """JSON text that is the same for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parse_path(path: str) -> list[str | int]:
    """The steps of a path such as `messages[-1].content[0].text`. Raises ValueError."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or (not steps and match[1] is None):
            raise ValueError(f"{path!r} is not a path such as messages[-1].content[0].text")
        steps.append(match[1] if match[1] is not None else int(match[2]))
        position = match.end()
    if not steps or steps[0] not in ROOTS:
        raise ValueError(f"a path starts with one of {', '.join(ROOTS)}")
    return steps


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
