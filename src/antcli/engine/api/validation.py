"""From bytes to a checked request: JSON, then the schema; errors are one sentence that begins with the field's path."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, from_json

from antcli.engine.api.schemas.base import INVALID_METADATA, TAG_MARK, UNSUPPORTED, WRONG_TYPE, check_metadata
from antcli.engine.errors import RequestError, invalid, unsupported

M = TypeVar("M", bound=BaseModel)

_SHOWN = 60


def parse_json(data: bytes) -> Any:
    """Raises RequestError (400)."""
    if not data.strip():
        raise invalid("The request body is empty: expected a JSON object.")
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise invalid(f"The request body is not valid JSON: {error}.") from None


def parse(schema: type[M], data: bytes) -> M:
    """Raises RequestError (400) for the first thing that is wrong."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise invalid(f"The request body must be a JSON object, got {_kind(value)}.")
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        raise _request_error(error.errors(include_url=False)[0]) from None


def merge_metadata(
    current: dict[str, str], patch: dict[str, str | None] | None, *, empty_deletes: bool = False
) -> dict[str, str]:
    """`current` after a patch in which null (and "" with `empty_deletes`) deletes a key. Raises RequestError (400)."""
    merged = dict(current)
    for key, value in (patch or {}).items():
        if value is None or (empty_deletes and value == ""):
            merged.pop(key, None)
        else:
            merged[key] = value
    try:
        check_metadata(merged)
    except PydanticCustomError as error:
        raise invalid(f"metadata: {error.message()}.", code=INVALID_METADATA) from None
    return merged


def _request_error(error: ErrorDetails) -> RequestError:
    path = ".".join(str(part) for part in error["loc"] if not (isinstance(part, str) and part.startswith(TAG_MARK)))
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            return invalid(f"{path}: unknown field.")
        case "missing":
            return invalid(f"{path}: required, but not given.")
        case kind if kind == UNSUPPORTED:
            return unsupported(path, context["reason"])
        case kind if kind == WRONG_TYPE:
            return invalid(f"{path}: {_wrong_type(error['input'], error['msg'])}.")
    sentence = _sentence(error["type"], context, error["input"]) or error["msg"]
    return invalid(f"{path}: {sentence}." if path else f"{sentence}.", code=context.get("code") or None)


_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def _sentence(kind: str, context: dict[str, Any], value: Any) -> str | None:
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, got {_kind(value)}"
    match kind:
        case "literal_error":
            return f"must be {context['expected']}, got {_short(value)}"
        case "too_long":
            return f"at most {context['max_length']} items, got {context['actual_length']}"
        case "too_short":
            return "must not be empty"
        case "greater_than_equal":
            return f"at least {context['ge']}, got {_short(value)}"
        case "less_than_equal":
            return f"at most {context['le']}, got {_short(value)}"
    return None


def _wrong_type(value: Any, names: str) -> str:
    if not isinstance(value, dict):
        return f"must be an object, got {_kind(value)}"
    if "type" not in value:
        return f"needs a `type`: one of {names}"
    return f"type {_short(value['type'])} is not one of {names}"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _short(value: Any) -> str:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return _kind(value)
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
