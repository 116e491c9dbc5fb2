"""Packages of an environment (semantics.md 11): installed once into a layer that its sessions' sandboxes see read-only.

A sandbox belongs to an ordinary user on the machine's own system, so what goes below one folder can be installed and
what needs the system's package manager cannot. Nobody waits for it but the first call of a tool.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import time
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from antcli.engine.resources.kind import Furnishing, Kind
from antcli.engine.sandbox.base import Mount, Recipe, SandboxUnavailableError
from antcli.engine.sandbox.pool import Sandboxes
from antcli.engine.store.base import SessionRow

PLACE = "/opt/packages"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/ant/bin"
_LONGEST_INSTALL = 30 * 60_000  # milliseconds
_FAILED_FOR = 60.0  # seconds until a failed installation is tried again
_UNUSED_FOR = 30 * 86_400.0
_LONGEST_REASON = 2000

VARIABLES = {
    "PATH": ":".join(
        ["/home/agent/.local/bin", *(f"{PLACE}/{part}bin" for part in ("", "python/", "npm/", "cargo/", "gem/")), _PATH]
    ),
    "PYTHONPATH": f"{PLACE}/python",
    "NODE_PATH": f"{PLACE}/npm/lib/node_modules",
    "GEM_PATH": f"{PLACE}/gem:",
}
# What each manager is called with, in the order in which they run; `{}` stands for the packages.
_COMMANDS = {
    "cargo": f"cargo install --root {PLACE}/cargo {{}}",
    "gem": f"gem install --no-document --install-dir {PLACE}/gem --bindir {PLACE}/gem/bin {{}}",
    "go": f"GOBIN={PLACE}/bin GOPATH=/tmp/go GOCACHE=/tmp/go-cache go install {{}}",
    "npm": f"npm install --global --no-audit --no-fund --cache /tmp/npm --prefix {PLACE}/npm {{}}",
    "pip": f"python3 -m pip install --no-cache-dir --disable-pip-version-check --target {PLACE}/python {{}}",
}
_PROBES = {"pip": "python3 -m pip --version"}


def wanted(config: dict[str, Any]) -> dict[str, list[str]]:
    """The packages of an environment's configuration, without the managers that have none."""
    return {manager: config["packages"][manager] for manager in _COMMANDS if config.get("packages", {}).get(manager)}


class Packages(Kind):
    """What the environment of a session brings along. `builders` are sandboxes to install in."""

    def __init__(self, builders: Sandboxes, folder: Path) -> None:
        self._builders = builders
        self._folder = folder
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._failed: dict[str, tuple[float, str]] = {}

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        """Raises SandboxUnavailableError when they cannot be installed."""
        packages: dict[str, list[str]] = session.body.get("packages") or {}
        if not packages:
            return Furnishing()
        digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()[:32]
        lock = self._locks.get(digest)
        if lock is None:
            lock = self._locks[digest] = asyncio.Lock()
        async with lock:
            layer = await self._layer(digest, packages)
        return Furnishing(mounts=(Mount(layer, PLACE),), variables=VARIABLES)

    def notes(self, body: dict[str, Any]) -> list[str]:
        packages: dict[str, list[str]] = body.get("packages") or {}
        named = "; ".join(f"{manager}: {', '.join(names)}" for manager, names in packages.items())
        return [f"The environment comes with these packages: {named}."] if named else []

    async def _layer(self, digest: str, packages: dict[str, list[str]]) -> Path:
        home = self._folder / digest
        layer, done = home / "layer", home / "done"
        if await asyncio.to_thread(_is_done, done):
            return layer
        until, reason = self._failed.get(digest, (0.0, ""))
        if time.monotonic() < until:
            raise SandboxUnavailableError(reason)
        backend = (await self._builders.describe())["backend"]
        if backend == "none":
            raise SandboxUnavailableError("The environment's packages need a sandbox: `none` has no place for them.")
        await asyncio.to_thread(_start_afresh, self._folder, home, layer)
        recipe = Recipe(f"packages-{digest}", home / "home", mounts=(Mount(layer, PLACE, writable=True),))
        try:
            for manager in filter(packages.get, _COMMANDS):
                await self._install(recipe, digest, manager, packages[manager])
        finally:
            await self._builders.remove(recipe)
        await asyncio.to_thread(done.touch)
        return layer

    async def _install(self, recipe: Recipe, digest: str, manager: str, names: list[str]) -> None:
        probe = _PROBES.get(manager, f"command -v {manager}")
        install = _COMMANDS[manager].format(" ".join(shlex.quote(name) for name in names))
        missing = f"echo '{manager} is not installed on this machine'; exit 127"
        command = f"if {probe} >/dev/null 2>&1; then {install}; else {missing}; fi"
        result = await self._builders.execute(recipe, "bash", {"command": command, "timeout_ms": _LONGEST_INSTALL})
        if result.is_error:
            said = "\n".join(block["text"] for block in result.content if block["type"] == "text")
            reason = f"The environment's {manager} packages could not be installed: {said[-_LONGEST_REASON:].strip()}"
            self._failed[digest] = (time.monotonic() + _FAILED_FOR, reason)
            raise SandboxUnavailableError(reason)


def _is_done(done: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        os.utime(done)  # used today
        return True
    return False


def _start_afresh(folder: Path, home: Path, layer: Path) -> None:
    """Clear away what an installation that was cut off left, and layers that nothing has used for a month."""
    shutil.rmtree(home, ignore_errors=True)
    layer.mkdir(mode=0o700, parents=True)
    for other in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - (other / "done").stat().st_mtime > _UNUSED_FOR:
                shutil.rmtree(other, ignore_errors=True)
