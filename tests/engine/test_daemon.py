from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from antcli.engine import daemon
from antcli.engine.handover import fingerprint, pack, same_settings, unpack
from antcli.engine.private_files import LONGEST_SOCKET_PATH, make_private, socket_path
from antcli.engine.settings import EngineSettings, ModelSettings
from antcli.errors import EngineStartError

SECRET = "sk-secret-of-the-model"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[EngineSettings]:
    model = ModelSettings("http://127.0.0.1:9", api_key=SECRET, headers={"x-extra": "secret-header"})
    settings = EngineSettings(tmp_path / "data", model=model, sandbox="none")
    yield settings
    with contextlib.suppress(EngineStartError):
        daemon.stop(settings.data_dir)


def ensure(settings: EngineSettings) -> daemon.Running:
    return daemon.ensure(settings, notice=unexpected)


def unexpected(sentence: str) -> None:
    raise AssertionError(sentence)


def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def ask(running: daemon.Running, method: str, path: str, body: Any = None) -> Any:
    assert running.socket is not None
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(running.socket)), base_url="http://engine") as client:
        response = client.request(method, path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def start_session(running: daemon.Running, folder: Path, seconds: float) -> str:
    """A session whose only turn takes `seconds`."""
    script = folder / "slow.yaml"
    script.write_text(yaml.safe_dump({"turns": [{"text": "done", "delay": seconds}]}))
    agent = ask(running, "POST", "/v1/agents", {"name": "a", "model": f"script:{script}"})
    environment = ask(running, "POST", "/v1/environments", {"name": "e"})
    message = {"type": "user.message", "content": [{"type": "text", "text": "go"}]}
    body = {"agent": agent["id"], "environment_id": environment["id"], "initial_events": [message]}
    return str(ask(running, "POST", "/v1/sessions", body)["id"])


def test_an_engine_is_started_found_and_stopped(settings: EngineSettings) -> None:
    assert daemon.find(settings.data_dir) is None
    running = ensure(settings)
    assert ensure(settings) == running == daemon.find(settings.data_dir)
    status = ask(running, "GET", "/engine/status")
    assert status["pid"] == running.pid and status["data_dir"] == str(settings.data_dir)
    assert daemon.stop(settings.data_dir)
    assert daemon.find(settings.data_dir) is None and not daemon.is_locked(settings.data_dir)
    left = {path.name for path in settings.data_dir.iterdir()}
    assert not left & {"engine.json", "engine.sock"}
    assert not daemon.stop(settings.data_dir)


def test_ten_commands_at_once_start_one_engine(settings: EngineSettings) -> None:
    code = (
        "import sys; from antcli.engine import daemon; from antcli.engine.handover import unpack;"
        "print(daemon.ensure(unpack(sys.stdin.buffer.read()), notice=print).pid)"
    )
    commands = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(10)
    ]
    for command in commands:
        assert command.stdin is not None
        command.stdin.write(pack(settings))
        command.stdin.close()
    pids = set()
    for command in commands:
        assert command.stdout is not None
        pids.add(command.stdout.read().strip())
        command.stdout.close()
        assert command.wait(20) == 0
    assert len(pids) == 1
    if Path("/proc").exists():
        assert processes_writing(daemon.log_path(settings.data_dir)) == {int(pid) for pid in pids}
    assert daemon.log_path(settings.data_dir).read_text().count("Traceback") == 0


def processes_writing(log: Path) -> set[int]:
    found = set()
    for output in Path("/proc").glob("[0-9]*/fd/1"):
        with contextlib.suppress(OSError):
            if output.readlink() == log:
                found.add(int(output.parts[2]))
    return found


def test_after_kill_9_the_next_command_starts_a_new_engine(settings: EngineSettings) -> None:
    first = ensure(settings)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not daemon.is_locked(settings.data_dir))
    assert (settings.data_dir / "engine.json").exists() and first.socket and first.socket.exists()
    assert daemon.find(settings.data_dir) is None
    second = ensure(settings)
    assert second.pid != first.pid
    assert ask(second, "GET", "/engine/status")["pid"] == second.pid


