"""What fails around us: disks, ports, models, tools, engines. A clear error each, nothing lost, and work goes on."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ant import COMMAND, Ant, bash, until
from tests.e2e.faults import ORDINARY, content_of, needs_ordinary, said, taken_port, tiny_disk
from tests.engine.core import agent, message, running
from tests.fakes.messages_endpoint import MessagesEndpoint, Turn

RETRIES = "[profiles.local.engine]\nmodel_retries = 1\n"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Ant]:
    ant = Ant(tmp_path)
    yield ant
    ant.close()


def ordinary(ant: Ant, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ORDINARY, COMMAND, *arguments],
        env=ant.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def engine_pid(ant: Ant) -> int:
    return int(json.loads((ant.home / "data" / "engine.json").read_text())["pid"])


def kill_engine(ant: Ant) -> int:
    pid = engine_pid(ant)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid))
    return pid


def another_engine(ant: Ant, killed: int) -> bool:
    return (ant.home / "data" / "engine.json").exists() and engine_pid(ant) != killed


def is_alive(pid: int) -> bool:
    """Also false for one that has ended and that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            return not Path("/proc").is_dir()
        return False


def results(events: list[dict[str, Any]]) -> list[str]:
    found = [event for event in events if event["type"] == "agent.tool_result"]
    return ["".join(part["text"] for part in event["content"]) for event in found]


def assert_whole(events: list[dict[str, Any]]) -> None:
    """Every call has one result, no event is there twice, and the session rests."""
    ids = [event["id"] for event in events]
    calls = [event["id"] for event in events if event["type"] == "agent.tool_use"]
    answered = [event["tool_use_id"] for event in events if event["type"] == "agent.tool_result"]
    assert len(ids) == len(set(ids)) and sorted(calls) == sorted(answered)
    assert events[-1]["type"] == "session.status_idle"


# An engine that cannot start.


def test_5_for_a_port_that_is_taken(fresh: Ant) -> None:
    with taken_port() as port:
        said(fresh("serve", "--port", str(port)), 5, f"Port {port} on 127.0.0.1 is taken.", "--port 0")
    assert not (fresh.home / "data" / "engine.json").exists()


def test_5_for_a_socket_that_cannot_be_made(fresh: Ant) -> None:
    said(fresh("serve", "--socket", "/nowhere/ant.sock"), 5, "cannot listen on /nowhere/ant.sock", "--socket")
    said(fresh("serve", "--socket", str(fresh.home / ("s" * 120))), 5, "too long", "--socket")


def test_a_long_data_directory_still_gets_a_socket(tmp_path: Path) -> None:
    ant = Ant(tmp_path, ANT_DATA_DIR=str(tmp_path / ("d" * 120) / ("e" * 120)))
    try:
        assert ant.json("agents", "list") == []
    finally:
        ant.close()


def test_5_for_a_data_directory_that_cannot_be_used(fresh: Ant) -> None:
    needs_ordinary()
    data = fresh.home / "data"
    data.mkdir(mode=0o500)
    for line in ("agents list", "run x --model demo", "serve --port 0"):
        said(ordinary(fresh, *line.split()), 5, str(data), "Permission denied", "ANT_")
    assert list(data.iterdir()) == []
    data.rmdir()
    data.write_text("mine")
    for line in ("agents list", "serve --port 0"):
        said(fresh(*line.split()), 5, "it is a file", "ANT_DATA_DIR")
    fresh.environ["ANT_DATA_DIR"] = str(data / "below")
    said(fresh("agents", "list"), 5, "Not a directory", "ANT_DATA_DIR")
    assert data.read_text() == "mine"


def test_5_for_a_data_directory_of_another_kind(fresh: Ant) -> None:
    data = fresh.home / "data"
    data.mkdir(mode=0o755)
    (data / "thesis.txt").write_text("mine")
    data.chmod(0o755)
    said(fresh("agents", "list"), 5, f"chmod 700 {data}")
    assert content_of(data) == {"thesis.txt": b"mine"} and data.stat().st_mode & 0o777 == 0o755


