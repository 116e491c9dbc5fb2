"""`ant apply`: makes the server say what the files say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antcli.commands.base import examples
from antcli.commands.config_options import (
    ForceOpt,
    LockFileOpt,
    PathsArg,
    PruneOpt,
    SecretsOpt,
    ShowOnlyOpt,
    UpgradeOpt,
    VerboseOpt,
)
from antcli.commands.options import YesOpt
from antcli.context import current
from antcli.errors import UsageError

if TYPE_CHECKING:
    from antcli.config_as_code.planner import Plan
    from antcli.config_as_code.state import State
    from antcli.context import Context


@examples(
    "ant apply", "ant apply agents/ environments/ --yes", "ant apply --prune --yes -o json", "ant apply --upgrade --yes"
)
def apply(
    paths: PathsArg = None,
    lock_file: LockFileOpt = None,
    prune: PruneOpt = False,
    force: ForceOpt = False,
    send_secrets: SecretsOpt = False,
    upgrade: UpgradeOpt = False,
    verbose: VerboseOpt = False,
    yes: YesOpt = False,
    dry_run: ShowOnlyOpt = False,
) -> int | None:
    """Make the server say what the files say: create and update, in the right order.

    The plan is shown and asked about; without a terminal, --yes is needed. claude-lock.json remembers which file is
    which thing: commit it. When a step fails or the command is killed, the same command goes on from there.

    A skill may be an address, https://github.com/OWNER/REPOSITORY/tree/BRANCH/FOLDER: it stays at the commit that it
    had first, until --upgrade. GITHUB_TOKEN is for private repositories.
    """
    from antcli.commands.plan import plan
    from antcli.config_as_code import state
    from antcli.config_as_code.planner import Choices
    from antcli.config_as_code.project import make_plan

    if dry_run:
        return plan(paths, lock_file, prune, force, send_secrets, upgrade, verbose)
    context = current()
    with state.locked(state.find(lock_file)) as known:
        choices = Choices(force, prune, send_secrets, upgrade)
        found = make_plan(context.client, known, paths or (), choices, context.environ)
        carry_out(context, known, found, verbose=verbose, yes=yes, question="Apply these changes?")
    return None


def carry_out(context: Context, known: State, found: Plan, *, verbose: bool, yes: bool, question: str) -> None:
    """Shows the plan on stderr, asks, and does it; each step is a line on stdout when it is done."""
    from antcli.commands.plan import blocked
    from antcli.config_as_code.plan_text import PlanText
    from antcli.config_as_code.steps import Steps

    for note in found.notes:
        context.output.notice(note)
    context.output.report(str(PlanText(found, verbose=verbose, colour=context.terminal.stderr_colour)))
    if found.blocks:
        raise blocked(found.blocks[0].reason)
    if found.changes:
        if not yes and not context.terminal.can_ask:
            raise UsageError("There is no terminal to ask on.", hint="Say --yes to go on without a question.")
        context.confirm(question, yes=yes)
    done = Done(context)
    try:
        Steps(context.client, known, context.environ, done.add).run(found)
    finally:
        done.end()


class Done:
    """Prints each step when it is done; in formats that are one document, all of them at the end.

    That nobody reads any more does not stop the steps.
    """

    def __init__(self, context: Context) -> None:
        self.output = context.output
        self.to_read = self.output.format == "auto" and context.terminal.stdout_is_terminal
        self.rows: list[dict[str, Any]] = []
        self.unread: BrokenPipeError | None = None

    def add(self, row: dict[str, Any]) -> None:
        try:
            self._print(row)
        except BrokenPipeError as error:
            self.unread = error

    def end(self) -> None:
        if self.unread is not None:
            raise self.unread
        if self.rows or self.output.format == "json":
            self.output.list("changes", self.rows)

    def _print(self, row: dict[str, Any]) -> None:
        if self.to_read:
            self.output.text(f"{row['action']:<8}  {row['kind'].replace('_', ' '):<16}  {row['file']}  {row['id']}")
        elif self.output.format in ("auto", "jsonl"):
            self.output.list("changes", [row], live=True)
        else:
            self.rows.append(row)
