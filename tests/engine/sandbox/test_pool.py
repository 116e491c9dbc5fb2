"""`Sandboxes`: what the harness sees."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.sandbox import choose as choose_module
from antcli.engine.sandbox import pool as pool_module
from antcli.engine.sandbox import process as process_module
from antcli.engine.sandbox.base import Recipe, Sandbox, SandboxUnavailableError, ToolResult
from antcli.engine.sandbox.none import NoSandbox
from antcli.engine.sandbox.pool import Sandboxes, delete_tree

from .conftest import MARK, bubblewrap, running, text, until


class Counting:
    """A real backend that counts, can be told to fail, and knows how many were being made at once."""

    name = "bubblewrap"

    def __init__(self) -> None:
        self.backend = bubblewrap()
        self.made = 0
        self.at_once = 0
        self.most_at_once = 0
        self.failure: Exception | None = None

    async def probe(self) -> str | None:
        return await self.backend.probe()

    async def provision(self, recipe: Recipe) -> Sandbox:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.failure:
                raise self.failure
            self.made += 1
            return await self.backend.provision(recipe)
        finally:
            self.at_once -= 1


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    counting = Counting()
    monkeypatch.setattr(choose_module, "_verdicts", {"auto": counting})
    yield counting


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe("sesn_pool", tmp_path / "home", "none", {"MARK": MARK})


def run(scenario: Callable[[Sandboxes], Awaitable[None]], wish: str = "auto", idle_seconds: float = 300) -> None:
    async def whole() -> None:
        sandboxes = Sandboxes(wish, idle_seconds)
        try:
            await asyncio.wait_for(scenario(sandboxes), 20)
        finally:
            await sandboxes.close()

    asyncio.run(whole())


async def bash(sandboxes: Sandboxes, recipe: Recipe, command: str, **input: Any) -> ToolResult:
    return await sandboxes.execute(recipe, "bash", {"command": command, **input})


def test_a_prepared_sandbox_is_the_one_that_is_used(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        begin = time.perf_counter()
        sandboxes.prepare(recipe)
        sandboxes.prepare(recipe)
        assert time.perf_counter() - begin < 0.01
        assert text(await bash(sandboxes, recipe, "x=1; echo a")) == "a"
        sandboxes.prepare(recipe)
        assert text(await bash(sandboxes, recipe, "echo $x")) == "1"
        assert backend.made == 1

    run(scenario)


def test_input_that_nobody_checked_does_no_harm(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        await bash(sandboxes, recipe, "x=1")
        calls = [("read", {"file_path": 5}), ("glob", {}), ("bash", {}), ("bash", {"command": 5}), ("other", {})]
        for tool, input in calls:
            assert (await sandboxes.execute(recipe, tool, input)).is_error
        assert text(await bash(sandboxes, recipe, "echo $x")) == "1"

    run(scenario)


def test_a_lost_sandbox_is_an_error_for_the_call_and_the_next_gets_a_new_one(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        result = await bash(sandboxes, recipe, "echo kept > f; kill -9 2; sleep 5")
        assert result.is_error
        assert "sandbox was lost" in text(result)
        assert text(await bash(sandboxes, recipe, "cat f")) == "kept"
        assert backend.made == 2

    run(scenario)


def test_a_sandbox_that_died_between_calls_is_replaced(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        await bash(sandboxes, recipe, "echo kept > f; (sleep 0.05; kill -9 2) &")
        hands = sandboxes._places[recipe.session_id].making.result()
        await until(lambda: not hands.alive)
        assert text(await bash(sandboxes, recipe, "cat f")) == "kept"

    run(scenario)


def test_hands_that_stopped_answering_are_given_up(
    backend: Counting, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "OVERDUE_SECONDS", 0.2)

    async def scenario(sandboxes: Sandboxes) -> None:
        result = await bash(sandboxes, recipe, "kill -STOP 2; sleep 60", timeout_ms=200)
        assert "sandbox was lost" in text(result)
        assert text(await bash(sandboxes, recipe, "echo back")) == "back"

    run(scenario)


def test_where_none_can_be_made_the_result_says_so_and_later_calls_try_again(backend: Counting, recipe: Recipe) -> None:
    backend.failure = SandboxUnavailableError("no namespaces: use the sysctl")

    async def scenario(sandboxes: Sandboxes) -> None:
        sandboxes.prepare(recipe)
        result = await bash(sandboxes, recipe, "true")
        assert result.is_error
        assert "no namespaces: use the sysctl" in text(result)
        backend.failure = OSError(28, "No space left on device", "/data")
        assert "/data: No space left on device" in text(await bash(sandboxes, recipe, "true"))
        backend.failure = None
        assert not (await bash(sandboxes, recipe, "true")).is_error

    run(scenario)


def test_cancelling_kills_the_call_and_keeps_the_sandbox(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        call = asyncio.create_task(bash(sandboxes, recipe, "exec -a $MARK-pool-cancelled sleep 300"))
        await until(lambda: running("pool-cancelled"))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not running("pool-cancelled")
        assert text(await bash(sandboxes, recipe, "echo again")) == "again"
        assert backend.made == 1

    run(scenario)


def test_cancelling_is_bounded_when_the_hands_do_not_answer(
    backend: Counting, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "CANCEL_SECONDS", 0.2)

    async def scenario(sandboxes: Sandboxes) -> None:
        command = "kill -STOP 2; touch stopped; exec -a $MARK-pool-stopped sleep 300"
        call = asyncio.create_task(bash(sandboxes, recipe, command))
        await until((recipe.home / "workspace/stopped").exists)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not running("pool-stopped")
        assert text(await bash(sandboxes, recipe, "echo again")) == "again"

    run(scenario)


def test_cancelling_while_the_sandbox_is_made_does_not_stop_the_making(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        call = asyncio.create_task(bash(sandboxes, recipe, "true"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not (await bash(sandboxes, recipe, "true")).is_error
        assert backend.made == 1

    run(scenario)


def test_idle_sandboxes_are_put_away_and_files_stay(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        await bash(sandboxes, recipe, "echo kept > f; exec -a $MARK-pool-idle sleep 300 &")
        await bash(sandboxes, recipe, "sleep 0.3")  # longer than the idle time, but not idle
        await asyncio.sleep(0.3)  # the turn goes on: the model takes its time
        assert running("pool-idle")
        sandboxes.end_turn(recipe.session_id)
        await until(lambda: not running("pool-idle"))
        assert not sandboxes._places
        assert text(await bash(sandboxes, recipe, "cat f")) == "kept"
        assert backend.made == 2

    run(scenario, idle_seconds=0.15)


def test_a_prepared_sandbox_that_nobody_uses_is_put_away(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        sandboxes.prepare(recipe)
        await until(lambda: not sandboxes._places)
        assert backend.made == 1

    run(scenario, idle_seconds=0.05)


def test_discard_keeps_the_files_and_remove_deletes_them(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        await bash(sandboxes, recipe, "mkdir -p a/b; echo kept > a/b/f; chmod 0 a; exec -a $MARK-pool-gone sleep 300 &")
        await sandboxes.discard(recipe.session_id)
        assert not running("pool-gone")
        assert (recipe.home / "workspace/a").exists()
        await sandboxes.discard("sesn_unknown")
        await sandboxes.remove(recipe)
        assert not recipe.home.exists()
        await sandboxes.remove(recipe)

    run(scenario)


def test_discard_in_the_middle_of_a_call_or_of_the_making_ends_the_call(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        call = asyncio.create_task(bash(sandboxes, recipe, "sleep 300"))
        await asyncio.sleep(0)
        await sandboxes.discard(recipe.session_id)
        assert "lost" in text(await call)
        call = asyncio.create_task(bash(sandboxes, recipe, "touch f; sleep 300"))
        await until((recipe.home / "workspace/f").exists)
        await sandboxes.discard(recipe.session_id)
        assert "lost" in text(await call)

    run(scenario)


def test_many_sessions_at_once_are_made_a_few_at_a_time(backend: Counting, tmp_path: Path) -> None:
    recipes = [Recipe(f"sesn_{number}", tmp_path / str(number), "none") for number in range(20)]

    async def scenario(sandboxes: Sandboxes) -> None:
        for recipe in recipes:
            sandboxes.prepare(recipe)
        results = await asyncio.gather(*(bash(sandboxes, recipe, "echo $SANDBOX") for recipe in recipes))
        assert [text(result) for result in results] == [recipe.session_id for recipe in recipes]
        assert backend.made == 20
        assert 1 < backend.most_at_once <= 8

    run(scenario)


def test_the_folders_are_private(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        await bash(sandboxes, recipe, "true")
        for name in ("", "workspace", "outputs"):
            assert (recipe.home / name).stat().st_mode & 0o777 == 0o700

    run(scenario)


def test_close_leaves_no_process_and_refuses_later_calls(backend: Counting, recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        await bash(sandboxes, recipe, "exec -a $MARK-pool-closed sleep 300 &")
        await sandboxes.close()
        assert not running("pool-closed")
        assert "stopping" in text(await bash(sandboxes, recipe, "true"))

    run(scenario)


def test_it_describes_what_it_uses(backend: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        assert await sandboxes.describe() == {"backend": "bubblewrap", "available": True, "reason": None}

    run(scenario)


def test_without_isolation_everything_works_by_explicit_wish(recipe: Recipe) -> None:
    async def scenario(sandboxes: Sandboxes) -> None:
        assert (await sandboxes.describe())["backend"] == "none"
        assert text(await bash(sandboxes, recipe, "pwd")) == str(recipe.home / "workspace")
        await bash(sandboxes, recipe, "exec -a $MARK-pool-none sleep 300 &")
        await sandboxes.discard(recipe.session_id)
        assert not running("pool-none")

    run(scenario, wish="none")


def test_plain_hands_end_with_their_engine(tmp_path: Path) -> None:
    async def whole() -> None:
        hands = await NoSandbox().provision(Recipe("sesn_none", tmp_path, variables={"MARK": MARK}))
        await hands.execute("bash", {"command": "setsid -f bash -c 'exec -a $MARK-orphan sleep 300'"})
        hands._process.stdin.close()  # type: ignore[union-attr]  # as when the engine is gone
        await until(lambda: not running("orphan"))
        await hands.destroy()

    asyncio.run(whole())


def test_trees_are_deleted_without_following_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "f").write_text("stays")
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "link").symlink_to(outside)
    os.chmod(root / "a", 0)
    delete_tree(root)
    assert not root.exists()
    assert (outside / "f").read_text() == "stays"
    assert outside.stat().st_mode & 0o777 == 0o755


def test_of_many_that_rest_the_unused_and_the_longest_unused_go_first(
    backend: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "MOST_RESTING", 2)

    async def scenario() -> None:
        sandboxes = Sandboxes("auto")
        recipes = [Recipe(f"sesn_{n}", tmp_path / str(n), "none", {"MARK": MARK}) for n in range(4)]
        try:
            sandboxes.prepare(recipes[0])
            await until(lambda: backend.made == 1 and not backend.at_once)
            for recipe in recipes[1:]:
                await bash(sandboxes, recipe, "cd /tmp")
                sandboxes.end_turn(recipe.session_id)
            # 0 was never used, 1 longest not: both went, and 1 begins anew.
            assert text(await bash(sandboxes, recipes[2], "pwd")) == "/tmp"
            assert text(await bash(sandboxes, recipes[3], "pwd")) == "/tmp"
            assert text(await bash(sandboxes, recipes[1], "pwd")) == "/workspace"
        finally:
            await sandboxes.close()

    asyncio.run(scenario())


def test_only_some_are_made_ahead_and_a_call_makes_its_own(
    backend: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "MOST_UNASKED", 2)

    async def scenario() -> None:
        sandboxes = Sandboxes("auto")
        recipes = [Recipe(f"sesn_{n}", tmp_path / str(n), "none", {"MARK": MARK}) for n in range(4)]
        try:
            for recipe in recipes:
                sandboxes.prepare(recipe)
            await until(lambda: backend.made == 2 and not backend.at_once)
            assert text(await bash(sandboxes, recipes[3], "echo here")) == "here"
            assert backend.made == 3
        finally:
            await sandboxes.close()

    asyncio.run(scenario())


def room_for(count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Sandboxes, list[Recipe]]:
    """Sandboxes on a machine that holds so many, and the recipes of one session more."""
    monkeypatch.setattr(pool_module, "sandboxes_at_once", lambda: count)
    recipes = [Recipe(f"sesn_{n}", tmp_path / str(n), "none", {"MARK": MARK}) for n in range(count + 1)]
    return Sandboxes("auto"), recipes


def test_when_the_machine_is_full_a_call_waits_until_a_turn_ends(
    backend: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        sandboxes, recipes = room_for(2, monkeypatch, tmp_path)
        try:
            for recipe in recipes[:2]:
                await bash(sandboxes, recipe, "cd /tmp")
            waiting = asyncio.create_task(bash(sandboxes, recipes[2], "echo in"))
            await until(lambda: bool(sandboxes._waiting))
            sandboxes.prepare(Recipe("sesn_ahead", tmp_path / "ahead", "none", {"MARK": MARK}))
            assert [text(await bash(sandboxes, recipe, "pwd")) for recipe in recipes[:2]] == ["/tmp", "/tmp"]
            assert not waiting.done() and backend.made == 2
            sandboxes.end_turn(recipes[0].session_id)
            assert text(await waiting) == "in"
            assert text(await bash(sandboxes, recipes[1], "pwd")) == "/tmp"
        finally:
            await sandboxes.close()
        assert not sandboxes._room.locked() and not sandboxes._waiting

    asyncio.run(scenario())


def test_a_sandbox_that_made_room_within_a_turn_is_told_of(
    backend: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "PATIENCE_SECONDS", 0.2)

    async def scenario() -> None:
        sandboxes, recipes = room_for(2, monkeypatch, tmp_path)
        try:
            for recipe in recipes[:2]:
                await bash(sandboxes, recipe, "cd /tmp; echo kept > /workspace/f")
            assert text(await bash(sandboxes, recipes[2], "echo in")) == "in"
            assert text(await bash(sandboxes, recipes[1], "pwd")) == "/tmp"
            assert text(await bash(sandboxes, recipes[0], "pwd")) == "/workspace"  # a grader's, who knows no other
            again = await sandboxes.execute(recipes[0], "bash", {"command": "pwd; cat f"}, used_before=True)
            assert "sandbox of the earlier calls is gone" in again.content[0]["text"]
            assert again.content[1]["text"].split() == ["/workspace", "kept"] and not again.is_error
            once_more = await sandboxes.execute(recipes[0], "bash", {"command": "pwd"}, used_before=True)
            assert text(once_more) == "/workspace"
        finally:
            await sandboxes.close()

    asyncio.run(scenario())


def test_who_gives_up_waiting_for_room_takes_none(
    backend: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        sandboxes, recipes = room_for(1, monkeypatch, tmp_path)
        try:
            await bash(sandboxes, recipes[0], "cd /tmp")
            waiting = asyncio.create_task(bash(sandboxes, recipes[1], "echo in"))
            await until(lambda: bool(sandboxes._waiting))
            waiting.cancel()
            await sandboxes.discard(recipes[1].session_id)
            assert not sandboxes._waiting
            await sandboxes.discard(recipes[0].session_id)
            backend.failure = SandboxUnavailableError("broken")
            assert (await bash(sandboxes, recipes[1], "true")).is_error
            backend.failure = None
            assert text(await bash(sandboxes, recipes[1], "echo in")) == "in"
        finally:
            await sandboxes.close()

    asyncio.run(scenario())
