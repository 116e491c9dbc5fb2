"""One folder out of the compressed tar of a repository. Nothing in the tar is trusted."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from antcli.errors import UsageError

LARGEST_SKILL = 32 << 20
MOST_FILES = 2000
LARGEST_REPOSITORY = 2 << 30  # unpacked
MOST_ENTRIES = 500_000


class _Limited(gzip.GzipFile):
    """Stops a small archive from becoming a huge one."""

    _read_so_far = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self._read_so_far += len(content)
        if self._read_so_far > LARGEST_REPOSITORY:
            raise UsageError(f"The repository has more than {LARGEST_REPOSITORY >> 20} MB when it is unpacked.")
        return content


def skills_in(archive: IO[bytes]) -> set[str]:
    """The folders of the repository that have a SKILL.md, "" being its top. Raises UsageError."""
    with _told_in_words():
        return {"/".join(parts[1:-1]) for _, _, parts in _entries(archive) if parts[-1] == "SKILL.md" and parts[1:]}


def extract(archive: IO[bytes], path: str, commit: str, folder: Path) -> None:
    """Writes what is in a folder of the repository into `folder`, which is there and empty.

    Raises UsageError for links and devices, paths that lead out, another commit, and what is too large.
    """
    inside = path.split("/") if path else []
    depth = len(inside) + 1
    files = size = 0
    with _told_in_words():
        for tar, entry, parts in _entries(archive):
            if tar.pax_headers.get("comment", commit) != commit:
                raise UsageError("The archive is of another commit than was asked for.")
            if parts[1:depth] != inside or len(parts) <= depth or entry.isdir():
                continue
            name = "/".join(parts[depth:])
            if not entry.isreg():
                raise UsageError(f"The skill has {name}, which is no file but a link or a device.")
            files, size = files + 1, size + entry.size
            if files > MOST_FILES or size > LARGEST_SKILL:
                raise UsageError(f"The skill has more than {MOST_FILES} files or {LARGEST_SKILL >> 20} MB.")
            source = tar.extractfile(entry)
            _write(folder.joinpath(*parts[depth:]), source.read() if source else b"", name)


def _write(target: Path, content: bytes, name: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"The skill has {name}, which cannot be written: {error.strerror}.") from None


def _entries(archive: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, list[str]]]:
    """Every entry with the parts of its path, the first being the folder that all is in."""
    archive.seek(0)
    with _Limited(fileobj=archive) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
        for number, entry in enumerate(tar):
            parts = entry.name.rstrip("/").split("/")
            if number > MOST_ENTRIES:
                raise UsageError(f"The repository has more than {MOST_ENTRIES} files.")
            if {"", ".", ".."} & {*parts} or any(set(part) & {"\0", "\\"} for part in parts):
                raise UsageError("The archive has a path in it that leads out of it.")
            yield tar, entry, parts


@contextmanager
def _told_in_words() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        raise UsageError("What GitHub sent is no archive, or half of one.", hint="Try again.") from None
