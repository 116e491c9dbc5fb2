"""Secrets of profiles, in `credentials.toml`: readable by the owner alone, and not used when others can read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antcli.errors import UsageError
from antcli.profiles.files import read_toml, write_toml
from antcli.profiles.paths import config_dir

KEYS = ("api_key", "auth_token", "model_api_key")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is stored for one profile; `model_api_key` is for the engine's model, the others are for the server."""

    api_key: str | None = field(default=None, repr=False)
    auth_token: str | None = field(default=None, repr=False)
    model_api_key: str | None = field(default=None, repr=False)


def load(environ: Mapping[str, str], profile: str) -> Credentials:
    """The profile's credentials, empty where there are none. UsageError: others can read the file, or nobody can."""
    stored = _read(_path(environ)).get(profile, {})
    return Credentials(**{key: stored[key] for key in KEYS if isinstance(stored.get(key), str) and stored[key]})


def store(environ: Mapping[str, str], profile: str, **secrets: str | None) -> None:
    """Keep these secrets of a profile (keys of `KEYS`); None forgets one, what is not named stays."""
    unknown = set(secrets) - set(KEYS)
    if unknown:
        raise TypeError(f"not a credential: {', '.join(sorted(unknown))}")
    path = _path(environ)
    everything = _read(path)
    merged = {**everything.get(profile, {}), **secrets}
    everything[profile] = {key: value for key, value in merged.items() if value is not None}
    _write(path, everything)


def forget(environ: Mapping[str, str], profile: str) -> bool:
    """Remove all secrets of a profile; whether there were any."""
    path = _path(environ)
    everything = _read(path)
    found = bool(everything.pop(profile, None))
    if found:
        _write(path, everything)
    return found


def _path(environ: Mapping[str, str]) -> Path:
    return config_dir(environ) / "credentials.toml"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from None
    if mode & 0o077:
        raise UsageError(
            f"Others can read the secrets in {path} (mode {mode:04o}).",
            hint=f"Run `chmod 600 {path}`; if somebody may have read them, replace the keys.",
        )
    tables = read_toml(path)
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {name} must be a table, [{name}].", hint=f"Correct {path}, or remove it.")
    return tables


def _write(path: Path, everything: Mapping[str, Any]) -> None:
    write_toml(path, {name: table for name, table in everything.items() if table}, mode=0o600)
