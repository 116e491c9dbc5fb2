"""Packages of an environment: installed in the background into a layer that all sessions of the environment share."""

from __future__ import annotations

import asyncio
import functools
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antcli.engine.orchestration.work import WorkQueue
from antcli.engine.resources.packages import Packages
from antcli.engine.resources.resources import Resources
from antcli.engine.sandbox.base import SandboxUnavailableError, ToolResult
from antcli.engine.sandbox.pool import Sandboxes
from antcli.engine.session.log import Logs
from antcli.engine.session.objects import recipe
from antcli.engine.session.service import Sessions
from antcli.engine.store.base import SessionRow
from antcli.engine.store.sqlite import SqliteStore
from tests.engine.core import ALLOW, agent, toolset
from tests.engine.doubles import Hands


def row(**packages: list[str]) -> SessionRow:
    return SessionRow("sesn_1", {"packages": packages}, {}, "idle", "", "", None, "agent", 1, 0)


class Builders(Hands):
    async def describe(self) -> dict[str, Any]:
        return {"backend": "bubblewrap"}


def test_each_manager_is_called_once_for_all_sessions_that_want_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        builders = Builders()
        packages = Packages(builders, tmp_path)  # type: ignore[arg-type]
        made = await asyncio.gather(*(packages.furnish(row(pip=["a==1", "b c"], cargo=["d"]), tmp_path) for _ in "12"))
        assert made[0] == made[1] and made[0].mounts[0].target == "/opt/packages" and not made[0].mounts[0].writable
        cargo, pip = [call["command"] for call in builders.ran]
        assert "cargo install --root /opt/packages/cargo d;" in cargo and "a==1 'b c';" in pip
        assert await packages.furnish(row(pip=["a==1", "b c"], cargo=["d"]), tmp_path) == made[0]
        assert len(builders.ran) == 2
        await packages.furnish(row(pip=["a==2"]), tmp_path)
        assert len(builders.ran) == 3
        assert (await packages.furnish(row(), tmp_path)).mounts == ()

    asyncio.run(scenario())


def test_what_cannot_be_installed_says_so_and_is_not_tried_for_every_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        builders = Builders(lambda tool, input: ToolResult.text("No matching distribution", is_error=True))
        packages = Packages(builders, tmp_path)  # type: ignore[arg-type]
        for _ in range(3):
            with pytest.raises(SandboxUnavailableError, match="pip packages could not be installed: No matching"):
                await packages.furnish(row(pip=["nothing"]), tmp_path)
        assert len(builders.ran) == 1

    asyncio.run(scenario())


@pytest.fixture
def wheel(tmp_path: Path) -> Iterator[str]:
    """The address of a wheel on this machine."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    name = "tiny_thing-1.0-py3-none-any.whl"
    info = "tiny_thing-1.0.dist-info"
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("tiny_thing.py", "def main():\n    print('a tiny thing')\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntiny-thing = tiny_thing:main\n")
        archive.writestr(f"{info}/RECORD", "")
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{name}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None: ...


def test_a_python_package_is_there_in_real_sandboxes_and_a_bad_one_is_told_to_the_model(
    tmp_path: Path, wheel: str
) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "engine.db")
        await store.open()
        builders = Sandboxes("auto")
        resources = Resources(store, tmp_path, [Packages(builders, tmp_path / "packages")])
        sandboxes = Sandboxes("auto", furnish=resources.furnish)
        sessions = Sessions(store, Logs(store), Nobody(), sandboxes, resources, tmp_path, WorkQueue(store))
        try:
            results = []
            for spec in (f"tiny-thing @ {wheel}", f"gone @ {wheel}.missing"):
                config = {"type": "cloud", "networking": {"type": "unrestricted"}, "packages": {"pip": [spec]}}
                session = await sessions.create(
                    agent=agent("m", toolset(ALLOW)), environment={"id": "env", "config": config}, title=None,
                    metadata={}, initial_events=[],
                )  # fmt: skip
                found = await store.session(session["id"])
                assert found is not None
                command = "tiny-thing && python3 -c 'import tiny_thing' && touch /opt/packages/x"
                results.append(await sandboxes.execute(recipe(found, tmp_path), "bash", {"command": command}))
            good, bad = (result.content[0]["text"] for result in results)
            assert "a tiny thing" in good and "Read-only" in good
            assert "pip packages could not be installed" in bad
        finally:
            await sandboxes.close()
            await builders.close()
            await store.close()

    asyncio.run(scenario())


class Nobody:
    def wake(self, session_id: str) -> None: ...

    def interrupt(self, session_id: str) -> None: ...
