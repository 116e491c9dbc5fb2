"""Which tools an agent may call, and who has to agree (semantics.md 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from antcli.engine.tools.builtin import BUILTIN_TOOLS
from antcli.engine.tools.mcp_names import McpTool, settings_of

Permission = Literal["allow", "ask", "deny"]
# What `auto` makes of a call is decided call by call; until then nobody has agreed to it.
_PERMISSIONS: dict[str, Permission] = {"always_allow": "allow", "always_ask": "ask", "auto": "ask"}
NO_TOOLS: Mapping[str, McpTool] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to happen with a call. `evaluation` is None for a call refused before any policy; `reason` says why."""

    kind: Literal["builtin", "custom", "mcp"]
    permission: Permission
    evaluation: dict[str, Any] | None = None
    reason: str = ""
    tool: McpTool | None = None  # of kind mcp

    @property
    def is_open(self) -> bool:
        """The call itself has still to be judged."""
        return self.evaluation == {"type": "auto"}


def enabled_builtins(agent: dict[str, Any]) -> list[str]:
    """Names of the built-in tools that the agent's resolved toolset switches on, in a fixed order."""
    settings = _toolset_settings(agent)
    return [name for name in BUILTIN_TOOLS if name in settings and settings[name]["enabled"]]


def judge(agent: dict[str, Any], name: str, offered: Mapping[str, McpTool] = NO_TOOLS) -> Judgement:
    """`offered` are the tools of MCP servers by the names that the model knows."""
    if name in offered:
        tool = offered[name]
        policy = settings_of(agent, tool)["permission_policy"]["type"]
        return Judgement("mcp", _PERMISSIONS[policy], {"type": policy}, tool=tool)
    if any(entry["type"] == "custom" and entry["name"] == name for entry in agent["tools"]):
        return Judgement("custom", "allow")
    settings = _toolset_settings(agent).get(name)
    if settings is None or not settings["enabled"] or name not in BUILTIN_TOOLS:
        return Judgement("builtin", "deny", reason=f"There is no tool named {name!r}, or it is disabled.")
    policy = settings["permission_policy"]["type"]
    return Judgement("builtin", _PERMISSIONS[policy], {"type": policy})


def _toolset_settings(agent: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Tool name -> {enabled, permission_policy}, from the toolset's default and its per-tool entries."""
    settings: dict[str, dict[str, Any]] = {}
    for entry in agent["tools"]:
        if entry["type"] == "agent_toolset_20260401":
            settings = dict.fromkeys(BUILTIN_TOOLS, entry["default_config"])
            settings |= {config["name"]: config for config in entry["configs"]}
    return settings
