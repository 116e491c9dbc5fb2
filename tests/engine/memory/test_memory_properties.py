"""Any sequence of writes leaves a store that is a tree of files, as a plain dict would have it."""

from __future__ import annotations

import asyncio
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from antcli.engine.errors import RequestError
from antcli.engine.memory import paths
from antcli.engine.memory.memories import Memories, sha256
from antcli.engine.memory.stores import MemoryStores
from antcli.engine.store.base import Page
from antcli.engine.store.sqlite import SqliteStore

ACTOR = {"type": "api_actor", "api_key_id": "k"}
SEGMENT = st.sampled_from(["a", "b", "A", "a.b", "a b"])
PATH = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda segments: "/" + "/".join(segments))
TEXT = st.sampled_from(["", "one", "two"])
WRITE = st.one_of(
    st.tuples(st.just("create"), PATH, TEXT),
    st.tuples(st.just("update"), PATH, st.none() | TEXT, st.none() | PATH, st.none() | TEXT),
    st.tuples(st.just("delete"), PATH, st.none() | TEXT),
)


@given(st.text(max_size=30).map(lambda text: "/" + text) | st.text(max_size=5))
def test_a_good_path_is_one_that_a_folder_can_hold(path: str) -> None:
    trouble = paths.problem(path)
    segments = path.split("/")
    fits = (
        segments[0] == "" and len(segments) > 1 and all(segment not in ("", ".", "..") for segment in segments[1:])
        and unicodedata.normalize("NFC", path) == path and len(segments) <= 21
        and not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in path)
    )  # fmt: skip
    assert (trouble is None) == fits, trouble


@given(st.text(min_size=1, max_size=40))
def test_a_slug_is_one_plain_folder(name: str) -> None:
    slug = paths.slug(name)
    assert slug and set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and "--" not in slug
    assert paths.slug(slug) == slug


@given(st.lists(st.sampled_from(["Notes", "notes", "notes 2", "notes-2", "日本"]), max_size=8))
def test_mounts_do_not_share_a_folder(names: list[str]) -> None:
    found = paths.mount_paths(names)
    assert len(set(found)) == len(names) and all(path.startswith("/mnt/memory/") for path in found)


def clashes(path: str, others: set[str]) -> bool:
    return any(path == other or path.startswith(other + "/") or other.startswith(path + "/") for other in others)


@settings(max_examples=60, deadline=None)
@given(st.lists(WRITE, max_size=12))
def test_writes_keep_a_tree(writes: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(replay(Path(folder), writes))


async def replay(folder: Path, writes: list[tuple[Any, ...]]) -> None:
    database = SqliteStore(folder / "engine.db")
    await database.open()
    try:
        memories = Memories(database, MemoryStores(database))
        store = (await memories.stores.create("s", "", {}))["id"]
        model: dict[str, tuple[str, str]] = {}  # path -> (id, content)
        changes = 0
        for kind, path, *rest in writes:
            if kind == "create":
                clash = clashes(path, set(model))
                made, error = await attempt(memories.create(store, path, rest[0], ACTOR))
                assert error == ("memory_path_conflict_error" if clash else None)
                if not clash:
                    model[path] = (made["id"], rest[0])
                    changes += 1
            elif path in model:
                id, content = model[path]
                expected = rest[-1]
                stale = expected is not None and expected != content
                digest = None if expected is None else sha256(expected)
                if kind == "delete":
                    _, error = await attempt(memories.delete(store, id, ACTOR, digest))
                    assert error == ("memory_precondition_failed_error" if stale else None)
                    if not stale:
                        del model[path]
                        changes += 1
                    continue
                new_content, new_path = (content if rest[0] is None else rest[0]), rest[1] or path
                clash = clashes(new_path, set(model) - {path})
                update = memories.update(store, id, ACTOR, content=rest[0], path=rest[1], expected=digest)
                _, error = await attempt(update)
                wanted = "memory_path_conflict_error" if clash else None
                assert error == ("memory_precondition_failed_error" if stale else wanted)
                if error is None:
                    changes += (new_path, new_content) != (path, content)
                    del model[path]
                    model[new_path] = (id, new_content)
        await check(database, memories, store, model, changes)
    finally:
        await database.close()


async def check(database: SqliteStore, memories: Memories, store: str, model: Any, changes: int) -> None:
    rows, beyond = await memories.list(store, limit=100)
    found = {path: (row.id, await memories.content(row.body["memory_version_id"])) for path, row in rows if row}
    assert found == model and beyond is None and [path for path, _ in rows] == sorted(model)
    assert all(row.body["content_sha256"] == sha256(model[path][1]) for path, row in rows if row)
    assert (await memories.stores.get(store)).body["memories"] == len(model)
    assert len(await memories.versions(store, Page(100), fields=(), created_at=())) == changes
    walked: list[str] = []
    after: str | None = ""
    while after is not None:
        page, after = await memories.list(store, roll_up=True, after=after, limit=1)
        walked += [path for path, _ in page]
    assert walked == sorted({path if path.count("/") == 1 else "/" + path.split("/")[1] + "/" for path in model})


async def attempt(work: Any) -> tuple[Any, str | None]:
    try:
        return await work, None
    except RequestError as error:
        return None, error.type
