"""The engine: start, memory, durable posts, throughput of its log, sessions a second."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from antcli.engine.sandbox.pool import MOST_UNASKED
from antcli.engine.session.events import event
from antcli.engine.session.state import State
from antcli.engine.store.base import Append, SessionRow
from antcli.engine.store.sqlite import SqliteStore
from tests.bench import measure
from tests.bench.measure import Row, Scale, figures, p50, percentile, spread, until
from tests.bench.processes import INTERRUPT, bare_server, batch, engine, events, message, running
from tests.bench.wire import Connection

LONG = {"text": "later", "delay": 120}  # the model thinks: the session runs, and nothing more happens in it
PRODUCERS = 16


def start(scale: Scale, home: Path) -> list[Row]:
    """From the command to the ready line, and what it holds then."""
    ours: list[float] = []
    bare: list[float] = []
    for number in range(scale(7, 1)):
        with engine(home / f"engine-{number}") as served:
            ours.append(served.started_in)
            idle = measure.resident_megabytes(served.pid)
        server = bare_server(home / f"bare-{number}")
        with running(server):
            bare.append(server.started_in)
            floor = measure.resident_megabytes(server.pid)
    return [
        Row("engine start to ready", f"p50 {p50(ours) * 1000:.0f} min {min(ours) * 1000:.0f} ms", "0.7 s",
            f"bare server p50 {p50(bare) * 1000:.0f} ms", p50(ours) <= 0.7, figures("start", ours)),
        Row("memory, idle", f"{idle:.0f} MB", "70 MB", f"bare server {floor:.0f} MB", idle <= 70, {"idle_mb": idle}),
    ]  # fmt: skip


def memory(scale: Scale, home: Path) -> list[Row]:
    """With many running sessions that wait for their model; only some sandboxes are made ahead of the first call."""
    count = scale(200, 3)
    with engine(home / "engine") as served, served.connect() as ask:
        agent = served.agent(ask, served.script(LONG), tools=True)
        for _ in range(count):
            served.session(ask, agent, "go")
        until(lambda: len(measure.children(served.pid)) >= min(count, MOST_UNASKED), 60)
        until(lambda: served.sessions(ask, "running") == count, 60)
        time.sleep(scale(2, 0))  # the last of them are still starting
        engine_mb = measure.resident_megabytes(served.pid)
        hands = measure.descendants(served.pid)
        hands_mb = measure.proportional_megabytes(hands)
    return [
        Row(f"memory, {count} running sessions", f"{engine_mb:.0f} MB", "300 MB", "", engine_mb <= 300,
            {"engine_mb": engine_mb}),
        Row(f"... of their sandboxes (PSS, {len(hands)} processes)",
            f"{hands_mb:.0f} MB", figures={"sandboxes_mb": hands_mb}),
    ]  # fmt: skip


def posts(scale: Scale, home: Path) -> list[Row]:
    """POST events until the answer, which comes after the fsync; each message starts a turn beside the next one."""
    rows = []
    commit = _commits(home, scale(200, 5))
    for tcp in (False, True):
        name = "TCP" if tcp else "Unix socket"
        bare = bare_server(home / f"bare-{tcp}", tcp=tcp)
        with running(bare), engine(home / f"engine-{tcp}", tcp=tcp) as served, served.connect() as ask:
            agent = served.agent(ask, served.script(LONG))
            sessions = [served.session(ask, agent) for _ in range(scale(200, 3))]
            ours, floor = [], []
            with bare.connect() as echo:
                for session in sessions:
                    ours.append(_post(ask, events(session)))
                    floor.append(_post(echo, "/echo"))
        holds = p50(ours) <= 0.005 and percentile(ours, 99) <= 0.020
        baseline = f"echo p50 {p50(floor) * 1000:.2f}, one commit p50 {p50(commit) * 1000:.2f} ms"
        rows.append(
            Row(f"POST events, {name}", spread(ours), "p50 5 p99 20 ms", baseline, holds, figures("post", ours))
        )
    return rows


def _post(ask: Connection, path: str) -> float:
    body = batch(message("go"))
    return measure.seconds(lambda: ask.ask("POST", path, body))


def _commits(home: Path, count: int) -> list[float]:
    """One small row in a transaction of its own, with fsync."""
    connection = sqlite3.connect(home / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (body TEXT)")
    insert = "INSERT INTO rows VALUES (?)"
    times = [measure.seconds(lambda: connection.execute(insert, ("x" * 300,))) for _ in range(count)]
    connection.close()
    return times


def throughput(scale: Scale, home: Path) -> list[Row]:
    """Durable events a second while 16 sessions run."""
    rounds = scale(60, 2)
    refused = [{"name": "no_such_tool", "input": {"number": number}} for number in range(4)]
    reads = [{"name": "glob", "input": {"pattern": "*"}} for _ in range(3)]
    posted = _posted(scale(2000, 32), home / "posted")
    alone = _rate(rounds, refused, home / "alone", tools=False)
    with_hands = _rate(scale(20, 2), reads, home / "hands", tools=True)
    store = asyncio.run(_store_rate(home / "store.db", PRODUCERS, scale(1000, 32), records=2))
    return [
        Row(f"durable events/s, {PRODUCERS} sessions, rounds of 4 calls without hands", f"{alone:.0f}/s", "3000/s",
            f"store alone, {PRODUCERS} writers of 2: {store:.0f}/s", alone >= 3000, {"events_per_second": alone}),
        Row("... rounds of 3 reads in sandboxes", f"{with_hands:.0f}/s", figures={"events_per_second": with_hands}),
        Row("... posted by clients", f"{posted:.0f}/s", figures={"events_per_second": posted}),
    ]  # fmt: skip


def _rate(rounds: int, calls: list[dict[str, Any]], home: Path, *, tools: bool) -> float:
    with engine(home) as served, served.connect() as ask:
        turns = [{"tools": calls}] * rounds + [{"text": "done"}]
        agent = served.agent(ask, served.script(*turns), tools=tools)
        sessions = [served.session(ask, agent) for _ in range(PRODUCERS)]
        if tools:
            until(lambda: len(measure.children(served.pid)) >= PRODUCERS)
        begin = time.perf_counter()
        for session in sessions:
            ask.ask("POST", events(session), batch(message("go")))
        until(lambda: served.sessions(ask, "idle") == PRODUCERS, 60)
        took = time.perf_counter() - begin
        return PRODUCERS * _length(ask, sessions[0]) / took


def _length(ask: Connection, session: str) -> int:
    """How many events the session has."""
    count, page = 0, ""
    while True:
        part = ask("GET", f"{events(session)}?limit=1000{page}")
        count += len(part["data"])
        if part["next_page"] is None:
            return count
        page = f"&page={part['next_page']}"


def _posted(count: int, home: Path) -> float:
    """Single events, from as many connections as there are sessions."""
    with engine(home) as served, served.connect() as ask:
        agent = served.agent(ask, served.script(LONG))
        paths = [events(served.session(ask, agent)) for _ in range(PRODUCERS)]
        clients = [served.connect() for _ in paths]
        begin = time.perf_counter()
        for _ in range(count // PRODUCERS):
            for client, path in zip(clients, paths, strict=True):
                client.send("POST", path, INTERRUPT)
            for client in clients:
                client.receive()
        took = time.perf_counter() - begin
        for client in clients:
            client.socket.close()
        return count // PRODUCERS * PRODUCERS / took


async def _store_rate(path: Path, producers: int, count: int, *, records: int) -> float:
    store = SqliteStore(path)
    await store.open()

    async def produce(number: int) -> None:
        id, state = f"sesn_{number}", State("sthr_1", "a").to_json()
        await store.create_session(SessionRow(id, {}, state, "idle", "", "", None, "agent_1", 1, 0), [])
        for position in range(0, count // producers * records, records):
            items = [event("agent.thinking", "sthr_1") for _ in range(records)]
            await store.append(Append(id, position, items, state, "idle", ""))

    begin = time.perf_counter()
    await asyncio.gather(*(produce(number) for number in range(producers)))
    took = time.perf_counter() - begin
    await store.close()
    return count // producers * producers * records / took


def sessions(scale: Scale, home: Path) -> list[Row]:
    """Made and run to idle, all asked for at once; the last call shows that the shell was kept since the first."""
    count = scale(200, 3)
    none, hands, slow = _script([]), _script(_COMMANDS), _script(_COMMANDS, delay=scale(1, 0))
    text, _ = _at_once(home / "text", count, none)
    tools, _ = _at_once(home / "tools", count, hands, _COMMANDS)
    kept, peak = _at_once(home / "kept", count, slow, _COMMANDS)
    what = f"sessions made and run to idle, {count} at once"
    return [
        Row(what, _told(text), "50/s, none fails", "", text["per_second"] >= 50 and not text["failed"], text),
        Row("... 3 bash calls each", _told(tools), "none fails", "", not tools["failed"], tools),
        Row("... of a model that takes a second each time", _told(kept), "none fails", "", not kept["failed"], kept),
        Row(f"... its peak of memory, with {peak['sandboxes']:.0f} sandboxes",
            f"engine {peak['engine_mb']:.0f} MB, sandboxes {peak['sandboxes_mb']:.0f} MB PSS", figures=peak),
    ]  # fmt: skip


_COMMANDS = ("cd /tmp; n=1", "n=$((n+1))", "echo $n $PWD")


def _script(commands: Sequence[str], delay: int = 0) -> list[dict[str, Any]]:
    calls = [{"tools": [{"name": "bash", "input": {"command": command}}]} for command in commands]
    return [turn | {"delay": delay} for turn in (*calls, {"text": "ok"})]


def _told(figures: dict[str, float]) -> str:
    return f"{figures['per_second']:.0f}/s, {figures['failed']:.0f} failed"


def _at_once(
    home: Path, count: int, turns: list[dict[str, Any]], commands: Sequence[str] = ()
) -> tuple[dict[str, float], dict[str, float]]:
    """The figures, and the peak of what is held meanwhile."""
    peak = dict.fromkeys(("sandboxes", "sandboxes_mb"), 0.0)
    with engine(home) as served, served.connect() as ask:
        body = served.new_session(served.agent(ask, served.script(*turns), tools=bool(commands)), "go")
        clients = [served.connect() for _ in range(count)]
        begin = time.perf_counter()
        for client in clients:
            client.send("POST", "/v1/sessions", body)
        ids = [json.loads(client.receive())["id"] for client in clients]
        while served.sessions(ask, "idle") < count:
            assert time.perf_counter() - begin < 120, "the sessions do not end"
            if turns[0]["delay"]:  # to look at so many processes takes its time
                _look(served.pid, peak)
            time.sleep(0.05)
        took = time.perf_counter() - begin
        failed = sum(_failed(ask, id, len(commands)) for id in ids)
        for client in clients:
            client.socket.close()
        peak["engine_mb"] = measure.peak_megabytes(served.pid)
    return {"per_second": count / took, "failed": failed}, peak


def _look(pid: int, peak: dict[str, float]) -> None:
    held = {"sandboxes": len(measure.children(pid)),
            "sandboxes_mb": measure.proportional_megabytes(measure.descendants(pid))}  # fmt: skip
    peak |= {name: max(peak[name], value) for name, value in held.items()}


def _failed(ask: Connection, session: str, calls: int) -> bool:
    log = ask("GET", f"{events(session)}?limit=1000")["data"]
    results = [e["content"][0]["text"] for e in log if e["type"] == "agent.tool_result" and not e["is_error"]]
    kept = len(results) == calls and results[-1:] in ([], ["2 /tmp"])
    return not kept or log[-1].get("stop_reason") != {"type": "end_turn"}
