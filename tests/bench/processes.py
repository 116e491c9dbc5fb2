"""The processes that are measured: a real engine, a bare server of the same make, a model that answers at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.bench.wire import Connection, Stream

TOOLSET = {"type": "agent_toolset_20260401"}
KEY = "key-of-the-bench"


def environment(home: Path, **more: str) -> dict[str, str]:
    """A clean process environment: nothing of the caller's settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home), "ANT_CONFIG_DIR": str(home / "config"), "ANT_DATA_DIR": str(home / "data"),
        "ANT_SERVER_API_KEY": KEY, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_PROXY": "127.0.0.1", **more,
    }  # fmt: skip


class Started:
    """`python -m ARGUMENTS`, which says on its first line of stdout where it is. End it with `stop`."""

    def __init__(self, home: Path, *arguments: str, **variables: str) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self._arguments = arguments
        self._environment = environment(home, **variables)
        self.start()

    def start(self) -> None:
        begin = time.perf_counter()
        with (self.home / "stderr.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError((self.home / "stderr.log").read_text())
        self.started_in = time.perf_counter() - begin
        self.url: str = json.loads(line)["url"]

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def connect(self) -> Connection:
        return Connection(self.url, KEY)


class Engine(Started):
    """`ant serve` with ways to fill it. `variant` is a name in variants.py."""

    def __init__(self, home: Path, *, tcp: bool = False, variant: str = "", **variables: str) -> None:
        module = ["tests.bench.variants", variant] if variant else ["antcli"]
        listen = ["--port", "0"] if tcp else ["--socket", str(home / "socket")]
        super().__init__(home, *module, "serve", *listen, "--data-dir", str(home / "data"), **variables)
        with self.connect() as ask:
            environment = {"name": "bench", "config": {"type": "cloud", "networking": {"type": "unrestricted"}}}
            self.environment_id = ask("POST", "/v1/environments", environment)["id"]

    def script(self, *turns: dict[str, Any]) -> str:
        path = self.home / f"script-{len(list(self.home.glob('script-*')))}.yaml"
        path.write_text(yaml.safe_dump({"turns": list(turns)}))
        return f"script:{path}"

    def agent(self, ask: Connection, model: str, *, tools: bool = False) -> str:
        body = {"name": "bench", "model": model, "tools": [TOOLSET] if tools else []}
        return str(ask("POST", "/v1/agents", body)["id"])

    def new_session(self, agent_id: str, text: str = "") -> dict[str, Any]:
        """The body that makes a session."""
        body: dict[str, Any] = {"agent": agent_id, "environment_id": self.environment_id}
        return body | ({"initial_events": [message(text)]} if text else {})

    def session(self, ask: Connection, agent_id: str, text: str = "") -> str:
        return str(ask("POST", "/v1/sessions", self.new_session(agent_id, text))["id"])

    def stream(self, session_id: str, *, deltas: bool = False) -> Stream:
        return Stream(self.connect(), f"{events(session_id)}/stream{'?event_deltas=agent.message' if deltas else ''}")

    def sessions(self, ask: Connection, status: str) -> int:
        lines = ask.ask("GET", "/metrics").decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(f'ant_sessions{{status="{status}"}}'))


@contextlib.contextmanager
def running(*processes: Started) -> Iterator[None]:
    """Kills them, whatever happens: a parked turn would only cost seconds, and their data is thrown away."""
    try:
        yield
    finally:
        for process in processes:
            process.stop(signal.SIGKILL)


@contextlib.contextmanager
def engine(home: Path, *, tcp: bool = False, variant: str = "", **variables: str) -> Iterator[Engine]:
    started = Engine(home, tcp=tcp, variant=variant, **variables)
    with running(started):
        yield started


def bare_server(home: Path, *, tcp: bool = False) -> Started:
    return Started(home, "tests.bench.bare", *([] if tcp else [str(home / "socket")]))


def model(home: Path, delay: float = 0.0) -> Started:
    return Started(home, "tests.bench.model", str(delay))


def endpoint(model: Started) -> dict[str, Any]:
    """The environment of an engine whose model it is."""
    return {"ANT_MODEL_BASE_URL": model.url, "ANT_MODEL_API_KEY": "none"}


def events(session_id: str) -> str:
    return f"/v1/sessions/{session_id}/events"


def message(text: str) -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def batch(*items: dict[str, Any]) -> dict[str, Any]:
    return {"events": list(items)}


INTERRUPT = batch({"type": "user.interrupt"})  # of an idle session: one durable event, and nothing follows from it
