"""`ant sessions connect`: take part in a session that is there, or read along where nobody can type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from antcli.commands.base import examples
from antcli.context import current
from antcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.context import Context

_SHOWN_EVENTS = 200  # of what was said before

SessionArg = Annotated[
    str | None,
    typer.Argument(metavar="[SESSION]", help="Session: title, id, the beginning of its id, or @last."),
]
SessionIdOpt = Annotated[str | None, typer.Option("--session-id", metavar="SESSION", help="As SESSION.")]
VerboseOpt = Annotated[bool, typer.Option("--verbose", "-v", help="Leave nothing out of inputs and results of tools.")]
WebOpt = Annotated[bool, typer.Option("--web", help="In the browser, on a page of this machine.")]
NoBrowserOpt = Annotated[bool, typer.Option("--no-browser", help="With --web: only print the address.")]


@examples("ant sessions connect @last", "ant sessions connect @last -o jsonl", "ant sessions connect @last --web")
def connect(
    session: SessionArg = None,
    session_id: SessionIdOpt = None,
    verbose: VerboseOpt = False,
    web: WebOpt = False,
    no_browser: NoBrowserOpt = False,
) -> int:
    """Attach to a session: see what was said, then take part, as in `ant chat`. It goes on when you leave.

    Without a terminal, and with a format, what happens is read along, event by event, until the session is gone or
    Ctrl-C. So it is with a session that is over. --web serves a page for the browser, for this user alone; the
    credential stays here.
    """
    context = current()
    if no_browser and not web:
        raise UsageError("--no-browser goes with --web.")
    if context.options.format == "json" and not web:  # what is followed has no end, and so is no array
        context.options.format = "jsonl"
    id = context.resolve_id("sessions", _which(context, session, session_id))
    found = context.client.call("sessions.retrieve", id)
    if web:
        from antcli.commands.viewing import view

        return view(context, found, browser=not no_browser)
    over = found.get("status") == "terminated" or found.get("archived_at") is not None
    plain = context.output.format == "auto" and context.output.transform is None
    if plain and not over and context.interactive and context.terminal.live:
        _take_part(context, id, whole=verbose)
        return ExitCode.OK
    if over:
        context.output.notice("The session is over: this is what happened.")
    elif plain:
        context.output.notice(f"Reading along. `ant sessions send {id} TEXT` says something.")
    from antcli.commands.logs import logs

    return logs(id, follow=not over, whole=verbose)


def _which(context: Context, session: str | None, session_id: str | None) -> str:
    from antcli.references import PICK

    if session is not None and session_id is not None:
        raise UsageError("Both SESSION and --session-id say which one is meant.", hint="Leave one out.")
    given = session if session is not None else session_id
    if given is None and not context.can_pick:
        raise UsageError("Which session?", hint="Name it: `ant sessions connect SESSION`, for example @last.")
    return PICK if given is None else given


def _take_part(context: Context, session_id: str, *, whole: bool) -> None:
    from antcli.commands.chat import take_part, take_up

    resume = take_up(context, session_id, events=_SHOWN_EVENTS, whole=whole)
    take_part(context, session_id, "ask", resume=resume, whole=whole)
