"""Resources of sessions (api.md 8): what may be attached."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from antcli.engine.api.schemas.base import Body, Identifier, by_type, limited, refused, tag

MOST_RESOURCES = 1000

MountPath = Annotated[str, limited(1024, 1)]


class FileResource(Body):
    type: Literal["file"]
    file_id: Identifier
    mount_path: MountPath | None = None


Resource = Annotated[
    Annotated[FileResource, tag("file")]
    | Annotated[Any, refused("repositories"), tag("github_repository")]
    | Annotated[Any, refused("memory stores"), tag("memory_store")],
    by_type("file"),
]
Resources = Annotated[list[Resource], Field(max_length=MOST_RESOURCES)]


class ResourceAdd(FileResource):
    """Only files can be added to a session that is there."""


class ResourceUpdate(Body):
    authorization_token: Annotated[str, limited(4096, 1)]


def entries(resources: list[Any] | None) -> list[dict[str, Any]]:
    """The checked entries as dicts, without what was not given or null."""
    return [resource.model_dump(exclude_none=True) for resource in resources or []]
