"""The short way to say that an operation of the table is a command of a group."""

from __future__ import annotations

from antcli.commands.base import Commands
from antcli.commands.operation import call

_ALIASES = {"get": ("retrieve",), "list": ("ls",), "delete": ("rm",)}


def verb(group: Commands, name: str, operation: str, help: str, *examples: str) -> None:
    """Adds the command `name` to a group."""
    group.add(name, call(name, operation, help, *examples), *_ALIASES.get(name, ()))
