"""The engine in the background: start it, find it, stop it. One per data directory, decided by locks (DESIGN.md 2).

Files in the data directory: `engine.lock` is held by the living engine, and whether it is held is the only truth;
`engine.json` says where it listens, there when it is ready; `engine.start` is held by whoever is starting one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from antcli import __version__
from antcli.engine.handover import pack, same_settings
from antcli.engine.private_files import make_private, socket_path
from antcli.engine.settings import EngineSettings
from antcli.errors import EngineStartError

START_SECONDS = 10.0
_LOG_BYTES = 5 * 2**20
_POLL_SECONDS = 0.01

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """An engine that is ready: `socket` or `url` says where. `foreground` is one that `ant serve` runs."""

    pid: int
    version: str
    started_at: str
    settings: str
    data_dir: Path
    socket: Path | None = None
    url: str | None = None
    foreground: bool = False


def ensure(settings: EngineSettings, *, notice: Notice) -> Running:
    """The engine of the data directory, started when there is none. `notice` is told when it is not as asked for.

    An idle engine of an older version or with other settings is restarted, a busy one is told to go at its next idle
    moment. Raises EngineStartError.
    """
    running = find(settings.data_dir)
    if running is not None and _fits(running, settings):
        return running
    settings = replace(settings, socket=socket_path(settings.data_dir), port=None)
    make_private(settings.data_dir)
    with _start_lock(settings.data_dir):
        running = _settled(settings.data_dir)
        if running is not None and not _replaced(running, settings, notice):
            return running
        return _start(settings)


def find(data_dir: Path) -> Running | None:
    """The living, ready engine of a data directory. Never starts one, never waits."""
    if not is_locked(data_dir):
        return None
    try:
        found = json.loads((data_dir / "engine.json").read_bytes())
        running = Running(
            pid=found["pid"], version=found["version"], started_at=found["started_at"], settings=found["settings"],
            data_dir=data_dir, socket=Path(found["socket"]) if found.get("socket") else None, url=found.get("url"),
            foreground=found["foreground"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return running if running.socket is None or _accepts(running.socket) else None


def stop(data_dir: Path, timeout: float = 8.0) -> bool:
    """End the engine: politely, and after `timeout` seconds by force. False when none was running."""
    if not is_locked(data_dir):
        return False
    pid = _lock_holder(data_dir)
    if pid is None:
        message = f"What holds {data_dir / 'engine.lock'} is no engine, or does not say who it is."
        raise EngineStartError(message, hint="End that process (`lsof` finds it), or set ANT_DATA_DIR.")
    for number, seconds in ((signal.SIGTERM, timeout), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _wait_unlocked(data_dir, seconds):
            return True
    raise EngineStartError(f"The engine (process {pid}) does not end.")


def log_path(data_dir: Path) -> Path:
    return data_dir / "engine.log"


def is_locked(data_dir: Path) -> bool:
    """Whether an engine lives on this data directory."""
    try:
        descriptor = os.open(data_dir / "engine.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _fits(running: Running, settings: EngineSettings) -> bool:
    return not _older(running) and same_settings(running.settings, settings)


def _older(running: Running) -> bool:
    return _parts(running.version) < _parts(__version__)


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split("+")[0].split(".") if part.isdigit()]


def _replaced(running: Running, settings: EngineSettings, notice: Notice) -> bool:
    """Whether a running engine that does not fit is gone now."""
    if _fits(running, settings):
        return False
    what = f"is of version {running.version}" if _older(running) else "was started with other settings"
    if running.foreground or running.socket is None:
        notice(f"The engine that is running (`ant serve`, process {running.pid}) {what}.")
        return False
    try:
        busy = json.loads(_ask(running.socket, "POST", "/engine/retire"))["running"]
        if busy:
            sessions = "a session runs" if busy == 1 else f"{busy} sessions run"
            notice(f"The engine that is running {what}: it is restarted when it is idle, now {sessions}.")
            return False
    except (OSError, ValueError, KeyError):
        pass  # it does not even answer: replace it
    stop(settings.data_dir)
    return True


def _settled(data_dir: Path) -> Running | None:
    """As `find`, but waits for an engine that is just starting or ending."""
    deadline = time.monotonic() + START_SECONDS
    while is_locked(data_dir):
        if (running := find(data_dir)) is not None:
            return running
        if time.monotonic() > deadline:
            message = f"An engine holds {data_dir / 'engine.lock'}, but does not answer."
            raise EngineStartError(message, hint="`ant engine stop` ends it; or set ANT_DATA_DIR.")
        time.sleep(_POLL_SECONDS)
    return None


def _start(settings: EngineSettings) -> Running:
    said = _log_size(settings.data_dir)
    child = _spawn(settings)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (running := find(settings.data_dir)) is not None:
            return running
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended and os.WIFSIGNALED(status):  # somebody killed it: that says nothing about the next one
            child = _spawn(settings)
        elif ended:
            raise EngineStartError(f"The engine does not start: {_last_line(settings.data_dir, said)}")
        time.sleep(_POLL_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    message = f"The engine was not ready after {START_SECONDS:.0f} seconds: {_last_line(settings.data_dir, said)}"
    raise EngineStartError(message)


def _spawn(settings: EngineSettings) -> int:
    """Start the process, hand it its settings through a pipe: they hold secrets, which no command line may show."""
    log = log_path(settings.data_dir)
    arguments = [sys.executable, "-P", "-m", "antcli.engine.daemon_main"]
    environment = {name: value for name, value in os.environ.items() if not _is_secret(name)}
    try:
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            actions = [
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ]
            try:
                child = os.posix_spawn(sys.executable, arguments, environment, file_actions=actions)
            finally:
                os.close(reading)
            with contextlib.suppress(BrokenPipeError):
                pipe.write(pack(settings))
                pipe.flush()
    except OSError as error:
        raise EngineStartError(f"The engine cannot be started: {error.strerror or error} ({log}).") from error
    return child


def _is_secret(name: str) -> bool:
    return name.startswith("ANTHROPIC_") or (name.startswith("ANT_") and name.endswith(("_KEY", "_TOKEN")))


@contextlib.contextmanager
def _start_lock(data_dir: Path) -> Iterator[None]:
    """Held while an engine is started or replaced, so that ten commands at once start one."""
    try:
        descriptor = os.open(data_dir / "engine.start", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"The data directory {data_dir} cannot be written: {error.strerror}."
        raise EngineStartError(message, hint="Choose another one with ANT_DATA_DIR.") from error
    try:
        deadline = time.monotonic() + 2 * START_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineStartError("Another command has been starting the engine for too long.") from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _wait_unlocked(data_dir: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_locked(data_dir):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _lock_holder(data_dir: Path) -> int | None:
    """The process that says it holds the lock, if it may be true: what is written there may be long out of date."""
    lock = data_dir / "engine.lock"
    try:
        pid = int(lock.read_text())
        opened = list(Path(f"/proc/{pid}/fd").iterdir()) if os.path.isdir("/proc/self/fd") else None
    except (OSError, ValueError):
        return None
    return pid if opened is None or any(_is_same_file(path, lock) for path in opened) else None


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(os.fspath(path))
        except OSError:
            return False
    return True


def _ask(path: Path, method: str, target: str) -> bytes:
    """The body of a small answer of the engine. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(3.0)
        connection.connect(os.fspath(path))
        connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return answer.partition(b"\r\n\r\n")[2]


def _log_size(data_dir: Path) -> int:
    try:
        return log_path(data_dir).stat().st_size
    except OSError:
        return 0


def _last_line(data_dir: Path, said: int) -> str:
    """The last line of the log after its first `said` bytes, which are of engines before."""
    try:
        log = log_path(data_dir).read_bytes()
        written = log[said:] if len(log) >= said else log  # it was put aside
        lines = written.decode(errors="replace").strip().splitlines()
        if not lines and not os.statvfs(data_dir).f_bavail:
            return f"no space is left for {data_dir}."
    except OSError as error:
        return f"no log ({error.strerror})."
    return lines[-1][:500].removeprefix("The engine does not start: ") if lines else "it left no message."
