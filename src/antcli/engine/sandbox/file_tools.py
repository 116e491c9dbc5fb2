"""read, write, edit, glob and grep: run inside the sandbox, with the standard library only (Python 3.9 and later).

Every function takes the call's input and the paths it is about, and returns content blocks. A `ToolError` is the error
text for the model. A sandbox is the confinement; where there is none, paths can be kept within folders.
"""

from __future__ import annotations

import os
import re
import stat

TYPE_CHECKING = False  # `typing` is not worth its memory here
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Blocks = list[dict[str, Any]]

TEXT_CAP = 262_144
IMAGE_CAP = 5 * 1024 * 1024  # of base64
DOCUMENT_CAP = 20 * 1024 * 1024
GREP_CAP = 102_400
GLOB_RESULTS = 200
LONGEST_LINE = 2000

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_MEDIA_EXTENSIONS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf"}


class ToolError(Exception):
    """The call failed; the message is for the model."""


class Paths:
    """Where the sandbox's paths are: `moved` maps path prefixes to other places, `within` names the folders that files
    must be in, links followed, `read_only` those in which they cannot be changed (only where nothing is isolated)."""

    def __init__(
        self, workdir: str, moved: dict[str, str], within: Sequence[str] | None = None, read_only: Sequence[str] = ()
    ) -> None:
        self.workdir = workdir
        self.moved = moved
        self.within = None if within is None else [os.path.realpath(folder) for folder in within]
        self.read_only = [os.path.realpath(folder) for folder in read_only]

    def find(self, path: str, *, to_write: bool = False) -> str:
        if "\0" in path:
            raise ToolError("a path cannot contain a NUL character")
        for prefix, place in self.moved.items():
            if path == prefix or path.startswith(prefix + "/"):
                path = place + path[len(prefix) :]
        found = os.path.normpath(os.path.join(self.workdir, path))
        if not self.allows(found):
            raise ToolError(f"{path} is outside the working directory {self.workdir}, to which files are confined")
        if to_write and _is_within(found, self.read_only):
            raise ToolError(f"{path} is read only")
        return found

    def allows(self, path: str) -> bool:
        return self.within is None or _is_within(path, self.within)

    def show(self, path: str) -> str:
        """As short as it can be to be used in the next call."""
        inside = path.startswith(self.workdir.rstrip("/") + "/")
        return os.path.relpath(path, self.workdir) if inside else path


def _is_within(path: str, folders: list[str]) -> bool:
    real = os.path.realpath(path) if folders else path
    return any(real == folder or real.startswith(folder.rstrip("/") + "/") for folder in folders)


def text(words: str) -> Blocks:
    return [{"type": "text", "text": words}]


def read(input: dict[str, Any], paths: Paths) -> Blocks:
    path = paths.find(input["file_path"])
    view = input.get("view_range")
    with _open_regular(path, input["file_path"]) as file:
        if os.path.splitext(path)[1].lower() in _MEDIA_EXTENSIONS:
            if view:
                raise ToolError("view_range: only for text, not for images and PDF documents")
            return [_media_block(file, input["file_path"])]
        if view:
            data = _lines(file, view[0], view[1])
        else:
            data = file.read(TEXT_CAP + 1)
            if len(data) > TEXT_CAP:
                size = os.fstat(file.fileno()).st_size
                raise ToolError(f"the file has {size} bytes, more than {TEXT_CAP}: give view_range, or use grep")
    return text(_decode(data, input["file_path"]) or "(no text)")


