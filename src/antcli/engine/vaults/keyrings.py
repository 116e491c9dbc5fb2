"""The keyring of the operating system, where the optional `keyring` package finds an unlocked one.

Never a prompt and never a hang: a locked keyring, one that would ask, and one that does not answer in time are none.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_SERVICE = "ant"
_SECONDS = 3.0
# Only keyrings that can be kept from asking: others (KWallet, encrypted files) open a window or read the terminal.
_QUIET = ("keyring.backends.SecretService", "keyring.backends.libsecret", "keyring.backends.macOS")


def get(account: str) -> str | None:
    """The secret, or None when there is none or no keyring that can be used."""
    return _in_time(lambda: _with_backend(lambda backend: backend.get_password(_SERVICE, account)))


def put(account: str, secret: str) -> bool:
    """Whether the secret is in a keyring now: it was written and read back."""

    def write(backend: Any) -> bool:
        backend.set_password(_SERVICE, account, secret)
        return bool(backend.get_password(_SERVICE, account) == secret)

    return _in_time(lambda: _with_backend(write)) or False


def _with_backend(use: Callable[[Any], T]) -> T | None:
    try:
        import keyring
    except ImportError:
        return None
    backend: Any = keyring.get_keyring()
    # The chainer asks each backend in turn: take the first that is quiet.
    for candidate in getattr(backend, "backends", [backend]):
        module = type(candidate).__module__
        if module in _QUIET and _is_unlocked(module):
            return use(candidate)
    return None


def _is_unlocked(module: str) -> bool:
    if module.endswith("macOS"):
        return _without_windows()
    import secretstorage  # comes with keyring on Linux

    connection = secretstorage.dbus_init()
    try:
        return not secretstorage.get_default_collection(connection).is_locked()
    finally:
        connection.close()


def _without_windows() -> bool:
    """Have macOS answer with an error where it would open a window."""
    import ctypes
    import ctypes.util

    path = ctypes.util.find_library("Security") if sys.platform == "darwin" else None
    if path is None:
        return False
    return bool(ctypes.CDLL(path).SecKeychainSetUserInteractionAllowed(ctypes.c_ubyte(0)) == 0)


def _in_time(work: Callable[[], T]) -> T | None:
    """The result, or None when there was an error or no answer in time; the thread is then left to itself."""
    found: list[T] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception:  # whatever ails a keyring, it is one that cannot be used
            return

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return found[0] if found else None
