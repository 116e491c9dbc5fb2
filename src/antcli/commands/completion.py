"""`ant completion`, and the part of completion that asks the server for names and ids."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

import antcli.static
from antcli.commands.base import examples
from antcli.context import Context, current


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


SCRIPTS = {Shell.bash: "ant.bash", Shell.zsh: "_ant", Shell.fish: "ant.fish"}


PATIENCE = 0.15  # seconds that a key press may wait for the server
MOST = 50


@examples("ant completion bash > ~/.local/share/bash-completion/completions/ant", "ant completion fish | source")
def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print the completion script of a shell."""
    path = os.path.join(os.path.dirname(antcli.static.__file__), "completion", SCRIPTS[shell])
    with open(path, encoding="utf-8") as file:
        current().output.text(file.read(), end="")


def names(context: Context, typed: list[str]) -> str:
    """Candidates that the server knows. Whatever goes wrong: none, in silence, for the user is typing."""
    from antcli.completion import place

    at = place(typed[:-1])
    if at is None:
        return ""
    kind, before, value = at.wanted(typed[-1])
    try:
        found = list(_profiles(context) if kind == ":profiles" else _things(context, kind[1:], value))
    except Exception:
        return ""
    return "".join(f"{before}{name}\t{about}\n" for name, about in found if name.startswith(value))


def _profiles(context: Context) -> Iterator[tuple[str, str]]:
    from antcli.profiles.store import load

    config = load(context.environ)
    for name in config.names():
        yield name, config.kind(name)


def _things(context: Context, kind: str, beginning: str) -> Iterator[tuple[str, str]]:
    """Names, else ids; ids when one is begun. An engine that does not run is not started for this."""
    from antcli.client.client import Client
    from antcli.references import KINDS, LAST

    if kind in KINDS and not beginning.strip("@last"):
        yield LAST, f"the newest {KINDS[kind].singular} made by this profile"
    server = context.running_engine() if context.selection.kind == "local" else context.server
    if server is None:
        return
    with Client(server, retries=0, timeout=PATIENCE) as client:
        for item in islice(client.pages(f"{kind}.list", query={"limit": MOST}), MOST):
            yield _candidate(item, kind, beginning)


def _candidate(item: dict[str, Any], kind: str, beginning: str) -> tuple[str, str]:
    from antcli.references import KINDS

    name = item.get(KINDS[kind].name) if kind in KINDS else None
    about = str(item.get("status") or item.get("display_name") or item["created_at"])
    if name and " " not in name and not (beginning and item["id"].startswith(beginning)):
        return name, item["id"]
    return item["id"], f"{name} ({about})" if name else about
