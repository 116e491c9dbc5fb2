"""`ant export`: live things as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from antcli.commands.base import examples
from antcli.commands.config_options import LockFileOpt
from antcli.context import current
from antcli.errors import UsageError

KindArg = Annotated[
    str | None,
    typer.Argument(metavar="[KIND]", help="agent, env, skill, memory-store, vault or deployment.", show_default=False),
]
NamesArg = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Names or ids; without, all of the kind.")
]
AllOpt = Annotated[bool, typer.Option("--all", help="Everything that no file declares yet.")]
FolderOpt = Annotated[
    str | None, typer.Option("--output", "-O", metavar="FOLDER", help="Instead of the folder of the lock file.")
]
ForceOpt = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


@examples("ant export agent reviewer", "ant export --all -O managed", "ant export envs --force")
def export(
    kind: KindArg = None,
    names: NamesArg = None,
    all: AllOpt = False,
    output: FolderOpt = None,
    force: ForceOpt = False,
    lock_file: LockFileOpt = None,
) -> None:
    """Write what is on the server as files, for which `ant plan` sees no change.

    Each thing gets a file in agents/, environments/, ...; claude-lock.json records which is which. What is tracked
    already is written over its own file with --force. Secrets stay where they are: files name variables.
    """
    from antcli.config_as_code import state
    from antcli.config_as_code.export import Export
    from antcli.config_as_code.kinds import KINDS, kind_of
    from antcli.config_as_code.project import take_origin

    context = current()
    if (kind is None) != all:
        raise UsageError("Say what to export: KIND with names, or --all.")
    with state.locked(state.find(lock_file)) as known:
        take_origin(known, context.client.server)
        folder = Path(output).resolve() if output else known.root
        exporting = Export(context.client, known, folder, context.environ, force=force)
        kinds = [kind_of(kind)] if kind else [found for found in KINDS.values() if found.word != "vault_credential"]
        ids = [context.resolve_id(kinds[0].family, name) for name in names or ()]
        rows: list[dict[str, Any]] = []
        try:
            for id in ids:
                rows += exporting.one(kinds[0], id)
            for each in () if ids else kinds:
                for found in exporting.all_of(each):
                    rows.append(found)
        finally:
            context.output.list("changes", rows)
