"""`kill -9` of the engine around a scheduled fire, and around the publication of outputs (semantics.md 19.1, 15)."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from antcli.engine.clock import timestamp
from tests.e2e.served import TOOLSET, Served, served
from tests.e2e.test_survival import client, wait_for

DEPLOYMENTS, KILLS_OF_FIRES = 24, 6
FILES, KILLS_OF_OUTPUTS = 12, 7
EVERY_MINUTE = {"type": "cron", "expression": "* * * * *", "timezone": "UTC"}
GO = {"type": "user.message", "content": [{"type": "text", "text": "go"}]}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as engine:
        yield engine


def count(engine: Served, sql: str, *values: object) -> int:
    """One number out of the database of an engine that may be running, or dead."""
    with closing(sqlite3.connect(f"file:{engine.data_dir / 'engine.db'}?mode=ro", uri=True)) as database:
        (number,) = database.execute(sql, values).fetchone()
        return int(number)


def every(api: httpx.Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page: dict[str, str] = {}
    while True:
        answer = api.get(path, params={"limit": "100", **page}).raise_for_status().json()
        found += answer["data"]
        if not answer.get("next_page"):
            return found
        page = {"page": answer["next_page"]}


def made_of(api: httpx.Client, model: str) -> dict[str, str]:
    agent = api.post("/v1/agents", json={"name": "a", "model": model, "tools": [TOOLSET]}).json()["id"]
    return {"agent": agent, "environment_id": api.post("/v1/environments", json={"name": "e"}).json()["id"]}


# A scheduled fire.


def test_a_scheduled_time_runs_once_wherever_the_engine_is_killed(engine: Served) -> None:
    chance = random.Random(20261125)
    with client(engine) as api:
        file = api.post("/v1/files", files={"file": ("notes.txt", b"notes", "text/plain")}).json()["id"]
        body = made_of(api, engine.script({"text": "Done."})) | {
            "name": "d", "initial_events": [GO], "schedule": EVERY_MINUTE,
            "resources": [{"type": "file", "file_id": file, "mount_path": "/workspace/notes.txt"}],
        }  # fmt: skip
        ids = [api.post("/v1/deployments", json=body).raise_for_status().json()["id"] for _ in range(DEPLOYMENTS)]
    engine.kill()
    make_due(engine)
    for kill in range(KILLS_OF_FIRES):
        moment = chance.uniform(kill, kill + 1) / KILLS_OF_FIRES * 3 * DEPLOYMENTS
        engine.launch()
        wait_for(lambda moment=moment: progress(engine) >= moment, 20)
        time.sleep(chance.random() * 0.005)  # between two writes, too
        engine.kill()
    engine.start()
    with client(engine) as api:
        wait_for(lambda: at_rest(engine) and progress(engine) >= 3 * DEPLOYMENTS, 30)
        runs, sessions = every(api, "/v1/deployment_runs"), every(api, "/v1/sessions")
        assert {run["deployment_id"] for run in runs} == set(ids)
        fired = [(run["deployment_id"], run["trigger_context"]["scheduled_at"]) for run in runs]
        assert len(set(fired)) == len(fired), "a scheduled time ran twice"
        assert [run["error"] for run in runs if run["error"]] == []
        assert sorted(run["session_id"] for run in runs) == sorted(session["id"] for session in sessions)
        assert all_whole(api, sessions)


def make_due(engine: Served) -> None:
    """As if the engine had been away for some minutes: the latest time that it missed is made up for."""
    earlier = timestamp(datetime.now(UTC) - timedelta(minutes=3))
    with closing(sqlite3.connect(engine.data_dir / "engine.db")) as database, database:
        database.execute(
            "UPDATE objects SET body = json_set(body, '$.fires_from', ?) WHERE kind = 'deployment'", (earlier,)
        )


def progress(engine: Served) -> int:
    """Three steps a fire: it is claimed, its session is made, its run is recorded."""
    objects = "SELECT count(*) FROM objects WHERE kind = ?"
    runs = count(engine, objects, "deployment_run")
    return 2 * runs + count(engine, objects, "deployment_fire") + count(engine, "SELECT count(*) FROM sessions")


def at_rest(engine: Served) -> bool:
    fires = count(engine, "SELECT count(*) FROM objects WHERE kind = 'deployment_fire'")
    return fires + count(engine, "SELECT count(*) FROM sessions WHERE status != 'idle'") == 0


def all_whole(api: httpx.Client, sessions: list[dict[str, Any]]) -> bool:
    """Each has its one message, its one answer, and one copy of the file."""
    for session in sessions:
        events = api.get(f"/v1/sessions/{session['id']}/events").json()["data"]
        types = [event["type"] for event in events]
        assert types.count("user.message") == 1 and types.count("agent.message") == 1, types
        assert events[-1]["stop_reason"] == {"type": "end_turn"}
        files = api.get("/v1/files", params={"scope_id": session["id"]}).json()["data"]
        assert [file["id"] for file in files] == [resource["file_id"] for resource in session["resources"]]
    return True


# The publication of outputs.


def test_each_output_is_one_whole_file_wherever_the_engine_is_killed(engine: Served) -> None:
    chance = random.Random(20261126)
    turns = (({"tools": [{"name": "bash", "input": {"command": writing(turn)}}]}, {"text": f"Done {turn}."})
             for turn in range(KILLS_OF_OUTPUTS))  # fmt: skip
    with client(engine) as api:
        body = made_of(api, engine.script(*(part for turn in turns for part in turn)))
        session = api.post("/v1/sessions", json=body).json()["id"]
    for turn in range(KILLS_OF_OUTPUTS):
        newest = count(engine, "SELECT max(sequence) FROM objects")
        with client(engine) as api:
            api.post(f"/v1/sessions/{session}/events", json={"events": [GO]}).raise_for_status()
        wanted = chance.randrange(len(changed(turn)) + 1)
        wait_for(lambda turn=turn, newest=newest, wanted=wanted: published(engine, turn, newest, wanted), 20)
        time.sleep(chance.random() * 0.005)
        engine.kill()
        engine.start()
        with client(engine) as api:
            wait_for(lambda: api.get(f"/v1/sessions/{session}").json()["status"] == "idle", 20)
            check_outputs(api, engine, session, turn)


def changed(turn: int) -> list[int]:
    """The files that a turn writes: all in the first one, later some."""
    return [file for file in range(FILES) if turn == 0 or (file + turn) % 3]


def content(turn: int, file: int) -> bytes:
    line = f"turn {turn} file {file}\n".encode()
    return (line * (120_000 // len(line) + 1))[:120_000]


def writing(turn: int) -> str:
    files = " ".join(map(str, changed(turn)))
    return f'cd /mnt/session/outputs; for n in {files}; do yes "turn {turn} file $n" | head -c 120000 > $n; done'


def published(engine: Served, turn: int, newest: int, wanted: int) -> bool:
    """The files are written, and so many are published since."""
    calls = count(engine, "SELECT count(*) FROM events WHERE type = 'agent.tool_result'")
    files = count(engine, "SELECT count(*) FROM objects WHERE kind = 'file' AND sequence > ?", newest)
    return calls > turn and files >= wanted


def check_outputs(api: httpx.Client, engine: Served, session: str, turn: int) -> None:
    files = every(api, f"/v1/files?scope_id={session}")
    assert sorted(int(file["filename"]) for file in files) == list(range(FILES)), "a path is lost, or there twice"
    last = {file: max(t for t in range(turn + 1) if file in changed(t)) for file in range(FILES)}
    for file in files:
        number = int(file["filename"])
        data = api.get(f"/v1/files/{file['id']}/content").raise_for_status().content
        assert data == content(last[number], number) and file["size_bytes"] == len(data), (turn, number)
    blobs = engine.data_dir / "files"
    wait_for(lambda: {path.name for path in blobs.iterdir() if path.is_file()} == {file["id"] for file in files}, 5)
    assert list((blobs / "incoming").iterdir()) == []
