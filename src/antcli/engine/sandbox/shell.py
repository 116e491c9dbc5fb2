"""The persistent bash of one sandbox: runs inside it, with the standard library only (Python 3.9 and later).

Commands go to the shell's standard input as `eval`; the exit code comes back on a descriptor of its own, which no
command inherits. All shells of a sandbox write to one output pipe, so that a background job is heard after its shell.
"""

from __future__ import annotations

import os
import re
import signal
import time

from antcli.engine.sandbox.processes import GONE_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT_CAP = 102_400
STATUS_DESCRIPTOR = 198
OUTPUT_DESCRIPTOR = 199
_IGNORED_HERE = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # device strings
    r"|\x1b[ -/]*[0-~]"
)


class Shell:
    """At most one shell process and at most one command in it at a time."""

    def __init__(self, workdir: str, environment: dict[str, str], kill_all: Callable[[int], None]) -> None:
        self.output, self._output_end = os.pipe()
        os.set_blocking(self.output, False)
        self.status: int | None = None  # where the exit code arrives
        self.commands: int | None = None  # where commands go; non-blocking
        self.process: int | None = None
        self._session = 0  # of the newest shell, dead or alive
        self._workdir = workdir
        self._environment = environment
        self._kill_all = kill_all
        self._unsent = b""
        self._tail = bytearray()
        self._seen = 0

    def start(self) -> None:
        """Raises OSError when no process can be made."""
        commands_end, self.commands = os.pipe()
        self.status, status_end = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            self._become_bash(commands_end, status_end)
        self._session = self.process
        os.close(commands_end)
        os.close(status_end)
        os.set_blocking(self.commands, False)
        os.set_blocking(self.status, False)

    def _become_bash(self, commands: int, status: int) -> None:
        try:
            os.setsid()
            for number in _IGNORED_HERE:
                signal.signal(number, signal.SIG_DFL)
            try:
                os.chdir(self._workdir)
            except OSError:
                os.chdir("/")
            os.dup2(commands, 0)
            os.dup2(self._output_end, 1)
            os.dup2(self._output_end, 2)
            os.dup2(status, STATUS_DESCRIPTOR)
            os.dup2(self._output_end, OUTPUT_DESCRIPTOR)
            os.execve("/bin/bash", ["bash", "--noprofile", "--norc"], self._environment)
        except BaseException as error:
            os.write(2, f"bash cannot be started: {error}\n".encode())
        finally:
            os._exit(127)

    def send(self, command: str) -> None:
        """Start a command. Raises OSError when no shell can be made."""
        self.exited()
        if self.process is None:
            self.start()
        quoted = command.replace("'", "'\\''").encode("utf-8", "replace")
        self._unsent = (
            # Whatever a command did to its output (`exec >&-`), the next one has its own.
            b"builtin eval -- '%b' </dev/null >&%d 2>&1 %d>&- %d>&-\n"
            % (quoted, OUTPUT_DESCRIPTOR, OUTPUT_DESCRIPTOR, STATUS_DESCRIPTOR)
            # The group keeps `set -x` from writing this line into the output.
            + b"{ builtin printf '%%d\\n' \"$?\" >&%d; } 2>/dev/null\n" % STATUS_DESCRIPTOR
        )
        self.push()

    def push(self) -> bool:
        """Hand on what fits of the command; True while some of it is left."""
        try:
            while self._unsent and self.commands is not None:
                self._unsent = self._unsent[os.write(self.commands, self._unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent = b""  # the shell is gone; its exit is reported
        return bool(self._unsent)

    def listen(self, at_most: int = 65_536) -> int:
        """Take what is there of the output; 0 when there is nothing."""
        try:
            data = os.read(self.output, at_most)
        except BlockingIOError:
            return 0
        self._seen += len(data)
        self._tail += data
        if len(self._tail) > 2 * OUTPUT_CAP:
            del self._tail[:-OUTPUT_CAP]
        return len(data)

    def finished(self) -> int | None:
        """The exit code of the command, once it is there."""
        if self.status is None:
            return None
        try:
            data = os.read(self.status, 64)
        except BlockingIOError:
            return None
        if not data:  # `exec` replaced the shell: only its exit can be waited for
            os.close(self.status)
            self.status = None
        return int(data.split()[-1]) if data else None

    def exited(self) -> int | None:
        """The exit code of the shell, when it has ended: negative for a signal. The next command gets a new one."""
        if self.process is None:
            return None
        pid, status = os.waitpid(self.process, os.WNOHANG)
        if pid == 0:
            return None
        self._forget()
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)

    def kill(self) -> None:
        """Kill the shell and everything that was started in it, or in the ones before it. Its state is lost."""
        self._kill_all(self._session)
        limit = time.monotonic() + GONE_SECONDS
        while self.process is not None and self.exited() is None and time.monotonic() < limit:
            time.sleep(0.001)
        self._forget()

    def _forget(self) -> None:
        for descriptor in (self.commands, self.status):
            if descriptor is not None:
                os.close(descriptor)
        self.process = self.commands = self.status = None
        self._unsent = b""

    def take_output(self) -> str:
        """Everything written since the last time: the end of it, when it is too much."""
        for _ in range(32):  # a job in the background may write for ever
            if not self.listen():
                break
        data, seen = bytes(self._tail[-OUTPUT_CAP:]), self._seen
        self._tail.clear()
        self._seen = 0
        if seen <= len(data):
            return clean(data)
        while data and 0x80 <= data[0] < 0xC0:  # the rest of a character that was cut
            data = data[1:]
        return f"[output truncated: of {seen} bytes, these are the last {OUTPUT_CAP}]\n" + clean(data)


def clean(data: bytes) -> str:
    """Readable text of whatever was written: no terminal escapes, no NUL, nothing that is not UTF-8."""
    return _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\0", "\ufffd")
