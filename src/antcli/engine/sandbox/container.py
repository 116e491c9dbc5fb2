"""Sandboxes as containers of Docker or Podman, through their own command. Images are never pulled: they must be there.

The image needs bash and python3 (3.9 or later); `ANT_SANDBOX_IMAGE` names it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from antcli.engine.sandbox.base import Recipe, SandboxUnavailableError
from antcli.engine.sandbox.process import FOLDERS, GRACE_SECONDS, HandsProcess, make_folders, shell_environment

DEFAULT_IMAGE = "python:3.12"
TRIAL_SECONDS = 30.0
PATH = "/home/agent/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIBRARY = "/opt/ant/lib/antcli/engine/sandbox"


class Container:
    """`name` is the command: docker or podman."""

    def __init__(self, name: str, image: str | None = None) -> None:
        self.name = name
        self.image = image or os.environ.get("ANT_SANDBOX_IMAGE") or DEFAULT_IMAGE

    async def probe(self) -> str | None:
        if not shutil.which(self.name):
            return f"there is no {self.name} command"
        code, words = await _run([self.name, *self._run_arguments("ant-trial-" + secrets.token_hex(4)), "true"])
        if code == 0:
            return None
        return (
            f"a trial run of {self.name} failed: {words or f'exit code {code}'}. It must run, and the image "
            f"{self.image} (with bash and python3) must be there: `{self.name} pull {self.image}`, or name another in "
            "ANT_SANDBOX_IMAGE."
        )

    def _run_arguments(self, container: str, *options: str) -> list[str]:
        owner = ["--userns=keep-id"] if self.name == "podman" and os.getuid() else []
        return [
            "run", "--rm", "--interactive", "--init", "--pull=never", f"--name={container}", "--hostname=sandbox",
            "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=1024", "--read-only",
            "--tmpfs=/tmp:rw,exec,mode=1777,size=1g", "--tmpfs=/home/agent:rw,exec,mode=0777,size=1g",
            f"--user={os.getuid()}:{os.getgid()}", *owner, *options, self.image,
        ]  # fmt: skip

    async def provision(self, recipe: Recipe) -> HandsProcess:
        await make_folders(recipe)
        container = f"ant-{secrets.token_hex(8)}"
        mounts = [f"--volume={recipe.home.absolute() / name}:{inside}" for name, inside in FOLDERS.items()]
        mounts += [
            f"--volume={mount.source.absolute()}:{mount.target}{'' if mount.writable else ':ro'}"
            for mount in recipe.mounts
        ]
        mounts += [f"--volume={Path(__file__).parent}:{LIBRARY}:ro", "--workdir=/workspace"]
        network = ["--network=none"] if recipe.network == "none" else []
        setup = {
            "workdir": "/workspace",
            "moved": {},
            "spill": FOLDERS["tool_outputs"],
            "own_namespace": True,
            "limits": {"CORE": 0},
            "environment": shell_environment(recipe, PATH),
        }

        async def remove() -> None:
            await _run([self.name, "rm", "--force", container])

        argv = [self.name, *self._run_arguments(container, *mounts, *network)]
        argv += ["python3", "-I", "-S", f"{LIBRARY}/hands.py"]
        return await HandsProcess.start(
            argv, setup, env=_command_environment(), grace_seconds=GRACE_SECONDS, clean_up=remove
        )


def _command_environment() -> dict[str, str]:
    """What the command needs to find its daemon and settings; it does not pass its environment to containers."""
    kept = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
    return {
        name: value for name, value in os.environ.items() if name in kept or name.startswith(("DOCKER_", "CONTAINER"))
    }


async def _run(argv: Sequence[str]) -> tuple[int, str]:
    """Exit code and the end of the output. Raises SandboxUnavailableError when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=_command_environment(),
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TRIAL_SECONDS)
    except TimeoutError:
        raise SandboxUnavailableError(f"{argv[0]} did not finish within {TRIAL_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace").strip()[-500:]
