"""The events of a session or thread for a reader: which ones, from where, until when, as text or as JSON lines."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.errors import AntError, ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.client.turn import Event
    from antcli.context import Context
    from antcli.output.transcript import Transcript

_DOUBT_SECONDS = 0.2
_REMEMBERED = 20_000  # ids of events that were shown
_EVENT = "sevt_"

SinceOpt = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only what came after it: 30s, 5m, 2h, a time, or an event's id."),
]
TailOpt = Annotated[int | None, typer.Option("--tail", "-n", metavar="N", min=0, help="Only the last N events.")]
TypeOpt = Annotated[
    list[str] | None, typer.Option("--type", "-t", metavar="TYPE", help="Only events of this type; may be repeated.")
]
UntilOpt = Annotated[
    str | None,
    typer.Option("--until", metavar="idle|TYPE|ID", help="Stop when idle, after such an event, or after this one."),
]
WholeOpt = Annotated[bool, typer.Option("--whole", help="Leave nothing out of long inputs and results.")]


class _Over(Exception):
    """The last event that was wanted has been shown."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events. `after` is an event's id or a moment (RFC 3339); `until` is idle, an event type or an id."""

    types: tuple[str, ...] = ()
    after: str | None = None
    tail: int | None = None
    until: str | None = None
    counted: tuple[str, ...] = ()  # by `tail`, where not every event is shown

    def has(self, event: Event) -> bool:
        return not self.types or event.get("type") in self.types

    def ends_with(self, event: Event) -> bool:
        kind = event.get("type")
        if self.until is None:
            return False
        return self.until in (kind, event.get("id")) or (self.until == "idle" and kind == "session.status_idle")


def wanted(types: Sequence[str], since: str | None, tail: int | None, until: str | None) -> Wanted:
    """What the options say. Raises UsageError."""
    from antcli.operations import EVENT_TYPES

    unknown = [name for name in types if name not in EVENT_TYPES.choices]
    if unknown:
        raise UsageError(f"--type: there is no event type {unknown[0]!r}.", hint=_type_hint(unknown[0]))
    known = ("idle", "session.deleted", *EVENT_TYPES.choices)
    if until is not None and until not in known and not until.startswith(_EVENT):
        hint = f"{_type_hint(until)} An event's id begins with {_EVENT}."
        raise UsageError(f"--until: neither idle nor an event type nor the id of an event: {until!r}.", hint=hint)
    return Wanted(tuple(types), None if since is None else _moment(since), tail, until)


def counting_lines(which: Wanted) -> Wanted:
    """The same for a text view: its tail is of events that have a line there."""
    from antcli.operations import EVENT_TYPES
    from antcli.output.transcript import silent

    return replace(which, counted=tuple(name for name in EVENT_TYPES.choices if not silent(name)))


def _type_hint(word: str) -> str:
    from difflib import get_close_matches

    from antcli.operations import EVENT_TYPES

    near = get_close_matches(word, EVENT_TYPES.choices, 1, 0.6)
    return f"Did you mean {near[0]}?" if near else "For example agent.message, agent.tool_use, session.error."


def _moment(text: str) -> str:
    """The id of an event as it is, a duration or a time as RFC 3339. Raises UsageError."""
    from antcli.commands.durations import seconds

    if text.startswith(_EVENT):
        return text
    try:
        moment = datetime.now(UTC) - timedelta(seconds=seconds(text, "--since"))
    except (UsageError, OverflowError):
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            hint = "Give 30s, 5m, 2h, a time such as 2026-01-31T12:00, or the id of an event."
            message = f"--since: {text!r} is neither a duration nor a time nor an event."
            raise UsageError(message, hint=hint) from None
    return moment.isoformat().replace("+00:00", "Z")


# What is there.


def past(context: Context, session_id: str, thread_id: str | None, which: Wanted) -> Iterator[Event]:
    """What is there now, oldest first. Raises AntError when `after` is an event that is not there."""
    after = which.after
    if which.tail is not None and not which.types:
        which = replace(which, types=which.counted)
    if thread_id is not None:  # these lists know no filter and no other order
        listed = context.client.pages("sessions.threads.events.list", session_id, thread_id)
        return _last(which.tail, filter(which.has, _later(listed, after)))
    query: dict[str, Any] = {}
    if after is not None and after.startswith(_EVENT):
        listed = context.client.pages("sessions.events.list", session_id, query={"order": "desc"})
        return _last(which.tail, filter(which.has, _back_to(listed, after)[::-1]))
    if which.types:
        query["types"] = list(which.types)
    if after is not None:
        query["created_at[gte]"] = after
    if which.tail is None:
        return context.client.pages("sessions.events.list", session_id, query=query)
    if which.tail == 0:
        return iter(())
    query["order"] = "desc"
    return iter(list(context.client.pages("sessions.events.list", session_id, query=query, limit=which.tail))[::-1])


