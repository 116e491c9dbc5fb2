"""The store's promises: compare-and-set, gapless positions, order, isolation of jobs that share a commit."""

import asyncio
import contextlib
import json
import sqlite3

import pytest

from antcli.engine.session.events import event, internal, stamped
from antcli.engine.session.state import State
from antcli.engine.store.base import (
    Append,
    DuplicateError,
    EventFilter,
    FencedError,
    Insert,
    MissingError,
    Page,
    Remove,
    Replace,
    SessionFilter,
    SessionRow,
    StaleError,
    StorageError,
)
from antcli.engine.store.sqlite import SqliteStore

THREAD = "sthr_1"


@contextlib.asynccontextmanager
async def opened(path):
    store = SqliteStore(path / "ant.db")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def row(id="sesn_1", records=0, created="2026-01-01T00:00:00.000000Z", status="idle", agent="agent_1"):
    state = State(THREAD, "a").to_json()
    return SessionRow(id, {"title": id}, state, status, created, created, None, agent, 1, records)


def append(expected, *records, id="sesn_1", epoch=None, status="idle"):
    return Append(id, expected, records, State(THREAD, "a").to_json(), status, "2026-01-01T00:00:01.000000Z", epoch)


def bodies(found):
    return [json.loads(body)["type"] for _, body in found]


