"""`ant destroy`: removes all that was applied."""

from __future__ import annotations

from antcli.commands.base import examples
from antcli.commands.config_options import LockFileOpt, ShowOnlyOpt, VerboseOpt
from antcli.commands.options import YesOpt
from antcli.context import current


@examples("ant destroy", "ant destroy --lock-file staging-lock.json --yes")
def destroy(
    lock_file: LockFileOpt = None, verbose: VerboseOpt = False, yes: YesOpt = False, dry_run: ShowOnlyOpt = False
) -> None:
    """Remove everything that the lock file tracks: skills are deleted, all else is archived, which is for good.

    The files stay. What is to go is shown and asked about; without a terminal, --yes is needed.
    """
    from antcli.commands.apply import carry_out
    from antcli.commands.plan import show
    from antcli.config_as_code import state
    from antcli.config_as_code.project import plan_destruction

    context = current()
    with state.locked(state.find(lock_file)) as known:
        found = plan_destruction(context.client, known)
        if dry_run:
            show(context, known, found, verbose=verbose)
            return
        carry_out(context, known, found, verbose=verbose, yes=yes, question="Remove all of this for good?")
