"""The sandboxes of all sessions: made in the background, used, put away when idle, and made again from their recipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from antcli.engine.capacity import sandboxes_at_once
from antcli.engine.sandbox.base import Backend, Recipe, Sandbox, SandboxDiedError, SandboxUnavailableError, ToolResult
from antcli.engine.sandbox.choose import choose

PROVISIONING_AT_ONCE = 8
UNASKED_AT_ONCE = 2
MOST_UNASKED = 32  # sandboxes made ahead that no call has used yet
MOST_RESTING = 64  # sandboxes of sessions at rest, about 5 MB each; the least needed one goes when there are more
# A sandbox that nobody waits for yet leaves the processors to the first model request for this long.
UNASKED_DELAY_SECONDS = 0.08
PATIENCE_SECONDS = 10.0  # within a turn a sandbox that makes room for others has not been used for this long
_ANOTHER = (
    "The sandbox of the earlier calls is gone, and this is a new one. The files in /workspace and /mnt/session/outputs "
    "are the same; the shell, what it had started and all other files are not."
)


class _Place:
    """One session's sandbox, or the making of it."""

    making: asyncio.Task[Sandbox]

    def __init__(self) -> None:
        self.asked = asyncio.Event()  # a call waits for it
        self.known = False  # to the model
        self.calls = 0
        self.in_turn = False  # the session's turn goes on: its next call relies on the same shell
        self.warnings: tuple[str, ...] = ()  # not told yet
        self.resting_since = 0.0
        self.idle: asyncio.TimerHandle | None = None
        self.ending: asyncio.Task[None] | None = None


