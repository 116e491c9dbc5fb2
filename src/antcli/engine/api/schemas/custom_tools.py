"""Custom tools (api.md 5.4): what a client runs itself, described to the model by a JSON schema."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict

from antcli.engine.api.schemas.base import Body, invalid_value, limited

BUILT_IN_TOOLS = ("bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search")

_RESERVED_PREFIXES = ("mcp__", "ant__")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _check_tool_name(name: str) -> str:
    if not _TOOL_NAME.fullmatch(name):
        raise invalid_value("1 to 128 letters, digits, `_` and `-`")
    if name in BUILT_IN_TOOLS:
        raise invalid_value(f"{name!r} is the name of a built-in tool")
    if name.startswith(_RESERVED_PREFIXES):
        raise invalid_value(f"names that begin with {' or '.join(_RESERVED_PREFIXES)} are reserved")
    return name


class InputSchema(Body):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    type: Literal["object"]
    properties: dict[str, Any] | None = None
    required: list[str] | None = None


def _has_reference(value: Any) -> bool:
    if isinstance(value, dict):
        return "$ref" in value or any(_has_reference(item) for item in value.values())
    return isinstance(value, list) and any(_has_reference(item) for item in value)


def _check_schema(schema: InputSchema) -> InputSchema:
    extra = schema.model_extra or {}
    for key in ("oneOf", "anyOf", "allOf"):
        if key in extra:
            raise invalid_value(f"{key} is not allowed at the top level")
    for name in schema.properties or {}:
        if not _PROPERTY_NAME.fullmatch(name):
            raise invalid_value(f"property {name[:80]!r}: 1 to 64 letters, digits, `_`, `.` and `-`")
    if _has_reference(schema.properties) or _has_reference(extra):
        raise invalid_value("$ref is not allowed")
    return schema


class CustomTool(Body):
    type: Literal["custom"]
    name: Annotated[str, AfterValidator(_check_tool_name)]
    description: Annotated[str, limited(100_000, 1)]
    input_schema: Annotated[InputSchema, AfterValidator(_check_schema)]
