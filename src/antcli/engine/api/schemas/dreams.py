"""Dreams (api.md 17): what create accepts, and what responses show."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import TEXT_OR_OBJECT, Body, Identifier, by_type, invalid_value, limited, tag


def _distinct(ids: list[str]) -> list[str]:
    if len(set(ids)) < len(ids):
        raise invalid_value("each session once")
    return ids


class MemoryStoreInput(Body):
    type: Literal["memory_store"]
    memory_store_id: Identifier


class SessionsInput(Body):
    type: Literal["sessions"]
    session_ids: Annotated[list[Identifier], Field(min_length=1, max_length=100), AfterValidator(_distinct)]


_Input = Annotated[
    Annotated[MemoryStoreInput, tag("memory_store")] | Annotated[SessionsInput, tag("sessions")],
    by_type("memory_store", "sessions"),
]


def _one_of_each(inputs: list[MemoryStoreInput | SessionsInput]) -> list[MemoryStoreInput | SessionsInput]:
    if sorted(item.type for item in inputs) != ["memory_store", "sessions"]:
        raise invalid_value("exactly one of type memory_store and one of type sessions")
    return inputs


class DreamModel(Body):
    id: Identifier
    speed: Literal["standard"] | None = None


class CreateNew(Body):
    type: Literal["create_new"]


class UpdateExisting(Body):
    type: Literal["update_existing"]
    memory_store_id: Identifier


class DreamCreate(Body):
    inputs: Annotated[list[_Input], AfterValidator(_one_of_each)]
    model: Annotated[Annotated[Identifier, tag("text")] | Annotated[DreamModel, tag("object")], TEXT_OR_OBJECT]
    instructions: Annotated[str, limited(4096, 1)] | None = None
    output_behavior: Annotated[
        Annotated[CreateNew, tag("create_new")] | Annotated[UpdateExisting, tag("update_existing")],
        by_type("create_new", "update_existing"),
    ] = CreateNew(type="create_new")


_INTERNAL = ("opening",)


def shown(dream: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dream.items() if name not in _INTERNAL}
