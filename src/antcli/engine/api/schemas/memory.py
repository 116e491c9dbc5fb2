"""Memory stores and memories (api.md 13): what create and update accept. Paths and texts are checked by the room."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator

from antcli.engine.api.schemas.base import Body, Metadata, MetadataPatch, invalid_value, limited


def _check_name(value: str) -> str:
    for character in value:
        if unicodedata.category(character) == "Cc":
            raise invalid_value(f"must not contain the control character U+{ord(character):04X}")
    return value


def check_digest(value: str) -> str:
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise invalid_value("must be 64 lower-case hexadecimal characters")
    return value


StoreName = Annotated[str, limited(255, 1), AfterValidator(_check_name)]
StoreDescription = Annotated[str, limited(1024)]


class MemoryStoreCreate(Body):
    name: StoreName
    description: StoreDescription | None = None
    metadata: Metadata | None = None


class MemoryStoreUpdate(Body):
    """Null keeps the value; an empty description clears it."""

    name: StoreName | None = None
    description: StoreDescription | None = None
    metadata: MetadataPatch | None = None


class MemoryCreate(Body):
    path: str
    content: str | None


class Precondition(Body):
    type: Literal["content_sha256"]
    content_sha256: Annotated[str, AfterValidator(check_digest)]


class MemoryUpdate(Body):
    """Null keeps the value."""

    path: str | None = None
    content: str | None = None
    precondition: Precondition = None  # type: ignore[assignment]  # may be left out, may not be null
