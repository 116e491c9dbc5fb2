"""Resources of sessions (api.md 8): what may be attached."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from antcli.engine.api.schemas.base import Body, Identifier, by_type, invalid_value, limited, tag

MOST_RESOURCES = 1000

MountPath = Annotated[str, limited(1024, 1)]


class FileResource(Body):
    type: Literal["file"]
    file_id: Identifier
    mount_path: MountPath | None = None


def _check_token(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise invalid_value("must consist of visible ASCII characters")
    return token


def _check_branch(name: str) -> str:
    if not name.isprintable() or name.startswith("-") or set(name) & set(" ~^:?*[\\") or ".." in name or "@{" in name:
        raise invalid_value("is no name of a branch")
    return name


def _check_sha(sha: str) -> str:
    if len(sha) not in (40, 64) or not set(sha.lower()) <= set("0123456789abcdef"):
        raise invalid_value("must be a whole commit hash: 40 hexadecimal digits (or 64)")
    return sha


Token = Annotated[str, limited(4096, 1), AfterValidator(_check_token)]


class BranchCheckout(Body):
    type: Literal["branch"]
    name: Annotated[str, limited(255, 1), AfterValidator(_check_branch)]


class CommitCheckout(Body):
    type: Literal["commit"]
    sha: Annotated[str, AfterValidator(_check_sha)]


_Checkout = Annotated[
    Annotated[BranchCheckout, tag("branch")] | Annotated[CommitCheckout, tag("commit")], by_type("branch", "commit")
]


class RepositoryResource(Body):
    type: Literal["github_repository"]
    url: Annotated[str, limited(2048, 1)]
    authorization_token: Token | None = None
    mount_path: MountPath | None = None
    checkout: _Checkout | None = None


class MemoryStoreResource(Body):
    type: Literal["memory_store"]
    memory_store_id: Identifier
    access: Literal["read_write", "read_only"] | None = None
    instructions: Annotated[str, limited(4096)] | None = None


Resource = Annotated[
    Annotated[FileResource, tag("file")]
    | Annotated[RepositoryResource, tag("github_repository")]
    | Annotated[MemoryStoreResource, tag("memory_store")],
    by_type("file", "github_repository", "memory_store"),
]
Resources = Annotated[list[Resource], Field(max_length=MOST_RESOURCES)]


class ResourceAdd(FileResource):
    """Only files can be added to a session that is there."""


class ResourceUpdate(Body):
    authorization_token: Token


def entries(resources: list[Any] | None) -> list[dict[str, Any]]:
    """The checked entries as dicts, without what was not given or null."""
    return [resource.model_dump(exclude_none=True) for resource in resources or []]
