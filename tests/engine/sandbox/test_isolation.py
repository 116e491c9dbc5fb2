"""What a command in a bubblewrap sandbox can see, reach and use up."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from antcli.engine.sandbox.base import Recipe

from .conftest import Box, Run, bubblewrap, run_in
from .driver import FORK

SECRET = "sk-never-to-be-seen"


def test_nothing_of_the_host_but_its_programs_is_there(run_isolated: Run, tmp_path: Path) -> None:
    (tmp_path / "engine.db").write_text("private")

    async def scenario(box: Box) -> None:
        assert await box.bash("ls /home") == "agent"
        gone = [tmp_path, Path.home(), Path("/etc/shadow"), Path("/etc/sudoers"), Path("/sys"), Path("/var/lib")]
        for path in gone:
            assert await box.bash(f"test -e {path} || echo hidden") == "hidden"
        assert await box.bash("id -un; pwd; hostname; echo $HOME") == "agent\n/workspace\nsandbox\n/home/agent"
        assert await box.bash("grep -c . /etc/passwd") == "3"

    run_isolated(scenario)


def test_only_its_own_places_are_writable(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        places = "/usr /usr/bin /etc /etc/ssl /opt /opt/ant /mnt /run /proc/sys/kernel /"
        assert await box.bash(f"for d in {places}; do touch $d/x 2>/dev/null && echo $d; done; true") == "(no output)"
        places = "/workspace /mnt/session/outputs /tmp /home/agent /dev/shm /var/tmp"
        assert await box.bash(f"for d in {places}; do touch $d/x || echo $d; done") == "(no output)"
        assert int(await box.bash("df -k --output=size /tmp | tail -1")) == 1024 * 1024

    run_isolated(scenario)


def test_other_processes_cannot_be_seen_or_signalled(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        pids = (await box.bash("cd /proc; echo [0-9]*")).split()
        assert len(pids) <= 4
        await box.fails(f"kill -0 {os.getpid()}")

    run_isolated(scenario)


def test_sessions_do_not_see_each_other(tmp_path: Path) -> None:
    backend = bubblewrap()

    async def whole() -> None:
        first, second = [await backend.provision(Recipe(name, tmp_path / name)) for name in ("one", "two")]
        await first.execute("bash", {"command": "for d in /workspace /tmp ~; do echo mine > $d/f; done; sleep 99 &"})
        found = await second.execute("bash", {"command": "cat /workspace/f /tmp/f ~/f 2>/dev/null; pgrep sleep"})
        assert found.content[0]["text"] == "[exit code 1]"
        await asyncio.gather(first.destroy(), second.destroy())

    asyncio.run(whole())


def test_it_has_no_privileges_and_cannot_get_any(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        status = await box.bash("cat /proc/self/status")
        for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"):
            assert line in status
        await box.fails("unshare --user true")
        assert await box.bash("ulimit -c") == "0"

    run_isolated(scenario)


@pytest.mark.parametrize("network", ["open", "none"])
def test_the_network_is_shared_or_absent(tmp_path: Path, network: str) -> None:
    async def scenario(box: Box) -> None:
        interfaces = await box.bash("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
        reached = await box.call("bash", command=f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}")
        if network == "none":
            assert interfaces == "lo"
            assert await box.bash("tail -n +2 /proc/net/route") == "(no output)"
        assert reached.is_error == (network == "none")
        assert await box.bash("test -s /etc/resolv.conf && test -d /etc/ssl/certs && echo fine") == "fine"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        run_in(bubblewrap(), tmp_path / "home", scenario, network=network)  # type: ignore[arg-type]


def test_the_secrets_of_the_engine_are_nowhere(
    run_isolated: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    (tmp_path / "credentials.toml").write_text(SECRET)

    async def scenario(box: Box) -> None:
        half = len(SECRET) // 2  # so that the search does not find itself
        search = f"needle={SECRET[:half]}''{SECRET[half:]}; "
        search += "grep -rlas $needle /proc/[0-9]*/environ /proc/[0-9]*/cmdline "
        search += "/etc /opt/ant/lib /workspace /mnt /tmp /home /run /var /dev/shm"
        assert await box.fails(search) == "[exit code 1]"
        # Nor where the engine keeps its things, on any command line or in any environment.
        assert str(tmp_path) not in await box.bash("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert "LD_LIBRARY_PATH" not in await box.bash("env")

    run_isolated(scenario)


def test_python_is_there(run_isolated: Run) -> None:
    async def scenario(box: Box) -> None:
        for name in ("python3", "python"):
            assert await box.bash(f"{name} -c 'import json, ssl; print(6 * 7)'") == "42"

    run_isolated(scenario)


def test_files_made_inside_stay_with_the_session(tmp_path: Path) -> None:
    async def scenario(box: Box) -> None:
        assert await box.bash("cat f 2>/dev/null; echo more >> f; chmod 600 f") in ("(no output)", "more")

    for _ in range(2):
        run_in(bubblewrap(), tmp_path / "home", scenario)
    assert (tmp_path / "home/workspace/f").read_text() == "more\nmore\n"
    assert (tmp_path / "home/workspace").stat().st_mode & 0o777 == 0o700


def test_a_fork_bomb_stays_bounded(tmp_path: Path) -> None:
    backend = bubblewrap(limits={"NPROC": 40, "CORE": 0})

    async def scenario(box: Box) -> None:
        bomb = "bomb() { bomb | bomb & }; bomb; for i in 1 2 3 4 5 6 7 8 9; do read -t 0.05 <> <(:); done"
        await box.call("bash", command=bomb, timeout_ms=400)
        assert len(list(Path("/proc").glob("[0-9]*"))) < before + 60
        await box.call("bash", restart=True)
        assert len((await box.bash("cd /proc; echo [0-9]*")).split()) <= 4
        # The limit itself: more processes than allowed cannot be started, and the hands say so instead of dying.
        assert int(await box.bash(f"python3 -c '{FORK}'; sleep 30 &")) < 40
        refused = await box.call("glob", pattern="*")
        assert "restart" in str(refused.content)
        await box.call("bash", restart=True)
        assert not (await box.call("glob", pattern="*")).is_error

    before = len(list(Path("/proc").glob("[0-9]*")))
    run_in(backend, tmp_path / "home", scenario)
