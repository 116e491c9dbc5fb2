"""MCP servers of an agent and the toolsets that offer their tools (api.md 5.4, 5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import Body, invalid_value, limited
from antcli.engine.api.schemas.policies import ToolSettings, resolve_settings

MAXIMUM_SERVERS = 20
# Tools that somebody else's server offers are not run unasked.
_DEFAULT = {"enabled": True, "permission_policy": {"type": "always_ask"}}


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise invalid_value("must be an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise invalid_value("must hold no credentials: they belong into a vault")
    return url


class McpServer(Body):
    type: Literal["url"]
    name: Annotated[str, limited(255, 1)]
    url: Annotated[str, limited(2048, 1), AfterValidator(_check_url)]


def _check_distinct(servers: list[McpServer]) -> list[McpServer]:
    names = [server.name for server in servers]
    for name in names:
        if names.count(name) > 1:
            raise invalid_value(f"two servers are named {name!r}")
    return servers


McpServers = Annotated[list[McpServer], Field(max_length=MAXIMUM_SERVERS), AfterValidator(_check_distinct)]


class McpToolConfig(ToolSettings):
    name: Annotated[str, limited(128, 1)]


def check_configs(configs: list[Any]) -> list[Any]:
    """A toolset configures each of its tools once. Raises a validation error."""
    names = [config.name for config in configs]
    for name in names:
        if names.count(name) > 1:
            raise invalid_value(f"{name!r} is configured twice")
    return configs


class McpToolset(Body):
    type: Literal["mcp_toolset"]
    mcp_server_name: Annotated[str, limited(255, 1)]
    default_config: ToolSettings | None = None
    configs: Annotated[list[McpToolConfig], AfterValidator(check_configs)] | None = None


def resolve_servers(servers: Sequence[McpServer] | None) -> list[dict[str, Any]]:
    return [server.model_dump() for server in servers or ()]


def resolve_toolset(toolset: McpToolset) -> dict[str, Any]:
    """The toolset as responses show it: every default written out."""
    default = resolve_settings(toolset.default_config, _DEFAULT)
    configs = [{"name": config.name} | resolve_settings(config, default) for config in toolset.configs or ()]
    return {
        "type": toolset.type,
        "mcp_server_name": toolset.mcp_server_name,
        "default_config": default,
        "configs": configs,
    }
