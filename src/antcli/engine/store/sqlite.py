"""The store in one SQLite file: WAL, synchronous=FULL, one writer thread, a few readers (techniques.md 2a)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from antcli.engine.json_text import dump
from antcli.engine.store import sqlite_objects as objects
from antcli.engine.store.base import (
    QUEUED_KEY,
    Append,
    Change,
    EventFilter,
    FencedError,
    Insert,
    MissingError,
    Object,
    Page,
    Record,
    Replace,
    SessionFilter,
    SessionRow,
    StaleError,
    StorageError,
)
from antcli.engine.store.migrate import migrate
from antcli.engine.store.sql import add_times, keyset, marks
from antcli.engine.store.writer import Writer

T = TypeVar("T")

_SESSION_COLUMNS = (
    "id, body, state, status, created_at, updated_at, archived_at, agent_id, agent_version, last_position, sequence"
)
_AWAKE = "status IN ('running', 'rescheduling')"  # the words of a partial index; only such sessions have a lease
_RECORD_COLUMNS = "type, event_id, body, thread_id, processed_at, data, position"


class SqliteStore:
    """`Store` for one engine on one machine. `path` is the database file; its folder must exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store-reader")
        self._connections: list[sqlite3.Connection] = []
        self._writer: Writer | None = None

    async def open(self) -> None:
        await asyncio.to_thread(self._prepare)
        self._writer = Writer(self._connect)

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._connections:
            connection.close()

    def _prepare(self) -> None:
        try:
            connection = self._connect()
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection)
            finally:
                connection.close()
            self._path.chmod(0o600)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"The engine's database {self._path} cannot be opened: {error}.") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA secure_delete = ON")  # what is archived, redacted or deleted leaves the disk as well
        return connection

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run_read, query)

    def _run_read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = self._connect()
                self._connections.append(connection)
            return query(connection)
        except sqlite3.Error as error:
            raise StorageError(f"The engine's database cannot be read: {error}.") from error

    async def _write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        assert self._writer is not None, "the store is not open"
        return await self._writer.submit(job)

    # Objects

    async def change(self, *changes: Change) -> list[Object]:
        return await self._write(objects.changing(changes))

    async def insert(self, kind: str, id: str, body: dict[str, Any], *, parent: str = "") -> Object:
        return (await self.change(Insert(kind, id, body, parent)))[0]

    async def get(self, kind: str, id: str) -> Object | None:
        return await self._read(lambda connection: objects.find(connection, kind, "id = ?", id))

    async def by_key(self, kind: str, key: str, *, parent: str = "") -> Object | None:
        return await self._read(
            lambda connection: objects.find(connection, kind, "parent = ? AND key = ?", parent, key)
        )

    async def keys(
        self, kind: str, *, parent: str, prefix: str = "", after: str = "", limit: int
    ) -> list[tuple[str, str]]:
        return await self._read(lambda connection: objects.keys(connection, kind, parent, prefix, after, limit))

    async def replace(self, object: Object, body: dict[str, Any]) -> Object:
        return (await self.change(Replace(object, body, object.key)))[0]

    async def delete(self, kind: str, id: str) -> bool:
        def job(connection: sqlite3.Connection) -> bool:
            return bool(connection.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, id)).rowcount)

        return await self._write(job)

    # Sessions

    async def create_session(self, row: SessionRow, records: Sequence[Record]) -> SessionRow:
        def job(connection: sqlite3.Connection) -> SessionRow:
            cursor = connection.execute(
                "INSERT INTO sessions (id, body, state, status, created_at, updated_at, archived_at, agent_id,"
                " agent_version, last_position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (row.id, dump(row.body), dump(row.state), row.status, row.created_at, row.updated_at,
                 row.archived_at, row.agent_id, row.agent_version, row.last_position),
            )  # fmt: skip
            sequence = cursor.lastrowid or 0
            _insert_records(connection, sequence, 0, records)
            return replace(row, sequence=sequence)

        return await self._write(job)

    async def session(self, id: str) -> SessionRow | None:
        def query(connection: sqlite3.Connection) -> SessionRow | None:
            row = connection.execute(f"SELECT {_SESSION_COLUMNS} FROM sessions WHERE id = ?", (id,)).fetchone()
            return _session_row(row) if row else None

        return await self._read(query)

    async def sessions(self, filter: SessionFilter, page: Page) -> list[SessionRow]:
        where: list[str] = []
        values: list[Any] = []
        if filter.agent_id is not None:
            where.append("agent_id = ?")
            values.append(filter.agent_id)
        if filter.agent_version is not None:
            where.append("agent_version = ?")
            values.append(filter.agent_version)
        if filter.statuses:
            where.append(f"status IN ({marks(filter.statuses)})")
            values.extend(filter.statuses)
        for path, value in filter.fields:
            where.append("json_extract(body, ?) = ?")
            values += [f"$.{path}", value]
        for path, field, value in filter.within:
            where.append(
                "EXISTS (SELECT 1 FROM json_each(sessions.body, ?) AS item WHERE json_extract(item.value, ?) = ?)"
            )
            values += [f"$.{path}", f"$.{field}", value]
        if not filter.include_archived:
            where.append("archived_at IS NULL")
        add_times(where, values, "created_at", filter.created_at)
        sql = f"SELECT {_SESSION_COLUMNS} FROM sessions{keyset(where, values, 'sequence', page)}"
        return await self._read(lambda connection: [_session_row(row) for row in connection.execute(sql, values)])

    async def delete_session(self, id: str, expected: int) -> None:
        def job(connection: sqlite3.Connection) -> None:
            sequence, last_position, _ = _locate(connection, id)
            if last_position != expected:
                raise StaleError(id)
            connection.execute("DELETE FROM events WHERE session = ?", (sequence,))
            connection.execute("DELETE FROM sessions WHERE sequence = ?", (sequence,))

        await self._write(job)

    # The log

    async def append(self, append: Append) -> int:
        state = dump(append.state)
        body = None if append.body is None else dump(append.body)

        def job(connection: sqlite3.Connection) -> int:
            sequence, last_position, epoch = _locate(connection, append.session_id)
            if append.epoch is not None and epoch != append.epoch:
                raise FencedError(append.session_id)
            if last_position != append.expected:
                raise StaleError(append.session_id)
            position = _insert_records(connection, sequence, last_position, append.records)
            connection.execute(
                "UPDATE sessions SET state = ?, status = ?, updated_at = ?, last_position = ?,"
                " body = coalesce(?, body), archived_at = coalesce(?, archived_at) WHERE sequence = ?",
                (state, append.status, append.updated_at, position, body, append.archived_at, sequence),
            )
            if append.release:
                connection.execute("UPDATE sessions SET owner = NULL, lease_until = 0 WHERE sequence = ?", (sequence,))
            return position

        return await self._write(job)

    async def records(
        self, session_id: str, *, after: int = 0, limit: int = 1000, characters: int | None = None
    ) -> list[Record]:
        sql = (
            f"SELECT {_RECORD_COLUMNS} FROM events WHERE session = (SELECT sequence FROM sessions WHERE id = ?)"
            " AND position > ? ORDER BY position LIMIT ?"
        )

        def query(connection: sqlite3.Connection) -> list[Record]:
            found, length = [], 0
            for row in connection.execute(sql, (session_id, after, limit)):
                found.append(_record(row))
                length += len(row[2])
                if characters is not None and length > characters:
                    break
            return found

        return await self._read(query)

    async def record(self, session_id: str, position: int) -> Record | None:
        found = await self.records(session_id, after=position - 1, limit=1)
        return found[0] if found and found[0].position == position else None

    async def events(self, session_id: str, filter: EventFilter, page: Page) -> list[tuple[int, str]]:
        def query(connection: sqlite3.Connection) -> list[tuple[int, str]]:
            row = connection.execute("SELECT sequence FROM sessions WHERE id = ?", (session_id,)).fetchone()
            if row is None:
                return []
            found: list[tuple[int, str]] = []
            for queued in (False, True) if page.order == "asc" else (True, False):
                sql, values = _events_query(row[0], filter, page, queued=queued, limit=page.limit - len(found))
                if sql:
                    found.extend(connection.execute(sql, values))
            return found

        return await self._read(query)

    # Leases

    async def claim(self, session_id: str, owner: str, seconds: float) -> int | None:
        def job(connection: sqlite3.Connection) -> int | None:
            now = time.time()
            row = connection.execute(
                "UPDATE sessions SET epoch = epoch + 1, owner = ?, lease_until = ? WHERE id = ?"
                " AND (owner IS NULL OR owner = ? OR lease_until < ?) RETURNING epoch",
                (owner, now + seconds, session_id, owner, now),
            ).fetchone()
            return row[0] if row else None

        return await self._write(job)

    async def renew(self, owner: str, seconds: float) -> None:
        until = time.time() + seconds
        await self._write(
            lambda connection: connection.execute(
                f"UPDATE sessions SET lease_until = ? WHERE {_AWAKE} AND owner = ?", (until, owner)
            )
        )

    async def release(self, session_id: str, epoch: int) -> None:
        await self._write(
            lambda connection: connection.execute(
                "UPDATE sessions SET owner = NULL, lease_until = 0 WHERE id = ? AND epoch = ?", (session_id, epoch)
            )
        )

    async def release_all(self) -> None:
        await self._write(
            lambda connection: connection.execute(
                f"UPDATE sessions SET owner = NULL, lease_until = 0 WHERE {_AWAKE} AND owner IS NOT NULL"
            )
        )

    async def awake(self) -> list[str]:
        sql = f"SELECT id FROM sessions WHERE {_AWAKE} AND (owner IS NULL OR lease_until < ?) ORDER BY sequence"
        return await self._read(lambda connection: [row[0] for row in connection.execute(sql, (time.time(),))])

    async def count_sessions(self) -> dict[str, int]:
        sql = "SELECT status, count(*) FROM sessions GROUP BY status"
        return await self._read(lambda connection: dict(connection.execute(sql).fetchall()))

    # Last, because its name hides the type in the class.

    async def list(
        self, kind: str, page: Page, *, parent: str | None = "", include_archived: bool = True,
        created_at: Sequence[tuple[str, str]] = (), fields: Sequence[tuple[str, Any]] = (), key_prefix: str = "",
    ) -> list[Object]:  # fmt: skip
        where, values = objects.conditions(kind, parent, include_archived, fields, key_prefix)
        add_times(where, values, "created_at", created_at)
        sql = f"SELECT {objects.COLUMNS} FROM objects{keyset(where, values, 'sequence', page)}"
        return await self._read(lambda connection: [objects.from_row(row) for row in connection.execute(sql, values)])


