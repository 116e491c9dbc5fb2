from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from antcli.engine.sandbox import bubblewrap as bubblewrap_module
from antcli.engine.sandbox import choose as choose_module
from antcli.engine.sandbox.base import Recipe, SandboxUnavailableError
from antcli.engine.sandbox.choose import choose
from antcli.engine.sandbox.container import Container
from antcli.engine.sandbox.process import HandsProcess

from .conftest import bubblewrap


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_module, "_verdicts", {})


@pytest.fixture
def no_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap_module, "find_bwraps", list)


def commands(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_auto_takes_bubblewrap_after_a_real_trial_and_remembers_it() -> None:
    bubblewrap()

    async def whole() -> None:
        backend = await choose("auto")
        assert backend.name == "bubblewrap"
        assert await choose("auto") is backend

    asyncio.run(whole())


def test_auto_takes_docker_when_a_trial_of_it_succeeds(
    no_bubblewrap: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands(tmp_path, monkeypatch, docker="exit 0", podman="exit 0")
    assert asyncio.run(choose("auto")).name == "docker"


def test_auto_never_falls_back_to_no_isolation(
    no_bubblewrap: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands(tmp_path, monkeypatch, docker="echo cannot connect to the daemon; exit 1", podman="exit 125")

    async def whole() -> None:
        backend = await choose("auto")
        with pytest.raises(SandboxUnavailableError) as caught:
            await backend.provision(Recipe("sesn_x", tmp_path))
        words = str(caught.value)
        assert "apt install bubblewrap" in words
        assert "cannot connect to the daemon" in words
        assert "--sandbox none" in words
        assert await backend.probe() == words

    asyncio.run(whole())


def test_an_explicit_name_means_only_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands(tmp_path, monkeypatch, podman="echo crun is broken; exit 126")
    backend = asyncio.run(choose("podman"))
    assert "crun is broken" in (asyncio.run(backend.probe()) or "")
    assert asyncio.run(choose("none")).name == "none"


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="sandbox: must be one of auto"):
        asyncio.run(choose("chroot"))


def test_a_missing_command_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asyncio.run(Container("docker").probe()) == "there is no docker command"


def test_the_trial_names_the_image_and_never_pulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands(tmp_path, monkeypatch, docker=f'echo "$@" > {tmp_path}/argv; echo no such image; exit 125')
    reason = asyncio.run(Container("docker", image="local/tools").probe()) or ""
    assert "docker pull local/tools" in reason
    argv = (tmp_path / "argv").read_text()
    assert "--pull=never" in argv
    assert argv.endswith("local/tools true\n")


def test_a_container_speaks_the_same_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a docker that does what `run` would do, in namespaces: bind the volumes, keep the user, run the command."""
    bubblewrap()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    script = f"""
env > {tmp_path}/environment
[ "$1" = run ] || exit 0
binds=""
for argument; do
  case $argument in
    --volume=*)
      rest=${{argument#--volume=}}; to=${{rest#*:}}
      binds="$binds --bind ${{rest%%:*}} ${{to%:ro}}";;
    python3) break;;
  esac
  shift
done
exec {bubblewrap_module.find_bwraps()[0]} --unshare-pid --unshare-user --ro-bind /usr /usr \\
  --symlink usr/bin /bin --symlink usr/lib /lib \\
  --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp --tmpfs /home/agent $binds --die-with-parent "$@"
"""
    commands(tmp_path, monkeypatch, docker=script)

    async def whole() -> None:
        hands = await Container("docker").provision(Recipe("sesn_c", tmp_path / "home", "none"))
        assert isinstance(hands, HandsProcess)
        result = await hands.execute("bash", {"command": "pwd; echo x > f"})
        assert result.content[0]["text"] == "/workspace"
        result = await hands.execute("read", {"file_path": "f"})
        assert result.content[0]["text"] == "x\n"
        await hands.destroy()

    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("no system Python")
    asyncio.run(whole())
    assert "sk-secret" not in (tmp_path / "environment").read_text()
