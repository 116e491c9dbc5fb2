"""A real engine: the installed `ant serve` as a process, on a port of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

KEY = "test-key-of-this-engine"
ANT = str(Path(sys.executable).with_name("ant"))
TOOLSET = {"type": "agent_toolset_20260401"}


def environment(home: Path, **more: str) -> dict[str, str]:
    """A clean process environment in which nothing of the caller's settings is left."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "ANT_CONFIG_DIR": str(home / "config"),
        "ANT_DATA_DIR": str(home / "data"),
        "ANT_SERVER_API_KEY": KEY,
        **more,
    }


class Served:
    """One `ant serve`; `kill` is SIGKILL, `start` starts another one on the same data directory."""

    def __init__(self, home: Path, *arguments: str, **variables: str) -> None:
        self.home = home
        self.data_dir = home / "data"
        self._arguments = arguments
        self._environment = environment(home, **variables)
        self.start()

    def start(self, port: int = 0) -> None:
        self.launch(port)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.home / "serve.log").read_text()
        self.ready: dict[str, Any] = json.loads(line)
        self.url = self.ready["url"]
        self.port = urlsplit(self.url).port or 0

    def launch(self, port: int = 0) -> None:
        """Start, and do not wait until it is ready."""
        with (self.home / "serve.log").open("a") as log:
            self.process = subprocess.Popen(
                [ANT, "serve", "--port", str(port), "--data-dir", str(self.data_dir), *self._arguments],
                env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def script(self, *turns: dict[str, Any]) -> str:
        path = self.home / f"script-{len(list(self.home.glob('script-*')))}.yaml"
        path.write_text(yaml.safe_dump({"turns": list(turns)}))
        return f"script:{path}"


@contextlib.contextmanager
def served(home: Path, *arguments: str, **variables: str) -> Iterator[Served]:
    home.mkdir(exist_ok=True)
    engine = Served(home, *arguments, **variables)
    try:
        yield engine
    finally:
        if engine.process.poll() is None:
            engine.stop()
