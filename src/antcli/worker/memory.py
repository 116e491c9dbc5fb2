"""The memory stores of a session, as folders at their mount paths: fetched when the session is taken up, and written
back after each call that may have changed them. On a conflict the store wins."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from antcli.client.client import Client
from antcli.errors import AntError, ApiError
from antcli.worker.lease import is_fatal
from antcli.worker.log import Log

MARK = ".anthropic-memory-store"  # says whose the folder is, and is locked while a worker lives
LARGEST = 1024 * 1024  # no memory is larger


class MountError(AntError):
    """A store cannot be laid out on this machine."""


class _Known(NamedTuple):
    id: str
    sha256: str


class MemoryFolder:
    """One store at its place. Raises MountError, and what the client raises, until it is there."""

    def __init__(self, client: Client, resource: dict[str, Any], log: Log) -> None:
        self.path = Path(str(resource["mount_path"]))
        self._client = client
        self._store = str(resource["memory_store_id"])
        self.is_writable = resource.get("access", "read_write") == "read_write"
        self._log = log
        self._known: dict[str, _Known] = {}
        self._refused: dict[str, str] = {}  # what the store will not take, by the hash that it has here
        if not self.path.is_absolute() or ".." in self.path.parts:
            raise MountError(f"{self.path} is no place for a memory store.")
        self._lock = self._take_place()
        try:
            self._fetch()
        except BaseException:
            self.remove()
            raise

    def sync(self) -> None:
        """Write back what changed here. What fails now is tried again the next time."""
        if not self.is_writable:
            return
        try:
            here = dict(self._files())
            for path, data in here.items():
                if data is not None:
                    self._send(path, data)
            for path in self._known.keys() - here.keys():
                self._delete(path)
        except (AntError, OSError) as error:
            self._log.warning(f"A memory store could not be written back: {error}", memory_store_id=self._store)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def _take_place(self) -> int:
        """The open mark, locked. A folder that a dead worker has left is begun anew; any other stays untouched."""
        mark = self.path / MARK
        try:
            if self.path.exists() and not mark.exists():
                raise MountError(f"{self.path} exists already on the worker's machine, and is no memory store.")
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MountError(f"{self.path} cannot be made on the worker's machine: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise MountError(f"{self.path} is in use by another session on this machine.") from None
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != MARK:
                entry.unlink()
        return lock

    def _fetch(self) -> None:
        """The store as it is, over what is here."""
        query = {"view": "full", "limit": 20}
        for memory in self._client.pages("memory_stores.memories.list", self._store, query=query):
            if memory.get("type", "memory") == "memory":
                self._put(memory)

    def _put(self, memory: dict[str, Any]) -> None:
        path = str(memory["path"]).lstrip("/")
        if ".." in PurePosixPath(path).parts or path in ("", MARK):
            return
        data = str(memory.get("content") or "").encode()
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        scratch.write_bytes(data)
        scratch.chmod(0o644 if self.is_writable else 0o444)
        os.replace(scratch, target)
        self._known[path] = _Known(str(memory["id"]), _sha256(data))

    def _files(self) -> Iterator[tuple[str, bytes | None]]:
        """None for what is too large. Raises OSError: what cannot be seen would count as deleted."""

        def fail(error: OSError) -> None:
            raise error

        for directory, _, names in os.walk(self.path, onerror=fail):
            for name in names:
                file = Path(directory, name)
                path = str(file.relative_to(self.path))
                info = file.lstat()
                if path != MARK and stat.S_ISREG(info.st_mode):
                    yield path, file.read_bytes() if info.st_size <= LARGEST else None

    def _send(self, path: str, data: bytes) -> None:
        known, digest = self._known.get(path), _sha256(data)
        if digest in (known and known.sha256, self._refused.get(path)):
            return
        try:
            content = data.decode()
        except UnicodeDecodeError:
            return self._refuse(path, digest, "it is not UTF-8 text")
        with self._conflicts(path, digest):
            memory = self._store_it(path, content, known)
            self._known[path] = _Known(str(memory["id"]), digest)

    def _store_it(self, path: str, content: str, known: _Known | None) -> Any:
        if known is not None:
            body = {"content": content, "precondition": {"type": "content_sha256", "content_sha256": known.sha256}}
            try:
                return self._client.call("memory_stores.memories.update", self._store, known.id, body=body)
            except ApiError as error:
                if error.status != 404:  # else it was deleted there meanwhile
                    raise
        body = {"path": f"/{path}", "content": content}
        return self._client.call("memory_stores.memories.create", self._store, body=body)

    def _delete(self, path: str) -> None:
        known = self._known[path]
        query = {"expected_content_sha256": known.sha256}
        with self._conflicts(path, ""):
            try:
                self._client.call("memory_stores.memories.delete", self._store, known.id, query=query)
            except ApiError as error:
                if error.status != 404:
                    raise
            del self._known[path]

    @contextlib.contextmanager
    def _conflicts(self, path: str, digest: str) -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            if error.status == 409:
                self._log.info("A memory was changed elsewhere: the store's is taken.", path=path)
                self._fetch()
            elif is_fatal(error):
                self._refuse(path, digest, error.message)
            else:
                raise

    def _refuse(self, path: str, digest: str, why: str) -> None:
        if self._refused.get(path) != digest:
            self._log.warning(f"A memory is not kept: {why}", path=path)
        self._refused[path] = digest


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
