"""Repositories in sessions: real git over http, real sandboxes, a scripted model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.core import Core, agent, asynchronous, message, results, running, texts, toolset
from tests.engine.resources.git_server import GitServer, serving

TOKEN = "ghp_very-secret-indeed"


@pytest.fixture
def git(tmp_path: Path) -> Iterator[tuple[GitServer, str]]:
    with serving(tmp_path / "git") as served:
        yield served


def repository(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "github_repository", "url": url} | more


def bash(*commands: str) -> dict[str, Any]:
    return {"tools": [{"name": "bash", "input": {"command": command}} for command in commands]}


def said(events: list[dict[str, Any]], number: int) -> str:
    return "".join(block["text"] for block in list(results(events).values())[number]["content"])


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@asynchronous
async def test_a_private_repository_is_in_the_sandbox_and_its_token_nowhere(
    tmp_path: Path, git: tuple[GitServer, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server, url = git
    server.token = TOKEN
    async with running(tmp_path / "engine") as core:
        commands = (
            "cat thing/README.md && git -C thing status --short --branch && git -C thing log --format=%s",
            "cd thing; echo new > new; git add new; git -c user.name=a -c user.email=a@b commit -qm 1; cat new; cd ..",
            "env; cat thing/.git/config; ls -a /workspace /workspace/thing",
        )
        model = core.script(*map(bash, commands), {"text": "Done."})
        id = await core.create(agent(model, toolset()), "go", resources=[repository(url, authorization_token=TOKEN)])
        events = await core.idle(id)
        assert said(events, 0) == "second\n## main...origin/main\nsecond\nfirst"
        assert said(events, 1) == "new"
        assert f"url = {url}" in said(events, 2)
        assert TOKEN not in str(events) + str(await core.sessions.get(id)) + caplog.text
        assert TOKEN.encode() not in everything(tmp_path / "engine")
        await core.sessions.delete(id)
        assert not core.resources.home(id).exists()


@asynchronous
async def test_a_branch_and_commits_are_checked_out_where_they_are_wanted(
    tmp_path: Path, git: tuple[GitServer, str]
) -> None:
    server, url = git
    async with running(tmp_path / "engine") as core:
        model = core.script(
            bash("cat a/b/README.md; git -C a/b branch --show-current; cat c/README.md; git -C c rev-parse HEAD"),
            {"text": "Done."},
        )
        resources = [
            repository(url, mount_path="/workspace/a/b", checkout={"type": "branch", "name": "other"}),
            repository(url, mount_path="/workspace/c/", checkout={"type": "commit", "sha": server.first}),
        ]
        id = await core.create(agent(model, toolset()), "go", resources=resources)
        assert said(await core.idle(id), 0) == f"first\nother\nfirst\n{server.first}"
        shown = (await core.sessions.get(id))["resources"]
        assert [one["mount_path"] for one in shown] == ["/workspace/a/b", "/workspace/c"]


@asynchronous
async def test_the_session_goes_on_without_what_cannot_be_cloned_and_a_new_token_brings_it(
    tmp_path: Path, git: tuple[GitServer, str]
) -> None:
    server, url = git
    server.token = TOKEN
    async with running(tmp_path / "engine") as core:
        model = core.script(
            bash("echo works; touch /tmp/mark thing/README.md"), {"text": "Hm."},
            bash("cat thing/README.md; ls /tmp/mark; git -C thing status --short"), {"text": "Done."},
        )  # fmt: skip
        id = await core.create(agent(model, toolset()), "go", resources=[repository(url, authorization_token="wrong")])
        events = await core.idle(id)
        assert said(events, 0) == (
            f"The repository {url} is not at /workspace/thing: its authorization_token is refused.\n\nworks"
        )
        assert not next(iter(results(events).values()))["is_error"]
        [error] = [event["error"] for event in events if event["type"] == "session.error"]
        assert error["type"] == "repository_authentication_error" and error["repository_url"] == url
        assert error["retry_status"] == {"type": "retrying"} and "refused" in error["message"]

        await rotate(core, id, TOKEN)
        tree = next((core.resources.home(id) / "repositories").iterdir())
        async with asyncio.timeout(10):
            while not (tree / "cloned").exists():
                await asyncio.sleep(0.01)
        await core.send(id, message("and now"))
        assert said(await core.idle(id), 1) == "second\n/tmp/mark"


async def rotate(core: Core, id: str, token: str) -> None:
    [resource] = await core.sessions.resources(id)
    changed = await core.resources.of_type("github_repository").update(id, resource, token)
    await core.sessions.change_resources(id, lambda _: [changed])


@pytest.mark.parametrize(
    ("more", "kind", "reason"),
    [
        ({}, "authentication", "it needs an authorization_token"),
        ({"authorization_token": TOKEN, "checkout": {"type": "branch", "name": "none"}}, "checkout", "branch none"),
        ({"authorization_token": TOKEN, "checkout": {"type": "commit", "sha": "0" * 40}}, "checkout", "commit 000"),
        ({"authorization_token": TOKEN, "url": "/nothing"}, "not_found", "not found"),
    ],
)
def test_the_error_says_what_is_wrong(
    tmp_path: Path, git: tuple[GitServer, str], more: dict[str, Any], kind: str, reason: str
) -> None:
    async def scenario() -> None:
        server, url = git
        server.token = TOKEN
        wanted = repository(url) | more
        if "url" in more:
            wanted["url"] = url.removesuffix("/thing") + more["url"]
        async with running(tmp_path / "engine") as core:
            id = await core.create(
                agent(core.script(bash("echo works"), {"text": "Done."}), toolset()), "go", resources=[wanted]
            )
            events = await core.idle(id)
            [error] = [event["error"] for event in events if event["type"] == "session.error"]
            assert error["type"] == f"repository_{kind}_error" and reason in error["message"]
            assert error["message"] in said(events, 0) and said(events, 0).endswith("works")
            assert TOKEN not in str(events)

    asyncio.run(scenario())


@asynchronous
async def test_neither_the_model_nor_a_deletion_waits_for_a_clone(tmp_path: Path, git: tuple[GitServer, str]) -> None:
    server, url = git
    server.closed.clear()  # the clone hangs until the end
    async with running(tmp_path / "engine") as core:
        id = await core.create(agent(core.script({"text": "Here already."}), toolset()), resources=[repository(url)])
        async with asyncio.timeout(10):
            while not server.asked:
                await asyncio.sleep(0.01)
        await core.send(id, message("go"))
        assert texts(await core.idle(id)) == ["Here already."]
        await core.sessions.delete(id)
        assert not core.resources.home(id).exists()
