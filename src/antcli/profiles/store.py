"""The profiles in `config.toml`: which server, which defaults, how the local engine is started. No secrets.

    active = "work"

    [profiles.work]
    kind = "hosted"                 # or "local"
    base_url = "https://api.anthropic.com"
    [profiles.work.defaults]
    agent = "coder"

What `ant` does not know is kept as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from antcli.errors import UsageError
from antcli.profiles.files import read_toml, write_toml
from antcli.profiles.paths import config_dir

BUILT_IN = ("local", "hosted")  # exist without being written down


class Setting(NamedTuple):
    """`kind` is text, url, path, integer or number; `choices` where only these words will do."""

    kind: str = "text"
    choices: tuple[str, ...] = ()
    meaning: str = ""


SETTINGS: dict[str, Setting] = {
    "kind": Setting(choices=("hosted", "local"), meaning="a hosted server, or the engine on this machine"),
    "base_url": Setting("url", meaning="where the hosted server is"),
    "workspace_id": Setting(meaning="the workspace of the hosted account"),
    "defaults.agent": Setting(meaning="the agent used when none is named"),
    "defaults.environment": Setting(meaning="the environment used when none is named"),
    "defaults.format": Setting(
        choices=("auto", "table", "json", "jsonl", "yaml", "csv", "id", "raw"), meaning="the format of results"
    ),
    "model.base_url": Setting("url", meaning="the Messages API that the local engine asks"),
    "model.default": Setting(meaning="the model used when none is named"),
    "engine.sandbox": Setting(
        choices=("auto", "bubblewrap", "docker", "podman", "none"), meaning="what the tools of the local engine run in"
    ),
    "engine.idle_minutes": Setting("number", meaning="when the local engine goes away; 0 means never"),
    "engine.model_retries": Setting("integer", meaning="how often the local engine repeats a failed model request"),
    "engine.context_tokens": Setting("integer", meaning="how long a conversation may grow before it is summarised"),
    "engine.data_dir": Setting("path", meaning="where the local engine keeps its sessions"),
}


class Config:
    """The file's content. Changes are in memory until `save`."""

    def __init__(self, path: Path, data: dict[str, Any]) -> None:
        self.path = path
        self._data = data

    @property
    def active(self) -> str | None:
        return self._data.get("active")

    def names(self) -> list[str]:
        """The profiles of the file, then those that always exist."""
        written = list(self._profiles())
        return written + [name for name in BUILT_IN if name not in written]

    def has(self, name: str) -> bool:
        return name in self.names()

    def kind(self, name: str) -> str:
        """`hosted` or `local`; a profile that does not say is hosted when it has an address."""
        kind = self.get(name, "kind")
        if kind is not None:
            return str(kind)
        return "hosted" if name == "hosted" or self.get(name, "base_url") is not None else "local"

    def table(self, name: str) -> Mapping[str, Any]:
        """All that the file says about a profile; {} for one that is not in it."""
        table: Mapping[str, Any] = self._profiles().get(name, {})
        return table

    def get(self, name: str, key: str) -> Any:
        """One setting (`"engine.sandbox"`), or None."""
        value: Any = self.table(name)
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def use(self, name: str) -> None:
        if not self.has(name):
            raise unknown_profile(name, self.names())
        self._data["active"] = name

    def set(self, name: str, key: str, text: str) -> None:
        """Set one setting from text; the profile is made when it is new. Raises UsageError."""
        setting = known_setting(key)
        value = _parsed(key, setting, text)
        checked_name(name)
        table = self._data.setdefault("profiles", {}).setdefault(name, {})
        *outer, last = key.split(".")
        for part in outer:
            table = table.setdefault(part, {})
        table[last] = value

    def unset(self, name: str, key: str) -> bool:
        """Forget one setting; whether it was there."""
        known_setting(key)
        *outer, last = key.split(".")
        tables = [self._profiles().get(name, {})]
        for part in outer:
            tables.append(tables[-1].get(part, {}))
        found = tables[-1].pop(last, None) is not None
        for part, table in zip(outer, tables, strict=False):
            if table.get(part) == {}:
                del table[part]
        return found

    def delete(self, name: str) -> None:
        """Forget a profile. Raises UsageError where there is none in the file."""
        if name not in self._profiles():
            raise unknown_profile(name, list(self._profiles()))
        del self._profiles()[name]
        if self.active == name:
            del self._data["active"]

    def save(self) -> None:
        write_toml(self.path, self._data, mode=0o600)

    def _profiles(self) -> dict[str, dict[str, Any]]:
        profiles: dict[str, dict[str, Any]] = self._data.get("profiles", {})
        return profiles


