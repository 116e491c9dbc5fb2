"""The table of objects: documents under a kind and an id, changed together or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from antcli.engine.json_text import dump
from antcli.engine.store.base import Change, DuplicateError, Insert, Object, RefusedError, Remove, Replace, StaleError
from antcli.engine.store.sql import marks

COLUMNS = "kind, id, body, sequence, revision, parent, key"
_AFTER_ALL = "\U0010ffff"  # sorts behind every key that begins with a prefix


def from_row(row: tuple[Any, ...]) -> Object:
    kind, id, body, *rest = row
    return Object(kind, id, json.loads(body), *rest)


def find(connection: sqlite3.Connection, kind: str, condition: str, *values: str) -> Object | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM objects WHERE kind = ? AND {condition}", (kind, *values)
    ).fetchone()
    return from_row(row) if row else None


def keys(
    connection: sqlite3.Connection, kind: str, parent: str, prefix: str, after: str, limit: int
) -> list[tuple[str, str]]:
    """SQLite compares text by its UTF-8 bytes, which is the order of code points."""
    return connection.execute(
        "SELECT key, id FROM objects WHERE kind = ? AND parent = ? AND key >= ? AND key < ? AND key > ?"
        " ORDER BY key LIMIT ?",
        (kind, parent, prefix, prefix + _AFTER_ALL, after, limit),
    ).fetchall()


def conditions(
    kind: str, parent: str | None, include_archived: bool, fields: Sequence[tuple[str, Any]], key_prefix: str
) -> tuple[list[str], list[Any]]:
    """The WHERE of a list, and its values."""
    where, values = ["kind = ?"], [kind]
    if parent is not None:
        where.append("parent = ?")
        values.append(parent)
    if not include_archived:
        where.append("archived_at IS NULL")
    for path, wanted in fields:
        several = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
        where.append(f"json_extract(body, ?) IN ({marks(several)})")
        values += [f"$.{path}", *several]
    if key_prefix:
        where.append("key >= ? AND key < ?")
        values += [key_prefix, key_prefix + _AFTER_ALL]
    return where, values


def changing(changes: Sequence[Change]) -> Callable[[sqlite3.Connection], list[Object]]:
    """The job that carries the changes out; each is written as text before the writer's thread sees it."""
    texts = ["" if isinstance(change, Remove) else dump(change.body) for change in changes]

    def job(connection: sqlite3.Connection) -> list[Object]:
        connection.execute("SAVEPOINT change")
        try:
            changed = [_carry_out(connection, change, text) for change, text in zip(changes, texts, strict=True)]
        except RefusedError:
            connection.execute("ROLLBACK TO change")
            connection.execute("RELEASE change")
            raise
        connection.execute("RELEASE change")
        return changed

    return job


def _carry_out(connection: sqlite3.Connection, change: Change, text: str) -> Object:
    if isinstance(change, Insert):
        _must_be_free(connection, change.kind, change.parent, change.key, but="")
        cursor = connection.execute(
            "INSERT INTO objects (kind, id, parent, key, created_at, archived_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (change.kind, change.id, change.parent, change.key, change.body.get("created_at", ""),
             change.body.get("archived_at"), text),
        )  # fmt: skip
        return Object(change.kind, change.id, change.body, cursor.lastrowid or 0, 1, change.parent, change.key)
    old = change.object
    where, values = "kind = ? AND id = ? AND revision = ?", (old.kind, old.id, old.revision)
    if isinstance(change, Remove):
        if not connection.execute(f"DELETE FROM objects WHERE {where}", values).rowcount:
            raise StaleError(old.id)
        return old
    return _replace(connection, change, text, where, values)


def _replace(connection: sqlite3.Connection, change: Replace, text: str, where: str, values: tuple[Any, ...]) -> Object:
    old = change.object
    _must_be_free(connection, old.kind, old.parent, change.key, but=old.id)
    changed = connection.execute(
        f"UPDATE objects SET body = ?, archived_at = ?, key = ?, revision = revision + 1 WHERE {where}",
        (text, change.body.get("archived_at"), change.key, *values),
    ).rowcount
    if not changed:
        raise StaleError(old.id)
    return Object(old.kind, old.id, change.body, old.sequence, old.revision + 1, old.parent, change.key)


def _must_be_free(connection: sqlite3.Connection, kind: str, parent: str, key: str | None, *, but: str) -> None:
    if key is None:
        return
    row = connection.execute(
        "SELECT id FROM objects WHERE kind = ? AND parent = ? AND key = ? AND id != ?", (kind, parent, key, but)
    ).fetchone()
    if row is not None:
        raise DuplicateError(row[0])
