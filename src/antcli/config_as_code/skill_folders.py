"""Skills: a folder with a SKILL.md, and whether it is the same as another or as what the server has."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from antcli import uploads
from antcli.config_as_code.documents import documents, has_fields
from antcli.errors import AntError, UsageError


def skill_name(folder: Path) -> str:
    """The name in the SKILL.md, else that of the folder. Raises UsageError for fields that cannot be read."""
    path = folder / "SKILL.md"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {path}: {error}.") from None
    if not has_fields(text):
        raise UsageError(f"{path}, line 1: a skill needs `name` and `description` between two lines of `---`.")
    fields = documents(text, str(path))[0].value
    return str((fields.get("name") if isinstance(fields, dict) else None) or folder.name)


def digest_of_folder(folder: Path) -> str:
    """What changes when a name or a byte in the folder does. Raises UsageError."""
    parts = (part[1] for part in uploads.skill_parts([str(folder)]))
    return _digest((name.partition("/")[2], Path(source.path).read_bytes()) for name, source, _ in parts)


def digest_of_zip(data: bytes) -> str:
    """The same of what the server has. Raises AntError for what is no zip."""
    with _opened(data) as found:
        files = [entry for entry in found.infolist() if not entry.is_dir()]
        return _digest((entry.filename.partition("/")[2], found.read(entry)) for entry in files)


def unpack(data: bytes, above: Path, *, force: bool) -> Path:
    """Writes the skill's folder into `above`.

    Raises UsageError when it exists, unless `force`, or leads elsewhere, AntError for what is no zip.
    """
    with _opened(data) as found:
        files = [entry for entry in found.infolist() if not entry.is_dir()]
        tops = {entry.filename.partition("/")[0] for entry in files}
        if len(tops) != 1 or any(set(entry.filename.split("/")) & {"", ".", ".."} for entry in files):
            raise UsageError("The server's zip of this skill is not one folder: it is not unpacked.")
        folder = above / tops.pop()
        if folder.exists() and not force:
            raise UsageError(f"{os.path.relpath(folder)} exists.", hint="--force replaces what is in it.")
        above.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=above))
        try:
            found.extractall(scratch)
            if folder.exists():  # it goes with the scratch folder, when the new one stands
                os.replace(folder, scratch / ".before")
            os.replace(scratch / folder.name, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder.resolve()


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise AntError(f"What the server sent of this skill is not a zip: {error}.") from None


def _digest(files: Iterable[tuple[str, bytes]]) -> str:
    whole = hashlib.sha256()
    for name, content in sorted(files):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]
