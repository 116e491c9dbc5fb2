"""The folder of a memory store in a session's home, which is also what the sandbox has mounted.

What is in a sandbox is not trusted: each step opens folder by folder and follows no link. What was last the same in the
folder and in the store is remembered beside it, so that each side's changes can be told from the other's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from antcli.engine.memory.memories import LARGEST_CONTENT, MOST_MEMORIES

_MOST_FILES = 5 * MOST_MEMORIES

State = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: what tells whether it was written since, and the hash of its bytes, "" for one that was not read: it is
    too large, or cannot be opened."""

    state: State
    sha256: str


class FolderError(Exception):
    """The folder cannot be compared with its store."""


class MemoryFolder:
    """Paths are those of memories: they begin with a slash. All methods block."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._remembered = root.with_name(f"{root.name}.json")
        self._incoming = root.with_name(f"{root.name}.incoming")

    def known(self) -> dict[str, Entry]:
        """What was the same on both sides; nothing for a folder that is new, which is made."""
        if not self.root.is_dir():
            self._remembered.unlink(missing_ok=True)
            self.root.mkdir(mode=0o755, parents=True)
        try:
            found = json.loads(self._remembered.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {path: Entry(tuple(entry["state"]), entry["sha256"]) for path, entry in found.items()}

    def remember(self, known: Mapping[str, Entry]) -> None:
        data = json.dumps({path: asdict(entry) for path, entry in known.items()}).encode()
        self._incoming.write_bytes(data)
        os.replace(self._incoming, self._remembered)

    def scan(self, known: Mapping[str, Entry]) -> dict[str, Entry]:
        """The regular files. Raises FolderError when some could not be seen: what is missing would count as deleted."""
        found: dict[str, Entry] = {}
        try:
            for path, folder, name, info in self._walk():
                if len(found) >= _MOST_FILES:
                    raise FolderError(f"it holds more than {_MOST_FILES:,} files")
                state, old = _state(info), known.get(path)
                if old is not None and old.state == state:
                    found[path] = old
                else:
                    found[path] = Entry(state, _sha256(folder, name, info))
        except OSError as error:
            raise FolderError(str(error)) from None
        return found

    def read(self, path: str) -> bytes | None:
        """None when it is not there, is no file, or larger than a memory may be."""
        try:
            with self._parent(path, make=False) as (folder, name):
                return _bytes(folder, name)
        except OSError:
            return None

    def put(self, path: str, content: bytes, expected: Entry | None) -> Entry | None:
        """Write a file where the `expected` one, or none, was seen; None when it is another by now. Raises OSError."""
        with self._parent(path, make=True) as (folder, name):
            if _current(folder, name) != (expected and expected.state):
                return None
            self._incoming.write_bytes(content)
            self._incoming.chmod(0o644)
            _give_like(self._incoming, self.root)
            os.rename(self._incoming, name, dst_dir_fd=folder)
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return Entry(_state(info), hashlib.sha256(content).hexdigest())

    def remove(self, path: str, expected: Entry) -> None:
        """And the folders that are empty then. Nothing when it is another file by now. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            with self._parent(path, make=False) as (folder, name):
                if _current(folder, name) != expected.state:
                    return
                os.unlink(name, dir_fd=folder)
            above = path.rpartition("/")[0]
            with contextlib.suppress(OSError):
                while above:
                    with self._parent(above, make=False) as (folder, name):
                        os.rmdir(name, dir_fd=folder)
                    above = above.rpartition("/")[0]

    def _walk(self) -> Iterator[tuple[str, int, str, os.stat_result]]:
        def fail(error: OSError) -> None:
            raise error

        for directory, _, names, folder in os.fwalk(self.root, follow_symlinks=False, onerror=fail):
            for name in names:
                info = os.stat(name, dir_fd=folder, follow_symlinks=False)
                path = "/" + os.path.relpath(os.path.join(directory, name), self.root)
                try:
                    path.encode()
                except UnicodeEncodeError:
                    continue
                if stat.S_ISREG(info.st_mode):
                    yield path, folder, name, info

    @contextlib.contextmanager
    def _parent(self, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
        """The open folder that the file is in, and the file's name there."""
        *folders, name = path[1:].split("/")
        opened = [os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)]
        try:
            for folder in folders:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(folder, 0o755, dir_fd=opened[-1])
                        _own_like(folder, opened[-1], self.root)
                opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
            yield opened[-1], name
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _state(info: os.stat_result) -> State:
    """The time of change cannot be set from inside."""
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino


def _current(folder: int, name: str) -> State | None:
    try:
        return _state(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _sha256(folder: int, name: str, info: os.stat_result) -> str:
    data = None
    if info.st_size <= LARGEST_CONTENT:
        with contextlib.suppress(PermissionError):
            data = _bytes(folder, name)
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _bytes(folder: int, name: str) -> bytes | None:
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        data = file.read(LARGEST_CONTENT + 1)
    return data if len(data) <= LARGEST_CONTENT else None


def _give_like(path: Path, root: Path) -> None:
    """The sandbox may run as another user, whom the folder was given to."""
    if os.getuid() == 0:
        info = root.stat()
        os.chown(path, info.st_uid, info.st_gid)


def _own_like(name: str, folder: int, root: Path) -> None:
    if os.getuid() == 0:
        info = root.stat()
        os.chown(name, info.st_uid, info.st_gid, dir_fd=folder, follow_symlinks=False)
