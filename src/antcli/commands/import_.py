"""`ant import`: a file that stands for what is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antcli.commands.base import examples
from antcli.commands.config_options import LockFileOpt
from antcli.context import current

KindArg = Annotated[str, typer.Argument(metavar="KIND", help="agent, env, skill, memory-store, vault or deployment.")]
NameArg = Annotated[str, typer.Argument(metavar="NAME", help="Name, id, the beginning of its id, or @last.")]
FileArg = Annotated[
    str | None,
    typer.Argument(metavar="[FILE]", show_default=False, help="The file that declares it, if not by its name."),
]
ForceOpt = Annotated[bool, typer.Option("--force", help="Also when the file stands for another one already.")]


@examples("ant import agent reviewer", "ant import env tests environments/tests.yaml")
def import_(
    kind: KindArg, name: NameArg, file: FileArg = None, force: ForceOpt = False, lock_file: LockFileOpt = None
) -> None:
    """Let a file stand for something that is on the server already, so that apply changes it and makes no second one.

    Nothing is changed on the server, nor in the file: `ant plan` shows where they differ. Where there is no file yet,
    `ant export` writes one.
    """
    from antcli.config_as_code import state
    from antcli.config_as_code.adoption import adopt_declared
    from antcli.config_as_code.kinds import kind_of
    from antcli.config_as_code.project import files_of, take_origin
    from antcli.config_as_code.references import linked

    context = current()
    meant = kind_of(kind)
    with state.locked(state.find(lock_file)) as known:
        files = files_of(known, context.environ)
        files.add([file or str(known.root)])
        things = [thing for thing in linked(files) if file is None or thing.file == files.key(Path(file).resolve())]
        take_origin(known, context.client.server)
        id = context.resolve_id(meant.family, name)
        rows = adopt_declared(context.client, known, things, meant, id, force=force)
    context.output.list("changes", rows)
