"""A session as one web page: what was said and done, in a file that needs nothing else and asks for nothing.

Every text of the session is escaped, and the page's own policy forbids scripts and requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from antcli.client.turn import CALLS, RESULTS, Event, text_of
from antcli.output.foreign import harmless, revealed
from antcli.output.money import list_cost
from antcli.output.tool_calls import full_input, name_of, result_lines, short_input
from antcli.output.transcript import Transcript

_SHORT = 120  # characters of a call's input beside its name

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --dim: #888; --user: #0a6cbd; --bad: #c0392b; }
body { max-width: 54rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.55 system-ui, sans-serif; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
header p, .note, time { color: var(--dim); font-size: .85rem; overflow-wrap: anywhere; }
article { margin: 1rem 0; } article > b { display: block; font-size: .85rem; }
article > div { overflow-wrap: anywhere; } article p, article ul, article ol { margin: .5rem 0; }
.user > div, .system > div, blockquote { border-left: 3px solid var(--line); margin: 0; padding-left: .8rem; }
.user > div { border-color: var(--user); }
.user pre, .system pre { all: unset; white-space: pre-wrap; }
article h1, article h2, article h3 { font-size: 1.1rem; margin: 1rem 0 .3rem; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .2rem .6rem; }
article code { background: var(--soft); border-radius: .2rem; padding: .1rem .25rem; font-size: .9em; }
article pre { border: 1px solid var(--line); border-radius: .4rem; background: var(--soft); }
article pre code { background: none; padding: 0; }
.bad, .bad summary { color: var(--bad); }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: .4rem; background: var(--soft); }
summary { padding: .3rem .7rem; cursor: pointer; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary code { color: var(--dim); }
pre { margin: 0; padding: .6rem .8rem; border-top: 1px solid var(--line); overflow-x: auto; font-size: .85rem; }
time { float: right; font-weight: normal; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(session: dict[str, Any], events: Iterable[Event]) -> Iterator[str]:
    """The page in pieces. `events` oldest first."""
    title = _text(str(session.get("title") or session.get("id")))
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1><p>{_text(' · '.join(_facts(session)))}</p></header>\n<main>\n"
    )
    events = list(events)
    results = {str(event.get(RESULTS[event["type"]])): event for event in events if event.get("type") in RESULTS}
    others = Transcript(times=False, whole=True)
    for event in events:
        yield _block(event, results, others)
    yield "</main>\n</body>\n</html>\n"


class Blocks:
    """The session as it grows: a piece of the page for each thing in it, made anew when more of it is known."""

    def __init__(self) -> None:
        self._others = Transcript(times=False, whole=True)
        self._calls: dict[str, Event] = {}

    def add(self, event: Event) -> tuple[str, str] | None:
        """The piece's id and its HTML; None for what is not shown. A result changes the piece of its call."""
        kind, id = str(event.get("type")), str(event.get("id"))
        if kind in RESULTS:
            call = self._calls.get(str(event.get(RESULTS[kind])))
            return None if call is None else (str(call["id"]), _call(call, event))
        if kind in CALLS:
            self._calls[id] = event
            return id, _call(event, None, "...")
        html = _block(event, {}, self._others)
        return (id, html) if html else None

    @staticmethod
    def draft(text: str) -> str:
        """A message that is being written."""
        return f'<article class="agent draft"><b>agent</b><div>{_markdown().render(harmless(text))}</div></article>\n'


def question(call: Event) -> dict[str, str]:
    """What is asked about, as text: all of it, since somebody answers for it."""
    return {"id": str(call["id"]), "name": revealed(name_of(call)), "input": "\n".join(map(revealed, full_input(call)))}


def style() -> str:
    return _STYLE


def _facts(session: dict[str, Any]) -> Iterator[str]:
    agent, usage = session.get("agent") or {}, session.get("usage") or {}
    yield str(session.get("id"))
    yield f"agent {agent.get('name')}"
    yield str((agent.get("model") or {}).get("id"))
    yield str(session.get("status"))
    yield _moment(session.get("created_at"), "%Y-%m-%d %H:%M")
    yield f"{usage.get('output_tokens') or 0:,} tokens out"
    if cost := list_cost(usage.get("list_cost")):
        yield f"{cost} at list price"
    yield f"as of {datetime.now():%Y-%m-%d %H:%M}"


def _block(event: Event, results: dict[str, Event], others: Transcript) -> str:
    kind = str(event.get("type"))
    if kind in CALLS:
        return _call(event, results.get(str(event.get("id"))))
    if kind in RESULTS:
        return ""  # it stands with its call
    if kind in ("user.message", "agent.message", "system.message") and (said := text_of(event)):
        who = kind.partition(".")[0]
        body = _markdown().render(harmless(said)) if who == "agent" else f"<pre>{_text(said)}</pre>"
        return f'<article class="{who}"><b>{_time(event)}{who}</b><div>{body}</div></article>\n'
    lines = " ".join(" ".join(others.lines(event)).split())
    mark = " bad" if kind == "session.error" else ""
    return f'<p class="note{mark}">{_time(event)}{_text(lines)}</p>\n' if lines else ""


def _call(call: Event, result: Event | None, pending: str = "(no result)") -> str:
    bad = ' class="bad"' if result and result.get("is_error") else ""
    short = " ".join(short_input(call).split())[:_SHORT]
    answer = "\n".join(result_lines(result)) if result else pending
    return (
        f"<details{bad}><summary>{_time(call)}{_text(name_of(call))} <code>{_text(short)}</code></summary>"
        f"<pre>{_text(chr(10).join(full_input(call)))}</pre><pre>{_text(answer) or '(no output)'}</pre></details>\n"
    )


@cache
def _markdown() -> MarkdownIt:
    """Tags are shown as text; pictures are not fetched: an address can carry away what the agent has seen."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")


def _time(event: Event) -> str:
    return f"<time>{_moment(event.get('processed_at'), '%H:%M:%S')}</time>"


def _moment(stamp: Any, form: str) -> str:
    try:
        return datetime.fromisoformat(str(stamp)).astimezone().strftime(form)
    except ValueError:
        return ""


def _text(text: str) -> str:
    return escape(harmless(text))
