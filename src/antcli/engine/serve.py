"""One engine process from start to end: lock, socket, ready line, signals, idle exit (DESIGN.md 4.5)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antcli import __version__
from antcli.engine.access import server_key
from antcli.engine.capacity import open_many_files
from antcli.engine.clock import now
from antcli.engine.handover import fingerprint
from antcli.engine.log_lines import log_to_stderr
from antcli.engine.private_files import make_private, write_private
from antcli.engine.settings import EngineSettings
from antcli.errors import EngineStartError, UsageError

if TYPE_CHECKING:
    from antcli.engine.app import Engine

log = logging.getLogger("antcli.engine")

EXIT_SECONDS = 5.0
_PARK_SECONDS = 3.5
_LOCK_SECONDS = 1.0
_LOOK_SECONDS = 5.0
_BACKLOG = 2048
_OTHER_PORT = "Choose another with --port; --port 0 takes a free one."
_OTHER_DIRECTORY = "Repair it, or choose another one with ANT_DATA_DIR, or --data-dir."
_OTHER_PATH = "Choose another path with --socket, or another data directory with --data-dir or ANT_DATA_DIR."
_OTHER_DATA_DIR = "`ant engine stop` ends it; or choose another directory with --data-dir."


def serve(settings: EngineSettings, *, foreground: bool = True, api_key_file: Path | None = None) -> int:
    """Run an engine until a signal or, in the background, until it has been idle for long enough. Returns 0.

    In the foreground one line of JSON on stdout says that it is ready. Raises EngineStartError, and UsageError where
    no key is given for a port that others can reach.
    """
    make_private(settings.data_dir)
    if settings.port is not None:
        settings = replace(settings, api_key=server_key(settings, api_key_file))
    with _locked(settings.data_dir), _listening(settings) as (listener, address):
        log_to_stderr(settings.log_format)
        open_many_files()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_Process(settings, foreground).run(listener, address))


class _Process:
    """The engine's life in its event loop."""

    def __init__(self, settings: EngineSettings, foreground: bool) -> None:
        self._settings = settings
        self._foreground = foreground
        self._retiring = asyncio.Event()
        self._ending = asyncio.Event()

    async def run(self, listener: socket.socket, address: dict[str, str]) -> int:
        from antcli.engine.app import Engine, application
        from antcli.engine.http_server import http_server
        from antcli.engine.store.base import StorageError

        identity = {
            "pid": os.getpid(),
            "version": __version__,
            "started_at": now(),
            "settings": fingerprint(self._settings),
        }
        engine = Engine(self._settings, identity, retire=self._retiring.set)
        try:
            await engine.start()
        except (StorageError, OSError) as error:
            told = error if isinstance(error, StorageError) else f"The engine does not start: {error}."
            raise EngineStartError(str(told), hint=_OTHER_DIRECTORY) from error
        server = http_server(application(engine))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            raise EngineStartError("The engine's HTTP server does not start. See the log.")
        self._hear_signals()
        try:
            with _announced(self._settings.data_dir, identity | address | {"foreground": self._foreground}):
                self._say_ready(address)
                gc.freeze()
                await self._until_end(engine, serving)
        finally:
            # The kernel ends what does not end by itself: nothing is lost that is not in the log.
            signal.setitimer(signal.ITIMER_REAL, EXIT_SECONDS - 0.1)
            _remove_socket(address)
            engine.activity.closing.set()
            server.should_exit = True
            await asyncio.gather(serving, engine.park(_PARK_SECONDS))
            await engine.close()
            signal.setitimer(signal.ITIMER_REAL, 0)
        return 0

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def end(number: signal.Signals) -> None:
            if self._ending.is_set() and number == signal.SIGINT:
                os._exit(130)  # Ctrl-C twice: no more waiting
            self._ending.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)

    def _say_ready(self, address: dict[str, str]) -> None:
        url = address.get("url") or f"unix://{address['socket']}"
        log.info("The engine %s is ready at %s.", __version__, url)
        if self._foreground:
            line = {"url": url, "pid": os.getpid(), "data_dir": os.fspath(self._settings.data_dir)}
            with contextlib.suppress(OSError):
                print(json.dumps(line), flush=True)  # noqa: T201

    async def _until_end(self, engine: Engine, serving: asyncio.Task[None]) -> None:
        tasks = [serving, asyncio.create_task(self._ending.wait()), asyncio.create_task(self._until_unneeded(engine))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks[1:]:
            task.cancel()
        log.info("The engine stops: %s.", "a signal asks for it" if self._ending.is_set() else "it is not needed")

    async def _until_unneeded(self, engine: Engine) -> None:
        """Returns when the engine may go: retiring and at rest, long unused in the background, or its data gone."""
        idle_seconds = 0.0 if self._foreground else self._settings.idle_minutes * 60
        pause = min(_LOOK_SECONDS, idle_seconds / 4) if idle_seconds else _LOOK_SECONDS
        lock = self._settings.data_dir / "engine.lock"
        inode = _inode(lock)
        while _inode(lock) == inode:
            retiring = await self._told_to_retire(pause)
            if retiring:
                at_rest = engine.activity.requests <= engine.activity.streams
            else:
                at_rest = bool(idle_seconds) and engine.activity.quiet_seconds() >= idle_seconds
            if not at_rest:
                continue
            # Whoever makes it retire starts the next one; of itself it stays as long as a schedule is to fire.
            if (
                not await engine.running_sessions()
                and not engine.dreams.live
                and (retiring or not engine.scheduler.scheduled)
            ):
                return
            if not retiring:
                engine.activity.touch()  # a session at work is use: the idle time begins after it

    async def _told_to_retire(self, seconds: float) -> bool:
        """Wait for it, or a moment when it has been told already."""
        if self._retiring.is_set():
            await asyncio.sleep(0.1)
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._retiring.wait()
        return self._retiring.is_set()


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for life."""
    try:
        descriptor = os.open(data_dir / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(data_dir, error) from error
    try:
        _take(descriptor, data_dir)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, data_dir: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # Who only looks whether it is held holds it for an instant.
            if time.monotonic() > deadline:
                message = f"Another engine already uses the data directory {data_dir}."
                raise EngineStartError(message, hint=_OTHER_DATA_DIR) from None
            time.sleep(0.01)
    try:
        (data_dir / "engine.json").unlink(missing_ok=True)  # of an engine that was killed
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except OSError as error:
        raise _unusable(data_dir, error) from error


def _unusable(data_dir: Path, error: OSError) -> EngineStartError:
    message = f"The data directory {data_dir} cannot be written: {error.strerror}."
    return EngineStartError(message, hint="Choose another one with ANT_DATA_DIR, or --data-dir.")


@contextlib.contextmanager
def _announced(data_dir: Path, document: dict[str, Any]) -> Iterator[None]:
    """`engine.json` is there as long as the engine takes work."""
    path = data_dir / "engine.json"
    try:
        write_private(path, json.dumps(document).encode())
    except OSError as error:
        raise _unusable(data_dir, error) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _listening(settings: EngineSettings) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """The socket the engine listens on, and the address under which it is announced."""
    listener, address = _listen_on_path(settings.socket.absolute()) if settings.socket else _listen_on_port(settings)
    with listener:
        try:
            yield listener, address
        finally:
            _remove_socket(address)


def _listen_on_path(path: Path) -> tuple[socket.socket, dict[str, str]]:
    listener = socket.socket(socket.AF_UNIX)
    previous = os.umask(0o177)  # the socket is 0600 from its first moment
    try:
        path.unlink(missing_ok=True)  # left by an engine that was killed: the lock is ours
        listener.bind(os.fspath(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        message = f"The engine cannot listen on {path}: {error.strerror or error}."
        raise EngineStartError(message, hint=_OTHER_PATH) from error
    finally:
        os.umask(previous)
    return listener, {"socket": os.fspath(path)}


def _listen_on_port(settings: EngineSettings) -> tuple[socket.socket, dict[str, str]]:
    host, port = settings.host, settings.port or 0
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--host {host}: {error.strerror or error}.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise EngineStartError(f"Port {port} on {host} is taken.", hint=_OTHER_PORT) from error
        raise EngineStartError(f"Cannot listen on {host}, port {port}: {error.strerror}.", hint=_OTHER_PORT) from error
    name = f"[{host}]" if ":" in host else host
    return listener, {"url": f"http://{name}:{listener.getsockname()[1]}"}


def _remove_socket(address: dict[str, str]) -> None:
    if "socket" in address:
        Path(address["socket"]).unlink(missing_ok=True)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