def _events_query(session: int, filter: EventFilter, page: Page, *, queued: bool, limit: int) -> tuple[str, list[Any]]:
    """One half of an event page, or ("", []) when the page starts beyond it."""
    after = page.after
    if after is not None:
        beyond_processed = after >= QUEUED_KEY
        if page.order == "asc" and beyond_processed and not queued:
            return "", []
        if page.order == "desc" and not beyond_processed and queued:
            return "", []
        after = (after - QUEUED_KEY if beyond_processed else after) if queued == beyond_processed else None
    if limit <= 0:
        return "", []
    where = ["session = ?", "superseded = 0", "processed_at IS NULL" if queued else "processed_at IS NOT NULL"]
    values: list[Any] = [session]
    if filter.types:
        where.append(f"type IN ({marks(filter.types)})")
        values.extend(filter.types)
    if filter.thread_id is not None:
        where.append("thread_id = ?")
        values.append(filter.thread_id)
    add_times(where, values, "processed_at", filter.processed_at)
    key = f"position + {QUEUED_KEY}" if queued else "position"
    # Left to itself the planner reads the whole session to find the few that are queued, or none.
    source = "events INDEXED BY events_queued" if queued else "events"
    return (
        f"SELECT {key}, body FROM {source}{keyset(where, values, 'position', Page(limit, page.order, after))}",
        values,
    )


