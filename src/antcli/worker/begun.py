"""Which call of a session has begun here: a worker that is started after a crash must not repeat it in silence."""

from __future__ import annotations

import contextlib
from pathlib import Path

from antcli.profiles.files import write


class Begun:
    """One small file for a session, gone when the call is answered. Another machine's calls are not in it."""

    def __init__(self, folder: Path, session_id: str) -> None:
        self._path = folder / session_id.replace("/", "_")

    def set(self, call_id: str) -> None:
        """Raises UsageError when it cannot be written."""
        write(self._path, call_id.encode(), mode=0o600, hint="Set ANT_DATA_DIR to a folder that can be written.")

    def get(self) -> str | None:
        with contextlib.suppress(OSError):
            return self._path.read_text()
        return None

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
