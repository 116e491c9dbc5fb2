"""`ant sessions events stream` and `ant sessions threads events stream`: what happens from now on, event by event."""

from __future__ import annotations

from typing import Annotated

import typer

from antcli.commands.base import examples
from antcli.commands.options import SessionArg
from antcli.commands.streams import SinceOpt, TailOpt, TypeOpt, UntilOpt
from antcli.context import current
from antcli.errors import ExitCode, UsageError

ThreadArg = Annotated[str, typer.Argument(metavar="THREAD", help="Thread: id, or the beginning of its id.")]
DeltaOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--event-delta", metavar="TYPE", help="Also previews of agent.message or agent.thinking, as they are written."
    ),
]
MostOpt = Annotated[int | None, typer.Option("--max-items", metavar="N", help="Stop after this many.")]

_PREVIEWED = ("agent.message", "agent.thinking")


@examples(
    "ant sessions events stream @last",
    "ant sessions events stream @last --event-delta agent.message",
    "ant sessions events stream @last --tail 5 --until idle",
)
def stream(
    session: SessionArg,
    event_delta: DeltaOpt = None,
    type: TypeOpt = None,
    since: SinceOpt = None,
    tail: TailOpt = None,
    until: UntilOpt = None,
    max_items: MostOpt = None,
) -> int:
    """Print the events of a session as they happen, each at once; a lost connection is taken up again.

    On a terminal as text, elsewhere as JSON lines. With --since or --tail it begins with what has happened.
    """
    return _stream(session, None, event_delta, type, since, tail, until, max_items)


@examples("ant sessions threads events stream @last sthr_4fK9")
def stream_thread(
    session: SessionArg,
    thread: ThreadArg,
    event_delta: DeltaOpt = None,
    type: TypeOpt = None,
    since: SinceOpt = None,
    tail: TailOpt = None,
    until: UntilOpt = None,
    max_items: MostOpt = None,
) -> int:
    """Print the events of a thread as they happen, each at once; a lost connection is taken up again."""
    return _stream(session, thread, event_delta, type, since, tail, until, max_items)


def _stream(
    session: str, thread: str | None, deltas: list[str] | None, types: list[str] | None, since: str | None,
    tail: int | None, until: str | None, most: int | None,
) -> int:  # fmt: skip
    from antcli.commands import streams

    context = current()
    unknown = [name for name in deltas or () if name not in _PREVIEWED]
    if unknown:
        raise UsageError(f"--event-delta: no previews of {unknown[0]!r}.", hint=f"There are: {', '.join(_PREVIEWED)}.")
    if since is None and tail is None:
        tail = 0
    which = streams.wanted(types or [], since, tail, until)
    streams.refuse_endless(context)
    as_text = context.terminal.stdout_is_terminal and context.output.format == "auto"
    session_id = context.resolve_id("sessions", session)
    thread = None if thread is None else context.resolve_id("sessions.threads", thread, session_id)
    if most is not None and most < 0:  # as the official command line has it: no limit
        most = None
    previews = streams.previews(context, which, as_text=as_text and most is None) if as_text else deltas or ()
    try:
        with streams.printer(context, whole=False, as_text=as_text) as show:
            streams.follow_events(
                context, session_id, thread, which, show, queued=not as_text, deltas=previews, most=most
            )
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK
