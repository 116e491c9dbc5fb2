"""`--on-work`: a program of the user's own for each work item."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

from antcli.errors import UsageError
from antcli.worker.log import Log
from antcli.worker.queue import Queue, Work

END_SECONDS = 30.0


def argv_of(command: str) -> list[str]:
    """The path of a program, or a command line. Raises UsageError when there is no such program."""
    try:
        words = [command] if os.path.exists(command) else shlex.split(command)
    except ValueError:
        words = []
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"--on-work: {command!r} is no program that can be run.", hint="Check its path and its mode.")
    return words


class ProgramWork:
    """The program gets the item as JSON on stdin and its ids in variables; what it prints goes to stderr. It keeps the
    lease itself, as `ant worker run` does; when it ends, the item is over."""

    def __init__(self, queue: Queue, argv: list[str], work: Work, environ: Mapping[str, str], log: Log) -> None:
        self._queue = queue
        self._argv = argv
        self._work = work
        self._environ = dict(environ) | {
            "ANTHROPIC_WORK_ID": work["id"],
            "ANTHROPIC_ENVIRONMENT_ID": work["environment_id"],
            "ANTHROPIC_SESSION_ID": work["data"]["id"],
        }
        self._log = log
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        self._stopped = True
        self._signal(signal.SIGTERM)

    def run(self) -> None:
        """Until the program has ended. Raises UsageError when it cannot be started."""
        try:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=sys.stderr, env=self._environ, start_new_session=True
            )
        except OSError as error:
            raise UsageError(f"--on-work: {self._argv[0]} cannot be run: {error.strerror}.") from None
        if self._stopped:
            self._signal(signal.SIGTERM)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(json.dumps(self._work).encode())
        code = self._wait()
        if code:
            self._log.warning("The program has failed.", exit_code=code)
        else:
            self._log.info("The program is done.")
        if self._stopped:
            self._queue.give_back(self._work["id"])
        else:
            self._queue.stop(self._work["id"])

    def _wait(self) -> int:
        assert self._process is not None
        while not self._stopped:
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(0.5)
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(END_SECONDS)
        self._signal(signal.SIGKILL)
        return self._process.wait()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
