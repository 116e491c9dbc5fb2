"""`ant wait`: wait until a session rests; the exit code says how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antcli.client.turn import CALLS, STATUS_TYPES, Event, Turn
from antcli.commands.base import examples
from antcli.commands.options import SessionArg, TimeoutOpt
from antcli.context import current

if TYPE_CHECKING:
    from antcli.client.client import Client
    from antcli.client.drive import Ending
    from antcli.context import Context

_RECENT = 20  # status events: more than one turn leaves behind


@examples("ant wait @last", "ant wait @last --timeout 10m && ant logs @last --tail 1")
def wait(session: SessionArg, timeout: TimeoutOpt = None) -> int:
    """Wait until a session rests, and print nothing: the exit code says how it ended.

    0 done, 6 it needs an answer, 7 it ended badly, 8 the outcome was not met, 9 its budget is used up, 124 the time
    limit ran out (the session goes on).
    """
    from antcli.commands.turns import deadline_after, report

    context = current()
    deadline = deadline_after(timeout)
    session_id = context.resolve_id("sessions", session)
    turn, ending = wait_for(context, session_id, deadline)
    report(context, session_id, turn, ending)
    return ending.exit_code


def wait_for(context: Context, session_id: str, deadline: float | None) -> tuple[Turn, Ending]:
    """Follow a session, without touching it, until it rests."""
    from antcli.client.drive import Drive
    from antcli.commands.turns import keep_engine
    from antcli.output.event_lines import Silence

    client, turn = context.client, Turn()
    drive = Drive(
        client, session_id, turn=turn, view=Silence(), opening=lambda: how_it_stands(client, session_id),
        approve="ask", deadline=deadline, leaving="leave", before_reconnect=keep_engine(context),
    )  # fmt: skip
    return turn, drive.run()


def how_it_stands(client: Client, session_id: str) -> Turn:
    """How a session stands now, from its newest events.

    The log is the truth, the session's status its summary, which may lag behind it or be ahead of it.
    """
    turn = Turn()
    session = client.call("sessions.retrieve", session_id)
    query = {"types": list(STATUS_TYPES), "order": "desc", "limit": _RECENT}
    recent: list[Event] = list(client.pages("sessions.events.list", session_id, query=query, limit=_RECENT))[::-1]
    for event in recent:
        turn.see(event)
    if session.get("status") == "terminated":
        turn.status = "terminated"
    elif not any(event["type"].startswith("session.status_") for event in recent) and session.get("status") == "idle":
        turn.status = "idle"  # it never ran
    elif turn.status == "idle" and session.get("status") != "idle":
        turn.doubtful = True
    if turn.reason == "requires_action":
        learn_pending(client, session_id, turn)
    return turn


def learn_pending(client: Client, session_id: str, turn: Turn) -> None:
    """Fetch the calls that the session waits for, so that they can be described."""
    wanted = {str(call["id"]) for call in turn.pending}
    query = {"types": list(CALLS), "order": "desc", "limit": 100}
    for event in client.pages("sessions.events.list", session_id, query=query):
        if event["id"] in wanted:
            turn.see(event)
            wanted.discard(event["id"])
        if not wanted:
            return
