"""The hands' interface: provision a sandbox from a recipe, execute tool calls in it, destroy it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host that appears inside at `target`. What is not `writable` can only be read there."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to make a session's sandbox, again and again. Holds no secret.

    `home` is a directory of the host that outlives every sandbox of the session; its subfolders `workspace` and
    `outputs` appear inside as `/workspace` and `/mnt/session/outputs`, both writable. `network` is `open` or `none`.
    """

    session_id: str
    home: Path
    network: Literal["open", "none"] = "open"
    variables: dict[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    warnings: tuple[str, ...] = ()  # what the first call is told besides its result


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model and the `agent.tool_result` event get: content blocks (text, image, document), the error flag."""

    content: list[dict[str, Any]]
    is_error: bool = False

    @classmethod
    def text(cls, text: str, *, is_error: bool = False) -> ToolResult:
        return cls([{"type": "text", "text": text}], is_error)


class SandboxDiedError(Exception):
    """The sandbox went away under a call. The call gets an error result; the next one gets a new sandbox."""


class SandboxUnavailableError(Exception):
    """No sandbox can be made here. The message names the fix; it is the error result of each call that needed one."""


class Sandbox(Protocol):
    @property
    def alive(self) -> bool: ...

    async def execute(self, tool: str, input: dict[str, Any]) -> ToolResult:
        """Run one call of a built-in tool (api.md 21.5). Calls may overlap; only one `bash` runs at a time.

        Every failure of the tool itself is a ToolResult with is_error. Cancelling kills what the call started.
        Raises SandboxDiedError.
        """
        ...

    async def destroy(self) -> None:
        """Kill the whole process tree. The files under the recipe's `home` stay."""
        ...


class Backend(Protocol):
    name: str  # bubblewrap, docker, podman, none

    async def probe(self) -> str | None:
        """A real trial: None when sandboxes can be made here, else the reason, with the fix."""
        ...

    async def provision(self, recipe: Recipe) -> Sandbox:
        """A running sandbox. Raises SandboxUnavailableError."""
        ...
