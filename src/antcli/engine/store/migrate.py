"""Bring a database to the newest schema: numbered SQL files, each applied once, in one transaction."""

from __future__ import annotations

import sqlite3
from importlib import resources


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) of every migration, in order."""
    folder = resources.files("antcli.engine.store.migrations")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return [(int(item.name.split("_")[0]), item.read_text(encoding="utf-8")) for item in files]


def migrate(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError when the database was written by a newer version."""
    current = connection.execute("PRAGMA user_version").fetchone()[0]
    known = migrations()
    if current > known[-1][0]:
        raise sqlite3.DatabaseError(
            f"it has schema {current}, this version of ant knows up to {known[-1][0]}; install a newer ant"
        )
    for number, sql in known:
        if number > current:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
