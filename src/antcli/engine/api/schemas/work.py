"""Work items of self_hosted environments (api.md 6.5), and keys: what stop, update and create accept."""

from __future__ import annotations

from antcli.engine.api.schemas.base import Body, MetadataPatch, Name


class WorkStop(Body):
    force: bool | None = None


class WorkUpdate(Body):
    """The patch is required on the wire; null deletes a key."""

    metadata: MetadataPatch


class KeyCreate(Body):
    name: Name | None = None
