"""Where a client sends its requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Server:
    """One server: the hosted service, a compatible one, or the local engine behind a Unix socket.

    `base_url` has no trailing slash; with `socket` (a path) the connection goes through it and the URL's host is
    only a name. `headers` carry the credential and are never printed. `why` says in words why this server was chosen.
    `token` gives the bearer token of a request, where it changes with time; another one than the one that was refused.
    """

    base_url: str
    kind: str  # "hosted" or "local"
    profile: str
    why: str
    socket: str | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    token: Callable[[str], str] | None = field(default=None, repr=False)
    workspace_id: str | None = None
