"""`ant approve`: allow the tool calls that a session asks about. `ant deny` refuses them with the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from antcli.client.turn import Event, confirmation
from antcli.commands.base import examples
from antcli.commands.options import DryRunOpt, SessionArg
from antcli.context import current
from antcli.errors import AntError, ExitCode

if TYPE_CHECKING:
    from antcli.context import Context

EventsArg = Annotated[
    list[str] | None,
    typer.Argument(metavar="[EVENT_ID]...", help="Which calls; none: all that are asked about.", show_default=False),
]


@examples("ant approve @last", "ant approve @last && ant wait @last")
def approve(session: SessionArg, events: EventsArg = None, dry_run: DryRunOpt = False) -> int:
    """Allow the tool calls that a session asks about, and let it go on."""
    return answer(current(), session, events or [], allow=True, dry_run=dry_run)


def answer(
    context: Context, session: str, event_ids: list[str], *, allow: bool, message: str = "", dry_run: bool = False
) -> int:
    """Confirm or deny calls and say on stderr which. Raises AntError when nothing is asked.

    With `dry_run` the answer is shown, not sent; which calls are asked about is still looked up where none is named.
    """
    from antcli.commands.dry_run import Call, preview

    session_id = session if dry_run and event_ids else context.resolve_id("sessions", session)
    asked = _asked(context, session_id) if not event_ids else [{"id": id} for id in event_ids]
    answers = [confirmation(call["id"], allow=allow, message=message) for call in asked]
    if dry_run:
        preview(context, Call("sessions.events.send", (session_id,), {"events": answers}))
        return ExitCode.OK
    context.client.call("sessions.events.send", session_id, body={"events": answers})
    from antcli.output.text import clean
    from antcli.output.tool_calls import name_of, short_input

    for call in asked:
        what = f"{name_of(call)} {short_input(call)}" if "name" in call else call["id"]
        context.output.notice(f"{'Allowed' if allow else 'Denied'}: {clean(what)}")
    return ExitCode.OK


def _asked(context: Context, session_id: str) -> list[Event]:
    """The calls that wait for a yes or no. Raises AntError when there is none."""
    from antcli.commands.wait import how_it_stands

    turn = how_it_stands(context.client, session_id)
    if not turn.asked:
        waits = "It waits for the results of its tools." if turn.pending else f"It is {turn.status}."
        raise AntError(f"Session {session_id} asks nothing. {waits}", hint="`ant logs` shows what it did.")
    return turn.asked
