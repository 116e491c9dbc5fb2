"""What is attached is there, and what is made comes out: real sandboxes, a scripted model."""

import asyncio

import pytest

from antcli.engine.errors import RequestError
from antcli.engine.store.base import Insert, Page
from tests.engine.core import agent, message, results, running, toolset

UPLOADS = "/mnt/session/uploads"


def bash(*commands):
    return {"tools": [{"name": "bash", "input": {"command": command}} for command in commands]}


def outcome(events, number):
    """Text and error flag of the call with that number."""
    result = list(results(events).values())[number]
    return "".join(block["text"] for block in result["content"]), result["is_error"]


def file(file_id, mount_path=None):
    return {"type": "file", "file_id": file_id} | ({"mount_path": mount_path} if mount_path else {})


def test_an_attached_file_can_be_read_and_not_changed(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            one, other = await core.upload("data.csv", b"a,b\n1,2\n"), await core.upload("other", b"x")
            model = core.script(
                bash(f"cat {UPLOADS}/sub/data.csv {UPLOADS}/{other}"),
                bash(f"echo no >> {UPLOADS}/sub/data.csv"),
                bash(f"rm -f {UPLOADS}/sub/data.csv || chmod +w {UPLOADS}/{other} || touch {UPLOADS}/new"),
                {"tools": [{"name": "read", "input": {"file_path": f"{UPLOADS}/sub/data.csv"}}]},
                {"text": "Done."},
            )
            resources = [file(one, "/sub/data.csv"), file(other)]
            id = await core.create(agent(model, toolset()), "go", resources=resources)
            events = await core.idle(id)
            assert outcome(events, 0) == ("a,b\n1,2\nx", False)
            assert outcome(events, 1)[1] and "enied" in outcome(events, 1)[0]
            assert outcome(events, 2)[1]
            assert outcome(events, 3) == ("a,b\n1,2\n", False)
            shown = (await core.sessions.get(id))["resources"]
            assert [found["mount_path"] for found in shown] == [f"{UPLOADS}/sub/data.csv", f"{UPLOADS}/{other}"]
            assert not [name for found in shown for name in found if name.startswith("_")]
            assert {found["file_id"] for found in shown}.isdisjoint({one, other})

    asyncio.run(scenario())


def test_the_session_keeps_its_copy_when_the_original_is_deleted(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            original = await core.upload("a", b"kept")
            id = await core.create(
                agent(core.script(bash(f"cat {UPLOADS}/a"), {"text": "Done."}), toolset()),
                resources=[file(original, "a")],
            )
            await core.files.delete(original)
            await core.send(id, message("go"))
            assert outcome(await core.idle(id), 0) == ("kept", False)

    asyncio.run(scenario())


def test_a_file_added_to_a_running_sandbox_is_there_for_the_next_call(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            model = core.script(
                bash("echo ready; echo mark > /tmp/mark"), {"text": "Ready."},
                bash(f"cat {UPLOADS}/late.txt /tmp/mark"), {"text": "Seen."},
                bash(f"ls {UPLOADS}; cat /tmp/mark"), {"text": "Gone."},
            )  # fmt: skip
            id = await core.create(agent(model, toolset()), "go")
            await core.idle(id)
            [made] = await core.resources.attach(id, [file(await core.upload("x", b"late\n"), "/late.txt")])
            await core.sessions.change_resources(id, lambda resources: [*resources, made])
            await core.send(id, message("and now"))
            assert outcome(await core.idle(id), 1) == ("late\nmark", False)
            await core.sessions.change_resources(id, lambda resources: resources[:-1])
            await core.send(id, message("and now"))
            assert outcome(await core.idle(id), 2) == ("mark", False)
            with pytest.raises(RequestError, match=made["file_id"]):
                await core.files.get(made["file_id"])

    asyncio.run(scenario())


def test_outputs_are_published_once_and_again_when_they_change(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            outputs = "/mnt/session/outputs"
            model = core.script(
                bash(f"mkdir -p {outputs}/sub; echo one > {outputs}/a.txt; echo two > {outputs}/sub/b.csv"),
                {"text": "Written."},
                bash("true"), {"text": "Nothing new."},
                bash(f"touch {outputs}/a.txt; echo three > {outputs}/sub/b.csv"), {"text": "Changed."},
                bash(f"rm -r {outputs}/*; ln -s /etc/passwd {outputs}/link; mkfifo {outputs}/fifo"), {"text": "Gone."},
            )  # fmt: skip

            async def files():
                found = await core.files.page(Page(100, "asc"), id)
                return {file.body["_output"]["path"]: file for file in found}

            id = await core.create(agent(model, toolset()), "go")
            await core.idle(id)
            assert await core.published(id) == {"a.txt": b"one\n", "sub/b.csv": b"two\n"}
            first = await files()
            body = first["sub/b.csv"].body
            assert (body["filename"], body["mime_type"], body["downloadable"]) == ("b.csv", "text/csv", True)
            assert body["scope"] == {"type": "session", "id": id}
            await core.send(id, message("again"))
            await core.idle(id)
            assert await files() == first
            await core.send(id, message("change"))
            await core.idle(id)
            third = await files()
            assert third["a.txt"].id == first["a.txt"].id
            assert third["sub/b.csv"].id != first["sub/b.csv"].id
            assert await core.published(id) == {"a.txt": b"one\n", "sub/b.csv": b"three\n"}
            assert not core.files.blobs.path(first["sub/b.csv"].id).exists()
            await core.send(id, message("delete"))
            await core.idle(id)
            assert await files() == third

    asyncio.run(scenario())


def test_outputs_of_calls_that_wait_and_of_interrupted_turns_are_published(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            ask = {"name": "write", "enabled": True, "permission_policy": {"type": "always_ask"}}
            model = core.script(
                bash("echo early > /mnt/session/outputs/early"),
                {"tools": [{"name": "write", "input": {"file_path": "x", "content": "x"}}]},
                bash("echo late > /mnt/session/outputs/late; sleep 60"),
            )
            id = await core.create(agent(model, toolset({"type": "always_allow"}, ask)), "go")
            await core.until(id, lambda session: session["status"] == "idle")
            assert await core.published(id) == {"early": b"early\n"}
            [call] = [event for event in await core.events(id) if event["type"] == "agent.tool_use"][1:]
            await core.send(id, {"type": "user.tool_confirmation", "tool_use_id": call["id"], "result": "allow"})
            async with asyncio.timeout(10):
                while not (tmp_path / "sessions" / id / "outputs" / "late").exists():
                    await asyncio.sleep(0.01)
            await core.send(id, {"type": "user.interrupt"})
            await core.until(id, lambda session: session["status"] == "idle")
            assert await core.published(id) == {"early": b"early\n", "late": b"late\n"}

    asyncio.run(scenario())


def test_deleting_a_session_deletes_its_files(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            kept = await core.upload("a", b"x")
            model = core.script(bash("echo x > /mnt/session/outputs/x"), {"text": "Done."})
            id = await core.create(agent(model, toolset()), "go", resources=[file(kept)])
            await core.idle(id)
            assert len(await core.files.page(Page(100), id)) == 2
            await core.sessions.delete(id)
            assert [file.id for file in await core.files.page(Page(100), None)] == [kept]
            assert [path.name for path in (tmp_path / "files").iterdir() if path.is_file()] == [kept]
            assert not (tmp_path / "sessions" / id).exists()

    asyncio.run(scenario())


def test_what_a_crash_left_behind_is_cleared_away_at_the_next_start(tmp_path):
    async def scenario():
        async with running(tmp_path) as core:
            kept = await core.upload("a", b"x")
            lost = (await core.files.get(await core.upload("b", b"y"))).body
            # A session that was deleted, and its files not yet; bytes without a description; an upload under way.
            orphan = lost | {"id": "file_orphan"}
            core.files.blobs.copy(lost["id"], orphan["id"])
            await core.store.change(Insert("file", orphan["id"], orphan, parent="sesn_gone"))
            await core.store.delete("file", lost["id"])
            core.files.blobs.beside("half").write_bytes(b"z")
        async with running(tmp_path) as core:
            async with asyncio.timeout(10):
                while len(left := [path.name for path in (tmp_path / "files").iterdir() if path.is_file()]) > 1:
                    await asyncio.sleep(0.01)
            assert left == [kept] and not list((tmp_path / "files" / "incoming").iterdir())
            assert [file.id for file in await core.files.page(Page(10), None)] == [kept]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([("A", "../x")], "resources.0.mount_path: '../x' has an empty segment"),
        ([("A", "/a//b")], "empty segment"),
        ([("A", "a\nb")], "control"),
        ([("A", "/" + "x" * 256)], "255 in each segment; got 257, and 256 in one."),
        ([("A", "/a"), ("A", "a")], "resources.1.mount_path: /mnt/session/uploads/a is taken"),
        ([("A", "/a"), ("A", "/a/b")], "a file and a folder"),
        ([("A", None), ("file_none", None)], "resources.1.file_id: No file with id 'file_none'"),
    ],
)
def test_attachments_that_cannot_be_are_refused_and_leave_nothing(tmp_path, entries, problem):
    async def scenario():
        async with running(tmp_path) as core:
            real = await core.upload("a", b"x")
            wanted = [file(real if id == "A" else id, path) for id, path in entries]
            with pytest.raises(RequestError) as refused:
                await core.resources.attach("sesn_x", wanted)
            assert problem in refused.value.message
            assert [found.id for found in await core.files.page(Page(10), None)] == [real]

    asyncio.run(scenario())
