from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from antcli.engine.sandbox.base import Backend, Recipe, ToolResult
from antcli.engine.sandbox.bubblewrap import Bubblewrap
from antcli.engine.sandbox.none import NoSandbox
from antcli.engine.sandbox.process import HandsProcess

# In the names of processes, so that other tests may run on this machine: `exec -a $MARK-name sleep 300`.
MARK = f"ant-{os.getpid()}"


def running(name: str) -> bool:
    """Whether a process of that name is there, in any sandbox."""
    return on_a_command_line(f"{MARK}-{name}")


def on_a_command_line(words: str) -> bool:
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            if words.encode() in Path(f"/proc/{pid}/cmdline").read_bytes() and int(pid) != os.getpid():
                return True
        except OSError:
            continue
    return False


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "did not happen in time"
        await asyncio.sleep(0.01)


class Box:
    """A real sandbox with a short way to call its tools."""

    def __init__(self, hands: HandsProcess, home: Path) -> None:
        self.hands = hands
        self.workspace = home / "workspace"

    async def call(self, tool: str, **input: Any) -> ToolResult:
        return await self.hands.execute(tool, input)

    async def bash(self, command: str, **input: Any) -> str:
        """The output of a command that must succeed."""
        result = await self.call("bash", command=command, **input)
        assert not result.is_error, result
        return text(result)

    async def fails(self, command: str, **input: Any) -> str:
        """The output of a command that must fail."""
        result = await self.call("bash", command=command, **input)
        assert result.is_error, result
        return text(result)


def text(result: ToolResult) -> str:
    [block] = result.content
    return str(block["text"])


@functools.cache
def bubblewrap_refusal() -> str | None:
    return asyncio.run(Bubblewrap().probe())


def bubblewrap(**options: Any) -> Bubblewrap:
    if reason := bubblewrap_refusal():
        pytest.skip(reason)
    return Bubblewrap(**options)


Scenario = Callable[[Box], Awaitable[None]]
Run = Callable[..., None]


def run_in(
    backend: Backend, home: Path, scenario: Scenario, network: Literal["open", "none"] = "none", **variables: str
) -> None:
    async def whole() -> None:
        hands = await backend.provision(Recipe("sesn_test", home, network, {"MARK": MARK, **variables}))
        assert isinstance(hands, HandsProcess)
        try:
            await asyncio.wait_for(scenario(Box(hands, home)), 20)
        finally:
            await hands.destroy()

    asyncio.run(whole())


@pytest.fixture(params=["bubblewrap", "none"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a scenario in a sandbox: once isolated, once as a plain process."""
    backend = bubblewrap() if request.param == "bubblewrap" else NoSandbox()
    return functools.partial(run_in, backend, tmp_path / "home")


@pytest.fixture
def run_isolated(tmp_path: Path) -> Run:
    return functools.partial(run_in, bubblewrap(), tmp_path / "home")