def load(environ: Mapping[str, str]) -> Config:
    """The config file. UsageError names the file, the line and what would be right."""
    path = config_dir(environ) / "config.toml"
    data = read_toml(path)
    for table, key, wrong in _wrong(data):
        line = _line_of(path, table, key)
        raise UsageError(f"{path}, line {line}: {wrong}.", hint=f"Correct that line of {path}, or remove it.")
    return Config(path, data)


def known_setting(key: str) -> Setting:
    if key not in SETTINGS:
        raise UsageError(f"There is no setting {key!r}.", hint=f"Settings: {', '.join(SETTINGS)}.")
    return SETTINGS[key]


def checked_name(name: str) -> str:
    """The name, if it can be one. Raises UsageError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise UsageError(f"{name!r} cannot be a profile's name.", hint="Use letters, digits, `_`, `.` and `-`.")
    return name


def unknown_profile(name: str, names: list[str]) -> UsageError:
    return UsageError(
        f"There is no profile {name!r}.", hint=f"Profiles: {', '.join(names) or 'none'}. `ant profile set` makes one."
    )


def _parsed(key: str, setting: Setting, text: str) -> str | int | float:
    value: str | int | float = text.strip()
    try:
        if setting.kind == "integer":
            value = int(text)
        elif setting.kind == "number":
            value = float(text)
            value = int(value) if value.is_integer() else value
    except (ValueError, OverflowError):
        raise UsageError(f"{key} must be a number, not {text!r}.") from None
    wrong = _objection(setting, value)
    if wrong:
        raise UsageError(f"{key} must be {wrong}, not {text!r}.")
    return value


def _objection(setting: Setting, value: Any) -> str | None:
    """What the value should be, when it is not."""
    if setting.kind in ("integer", "number"):
        kinds = (int,) if setting.kind == "integer" else (int, float)
        fits = isinstance(value, kinds) and not isinstance(value, bool) and 0 <= value < 1_000_000
        return None if fits else "a number from 0 up"
    if not isinstance(value, str) or not value:
        return "a text"
    if setting.choices and value not in setting.choices:
        return "one of " + ", ".join(setting.choices)
    if setting.kind == "url" and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value):
        return "a URL like https://example.com, without a password"
    return None


def _wrong(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(table, key, what is wrong) of what cannot be meant."""
    if not isinstance(data.get("active", ""), str):
        yield "", "active", "active must be the name of a profile"
    profiles = data.get("profiles", {})
    if not isinstance(profiles, dict):
        yield "", "profiles", "profiles must be tables like [profiles.work]"
        return
    for name, profile in profiles.items():
        if not isinstance(profile, dict):
            yield "profiles", name, f"a profile is a table: [profiles.{name}]"
            continue
        for key, setting in SETTINGS.items():
            *outer, last = key.split(".")
            table: Any = profile
            for part in outer:
                table = table.get(part, {})
            if not isinstance(table, dict):
                yield f"profiles.{name}", outer[0], f"this is a table: [profiles.{name}.{outer[0]}]"
            elif last in table and (wrong := _objection(setting, table[last])):
                yield ".".join(["profiles", name, *outer]), last, f"{last} must be {wrong}"


def _line_of(path: Path, table: str, key: str) -> int:
    """The line that sets a key, as people write it: under its table's header, or dotted. 1 when it is hidden better."""
    current = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.replace('"', "").replace(" ", "")
        if text.startswith("["):
            current = text.strip("[]").partition("]")[0]
        if "=" in text and f"{current}.{text.partition('=')[0]}".strip(".") == f"{table}.{key}".strip("."):
            return number
    return 1
