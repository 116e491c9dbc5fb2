"""Agents (api.md 5): what create and update accept, and the model as responses show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from antcli.engine.api.schemas.base import (
    TEXT_OR_OBJECT,
    Body,
    Description,
    Metadata,
    MetadataPatch,
    Name,
    System,
    by_type,
    limited,
    only_empty,
    refused,
    tag,
)
from antcli.engine.api.schemas.mcp import McpServers
from antcli.engine.api.schemas.multiagent import Multiagent
from antcli.engine.api.schemas.skills import Skills
from antcli.engine.api.schemas.tools import Tools
from antcli.engine.model_facts import default_effort

Level = Literal["low", "medium", "high", "xhigh", "max"]
ModelName = Annotated[str, limited(4096, 1)]


class Effort(Body):
    type: Level


class ModelConfig(Body):
    id: ModelName
    effort: Annotated[Annotated[Level, tag("text")] | Annotated[Effort, tag("object")], TEXT_OR_OBJECT] | None = None
    speed: Literal["standard", "fast"] | None = None
    inference_geo: Annotated[Any, only_empty()] = None


Model = Annotated[Annotated[ModelName, tag("text")] | Annotated[ModelConfig, tag("object")], TEXT_OR_OBJECT]


class ServiceAccount(Body):
    type: Literal["service_account"]


ExecutionIdentity = Annotated[
    Annotated[ServiceAccount, tag("service_account")] | Annotated[Any, refused("aws_role"), tag("aws_role")],
    by_type("service_account"),
]


class AgentCreate(Body):
    model: Model
    name: Name
    description: Description | None = None
    system: System | None = None
    tools: Tools | None = None
    mcp_servers: McpServers | None = None
    skills: Skills | None = None
    multiagent: Multiagent | None = None
    metadata: Metadata | None = None
    execution_identity: ExecutionIdentity | None = None


class AgentUpdate(Body):
    """A field that is not in `model_fields_set` keeps its value."""

    model: Model = Field(default="-")
    name: Name = Field(default="-")
    description: Description | None = None
    system: System | None = None
    tools: Tools | None = None
    mcp_servers: McpServers | None = None
    skills: Skills | None = None
    multiagent: Multiagent | None = None
    metadata: MetadataPatch | None = None
    execution_identity: ExecutionIdentity | None = None
    version: Annotated[int, Field(ge=1)] | None = None


def resolve_model(model: str | ModelConfig, stored: dict[str, Any] | None = None) -> dict[str, Any]:
    """The model as responses show it: without `effort` at what models do when nothing is said, or at the stored one as
    long as the model is the same."""
    config = ModelConfig(id=model) if isinstance(model, str) else model
    level = config.effort.type if isinstance(config.effort, Effort) else config.effort
    effort = {"type": level or default_effort(config.id)}
    if "effort" not in config.model_fields_set and stored is not None and stored["id"] == config.id:
        effort = stored["effort"] or effort
    return {"id": config.id, "effort": effort, "inference_geo": None, "speed": config.speed or "standard"}
