"""The agents that an agent may call upon (api.md 5.6), in the older form and in the present one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antcli.engine.api.schemas.base import TEXT_OR_OBJECT, Body, Identifier, by_type, limited, tag

MOST_AGENTS = 20

_ModelName = Annotated[str, limited(4096, 1)]


class Reference(Body):
    type: Literal["agent"]
    id: Identifier
    version: Annotated[int, Field(ge=1)] | None = None


class Self(Body):
    type: Literal["self"]


class Advisor(Body):
    type: Literal["advisor"]
    model: _ModelName


_Entry = Annotated[
    Annotated[Reference, tag("agent")] | Annotated[Self, tag("self")] | Annotated[Advisor, tag("advisor")],
    by_type("agent", "self", "advisor"),
]
_Predefined = Annotated[Annotated[Reference, tag("agent")] | Annotated[Self, tag("self")], by_type("agent", "self")]
RosterEntry = Annotated[Annotated[Identifier, tag("text")] | Annotated[_Entry, tag("object")], TEXT_OR_OBJECT]
PredefinedAgent = Annotated[Annotated[Identifier, tag("text")] | Annotated[_Predefined, tag("object")], TEXT_OR_OBJECT]


class Coordinator(Body):
    type: Literal["coordinator"]
    agents: Annotated[list[RosterEntry], Field(min_length=1, max_length=MOST_AGENTS)]


class Enabled(Body):
    type: Literal["enabled"]


class Disabled(Body):
    type: Literal["disabled"]


class EnabledAdvisor(Body):
    type: Literal["enabled"]
    model: _ModelName


Inline = Annotated[
    Annotated[Enabled, tag("enabled")] | Annotated[Disabled, tag("disabled")], by_type("enabled", "disabled")
]


class EnabledGroup(Body):
    type: Literal["enabled"]
    inline_agents: Inline | None = None
    predefined_agents: Annotated[list[PredefinedAgent], Field(max_length=MOST_AGENTS)] | None = None


Group = Annotated[
    Annotated[EnabledGroup, tag("enabled")] | Annotated[Disabled, tag("disabled")], by_type("enabled", "disabled")
]


class Members(Body):
    """A member that is not in `model_fields_set` keeps its value on update; null takes the default."""

    type: Literal["multiagent_20261001"]
    advisor: (
        Annotated[
            Annotated[EnabledAdvisor, tag("enabled")] | Annotated[Disabled, tag("disabled")],
            by_type("enabled", "disabled"),
        ]
        | None
    ) = None
    subagents: Group | None = None
    workflows: Group | None = None


Multiagent = Annotated[
    Annotated[Coordinator, tag("coordinator")] | Annotated[Members, tag("multiagent_20261001")],
    by_type("coordinator", "multiagent_20261001"),
]
