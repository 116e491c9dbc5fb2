"""Files of a session: copies of its own, read-only in one folder of the sandbox."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from antcli.engine.clock import now
from antcli.engine.errors import RequestError, invalid
from antcli.engine.files.files import KIND, Files, describe
from antcli.engine.ids import new_id
from antcli.engine.resources.kind import Furnishing, Kind, Resource
from antcli.engine.resources.mount_paths import check_path
from antcli.engine.sandbox.base import Mount
from antcli.engine.store.base import Insert, SessionRow

MOST_FILES = 500
UPLOADS = "/mnt/session/uploads"


class FileMounts(Kind):
    """Below `home` the files are other names of the stored bytes: laying them out copies nothing."""

    type = "file"
    changes = True

    def __init__(self, files: Files) -> None:
        self._files = files

    async def attach(self, session_id: str, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        resource = await self.plan(wanted, others)
        return resource | {"file_id": await self._copy(await self._found(wanted["file_id"]), session_id)}

    async def plan(self, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        path = mount_path(wanted.get("mount_path") or f"/{wanted['file_id']}")
        moment = now()
        resource = {
            "id": new_id("sesrsc"),
            "type": self.type,
            "file_id": wanted["file_id"],
            "mount_path": path,
            "created_at": moment,
            "updated_at": moment,
        }
        self.check(resource, others)
        await self._found(wanted["file_id"])
        return resource

    def check(self, resource: Resource, others: Sequence[Resource]) -> None:
        taken = [other["mount_path"] for other in others if other["type"] == self.type]
        if len(taken) >= MOST_FILES:
            raise invalid(f"file_id: at most {MOST_FILES} files a session, and it has {len(taken)}.")
        path = resource["mount_path"]
        for other in taken:
            if path == other:
                raise invalid(f"mount_path: {path} is taken by another resource of the session.")
            if path.startswith(other + "/") or other.startswith(path + "/"):
                raise invalid(f"mount_path: {path} and {other} of another resource are a file and a folder in one.")

    async def _found(self, file_id: str) -> dict[str, Any]:
        try:
            return (await self._files.content(file_id))[0].body
        except RequestError as error:
            raise RequestError(error.status, error.type, f"file_id: {error.message}", details=error.details) from None

    async def _copy(self, body: dict[str, Any], session_id: str) -> str:
        """The session's own copy, which outlives the original; its id."""
        copy = describe(
            body["filename"], body["mime_type"], body["size_bytes"], expires_at=body["expires_at"],
            downloadable=body["downloadable"], session_id=session_id,
        )  # fmt: skip
        try:
            await asyncio.to_thread(self._files.blobs.copy, body["id"], copy["id"])
        except FileNotFoundError:
            raise invalid(f"file_id: the content of file {body['id']} is gone.") from None
        await self._files.insert(Insert(KIND, copy["id"], copy, parent=session_id))
        return str(copy["id"])

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        uploads = home / "uploads"
        files = [resource for resource in session.body.get("resources", []) if resource["type"] == self.type]
        wanted = {
            resource["mount_path"].removeprefix(UPLOADS + "/"): self._files.blobs.path(resource["file_id"])
            for resource in files
        }
        await asyncio.to_thread(_lay_out, uploads, wanted)
        return Furnishing((Mount(uploads, UPLOADS),))

    async def detach(self, session_id: str, resource: Resource) -> None:
        await self._files.discard(resource["file_id"])

    async def remove(self, session_id: str) -> None:
        await self._files.remove_session(session_id)


def mount_path(wanted: str) -> str:
    """Where a file appears: always in the one folder for uploads. Raises RequestError (400)."""
    path = "/" + wanted.removeprefix(UPLOADS).strip("/")
    check_path(path, wanted)
    return UPLOADS + path


def _lay_out(uploads: Path, wanted: dict[str, Path]) -> None:
    """Make the folder hold the wanted files and nothing else. A file whose bytes are gone is left out."""
    uploads.mkdir(mode=0o755, parents=True, exist_ok=True)
    for directory, folders, names in os.walk(uploads, topdown=False):
        for name in names:
            path = Path(directory, name)
            source = wanted.get(str(path.relative_to(uploads)))
            if source is None or not source.exists() or not path.samefile(source):
                path.unlink()
        for name in folders:
            if not any(Path(directory, name).iterdir()):
                Path(directory, name).rmdir()
    for relative, source in wanted.items():
        path = uploads / relative
        if source.exists() and not path.exists():
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            link(source, path)


def link(source: Path, path: Path) -> None:
    """Another name of a file; a copy where the file system has no such thing."""
    try:
        os.link(source, path)
    except OSError:
        import shutil

        shutil.copyfile(source, path)
        path.chmod(0o444)
