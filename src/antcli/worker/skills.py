"""The skills of a session's agent, as folders in the working directory: `skills/NAME/SKILL.md`."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from antcli.client.client import Client
from antcli.errors import AntError
from antcli.worker.log import Log

FOLDER = "skills"
_LARGEST = 512 * 1024 * 1024  # unpacked


class BadArchiveError(AntError):
    """It is no archive of a skill, or one that would write elsewhere."""


class _Member(NamedTuple):
    path: PurePosixPath
    executable: bool
    content: bytes


def download(client: Client, skills: list[dict[str, Any]], workdir: Path, log: Log) -> None:
    """One that cannot be had is told about, and the others are fetched all the same."""
    for skill in skills:
        try:
            version = client.call("skills.versions.retrieve", skill["skill_id"], skill["version"])
            archive = client.body("skills.versions.download", skill["skill_id"], str(version["id"]))
            name = PurePosixPath(str(version.get("name") or "")).name or str(skill["skill_id"])
            unpack(archive, workdir / FOLDER / name)
        except (AntError, OSError) as error:
            log.warning(f"A skill could not be fetched: {error}", skill_id=skill.get("skill_id"))
        else:
            log.info("A skill is here.", skill_id=skill["skill_id"], folder=f"{FOLDER}/{name}")


def unpack(archive: bytes, folder: Path) -> None:
    """In place of what is there, in one step. Links and special files are left out. Raises BadArchiveError, OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".skill-", dir=folder.parent))
    try:
        for path, executable, content in _unwrapped(_members(archive)):
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(0o755 if executable else 0o644)
        new.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _members(archive: bytes) -> list[_Member]:
    file = io.BytesIO(archive)
    unpacked = _zipped if zipfile.is_zipfile(file) else _tarred
    file.seek(0)
    try:
        found = list(unpacked(file))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise BadArchiveError(f"the archive cannot be read: {error}") from None
    if not found:
        raise BadArchiveError("the archive holds no files")
    return found


def _zipped(file: IO[bytes]) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as archive:
        _limit(info.file_size for info in archive.infolist())
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if not info.is_dir() and stat.S_IFMT(mode) in (0, stat.S_IFREG):
                yield _Member(_safe(info.filename), bool(mode & 0o111), archive.read(info))


def _tarred(file: IO[bytes]) -> Iterator[_Member]:
    with tarfile.open(fileobj=file) as archive:
        _limit(info.size for info in archive.getmembers())
        for info in archive.getmembers():
            content = archive.extractfile(info) if info.isreg() else None
            if content is not None:
                yield _Member(_safe(info.name), bool(info.mode & 0o111), content.read())


def _limit(sizes: Iterable[int]) -> None:
    if sum(sizes) > _LARGEST:
        raise BadArchiveError(f"the archive holds more than {_LARGEST} bytes")


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadArchiveError(f"the archive holds a path that leads out of it: {name!r}")
    return path


def _unwrapped(members: list[_Member]) -> list[_Member]:
    """Without the one folder around everything, where there is one."""
    tops = {member.path.parts[0] for member in members}
    if len(tops) != 1 or any(len(member.path.parts) == 1 for member in members):
        return members
    return [member._replace(path=PurePosixPath(*member.path.parts[1:])) for member in members]
