"""Skills that an agent refers to (api.md 5.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from antcli.engine.api.schemas.base import Body, Identifier, by_type, tag
from antcli.engine.skills.skills import MOST_SKILLS


class _Reference(Body):
    skill_id: Identifier
    version: Identifier | None = None


class CustomSkill(_Reference):
    type: Literal["custom"]


class AnthropicSkill(_Reference):
    type: Literal["anthropic"]


Skill = Annotated[
    Annotated[CustomSkill, tag("custom")] | Annotated[AnthropicSkill, tag("anthropic")], by_type("custom", "anthropic")
]
Skills = Annotated[list[Skill], Field(max_length=MOST_SKILLS)]


def entries(skills: list[Any] | None) -> list[dict[str, Any]]:
    return [skill.model_dump(exclude_none=True) for skill in skills or []]
