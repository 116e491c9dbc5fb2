"""`ant wait`: wait until a session rests; the exit code says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from antcli.client.turn import CALLS, STATUS_TYPES, Event, Turn
from antcli.commands.base import examples
from antcli.commands.options import TimeoutOpt
from antcli.context import current
from antcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.client import Client
    from antcli.client.drive import Ending
    from antcli.context import Context

_RECENT = 20  # status events: more than one turn leaves behind


Goal = Literal["rest", "idle", "requires_action", "terminated", "outcome"]
GOALS: tuple[Goal, ...] = ("rest", "idle", "requires_action", "terminated", "outcome")

SessionsArg = Annotated[
    list[str],
    typer.Argument(metavar="SESSION...", help="Sessions: title, id, the beginning of its id, or @last."),
]
ForOpt = Annotated[
    str,
    typer.Option("--for", metavar="WHAT", help="What to wait for: rest, idle, requires_action, terminated, outcome."),
]
AnyOpt = Annotated[bool, typer.Option("--any", help="Of several sessions, wait for the first; its end decides.")]


@examples(
    "ant wait @last",
    "ant wait @last --timeout 10m && ant logs @last --tail 1",
    "ant wait @last --for requires_action",
    "ant wait @last 'Nightly review' --any",
)
def wait(sessions: SessionsArg, for_: ForOpt = "rest", any: AnyOpt = False, timeout: TimeoutOpt = None) -> int:
    """Wait until a session rests, and print nothing: the exit code says how it ended.

    0 done, 6 it needs an answer, 7 it ended badly, 8 the outcome was not met, 9 its budget is used up, 124 the time
    limit ran out (the session goes on). With --for, 0 says that it came to that; `idle` waits on while somebody else
    is asked, `terminated` while it is idle, `outcome` for the verdict on its outcome. Of several sessions the worst
    end decides.
    """
    from antcli.commands.turns import deadline_after, report

    context = current()
    goal = next((known for known in GOALS if known == for_), None)
    if goal is None:
        raise UsageError(f"--for: {for_!r} is none of {', '.join(GOALS)}.")
    deadline = deadline_after(timeout)
    ids = list(dict.fromkeys(context.resolve_id("sessions", session) for session in sessions))
    if len(ids) == 1:
        turn, ending = wait_for(context, ids[0], deadline, goal)
        report(context, ids[0], turn, ending)
        return ending.exit_code
    return _wait_for_several(context, ids, deadline, goal, first=any)


def _wait_for_several(context: Context, ids: list[str], deadline: float | None, goal: Goal, *, first: bool) -> int:
    """A thread for each; what went wrong is told as it happens, and on stderr which session it was."""
    import threading
    from queue import SimpleQueue

    from antcli.commands.turns import report

    ended: SimpleQueue[tuple[str, tuple[Turn, Ending] | BaseException]] = SimpleQueue()
    keep = context.client  # made once, here, and shared

    def watch(session_id: str) -> None:
        try:
            ended.put((session_id, wait_for(context, session_id, deadline, goal)))
        except BaseException as error:
            ended.put((session_id, error))

    for session_id in ids:
        threading.Thread(target=watch, args=(session_id,), name=session_id, daemon=True).start()
    worst = ExitCode.OK
    for _ in ids:
        session_id, found = ended.get()
        if isinstance(found, BaseException):
            raise found
        turn, ending = found
        context.output.notice(f"{session_id}: {turn.reason or turn.status}")
        report(context, session_id, turn, ending)
        worst = max(worst, ending.exit_code)
        if first:
            break
    keep.close()
    return worst


def wait_for(context: Context, session_id: str, deadline: float | None, goal: Goal = "rest") -> tuple[Turn, Ending]:
    """Follow a session, without touching it, until it rests, or until what `goal` says."""
    from antcli.client.drive import Drive, Ending
    from antcli.commands.turns import keep_engine
    from antcli.output.event_lines import Silence

    client, turn = context.client, Turn()
    drive = Drive(
        client, session_id, turn=turn, view=Silence(), opening=lambda: how_it_stands(client, session_id),
        approve="ask", deadline=deadline, leaving="leave", before_reconnect=keep_engine(context),
        goes_on=_GOING_ON.get(goal),
    )  # fmt: skip
    ending = drive.run()
    if ending.exit_code in (ExitCode.TIMED_OUT, ExitCode.INTERRUPTED) and drive.left:
        return turn, ending
    code, message = _judged(client, session_id, turn, ending, goal)
    return turn, Ending(code, message, ending.seconds)


# How a rest is no end for this goal.
_GOING_ON: dict[str, Callable[[Turn], bool]] = {
    "idle": lambda turn: turn.reason == "requires_action",
    "terminated": lambda turn: turn.status == "idle",
    "outcome": lambda turn: turn.reason == "requires_action",
}


def _judged(client: Client, session_id: str, turn: Turn, ending: Ending, goal: Goal) -> tuple[ExitCode, str]:
    """The exit code for what was waited for, and what to say when it did not come."""
    if goal == "requires_action":
        if turn.reason == "requires_action":
            return ExitCode.OK, ""
        if ending.exit_code is ExitCode.OK:
            return ExitCode.FAILURE, "The session came to rest without asking for anything."
    elif goal == "terminated" and turn.status in ("terminated", "deleted"):
        return ExitCode.OK, ""
    elif goal == "outcome" and ending.exit_code is ExitCode.OK and turn.outcome is None:
        evaluations = client.call("sessions.retrieve", session_id).get("outcome_evaluations") or []
        if not evaluations:
            return ExitCode.FAILURE, "The session has no outcome to wait for."
        result = str(evaluations[-1].get("result"))
        if result != "satisfied":
            return ExitCode.OUTCOME_NOT_MET, f"The outcome was not met ({result.replace('_', ' ')})."
    return ending.exit_code, ending.message


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
    """Fetch the calls that the session waits for, so that they can be described, and what was said of them."""
    wanted = {str(call["id"]) for call in turn.pending}
    query = {"types": [*CALLS, "user.tool_confirmation"], "order": "desc", "limit": 100}
    for event in client.pages("sessions.events.list", session_id, query=query):
        if event.get("tool_use_id") in wanted:
            turn.see(event)
        if event["id"] in wanted:
            turn.see(event)
            wanted.discard(event["id"])
        if not wanted:
            return
