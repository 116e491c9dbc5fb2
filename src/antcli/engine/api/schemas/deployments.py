"""Deployments (api.md 16): what create and update accept, and what responses show."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import (
    TEXT_OR_OBJECT,
    Body,
    Description,
    Identifier,
    Metadata,
    MetadataPatch,
    Name,
    TimeZone,
    by_type,
    invalid_value,
    tag,
)
from antcli.engine.api.schemas.events import (
    SystemMessage,
    UserDefineOutcome,
    UserMessage,
    check_beginning,
    check_system_message,
)
from antcli.engine.api.schemas.resources import Resource
from antcli.engine.api.schemas.sessions import AgentReference, Budget
from antcli.engine.orchestration.cron import ScheduleError, check_expression
from antcli.engine.orchestration.deployments import upcoming
from antcli.engine.resources.resources import shown as shown_resource

MAXIMUM_EVENTS, MAXIMUM_RESOURCES, MAXIMUM_VAULTS = 50, 500, 50


def _check_expression(expression: str) -> str:
    try:
        check_expression(expression)
    except ScheduleError as error:
        raise invalid_value(str(error)) from None
    return expression


class Schedule(Body):
    type: Literal["cron"]
    expression: Annotated[str, AfterValidator(_check_expression)]
    timezone: TimeZone


_InitialEvent = Annotated[
    Annotated[UserMessage, tag("user.message")]
    | Annotated[UserDefineOutcome, tag("user.define_outcome")]
    | Annotated[SystemMessage, tag("system.message")],
    by_type("user.message", "user.define_outcome", "system.message"),
]
_InitialEvents = Annotated[
    list[_InitialEvent],
    Field(min_length=1, max_length=MAXIMUM_EVENTS),
    AfterValidator(check_beginning),
    AfterValidator(check_system_message),
]
_Agent = Annotated[Annotated[Identifier, tag("text")] | Annotated[AgentReference, tag("object")], TEXT_OR_OBJECT]
_Resources = Annotated[list[Resource], Field(max_length=MAXIMUM_RESOURCES)]
_VaultIds = Annotated[list[Identifier], Field(max_length=MAXIMUM_VAULTS)]


class DeploymentCreate(Body):
    name: Name
    agent: _Agent
    environment_id: Identifier
    initial_events: _InitialEvents
    description: Description | None = None
    metadata: Metadata | None = None
    resources: _Resources | None = None
    vault_ids: _VaultIds | None = None
    schedule: Schedule | None = None
    budget: Budget | None = None


class DeploymentUpdate(Body):
    """A field that is not in `model_fields_set` keeps its value; null clears description, resources, vaults, schedule
    and budget."""

    name: Name | None = None
    agent: _Agent | None = None
    environment_id: Identifier | None = None
    initial_events: _InitialEvents | None = None
    description: Description | None = None
    metadata: MetadataPatch | None = None
    resources: _Resources | None = None
    vault_ids: _VaultIds | None = None
    schedule: Schedule | None = None
    budget: Budget | None = None


def shown(deployment: dict[str, Any]) -> dict[str, Any]:
    """The deployment as responses show it."""
    found = {name: value for name, value in deployment.items() if name != "fires_from"}
    found["resources"] = [shown_resource(resource) for resource in deployment["resources"]]
    if deployment["schedule"] is not None:
        found["schedule"] = deployment["schedule"] | {"upcoming_runs_at": upcoming(deployment)}
    if deployment["budget"] is None:
        del found["budget"]
    return found


def shown_run(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != "failed"}
