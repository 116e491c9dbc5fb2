"""What all request bodies share: strict types, no unknown fields, unions chosen by `type`, limits with their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag
from pydantic_core import PydanticCustomError

from antcli.engine.orchestration.cron import ScheduleError, zone

# Marks the parts of an error's location that pydantic adds for unions and that are no field.
TAG_MARK = "\0"
UNSUPPORTED = "unsupported"
WRONG_TYPE = "wrong_type"
INVALID_METADATA = "invalid_metadata"

METADATA_PAIRS = 16
METADATA_KEY = 64
METADATA_VALUE = 512


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def tag(name: str) -> Tag:
    return Tag(TAG_MARK + name)


def _type_of(value: Any) -> str | None:
    found = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return TAG_MARK + found if isinstance(found, str) else None


def by_type(*names: str) -> Discriminator:
    """Choose a union's member by its `type`; `names` become the error's message."""
    return Discriminator(_type_of, custom_error_type=WRONG_TYPE, custom_error_message=", ".join(names))


def _text_or_object(value: Any) -> str:
    return TAG_MARK + ("text" if isinstance(value, str) else "object")


# For `"name"` or `{...}`: tag the members "text" and "object".
TEXT_OR_OBJECT = Discriminator(_text_or_object)


def invalid_value(message: str, code: str = "") -> PydanticCustomError:
    """An error whose message follows the field's path: "tools: at most 256 tools, got 300". `code` is for programs."""
    return PydanticCustomError("invalid_value", "{message}", {"message": message, "code": code})


def unsupported_value(reason: str) -> PydanticCustomError:
    return PydanticCustomError(UNSUPPORTED, "{reason}", {"reason": reason})


def _refuse(reason: str, allowed: Callable[[Any], bool]) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not allowed(value):
            raise unsupported_value(reason)
        return value

    return BeforeValidator(check)


def refused(reason: str = "") -> BeforeValidator:
    """A field, or a union's member, that this engine does not have: any value at all is refused."""
    return _refuse(reason, lambda value: False)


def only_empty(reason: str = "") -> BeforeValidator:
    """A field that this engine does not have yet: null and empty values pass, so that documents may be sent back."""
    return _refuse(reason, lambda value: value is None or value in ([], {}, ""))


def only_false() -> BeforeValidator:
    """A switch that this engine cannot turn on."""
    return _refuse("", lambda value: value is None or value is False)


def limited(maximum: int, minimum: int = 0) -> AfterValidator:
    """Bound the length of a text, in characters."""

    def check(value: str) -> str:
        if len(value) < minimum:
            raise invalid_value("must not be empty")
        if len(value) > maximum:
            raise invalid_value(f"at most {maximum:,} characters, got {len(value):,}")
        return value

    return AfterValidator(check)


def _check_zone(name: str) -> str:
    try:
        zone(name)
    except ScheduleError as error:
        raise invalid_value(str(error)) from None
    return name


Name = Annotated[str, limited(256, 1)]
Description = Annotated[str, limited(2048)]
System = Annotated[str, limited(100_000)]
Title = Annotated[str, limited(1024)]
Identifier = Annotated[str, limited(256, 1)]
TimeZone = Annotated[str, AfterValidator(_check_zone)]


def check_metadata(metadata: dict[str, Any], pairs: int | None = METADATA_PAIRS) -> dict[str, Any]:
    """Raise PydanticCustomError unless keys, values and (with `pairs`) their number are within the limits."""

    if pairs is not None and len(metadata) > pairs:
        raise invalid_value(f"at most {pairs} pairs, got {len(metadata)}", INVALID_METADATA)
    for key, value in metadata.items():
        if not 1 <= len(key) <= METADATA_KEY:
            raise invalid_value(f"a key has 1 to {METADATA_KEY} characters, got {len(key)}", INVALID_METADATA)
        if value is not None and len(value) > METADATA_VALUE:
            message = f"the value of {key!r} has at most {METADATA_VALUE} characters, got {len(value)}"
            raise invalid_value(message, INVALID_METADATA)
    return metadata


Metadata = Annotated[dict[str, str], AfterValidator(check_metadata)]
# Null deletes a key; how many pairs there are is known after the merge only.
MetadataPatch = Annotated[dict[str, str | None], AfterValidator(lambda patch: check_metadata(patch, pairs=None))]
