"""What a skill is made of: files in one folder with a SKILL.md, from an upload of files or of one zip archive."""

from __future__ import annotations

import io
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from antcli.engine.errors import invalid

LARGEST_BUNDLE = 30 * 2**20
MOST_FILES = 1000
LONGEST_NAME, LONGEST_DESCRIPTION = 64, 1024
_LONGEST_PATH, _LONGEST_SEGMENT, _MOST_SEGMENTS = 1024, 255, 20
_MANIFEST = "SKILL.md"
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", re.DOTALL)
_UNIX_HOSTS = (3, 19)  # creators of zip archives that write a file's mode
_RUBBISH = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$)")
_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Entry:
    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """`entries` by their path inside the skill's folder."""

    name: str
    description: str
    entries: dict[str, Entry]

    def archive(self) -> bytes:
        """A zip with everything in one folder of the skill's name; the same for the same bundle."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, entry in sorted(self.entries.items()):
                info = zipfile.ZipInfo(f"{self.name}/{path}")
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3
                info.external_attr = (stat.S_IFREG | (0o755 if entry.executable else 0o644)) << 16
                archive.writestr(info, entry.data)
        return buffer.getvalue()


def is_archive(uploads: list[tuple[str, bytes]]) -> bool:
    """One upload without a folder that is a zip by its content."""
    return len(uploads) == 1 and "/" not in uploads[0][0] and uploads[0][1].startswith(b"PK\x03\x04")


def read(uploads: list[tuple[str, bytes]]) -> Bundle:
    """The bundle of uploaded (name, content) pairs. Blocks. Raises RequestError (400)."""
    if not uploads:
        raise invalid("files: required, but not given.")
    if is_archive(uploads):
        return _bundle(_entries_of_zip(uploads[0][1]))
    return _bundle((name, Entry(data, data.startswith(b"#!"))) for name, data in uploads)


def _bundle(found: Iterable[tuple[str, Entry]]) -> Bundle:
    entries: dict[str, Entry] = {}
    size = 0
    for path, entry in found:
        _check_path(path)
        if path in entries:
            raise invalid(f"files: {path!r} is there twice.")
        entries[path] = entry
        size += len(entry.data)
        if len(entries) > MOST_FILES:
            raise invalid(f"files: at most {MOST_FILES:,} files a skill.")
        if size > LARGEST_BUNDLE:
            raise _too_large()
    if not entries:
        raise invalid("files: the archive has no files.")
    tops = {path.partition("/")[0] for path in entries}
    if len(tops) > 1 or any("/" not in path for path in entries):
        raise invalid(f"files: all files must be in one common folder, such as my-skill/{_MANIFEST}.")
    top = tops.pop()
    inner = {path.partition("/")[2]: entry for path, entry in entries.items()}
    _check_folders(inner)
    if _MANIFEST not in inner:
        raise invalid(f"files: {top}/{_MANIFEST} is missing: a skill begins with it.")
    name, description = _describe(inner[_MANIFEST].data, top)
    return Bundle(name, description, inner)


def _entries_of_zip(data: bytes) -> Iterable[tuple[str, Entry]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            left = LARGEST_BUNDLE
            for info in archive.infolist():
                mode = info.external_attr >> 16 if info.create_system in _UNIX_HOSTS else 0
                if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise invalid(f"files: {info.filename[:200]!r} in the archive is a link or a device.")
                if info.is_dir() or stat.S_ISDIR(mode) or _RUBBISH.search(info.filename):
                    continue
                if info.flag_bits & 1:
                    raise invalid(f"files: {info.filename[:200]!r} in the archive is encrypted.")
                content = _extract(archive, info, left)
                left -= len(content)
                yield info.filename, Entry(content, bool(mode & 0o111))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError) as error:
        raise invalid(f"files: the zip archive cannot be read: {error}.") from None


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Its bytes, however few the archive says there are. Raises RequestError (400)."""
    content = bytearray()
    with archive.open(info) as file:
        while piece := file.read(_PIECE):
            content += piece
            if len(content) > most:
                raise _too_large()
    return bytes(content)


def _too_large() -> Exception:
    return invalid(f"files: a skill has at most {LARGEST_BUNDLE // 2**20} MB, unpacked.")


def _check_path(path: str) -> None:
    segments = path.split("/")
    if any(segment in ("", ".", "..") for segment in segments) or "\\" in path:
        raise invalid(f"files: {path[:200]!r} is not a plain relative path.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise invalid(f"files: {path[:200]!r} has control characters in its name.")
    long = len(path.encode()) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_SEGMENT for part in segments)
    if long or len(segments) > _MOST_SEGMENTS:
        raise invalid(
            f"files: {path[:200]!r} is too long: at most {_LONGEST_PATH} bytes, {_LONGEST_SEGMENT} in each of at most "
            f"{_MOST_SEGMENTS} segments."
        )


def _check_folders(entries: dict[str, Entry]) -> None:
    for path in entries:
        parent = path
        while parent := parent.rpartition("/")[0]:
            if parent in entries:
                raise invalid(f"files: {parent!r} is a file and a folder.")


def _describe(manifest: bytes, folder: str) -> tuple[str, str]:
    """Name and description from the front matter; a missing name is that of the folder."""
    fields = _front_matter(manifest)
    name = fields.get("name", folder)
    if not isinstance(name, str) or not _SLUG.fullmatch(name) or len(name) > LONGEST_NAME:
        raise invalid(
            f"{_MANIFEST}: name must be lower-case letters, digits and single hyphens, at most {LONGEST_NAME} "
            f"characters, got {str(name)[:80]!r}."
        )
    description = fields.get("description")
    if not isinstance(description, str) or not description.strip():
        raise invalid(f"{_MANIFEST}: the front matter needs a description.")
    if len(description) > LONGEST_DESCRIPTION:
        raise invalid(
            f"{_MANIFEST}: description: at most {LONGEST_DESCRIPTION:,} characters, got {len(description):,}."
        )
    return name, description.strip()


def _front_matter(manifest: bytes) -> dict[str, Any]:
    import yaml

    try:
        found = _FRONT_MATTER.match(manifest.decode())
    except UnicodeDecodeError:
        raise invalid(f"{_MANIFEST}: must be UTF-8 text.") from None
    if found is None:
        raise invalid(f"{_MANIFEST}: must begin with front matter: a line ---, name and description, a line ---.")
    try:
        fields = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = getattr(error, "problem", None) or "malformed"
        raise invalid(f"{_MANIFEST}: the front matter is not valid YAML: {reason}.") from None
    if not isinstance(fields, dict):
        raise invalid(f"{_MANIFEST}: the front matter must be a mapping with name and description.")
    return fields
