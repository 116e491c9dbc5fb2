"""What must hold between the fields of an agent, looked at when all of them are known: on create, on update, and for a
session with overrides."""

from __future__ import annotations

from typing import Any

from antcli.engine.errors import invalid


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
