"""More sessions at once than sandboxes may rest: nobody loses its shell in the middle of a turn."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from antcli.engine.sandbox.pool import MOST_RESTING
from tests.e2e.served import KEY, TOOLSET, Served, served
from tests.e2e.test_survival import wait_for

SESSIONS = MOST_RESTING + 16
COMMANDS = ("cd /tmp; n=1", "n=$((n+1))", "echo $n $PWD")
GO = {"type": "user.message", "content": [{"type": "text", "text": "go"}]}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as engine:
        yield engine


def test_many_sessions_at_once_run_a_script_of_three_calls_without_an_error(engine: Served) -> None:
    calls = [{"tools": [{"name": "bash", "input": {"command": command}}]} for command in COMMANDS]
    model = engine.script(*({"delay": 1} | turn for turn in (*calls, {"text": "Done."})))
    with httpx.Client(base_url=engine.url, headers={"x-api-key": KEY}, timeout=60) as api:
        agent = api.post("/v1/agents", json={"name": "a", "model": model, "tools": [TOOLSET]}).json()["id"]
        environment = api.post("/v1/environments", json={"name": "e"}).json()["id"]
        body = {"agent": agent, "environment_id": environment, "initial_events": [GO]}
        with ThreadPoolExecutor(SESSIONS) as clients:
            made = list(clients.map(lambda _: api.post("/v1/sessions", json=body), range(SESSIONS)))
        assert {answer.status_code for answer in made} == {200}
        idle = f'ant_sessions{{status="idle"}} {SESSIONS}'
        wait_for(lambda: idle in api.get("/metrics").text.splitlines(), 90)
        logs = [api.get(f"/v1/sessions/{answer.json()['id']}/events").json()["data"] for answer in made]
    assert [results(log) for log in logs] == [["(no output)", "(no output)", "2 /tmp"]] * SESSIONS
    assert all(log[-1]["stop_reason"] == {"type": "end_turn"} for log in logs)


def results(log: list[dict[str, Any]]) -> list[str]:
    return [event["content"][0]["text"] for event in log if event["type"] == "agent.tool_result"]