def write(input: dict[str, Any], paths: Paths) -> Blocks:
    data = _encode(input["content"], "content")
    path = paths.find(input["file_path"], to_write=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _replace(path, data)
    return text(f"wrote {len(data)} bytes to {paths.show(path)}")


def edit(input: dict[str, Any], paths: Paths) -> Blocks:
    path = paths.find(input["file_path"], to_write=True)
    old, new = _encode(input["old_string"], "old_string"), _encode(input["new_string"], "new_string")
    if not old:
        raise ToolError("old_string: must not be empty; use write to make a file")
    if old == new:
        raise ToolError("new_string: is the same as old_string")
    with _open_regular(path, input["file_path"]) as file:
        data = file.read(TEXT_CAP + 1)
    if len(data) > TEXT_CAP:
        raise ToolError(f"the file is larger than {TEXT_CAP} bytes, too large for edit: use bash")
    _decode(data, input["file_path"])
    count = data.count(old)
    if count == 0:
        raise ToolError("old_string: not found in the file")
    if count > 1 and not input.get("replace_all"):
        raise ToolError(f"old_string: occurs {count} times; add text around it to make it unique, or set replace_all")
    data = data.replace(old, new)
    if len(data) > TEXT_CAP:
        raise ToolError(f"the file would grow beyond {TEXT_CAP} bytes, too large for edit: use bash")
    _replace(path, data)
    return text(f"replaced {count} occurrence{'s' if count > 1 else ''} in {paths.show(path)}")


def glob(input: dict[str, Any], paths: Paths) -> Blocks:
    base = paths.find(input.get("path") or ".")
    pattern = input["pattern"]
    if pattern.startswith("/"):
        raise ToolError("pattern: must be relative; give the directory as path")
    if not os.path.isdir(base):
        raise ToolError(f"path: {input.get('path')} is not a directory")
    found = {}
    for alternative in _braces(pattern):
        segments = [part for part in alternative.split("/") if part not in ("", ".")]
        if ".." in segments:
            raise ToolError("pattern: must not contain `..`; give the directory as path")
        for path in _glob(base, segments) if segments else ():
            try:
                if paths.allows(path):
                    found[path] = os.lstat(path).st_mtime_ns
            except OSError:
                continue  # gone since it was listed
    newest = sorted(found, key=lambda path: (-found[path], path))
    listed = [paths.show(path) for path in newest[:GLOB_RESULTS]]
    if len(newest) > GLOB_RESULTS:
        listed.append(f"[the newest {GLOB_RESULTS} of {len(newest)}]")
    return text("\n".join(listed) or "no matches")


def grep(input: dict[str, Any], paths: Paths) -> Blocks:
    base = paths.find(input.get("path") or ".")
    if not os.path.exists(base):
        raise ToolError(f"path: {input.get('path')} does not exist")
    program = _ripgrep()
    lines = _run_ripgrep(program, input["pattern"], base, paths) if program else _walk(input["pattern"], base, paths)
    return text(lines or "no matches")


TOOLS: dict[str, Callable[[dict[str, Any], Paths], Blocks]] = {
    "read": read, "write": write, "edit": edit, "glob": glob, "grep": grep,
}  # fmt: skip


def _open_regular(path: str, named: str) -> Any:
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise ToolError(f"{named} is {'a directory' if stat.S_ISDIR(mode) else 'not a regular file'}")
    return os.fdopen(descriptor, "rb")


def _decode(data: bytes, named: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ToolError(f"{named} is not UTF-8 text") from None


def _encode(words: str, field: str) -> bytes:
    try:
        return words.encode("utf-8")
    except UnicodeEncodeError:
        raise ToolError(f"{field}: contains half a surrogate pair, which no text file can hold") from None


def _lines(file: Any, first: int, last: int) -> bytes:
    if first < 1 or 0 < last < first:
        raise ToolError("view_range: the first line must be 1 or more, and the last not before it")
    kept = bytearray()
    number = 1
    piece = b""
    while last <= 0 or number <= last:
        piece = file.readline(65_536)  # in pieces: a line can be as long as the disk
        if not piece:
            break
        if number >= first:
            kept += piece
            if len(kept) > TEXT_CAP:
                raise ToolError(f"these lines have more than {TEXT_CAP} bytes: give a smaller view_range")
        number += piece.endswith(b"\n")
    if not kept and first > 1:
        raise ToolError(f"view_range: the file has no line {first}")
    return bytes(kept)


def _media_block(file: Any, named: str) -> dict[str, Any]:
    import base64

    data = file.read(DOCUMENT_CAP + 1)
    media_type = next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        media_type = "image/webp"
    if media_type is None:
        raise ToolError(f"{named} is not what its name says: no image or PDF document of a known kind")
    is_image = media_type.startswith("image/")
    if (len(data) + 2) // 3 * 4 > IMAGE_CAP if is_image else len(data) > DOCUMENT_CAP:
        raise ToolError(f"{named} is too large: at most {'5 MiB as base64' if is_image else '20 MiB'}")
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": "image" if is_image else "document", "source": source}


def _replace(path: str, data: bytes) -> None:
    """Atomic; keeps the permissions of what was there and writes through a symbolic link."""
    path = os.path.realpath(path)
    if os.path.isdir(path):
        raise ToolError(f"{path} is a directory")
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            if os.path.exists(path):
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(path).st_mode))
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise


def _braces(pattern: str) -> Iterator[str]:
    """`a{b,c}` as `ab` and `ac`; braces may be nested."""
    start = pattern.find("{")
    depth, parts, begin = 0, [], start + 1
    for index in range(start, len(pattern)) if start >= 0 else ():
        character = pattern[index]
        depth += (character == "{") - (character == "}")
        if (character == "," and depth == 1) or depth == 0:
            parts.append(pattern[begin:index])
            begin = index + 1
        if depth == 0:
            for part in parts:
                yield from _braces(pattern[:start] + part + pattern[index + 1 :])
            return
    yield pattern


