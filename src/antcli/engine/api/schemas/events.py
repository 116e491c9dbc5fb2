"""The events that clients send (api.md 10.2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import Body, Identifier, by_type, invalid_value, limited, tag
from antcli.engine.api.schemas.content import MessageBlock, ResultBlock, TextBlock

MAXIMUM_INITIAL_EVENTS = 50
MAXIMUM_DOCUMENTS = 100
_BEFORE_SYSTEM_MESSAGE = ("user.message", "user.tool_result", "user.custom_tool_result")
MAXIMUM_RUBRIC = 262_144


class UserMessage(Body):
    type: Literal["user.message"]
    content: Annotated[list[MessageBlock], Field(min_length=1)]


class UserInterrupt(Body):
    type: Literal["user.interrupt"]
    session_thread_id: Identifier | None = None


class _UserToolConfirmation(Body):
    type: Literal["user.tool_confirmation"]
    tool_use_id: Identifier
    result: Literal["allow", "deny"]
    deny_message: str | None = None


def _check_deny_message(confirmation: _UserToolConfirmation) -> _UserToolConfirmation:
    if confirmation.deny_message is not None and confirmation.result != "deny":
        raise invalid_value("deny_message goes with the result 'deny' only")
    return confirmation


UserToolConfirmation = Annotated[_UserToolConfirmation, AfterValidator(_check_deny_message)]


class UserCustomToolResult(Body):
    type: Literal["user.custom_tool_result"]
    custom_tool_use_id: Identifier
    content: list[ResultBlock] | None = None
    is_error: bool | None = None


class UserToolResult(Body):
    """Of a worker, in a self_hosted environment."""

    type: Literal["user.tool_result"]
    tool_use_id: Identifier
    content: list[ResultBlock] | None = None
    is_error: bool | None = None


class TextRubric(Body):
    type: Literal["text"]
    content: Annotated[str, limited(MAXIMUM_RUBRIC, 1)]


class FileRubric(Body):
    type: Literal["file"]
    file_id: Identifier


class UserDefineOutcome(Body):
    type: Literal["user.define_outcome"]
    description: Annotated[str, limited(MAXIMUM_RUBRIC, 1)]
    rubric: Annotated[Annotated[TextRubric, tag("text")] | Annotated[FileRubric, tag("file")], by_type("text", "file")]
    max_iterations: Annotated[int, Field(ge=1, le=20)] | None = None


class SystemMessage(Body):
    type: Literal["system.message"]
    content: Annotated[list[TextBlock], Field(min_length=1, max_length=1000)]


Event = Annotated[
    Annotated[UserMessage, tag("user.message")]
    | Annotated[UserInterrupt, tag("user.interrupt")]
    | Annotated[UserToolConfirmation, tag("user.tool_confirmation")]
    | Annotated[UserCustomToolResult, tag("user.custom_tool_result")]
    | Annotated[UserToolResult, tag("user.tool_result")]
    | Annotated[UserDefineOutcome, tag("user.define_outcome")]
    | Annotated[SystemMessage, tag("system.message")],
    by_type(
        "user.message",
        "user.interrupt",
        "user.tool_confirmation",
        "user.custom_tool_result",
        "user.tool_result",
        "user.define_outcome",
        "system.message",
    ),
]

InitialEvent = Annotated[
    Annotated[UserMessage, tag("user.message")] | Annotated[UserDefineOutcome, tag("user.define_outcome")],
    by_type("user.message", "user.define_outcome"),
]


def check_beginning(events: list[Any]) -> list[Any]:
    """What a session may begin with."""
    if sum(isinstance(event, UserDefineOutcome) for event in events) > 1:
        raise invalid_value("at most one user.define_outcome")
    blocks = [block for event in events if isinstance(event, UserMessage) for block in event.content]
    documents = sum(block.type == "document" and block.source.type == "file" for block in blocks)
    if documents > MAXIMUM_DOCUMENTS:
        raise invalid_value(f"at most {MAXIMUM_DOCUMENTS} documents from files, got {documents}")
    return events


InitialEvents = Annotated[list[InitialEvent], Field(max_length=MAXIMUM_INITIAL_EVENTS), AfterValidator(check_beginning)]


def check_system_message(events: list[Any]) -> list[Any]:
    """It belongs to the turn that the event before it begins or continues."""
    types = [event.type for event in events]
    if "system.message" in types[:-1]:
        raise invalid_value("a system.message must be the last event, and the only one of its kind")
    if types[-1] == "system.message" and (len(types) < 2 or types[-2] not in _BEFORE_SYSTEM_MESSAGE):
        raise invalid_value(f"a system.message must directly follow a {' or '.join(_BEFORE_SYSTEM_MESSAGE)}")
    return events


class EventSend(Body):
    events: Annotated[list[Event], Field(min_length=1), AfterValidator(check_system_message)]


def plain(events: list[Any]) -> list[dict[str, Any]]:
    """The events as dicts, without what was not given or null."""
    return [event.model_dump(exclude_none=True) for event in events]
