"""`ant interrupt`: stop what a session is doing."""

from __future__ import annotations

from typing import Annotated

import typer

from antcli.commands.base import examples
from antcli.commands.options import DryRunOpt, SessionArg, TimeoutOpt
from antcli.context import current
from antcli.errors import ExitCode


@examples("ant interrupt @last", "ant interrupt @last --wait --timeout 30s")
def interrupt(
    session: SessionArg,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Return when the session has come to rest.")] = False,
    timeout: TimeoutOpt = None,
    dry_run: DryRunOpt = False,
) -> int:
    """Stop what a session is doing. It keeps its history and takes further messages."""
    from antcli.commands.dry_run import Call, preview
    from antcli.commands.turns import deadline_after
    from antcli.commands.wait import wait_for

    context = current()
    deadline = deadline_after(timeout)
    body = {"events": [{"type": "user.interrupt"}]}
    if dry_run:
        preview(context, Call("sessions.events.send", (session,), body))
        return ExitCode.OK
    session_id = context.resolve_id("sessions", session)
    context.client.call("sessions.events.send", session_id, body=body)
    if not wait:
        return ExitCode.OK
    turn, ending = wait_for(context, session_id, deadline)
    return ExitCode.OK if turn.ended and turn.status == "idle" else ending.exit_code