def test_5_for_a_database_that_is_none_and_it_is_left_alone(fresh: Ant) -> None:
    assert fresh.json("agents", "list") == []
    fresh("engine", "stop")
    database = fresh.home / "data" / "engine.db"
    database.write_bytes(b"not a database at all")
    done = fresh("agents", "list")
    said(done, 5, "file is not a database", "ant engine logs")
    assert done.stderr.count("does not start") == 1
    said(fresh("serve", "--port", "0"), 5, "file is not a database")
    assert database.read_bytes() == b"not a database at all"
    assert "file is not a database" in fresh("engine", "logs").stdout


def test_5_for_a_stranger_on_the_lock_who_is_not_killed(fresh: Ant) -> None:
    data = fresh.home / "data"
    data.mkdir(mode=0o700)
    with (data / "engine.lock").open("w") as lock, subprocess.Popen(["sleep", "60"]) as innocent:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said(fresh("serve", "--port", "0"), 5, "already uses", "--data-dir")
        said(fresh("engine", "stop"), 5, "engine.lock", "ANT_DATA_DIR")
        lock.write(str(innocent.pid))  # of an engine long gone, whose number went to somebody else
        lock.flush()
        if Path("/proc/self/fd").is_dir():
            said(fresh("engine", "stop"), 5, "engine.lock", "ANT_DATA_DIR")
        assert innocent.poll() is None
        innocent.kill()
    assert fresh.json("agents", "list") == []


def test_5_when_the_disk_is_full_at_the_start_and_well_when_it_is_not(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", "400k") as disk:
        ant = Ant(tmp_path, ANT_DATA_DIR=str(disk.path / "data"))
        try:
            disk.fill()
            said(ant("agents", "list"), 5)
            said(ant("serve", "--port", "0"), 5, str(disk.path / "data"))
            disk.make_room()
            assert ant.json("agents", "list") == []
        finally:
            ant.close()


def test_a_disk_that_is_full_in_mid_turn_loses_nothing(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", "4m") as disk:
        ant = Ant(tmp_path, ANT_DATA_DIR=str(disk.path / "data"))
        try:
            work = [{"tools": [bash("echo worked; sleep 1")]}, {"tools": [bash("echo more")]}]
            model = ant.script(*work, {"text": "Done."})
            run = ant.start("run", "x", "--model", model)
            until(lambda: running_call(ant))
            disk.fill()
            log = disk.path / "data" / "engine.log"
            ant.environ["ANT_MAX_RETRIES"] = "0"
            until(lambda: "It is tried again" in log.read_text())  # the page that it ends in has room
            said(ant("agents", "create", "--name", "late", "--model", "demo"), 5, "full", "ant engine logs")
            said(ant("run", "y", "--model", model), 5, "full")
            assert ant.json("sessions", "list")[0]["status"] == "running"
            disk.make_room()
            out, err = run.communicate(timeout=30)
            assert (run.returncode, out) == (0, "Done.\n"), err
            events = ant.events("@last")
            assert_whole(events)
            assert results(events) == ["worked", "more"]
            assert [agent["name"] for agent in ant.json("agents", "list")] == ["ant"]
        finally:
            ant.close()


def running_call(ant: Ant) -> Any:
    """The id of the session that is in the middle of a tool call, or None."""
    for session in ant.json("sessions", "list", "--status", "running"):
        if any(event["type"] == "agent.tool_use" for event in ant.events(session["id"])):
            return session["id"]
    return None


# The model's endpoint.

FAULTS = {
    "refuse": Turn(status=401, error_message="no such key: sk-very-secret"),
    "forbid": Turn(status=403),
    "cut": Turn(text="word " * 99, cut_after=5),
    "end": Turn(text="word " * 99, end_after=5),
    "page": Turn(raw="<html>hello</html>", headers={"content-type": "text/html"}),
    "garbage": Turn(raw="\x00\x01 {{{"),
    "json": Turn(raw='{"hello": 1}', headers={"content-type": "application/json"}),
    "wrong": Turn(raw='event: content_block_delta\ndata: {"type":"content_block_delta","index":7,"delta":{}}\n\n'),
    "overload": Turn(status=529),
    "stall": Turn(text="word " * 99, stall_after=5),
    "silence": Turn(delay=60),
    "fine": Turn(text="Well."),
}  # fmt: skip


def fault(body: dict[str, Any]) -> Turn:
    """The turn that the last message names."""
    return FAULTS[body["messages"][-1]["content"][-1]["text"].split()[0]]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[MessagesEndpoint]:
    with MessagesEndpoint(answer=fault) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, endpoint: MessagesEndpoint) -> Iterator[Ant]:
    """With a model of its own, that is tried twice."""
    home = tmp_path_factory.mktemp("asking")
    ant = Ant(home, ANT_MODEL_BASE_URL=endpoint.url, ANT_MODEL_API_KEY="sk-very-secret")
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text(RETRIES)
    yield ant
    ant.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refuse", "refused the key (401): check the key"),
        ("forbid", "refused the key (403)"),
        ("cut", "broke off the connection"),
        ("end", "before it was complete"),
        ("page", "a web page"),
        ("garbage", "before it was complete"),
        ("json", "not the Messages API's"),
        ("wrong", "not the Messages API's"),
        ("overload", "is overloaded (529)"),
    ],
)
def test_7_for_a_model_that_fails_and_the_session_goes_on(asking: Ant, name: str, words: str) -> None:
    done = asking("run", name, "--model", "some-model")
    said(done, 7, words, "ant run --session")
    assert "sk-very-secret" not in done.stderr
    session = done.stderr.split("--session ")[1].split()[0]
    assert asking("run", "--session", session, "fine").stdout == "Well.\n"
    assert_whole(asking.events(session))


