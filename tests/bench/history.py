"""Costs grow with what is new, not with what is old: a session of 100,000 events beside one of 100."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from antcli.engine.clock import now
from antcli.engine.session import turns
from antcli.engine.session.events import event, stamped
from antcli.engine.session.log import Draft
from antcli.engine.session.state import State
from antcli.engine.store.base import Append, SessionRow
from antcli.engine.store.sqlite import SqliteStore
from tests.bench.measure import Row, Scale, figures, p50, seconds, spread
from tests.bench.processes import INTERRUPT, Engine, endpoint, engine, events, model, running
from tests.bench.turns import turn
from tests.bench.wire import Connection

SHORT, LONG = "sesn_short", "sesn_long"
_COMPACTED_AFTER = 500  # records: what fills a context when tools print a page or two
_TEXT = "A line of some length, as agents write them and tools print them. " * 3


def length(scale: Scale, home: Path) -> list[Row]:
    """The sessions are written by the store itself, while no engine runs."""
    many = scale(100_000, 3000)
    brain = model(home / "model")
    with running(brain), engine(home / "engine", **endpoint(brain)) as served:
        with served.connect() as ask:
            agent = ask("GET", f"/v1/agents/{served.agent(ask, 'm')}")
        served.stop()
        asyncio.run(_fill(home / "engine/data/engine.db", agent, served.environment_id, {SHORT: 100, LONG: many}))
        served.start()
        rows = [_compare("first turn after a restart", {id: [_cold(served, id)] for id in (SHORT, LONG)})]
        count = scale(30, 2)
        with served.connect() as ask:
            pages = _each(count, lambda id: ask.ask("GET", f"{events(id)}?limit=80"))
            ends = _each(count, lambda id: ask.ask("GET", f"{events(id)}?limit=80&order=desc"))
            posts = _each(count, lambda id: ask.ask("POST", events(id), INTERRUPT))
            opened = _each(count, lambda id: _stream(served, ask, id))
            whole = _each(scale(10, 1), lambda id: _turn(served, ask, id))
            largest = [seconds(lambda: ask.ask("GET", events(LONG))) for _ in range(count)]
        page, took = p50(pages[LONG]), p50(pages[SHORT])
        first = Row(f"first page of a {many:,}-event session (1,000 events)", spread(largest), "30 ms",
                    f"80 events of it p50 {page * 1000:.2f}, of a short one {took * 1000:.2f} ms",
                    p50(largest) <= 0.030, figures("page", largest))  # fmt: skip
    return [
        first,
        _compare("last page", ends),
        _compare("POST of an event", posts),
        _compare("stream: open, first event", opened),
        _compare("turn of a warm engine", whole),
        *rows,
    ]


def _compare(what: str, times: dict[str, list[float]]) -> Row:
    """More than twice the time, and more than 2 ms, is growth."""
    long, short = p50(times[LONG]), p50(times[SHORT])
    return Row(f"... {what}", f"p50 {long * 1000:.1f} ms", "as of 100 events", f"there p50 {short * 1000:.1f} ms",
               long <= 2 * short + 0.002, figures("long", times[LONG]) | figures("short", times[SHORT]))  # fmt: skip


def _each(count: int, work: Callable[[str], object]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {SHORT: [], LONG: []}
    for _ in range(count):
        for id, values in times.items():
            values.append(seconds(lambda id=id: work(id)))  # type: ignore[misc]
    return times


def _cold(served: Engine, session: str) -> float:
    with served.connect() as ask:
        return seconds(lambda: _turn(served, ask, session))


def _turn(served: Engine, ask: Connection, session: str) -> None:
    with served.stream(session, deltas=True) as stream:
        turn(ask, stream, session)


def _stream(served: Engine, ask: Connection, session: str) -> None:
    with served.stream(session) as stream:
        ask.ask("POST", events(session), INTERRUPT)
        stream.until("user.interrupt")


async def _fill(path: Path, agent: dict[str, object], environment: str, lengths: dict[str, int]) -> None:
    store = SqliteStore(path)
    await store.open()
    for id, count in lengths.items():
        draft = Draft(State("sthr_bench", "bench"), 0, {})
        body = {"agent": {"type": "agent", **agent}, "environment_id": environment, "title": None, "metadata": {},
                "network": "open"}  # fmt: skip
        moment = now()
        row = SessionRow(id, body, draft.state.to_json(), "idle", moment, moment, None, str(agent["id"]), 1, 0)
        await store.create_session(row, [])
        visible = 0
        while visible < count:
            # As in life, a message is on disk before its stamped copy: the copy supersedes what is stored already.
            for part in (_message, _answers):
                first = len(draft.records)
                part(draft)
                await store.append(Append(id, first, draft.records[first:], draft.state.to_json(), "idle", now()))
                visible += len(draft.records) - first
            visible -= 1  # a list shows only the later copy
    await store.close()


def _message(draft: Draft) -> None:
    text = {"type": "text", "text": "Go on."}
    draft.add(event("user.message", draft.state.thread_id, {"content": [text]}, queued=True))
    turns.start(draft)


def _answers(draft: Draft) -> None:
    """A turn as the harness writes it: rounds of one call, an answer."""
    thread = draft.state.thread_id
    draft.add(stamped(draft.records[-3]))
    for _ in range(18):
        provider_id = f"toolu_{len(draft.records)}"
        _request(draft, [{"type": "tool_use", "id": provider_id, "name": "bash", "input": {"command": "ls"}}])
        call = next(iter(draft.state.calls))
        draft.add(turns.tool_result(thread, call, [{"type": "text", "text": _TEXT}], is_error=False))
    _request(draft, [{"type": "text", "text": _TEXT}])
    if len(draft.records) - draft.state.context_from > _COMPACTED_AFTER:
        summary = [{"role": "user", "content": [{"type": "text", "text": _TEXT}]}]
        draft.add(event("agent.thread_context_compacted", thread, data={"messages": summary}))
    turns.stop(draft, turns.END_TURN)


def _request(draft: Draft, content: list[dict[str, object]]) -> None:
    thread, start = draft.state.thread_id, event("span.model_request_start", draft.state.thread_id)
    draft.add(start)
    for block in content:
        if block["type"] == "tool_use":
            fields = {"name": block["name"], "input": block["input"], "evaluated_permission": "allow"}
            data = {"provider_id": block["id"], "refused": False, "started": True}
            draft.add(event("agent.tool_use", thread, fields, data=data))
        else:
            draft.add(event("agent.message", thread, {"content": [block]}))
    usage = {"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    ending = {"model_request_start_id": start.event_id, "is_error": False, "model_usage": usage}
    draft.add(event("span.model_request_end", thread, ending, data={"content": content, "paused": False}))
