"""Arguments and options that commands made from functions share."""

from __future__ import annotations

from typing import Annotated

import typer

SessionArg = Annotated[
    str, typer.Argument(metavar="SESSION", help="Session: title, id, the beginning of its id, or @last.")
]
AgentOpt = Annotated[str | None, typer.Option("--agent", "-a", metavar="AGENT", help="Agent: name or id.")]
EnvOpt = Annotated[
    str | None, typer.Option("--env", "--environment-id", "-e", metavar="ENVIRONMENT", help="Environment: name or id.")
]
ProfileArg = Annotated[str, typer.Argument(metavar="PROFILE", help="Name of the profile.")]
TimeoutOpt = Annotated[
    str | None, typer.Option("--timeout", metavar="DURATION", help="Give up after this long: 90, 30s, 5m, 2h.")
]
DryRunOpt = Annotated[bool, typer.Option("--dry-run", help="Show the request, send nothing.")]
YesOpt = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
