"""Files and folders that only this user can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from antcli.errors import EngineStartError

LONGEST_SOCKET_PATH = 100  # bytes; systems end at 104 or 108
_TEMPORARY_FOLDERS = ("XDG_RUNTIME_DIR", "TMPDIR")


def make_private(data_dir: Path) -> None:
    """Make the data directory, or check that it is ours, and close it to others. Raises EngineStartError."""
    hint = "Choose another one with ANT_DATA_DIR, or --data-dir."
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = data_dir.stat()
        if found.st_uid != os.geteuid():
            raise EngineStartError(f"The data directory {data_dir} belongs to another user.", hint=hint)
        if found.st_mode & 0o077:
            # Only what is ours alone is changed: somebody may have named /tmp.
            if any(data_dir.iterdir()) and not (data_dir / "engine.lock").exists():
                message = f"The data directory {data_dir} is open to other users and holds other files."
                raise EngineStartError(message, hint=f"Run `chmod 700 {data_dir}` if it is the right one. {hint}")
            data_dir.chmod(0o700)
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
        message = f"The data directory {data_dir} cannot be used: {reason}."
        raise EngineStartError(message, hint=hint) from error


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, mode 0600. Raises OSError."""
    import tempfile

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def socket_path(data_dir: Path) -> Path:
    """In the data directory; where that path is too long for a socket, in a private folder for temporary files."""
    path = data_dir / "engine.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    import hashlib

    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16] + ".sock"
    for base in (*(os.environ.get(name) for name in _TEMPORARY_FOLDERS), "/tmp"):
        if not base:
            continue
        folder = Path(base) / f"ant-{os.geteuid()}"
        if len(os.fsencode(folder / name)) <= LONGEST_SOCKET_PATH and os.path.isdir(base):
            _make_own_folder(folder)
            return folder / name
    raise EngineStartError(f"No folder for the engine's socket: the path of {data_dir} is too long.")


def _make_own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EngineStartError(f"{folder} is not a private folder of this user.", hint="Remove it, or set TMPDIR.")
