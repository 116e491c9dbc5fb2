"""`ant plan`: what `ant apply` would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from antcli.commands.base import examples
from antcli.commands.config_options import (
    ForceOpt,
    LockFileOpt,
    PathsArg,
    PruneOpt,
    SecretsOpt,
    UpgradeOpt,
    VerboseOpt,
)
from antcli.context import current
from antcli.errors import AntError, ExitCode

if TYPE_CHECKING:
    from antcli.config_as_code.planner import Plan
    from antcli.config_as_code.state import State
    from antcli.context import Context

DetailedOpt = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 10 when there are changes, with 0 when there are none.")
]


@examples("ant plan", "ant plan agents/reviewer.md -v", "ant plan --detailed-exitcode -o json")
def plan(
    paths: PathsArg = None,
    lock_file: LockFileOpt = None,
    prune: PruneOpt = False,
    force: ForceOpt = False,
    send_secrets: SecretsOpt = False,
    upgrade: UpgradeOpt = False,
    verbose: VerboseOpt = False,
    detailed: DetailedOpt = False,
) -> int:
    """Show what apply would change. Nothing is changed.

    Files declare agents, environments, skills, memory stores, vaults and deployments; without PATH, all in the folder
    of claude-lock.json, or in this one. A plan that cannot be applied is an error (exit code 1).
    """
    from antcli.config_as_code import state
    from antcli.config_as_code.planner import Choices
    from antcli.config_as_code.project import make_plan

    context = current()
    known = state.read(state.find(lock_file))
    choices = Choices(force, prune, send_secrets, upgrade)
    found = make_plan(context.client, known, paths or (), choices, context.environ)
    show(context, known, found, verbose=verbose)
    if found.blocks:
        raise blocked(found.blocks[0].reason)
    return ExitCode.PLAN_HAS_CHANGES if detailed and found.changes else ExitCode.OK


def show(context: Context, known: State, found: Plan, *, verbose: bool) -> None:
    """The plan as the result of a command: to read, or as an object for programs."""
    from antcli.config_as_code import plan_text

    for note in found.notes:
        context.output.notice(note)
    output = context.output
    if output.for_programs or output.transform is not None:
        output.object("plan", plan_text.as_object(found, server=known.origin["base_url"], lock_file=known.shown))
    else:
        output.text(str(plan_text.PlanText(found, verbose=verbose, colour=context.terminal.colour)))


def blocked(reason: str) -> AntError:
    return AntError(
        f"Refusing to apply: {reason}.",
        hint="Bring the files up to date with `ant export`, or say --force to go by the files.",
    )
