"""What the engine keeps, and how: one protocol, one implementation per database.

Two kinds of data. *Objects* (agents, environments, ...) are JSON documents under a kind and an id, changed by
compare-and-set on their revision. *Sessions* are a row with a lease and an append-only log of *records* at gapless
positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Object:
    """A stored document. `sequence` is the order of creation in the whole store, `revision` grows with each change."""

    kind: str
    id: str
    body: dict[str, Any]
    sequence: int
    revision: int
    parent: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    """A new object. A `key` is unique among the objects of one kind and parent (a path, a name)."""

    kind: str
    id: str
    body: dict[str, Any]
    parent: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """Another body, and with it another `key`, for an object as it was read; `key` None gives the key back."""

    object: Object
    body: dict[str, Any]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """The end of an object as it was read."""

    object: Object


Change = Insert | Replace | Remove


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a session's log.

    `body` is the event as the wire shows it, serialised once. `data` is what only the engine may see (raw content of
    the model, ids of the provider), or None. A type that starts with `_` is never shown. A record that `settles` an
    earlier position is the stamped copy of a queued event: lists show only the later one.
    """

    type: str
    event_id: str
    body: str
    thread_id: str
    processed_at: str | None = None
    data: dict[str, Any] | None = None
    settles: int | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as stored: `body` is what create and update set, `state` the fold of its log up to `last_position`."""

    id: str
    body: dict[str, Any]
    state: dict[str, Any]
    status: str
    created_at: str
    updated_at: str
    archived_at: str | None
    agent_id: str
    agent_version: int
    last_position: int
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Append:
    """Records for one session's log and the row's changes that go with them, in one transaction.

    Happens only if the log still ends at `expected` and, for a writer with a lease, if `epoch` is still the lease's
    fencing number. `state` is the fold up to the last of the records. `release` gives the lease back. `body` and
    `archived_at`
    replace those of the row where given.
    """

    session_id: str
    expected: int
    records: Sequence[Record]
    state: dict[str, Any]
    status: str
    updated_at: str
    epoch: int | None = None
    release: bool = False
    body: dict[str, Any] | None = None
    archived_at: str | None = None


class RefusedError(Exception):
    """The store refuses a write because of what it holds; nothing was written."""


class StaleError(RefusedError):
    """Someone else wrote first. Read again and decide again."""


class FencedError(RefusedError):
    """A newer lease exists: the writer is no longer the session's harness and must stop."""


class MissingError(RefusedError):
    """No such row."""


class DuplicateError(RefusedError):
    """The key is taken; the message is the id of the object that has it."""


class StorageError(Exception):
    """The database cannot write (disk full, read-only, damaged). The message says which."""


@dataclass(frozen=True, slots=True)
class SessionFilter:
    agent_id: str | None = None
    agent_version: int | None = None
    statuses: Sequence[str] = ()
    created_at: Sequence[tuple[str, str]] = ()  # (operator, timestamp); operators gt, gte, lt, lte
    include_archived: bool = False
    fields: Sequence[tuple[str, str]] = ()  # (dotted path in the body, value)
    within: Sequence[tuple[str, str, str]] = ()  # (list in the body, field of one of its objects, value)


@dataclass(frozen=True, slots=True)
class EventFilter:
    types: Sequence[str] = ()
    thread_id: str | None = None
    processed_at: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Keyset position: at most `limit` rows strictly beyond `after` in the given order; None starts at the first."""

    limit: int
    order: Literal["asc", "desc"] = "desc"
    after: int | None = None


# Queued events come after all processed ones: their list key is this much above their position.
QUEUED_KEY = 1 << 52


class Store(Protocol):
    """All methods raise StorageError when the database cannot answer."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def change(self, *changes: Change) -> list[Object]:
        """All changes in this order, in one transaction, or none; the objects as they are now (of a removed one, as it
        was). Raises StaleError when one is not what was read any more, DuplicateError."""
        ...

    async def keys(
        self, kind: str, *, parent: str, prefix: str = "", after: str = "", limit: int
    ) -> list[tuple[str, str]]:
        """(key, id) of the objects whose key begins with `prefix` and is beyond `after`, in order of code points."""
        ...

    async def insert(self, kind: str, id: str, body: dict[str, Any], *, parent: str = "") -> Object: ...

    async def get(self, kind: str, id: str) -> Object | None: ...

    async def by_key(self, kind: str, key: str, *, parent: str = "") -> Object | None: ...

    async def replace(self, object: Object, body: dict[str, Any]) -> Object:
        """Compare-and-set on the revision; the key stays. Raises StaleError."""
        ...

    async def delete(self, kind: str, id: str) -> bool: ...

    async def create_session(self, row: SessionRow, records: Sequence[Record]) -> SessionRow: ...

    async def session(self, id: str) -> SessionRow | None: ...

    async def sessions(self, filter: SessionFilter, page: Page) -> list[SessionRow]: ...

    async def delete_session(self, id: str, expected: int) -> None:
        """Remove the row and its log. Raises StaleError, MissingError."""
        ...

    async def append(self, append: Append) -> int:
        """Returns the new last position once it is on disk. Raises StaleError, FencedError, MissingError."""
        ...

    async def records(
        self, session_id: str, *, after: int = 0, limit: int = 1000, characters: int | None = None
    ) -> list[Record]:
        """The log itself in order of position, internal records included; ends after the record whose body makes it
        more than `characters` long."""
        ...

    async def record(self, session_id: str, position: int) -> Record | None: ...

    async def events(self, session_id: str, filter: EventFilter, page: Page) -> list[tuple[int, str]]:
        """(key, body) of the visible events: processed ones in order of the log, then those still queued."""
        ...

    async def claim(self, session_id: str, owner: str, seconds: float) -> int | None:
        """Take the session's lease if it is free, expired or already ours; the new fencing number, or None."""
        ...

    async def renew(self, owner: str, seconds: float) -> None: ...

    async def release(self, session_id: str, epoch: int) -> None: ...

    async def release_all(self) -> None:
        """Forget every lease: for the one engine that owns the whole store and has just started."""
        ...

    async def awake(self) -> list[str]:
        """Ids of the sessions that are running or rescheduling and that nobody holds."""
        ...

    async def count_sessions(self) -> dict[str, int]:
        """Sessions by status."""
        ...

    async def list(
        self, kind: str, page: Page, *, parent: str | None = "", include_archived: bool = True,
        created_at: Sequence[tuple[str, str]] = (), fields: Sequence[tuple[str, Any]] = (), key_prefix: str = "",
    ) -> list[Object]:  # fmt: skip
        """Objects in order of creation; `archived_at` and `created_at` are those of the bodies.

        `parent` None: of all parents. `fields` are (dotted path in the body, value) that must be equal; a list of
        values means one of them.
        """
        ...
