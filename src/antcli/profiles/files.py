"""TOML files that are read with care and replaced as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from antcli.errors import UsageError


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables, or {} where there is none. UsageError names the file and the line."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", hint="Check its owner and mode.") from None
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: not UTF-8 text.", hint=f"Correct {path}, or remove it.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}.", hint=f"Correct that line of {path}, or remove the file.") from None


def write_toml(path: Path, data: Mapping[str, Any], *, mode: int) -> None:
    """Replace the file in one step. Directories that are missing are made for the owner alone."""
    import tomli_w

    write(path, tomli_w.dumps(dict(data)).encode(), mode=mode)


def write(path: Path, content: bytes, *, mode: int, hint: str = "Check the directory, or set ANT_CONFIG_DIR.") -> None:
    """As `write_toml`, for bytes. A reader sees the old file or the new one; a link stays a link. Raises UsageError."""
    import tempfile

    target = Path(os.path.realpath(path))
    scratch = ""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, target)
    except OSError as error:
        raise UsageError(f"Cannot write {target}: {error.strerror}.", hint=hint) from None
    finally:
        if scratch and os.path.exists(scratch):
            os.unlink(scratch)
