"""Memory stores of sessions: folders in real sandboxes, with a scripted model; what changes comes back as versions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from antcli.engine.store.base import Page
from tests.engine.core import Core, agent, asynchronous, message, results, running, toolset

API = {"type": "api_actor", "api_key_id": "key_test"}
NOTES = "/mnt/memory/my-notes"


def bash(*commands: str) -> dict[str, Any]:
    return {"tools": [{"name": "bash", "input": {"command": command}} for command in commands]}


def outcome(events: list[dict[str, Any]], number: int) -> tuple[str, bool]:
    """Text and error flag of the call with that number."""
    result = list(results(events).values())[number]
    return "".join(block["text"] for block in result["content"]), result["is_error"]


async def stored(core: Core, store_id: str, **memories: str) -> None:
    for name, content in memories.items():
        await core.memories.create(store_id, f"/{name.replace('__', '/')}", content, API)


async def new_store(core: Core, **memories: str) -> str:
    store_id = str((await core.memories.stores.create("My Notes", "What Ada likes.", {}))["id"])
    await stored(core, store_id, **memories)
    return store_id


async def held(core: Core, store_id: str) -> dict[str, str | None]:
    return {
        memory.body["path"]: await core.memories.content(memory.body["memory_version_id"])
        for memory in await core.memories.all(store_id)
    }


def attached(store_id: str, **fields: str) -> dict[str, Any]:
    return {"type": "memory_store", "memory_store_id": store_id, **fields}


@asynchronous
async def test_memories_are_read_changed_made_and_deleted(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        store_id = await new_store(core, likes="tea", sub__old="gone soon", kept="same")
        model = core.script(
            bash(f"cat {NOTES}/likes {NOTES}/sub/old"),
            bash(f"cd {NOTES}; echo coffee >> likes; mkdir deep; printf new > deep/made; rm sub/old"),
            {"tools": [{"name": "write", "input": {"file_path": f"{NOTES}/written", "content": "by the tool"}}]},
            bash("touch /mnt/memory/other"),
            {"text": "Done."},
        )  # fmt: skip
        id = await core.create(agent(model, toolset()), "go", resources=[attached(store_id, instructions="Be brief.")])
        events = await core.idle(id)
        assert outcome(events, 0) == ("teagone soon", False)
        assert not outcome(events, 1)[1] and not outcome(events, 2)[1] and outcome(events, 3)[1]
        assert await held(core, store_id) == {
            "/likes": "teacoffee\n", "/kept": "same", "/deep/made": "new", "/written": "by the tool"
        }  # fmt: skip
        versions = await core.memories.versions(store_id, Page(50, "asc"), fields=[], created_at=[])
        by_session = [
            (version.body["operation"], version.body["path"])
            for version in versions
            if version.body["created_by"] == {"type": "session_actor", "session_id": id}
        ]
        assert sorted(by_session) == [
            ("created", "/deep/made"), ("created", "/written"), ("deleted", "/sub/old"), ("modified", "/likes")
        ]  # fmt: skip
        row = await core.store.session(id)
        assert row is not None
        (note,) = core.resources.notes(row.body)
        assert f"My Notes: {NOTES} (read and write). What Ada likes. Be brief." in note


@asynchronous
async def test_a_read_only_store_cannot_be_written_and_shows_what_is_new(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        store_id = await new_store(core, likes="tea")
        model = core.script(
            bash(f"cat {NOTES}/likes"), bash(f"echo x > {NOTES}/likes"), bash(f"touch {NOTES}/new"),
            bash(f"rm -f {NOTES}/likes"), {"text": "Done."},
            bash(f"cat {NOTES}/later; ls {NOTES}"), {"text": "Done."},
        )  # fmt: skip
        id = await core.create(agent(model, toolset()), "go", resources=[attached(store_id, access="read_only")])
        events = await core.idle(id)
        assert outcome(events, 0) == ("tea", False)
        assert all(outcome(events, number)[1] for number in (1, 2, 3)) and "ead-only" in outcome(events, 1)[0]
        await stored(core, store_id, later="news\n")
        (likes,) = [memory for memory in await core.memories.all(store_id) if memory.body["path"] == "/likes"]
        await core.memories.delete(store_id, likes.id, API)
        await core.send(id, message("again"))
        assert outcome(await core.idle(id), 4) == ("news\nlater", False)
        assert await held(core, store_id) == {"/later": "news\n"}


@asynchronous
async def test_where_both_sides_changed_the_store_wins(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        store_id = await new_store(core, a="a", b="b", c="c", d="d")
        model = core.script(
            bash("true"), {"text": "Seen."},
            bash(f"cd {NOTES}; echo mine > a; rm b; echo mine > c; echo mine > d; echo mine > e; sleep 60"),
            bash(f"cd {NOTES}; head *"), {"text": "Done."},
        )  # fmt: skip
        id = await core.create(agent(model, toolset()), "go", resources=[attached(store_id)])
        await core.idle(id)
        await core.send(id, message("write"))
        await core.until(id, lambda _: (tmp_path / "sessions" / id / "memory" / "my-notes" / "e").exists())
        for memory in await core.memories.all(store_id):
            if memory.body["path"] in ("/a", "/b"):
                await core.memories.update(store_id, memory.id, API, content="theirs")
            if memory.body["path"] == "/c":
                await core.memories.delete(store_id, memory.id, API)
        await stored(core, store_id, e="theirs")
        await core.send(id, {"type": "user.interrupt"})
        await core.idle(id)
        expected = {"/a": "theirs", "/b": "theirs", "/d": "mine\n", "/e": "theirs"}
        assert await held(core, store_id) == expected
        folder = tmp_path / "sessions" / id / "memory" / "my-notes"
        assert {f"/{path.name}": path.read_text() for path in folder.iterdir()} == expected


@asynchronous
async def test_what_a_store_does_not_take_stays_and_links_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    async with running(tmp_path / "engine") as core:
        store_id = await new_store(core, good="1", sub__x="x")
        model = core.script(
            bash(f"cd {NOTES}; head -c 102401 /dev/zero > large; printf '\\377' > binary; printf 2 > good"),
            bash(f"cd {NOTES}; rm -r sub; ln -s {outside} sub; ln -s /etc/passwd link; mkfifo pipe"),
            {"text": "Done."},
            bash(f"cd {NOTES}; wc -c < large; rm large; printf ok > binary"), {"text": "Done."},
        )  # fmt: skip
        id = await core.create(agent(model, toolset()), "go", resources=[attached(store_id)])
        await core.idle(id)
        assert await held(core, store_id) == {"/good": "2"}
        await stored(core, store_id, sub__y="not through the link")
        await core.send(id, message("again"))
        assert outcome(await core.idle(id), 2) == ("102401", False)
        assert await held(core, store_id) == {"/good": "2", "/binary": "ok", "/sub/y": "not through the link"}
        assert not list(outside.iterdir())


@asynchronous
async def test_a_deleted_store_leaves_its_session_at_work(tmp_path: Path) -> None:
    async with running(tmp_path) as core:
        store_id = await new_store(core, a="a")
        model = core.script(bash(f"ls {NOTES}; echo on"), {"text": "Done."})
        id = await core.create(agent(model, toolset()), resources=[attached(store_id)])
        await core.memories.stores.delete(store_id)
        await core.send(id, message("go"))
        assert outcome(await core.idle(id), 0) == ("on", False)
        assert hashlib.sha256(b"a").hexdigest() not in str(await core.events(id))
