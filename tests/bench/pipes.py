"""From the commit in the engine to the end of the pipe that `ant` prints into."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.measure import Row, Scale, figures, percentile, spread, until
from tests.bench.processes import INTERRUPT, KEY, Engine, engine, environment, events
from tests.bench.wire import SECONDS, Connection, stamp

BUDGET = 0.020
PACE = 0.005
MARK = b"interrupt"  # of the one kind of event that is sent, in each form
COMMANDS = {
    "logs -f": ("logs", "-f", "SESSION"),
    "logs -f -o jsonl": ("logs", "-f", "SESSION", "-o", "jsonl"),
    "logs -f -o yaml": ("logs", "-f", "SESSION", "-o", "yaml"),
    "sessions events stream": ("sessions", "events", "stream", "SESSION"),
    "beta:sessions:events stream": ("beta:sessions:events", "stream", "--session-id", "SESSION"),
}


def printed(scale: Scale, home: Path) -> list[Row]:
    """The engine stamps each frame as it makes it; a bare reader of the same stream tells the stamp."""
    rows = []
    with engine(home / "piped", tcp=True, variant="stamped") as served, served.connect() as ask:
        agent = served.agent(ask, served.script({"text": "x"}))
        for name, words in COMMANDS.items():
            count = scale(200, 5)
            session = served.session(ask, agent)
            floor = _times_taken(served, ask, session, _relay(served, session), count)
            session = served.session(ask, agent)
            ant = [sys.executable, "-m", "antcli", *(session if word == "SESSION" else word for word in words)]
            ours = _times_taken(served, ask, session, ant, count)
            rows.append(
                Row(f"commit to pipe, {name}", spread(ours), f"p99 {BUDGET * 1000:.0f} ms",
                    f"bare relay {spread(floor)}", percentile(ours, 99) <= BUDGET,
                    figures("commit_to_pipe", ours) | figures("relay", floor))
            )  # fmt: skip
    return rows


def _relay(served: Engine, session: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.relay", served.url, KEY, f"{events(session)}/stream"]


def _times_taken(served: Engine, ask: Connection, session: str, command: list[str], count: int) -> list[float]:
    variables = environment(served.home, ANTHROPIC_BASE_URL=served.url, ANTHROPIC_API_KEY=KEY)
    with (
        served.stream(session) as stream,
        subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        try:
            until(lambda: _streams(ask) == 2)
            selector.register(stream.connection.socket, selectors.EVENT_READ, "stream")
            selector.register(process.stdout, selectors.EVENT_READ, "pipe")
            _one(ask, session, selector)  # warms up
            return [_one(ask, session, selector) for _ in range(count)]
        finally:
            process.kill()
            until(lambda: process.poll() is not None)
            stream.connection.socket.close()
            until(lambda: _streams(ask) == 0)


def _one(ask: Connection, session: str, selector: selectors.BaseSelector) -> float:
    time.sleep(PACE)
    ask.send("POST", events(session), INTERRUPT)
    made, arrived = _times(selector)
    ask.receive()
    return arrived - made


def _times(selector: selectors.BaseSelector) -> tuple[float, float]:
    """When the engine made the frame of an event, and when the event was whole at the end of the pipe."""
    read = {"stream": b"", "pipe": b""}
    arrived, made = 0.0, None
    while not arrived or made is None:
        ready = selector.select(SECONDS)
        moment = time.monotonic()
        if not ready:
            raise TimeoutError("an event did not arrive")
        for key, _ in ready:
            read[key.data] += os.read(key.fd, 1 << 16)
        if not arrived and MARK in read["pipe"] and read["pipe"].endswith(b"\n"):
            arrived = moment
        if MARK in read["stream"] and b"\n\n" in read["stream"]:
            made = stamp(read["stream"])
    return made, arrived


def _streams(ask: Connection) -> int:
    lines = ask.ask("GET", "/metrics").decode().splitlines()
    return int(next(line for line in lines if line.startswith("ant_streams_open ")).split()[1])
