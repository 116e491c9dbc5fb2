"""User profiles (api.md 19): what create and update accept."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine import clock
from antcli.engine.api.schemas.base import Body, Metadata, invalid_value, limited

_Text = Annotated[str, limited(255, 1)]
_SKEW = timedelta(minutes=1)


def _check_past(value: str) -> str:
    """A complete time, at most a minute ahead, in the form that the engine keeps."""
    if "T" not in value.upper():
        raise invalid_value("must be a complete RFC 3339 time")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise invalid_value("must be a complete RFC 3339 time") from None
    if moment.tzinfo is None:
        raise invalid_value("must be a complete RFC 3339 time, with its offset")
    if moment > datetime.now(UTC) + _SKEW:
        raise invalid_value("must not lie in the future")
    return clock.timestamp(moment)


PastTime = Annotated[str, AfterValidator(_check_past)]


def _check_country(value: str) -> str:
    if not re.fullmatch("[A-Z]{2}", value):
        raise invalid_value("must be two upper-case letters (ISO 3166-1)")
    return value


class ExternalUserDetails(Body):
    account_status: Literal["active", "suspended", "blocked"] | None = None
    country: Annotated[str, AfterValidator(_check_country)] | None = None
    email_hash: _Text | None = None
    entity_type: Literal["individual", "business", "non_profit", "government"] | None = None
    name_hash: _Text | None = None
    onboarded_at: PastTime | None = None
    reference_id: _Text | None = None


DETAILS = tuple(ExternalUserDetails.model_fields)

_Name = Annotated[str, limited(255)]


class _Profile(Body):
    external_id: _Name | None = None
    external_user_details: ExternalUserDetails | None = None
    external_user_onboarded_at: PastTime | None = None
    name: _Name | None = None


def _check_values(metadata: dict[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if value == "":
            raise invalid_value(f"the value of {key!r} must not be empty")
    return metadata


class UserProfileCreate(_Profile):
    access_type: Literal["application", "passthrough"] | None = None
    metadata: Annotated[Metadata, AfterValidator(_check_values)] = Field(default_factory=dict)


class UserProfileUpdate(_Profile):
    """A field that is not in `model_fields_set` keeps its value; an empty string deletes a key of the metadata."""

    access_type: Literal["application", "passthrough"] | None = None
    metadata: Metadata | None = None


class EnrollEndUser(Body):
    type: Literal["enroll_end_user"]


class ActionURLCreate(Body):
    action: EnrollEndUser


def details(given: ExternalUserDetails | None) -> dict[str, Any]:
    """What was given and says something."""
    return {} if given is None else given.model_dump(exclude_none=True)
