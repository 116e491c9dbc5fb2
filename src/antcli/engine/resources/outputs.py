"""What a session writes to /mnt/session/outputs: published as files, each path once, again only when it changed."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antcli.engine.files.files import KIND, Files, describe
from antcli.engine.files.names import kind_of
from antcli.engine.resources.kind import Kind
from antcli.engine.store.base import Insert, Object, Page, RefusedError, SessionRow, Store

MOST_OUTPUTS = 1000
_KEY = "outputs/"
_PIECE = 2**20

logger = logging.getLogger("antcli.engine")


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file below the outputs, and what tells whether it was written since."""

    path: str
    state: tuple[int, ...]


class Outputs(Kind):
    """A file is known by its path: changed content takes the place of the file that was published before. What is
    deleted in the sandbox stays published."""

    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self._files = files

    async def collect(self, session: SessionRow, home: Path) -> None:
        outputs = home / "outputs"
        found = await asyncio.to_thread(_scan, outputs)
        if not found:
            return
        known = await self._known(session.id)
        changed = [file for file in found if file.path not in known or not _is_same(known[file.path], file)]
        for file in changed:
            old = known.get(file.path)
            if old is None and len(known) >= MOST_OUTPUTS:
                logger.error("%s: %s is not published: a session has at most %d", session.id, file.path, MOST_OUTPUTS)
                return
            if (new := await self._publish(session.id, outputs, file, old)) is not None:
                known[file.path] = new

    async def _known(self, session_id: str) -> dict[str, Object]:
        page = Page(MOST_OUTPUTS, "asc")
        files = await self._store.list(KIND, page, parent=session_id, key_prefix=_KEY)
        return {file.body["_output"]["path"]: file for file in files}

    async def _publish(self, session_id: str, outputs: Path, file: Found, old: Object | None) -> Object | None:
        beside = self._files.blobs.beside(secrets.token_hex(12))
        try:
            copied = await asyncio.to_thread(_copy, outputs, file.path, beside)
            if copied is None:  # gone, or not a file any more
                return None
            state, size, digest = copied
            output = {"path": file.path, "state": list(state), "sha256": digest}
            if old is not None and old.body["_output"]["sha256"] == digest:
                return await self._store.replace(old, old.body | {"_output": output})
            name = file.path.rpartition("/")[2]
            body = describe(name, kind_of(name), size, downloadable=True, session_id=session_id, _output=output)
            await asyncio.to_thread(self._files.blobs.adopt, beside, body["id"])
            insert = Insert(KIND, body["id"], body, session_id, _KEY + file.path)
            return await self._files.insert(insert, replaces=old)
        except RefusedError:  # deleted by a client meanwhile: the next time it is new
            return None
        finally:
            await asyncio.shield(asyncio.to_thread(beside.unlink, missing_ok=True))


def _is_same(file: Object, found: Found) -> bool:
    return bool(file.body["_output"]["state"] == list(found.state))


def _state(info: os.stat_result) -> tuple[int, ...]:
    """The time of change cannot be set from inside."""
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino


def _scan(outputs: Path) -> list[Found]:
    """The files there, in order of their paths. What is in a sandbox is not trusted: no link is followed."""
    return sorted(_walk(outputs), key=lambda file: file.path) if outputs.is_dir() else []


def _walk(outputs: Path) -> Iterator[Found]:
    for directory, _, names, descriptor in os.fwalk(outputs, follow_symlinks=False):
        for name in names:
            try:
                info = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                path = os.path.relpath(os.path.join(directory, name), outputs)
                path.encode()
            except (OSError, UnicodeEncodeError):
                continue
            if stat.S_ISREG(info.st_mode):
                yield Found(path, _state(info))


def _copy(outputs: Path, path: str, target: Path) -> tuple[tuple[int, ...], int, str] | None:
    """Copy a file whose folders may be changed at any moment; its state before, the size and the hash of what was
    copied, or None when it is not there."""
    *folders, name = path.split("/")
    opened = [os.open(outputs, os.O_RDONLY | os.O_DIRECTORY)]
    try:
        for folder in folders:
            opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        opened.append(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1]))
        info = os.fstat(opened[-1])
        if not stat.S_ISREG(info.st_mode):
            return None
        digest, size = _copy_bytes(opened[-1], target)
        return _state(info), size, digest
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _copy_bytes(source: int, target: Path) -> tuple[str, int]:
    hasher: Any = hashlib.sha256()
    size = 0
    with target.open("xb") as file:
        while data := os.read(source, _PIECE):
            hasher.update(data)
            file.write(data)
            size += len(data)
        file.flush()
        os.fsync(file.fileno())
    return hasher.hexdigest(), size
