"""Bytes of the server as a file: streamed, resumed where the server can, and there only when it is whole."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from antcli.errors import AntError, ServerError, UsageError
from antcli.fatal_signals import before_the_end

if TYPE_CHECKING:
    from antcli.client.transport import OpenResponse
    from antcli.context import Context
    from antcli.output.progress import Progress

_TRIES = 5  # connections in a row that bring nothing new


class Download:
    """One operation whose answer is bytes. `size` is what the server's records say, or None."""

    def __init__(self, context: Context, operation: str, path: tuple[str, ...], size: int | None = None) -> None:
        self.context = context
        self.operation = operation
        self.path = path
        self.size = size
        self.total: int | None = None
        self._tag: str | None = None
        self._ranges = False
        self._opened = False
        self._restarted = False

    def to_file(self, target: str, *, force: bool) -> int:
        """Writes the file at once or not at all, and answers its size. Raises UsageError when it exists already."""
        with whole_file(target, force=force) as file:
            return self.into(file, os.path.basename(target), again=True)

    def into(self, file: IO[bytes], label: str, *, again: bool = False) -> int:
        """Writes what the server sends, over as many connections as it takes. Raises ServerError.

        `again`: the file is ours alone, so it may be emptied and written once more.
        """
        from antcli.output.progress import progress

        got = failures = 0
        with progress(self.context.terminal, label, self.size, quiet=self.context.options.quiet) as shown:
            while True:
                before = got
                try:
                    for piece in self._pieces(got):
                        file.write(piece)
                        got += len(piece)
                        shown.advance(len(piece))
                    break
                except ServerError as error:
                    failures = failures + 1 if got == before else 1
                    got = self._again(error, file if again else None, got, failures, shown)
        expected = self.total if self.total is not None else self.size
        if expected is not None and got != expected:
            raise ServerError(f"{label}: got {got} bytes of {expected}.", hint="Try again; nothing was kept.")
        file.flush()
        return got

    def _again(self, error: ServerError, file: IO[bytes] | None, got: int, failures: int, shown: Progress) -> int:
        """How many of the bytes still count. Raises the error when another try makes no sense."""
        shown.hide()
        if not self._opened or failures > _TRIES:
            raise error
        if got == 0:
            self.context.client.pause(0.2 * failures)
            return 0
        if self._ranges:
            self.context.output.notice(f"{error.message} Going on at byte {got}.")
            self.context.client.pause(0.2 * failures)
            return got
        if file is None:
            hint = "The server cannot send the rest alone. Download to a file, or try again."
            raise ServerError(error.message, hint=hint) from None
        if self._restarted:
            hint = "The server cannot send the rest alone, and broke off twice. Nothing was kept."
            raise ServerError(error.message, hint=hint) from None
        self._restarted = True
        self.context.output.notice(f"{error.message} The server cannot send the rest alone: once more from the start.")
        file.seek(0)
        file.truncate()
        shown.advance(-got)
        self._tag = None
        self._ranges = False
        return 0

    def _pieces(self, begin: int) -> Iterator[bytes]:
        headers = {"accept-encoding": "identity"}
        if begin:
            headers["range"] = f"bytes={begin}-"
            if self._tag:
                headers["if-range"] = self._tag
        response = self.context.client.open(self.operation, *self.path, headers=headers)
        try:
            if begin:
                self._check_rest(response, begin)
            else:
                self._learn(response)
            yield from response.chunks()
        finally:
            response.close()

    def _learn(self, response: OpenResponse) -> None:
        self._opened = True
        length = response.headers.get("content-length", "")
        self.total = int(length) if length.isdecimal() else None
        tag = response.headers.get("etag", "")
        self._tag = tag if tag.startswith('"') else None  # only a strong one says that the bytes are the same
        self._ranges = response.headers.get("accept-ranges", "").strip().lower() == "bytes"
        if self.size is not None and self.total is not None and self.total != self.size:
            told = f"The server sends {self.total} bytes of a file of {self.size}."
            raise AntError(told, hint="Try again; if it stays so, the file is damaged there.")

    def _check_rest(self, response: OpenResponse, begin: int) -> None:
        """Only the rest of the same file may be put behind what is there."""
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
        same = match and int(match[1]) == begin and (self.total is None or match[2] in ("*", str(self.total)))
        if response.status != 206 or not same:
            raise AntError(
                "The connection broke off, and the server does not send the rest of the same file.",
                hint="It may have changed meanwhile. Try again; nothing was kept.",
            )


@contextlib.contextmanager
def whole_file(target: str, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that is at its place when the block ends well, and nowhere otherwise. Raises UsageError, AntError."""
    refuse_existing(target, force=force)
    try:
        descriptor, scratch = tempfile.mkstemp(
            prefix=f".{os.path.basename(target)[:40]}.", suffix=".part", dir=os.path.dirname(target) or "."
        )
    except OSError as error:
        raise UsageError(f"Cannot write {target}: {error.strerror}.") from None
    try:
        # Nothing could go on with an unfinished file later.
        with before_the_end(partial(_remove, scratch)), os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_mask())
        if force:
            os.replace(scratch, target)
        else:
            _put_in_place(scratch, target)
    except OSError as error:
        raise AntError(f"Cannot write {target}: {error.strerror}.") from None
    finally:
        _remove(scratch)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def refuse_existing(target: str, *, force: bool) -> None:
    if os.path.isdir(target):
        raise UsageError(f"{target} is a folder.", hint="Give the name of a file with -O.")
    if not force and os.path.lexists(target):
        raise UsageError(f"{target} exists already.", hint="Say --force to replace it, or -O to name another file.")


def make_folder(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UsageError(f"Cannot make the folder {path}: {error.strerror}.") from None


def _put_in_place(scratch: str, target: str) -> None:
    """A rename that does not replace what came to be meanwhile."""
    try:
        os.link(scratch, target)
    except FileExistsError:
        refuse_existing(target, force=False)
    except OSError:  # a file system without links
        refuse_existing(target, force=False)
        os.replace(scratch, target)


def _mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def plain_name(name: Any) -> str:
    """The last part of a name from elsewhere, harmless in any folder."""
    text = re.split(r"[/\\]", str(name or ""))[-1]
    text = "".join(letter if letter.isprintable() else "_" for letter in text).lstrip(".")
    while len(text.encode()) > 200:
        text = text[1:]
    return text or "unnamed"


def free_name(folder: str, name: str, taken: set[str]) -> str:
    """A path in a folder that no other file of the same download has: `report-2.txt`."""
    stem, suffix = os.path.splitext(name)
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    taken.add(name)
    return os.path.join(folder, name)
