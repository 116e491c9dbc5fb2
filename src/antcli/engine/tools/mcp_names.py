"""The tools of MCP servers as the model is offered them, under names that are its own among all tools."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class McpTool:
    """`name` is the server's word for it, as events show it; `offered` the one that the model uses."""

    server: str
    name: str
    offered: str
    description: str
    input_schema: dict[str, Any]


def toolset_of(agent: Mapping[str, Any], server: str) -> Mapping[str, Any] | None:
    for entry in agent["tools"]:
        if entry["type"] == "mcp_toolset" and entry["mcp_server_name"] == server:
            found: Mapping[str, Any] = entry
            return found
    return None


def settings_of(agent: Mapping[str, Any], tool: McpTool) -> Mapping[str, Any]:
    """{enabled, permission_policy} of a tool: a new one of a server is like the toolset's default."""
    toolset = toolset_of(agent, tool.server)
    if toolset is None:
        return {"enabled": False}
    configs = {config["name"]: config for config in toolset["configs"]}
    settings: Mapping[str, Any] = configs.get(tool.name, toolset["default_config"])
    return settings


def offered_tools(
    agent: Mapping[str, Any], found: Iterable[tuple[str, str, str, dict[str, Any]]]
) -> dict[str, McpTool]:
    """Offered name -> tool, for those of `found` (server, name, description, schema) that the agent switches on."""
    taken = {entry["name"] for entry in agent["tools"] if entry["type"] == "custom"}
    tools: dict[str, McpTool] = {}
    for server, name, description, schema in found:
        offered = f"mcp__{_plain(server)}__{_plain(name)}"
        if len(offered) > LONGEST_NAME or offered in taken or offered in tools:
            digest = hashlib.sha256(f"{server}\0{name}".encode()).hexdigest()[:8]
            offered = f"{offered[: LONGEST_NAME - 9]}_{digest}"
        tool = McpTool(server, name, offered, description, schema)
        if offered not in tools and settings_of(agent, tool)["enabled"]:
            tools[offered] = tool
    return tools


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
