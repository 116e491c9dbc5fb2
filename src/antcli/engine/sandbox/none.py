"""No isolation, only by explicit wish: the hands run as an ordinary process of the user, in the session's folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from antcli.engine.sandbox.base import Recipe
from antcli.engine.sandbox.process import FOLDERS, GRACE_SECONDS, HandsProcess, make_folders, shell_environment

# Enough for tools to work as they do for the user; anything else, credentials above all, stays out.
_KEPT = ("LANG", "LC_ALL", "LOGNAME", "TMPDIR", "TZ", "USER")


class NoSandbox:
    name = "none"

    async def probe(self) -> str | None:
        return None if os.access("/bin/bash", os.X_OK) else "the tools need /bin/bash: install bash"

    async def provision(self, recipe: Recipe) -> HandsProcess:
        await make_folders(recipe)
        places = {inside: str(recipe.home.absolute() / name) for name, inside in FOLDERS.items()}
        await asyncio.to_thread(_link_mounts, recipe)
        # First the longest: a mount may be inside a folder.
        mounts = sorted(recipe.mounts, key=lambda mount: -len(mount.target))
        places = {mount.target: str(mount.source.absolute()) for mount in mounts} | places
        environment = shell_environment(recipe, os.environ.get("PATH", os.defpath), str(Path.home()))
        environment |= {name: os.environ[name] for name in _KEPT if name in os.environ}
        setup = {
            "workdir": places["/workspace"],
            "moved": places,
            "spill": FOLDERS["tool_outputs"],
            "own_namespace": False,
            "limits": {"CORE": 0},
            "environment": environment,
        }
        program = Path(__file__).with_name("hands.py")
        return await HandsProcess.start(
            [sys.executable, "-I", "-S", str(program)], setup,
            env={"PATH": environment["PATH"]}, cwd=recipe.home, grace_seconds=GRACE_SECONDS,
        )  # fmt: skip


def _link_mounts(recipe: Recipe) -> None:
    """What is mounted below a folder elsewhere can only be pointed to here."""
    for mount in recipe.mounts:
        for name, inside in FOLDERS.items():
            if mount.target.startswith(inside + "/"):
                place = recipe.home / name / mount.target.removeprefix(inside + "/")
                with contextlib.suppress(OSError):  # it holds something: that stays
                    place.unlink() if place.is_file() else place.rmdir()
                    place.symlink_to(mount.source.absolute())
