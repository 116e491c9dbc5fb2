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
from antcli.engine.store.base import (
    QUEUED_KEY,
    Append,
    EventFilter,
    FencedError,
    MissingError,
    Object,
    Page,
    Record,
    SessionFilter,
    SessionRow,
    StaleError,
    StorageError,
)
from antcli.engine.store.migrate import migrate
from antcli.engine.store.writer import Writer

T = TypeVar("T")

_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
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

    async def insert(self, kind: str, id: str, body: dict[str, Any], *, parent: str = "") -> Object:
        text = dump(body)

        def job(connection: sqlite3.Connection) -> Object:
            cursor = connection.execute(
                "INSERT INTO objects (kind, id, parent, created_at, archived_at, body) VALUES (?, ?, ?, ?, ?, ?)",
                (kind, id, parent, body.get("created_at", ""), body.get("archived_at"), text),
            )
            return Object(kind, id, body, cursor.lastrowid or 0, 1)

        return await self._write(job)

    async def get(self, kind: str, id: str) -> Object | None:
        def query(connection: sqlite3.Connection) -> Object | None:
            row = connection.execute(
                "SELECT body, sequence, revision FROM objects WHERE kind = ? AND id = ?", (kind, id)
            ).fetchone()
            return Object(kind, id, json.loads(row[0]), row[1], row[2]) if row else None

        return await self._read(query)

    async def replace(
        self, object: Object, body: dict[str, Any], *, archive: tuple[str, str, dict[str, Any]] | None = None
    ) -> Object:
        text = dump(body)

        def job(connection: sqlite3.Connection) -> Object:
            changed = connection.execute(
                "UPDATE objects SET body = ?, archived_at = ?, revision = revision + 1"
                " WHERE kind = ? AND id = ? AND revision = ?",
                (text, body.get("archived_at"), object.kind, object.id, object.revision),
            ).rowcount
            if not changed:
                raise StaleError(object.id)
            if archive is not None:
                kind, id, version = archive
                connection.execute(
                    "INSERT INTO objects (kind, id, parent, created_at, body) VALUES (?, ?, ?, ?, ?)",
                    (kind, id, object.id, version.get("created_at", ""), dump(version)),
                )
            return Object(object.kind, object.id, body, object.sequence, object.revision + 1)

        return await self._write(job)

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
            where.append(f"status IN ({_marks(filter.statuses)})")
            values.extend(filter.statuses)
        if not filter.include_archived:
            where.append("archived_at IS NULL")
        _add_times(where, values, "created_at", filter.created_at)
        sql = f"SELECT {_SESSION_COLUMNS} FROM sessions{_page(where, values, 'sequence', page)}"
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

    async def list(
        self, kind: str, page: Page, *, parent: str = "", include_archived: bool = True,
        created_at: Sequence[tuple[str, str]] = (),
    ) -> list[Object]:  # fmt: skip
        where, values = ["kind = ?", "parent = ?"], [kind, parent]
        if not include_archived:
            where.append("archived_at IS NULL")
        _add_times(where, values, "created_at", created_at)
        sql = f"SELECT id, body, sequence, revision FROM objects{_page(where, values, 'sequence', page)}"

        def query(connection: sqlite3.Connection) -> list[Object]:
            return [Object(kind, id, json.loads(body), sequence, revision)
                    for id, body, sequence, revision in connection.execute(sql, values)]  # fmt: skip

        return await self._read(query)


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _add_times(where: list[str], values: list[Any], column: str, times: Sequence[tuple[str, str]]) -> None:
    for operator, moment in times:
        where.append(f"{column} {_OPERATORS[operator]} ?")
        values.append(moment)


def _page(where: list[str], values: list[Any], column: str, page: Page) -> str:
    """The WHERE, ORDER and LIMIT of a keyset page; adds its values to `values`."""
    if page.after is not None:
        where.append(f"{column} {'>' if page.order == 'asc' else '<'} ?")
        values.append(page.after)
    values.append(page.limit)
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"{condition} ORDER BY {column} {page.order.upper()} LIMIT ?"


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
        where.append(f"type IN ({_marks(filter.types)})")
        values.extend(filter.types)
    if filter.thread_id is not None:
        where.append("thread_id = ?")
        values.append(filter.thread_id)
    _add_times(where, values, "processed_at", filter.processed_at)
    key = f"position + {QUEUED_KEY}" if queued else "position"
    # Left to itself the planner reads the whole session to find the few that are queued, or none.
    source = "events INDEXED BY events_queued" if queued else "events"
    return f"SELECT {key}, body FROM {source}{_page(where, values, 'position', Page(limit, page.order, after))}", values


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
