"""The master key: where it comes from, and where one that is made is kept.

From ANT_MASTER_KEY; else from where it was put the first time: the OS keyring where there is an unlocked one, or a file
of mode 0600 in the data directory. A key is made only for a store that never had one: a key that is lost is an error,
and what it sealed stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from antcli.engine.errors import RequestError
from antcli.engine.vaults import keyrings

KEY_VARIABLE = "ANT_MASTER_KEY"
KEY_BYTES = 32
FILE = "master-key"
_WAYS = f"Put it back, or set {KEY_VARIABLE} to it."


class SecretError(RequestError):
    """A secret cannot be sealed or opened. The message says why and the way out; it holds no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(500, "api_error", message, retry=False)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """`place` is where it was found: environment, keyring or file."""

    place: str
    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells keys apart, and gives nothing away."""
        import hmac

        return hmac.digest(self.key, b"ant master key", "sha256").hex()[:12]


def find(data_dir: Path, known_place: str | None) -> MasterKey:
    """The master key; one is made when `known_place`, where this store's key was put, is None. Blocks.

    Raises SecretError.
    """
    given = os.environ.get(KEY_VARIABLE, "").strip()
    if given:
        return MasterKey("environment", _decoded(given, KEY_VARIABLE))
    path = data_dir / FILE
    if path.exists():
        return MasterKey("file", _read(path))
    account = _account(data_dir)
    if known_place == "environment":
        raise SecretError(f"The secrets here are sealed with the key that {KEY_VARIABLE} held: set it again.")
    if known_place == "file":
        raise SecretError(f"The master key {path} is missing. {_WAYS}")
    kept = keyrings.get(account)
    if kept:
        return MasterKey("keyring", _decoded(kept, "The master key in the OS keyring"))
    if known_place == "keyring":
        raise SecretError(f"The master key is in the OS keyring, which is locked, out of reach or empty. {_WAYS}")
    return _make(path, account)


def _make(path: Path, account: str) -> MasterKey:
    key = secrets.token_bytes(KEY_BYTES)
    text = base64.b64encode(key).decode()
    if keyrings.put(account, text):
        return MasterKey("keyring", key)
    try:
        # Never over an existing one: another engine may have made it a moment ago.
        with contextlib.suppress(FileExistsError):
            _write_new(path, text.encode() + b"\n")
        return MasterKey("file", _read(path))
    except OSError as error:
        message = f"The master key cannot be kept in {path}: {error.strerror}. Set {KEY_VARIABLE}."
        raise SecretError(message) from error


def _write_new(path: Path, data: bytes) -> None:
    """A file of mode 0600, whole or not at all. Raises FileExistsError, OSError."""
    import tempfile

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise SecretError(f"The master key {path} can be read by other users: run `chmod 600 {path}`.")
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SecretError(f"The master key {path} cannot be read: {reason}.") from error
    return _decoded(text, f"The master key {path}")


def _decoded(text: str, name: str) -> bytes:
    """32 bytes from base64 (either alphabet) or from hexadecimal."""
    with contextlib.suppress(ValueError, binascii.Error):
        if len(text) == 2 * KEY_BYTES:
            return bytes.fromhex(text)
        key = base64.b64decode(text.rstrip("=") + "=", altchars=b"-_" if set(text) & set("-_") else None, validate=True)
        if len(key) == KEY_BYTES:
            return key
    raise SecretError(f"{name} is no key: it must be 32 bytes as base64 or hexadecimal (`openssl rand -base64 32`).")


def _account(data_dir: Path) -> str:
    """The keyring's name for this data directory's key."""
    return f"master key of {data_dir.resolve()}"
