"""Sessions (api.md 7): what create and update accept."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.agents import Model
from antcli.engine.api.schemas.base import (
    TEXT_OR_OBJECT,
    Body,
    Identifier,
    Metadata,
    MetadataPatch,
    System,
    Title,
    by_type,
    invalid_value,
    refused,
    tag,
)
from antcli.engine.api.schemas.events import InitialEvents
from antcli.engine.api.schemas.mcp import McpServers
from antcli.engine.api.schemas.resources import Resources
from antcli.engine.api.schemas.skills import Skills
from antcli.engine.api.schemas.tools import Tools

_Version = Annotated[int, Field(ge=1)]


class AgentReference(Body):
    type: Literal["agent"]
    id: Identifier
    version: _Version | None = None


class AgentWithOverrides(Body):
    """An override that is in `model_fields_set` replaces the agent's value; null and [] clear it."""

    type: Literal["agent_with_overrides"]
    id: Identifier
    version: _Version | None = None
    model: Model | None = None
    system: System | None = None
    tools: Tools | None = None
    mcp_servers: McpServers | None = None
    skills: Skills | None = None


_AgentObject = Annotated[
    Annotated[AgentReference, tag("agent")] | Annotated[AgentWithOverrides, tag("agent_with_overrides")],
    by_type("agent", "agent_with_overrides"),
]


def _check_amount(amount: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,14}", amount):
        raise invalid_value(f"a whole number of cents above 0 in a string, like '2500', got {amount!r:.40}")
    return amount


class ListCost(Body):
    amount: Annotated[str, AfterValidator(_check_amount)]
    currency: Literal["USD"]


class Budget(Body):
    type: Literal["limit"]
    max_list_cost: ListCost


class SessionCreate(Body):
    agent: Annotated[Annotated[Identifier, tag("text")] | Annotated[_AgentObject, tag("object")], TEXT_OR_OBJECT]
    environment_id: Identifier
    title: Title | None = None
    metadata: Metadata | None = None
    initial_events: InitialEvents | None = None
    resources: Resources | None = None
    vault_ids: list[Identifier] | None = None
    budget: Budget | None = None


class SessionAgentUpdate(Body):
    tools: Tools | None = None
    mcp_servers: McpServers | None = None


class SessionUpdate(Body):
    """A field that is not in `model_fields_set` keeps its value."""

    title: Title | None = None
    metadata: MetadataPatch | None = None
    agent: SessionAgentUpdate = Field(default_factory=SessionAgentUpdate)
    budget: Budget | None = None
    vault_ids: Annotated[Any, refused("reserved")] = None
