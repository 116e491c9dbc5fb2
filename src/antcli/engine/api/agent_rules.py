"""What must hold between the fields of an agent, looked at when all of them are known: on create, on update, and for a
session with overrides."""

from __future__ import annotations

from typing import Any

from antcli.engine.errors import invalid, unsupported
from antcli.engine.providers.registry import Providers
from antcli.engine.tools.web import named_web_tools


def check_agent(agent: dict[str, Any], where: str = "") -> None:
    """`agent` as responses show it; `where` stands before the field in messages. Raises RequestError (400)."""
    servers = [server["name"] for server in agent["mcp_servers"]]
    toolsets = [tool["mcp_server_name"] for tool in agent["tools"] if tool["type"] == "mcp_toolset"]
    for name in toolsets:
        if name not in servers:
            raise invalid(f"{where}tools: the mcp_toolset of {name!r} needs an entry of that name in mcp_servers.")
    for name in servers:
        if name not in toolsets:
            raise invalid(
                f"{where}mcp_servers: no tool refers to the server {name!r}: add"
                f' {{"type": "mcp_toolset", "mcp_server_name": "{name}"}} to tools.'
            )


def check_skills(agent: dict[str, Any]) -> None:
    """A session's tools cannot be cleared while it has skills: those are read with a tool (semantics.md 1.2).

    Raises RequestError (400).
    """
    if agent["skills"] and not agent["tools"]:
        raise invalid("agent.tools: cannot be cleared while there are skills: they are read with the tool read.")


async def check_web_tools(agent: dict[str, Any], providers: Providers, where: str = "") -> None:
    """The web tools run where the model does, or not at all. Raises RequestError (400)."""
    for config in named_web_tools(agent):
        if config["permission_policy"]["type"] != "always_allow":
            reason = "it runs at the model's provider, where nobody can be asked, so its policy must be always_allow"
            raise unsupported(f"{where}tools: {config['name']}", reason)
        if not await providers.offers_web_tools(agent["model"]["id"]):
            reason = "it runs at the model's provider, and the present one is not known to have it"
            raise unsupported(f"{where}tools: {config['name']}", reason)


def check_reach(agent: dict[str, Any], network: str, where: str = "environment_id") -> None:
    """A limited network also bounds the MCP servers of a session, though not its sandbox connects to them.

    `network` is "open" or "none". Raises RequestError (400).
    """
    if network == "none" and agent["mcp_servers"]:
        raise invalid(
            f"{where}: the MCP server {agent['mcp_servers'][0]['name']!r} is not reached from an environment whose"
            " networking is limited: take one with networking unrestricted.",
            code="mcp_egress_blocked",
        )
