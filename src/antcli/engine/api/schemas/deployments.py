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
    by_type,
    invalid_value,
    only_empty,
    refused,
    tag,
)
from antcli.engine.api.schemas.events import UserMessage
from antcli.engine.api.schemas.sessions import AgentReference, Budget
from antcli.engine.orchestration.cron import ScheduleError, check_expression, zone
from antcli.engine.orchestration.deployments import upcoming

MAXIMUM_EVENTS, MAXIMUM_RESOURCES, MAXIMUM_VAULTS = 50, 500, 50


def _check_expression(expression: str) -> str:
    try:
        check_expression(expression)
    except ScheduleError as error:
        raise invalid_value(str(error)) from None
    return expression


def _check_zone(name: str) -> str:
    try:
        zone(name)
    except ScheduleError as error:
        raise invalid_value(str(error)) from None
    return name


class Schedule(Body):
    type: Literal["cron"]
    expression: Annotated[str, AfterValidator(_check_expression)]
    timezone: Annotated[str, AfterValidator(_check_zone)]


_InitialEvent = Annotated[
    Annotated[UserMessage, tag("user.message")]
    | Annotated[Any, refused("user.define_outcome"), tag("user.define_outcome")]
    | Annotated[Any, refused("system.message"), tag("system.message")],
    by_type("user.message"),
]
_InitialEvents = Annotated[list[_InitialEvent], Field(min_length=1, max_length=MAXIMUM_EVENTS)]
_Agent = Annotated[Annotated[Identifier, tag("text")] | Annotated[AgentReference, tag("object")], TEXT_OR_OBJECT]
_Resources = Annotated[Any, only_empty()]
_VaultIds = Annotated[Any, only_empty()]


class DeploymentCreate(Body):
    name: Name
    agent: _Agent
    environment_id: Identifier
    initial_events: _InitialEvents
    description: Description | None = None
    metadata: Metadata | None = None
    resources: _Resources = None
    vault_ids: _VaultIds = None
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
    resources: _Resources = None
    vault_ids: _VaultIds = None
    schedule: Schedule | None = None
    budget: Budget | None = None


# What a repository is fetched with is never shown.
_SECRETS = ("authorization_token",)


def shown(deployment: dict[str, Any]) -> dict[str, Any]:
    """The deployment as responses show it."""
    found = {name: value for name, value in deployment.items() if name != "fires_from"}
    found["resources"] = [
        {name: value for name, value in resource.items() if name not in _SECRETS}
        for resource in deployment["resources"]
    ]
    if deployment["schedule"] is not None:
        found["schedule"] = deployment["schedule"] | {"upcoming_runs_at": upcoming(deployment)}
    if deployment["budget"] is None:
        del found["budget"]
    return found


def shown_run(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != "failed"}
