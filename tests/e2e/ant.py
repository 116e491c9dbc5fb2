"""The installed `ant` as a process with a home of its own, and script models for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("ant"))
ASK = [{"type": "agent_toolset_20260401", "default_config": {"permission_policy": {"type": "always_ask"}}}]


class Ant:
    """Calls return the finished process; `start` a running one. `close` ends the engine."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = home
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.environ = kept | {
            "HOME": str(home), "ANT_CONFIG_DIR": str(home / "config"), "ANT_DATA_DIR": str(home / "data"),
            "NO_PROXY": "127.0.0.1", **environ,
        }  # fmt: skip
        self._running: list[subprocess.Popen[str]] = []

    def __call__(
        self, *arguments: str, input: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        return subprocess.run(
            [COMMAND, *arguments], capture_output=True, text=True, env=self.environ, timeout=timeout, **source
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [COMMAND, *arguments], env=self.environ, text=True, bufsize=1,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._running.append(process)
        return process

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "-o", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def script(self, *turns: dict[str, Any], name: str = "script") -> str:
        """A script model of these turns, as a model id."""
        path = self.home / f"{name}.json"
        path.write_text(json.dumps(list(turns)))
        return f"script:{path}"

    def agent(self, name: str, model: str, tools: list[dict[str, Any]] | None = None) -> str:
        given = [part for tool in tools or [] for part in ("--tool", json.dumps(tool))]
        done = self("agents", "create", "--name", name, "--model", model, *given, "-o", "json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["id"])

    def events(self, session: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self("logs", session, "-o", "jsonl").stdout.splitlines()]

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()
        self("engine", "stop")


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What the condition returns once it is true. Fails when it stays false."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def bash(command: str) -> dict[str, Any]:
    return {"name": "bash", "input": {"command": command}}