def test_7_for_a_model_that_is_down(fresh: Ant, endpoint: MessagesEndpoint) -> None:
    (fresh.home / "config").mkdir()
    (fresh.home / "config" / "config.toml").write_text(RETRIES)
    fresh.environ |= {"ANT_MODEL_BASE_URL": "http://127.0.0.1:9"}
    said(fresh("run", "fine", "--model", "some-model"), 7, "127.0.0.1:9: Connection refused", "ant run --session")
    fresh.environ["ANT_MODEL_BASE_URL"] = endpoint.url
    assert fresh("run", "--continue", "fine").stdout == "Well.\n"


def test_a_rate_limit_is_waited_for_as_long_as_it_says(asking: Ant, endpoint: MessagesEndpoint) -> None:
    answers = [Turn(status=429, headers={"retry-after": "1"}), Turn(text="Now.")]
    FAULTS["limit"] = answers[0]
    run = asking.start("run", "limit", "--model", "some-model", "-o", "jsonl")
    assert run.stdout is not None
    for line in run.stdout:
        event = json.loads(line)
        if event["type"] == "session.error":
            FAULTS["limit"] = answers[1]
            limited, began = event["error"], time.monotonic()
            break
    out, _ = run.communicate(timeout=20)
    assert run.returncode == 0 and "Now." in out and time.monotonic() - began > 0.8
    assert limited["type"] == "model_rate_limited_error" and limited["retry_status"]["type"] == "retrying"


@pytest.mark.parametrize("name", ["stall", "silence"])
def test_a_model_that_hangs_can_be_interrupted(asking: Ant, endpoint: MessagesEndpoint, name: str) -> None:
    began = time.monotonic()
    done = asking("run", name, "--model", "some-model", "--timeout", "1")
    said(done, 124, "ant run --session")
    run = asking.start("run", name, "--model", "some-model")
    asked = len(endpoint.requests)
    until(lambda: len(endpoint.requests) > asked)
    run.send_signal(signal.SIGINT)
    assert run.wait(10) == 130 and time.monotonic() - began < 10
    assert asking.json("sessions", "get", "@last")["status"] == "idle"
    assert asking("run", "--continue", "fine").stdout == "Well.\n"
    assert_whole(asking.events("@last"))


# Tools.


