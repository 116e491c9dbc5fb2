"""Options that plan, apply, export, import and destroy share."""

from __future__ import annotations

from typing import Annotated

import typer

PathsArg = Annotated[
    list[str] | None, typer.Argument(metavar="[PATH]...", help="Files, or folders of files; without, all of them.")
]
LockFileOpt = Annotated[
    str | None,
    typer.Option("--lock-file", metavar="FILE", help="Instead of the nearest claude-lock.json: one a server."),
]
PruneOpt = Annotated[bool, typer.Option("--prune", help="Remove what was applied and is in no file any more.")]
ForceOpt = Annotated[
    bool, typer.Option("--force", help="Go by the files also where things were changed, archived or deleted otherwise.")
]
SecretsOpt = Annotated[
    bool, typer.Option("--send-secrets", help="Send the secrets of credentials again: their variables have new values.")
]
VerboseOpt = Annotated[bool, typer.Option("--verbose", "-v", help="Show whole values, and what is unchanged.")]
UpgradeOpt = Annotated[
    bool, typer.Option("--upgrade", help="Take skills at GitHub addresses as they are now, not as they are pinned.")
]
ShowOnlyOpt = Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")]
