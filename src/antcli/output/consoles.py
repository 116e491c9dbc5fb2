"""Rich consoles on the streams of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from antcli.output.terminal import Terminal


def console(terminal: Terminal, *, stderr: bool = False) -> Console:
    """A console on stdout or stderr, which must be a terminal; colours as the user wants them."""
    from rich.console import Console

    colour = terminal.stderr_colour if stderr else terminal.colour
    return Console(
        file=terminal.stderr if stderr else terminal.stdout, force_terminal=True,
        highlight=False, markup=False, emoji=False,
        color_system="auto" if colour else None, no_color=not colour, legacy_windows=False,
    )  # fmt: skip