def test_tools_that_misbehave_are_bounded_and_the_session_goes_on(ant: Ant) -> None:
    commands = {
        "endless": {"command": "yes", "timeout_ms": 500},
        "binary": {"command": "head -c 100000 /dev/urandom"},
        "long line": {"command": "head -c 300000 /dev/zero | tr '\\0' z"},
        "memory": {"command": "python3 -c 'x = bytearray(64 << 30); x[::4096] = bytes(len(x) >> 12)'"},
        "shell": {"command": "kill -9 $$"},
        "output": {"command": "exec >&- 2>&-; echo lost"},
        "input": {"command": "exec <&-; cat"},
        "jobs": {"command": "sleep 300 & (sleep 300 &) ; echo started"},
        "signals": {"command": "trap '' TERM INT HUP; echo trapped"},
    }
    turns: list[dict[str, Any]] = []
    for input in commands.values():
        turns += [{"tools": [{"name": "bash", "input": input}]}, {"tools": [bash("echo alive")]}]
    model = ant.script(*turns, {"text": "All done."})
    began = time.monotonic()
    done = ant("run", "x", "--model", model)
    assert (done.returncode, done.stdout) == (0, "All done.\n"), done.stderr
    assert time.monotonic() - began < 20
    events = ant.events("@last")
    assert_whole(events)
    found = dict(zip(commands, results(events)[::2], strict=True))
    assert all(text == "alive" for text in results(events)[1::2]), results(events)[1::2]
    assert "output truncated" in found["endless"] and len(found["endless"]) < 110_000
    assert "output truncated" in found["long line"] and len(found["long line"]) < 110_000
    assert 10_000 < len(found["binary"]) <= 100_000 and "\0" not in found["binary"]
    assert "signal 9" in found["shell"] and found["jobs"] == "started" and found["signals"] == "trapped"
    assert "memory" in found["memory"].lower() or "killed" in found["memory"].lower() or "signal" in found["memory"]


def test_a_tool_that_forks_without_end_is_bounded(ant: Ant) -> None:
    command = "for i in $(seq 3000); do sleep 60 & done; echo all of them"
    turns = [{"name": "bash", "input": {"command": command, "timeout_ms": 1500}}]
    model = ant.script({"tools": turns}, {"tools": [bash("echo alive")]}, {"text": "Done."})
    assert ant("run", "x", "--model", model).stdout == "Done.\n"
    forked, alive = results(ant.events("@last"))
    assert "all of them" not in forked and alive == "alive"


# Ctrl-C.


def test_130_at_any_moment_and_nothing_is_left_running(ant: Ant) -> None:
    model = ant.script({"text": "Working.", "tools": [bash("sleep 30")]}, {"text": "Awake."})
    for seconds in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8):
        run = ant.start("run", "x", "--model", model)
        time.sleep(seconds)  # any moment will do
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=15)
        # Before the program has begun Python itself ends, by the signal.
        assert run.returncode in (130, -signal.SIGINT) and out == "", (seconds, err)
        assert "Traceback" not in err or seconds < 0.05, (seconds, err)
    until(lambda: ant.json("sessions", "list", "--status", "running") == [])


def test_130_for_other_commands_too(ant: Ant) -> None:
    model = ant.script({"tools": [bash("sleep 2")]}, {"text": "Awake."})
    session = ant("run", "x", "--model", model, "-d").stdout.strip()
    lines = (["wait", session], ["logs", "-f", session], ["sessions", "events", "stream", session])
    watching = [ant.start(*line) for line in lines]
    time.sleep(1)  # they stand
    for process, line in zip(watching, lines, strict=True):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130 and "Traceback" not in err, (line, err)
    assert ant("wait", session).returncode == 0  # they only watched


def test_a_run_that_was_started_to_ignore_ctrl_c_does_so(ant: Ant) -> None:
    """A job in the background of a script, where Ctrl-C is meant for what is in front."""
    model = ant.script({"tools": [bash("sleep 1")]}, {"text": "Unmoved."})
    line = f"trap '' INT; exec {COMMAND} run x --model {model}"
    run = subprocess.Popen(["bash", "-c", line], env=ant.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    until(lambda: running_call(ant))
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=20)[0] == b"Unmoved.\n" and run.returncode == 0


# Engines that go, come twice, or are old.