def _back_to(newest_first: Iterable[Event], id: str) -> list[Event]:
    found: list[Event] = []
    for event in newest_first:
        if event.get("id") == id:
            return found
        found.append(event)
    raise _no_such_event(id)


def _later(oldest_first: Iterable[Event], after: str | None) -> Iterator[Event]:
    if after is None or not after.startswith(_EVENT):
        limit = None if after is None else datetime.fromisoformat(after)
        for event in oldest_first:
            stamp = event.get("processed_at")
            if limit is None or stamp is None or datetime.fromisoformat(stamp) >= limit:
                yield event
        return
    events = iter(oldest_first)
    if all(event.get("id") != after for event in events):
        raise _no_such_event(after)
    yield from events


def _no_such_event(id: str) -> AntError:
    return AntError(f"--since: the session has no event {id}.", code=ExitCode.NOT_FOUND)


def _last(number: int | None, events: Iterable[Event]) -> Iterator[Event]:
    return iter(events) if number is None else iter(deque(events, maxlen=number))


# What happens.


def follow_events(
    context: Context, session_id: str, thread_id: str | None, which: Wanted, show: Callable[[Event], None], *,
    queued: bool, deltas: Sequence[str] = (), most: int | None = None,
) -> None:  # fmt: skip
    """Show what is there, then what happens, each event once, over as many connections as it takes.

    The past is listed when the stream stands, so nothing falls between. Ends with the session, after `most` events,
    with the event that `which` names as the last, or, quietly, with the reader of a piped stdout. With `queued` also
    events that wait to be processed; they do not come again when they are.
    """
    from antcli.client.follow import follow
    from antcli.commands.turns import collect_garbage_again, keep_engine

    collect_garbage_again()
    context.output.end_with_reader()
    shown: dict[str, None] = {}
    left = most

    def tell(event: Event) -> None:
        nonlocal left
        id = str(event.get("id", ""))
        if which.has(event) and not (id and id in shown):
            if id:
                shown[id] = None
                if len(shown) > _REMEMBERED:
                    del shown[next(iter(shown))]
            show(event)
            if left is not None:
                left -= 1
                if left <= 0:
                    raise _Over

    def opened() -> None:
        resting = which.until == "idle" and _rests(context, session_id, thread_id)
        ended = False
        for event in past(context, session_id, thread_id, which):
            tell(event)
            ended = ended or (which.until != "idle" and which.ends_with(event))
            if ended:
                raise _Over
        if resting:
            raise _Over

    live = follow(
        context.client, session_id, thread_id=thread_id, deltas=deltas, history=False, on_open=opened,
        queued=queued, before_reconnect=keep_engine(context),
    )  # fmt: skip
    if most == 0:
        return
    try:
        for event in live:
            tell(event)
            if which.ends_with(event) or (which.until == "idle" and _is_idle_of(event, thread_id)):
                return
    except _Over:
        return


def _is_idle_of(event: Event, thread_id: str | None) -> bool:
    return thread_id is not None and event.get("type") == "session.thread_status_idle"


def _rests(context: Context, session_id: str, thread_id: str | None) -> bool:
    """Whether it is idle now. The status may lag a moment behind the stream: ask twice."""
    path = (session_id,) if thread_id is None else (session_id, thread_id)
    name = "sessions.retrieve" if thread_id is None else "sessions.threads.retrieve"
    for attempt in range(2):
        if context.client.call(name, *path)["status"] in ("idle", "terminated"):
            return True
        if attempt == 0:
            time.sleep(_DOUBT_SECONDS)
    return False


@contextmanager
def printer(context: Context, *, whole: bool, as_text: bool) -> Iterator[Callable[[Event], None]]:
    """Shows one event on stdout, at once."""
    output = context.output
    if not as_text:
        with output.one_by_one("events") as show:
            yield show
        return

    from antcli.output.transcript import Transcript

    transcript = Transcript(whole=whole, colour=context.terminal.colour)
    if context.terminal.live:
        with _drawn(context, transcript) as show:
            yield show
        return

    def tell(event: Event) -> None:
        for line in transcript.lines(event):
            output.text(line)

    yield tell


@contextmanager
def _drawn(context: Context, transcript: Transcript) -> Iterator[Callable[[Event], None]]:
    from antcli.output.log_view import LogView
    from antcli.output.surface import surface

    view = LogView(surface(context.terminal), transcript)
    before, context.client.on_notice = context.client.on_notice, view.notice
    try:
        yield view.show
    finally:
        context.client.on_notice = before
        view.close()


def previews(context: Context, which: Wanted, *, as_text: bool) -> tuple[str, ...]:
    """What a reader on a terminal wants to see while it is written."""
    return ("agent.message",) if as_text and context.terminal.live and not which.types else ()


def refuse_endless(context: Context) -> None:
    """Raises UsageError for formats that need an end."""
    if context.output.format in ("json", "csv", "table"):
        message = f"What is followed has no end, and so no {context.output.format}."
        raise UsageError(message, hint="Use -o jsonl or -o yaml.")
