"""Streams in a pipe: each event leaves before the next one comes, and a reader that leaves ends them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.ant import COMMAND, Ant, bash, until
from tests.e2e.served import KEY, TOOLSET, Served, served

EVENTS = 25
LIMIT = 30.0  # seconds


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as engine:
        yield engine


@pytest.fixture(scope="module")
def api(engine: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=engine.url, headers={"x-api-key": KEY}, trust_env=False, timeout=LIMIT) as client:
        client.post("/v1/environments", json={"name": "default"}).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def ant(engine: Served, tmp_path_factory: pytest.TempPathFactory) -> Ant:
    return Ant(tmp_path_factory.mktemp("home"), ANTHROPIC_BASE_URL=engine.url, ANTHROPIC_API_KEY=KEY)


def make(api: httpx.Client, path: str, **body: Any) -> Any:
    return api.post(f"/v1/{path}", json=body).raise_for_status().json()


def session_of(api: httpx.Client, model: str, *events: dict[str, Any]) -> str:
    agent = make(api, "agents", name="piped", model=model, tools=[TOOLSET])["id"]
    environment = api.get("/v1/environments").json()["data"][0]["id"]
    return str(make(api, "sessions", agent=agent, environment_id=environment, initial_events=events)["id"])


def message(text: str) -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


@pytest.fixture
def idle(engine: Served, api: httpx.Client) -> str:
    """A session that rests: nothing happens in it but what the test does."""
    return session_of(api, engine.script({"text": "x"}))


class Piped:
    """`ant` with its stdout in a pipe, read as it comes. `events` counts how often the mark of one was read."""

    def __init__(self, ant: Ant, *arguments: str, mark: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, *arguments], env=ant.environ, bufsize=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.read = b""
        self._mark = mark.encode()

    def wait_for(self, events: int) -> None:
        assert self.process.stdout is not None
        deadline = time.monotonic() + LIMIT
        while self.read.count(self._mark) < events or not self.read.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"event {events} stayed behind; read: {self.read.decode()[-500:]!r}"
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            assert chunk, f"it ended: {self.process.stderr.read() if self.process.stderr else ''!r}"
            self.read += chunk
        assert self.read.count(self._mark) == events

    def close(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=LIMIT)
        return self.process.returncode


STREAMS = {
    "logs, text": (["logs", "-f", "SESSION"], "(interrupt)"),
    "logs, jsonl": (["logs", "-f", "SESSION", "-o", "jsonl"], '"type":"user.interrupt"'),
    "logs, yaml": (["logs", "-f", "SESSION", "-o", "yaml"], "type: user.interrupt"),
    "logs, raw": (["logs", "-f", "SESSION", "-o", "raw"], '"type":"user.interrupt"'),
    "logs, id": (["logs", "-f", "SESSION", "-o", "id"], "sevt_"),
    "logs, transformed": (["logs", "-f", "SESSION", "-o", "jsonl", "--transform", "type", "-r"], "user.interrupt"),
    "stream": (["sessions", "events", "stream", "SESSION"], '"type":"user.interrupt"'),
    "stream, yaml": (["sessions", "events", "stream", "SESSION", "-o", "yaml"], "type: user.interrupt"),
    "stream, raw": (["sessions", "events", "stream", "SESSION", "-o", "raw"], '"type":"user.interrupt"'),
    "official": (["beta:sessions:events", "stream", "--session-id", "SESSION"], '"type":"user.interrupt"'),
    "official, jsonl": (
        ["beta:sessions:events", "stream", "--session-id", "SESSION", "--format", "jsonl"], '"type":"user.interrupt"',
    ),
    "official, yaml": (
        ["beta:sessions:events", "stream", "--session-id", "SESSION", "--format", "yaml"], "type: user.interrupt",
    ),
    "official, raw": (
        ["beta:sessions:events", "stream", "--session-id", "SESSION", "--format", "raw"], '"type":"user.interrupt"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_each_event_leaves_before_the_next_one_is_made(ant: Ant, api: httpx.Client, idle: str, name: str) -> None:
    arguments, mark = STREAMS[name]
    piped = Piped(ant, *(idle if word == "SESSION" else word for word in arguments), mark=mark)
    try:
        until(lambda: streams_of(api) > 0)  # what happens before that is in the log, for those who look there
        for number in range(1, EVENTS + 1):
            make(api, f"sessions/{idle}/events", events=[{"type": "user.interrupt"}])
            piped.wait_for(number)
    finally:
        code = piped.close()
    assert code == 130
    until(lambda: streams_of(api) == 0)


def streams_of(api: httpx.Client) -> int:
    """How many event streams are open at the engine."""
    lines = api.get("/metrics").text.splitlines()
    return int(next(line for line in lines if line.startswith("ant_streams_open ")).split()[-1])


def test_each_event_of_a_run_leaves_before_the_next_one_is_made(ant: Ant, engine: Served, api: httpx.Client) -> None:
    model = engine.script({"tools": [bash("sleep 60")]}, {"text": "Awake."})
    agent = make(api, "agents", name="sleeper", model=model, tools=[TOOLSET])["id"]
    piped = Piped(ant, "run", "Sleep", "--agent", agent, "-o", "jsonl", mark='"text":"mark')
    try:
        session = until(lambda: api.get("/v1/sessions", params={"agent_id": agent}).json()["data"])[0]["id"]
        for number in range(1, EVENTS + 1):
            make(api, f"sessions/{session}/events", events=[message(f"mark {number}")])
            piped.wait_for(number)
    finally:
        code = piped.close()
    assert code == 130


# A reader that leaves.


def piped_into_head(ant: Ant, command: str) -> subprocess.Popen[str]:
    """`ant COMMAND | head -1` in a shell, which then says how both ended."""
    shell = f'{COMMAND} {command} | head -1; echo "${{PIPESTATUS[@]}}"'
    return subprocess.Popen(
        ["bash", "-c", shell], env=ant.environ, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[str, str, str]:
    """What `head` let through, how both ended, and stderr. Fails when it goes on, though nothing happens any more."""
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    first, codes = out.splitlines()
    return first, codes, err


@pytest.mark.parametrize("command", ["logs -f {}", "logs -f {} -o jsonl", "logs -f {} -o yaml",
                                     "sessions events stream {} --tail 3"])  # fmt: skip
def test_a_followed_log_ends_with_its_reader_while_nothing_happens(
    ant: Ant, api: httpx.Client, idle: str, command: str
) -> None:
    for _ in range(3):
        make(api, f"sessions/{idle}/events", events=[{"type": "user.interrupt"}])
    first, codes, err = ended(piped_into_head(ant, command.format(idle)))
    assert first and (codes, err) == ("0 0", "")


@pytest.mark.parametrize("command", ["sessions events stream {}", "beta:sessions:events stream --session-id {}"])
def test_a_stream_ends_with_its_reader_after_the_first_event(
    ant: Ant, api: httpx.Client, idle: str, command: str
) -> None:
    process = piped_into_head(ant, command.format(idle))
    until(lambda: streams_of(api) > 0)
    make(api, f"sessions/{idle}/events", events=[{"type": "user.interrupt"}])
    first, codes, err = ended(process)
    assert '"type":"user.interrupt"' in first and (codes, err) == ("0 0", "")
    until(lambda: streams_of(api) == 0)


def test_the_log_of_a_session_at_work_ends_with_its_reader(ant: Ant, engine: Served, api: httpx.Client) -> None:
    session = session_of(api, engine.script({"tools": [bash("sleep 60")]}, {"text": "x"}), message("Sleep"))
    until(lambda: any(event["type"] == "agent.tool_use" for event in ant.events(session)))
    first, codes, err = ended(piped_into_head(ant, f"logs -f {session}"))
    assert first.endswith("session   running") and (codes, err) == ("0 0", "")
    assert api.get(f"/v1/sessions/{session}").json()["status"] == "running"
    make(api, f"sessions/{session}/events", events=[{"type": "user.interrupt"}])


@pytest.mark.parametrize("format", ["jsonl", "json", "yaml", "table", "csv", "id"])
def test_a_long_list_ends_with_its_reader(ant: Ant, api: httpx.Client, format: str) -> None:
    if not api.get("/v1/agents", params={"limit": 100}).json()["next_page"]:
        for number in range(120):  # more than a pipe holds
            make(api, "agents", name=f"agent {number}", model="demo", system="x" * 4000)
    first, codes, err = ended(piped_into_head(ant, f"agents list -o {format}"))
    assert first and (codes, err) == ("0 0", "")
