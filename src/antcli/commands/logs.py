"""`ant logs`: what happened in a session, and with -f what happens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.base import examples
from antcli.commands.options import SessionArg
from antcli.context import current
from antcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.turn import Event
    from antcli.context import Context

_BEAT_SECONDS = 0.2
_STATUS = ("session.status_running", "session.status_idle", "session.status_rescheduled", "session.status_terminated")


FollowOpt = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until the session is gone.")]
SinceOpt = Annotated[
    str | None, typer.Option("--since", metavar="DURATION", help="Only what happened since then: 30s, 5m, 2h.")
]
TailOpt = Annotated[int | None, typer.Option("--tail", "-n", metavar="N", min=0, help="Only the last N events.")]
TypeOpt = Annotated[
    list[str] | None, typer.Option("--type", "-t", metavar="TYPE", help="Only events of this type; may be repeated.")
]
UntilOpt = Annotated[
    str | None, typer.Option("--until", metavar="idle|TYPE", help="With -f: stop when idle, or after such an event.")
]
WholeOpt = Annotated[bool, typer.Option("--whole", help="Leave nothing out of long inputs and results.")]


@examples(
    "ant logs @last",
    "ant logs -f @last",
    "ant logs @last --type agent.message --tail 1",
    "ant logs -f @last -o jsonl --until idle",
)
def logs(
    session: SessionArg,
    follow: FollowOpt = False,
    since: SinceOpt = None,
    tail: TailOpt = None,
    type: TypeOpt = None,
    until: UntilOpt = None,
    whole: WholeOpt = False,
) -> int:
    """Show what happened in a session: who said and did what.

    With -o jsonl each event is one line of JSON, which leaves at once also in a pipe.
    """
    from antcli.commands.durations import seconds
    from antcli.operations import EVENT_TYPES

    context = current()
    unknown = [name for name in (type or []) if name not in EVENT_TYPES.choices]
    if unknown:
        hint = "For example agent.message, agent.tool_use, session.error."
        raise UsageError(f"--type: there is no event type {unknown[0]!r}.", hint=hint)
    if until is not None and not follow:
        raise UsageError("--until goes with --follow.")
    if until not in (None, "idle", "session.deleted", *EVENT_TYPES.choices):
        raise UsageError(f"--until: neither idle nor an event type: {until!r}.")
    query: dict[str, Any] = {"types": list(type)} if type else {}
    if since is not None:
        moment = datetime.now(UTC) - timedelta(seconds=seconds(since, "--since"))
        query["created_at[gte]"] = moment.isoformat().replace("+00:00", "Z")
    session_id = context.resolve_id("sessions", session)
    if not follow and context.output.for_programs:
        context.output.list("events", _past(context, session_id, query, tail))
        return ExitCode.OK
    show = _printer(context, whole)
    if not follow:
        for event in _past(context, session_id, query, tail):
            show(event)
        return ExitCode.OK
    if context.output.format in ("json", "csv", "yaml"):
        raise UsageError(f"What is followed has no end, and so no {context.output.format}.", hint="Use -o jsonl.")
    try:
        _follow(context, session_id, query, tail, type or [], until, show)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _past(context: Context, session_id: str, query: dict[str, Any], tail: int | None) -> Iterator[Event]:
    """What is there now, oldest first."""
    if tail is None:
        return context.client.pages("sessions.events.list", session_id, query=query)
    newest = context.client.pages("sessions.events.list", session_id, query={**query, "order": "desc"}, limit=tail)
    return iter(list(newest)[::-1] if tail else [])


def _follow(
    context: Context, session_id: str, query: dict[str, Any], tail: int | None, types: list[str], until: str | None,
    show: Callable[[Event], None],
) -> None:  # fmt: skip
    """Show what is there, then what happens. The past is listed when the stream stands, so nothing falls between."""
    from antcli.client.follow import follow
    from antcli.client.ticking import ticking
    from antcli.commands.turns import collect_garbage_again, keep_engine
    from antcli.output.event_lines import reader_is_gone

    collect_garbage_again()
    past: deque[Event] = deque()
    listed = resting = False

    def opened() -> None:
        nonlocal listed, resting
        resting = until == "idle" and _rests(context, session_id)
        past.extend(_past(context, session_id, query, tail))
        listed = True

    def wanted(event: Event) -> bool:
        return not types or event.get("type") in types

    live = follow(
        context.client, session_id, history=False, on_open=opened, queued=context.output.for_programs,
        before_reconnect=keep_engine(context),
    )  # fmt: skip
    shown: set[str] = set()

    def tell(event: Event) -> bool:
        """Show an event once; True when it is the last one wanted."""
        id = str(event.get("id", ""))
        if id not in shown and wanted(event):
            shown.add(id)
            show(event)
        kind = event.get("type")
        return kind == until or (until == "idle" and kind == "session.status_idle")

    for event in ticking(live, _BEAT_SECONDS):
        over = listed and resting
        while past:
            if tell(past.popleft()) and until != "idle":
                return
        if over:
            return
        if event is not None and tell(event):
            return
        if reader_is_gone(context.terminal.stdout):
            raise BrokenPipeError


def _rests(context: Context, session_id: str) -> bool:
    """Whether the session is idle now. The status may lag a moment behind the stream: ask twice."""
    for _ in range(2):
        if context.client.call("sessions.retrieve", session_id)["status"] in ("idle", "terminated"):
            return True
        time.sleep(_BEAT_SECONDS)
    return False


def _printer(context: Context, whole: bool) -> Callable[[Event], None]:
    output = context.output
    if output.for_programs:
        return lambda event: output.list("events", [event], live=True)

    from antcli.output.transcript import Transcript

    transcript = Transcript(whole=whole)

    def show(event: Event) -> None:
        for line in transcript.lines(event):
            output.text(line)

    return show
