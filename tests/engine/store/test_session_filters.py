from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from antcli.engine.store.base import Page, SessionFilter, SessionRow
from antcli.engine.store.sqlite import SqliteStore


def row(id: str, **body: Any) -> SessionRow:
    return SessionRow(id, body, {}, "idle", "2026-01-01", "2026-01-01", None, "agent_a", 1, 0)


def test_sessions_are_found_by_fields_of_their_bodies_and_of_what_is_attached(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "engine.db")
        await store.open()
        try:
            await store.create_session(row("a", deployment_id="d1", resources=[{"memory_store_id": "m1"}]), [])
            await store.create_session(
                row("b", deployment_id="d2", resources=[{"file_id": "f"}, {"memory_store_id": "m1"}]), []
            )
            await store.create_session(row("c", resources=[]), [])
            await store.create_session(row("d"), [])

            async def ids(**filter: Any) -> list[str]:
                return [found.id for found in await store.sessions(SessionFilter(**filter), Page(10, "asc"))]

            assert await ids() == ["a", "b", "c", "d"]
            assert await ids(fields=[("deployment_id", "d2")]) == ["b"]
            assert await ids(within=[("resources", "memory_store_id", "m1")]) == ["a", "b"]
            assert await ids(within=[("resources", "memory_store_id", "m1")], fields=[("deployment_id", "d1")]) == ["a"]
            assert await ids(within=[("resources", "memory_store_id", "m2")]) == []
        finally:
            await store.close()

    asyncio.run(scenario())