def _locate(connection: sqlite3.Connection, id: str) -> tuple[int, int, int]:
    row = connection.execute("SELECT sequence, last_position, epoch FROM sessions WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise MissingError(id)
    return row[0], row[1], row[2]


def _insert_records(connection: sqlite3.Connection, session: int, position: int, records: Sequence[Record]) -> int:
    rows = []
    for record in records:
        position += 1
        data = None if record.data is None else dump(record.data)
        rows.append((session, position, record.event_id, record.type, record.thread_id, record.processed_at,
                     1 if record.type.startswith("_") else 0, record.body, data))  # fmt: skip
        if record.settles is not None:
            connection.execute(
                "UPDATE events SET superseded = 1 WHERE session = ? AND position = ?", (session, record.settles)
            )
    connection.executemany(
        "INSERT INTO events (session, position, event_id, type, thread_id, processed_at, superseded, body, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    return position


def _session_row(row: tuple[Any, ...]) -> SessionRow:
    id, body, state, *rest = row
    return SessionRow(id, json.loads(body), json.loads(state), *rest)


def _record(row: tuple[Any, ...]) -> Record:
    type, event_id, body, thread_id, processed_at, data, position = row
    return Record(type, event_id, body, thread_id, processed_at, json.loads(data) if data else None, None, position)
