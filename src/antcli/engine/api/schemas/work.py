"""Work items of self_hosted environments (api.md 6.5): what stop and update accept."""

from __future__ import annotations

from antcli.engine.api.schemas.base import Body, MetadataPatch


class WorkStop(Body):
    force: bool | None = None


class WorkUpdate(Body):
    """The patch is required on the wire; null deletes a key."""

    metadata: MetadataPatch
