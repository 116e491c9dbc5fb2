"""kill -9 under load: how soon the work goes on, and whether the logs are whole."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from antcli.engine.clock import now
from tests.bench.measure import Row, Scale, figures, percentile, until
from tests.bench.processes import engine, events
from tests.bench.wire import Connection

SESSIONS = 4  # new ones before each kill


def kills(scale: Scale, home: Path) -> list[Row]:
    """Each kill meets sessions in mid-turn. Back at work: every one of them has an event that is new."""
    ready: list[float] = []
    resumed: list[float] = []
    chance = random.Random(1)
    calls = scale(20, 3)
    turns = [{"tools": [{"name": "bash", "input": {"command": f"sleep 0.03; echo {n} >> done"}}]} for n in range(calls)]
    with engine(home / "engine") as served:
        with served.connect() as ask:
            agent = served.agent(ask, served.script(*turns, {"text": "done"}), tools=True)
        seen: dict[str, list[str]] = {}
        for _ in range(scale(10, 1)):
            with served.connect() as ask:
                seen |= {served.session(ask, agent, "go"): [] for _ in range(SESSIONS)}
                time.sleep(chance.uniform(0.1, 0.9))
                logs = {id: _log(ask, id) for id in seen}
            seen |= {id: [event["id"] for event in log] for id, log in logs.items()}
            open_ones = [id for id, log in logs.items() if not _is_over(log)]
            served.stop(signal.SIGKILL)
            begin, killed_at = time.perf_counter(), now()
            served.start()
            ready.append(time.perf_counter() - begin)
            with served.connect() as ask:
                for id in open_ones:
                    _wait_for_work(ask, id, killed_at)
            resumed.append(time.perf_counter() - begin)
        with served.connect() as ask:
            until(lambda: not served.sessions(ask, "running"), 60)
            wrong = sum(not _whole(_log(ask, id), seen[id], home, id, calls) for id in seen)
    measured = f"p50 {percentile(resumed, 50):.2f} max {max(resumed):.2f} s, {wrong} of {len(seen)} logs wrong"
    return [
        Row(f"back at work after kill -9, {len(resumed)} times", measured, "5 s, nothing lost, nothing twice",
            f"of it start to ready p50 {percentile(ready, 50):.2f} s", max(resumed) <= 5 and not wrong,
            figures("resumed", resumed) | {"wrong": wrong}),
    ]  # fmt: skip


def _log(ask: Connection, session: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = ask("GET", f"{events(session)}?limit=1000")["data"]
    return [event for event in data if event["processed_at"]]


def _is_over(log: list[dict[str, Any]]) -> bool:
    return bool(log) and log[-1]["type"] == "session.status_idle"


def _wait_for_work(ask: Connection, session: str, killed_at: str) -> None:
    """For an event that only the new engine can have written, or the end of a turn that came before the kill."""

    def goes_on() -> bool:
        log = _log(ask, session)
        return _is_over(log) or (bool(log) and log[-1]["processed_at"] > killed_at)

    until(goes_on, 20)


def _whole(log: list[dict[str, Any]], seen: list[str], home: Path, session: str, calls: int) -> bool:
    """Ended well, begins with all that was seen, one result for each call, no side effect twice."""
    ids = [event["id"] for event in log]
    uses = [event["id"] for event in log if event["type"] == "agent.tool_use"]
    results = Counter(event["tool_use_id"] for event in log if event["type"] == "agent.tool_result")
    done = (home / "engine/data/sessions" / session / "workspace/done").read_text().split()
    return (
        log[-1].get("stop_reason") == {"type": "end_turn"} and len(set(ids)) == len(ids) and ids[: len(seen)] == seen
        and len(uses) == calls and results == Counter(uses) and len(set(done)) == len(done)
    )  # fmt: skip
