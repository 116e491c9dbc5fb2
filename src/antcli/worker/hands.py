"""The tools, in a process of their own: the program of the engine's sandboxes, without a sandbox around it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import antcli

PROGRAM = Path(antcli.__file__).parent / "engine" / "sandbox" / "hands.py"
BASH_SECONDS = 120.0  # unless the call says otherwise
FILE_SECONDS = 60.0
END_SECONDS = 3.0  # the program kills what it has started when its stdin closes
SPILL = ".tool_outputs"  # in the working directory: results that are too long for an event

Answer = dict[str, Any]


class Hands:
    """`heard` gets every answer (`id`, `content`, `is_error`), and None when the program has ended; from a thread."""

    def __init__(
        self, workdir: Path, session_id: str, environ: Mapping[str, str], *,
        within: Sequence[Path] | None, read_only: Sequence[Path] = (), heard: Callable[[Answer | None], None],
    ) -> None:  # fmt: skip
        """`within` are the folders that the file tools stay in, `read_only` those where they change nothing.

        Raises OSError when it cannot be started.
        """
        self._heard = heard
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=workdir, env={"PATH": environ.get("PATH", os.defpath)},
            start_new_session=True,  # Ctrl-C in the terminal of the worker is not for the tools
        )  # fmt: skip
        self._send({
            "workdir": str(workdir),
            "moved": {},
            "within": None if within is None else [str(folder) for folder in within],
            "read_only": [str(folder) for folder in read_only],
            "spill": str(workdir / SPILL),
            "own_namespace": False,
            "limits": {"CORE": 0},
            "environment": shell_environment(environ) | {"SANDBOX": session_id},
            "bash_seconds": BASH_SECONDS,
            "file_seconds": FILE_SECONDS,
        })  # fmt: skip
        if self._frame() is None:  # it is ready: only now it hears what comes
            self.close()
            raise OSError(None, "the program has ended")
        threading.Thread(target=self._read, name="hands", daemon=True).start()

    def call(self, id: int, tool: str, input: Mapping[str, Any]) -> None:
        self._send({"id": id, "tool": tool, "input": dict(input)})

    def cancel(self, id: int) -> None:
        """The call ends at once; its answer says so."""
        self._send({"cancel": id})

    def close(self) -> None:
        """Kills everything that the tools have started."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode()
        with contextlib.suppress(OSError):  # it has ended, which `heard` is told
            self._stdin.write(len(data).to_bytes(4, "big") + data)
            self._stdin.flush()

    def _read(self) -> None:
        while (answer := self._frame()) is not None:
            self._heard(answer)
        self._heard(None)

    def _frame(self) -> Answer | None:
        """What it says next; None when it has ended."""
        stream: Any = self._process.stdout
        try:
            size = int.from_bytes(stream.read(4), "big")
            frame: Answer = json.loads(stream.read(size))
        except ValueError:  # cut off, or the pipe is closed
            return None
        return frame


def shell_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The worker's own variables, without those that may hold its keys."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("ANTHROPIC_", "ANT_"))}
    return kept | {"TERM": "dumb"}
