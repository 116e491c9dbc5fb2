"""What one kind of attachment has to say at each moment of a session's life. Override what there is to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antcli.engine.errors import invalid
from antcli.engine.sandbox.base import Mount
from antcli.engine.store.base import SessionRow

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Furnishing:
    """What a sandbox gets: mounts, and variables of its shell. No secret."""

    mounts: tuple[Mount, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()  # whole sentences, told to the first call of a tool


class Kind:
    """One kind of attachment. `type` is that of its session resources, "" for what is attached in another way.

    A stored resource is what the API shows, and fields whose names begin with `_`, which it does not.
    """

    type = ""
    changes = False  # whether a sandbox that is running is shown changes of its resources
    removable = True  # whether a session that is there can be parted from them
    shared = False  # whether others change what is laid out: it is laid out anew before the hands move again

    async def attach(self, session_id: str, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        """The resource to store for a request's checked entry, beside `others`. Raises RequestError (400, 404) with a
        message that begins with the entry's field."""
        raise NotImplementedError

    async def plan(self, wanted: dict[str, Any], others: Sequence[Resource]) -> Resource:
        """What `attach` would be given to store, with nothing made. Raises RequestError as `attach` does."""
        return wanted

    async def keep(self, wanted: dict[str, Any]) -> Resource:
        """A request's checked entry as it can be stored for sessions to come: its secrets sealed."""
        return wanted

    async def kept(self, entry: Resource) -> dict[str, Any]:
        """What `keep` was given. Raises RequestError when a secret cannot be opened."""
        return entry

    def check(self, resource: Resource, others: Sequence[Resource]) -> None:
        """Raises RequestError (400) when the session cannot have the resource beside `others`."""

    async def update(self, session_id: str, resource: Resource, token: str) -> Resource:
        """The resource with another token. Raises RequestError (400)."""
        raise invalid(f"authorization_token: a resource of type {self.type} has none.")

    async def fetch(self, session: SessionRow, home: Path) -> None:
        """Get from elsewhere what `furnish` will lay out, before a sandbox is made. May take long: nothing else of
        the session waits for it."""

    async def furnish(self, session: SessionRow, home: Path) -> Furnishing:
        """Lay everything out below `home`, for a sandbox that is about to be made or, after a change, for one that is
        there. May be called again at any time. An error is told to the next call of a tool."""
        return Furnishing()

    async def collect(self, session: SessionRow, home: Path) -> None:
        """Take back what the session's hands left; called before the session goes idle."""

    def notes(self, body: dict[str, Any]) -> list[str]:
        """What the model is told of it in its system prompt: a pure function of the session's body."""
        return []

    async def detach(self, session_id: str, resource: Resource) -> None:
        """Clear away after a resource that is not the session's any more."""

    async def remove(self, session_id: str) -> None:
        """Clear away after a session that is gone."""