def test_what_is_replaced_or_removed_leaves_the_disk(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            kept = await store.insert("agent", "agent_1", {"name": "forget-this " * 40})
            gone = await store.insert("agent", "agent_2", {"name": "forget-that " * 40})
        async with opened(tmp_path) as store:
            await store.change(Replace(kept, {"name": "b"}), Remove(gone))
        assert b"forget-" not in (tmp_path / "ant.db").read_bytes()

    asyncio.run(scenario())


def test_objects_change_by_compare_and_set_only(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            first = await store.insert("agent", "agent_1", {"name": "a"})
            version = Insert("agent_version", "agent_1:2", {"name": "b"}, "agent_1")
            second, _ = await store.change(Replace(first, {"name": "b"}), version)
            assert second.revision == first.revision + 1
            with pytest.raises(StaleError):
                await store.change(Insert("agent_version", "agent_1:3", {}, "agent_1"), Replace(first, {"name": "c"}))
            assert (await store.get("agent", "agent_1")).body == {"name": "b"}
            versions = await store.list("agent_version", Page(10), parent="agent_1")
            assert [version.id for version in versions] == ["agent_1:2"]
            assert await store.delete("agent", "agent_1") and not await store.delete("agent", "agent_1")
            assert await store.get("agent", "agent_1") is None

    asyncio.run(scenario())


def test_keys_come_in_the_order_of_code_points(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            keys = ["/b", "/a/z", "/a", "/a-b", "/ä", "/a/\U0001f600", "/a/\uffee"]
            for parent in ("s", "t"):
                await store.change(*(Insert("m", f"{parent}{key}", {}, parent, key) for key in keys))
            await store.insert("m", "without a key", {}, parent="s")
            found = await store.keys("m", parent="s", limit=100)
            assert found == [(key, f"s{key}") for key in sorted(keys)]
            assert await store.keys("m", parent="s", after="/a-b", limit=2) == found[2:4]
            below = await store.keys("m", parent="s", prefix="/a/", limit=100)
            assert [key for key, _ in below] == ["/a/z", "/a/\uffee", "/a/\U0001f600"]
            assert await store.keys("m", parent="s", prefix="/a/", after="/b", limit=100) == []

    asyncio.run(scenario())


def test_changes_happen_together_or_not_at_all_and_keys_are_unique_under_a_parent(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            one, _ = await store.change(
                Insert("memory", "m_1", {"n": 1}, "store_1", "/a"), Insert("memory", "m_2", {"n": 2}, "store_2", "/a")
            )
            with pytest.raises(DuplicateError, match="m_1"):
                await store.change(
                    Insert("memory", "m_3", {}, "store_1", "/b"), Insert("memory", "m_4", {}, "store_1", "/a")
                )
            assert await store.get("memory", "m_3") is None
            moved, _ = await store.change(Replace(one, {"n": 3}, "/c"), Insert("memory", "m_4", {}, "store_1", "/a"))
            assert (await store.by_key("memory", "/c", parent="store_1")).body == {"n": 3}
            with pytest.raises(StaleError):
                await store.change(Insert("memory", "m_5", {}, "store_1"), Remove(one))
            with pytest.raises(DuplicateError, match="m_4"):
                await store.change(Replace(moved, {}, "/a"))
            assert (await store.replace(moved, {"n": 4})).key == "/c"
            assert await store.get("memory", "m_5") is None
            found = await store.list("memory", Page(10, "asc"), parent=None, fields=[("n", [2, 4])])
            assert [item.id for item in found] == ["m_1", "m_2"]
            found = await store.list("memory", Page(10, "asc"), parent="store_1", key_prefix="/a")
            assert [item.id for item in found] == ["m_4"]

    asyncio.run(scenario())


def test_lists_walk_each_object_once_in_both_orders_and_filter(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            for n in range(7):
                archived = "2026-01-02" if n % 2 else None
                await store.insert("x", f"x_{n}", {"created_at": f"2026-01-0{n + 1}", "archived_at": archived})
            for order in ("asc", "desc"):
                seen, after = [], None
                while page := await store.list("x", Page(2, order, after)):
                    seen += [item.id for item in page]
                    after = page[-1].sequence
                assert seen == [f"x_{n}" for n in (range(7) if order == "asc" else range(6, -1, -1))]
            alive = await store.list("x", Page(10, "asc"), include_archived=False)
            assert [item.id for item in alive] == ["x_0", "x_2", "x_4", "x_6"]
            late = await store.list("x", Page(10, "asc"), created_at=[("gte", "2026-01-03"), ("lt", "2026-01-05")])
            assert [item.id for item in late] == ["x_2", "x_3"]

    asyncio.run(scenario())


def test_an_append_needs_the_expected_position_and_the_lease(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            await store.create_session(row(records=1), [event("user.message", THREAD)])
            assert await store.append(append(1, event("agent.message", THREAD))) == 2
            with pytest.raises(StaleError):
                await store.append(append(1, event("agent.message", THREAD)))
            with pytest.raises(MissingError):
                await store.append(append(0, id="sesn_none"))
            epoch = await store.claim("sesn_1", "me", 30)
            assert await store.claim("sesn_1", "you", 30) is None
            with pytest.raises(FencedError):
                await store.append(append(2, event("agent.message", THREAD), epoch=epoch - 1))
            assert await store.append(append(2, event("agent.message", THREAD), epoch=epoch)) == 3
            await store.release("sesn_1", epoch)
            assert await store.claim("sesn_1", "you", 30) == epoch + 1
            assert [record.position for record in await store.records("sesn_1")] == [1, 2, 3]

    asyncio.run(scenario())


def test_a_queued_event_is_listed_last_and_once_it_is_stamped_at_its_new_place(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            queued = event("user.message", THREAD, {"n": 1}, queued=True)
            await store.create_session(
                row(records=3), [queued, event("agent.message", THREAD), internal("_x", THREAD, {})]
            )
            assert bodies(await store.events("sesn_1", EventFilter(), Page(10, "asc"))) == [
                "agent.message",
                "user.message",
            ]
            assert bodies(await store.events("sesn_1", EventFilter(), Page(10, "desc"))) == [
                "user.message",
                "agent.message",
            ]
            found = await store.record("sesn_1", 1)
            await store.append(append(3, stamped(found), event("agent.thinking", THREAD)))
            for order in ("asc", "desc"):
                walked, after = [], None
                while page := await store.events("sesn_1", EventFilter(), Page(1, order, after)):
                    walked += bodies(page)
                    after = page[-1][0]
                expected = ["agent.message", "user.message", "agent.thinking"]
                assert walked == (expected if order == "asc" else expected[::-1])
            typed = await store.events("sesn_1", EventFilter(types=["agent.thinking"]), Page(10, "asc"))
            assert bodies(typed) == ["agent.thinking"]

    asyncio.run(scenario())


def test_a_walk_in_either_order_passes_from_processed_to_queued_events(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            records = [event("agent.message", THREAD, {"n": n}, queued=n % 3 == 0) for n in range(10)]
            await store.create_session(row(records=10), records)
            done, waiting = [n for n in range(10) if n % 3], [n for n in range(10) if n % 3 == 0]
            for order, expected in (("asc", done + waiting), ("desc", (done + waiting)[::-1])):
                walked, after = [], None
                while page := await store.events("sesn_1", EventFilter(), Page(3, order, after)):
                    walked += [json.loads(body)["n"] for _, body in page]
                    after = page[-1][0]
                assert walked == expected

    asyncio.run(scenario())


def test_sessions_are_filtered_and_counted(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            for n, status in enumerate(("idle", "running", "rescheduling", "idle")):
                await store.create_session(row(f"sesn_{n}", status=status, agent=f"agent_{n % 2}"), [])
            running = await store.sessions(SessionFilter(statuses=["running", "idle"]), Page(10))
            assert [found.id for found in running] == ["sesn_3", "sesn_1", "sesn_0"]
            assert [found.id for found in await store.sessions(SessionFilter(agent_id="agent_0"), Page(1))] == [
                "sesn_2"
            ]
            assert await store.count_sessions() == {"idle": 2, "running": 1, "rescheduling": 1}
            assert await store.awake() == ["sesn_1", "sesn_2"]
            await store.claim("sesn_1", "me", 30)
            assert await store.awake() == ["sesn_2"]
            await store.release_all()
            assert await store.awake() == ["sesn_1", "sesn_2"]

    asyncio.run(scenario())


def test_a_job_that_fails_does_not_fail_the_jobs_that_share_its_commit(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            await store.insert("x", "taken", {})
            outcomes = await asyncio.gather(
                *(store.insert("x", id, {}) for id in ("a", "taken", "b")),
                store.append(append(5, id="sesn_none")),
                store.insert("x", "c", {}),
                return_exceptions=True,
            )
            assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False, True, False]
            assert [item.id for item in await store.list("x", Page(9, "asc"))] == ["taken", "a", "b", "c"]

    asyncio.run(scenario())


def test_a_full_disk_is_an_error_that_says_so_and_loses_nothing(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            await store.insert("x", "before", {"text": "kept"})

            def fill(connection: sqlite3.Connection):
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {pages}")

            await store._write(fill)
            with pytest.raises(StorageError, match="full"):
                await store.insert("x", "big", {"text": "y" * 1_000_000})
            assert (await store.get("x", "before")).body == {"text": "kept"}
            await store._write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000"))
            await store.insert("x", "big", {"text": "y" * 1_000_000})

    asyncio.run(scenario())


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    async def scenario():
        async with opened(tmp_path):
            pass
        with contextlib.closing(sqlite3.connect(tmp_path / "ant.db")) as connection:
            connection.execute("PRAGMA user_version = 999")
        with pytest.raises(StorageError, match="install a newer ant"):
            async with opened(tmp_path):
                pass

    asyncio.run(scenario())


def test_a_write_survives_the_cancellation_of_its_caller(tmp_path):
    async def scenario():
        async with opened(tmp_path) as store:
            task = asyncio.create_task(store.insert("x", "x_1", {}))
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await store.insert("x", "x_2", {})
            assert [item.id for item in await store.list("x", Page(9, "asc"))] == ["x_1", "x_2"]

    asyncio.run(scenario())
