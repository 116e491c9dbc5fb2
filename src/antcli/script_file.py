"""Script files: YAML or JSON turns, checked field by field, so that a slip is an error that says where it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from antcli.prices import price_of
from antcli.script_places import MisplacedError, NotParsedError, Place

Check = Literal["contains", "matches", "equals"]

CHECKS: tuple[Check, ...] = ("contains", "matches", "equals")
PLACES = ("system", "messages", "tools")
ROOTS = ("model", "system", "messages", "tools", "max_tokens", "effort", "speed")
_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(-?\d+)\]")
_STOP_REASONS = (
    "end_turn", "tool_use", "max_tokens", "stop_sequence", "refusal", "pause_turn", "model_context_window_exceeded",
)  # fmt: skip
_USAGE = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_SIZE_LIMIT = 32 * 1024 * 1024


class ScriptError(ValueError):
    """The file is not a script; the message names the file, the line and the field."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in place of the answer: for the first `times` attempts, or always when that is None."""

    status: int
    times: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """`check` is how `wanted` is compared; `place` or `path` say with what, by default the last user message's text."""

    check: Check
    wanted: Any
    place: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer. `delay` and `pace` are seconds: before the first event, and between portions of text."""

    texts: tuple[str, ...] = ()
    tools: tuple[ToolCall, ...] = ()
    thinking: str = ""
    error: Failure | None = None
    delay: float = 0.0
    pace: float = 0.0
    stop_reason: str = ""
    usage: dict[str, int] | None = None
    expectations: tuple[Expectation, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    turns: tuple[Turn, ...]
    name: str = ""
    description: str = ""
    price_as: str = ""  # the model whose list price the script's tokens have


def read_script(path: Path) -> Script:
    """Read and check a script file. Raises ScriptError."""
    try:
        if not path.is_file():
            raise ScriptError(f"There is no script file {path}.")
        if path.stat().st_size > _SIZE_LIMIT:
            raise ScriptError(f"{path.name} is larger than 32 MiB: not a script.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ScriptError(f"Cannot read the script file {path}: {reason}.") from None
    try:
        return _script(_parsed(path, text))
    except MisplacedError as error:
        raise ScriptError(error.located(path.name, text)) from None


def _parsed(path: Path, text: str) -> Any:
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise NotParsedError(error.msg, error.lineno, error.colno) from None
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            raise MisplacedError((), "it holds characters that YAML does not allow") from None
        raise NotParsedError(getattr(error, "problem", None) or "not YAML", mark.line + 1, mark.column + 1) from None


def _script(value: Any) -> Script:
    if isinstance(value, list):
        value = {"turns": value}
    fields = _mapping(value, (), ("turns", "name", "description", "price_as"))
    if not isinstance(fields.get("turns"), list) or not fields["turns"]:
        raise MisplacedError(("turns",), "a script is a list of turns, at the top or under `turns:`")
    return Script(
        turns=tuple(_turn(turn, ("turns", index)) for index, turn in enumerate(fields["turns"])),
        name=_text(fields.get("name", ""), ("name",)),
        description=_text(fields.get("description", ""), ("description",)),
        price_as=_model_with_price(fields.get("price_as", "")),
    )


def _model_with_price(value: Any) -> str:
    model = _text(value, ("price_as",))
    if model and price_of(model) is None:
        raise MisplacedError(("price_as",), f"no list price is known for the model {model!r}")
    return model


def _turn(given: Any, place: Place) -> Turn:
    fields = _mapping(given, place, tuple(_TURN_FIELDS))
    values = {}
    for key, value in fields.items():
        name, read = _TURN_FIELDS[key]
        values[name] = read(value, (*place, key))
    turn = Turn(**values)
    always_fails = turn.error is not None and turn.error.times is None
    if not (turn.texts or turn.tools or turn.thinking or turn.stop_reason or always_fails):
        raise MisplacedError(place, "no answer; give it text, tools, thinking or a stop_reason")
    return turn


def _mapping(value: Any, place: Place, allowed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MisplacedError(place, f"expected a mapping with {', '.join(allowed)}")
    for name in value:
        if name not in allowed:
            near = get_close_matches(str(name), allowed, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(allowed)}"
            raise MisplacedError(place, f"unknown field {name!r}; {hint}", field=str(name))
    return value


def _text(value: Any, place: Place) -> str:
    if not isinstance(value, str):
        raise MisplacedError(place, f"expected text, got {value!r}; put it in quotes")
    return value


def _texts(value: Any, place: Place) -> tuple[str, ...]:
    return tuple(_text(item, place) for item in (value if isinstance(value, list) else [value]))


def _tools(value: Any, place: Place) -> tuple[ToolCall, ...]:
    if not isinstance(value, list):
        raise MisplacedError(place, "expected a list of {name, input}")
    return tuple(_tool(item, (*place, index)) for index, item in enumerate(value))


def _tool(value: Any, place: Place) -> ToolCall:
    fields = _mapping(value, place, ("name", "input"))
    name = _text(fields.get("name"), (*place, "name"))
    input = fields.get("input", {})
    if not isinstance(input, dict):
        raise MisplacedError((*place, "input"), "expected a mapping")
    try:
        # YAML has dates, sets and numbers for keys; a tool's input is JSON.
        if json.loads(json.dumps(input, allow_nan=False)) != input:
            raise ValueError
    except (TypeError, ValueError):
        raise MisplacedError(
            (*place, "input"), "holds what JSON cannot; put dates and numeric keys in quotes"
        ) from None
    return ToolCall(name, input)


def _error(value: Any, place: Place) -> Failure:
    fields = _mapping(value, place, ("status", "times", "message"))
    times = fields.get("times")
    return Failure(
        status=_number(fields.get("status"), (*place, "status"), 400, 599),
        times=None if times is None else _number(times, (*place, "times"), 1, 1000),
        message=_text(fields.get("message", ""), (*place, "message")),
    )


def _number(value: Any, place: Place, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise MisplacedError(place, f"expected a whole number from {least} to {most}")
    return value


def _seconds(value: Any, place: Place) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|)", str(value).strip())
    if match is None or isinstance(value, bool) or (seconds := float(match[1]) * _UNITS[match[2]]) > 3600:
        raise MisplacedError(place, "expected seconds up to an hour, such as 2, 0.5, 250ms or 2s")
    return seconds


def _stop_reason(value: Any, place: Place) -> str:
    if value not in _STOP_REASONS:
        raise MisplacedError(place, f"expected one of {', '.join(_STOP_REASONS)}")
    return str(value)


def _usage(value: Any, place: Place) -> dict[str, int]:
    fields = _mapping(value, place, _USAGE)
    return {name: _number(count, (*place, name), 0, 10**9) for name, count in fields.items()}


def _expectations(value: Any, place: Place) -> tuple[Expectation, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(_expectation(item, (*place, index)) for index, item in enumerate(items))


def _expectation(value: Any, place: Place) -> Expectation:
    fields = _mapping(value, place, (*CHECKS, "path", "in"))
    checks = [name for name in CHECKS if name in fields]
    if len(checks) != 1:
        raise MisplacedError(place, "expected exactly one of contains, matches, equals")
    check, path, where = checks[0], fields.get("path", ""), fields.get("in", "")
    wanted = fields[check] if check == "equals" else _text(fields[check], (*place, check))
    if check == "equals" and not path:
        raise MisplacedError(place, "equals needs a path")
    if path and where:
        raise MisplacedError(place, "path and in exclude each other")
    if where and where not in PLACES:
        raise MisplacedError((*place, "in"), f"expected one of {', '.join(PLACES)}")
    try:
        if path:
            parse_path(_text(path, (*place, "path")))
        if check == "matches":
            re.compile(wanted)
    except re.error as error:
        raise MisplacedError((*place, "matches"), f"not a regular expression: {error}") from None
    except ValueError as error:
        raise MisplacedError((*place, "path"), str(error)) from None
    return Expectation(check, wanted, where, path)


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


_TURN_FIELDS: dict[str, tuple[str, Callable[[Any, Place], Any]]] = {
    "text": ("texts", _texts),
    "tools": ("tools", _tools),
    "thinking": ("thinking", _text),
    "error": ("error", _error),
    "delay": ("delay", _seconds),
    "pace": ("pace", _seconds),
    "stop_reason": ("stop_reason", _stop_reason),
    "usage": ("usage", _usage),
    "expect": ("expectations", _expectations),
}