class Sandboxes:
    """`backend_wish` as for `choose`. A sandbox that nobody uses for `idle_seconds` is destroyed; its files stay.

    There are never more than the machine can hold: the least needed one makes room for the next, a call waits its turn.

    `furnish` completes the recipe of each sandbox that is about to be made: it lays out what the session has attached.
    """

    def __init__(
        self, backend_wish: str, idle_seconds: float = 300,
        furnish: Callable[[Recipe], Awaitable[Recipe]] | None = None,
    ) -> None:  # fmt: skip
        self._wish = backend_wish
        self._furnish = furnish
        self._idle_seconds = idle_seconds
        self._places: dict[str, _Place] = {}
        self._room = asyncio.Semaphore(sandboxes_at_once())
        self._waiting: set[_Place] = set()  # for room
        self._slots = asyncio.Semaphore(PROVISIONING_AT_ONCE)
        self._unasked_slots = asyncio.Semaphore(UNASKED_AT_ONCE)
        self._choosing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def prepare(self, recipe: Recipe) -> None:
        """Begin to make the session's sandbox, if there is none, and return at once. Needs a running event loop.

        Not when enough are waiting for their first call: then the call makes its own.
        """
        if sum(not place.asked.is_set() for place in self._places.values()) < MOST_UNASKED:
            self._place(recipe)

    async def execute(
        self, recipe: Recipe, tool: str, input: dict[str, Any], *, used_before: bool | None = None
    ) -> ToolResult:
        """Run one call of a built-in tool, its input checked. Raises nothing but the caller's cancellation, when the
        call is dead.

        `used_before` is given for calls of the agent: where it has used a sandbox, and this is another one, it is told.
        """
        place = self._place(recipe)
        place.calls += 1
        place.in_turn = True
        if used_before is not None and not place.known:
            place.known = True
            place.warnings += (_ANOTHER,) if used_before else ()
        place.asked.set()
        if place in self._waiting:
            self._make_room()
        try:
            sandbox = await _made(place.making)
            warnings, place.warnings = place.warnings, ()
            result = await sandbox.execute(tool, input)
            told: list[dict[str, Any]] = [{"type": "text", "text": f"{warning}\n\n"} for warning in warnings]
            return ToolResult(told + result.content, result.is_error) if told else result
        except SandboxUnavailableError as error:
            self._drop(recipe.session_id, place)
            return ToolResult.text(f"No sandbox can be made, so the call did not run. {error}", is_error=True)
        except SandboxDiedError:
            self._drop(recipe.session_id, place)
            return ToolResult.text(
                "The sandbox was lost during this call, which may have had effects. The next call gets a new one.",
                is_error=True,
            )
        finally:
            place.calls -= 1
            self._rest(recipe.session_id, place)

    def end_turn(self, session_id: str) -> None:
        """The session rests: its sandbox makes room before those of sessions at work."""
        if place := self._places.get(session_id):
            place.in_turn = False
            self._rest(session_id, place)

    async def discard(self, session_id: str) -> None:
        """Destroy the session's sandbox; its files stay."""
        if place := self._places.get(session_id):
            await asyncio.shield(self._drop(session_id, place))

    async def remove(self, recipe: Recipe) -> None:
        """Destroy the session's sandbox and delete its files."""
        await self.discard(recipe.session_id)
        await asyncio.to_thread(delete_tree, recipe.home)

    async def describe(self) -> dict[str, Any]:
        """`backend`, `available`, and the `reason` when it is not."""
        backend = await self._backend()
        reason = await backend.probe()
        return {"backend": backend.name, "available": reason is None, "reason": reason}

    async def close(self) -> None:
        """Destroy every sandbox. Calls under way end with an error; later ones are refused."""
        self._closed = True
        for session_id, place in list(self._places.items()):
            self._drop(session_id, place)
        if self._ending:
            await asyncio.wait(set(self._ending))

    async def _backend(self) -> Backend:
        async with self._choosing:
            return await choose(self._wish)

    def _place(self, recipe: Recipe) -> _Place:
        place = self._places.get(recipe.session_id)
        if place is None or _is_dead(place.making):
            if place is not None:
                self._drop(recipe.session_id, place)
            place = self._places[recipe.session_id] = _Place()
            place.making = asyncio.create_task(self._make(recipe, place))
            place.making.add_done_callback(partial(self._made, recipe.session_id, place))
        return place

    async def _make(self, recipe: Recipe, place: _Place) -> Sandbox:
        """Provision, at once when a call waits, else when the processors are free."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNASKED_DELAY_SECONDS):
                await place.asked.wait()
        if self._furnish is not None:
            recipe = await self._furnish(recipe)
            place.warnings += recipe.warnings
        async with contextlib.AsyncExitStack() as slots:
            if not place.asked.is_set():
                await self._unasked_turn(place, slots)
            await self._take_room(place)
            try:
                await slots.enter_async_context(self._slots)
                return await self._provision(recipe)
            except BaseException:
                self._room.release()
                raise

    async def _provision(self, recipe: Recipe) -> Sandbox:
        if self._closed:
            raise SandboxUnavailableError("The engine is stopping.")
        backend = await self._backend()
        try:
            return await backend.provision(recipe)
        except OSError as error:
            raise SandboxUnavailableError(f"{error.filename or recipe.home}: {error.strerror}") from error

    async def _take_room(self, place: _Place) -> None:
        """Wait, in the order of asking, until the machine can hold one more. `_end` gives the room back."""
        if self._room.locked():
            self._waiting.add(place)
            self._make_room()
        try:
            await self._room.acquire()
        finally:
            self._waiting.discard(place)

    async def _unasked_turn(self, place: _Place, slots: contextlib.AsyncExitStack) -> None:
        """Wait for one of the few slots for sandboxes that nobody waits for, or until somebody does."""
        turn = asyncio.ensure_future(self._unasked_slots.acquire())
        asked = asyncio.ensure_future(place.asked.wait())
        try:
            await asyncio.wait((turn, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            if turn.done() and not turn.cancelled():
                slots.callback(self._unasked_slots.release)
            else:
                turn.cancel()

    def _made(self, session_id: str, place: _Place, making: asyncio.Task[Sandbox]) -> None:
        if not making.cancelled():
            making.exception()  # seen: it is told to the next call
        self._rest(session_id, place)

    def _rest(self, session_id: str, place: _Place) -> None:
        """Start the idle time, or start it anew."""
        if place.idle is not None:
            place.idle.cancel()
        if place.calls == 0 and place.making.done() and self._places.get(session_id) is place:
            loop = asyncio.get_running_loop()
            place.resting_since = loop.time()
            if place.in_turn:
                place.idle = loop.call_later(PATIENCE_SECONDS + 0.1, self._make_room)
            else:
                place.idle = loop.call_later(self._idle_seconds, self._drop, session_id, place)
            self._make_room()

    def _make_room(self) -> None:
        """Put away the least needed sandbox when too many rest, or when others wait for its room."""
        resting = [(id, place) for id, place in self._places.items() if place.calls == 0 and place.making.done()]
        at_rest = [(id, place) for id, place in resting if not place.in_turn]
        if at_rest and (len(at_rest) > MOST_RESTING or self._lacks_room()):
            # One that was never used first, then the one that was not for the longest time.
            self._drop(*min(at_rest, key=lambda item: (item[1].asked.is_set(), item[1].resting_since)))
        elif resting and self._lacks_room() and any(place.asked.is_set() for place in self._waiting):
            id, place = min(resting, key=lambda item: item[1].resting_since)
            if place.resting_since <= asyncio.get_running_loop().time() - PATIENCE_SECONDS:
                self._drop(id, place)

    def _lacks_room(self) -> bool:
        return len(self._waiting) > len(self._ending)

    def _drop(self, session_id: str, place: _Place) -> asyncio.Task[None]:
        if self._places.get(session_id) is place:
            del self._places[session_id]
        if place.idle is not None:
            place.idle.cancel()
        if place.ending is None:
            place.ending = asyncio.create_task(self._end(place.making))
            self._ending.add(place.ending)
            place.ending.add_done_callback(self._ended)
        return place.ending

    async def _end(self, making: asyncio.Task[Sandbox]) -> None:
        making.cancel()
        with contextlib.suppress(asyncio.CancelledError, SandboxUnavailableError):
            sandbox = await making
            try:
                await sandbox.destroy()
            finally:
                self._room.release()

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._ending.discard(ending)
        self._make_room()


def _is_dead(making: asyncio.Task[Sandbox]) -> bool:
    if not making.done():
        return False
    return making.cancelled() or making.exception() is not None or not making.result().alive


async def _made(making: asyncio.Task[Sandbox]) -> Sandbox:
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():  # not the call was cancelled, but the making of the sandbox
            raise SandboxDiedError from None
        raise


def delete_tree(root: Path) -> None:
    """Delete a folder, also what was made unreadable for its owner."""
    for directory, names, _ in os.walk(root):
        for path in (os.path.join(directory, name) for name in names):
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(root)
