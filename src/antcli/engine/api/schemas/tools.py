"""An agent's tools (api.md 5.4): request schemas, and how an entry is resolved to what responses show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from antcli.engine.api.schemas.base import Body, by_type, invalid_value, tag
from antcli.engine.api.schemas.custom_tools import BUILT_IN_TOOLS, CustomTool
from antcli.engine.api.schemas.mcp import McpToolset, check_configs, resolve_toolset
from antcli.engine.api.schemas.policies import ToolSettings, resolve_settings
from antcli.engine.api.schemas.web_tools import WebSettings, check_web_settings, resolve_web_settings

MAXIMUM_TOOLS = 256

_DEFAULT = {"enabled": True, "permission_policy": {"type": "always_allow"}}


class _ToolConfig(ToolSettings, WebSettings):
    name: Literal["bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search"]
    type: Literal["bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search"] | None = None


def _check_config(config: _ToolConfig) -> _ToolConfig:
    if config.type not in (None, config.name):
        raise invalid_value(f"type {config.type!r} does not fit the name {config.name!r}")
    check_web_settings(config.name, config)
    return config


ToolConfig = Annotated[_ToolConfig, AfterValidator(_check_config)]


class AgentToolset(Body):
    type: Literal["agent_toolset_20260401"]
    default_config: ToolSettings | None = None
    configs: Annotated[list[ToolConfig], AfterValidator(check_configs)] | None = None


Tool = Annotated[
    Annotated[AgentToolset, tag("agent_toolset_20260401")]
    | Annotated[CustomTool, tag("custom")]
    | Annotated[McpToolset, tag("mcp_toolset")],
    by_type("agent_toolset_20260401", "custom", "mcp_toolset"),
]


def _check_tools(tools: list[AgentToolset | CustomTool | McpToolset]) -> list[AgentToolset | CustomTool | McpToolset]:
    custom: set[str] = set()
    servers: set[str] = set()
    total = 0
    toolsets = 0
    for tool in tools:
        if isinstance(tool, AgentToolset):
            toolsets += 1
            total += len(BUILT_IN_TOOLS)
        elif isinstance(tool, McpToolset):
            if tool.mcp_server_name in servers:
                raise invalid_value(f"the MCP server {tool.mcp_server_name!r} has two toolsets")
            servers.add(tool.mcp_server_name)
            total += max(1, len(tool.configs or ()))
        elif tool.name in custom:
            raise invalid_value(f"two custom tools are named {tool.name!r}")
        else:
            custom.add(tool.name)
            total += 1
    if toolsets > 1:
        raise invalid_value("agent_toolset_20260401 is given twice")
    if total > MAXIMUM_TOOLS:
        raise invalid_value(f"at most {MAXIMUM_TOOLS} tools over all toolsets, got {total}")
    return tools


Tools = Annotated[list[Tool], AfterValidator(_check_tools)]


def resolve_tools(tools: Sequence[AgentToolset | CustomTool | McpToolset] | None) -> list[dict[str, Any]]:
    """The entries as responses show them: every default written out."""
    return [_resolved(tool) for tool in tools or ()]


def _resolved(tool: AgentToolset | CustomTool | McpToolset) -> dict[str, Any]:
    if isinstance(tool, CustomTool):
        return tool.model_dump(exclude_none=True)
    if isinstance(tool, McpToolset):
        return resolve_toolset(tool)
    default = resolve_settings(tool.default_config, _DEFAULT)
    configs = [
        {"type": config.name, "name": config.name}
        | resolve_settings(config, default)
        | resolve_web_settings(config.name, config)
        for config in tool.configs or ()
    ]
    return {"type": tool.type, "default_config": default, "configs": configs}
