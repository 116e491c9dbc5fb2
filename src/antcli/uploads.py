"""What is uploaded: files read while they are sent, so that a large one takes no memory, and folders of files."""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.client.transport import FormPart
    from antcli.context import Context

_LEFT_OUT = {".git", "__pycache__", ".DS_Store"}
_PIECE = 1 << 20


class Source:
    """A file as a form takes it: opened when the first byte is asked for, never longer than it was at first."""

    def __init__(self, path: str, advance: Callable[[int], None] | None = None, file: IO[bytes] | None = None) -> None:
        self.path = self.name = path
        self.size = os.fstat(file.fileno()).st_size if file else os.stat(path).st_size
        self.advance = advance or (lambda _: None)
        self._file = file
        self._is_ours = file is None
        self._at = 0
        self._told = 0  # of these bytes `advance` knows

    def read(self, size: int = -1) -> bytes:
        left = self.size - self._at
        if left == 0:
            return b""
        if self._file is None:
            self._file = open(self.path, "rb")  # noqa: SIM115  # closed at its end
            self._file.seek(self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        if not data:
            raise UsageError(f"{self.path} became shorter while it was sent.")
        self._at += len(data)
        self.advance(self._at - self._told)  # a request that is sent again goes back
        self._told = self._at
        if self._at == self.size and self._is_ours:
            self.close()
        return data

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = at
        if self._file is not None:
            self._file.seek(at)
        return at

    def tell(self) -> int:
        return self._at


def stdin(context: Context) -> IO[bytes]:
    """Stdin as a file on disk: its length has to be known before the first byte is sent."""
    if context.terminal.stdin_is_terminal:
        raise UsageError("Stdin is a terminal.", hint="Pipe the content in, or name a file.")
    source: Any = getattr(context.terminal.stdin, "buffer", None)
    kept = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the upload
    if source is None:
        kept.write(context.terminal.stdin.read().encode())
    else:
        while piece := source.read(_PIECE):
            kept.write(piece)
    kept.seek(0)
    return kept


def readable(path: str) -> str:
    """The path of a file that can be read. Raises UsageError."""
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder.", hint="Name the files in it, or pack it first.")
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from None


def kind_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def skill_parts(paths: list[str], advance: Callable[[int], None] | None = None) -> list[FormPart]:
    """The form of a skill: a folder with its sub-folders, a zip, or single files of one folder. Raises UsageError."""
    if len(paths) == 1 and paths[0].lower().endswith(".zip") and not os.path.isdir(paths[0]):
        found = [(os.path.basename(paths[0]), readable(paths[0]))]
    elif len(paths) == 1 and os.path.isdir(paths[0]):
        found = list(_inside(Path(paths[0]).resolve()))
    else:
        found = _single_files(paths)
    return [("files[]", (name, Source(path, advance), kind_of(name))) for name, path in found]


def _inside(folder: Path) -> Iterator[tuple[str, str]]:
    if not (folder / "SKILL.md").is_file():
        raise UsageError(f"{folder} has no SKILL.md.", hint="A skill is a folder with a SKILL.md at its top.")
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for name in sorted(set(names) - _LEFT_OUT):
            path = Path(above, name)
            if path.resolve().is_relative_to(folder):  # a link that leads out of the folder is not part of the skill
                yield f"{folder.name}/{path.relative_to(folder).as_posix()}", readable(str(path))


def _single_files(paths: list[str]) -> list[tuple[str, str]]:
    top = next((Path(path).resolve().parent for path in paths if os.path.basename(path) == "SKILL.md"), None)
    if top is None:
        raise UsageError("None of these files is a SKILL.md.", hint="Name the folder, a zip of it, or all its files.")
    for path in paths:
        if not Path(path).resolve().is_relative_to(top):
            raise UsageError(f"{path} is not in {top}, where the SKILL.md is.")
    return [(f"{top.name}/{Path(path).resolve().relative_to(top).as_posix()}", readable(path)) for path in paths]