def _glob(directory: str, segments: list[str]) -> Iterator[str]:
    """Files below `directory` whose path matches. Symbolic links to directories are not followed by `**`."""
    import fnmatch

    segment, rest = segments[0], segments[1:]
    if segment == "**":
        while rest and rest[0] == "**":
            rest = rest[1:]
        yield from _glob(directory, rest or ["*"])
        for entry in _entries(directory):
            if entry.is_dir(follow_symlinks=False) and entry.name != ".git":
                yield from _glob(entry.path, segments)
        return
    matches = re.compile(fnmatch.translate(segment.replace("[^", "[!"))).match
    for entry in _entries(directory):
        if matches(entry.name):
            if not rest and not entry.is_dir():
                yield entry.path
            elif rest and entry.is_dir():
                yield from _glob(entry.path, rest)


def _entries(directory: str) -> list[Any]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _ripgrep() -> str | None:
    directories = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    candidates = (os.path.join(directory, "rg") for directory in directories)
    return next((path for path in candidates if os.access(path, os.X_OK)), None)


def _run_ripgrep(program: str, pattern: str, base: str, paths: Paths) -> str:
    output, output_end = os.pipe()
    errors, errors_end = os.pipe()
    argv = [
        program, "--no-config", "--no-messages", "--no-ignore", "--hidden", "--glob=!.git", "--glob=!node_modules",
        "--line-number", "--with-filename", "--null", "--no-heading", "--color=never", "--sort=path",
        f"--max-columns={LONGEST_LINE}", f"--regexp={pattern}", "--", base,
    ]  # fmt: skip
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output_end, 1),
        (os.POSIX_SPAWN_DUP2, errors_end, 2),
    ]
    try:
        process = os.posix_spawn(program, argv, {"LANG": "C.UTF-8"}, file_actions=actions)
    except ValueError:
        raise ToolError("pattern: cannot contain a NUL character") from None
    os.close(output_end)
    os.close(errors_end)
    lines, full = [], False
    size = 0
    with os.fdopen(output, "rb") as stream:
        for raw in stream:
            path, _, rest = raw.partition(b"\0")
            if rest.partition(b":")[2].startswith(b"[Omitted long "):  # longer than --max-columns
                continue
            line = os.fsencode(paths.show(os.fsdecode(path))) + b":" + rest
            size += len(line)
            full = size > GREP_CAP
            if full:
                os.kill(process, 9)
                break
            lines.append(line)
    with os.fdopen(errors, "rb") as stream:
        complaint = stream.read(4096).decode("utf-8", "replace").strip()
    status = os.waitpid(process, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 2 and not lines and complaint:
        raise ToolError(f"pattern: {complaint}")
    return _joined(lines, full)


def _walk(pattern: str, base: str, paths: Paths) -> str:
    try:
        search = re.compile(pattern).search
    except (re.error, OverflowError) as error:
        raise ToolError(f"pattern: {error}") from None
    lines: list[bytes] = []
    size = 0
    for path in [base] if os.path.isfile(base) else _files(base):
        name = os.fsencode(paths.show(path))
        for number, line in _matching_lines(path, search):
            line = b"%s:%d:%s\n" % (name, number, line)
            size += len(line)
            if size > GREP_CAP:
                return _joined(lines, True)
            lines.append(line)
    return _joined(lines, False)


def _joined(lines: list[bytes], full: bool) -> str:
    words = b"".join(lines).decode("utf-8", "replace").rstrip("\n")
    return words + f"\n[more than {GREP_CAP} bytes: the rest is left out]" if full else words


def _files(directory: str) -> Iterator[str]:
    for entry in _entries(directory):
        if entry.is_file(follow_symlinks=False):
            yield entry.path
        elif entry.is_dir(follow_symlinks=False) and entry.name not in (".git", "node_modules"):
            yield from _files(entry.path)


def _matching_lines(path: str, search: Callable[[str], Any]) -> Iterator[tuple[int, bytes]]:
    try:
        with _open_regular(path, path) as file:
            if b"\0" in file.read(8192):
                return  # binary
            file.seek(0)
            number, inside_long_line = 1, False
            while True:
                piece = file.readline(65_536)
                if not piece:
                    return
                complete = piece.endswith(b"\n")
                if not inside_long_line and len(piece) <= LONGEST_LINE:
                    line = piece.rstrip(b"\r\n")
                    if search(line.decode("utf-8", "replace")):
                        yield number, line
                inside_long_line = not complete
                number += complete
    except (OSError, ToolError):
        return  # unreadable, or gone
