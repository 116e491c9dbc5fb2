"""The official command line's profiles, read and never written: `configs/`, `credentials/` and `active_config`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antcli.errors import NotLoggedInError, UsageError
from antcli.profiles.paths import official_dir

OAUTH_BETA = "oauth-2025-04-20"
_MILLISECONDS = 10**11  # times above this cannot be seconds


@dataclass(frozen=True, slots=True)
class OfficialProfile:
    """`token` is a bearer token, `expires_at` unix seconds or None; `path` the file it stands in."""

    name: str
    token: str = field(repr=False)
    path: Path
    expires_at: float | None = None
    base_url: str | None = None
    workspace_id: str | None = None

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time.time()

    @property
    def expiry(self) -> str:
        from datetime import datetime

        return "" if self.expires_at is None else datetime.fromtimestamp(self.expires_at).strftime("%Y-%m-%d %H:%M")

    def require_fresh(self) -> None:
        """Raises NotLoggedInError for an expired token: `ant` does not refresh what another program keeps."""
        if self.expired:
            raise NotLoggedInError(
                f"The token of the official profile {self.name!r} expired at {self.expiry} ({self.path}).",
                hint="Log in with the official command line again, run `ant auth login`, or set ANTHROPIC_API_KEY.",
            )


def exists(environ: Mapping[str, str], name: str) -> bool:
    directory = official_dir(environ)
    return _is_name(name) and any((directory / part / f"{name}.json").exists() for part in ("configs", "credentials"))


def active_name(environ: Mapping[str, str]) -> str:
    """The name in `active_config`, else `default`."""
    try:
        name = (official_dir(environ) / "active_config").read_text().strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    return name if _is_name(name) else "default"


def load(environ: Mapping[str, str], name: str) -> OfficialProfile | None:
    """The profile, or None where there is none or it holds no token. UsageError: a file that cannot be read."""
    if not _is_name(name):
        return None
    directory = official_dir(environ)
    config = read_object(directory / "configs" / f"{name}.json")
    authentication = config.get("authentication")
    own_path = authentication.get("credentials_path") if isinstance(authentication, dict) else None
    path = directory / "credentials" / f"{name}.json"
    if isinstance(own_path, str) and own_path:
        path = directory / Path(own_path).expanduser()
    stored = read_object(path)
    token = stored.get("access_token")
    if not isinstance(token, str) or not token:
        return None
    return OfficialProfile(
        name,
        token,
        path,
        _seconds(stored.get("expires_at")),
        base_url=_text(config.get("base_url")),
        workspace_id=_text(config.get("workspace_id")) or _text(stored.get("workspace_id")),
    )


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file, {} where there is none. Raises UsageError."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON ({error}).", hint="Log in with the official command line again.") from None
    return value if isinstance(value, dict) else {}


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_.-]+", name) is not None and name.strip(".") != ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value / 1000 if value > _MILLISECONDS else float(value)
