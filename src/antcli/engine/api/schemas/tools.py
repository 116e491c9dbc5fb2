"""An agent's tools (api.md 5.4): request schemas, and how an entry is resolved to what responses show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from antcli.engine.api.schemas.base import Body, by_type, invalid_value, limited, refused, tag, unsupported_value

BUILT_IN_TOOLS = ("bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search")
WEB_TOOLS = ("web_fetch", "web_search")
MAXIMUM_TOOLS = 256

_RESERVED_PREFIXES = ("mcp__", "ant__")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WEB_SETTINGS = (
    "allowed_domains",
    "blocked_domains",
    "max_content_tokens",
    "url_sources",
    "user_location",
)


class AlwaysAllow(Body):
    type: Literal["always_allow"]


class AlwaysAsk(Body):
    type: Literal["always_ask"]


Policy = Annotated[
    Annotated[AlwaysAllow, tag("always_allow")]
    | Annotated[AlwaysAsk, tag("always_ask")]
    | Annotated[Any, refused("the policy `auto`"), tag("auto")],
    by_type("always_allow", "always_ask"),
]


class DefaultConfig(Body):
    enabled: bool | None = None
    permission_policy: Policy | None = None


def _check_web_settings(value: Any) -> Any:
    if isinstance(value, dict) and value.get("name") in WEB_TOOLS:
        for field in _WEB_SETTINGS:
            if value.get(field) is not None:
                raise unsupported_value(f"{field} of {value['name']}")
        if value.get("enabled") is True:
            raise unsupported_value(f"{value['name']} has no implementation yet")
        return {key: item for key, item in value.items() if key not in _WEB_SETTINGS}
    return value


class _ToolConfig(Body):
    name: Literal["bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search"]
    type: Literal["bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search"] | None = None
    enabled: bool | None = None
    permission_policy: Policy | None = None


def _check_config(config: _ToolConfig) -> _ToolConfig:
    if config.type not in (None, config.name):
        raise invalid_value(f"type {config.type!r} does not fit the name {config.name!r}")
    return config


ToolConfig = Annotated[_ToolConfig, BeforeValidator(_check_web_settings), AfterValidator(_check_config)]


def _check_distinct(configs: list[_ToolConfig]) -> list[_ToolConfig]:
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise invalid_value(f"{name!r} is configured twice")
    return configs


class AgentToolset(Body):
    type: Literal["agent_toolset_20260401"]
    default_config: DefaultConfig | None = None
    configs: Annotated[list[ToolConfig], AfterValidator(_check_distinct)] = Field(default_factory=list)


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


Tool = Annotated[
    Annotated[AgentToolset, tag("agent_toolset_20260401")]
    | Annotated[CustomTool, tag("custom")]
    | Annotated[Any, refused("MCP servers"), tag("mcp_toolset")],
    by_type("agent_toolset_20260401", "custom"),
]


def _check_tools(tools: list[AgentToolset | CustomTool]) -> list[AgentToolset | CustomTool]:
    names: set[str] = set()
    toolsets = 0
    for tool in tools:
        if isinstance(tool, AgentToolset):
            toolsets += 1
        elif tool.name in names:
            raise invalid_value(f"two custom tools are named {tool.name!r}")
        else:
            names.add(tool.name)
    if toolsets > 1:
        raise invalid_value("agent_toolset_20260401 is given twice")
    total = len(names) + toolsets * len(BUILT_IN_TOOLS)
    if total > MAXIMUM_TOOLS:
        raise invalid_value(f"at most {MAXIMUM_TOOLS} tools over all toolsets, got {total}")
    return tools


Tools = Annotated[list[Tool], AfterValidator(_check_tools)]


def resolve_tools(tools: Sequence[AgentToolset | CustomTool] | None) -> list[dict[str, Any]]:
    """The entries as responses show them: every default written out."""
    return [
        _resolve_toolset(tool) if isinstance(tool, AgentToolset) else tool.model_dump(exclude_none=True)
        for tool in tools or ()
    ]


def _resolve_toolset(toolset: AgentToolset) -> dict[str, Any]:
    default = _settings(toolset.default_config, {"enabled": True, "permission_policy": {"type": "always_allow"}})
    configs = [{"type": config.name, "name": config.name} | _settings(config, default) for config in toolset.configs]
    return {"type": toolset.type, "default_config": default, "configs": configs}


def _settings(config: DefaultConfig | _ToolConfig | None, default: dict[str, Any]) -> dict[str, Any]:
    enabled = config.enabled if config else None
    policy = config.permission_policy if config else None
    return {
        "enabled": default["enabled"] if enabled is None else enabled,
        "permission_policy": dict(default["permission_policy"]) if policy is None else {"type": policy.type},
    }
