"""A running hands.py, seen from the engine: frames over its pipes, and the end of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from antcli.engine.sandbox.base import Recipe, SandboxDiedError, SandboxUnavailableError, ToolResult

READY_SECONDS = 20.0
BASH_SECONDS = 120.0  # unless the call says otherwise
FILE_SECONDS = 60.0
FILE_CALLS_AT_ONCE = 8
OVERDUE_SECONDS = 10.0  # the hands keep these times themselves; hands that were stopped or starved do not
OWN_END_SECONDS = 0.1  # to a sandbox that ended by itself, to put away its own remains
CANCEL_SECONDS = 2.0
END_SECONDS = 3.0
GRACE_SECONDS = 2.0  # for backends where the hands must kill what they started
MAX_FRAME = 64 * 1024 * 1024  # what is in the sandbox may write anything into the pipe
PROGRAM = ("hands", "shell", "file_tools", "processes")  # the modules of this folder that run inside
# Folders of a session's `home`, and where they are inside.
FOLDERS = {"workspace": "/workspace", "outputs": "/mnt/session/outputs", "tool_outputs": "/mnt/session/tool_outputs"}


class HandsProcess:
    """A `Sandbox` made of one process that speaks the protocol of hands.py."""

    def __init__(
        self, process: asyncio.subprocess.Process, kill: Callable[[int], None], grace_seconds: float,
        clean_up: Callable[[], Awaitable[None]] | None,
    ) -> None:  # fmt: skip
        self._process = process
        self._kill = kill
        self._grace_seconds = grace_seconds
        self._clean_up = clean_up
        self._ids = count(1)
        self._bash_turn = asyncio.Lock()
        self._file_turns = asyncio.Semaphore(FILE_CALLS_AT_ONCE)
        self._pending: dict[int, asyncio.Future[ToolResult]] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._complaint = b""
        self._reader = asyncio.create_task(self._read())
        self._complaints = asyncio.create_task(self._read_complaints())
        self._cancelling: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, argv: Sequence[str], setup: Mapping[str, Any], *, env: Mapping[str, str], pass_fds: Sequence[int] = (),
        cwd: Path | None = None, kill: Callable[[int], None] = lambda pid: os.kill(pid, signal.SIGKILL),
        grace_seconds: float = 0.0, clean_up: Callable[[], Awaitable[None]] | None = None,
    ) -> HandsProcess:  # fmt: skip
        """Returns when the program inside has answered. Raises SandboxUnavailableError with what it said instead.

        `kill` ends the process, given its pid, and all it started; before, the program inside gets `grace_seconds` to
        do so itself. `clean_up` runs after that.
        """
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(env), pass_fds=tuple(pass_fds), cwd=cwd,
                start_new_session=True,  # Ctrl-C in the terminal of `ant serve` is not for the sandboxes
            )  # fmt: skip
        except OSError as error:
            raise SandboxUnavailableError(f"{argv[0]} cannot be started: {error.strerror}") from error
        hands = cls(process, kill, grace_seconds, clean_up)
        try:
            await hands._send({**setup, "bash_seconds": BASH_SECONDS, "file_seconds": FILE_SECONDS})
            await asyncio.wait_for(asyncio.shield(hands._ready), READY_SECONDS)
        except (TimeoutError, SandboxDiedError) as error:
            await hands.destroy()
            reason = hands.complaint() or f"no answer within {READY_SECONDS:g} s"
            raise SandboxUnavailableError(reason) from error
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(hands.destroy()))
            raise
        return hands

    @property
    def alive(self) -> bool:
        return not self._reader.done()

    def complaint(self) -> str:
        """The end of what the process wrote to stderr."""
        return self._complaint.decode("utf-8", "replace").strip()

    async def execute(self, tool: str, input: dict[str, Any]) -> ToolResult:
        seconds = (input.get("timeout_ms") or BASH_SECONDS * 1000) / 1000 if tool == "bash" else FILE_SECONDS
        async with self._bash_turn if tool == "bash" else self._file_turns:
            return await self._call(tool, input, seconds + OVERDUE_SECONDS)

    async def _call(self, tool: str, input: dict[str, Any], seconds: float) -> ToolResult:
        if not self.alive:
            raise SandboxDiedError(self.complaint())
        id = next(self._ids)
        answer = self._pending[id] = asyncio.get_running_loop().create_future()
        try:
            await self._send({"id": id, "tool": tool, "input": input})
            return await asyncio.wait_for(asyncio.shield(answer), seconds)
        except TimeoutError:
            await self.destroy()
            raise SandboxDiedError("it no longer answered") from None
        except asyncio.CancelledError:
            cancelling = asyncio.create_task(self._cancel(id, answer))
            self._cancelling.add(cancelling)
            cancelling.add_done_callback(self._cancelling.discard)
            await asyncio.shield(cancelling)
            raise
        finally:
            if answer.done():
                self._forget(id)

    async def _cancel(self, id: int, answer: asyncio.Future[ToolResult]) -> None:
        try:
            await self._send({"cancel": id})
            await asyncio.wait_for(asyncio.shield(answer), CANCEL_SECONDS)
        except TimeoutError:
            await self.destroy()
        except SandboxDiedError:
            pass
        finally:
            self._forget(id)

    def _forget(self, id: int) -> None:
        answer = self._pending.pop(id, None)
        if answer is not None and answer.done() and not answer.cancelled():
            answer.exception()  # seen: nobody is left to be told

    async def destroy(self) -> None:
        """Ends the process and all that it started; may be called more than once and side by side."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        gone = asyncio.gather(self._process.wait(), self._reader, self._complaints)
        if self._grace_seconds and self._process.stdin is not None:
            self._process.stdin.close()
        if grace := self._grace_seconds or (0 if self.alive else OWN_END_SECONDS):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(gone), grace)
        for kill in (self._kill, lambda pid: os.kill(pid, signal.SIGKILL)):
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    kill(self._process.pid)
            with contextlib.suppress(TimeoutError):
                # The pipes close when the last process inside is gone.
                await asyncio.wait_for(asyncio.shield(gone), END_SECONDS)
                break
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()
        if self._clean_up is not None:
            await self._clean_up()

    async def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(len(data).to_bytes(4, "big") + data)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._reader), END_SECONDS)
            raise SandboxDiedError(self.complaint()) from error

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                size = int.from_bytes(await self._process.stdout.readexactly(4), "big")
                if size > MAX_FRAME:
                    break
                self._take(json.loads(await self._process.stdout.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, KeyError, TypeError, AttributeError):
            pass  # ended, or talks nonsense: dead in both cases
        died = SandboxDiedError(self.complaint() or "the sandbox ended")
        if not self._ready.done():
            self._ready.set_exception(died)
            self._ready.exception()  # seen: `start` may have gone
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(died)
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())

    def _take(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            if not self._ready.done():
                self._ready.set_result(None)
            return
        answer = self._pending.get(message["id"])
        result = ToolResult([_checked(block) for block in message["content"]], bool(message["is_error"]))
        if answer is not None and not answer.done():
            answer.set_result(result)

    async def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(4096):
            self._complaint = (self._complaint + data)[-4096:]


def _checked(block: dict[str, Any]) -> dict[str, Any]:
    """A content block of a kind that events and models take: what comes out of a sandbox is not trusted to be one."""
    if block["type"] == "text":
        words = str(block["text"]).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        return {"type": "text", "text": words}
    if block["type"] not in ("image", "document"):
        raise ValueError(block["type"])
    source = block["source"]
    return {
        "type": block["type"],
        "source": {"type": "base64", "media_type": str(source["media_type"]), "data": str(source["data"])},
    }


def shell_environment(recipe: Recipe, path: str, home: str = "/home/agent") -> dict[str, str]:
    """All that commands find in their environment; no variable of the engine's own kind gets through."""
    fixed = {
        "HOME": home,
        "LANG": "C.UTF-8",
        "LOGNAME": "agent",
        "PATH": path,
        "SANDBOX": recipe.session_id,
        "SHELL": "/bin/bash",
        "TERM": "dumb",
        "USER": "agent",
    }
    chosen = {name: value for name, value in recipe.variables.items() if not name.startswith(("ANTHROPIC_", "ANT_"))}
    return fixed | chosen | {"SANDBOX": recipe.session_id}


async def make_folders(recipe: Recipe, owner: int | None = None) -> None:
    """The session's private folders; they, the writable mounts and all in them belong to `owner` (a uid). Only root can
    give things away.

    Cancelled, it ends before it raises: nothing is made any more when the folders are deleted next.
    """
    making = asyncio.create_task(asyncio.to_thread(_make_folders, recipe, owner))
    try:
        await asyncio.shield(making)
    except asyncio.CancelledError:
        await asyncio.wait({making})
        raise


def _make_folders(recipe: Recipe, owner: int | None) -> None:
    recipe.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in FOLDERS:
        (recipe.home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    for mount in recipe.mounts:
        for name, inside in FOLDERS.items():
            if mount.target.startswith(inside + "/"):
                clear_way(recipe.home / name, mount.target.removeprefix(inside + "/"), is_file=mount.source.is_file())
    for folder in [*(recipe.home / name for name in FOLDERS), *(m.source for m in recipe.mounts if m.writable)]:
        if owner is not None and os.getuid() == 0:
            give(folder, owner)


def give(root: Path, owner: int) -> None:
    """Make a tree belong to `owner`, if its top does not already."""
    if root.stat().st_uid == owner:
        return
    for directory, folders, files in os.walk(root, topdown=False):
        for path in (*(os.path.join(directory, name) for name in (*folders, *files)), directory):
            os.chown(path, owner, owner, follow_symlinks=False)


def clear_way(root: Path, path: str, *, is_file: bool = False) -> None:
    """Make the place below `root` where something is to be mounted. What ran in the sandbox may have put links and
    files in its way: those go."""
    place = root
    *folders, last = path.split("/")
    for name in folders:
        place /= name
        _make_way(place)
    if not is_file:
        _make_way(place / last)
    elif (place / last).is_symlink() or not (place / last).exists():
        (place / last).unlink(missing_ok=True)
        (place / last).touch(0o600)


def _make_way(place: Path) -> None:
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        place.unlink()
    if not place.exists():
        place.mkdir(mode=0o755)
        os.chown(place, place.parent.stat().st_uid, place.parent.stat().st_gid)
