"""The bytes of files on disk: written beside, made durable, then given their name. What has a name never changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

_PIECE = 2**20  # bytes that are gathered before they go to a thread that writes them


class Incoming:
    """Bytes that have no name yet. They vanish unless `Blobs.keep` names them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file: BinaryIO = path.open("xb")
        self._pending = bytearray()

    async def write(self, data: bytes) -> None:
        """Raises OSError, of a full disk for example."""
        self.size += len(data)
        self._pending += data
        if len(self._pending) >= _PIECE:
            await asyncio.to_thread(self._flush)

    def finish(self) -> None:
        """Bring everything to the disk. Blocks."""
        self._flush()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _flush(self) -> None:
        self._file.write(self._pending)
        self._pending.clear()


class Blobs:
    """One folder of immutable files, each under an id; of one engine alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"

    def open(self) -> list[str]:
        """Make the folder, drop what was never finished; the ids of what is there. Blocks."""
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        for left in self._incoming.iterdir():
            left.unlink()
        return [entry.name for entry in os.scandir(self._folder) if entry.is_file(follow_symlinks=False)]

    def path(self, id: str) -> Path:
        return self._folder / id

    def beside(self, name: str) -> Path:
        """A place for bytes that `adopt` may name later."""
        return self._incoming / name

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[Incoming]:
        incoming = await asyncio.to_thread(Incoming, self._incoming / secrets.token_hex(12))
        try:
            yield incoming
        finally:
            await asyncio.shield(asyncio.to_thread(incoming.abandon))

    async def keep(self, incoming: Incoming, id: str) -> None:
        """Name the bytes; from then on they survive a power cut. Raises OSError."""
        await asyncio.to_thread(self._keep, incoming, id)

    def _keep(self, incoming: Incoming, id: str) -> None:
        incoming.finish()
        self.adopt(incoming.path, id)

    def adopt(self, path: Path, id: str) -> None:
        """Name a finished file of the same file system. Blocks."""
        path.chmod(0o444)
        path.rename(self.path(id))
        self._sync_folder()

    def copy(self, id: str, new_id: str) -> None:
        """The same bytes under another id: another name of one file, where the file system has such. Blocks."""
        try:
            os.link(self.path(id), self.path(new_id))
        except FileNotFoundError:
            raise
        except OSError:
            beside = self._incoming / secrets.token_hex(12)
            shutil.copyfile(self.path(id), beside)
            beside.chmod(0o444)
            beside.rename(self.path(new_id))
        self._sync_folder()

    def drop(self, *ids: str) -> None:
        """Blocks."""
        for id in ids:
            self.path(id).unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
