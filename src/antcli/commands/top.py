"""`ant top`: the sessions that run, live; in a pipe as they stand now."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antcli.commands.base import examples
from antcli.context import current
from antcli.errors import AntError, ExitCode, UsageError

if TYPE_CHECKING:
    from antcli.context import Context

SORTS = ("elapsed", "tokens", "cost", "agent", "title")
_MOST = 50  # sessions that are shown: each costs a request
_AT_ONCE = 8  # of these requests
_SHOWN_TYPES = ("agent.message", "agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use", "user.message")

SortOpt = Annotated[str, typer.Option("--sort", metavar="BY", help=f"{', '.join(SORTS)}.")]
AllOpt = Annotated[bool, typer.Option("--all", "-A", help="Also sessions that are idle.")]
EveryOpt = Annotated[str, typer.Option("--every", metavar="DURATION", help="How often to look again.")]


@examples("ant top", "ant top --sort tokens", "ant top --all -o json")
def top(sort: SortOpt = "elapsed", all: AllOpt = False, every: EveryOpt = "2s") -> int:
    """Show the running sessions: what they do, since when, what they have used.

    On a terminal it stays: q leaves, s sorts by the next column. In a pipe it prints once how things stand.
    """
    from antcli.commands.durations import seconds

    context = current()
    if sort not in SORTS:
        raise UsageError(f"--sort: {sort!r} is none of {', '.join(SORTS)}.")
    pause = max(seconds(every, "--every"), 0.2)
    if not (context.interactive and context.terminal.live and context.output.format == "auto"):
        context.output.list("top", _sorted(running(context, idle=all), sort))
        return ExitCode.OK
    return _watch(context, sort, pause, idle=all)


def running(context: Context, *, idle: bool) -> list[dict[str, Any]]:
    """A row for each session: a contract for programs."""
    query: dict[str, Any] = {"limit": 100}
    if not idle:
        query["statuses"] = ["running", "rescheduling"]
    sessions = list(islice(context.client.pages("sessions.list", query=query), _MOST))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        actions = pool.map(lambda session: _last_action(context, session["id"]), sessions)
    return list(map(_row, sessions, actions))


def _row(session: dict[str, Any], last_action: str) -> dict[str, Any]:
    usage = session.get("usage") or {}
    tokens = sum(usage.get(name) or 0 for name in ("input_tokens", "output_tokens", "cache_read_input_tokens"))
    try:
        age = (datetime.now(UTC) - datetime.fromisoformat(str(session.get("created_at")))).total_seconds()
    except ValueError:
        age = 0.0
    return {
        "id": session["id"], "status": session.get("status"), "agent": (session.get("agent") or {}).get("name"),
        "title": session.get("title"), "tokens": tokens, "cost": usage.get("list_cost"),
        "elapsed_seconds": round(max(age, 0.0)), "created_at": session.get("created_at"),
        "last_action": last_action,
    }  # fmt: skip


def _last_action(context: Context, session_id: str) -> str:
    from antcli.output.columns import event_summary

    query = {"order": "desc", "limit": 1, "types": list(_SHOWN_TYPES)}
    with suppress(AntError):  # it may have been deleted since it was listed
        for event in context.client.call("sessions.events.list", session_id, query=query).get("data") or ():
            return " ".join(event_summary(event).split())[:200]
    return ""


def _sorted(rows: list[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    if by in ("agent", "title"):
        return sorted(rows, key=lambda row: str(row[by] or "").casefold())
    if by == "cost":
        return sorted(rows, key=lambda row: -float((row["cost"] or {}).get("amount") or 0))
    if by == "elapsed":
        return sorted(rows, key=lambda row: str(row["created_at"]))
    return sorted(rows, key=lambda row: -row["tokens"])


def _watch(context: Context, sort: str, pause: float, *, idle: bool) -> int:
    from antcli.output.full_screen import LEAVE, full_screen
    from antcli.output.keyboard import Keyboard
    from antcli.output.restoring import restored

    news: SimpleQueue[str | list[dict[str, Any]] | AntError] = SimpleQueue()
    over = threading.Event()

    def look() -> None:
        """In a thread of its own, so that no key waits for the server."""
        while not over.wait(pause):
            try:
                news.put(running(context, idle=idle))
            except AntError as error:
                news.put(error)

    keyboard = Keyboard(context.terminal.stdin.fileno())
    keyboard.takes_text = True
    before = signal.signal(signal.SIGWINCH, lambda number, frame: news.put("resized"))
    context.stay()
    rows = running(context, idle=idle)
    trouble = ""
    try:
        with restored(context.terminal.stdin, LEAVE), full_screen(context.terminal.stdout) as draw:
            keyboard.open(news.put)
            threading.Thread(target=look, name="top", daemon=True).start()
            while True:
                draw(_lines(context, _sorted(rows, sort), sort, trouble))
                match news.get():
                    case "q" | "Q" | "\x1b":
                        return ExitCode.OK
                    case "s":
                        sort = SORTS[(SORTS.index(sort) + 1) % len(SORTS)]
                    case AntError() as error:
                        trouble = error.message
                    case list() as rows:
                        trouble = ""
    finally:
        over.set()
        keyboard.close()
        signal.signal(signal.SIGWINCH, before)


def _lines(context: Context, rows: list[dict[str, Any]], sort: str, trouble: str) -> list[str]:
    from antcli.output.tables import table
    from antcli.output.text import DIM, RED, cut, paint

    terminal = context.terminal
    count = f"{len(rows)} session{'' if len(rows) == 1 else 's'}"
    head = cut(f"{count} · sorted by {sort} (s) · q leaves", max(terminal.width - 1, 8))
    lines = [paint(head, DIM) if terminal.colour else head]
    if trouble:
        told = cut(trouble, max(terminal.width - 1, 8))
        lines.append(paint(told, RED) if terminal.colour else told)
    if rows:
        text = "".join(table("top", rows, chosen=(), width=terminal.width, colour=terminal.colour, live=False))
        lines += ["", *text.splitlines()]
    return lines
