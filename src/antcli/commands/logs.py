"""`ant logs`: what happened in a session, and with -f what happens."""

from __future__ import annotations

from typing import Annotated

import typer

from antcli.commands.base import examples
from antcli.commands.options import SessionArg
from antcli.commands.streams import SinceOpt, TailOpt, TypeOpt, UntilOpt, WholeOpt
from antcli.context import current
from antcli.errors import ExitCode, UsageError

FollowOpt = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until the session is gone.")]
ThreadOpt = Annotated[str | None, typer.Option("--thread", metavar="THREAD", help="What happened in this thread.")]


@examples(
    "ant logs @last",
    "ant logs -f @last",
    "ant logs @last --type agent.message --tail 1",
    "ant logs -f @last -o jsonl --until idle",
    "ant logs @last --since 10m",
)
def logs(
    session: SessionArg,
    follow: FollowOpt = False,
    since: SinceOpt = None,
    tail: TailOpt = None,
    type: TypeOpt = None,
    until: UntilOpt = None,
    thread: ThreadOpt = None,
    whole: WholeOpt = False,
) -> int:
    """Show what happened in a session: who said and did what.

    With -o jsonl each event is one line of JSON, which leaves at once also in a pipe. --until goes with --follow.
    """
    from antcli.commands import streams

    context = current()
    which = streams.wanted(type or [], since, tail, until)
    if until is not None and not follow:
        raise UsageError("--until goes with --follow.")
    if follow:
        streams.refuse_endless(context)
    session_id = context.resolve_id("sessions", session)
    thread = None if thread is None else context.resolve_id("sessions.threads", thread, session_id)
    as_text = context.output.format == "auto" and context.output.transform is None
    if as_text:
        which = streams.counting_lines(which)
    if not as_text and not follow:
        context.output.list("events", streams.past(context, session_id, thread, which))
        return ExitCode.OK
    try:
        with streams.printer(context, whole=whole, as_text=as_text) as show:
            if follow:
                deltas = streams.previews(context, which, as_text=as_text)
                streams.follow_events(context, session_id, thread, which, show, queued=not as_text, deltas=deltas)
            else:
                for event in streams.past(context, session_id, thread, which):
                    show(event)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK
