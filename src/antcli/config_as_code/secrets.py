"""Secrets in files are the names of environment variables, `${NAME}`; their values are read when they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from antcli.config_as_code.declared import Declared, Place

SECRETS = {"authorization_token", "token", "access_token", "refresh_token", "client_secret", "secret_value"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ROOMS = {"vault_credential": "auth", "deployment": "resources"}


def check_secrets(thing: Declared) -> None:
    """Raises UsageError for a secret that stands in the file itself; the message does not show it."""
    for place, value in _secrets(thing):
        if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
            raise thing.error(
                "a secret does not belong into a file.", place,
                "Write ${NAME}: the value of that environment variable is sent when it is applied.",
            )  # fmt: skip


def in_field(thing: Declared, name: str) -> bool:
    """The field has secrets."""
    return any(place[0] == name for place, _ in _secrets(thing))


def check_variables(thing: Declared, environ: Mapping[str, str]) -> None:
    """Raises UsageError for a variable that is not set."""
    for place, value in _secrets(thing):
        name = value[2:-1]
        if not environ.get(name):
            raise thing.error(f"the environment variable {name} is not set.", place, f"Set {name} and try again.")


def filled(kind: str, body: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The body with the values of its variables. KeyError: `check_variables` was not asked."""
    room = _ROOMS.get(kind)
    return {name: _filled(value, environ) if name == room else value for name, value in body.items()}


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(item, environ) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: environ[item[2:-1]] if name in SECRETS and isinstance(item, str) else _filled(item, environ)
        for name, item in value.items()
    }


def _secrets(thing: Declared) -> Iterator[tuple[Place, Any]]:
    room = _ROOMS.get(thing.kind.word)
    if room is not None and room in thing.body:
        yield from _below(thing.body[room], (room,))


def _below(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(item, (*place, index))
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in SECRETS and item is not None:
                yield (*place, name), item
            else:
                yield from _below(item, (*place, name))