def test_an_engine_that_is_killed_while_it_starts_is_started_again(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn, spawned = daemon._spawn, []

    def killing(settings: EngineSettings) -> int:
        spawned.append(spawn(settings))
        if len(spawned) == 1:
            os.kill(spawned[0], signal.SIGKILL)
        return spawned[-1]

    monkeypatch.setattr(daemon, "_spawn", killing)
    assert ensure(settings).pid == spawned[1]


def test_an_engine_that_hangs_is_ended_by_force(settings: EngineSettings) -> None:
    running = ensure(settings)
    os.kill(running.pid, signal.SIGSTOP)
    assert daemon.stop(settings.data_dir, timeout=0.2)
    assert not daemon.is_locked(settings.data_dir)


def test_an_unused_engine_goes_away_and_a_busy_one_stays(settings: EngineSettings, tmp_path: Path) -> None:
    running = ensure(replace(settings, idle_minutes=0.3 / 60))
    session = start_session(running, tmp_path, 1.5)
    started = time.monotonic()
    until(lambda: time.monotonic() - started > 0.9)
    assert ask(running, "GET", "/engine/status")["sessions"]["running"] == 1
    until(lambda: not daemon.is_locked(settings.data_dir))
    assert time.monotonic() - started > 1.4
    assert not (settings.data_dir / "engine.json").exists()
    assert ask(ensure(settings), "GET", f"/v1/sessions/{session}")["status"] == "idle"


def test_an_engine_whose_data_directory_is_taken_away_ends(settings: EngineSettings) -> None:
    running = ensure(replace(settings, idle_minutes=4 / 60))
    shutil.rmtree(settings.data_dir)
    until(lambda: not alive(running.pid))


def test_an_idle_engine_with_other_settings_is_restarted(settings: EngineSettings) -> None:
    first = ensure(settings)
    assert settings.model is not None
    second = ensure(replace(settings, model=replace(settings.model, api_key="another key")))
    assert second.pid != first.pid and not alive(first.pid)


def test_a_busy_engine_with_other_settings_is_used_until_it_is_idle(settings: EngineSettings, tmp_path: Path) -> None:
    first = ensure(settings)
    session = start_session(first, tmp_path, 1.0)
    notices: list[str] = []
    other = replace(settings, model_retries=1)
    assert daemon.ensure(other, notice=notices.append) == first
    assert len(notices) == 1 and "other settings" in notices[0] and "a session runs" in notices[0]
    assert ask(first, "GET", f"/v1/sessions/{session}")["status"] == "running"
    until(lambda: not daemon.is_locked(settings.data_dir))
    second = ensure(other)
    assert second.pid != first.pid
    assert ask(second, "GET", f"/v1/sessions/{session}")["status"] == "idle"


def pretend_version(data_dir: Path, version: str) -> None:
    path = data_dir / "engine.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": version}))


def test_an_older_engine_is_restarted_and_a_newer_one_is_used(settings: EngineSettings) -> None:
    first = ensure(settings)
    pretend_version(settings.data_dir, "99.0.0")
    assert ensure(settings).pid == first.pid
    pretend_version(settings.data_dir, "0.0.9")
    assert ensure(settings).pid != first.pid


def test_a_data_directory_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path, settings: EngineSettings) -> None:
    long = replace(settings, data_dir=tmp_path / ("d" * 60) / ("e" * 60))
    try:
        running = ensure(long)
        assert running.socket is not None and len(os.fsencode(running.socket)) <= LONGEST_SOCKET_PATH
        assert stat.S_IMODE(running.socket.parent.stat().st_mode) == 0o700
        assert ask(running, "GET", "/healthz")
    finally:
        daemon.stop(long.data_dir)
    assert not running.socket.exists()


def test_a_folder_for_sockets_that_others_can_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    base = Path("/tmp") / f"ant-test-{os.getpid()}"
    folder = base / f"ant-{os.geteuid()}"
    folder.mkdir(parents=True, mode=0o755)
    try:
        monkeypatch.setenv("TMPDIR", str(base))
        with pytest.raises(EngineStartError, match="not a private folder"):
            socket_path(tmp_path / ("d" * 100))
    finally:
        folder.rmdir()
        base.rmdir()


def test_nobody_else_can_reach_or_read_anything(settings: EngineSettings) -> None:
    running = ensure(settings)
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    for path in settings.data_dir.iterdir():
        if not path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert running.socket is not None and stat.S_IMODE(running.socket.stat().st_mode) == 0o600


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_secrets_are_in_no_command_line_environment_or_file(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    running = ensure(settings)
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{running.pid}/{name}").read_bytes()
    ask(running, "GET", "/v1/agents")
    for path in settings.data_dir.iterdir():
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in json.dumps(ask(running, "GET", "/engine/status"))


def test_a_start_that_fails_says_why(settings: EngineSettings) -> None:
    (settings.data_dir / "engine.db").mkdir(parents=True, mode=0o700)
    settings.data_dir.chmod(0o700)
    with pytest.raises(EngineStartError, match=r"does not start.*engine\.db"):
        ensure(settings)
    assert daemon.find(settings.data_dir) is None


def test_a_data_directory_that_cannot_be_made_is_named(settings: EngineSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineStartError, match=str(tmp_path / "file" / "data")):
        ensure(replace(settings, data_dir=tmp_path / "file" / "data"))


def test_a_folder_that_holds_other_things_is_not_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "something").write_text("")
    with pytest.raises(EngineStartError, match="holds other files"):
        make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    (tmp_path / "engine.lock").write_text("")
    make_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_large_log_is_put_aside_at_the_start(settings: EngineSettings) -> None:
    make_private(settings.data_dir)
    log = daemon.log_path(settings.data_dir)
    log.write_bytes(b"old\n" * 1_400_000)
    ensure(settings)
    assert log.stat().st_size < 10_000
    assert (settings.data_dir / "engine.log.1").stat().st_size == 5_600_000


def test_settings_survive_the_pipe_and_their_fingerprint_tells_nothing(settings: EngineSettings) -> None:
    full = replace(settings, socket=Path("/tmp/x.sock"), api_key="k")
    assert unpack(pack(full)) == full
    first, second = fingerprint(settings), fingerprint(settings)
    assert first != second and same_settings(first, settings) and same_settings(second, settings)
    assert not same_settings(first, replace(settings, sandbox="docker"))
    assert not same_settings("", settings)


def test_finding_an_engine_imports_nothing_heavy() -> None:
    code = "import sys; import antcli.engine.daemon; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = set(printed.split())
    assert not modules & {"asyncio", "httpx", "pydantic", "starlette", "uvicorn", "subprocess", "logging", "ssl"}


def alive(pid: int) -> bool:
    """Reaps the process when it was a child of ours."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