def test_who_watches_outlives_the_engine(ant: Ant) -> None:
    model = ant.script({"tools": [bash("sleep 2; echo once >> /workspace/count")]}, {"text": "Back."}, name="outlived")
    session = ant("run", "x", "--model", model, "-d").stdout.strip()
    watching = [
        ant.start("wait", session),
        ant.start("logs", "-f", session, "--until", "idle", "-o", "jsonl"),
        ant.start("logs", "-f", session, "--until", "idle"),
    ]
    until(lambda: running_call(ant))
    time.sleep(0.5)  # they stand
    first = kill_engine(ant)
    (_, wait_err), (lines, _), (text, _) = (process.communicate(timeout=30) for process in watching)
    assert [process.returncode for process in watching] == [0, 0, 0], wait_err
    assert engine_pid(ant) != first
    ids = [json.loads(line)["id"] for line in lines.splitlines()]
    assert len(ids) == len(set(ids)) and set(ids) == {event["id"] for event in ant.events(session)}
    assert text.count("Back.") == 1 and text.endswith("idle: end_turn\n")


def test_a_run_outlives_two_engines(ant: Ant) -> None:
    model = ant.script({"tools": [bash("sleep 1")]}, {"delay": "1s", "tools": [bash("sleep 1")]}, {"text": "Back."})
    run = ant.start("run", "x", "--model", model)
    until(lambda: running_call(ant))
    for _ in range(2):
        killed = kill_engine(ant)
        until(lambda killed=killed: run.poll() is not None or another_engine(ant, killed))
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (0, "Back.\n"), err
    assert_whole(ant.events("@last"))


def test_commands_at_once_start_one_engine(fresh: Ant) -> None:
    for engines in (1, 2):  # the second time there is what a killed one left
        names = [f"e{engines}{number}" for number in range(4)]
        processes = [fresh.start("envs", "create", "--name", name, "-o", "id") for name in names]
        assert all(process.communicate(timeout=30)[0].startswith("env_") for process in processes)
        assert (fresh.home / "data" / "engine.log").read_text().count(" is ready at ") == engines
        kill_engine(fresh)
    assert len(fresh.json("envs", "list")) == 8


def test_an_older_engine_is_replaced_when_it_rests_and_only_then(fresh: Ant) -> None:
    def make_older() -> int:
        """What a client reads is what the engine said about itself."""
        announced = fresh.home / "data" / "engine.json"
        announced.write_text(json.dumps(json.loads(announced.read_text()) | {"version": "0.0.1"}))
        return engine_pid(fresh)

    assert fresh.json("agents", "list") == []
    first = make_older()
    assert fresh.json("agents", "list") == []
    second = engine_pid(fresh)
    assert second != first and not is_alive(first)
    run = fresh.start("run", "x", "--model", fresh.script({"tools": [bash("sleep 2")]}, {"text": "Whole."}))
    until(lambda: running_call(fresh))
    make_older()
    done = fresh("agents", "list", "-o", "id")
    assert done.returncode == 0 and done.stdout.startswith("agent_")
    assert "0.0.1" in done.stderr and "restarted when it is idle" in done.stderr
    assert is_alive(second)
    out, err = run.communicate(timeout=20)
    assert (run.returncode, out) == (0, "Whole.\n"), err
    until(lambda: not is_alive(second))
    assert fresh.json("agents", "list") and engine_pid(fresh) != second
    assert all("interrupted" not in text for text in results(fresh.events("@last")))


# The clock.


def test_a_clock_that_is_set_back_changes_no_order_and_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: a clock can be set for the whole machine only."""

    class HourAgo(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> HourAgo:
            return super().now(tz) - timedelta(hours=1)

    async def scenario() -> list[dict[str, Any]]:
        async with running(tmp_path) as core:
            model = core.script({"text": "One."}, {"text": "Two."})
            session = await core.create(agent(model), "first")
            await core.idle(session)
            monkeypatch.setattr("antcli.engine.clock.datetime", HourAgo)
            real = time.time
            monkeypatch.setattr(time, "time", lambda: real() - 3600)
            await core.send(session, message("second"))
            await core.seen(session, "agent.message", 2)
            return await core.idle(session)

    moments = [event["processed_at"] for event in asyncio.run(scenario())]
    assert moments == sorted(moments) and len(moments) > 8
