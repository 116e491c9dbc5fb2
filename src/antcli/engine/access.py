"""The key that clients of a port must show (DESIGN.md 4.5)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from antcli.engine.private_files import write_private
from antcli.engine.settings import EngineSettings
from antcli.errors import EngineStartError, UsageError

KEY_VARIABLE = "ANT_SERVER_API_KEY"


def server_key(settings: EngineSettings, key_file: Path | None) -> str:
    """From the settings, the environment or a file; on loopback else the one in the data directory, made when missing.

    Raises UsageError when there is none for a port that others can reach.
    """
    key = settings.api_key or os.environ.get(KEY_VARIABLE) or None
    if key is None and key_file is not None:
        key = _read(key_file)
    if key is not None:
        return _checked(key.strip())
    if not is_loopback(settings.host):
        message = f"--host {settings.host} can be reached from other machines: an API key is required."
        raise UsageError(message, hint=f"Set {KEY_VARIABLE}, or give --api-key-file.")
    return _own_key(settings.data_dir / "api-key")


def is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_key(path: Path) -> str:
    try:
        if path.exists():
            return _checked(path.read_text().strip())
        key = f"ant-{secrets.token_urlsafe(32)}"
        write_private(path, key.encode() + b"\n")
    except OSError as error:
        hint = f"Set {KEY_VARIABLE}, or choose another directory with --data-dir."
        raise EngineStartError(f"The API key cannot be kept in {path}: {error.strerror}.", hint=hint) from error
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise UsageError(f"--api-key-file {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--api-key-file {path}: not UTF-8 text.") from error


def _checked(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("The API key must be printable ASCII, without spaces, and not empty.")
    return key
