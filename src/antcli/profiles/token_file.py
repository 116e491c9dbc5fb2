"""The access token of an official profile that logs in by exchange, kept in its credentials file between commands."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import NamedTuple

from antcli.errors import UsageError
from antcli.profiles.files import write
from antcli.profiles.official import read_object


class TokenFile(NamedTuple):
    """`path` is the credentials file, `config` what says how the token in it is got."""

    path: Path
    config: Path

    def read(self) -> tuple[str, float] | None:
        """The token and when it expires (unix seconds); None without one, or when the config was changed after it.

        Raises UsageError when it is a link, or others can read it.
        """
        try:
            status = self.path.lstat()
        except OSError:
            return None
        if stat.S_ISLNK(status.st_mode):
            raise UsageError(f"{self.path} is a link, and secrets are not read from links.", hint="Put the file there.")
        if status.st_mode & 0o077:
            raise UsageError(
                f"Others can read the secrets in {self.path} (mode {status.st_mode & 0o777:04o}).",
                hint=f"Run `chmod 600 {self.path}`; if somebody may have read them, revoke them.",
            )
        if status.st_mtime < self.config.stat().st_mtime:
            return None
        found = read_object(self.path)
        token, expires_at = found.get("access_token"), found.get("expires_at")
        usable = isinstance(token, str) and token and isinstance(expires_at, int | float)
        return (str(token), float(str(expires_at))) if usable else None

    def write(self, token: str, expires_at: float) -> None:
        """As the official programs do. Raises UsageError when it cannot be written."""
        found = {**read_object(self.path), "version": "1.0", "type": "oauth_token"}
        found |= {"access_token": token, "expires_at": int(expires_at)}
        write(self.path, json.dumps(found, indent=2).encode(), mode=0o600)
