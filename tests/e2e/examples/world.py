"""Where an example is run: a home with an engine, in which what the example names is made, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antcli.client.client import Client
from antcli.client.server import Server
from antcli.engine import daemon
from antcli.errors import ApiError
from antcli.references import KINDS
from tests.e2e.ant import COMMAND, Ant, until
from tests.e2e.tmux import Tmux

LIMIT = 60  # seconds for one example
GONE = (
    "sessions", "deployments", "agents", "environments", "vaults", "memory_stores", "skills", "files", "dreams",
    "user_profiles",
)  # fmt: skip
ARCHIVED = ("deployments", "agents", "dreams")  # what cannot be deleted


@dataclass
class Done:
    """How a line ended. On a terminal `stdout` is what was on the screen."""

    code: int
    stdout: str
    stderr: str = ""
    shown: str = ""  # by the line that follows
    ids: tuple[str, ...] = ()  # of the things that were made for it


class World:
    """One home after another: `fresh` begins the next, with a folder of its own and an engine that has nothing."""

    def __init__(self, home: Path, project: Path, **environ: str) -> None:
        self._project = project
        self.ant = Ant(home, **environ)
        self.ant.environ["PATH"] = f"{home / 'bin'}:{Path(COMMAND).parent}:{self.ant.environ['PATH']}"
        self.data_dir = home / "data"
        self.folder = home / "project"
        self.made: dict[str, str] = {}
        self._client: tuple[int, Client] | None = None

    def fresh(self) -> None:
        self._clean()
        home = self.ant.home
        for path in (self.folder, home / "config", home / ".config", home / "bin"):
            shutil.rmtree(path, ignore_errors=True)
        (self.data_dir / "newest.json").unlink(missing_ok=True)
        shutil.copytree(self._project, self.folder, symlinks=True)
        shutil.move(self.folder / "bin", home / "bin")
        (home / ".config" / "fish" / "completions").mkdir(parents=True)
        self.made.clear()

    def client(self) -> Client:
        """Of the engine, which is started where it does not run."""
        running = daemon.find(self.data_dir)
        if running is None:
            started = self.ant("engine", "restart")
            assert started.returncode == 0, started.stderr
            running = daemon.find(self.data_dir)
        assert running is not None and running.socket is not None
        if self._client is None or self._client[0] != running.pid:
            self.close()
            server = Server("http://ant", "local", "local", "a test", socket=str(running.socket))
            self._client = running.pid, Client(server, retries=0)
        return self._client[1]

    def close(self) -> None:
        if self._client is not None:
            self._client[1].close()

    def call(self, operation: str, *path: str, query: dict[str, Any] | None = None, **body: Any) -> Any:
        return self.client().call(operation, *path, query=query, body=body or None)

    def newest(self, kind: str, id: str) -> str:
        """Makes it the one that `@last` means."""
        from antcli.context import Context
        from antcli.output.terminal import Terminal

        Context(Terminal.of_process(), self.ant.environ).remember(kind, id)
        return id

    def _clean(self) -> None:
        if daemon.find(self.data_dir) is None:
            return
        client = self.client()
        for kind in GONE:
            for item in client.pages(f"{kind}.list"):
                if kind == "dreams" and item["status"] in ("pending", "running"):
                    client.call("dreams.cancel", item["id"])
                _end(client, kind, item["id"])

    # -- running lines

    def run(self, line: str) -> Done:
        done = subprocess.run(
            self._shell(line), cwd=self.folder, env=self.ant.environ, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=LIMIT,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def run_until(self, line: str, seen: str, number: signal.Signals, poke: Callable[[], None]) -> Done:
        """A line without an end of its own: it is poked, and when it has printed what is wanted it gets the signal."""
        process = subprocess.Popen(
            self._shell(line), cwd=self.folder, env=self.ant.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        out: list[str] = []
        err: list[str] = []
        assert process.stdout is not None and process.stderr is not None
        streams = process.stdout, process.stderr
        readers = [
            threading.Thread(target=into.extend, args=[stream])
            for into, stream in zip((out, err), streams, strict=True)
        ]
        for reader in readers:
            reader.start()
        try:
            until(lambda: poke() or seen in "".join(out) or process.poll() is not None, LIMIT)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for reader in readers:
                reader.join(10)
            for stream in streams:
                stream.close()
        return Done(process.wait(1), "".join(out), "".join(err))

    def run_on_terminal(self, line: str, *steps: tuple[str, ...]) -> Done:
        """In each step the screen shows the first word, then the keys are typed."""
        terminal = Tmux(self.ant, columns=100, folder=self.folder)
        try:
            terminal.type("-l", f"{line}; echo exit=$?.")
            terminal.type("Enter")
            for seen, *keys in steps:
                terminal.sees(seen, LIMIT)
                if keys:
                    terminal.type(*keys)
            terminal.sees("\nexit=", LIMIT)
            screen = terminal.screen(history=True)
        finally:
            terminal.close()
        return Done(int(screen.rpartition("exit=")[2].partition(".")[0]), screen)

    @staticmethod
    def _shell(line: str) -> list[str]:
        return ["bash", "-o", "pipefail", "-c", line]


def _end(client: Client, kind: str, id: str) -> None:
    if kind == "sessions":
        client.call("sessions.events.send", id, body={"events": [{"type": "user.interrupt"}]})
    until(lambda: _ended(client, f"{kind}.{'archive' if kind in ARCHIVED else 'delete'}", id))


def _ended(client: Client, operation: str, id: str) -> bool:
    try:
        client.call(operation, id)
    except ApiError as error:
        return error.status == 404
    return True


assert set(GONE) <= set(KINDS)
