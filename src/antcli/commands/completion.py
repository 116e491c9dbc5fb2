"""`ant completion`: the script of a shell, printed or installed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from antcli.commands.base import examples
from antcli.context import current
from antcli.errors import UsageError


class Shell(StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"
    pwsh = "pwsh"


@examples(
    "ant completion bash", "ant completion zsh --install", "ant completion fish > ~/.config/fish/completions/ant.fish"
)
def completion(
    shell: Annotated[
        Shell | None, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell; without it, yours.")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Put it where the shell finds it, for good; again renews it.")
    ] = False,
) -> None:
    """Print the completion script of a shell, or install it."""
    from antcli.commands import shells

    context = current()
    name = shells.named(shell or _own_shell())
    if not install:
        context.output.text(shells.script(name), end="")
        return
    done = shells.install(name, context.environ)
    context.output.notice(f"Wrote {done.script}.")
    if done.startup_file:
        context.output.notice(f"{done.startup_file} loads it.")
    context.output.notice(f"Open a new {name} to use it.")


def _own_shell() -> str:
    name = current().environ.get("SHELL", "").rpartition("/")[2]
    if name not in list(Shell):
        raise UsageError("Which shell? SHELL does not say.", hint="Name it: `ant completion bash`.")
    return name
