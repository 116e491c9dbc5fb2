"""Which backend makes the sandboxes: the wish, and what a real trial says. Never falls back to no isolation."""

from __future__ import annotations

from antcli.engine.sandbox.base import Backend, Recipe, Sandbox, SandboxUnavailableError
from antcli.engine.sandbox.bubblewrap import Bubblewrap
from antcli.engine.sandbox.container import Container
from antcli.engine.sandbox.none import NoSandbox

WISHES = ("auto", "bubblewrap", "docker", "podman", "none")

_verdicts: dict[str, Backend] = {}


class Unavailable:
    """Stands where no sandbox can be made: each attempt says why."""

    name = "unavailable"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def probe(self) -> str | None:
        return self.reason

    async def provision(self, recipe: Recipe) -> Sandbox:
        raise SandboxUnavailableError(self.reason)


async def choose(wish: str) -> Backend:
    """The backend for `auto` or an explicit name, tried out once in the life of the process.

    Raises ValueError for other words.
    """
    if wish not in WISHES:
        raise ValueError(f"sandbox: must be one of {', '.join(WISHES)}, not {wish!r}")
    if wish not in _verdicts:
        _verdicts[wish] = await _try(wish)
    return _verdicts[wish]


async def _try(wish: str) -> Backend:
    backends: dict[str, Backend] = {
        "bubblewrap": Bubblewrap(), "docker": Container("docker"), "podman": Container("podman"), "none": NoSandbox(),
    }  # fmt: skip
    names = [name for name in backends if name != "none"] if wish == "auto" else [wish]
    reasons = {}
    for name in names:
        try:
            reason = await backends[name].probe()
        except (OSError, SandboxUnavailableError) as error:
            reason = str(error)
        if reason is None:
            return backends[name]
        reasons[name] = reason
    if wish != "auto":
        return Unavailable(reasons[wish])
    tried = " ".join(f"{name.capitalize()}: {reason.rstrip('.')}." for name, reason in reasons.items())
    return Unavailable(f"{tried} Without isolation, at your own risk: `--sandbox none`.")
