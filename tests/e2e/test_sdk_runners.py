"""The helpers that the official SDKs bring for sessions, unchanged, Python and TypeScript, against a real engine."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic.lib import files_from_dir

from antcli.engine.sandbox.bubblewrap import find_bwraps
from tests.e2e.ant import until
from tests.e2e.sdk import runners, scripts
from tests.e2e.served import KEY, TOOLSET, Served, served

ASKING = TOOLSET | {"default_config": {"permission_policy": {"type": "always_ask"}}}
RAN = {"posted": True, "is_error": False, "confirmation": None}
CUSTOM = [
    {"type": "custom", "name": name, "description": "A tool.", "input_schema": {"type": "object"}}
    for name in ("add", "show", "fail", "elsewhere")
]
Helper = Callable[..., "Future[Any]"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("runners") / "home") as engine:
        yield engine


@pytest.fixture
def client(engine: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=engine.url, api_key=KEY, _strict_response_validation=True) as client:
        yield client


@pytest.fixture(params=["python", "typescript"])
def helper(engine: Served, request: pytest.FixtureRequest) -> Iterator[Helper]:
    """Starts a helper of the SDK by the name that it has in `runners`, and has what it told in the end."""
    if request.param == "typescript":
        scripts.modules()
    script = getattr(scripts, request.param)

    def told(name: str, key: str = KEY, inside: Sequence[str] = (), **given: Any) -> Any:
        return json.loads(script("runners", {"url": engine.url, "key": key, "helper": name, "given": given}, inside))

    with ThreadPoolExecutor() as threads:
        yield lambda *name, **given: threads.submit(told, *name, **given)


def say(text: str) -> Any:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def call(*names: str, **input: Any) -> Any:
    return {"tools": [{"name": name, "input": input} for name in names]}


def start(
    engine: Served,
    client: anthropic.Anthropic,
    *turns: Any,
    tools: Any = CUSTOM,
    skills: Any = (),
    environment: str = "",
    **more: Any,
) -> str:
    agent = client.beta.agents.create(name="tester", model=engine.script(*turns), tools=tools, skills=skills)
    environment = environment or client.beta.environments.create(name="plain").id
    given = {"agent": agent.id, "environment_id": environment, "initial_events": [say("go")]} | more
    return client.beta.sessions.create(**given).id


def self_hosted(client: anthropic.Anthropic) -> str:
    return client.beta.environments.create(name="hosted", config={"type": "self_hosted"}).id


def key_of(client: anthropic.Anthropic, environment: str) -> str:
    """A key for the workers of the environment, which opens nothing else."""
    made: Any = client.post(f"/v1/environments/{environment}/keys", body={}, cast_to=object)
    return str(made["key"])


def events(client: anthropic.Anthropic, session: str, type: str) -> list[Any]:
    return [event for event in client.beta.sessions.events.list(session, limit=1000) if event.type == type]


def stops(client: anthropic.Anthropic, session: str) -> list[str]:
    return [event.stop_reason.type for event in events(client, session, "session.status_idle")]


def test_the_tool_runner_answers_what_waited_and_what_comes(
    engine: Served, client: anthropic.Anthropic, helper: Helper
) -> None:
    session = start(
        engine, client,
        call("add", a=1, b=2),
        {"text": "Three.", "expect": {"contains": "3"}},
        call("show", "fail"),
        {"text": "Seen.", "expect": [
            {"path": "messages[-1].content[0].content[1].source.data", "equals": runners.PIXEL},
            {"path": "messages[-1].content[0].content[2].source.data", "equals": "a note"},
            {"path": "messages[-1].content[0].content[3].content[0].text", "equals": "a hit"},
            {"contains": "out of paper"},
        ]},
    )  # fmt: skip
    until(lambda: stops(client, session) == ["requires_action"])
    told = helper("tool_runner", session=session, max_idle=None)
    until(lambda: stops(client, session) == ["requires_action", "end_turn"])
    client.beta.sessions.events.send(session, events=[say("more")])
    until(lambda: stops(client, session)[2:][-1:] == ["end_turn"])
    assert [event.content[0].text for event in events(client, session, "agent.message")] == ["Three.", "Seen."]
    client.beta.sessions.archive(session)  # nothing else ends a runner without a limit
    assert told.result(30) == [["add", RAN], ["show", RAN], ["fail", RAN | {"is_error": True}]]


def test_the_tool_runner_goes_on_when_the_engine_was_killed(
    engine: Served, client: anthropic.Anthropic, helper: Helper
) -> None:
    session = start(
        engine, client, call("add", a=1, b=2), {"text": "Three."}, call("add", a=3, b=4), {"text": "Seven."}
    )  # fmt: skip
    told = helper("tool_runner", session=session, max_idle=None)
    until(lambda: stops(client, session)[-1:] == ["end_turn"])
    engine.kill()
    engine.start(port=engine.port)
    client.beta.sessions.events.send(session, events=[say("more")])
    until(lambda: stops(client, session)[2:][-1:] == ["end_turn"])
    client.beta.sessions.delete(session)
    assert told.result(30) == [["add", RAN], ["add", RAN]]


def test_the_tool_runner_leaves_the_tools_of_others_to_them(
    engine: Served, client: anthropic.Anthropic, helper: Helper
) -> None:
    session = start(engine, client, call("elsewhere", "add", a=1, b=2), {"text": "Both."})
    told = helper("tool_runner", session=session, max_idle=0.1)
    until(lambda: events(client, session, "user.custom_tool_result"))
    (theirs,) = [use for use in events(client, session, "agent.custom_tool_use") if use.name == "elsewhere"]
    client.beta.sessions.events.send(
        session, events=[{"type": "user.custom_tool_result", "custom_tool_use_id": theirs.id}]
    )
    assert told.result(30) == [["elsewhere", RAN | {"posted": False}], ["add", RAN]]
    assert stops(client, session)[-1] == "end_turn"


def test_the_tool_runner_waits_for_confirmations(
    engine: Served, client: anthropic.Anthropic, helper: Helper, tmp_path: Path
) -> None:
    session = start(
        engine, client,
        call("bash", command="touch allowed"), call("bash", command="touch denied"), {"text": "Done."},
        tools=[ASKING], environment=self_hosted(client),
    )  # fmt: skip
    told = helper("toolset_runner", session=session, workdir=str(tmp_path))
    for number, verdict in enumerate(["allow", "deny"], start=1):
        until(lambda number=number: len(events(client, session, "agent.tool_use")) == number)
        use = events(client, session, "agent.tool_use")[-1]
        client.beta.sessions.events.send(
            session, events=[{"type": "user.tool_confirmation", "tool_use_id": use.id, "result": verdict}]
        )
    denied = {"posted": False, "is_error": False, "confirmation": "deny"}
    assert told.result(30) == [["bash", RAN | {"confirmation": "allow"}], ["bash", denied]]
    assert [path.name for path in tmp_path.iterdir()] == ["allowed"]


def manifest(name: str, text: str) -> bytes:
    return f"---\nname: {name}\ndescription: A skill.\n---\n{text}\n".encode()


def archive(**files: tuple[bytes, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for path, (content, mode) in files.items():
            info = zipfile.ZipInfo(path)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | mode) << 16
            made.writestr(info, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def skilled(engine: Served, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """One skill by a version that is not its newest, from a folder, and one by `latest`, from an archive."""
    folder = tmp_path_factory.mktemp("skills") / "greeting"
    (folder / "words").mkdir(parents=True)
    (folder / "SKILL.md").write_bytes(manifest("greeting", "Good day."))
    (folder / "words" / "de.txt").write_text("Guten Tag.")
    zipped = archive(**{
        "tools/SKILL.md": (manifest("tools", "Run it."), 0o644),
        "tools/scripts/hello": (b"#!/bin/sh\necho hello from $0\n", 0o755),
    })  # fmt: skip
    with anthropic.Anthropic(base_url=engine.url, api_key=KEY) as client:
        greeting = client.beta.skills.create(files=files_from_dir(folder))
        client.beta.skills.versions.create(
            greeting.id, files=[("greeting/SKILL.md", manifest("greeting", "Good night."))]
        )
        tools = client.beta.skills.create(files=[("tools.zip", zipped)])
    return [
        {"type": "custom", "skill_id": greeting.id, "version": greeting.latest_version_id},
        {"type": "custom", "skill_id": tools.id, "version": "latest"},
    ]


def test_the_skills_of_a_session_are_downloaded(
    engine: Served, client: anthropic.Anthropic, helper: Helper, skilled: list[Any], tmp_path: Path
) -> None:
    session = start(engine, client, {"text": "Hi."}, tools=[TOOLSET], skills=skilled)
    assert helper("skills", session=session, workdir=str(tmp_path)).result(30) == {
        "skills/greeting/SKILL.md": [manifest("greeting", "Good day.").decode(), False],
        "skills/greeting/words/de.txt": ["Guten Tag.", False],
        "skills/tools/SKILL.md": [manifest("tools", "Run it.").decode(), False],
        "skills/tools/scripts/hello": ["#!/bin/sh\necho hello from $0\n", True],
    }


def test_a_worker_has_the_skills_and_leaves_custom_tools_to_a_tool_runner(
    engine: Served, client: anthropic.Anthropic, helper: Helper, skilled: list[Any], tmp_path: Path
) -> None:
    environment = self_hosted(client)
    both = {"tools": [
        {"name": "bash", "input": {"command": "skills/tools/scripts/hello; echo made > by-worker"}},
        {"name": "add", "input": {"a": 1, "b": 2}},
    ]}  # fmt: skip
    session = start(
        engine, client, both, {"text": "Done.", "expect": [{"contains": "hello from"}, {"contains": "3"}]},
        tools=[TOOLSET, CUSTOM[0]], skills=skilled, environment=environment,
    )  # fmt: skip
    until(lambda: client.beta.environments.work.list(environment).data)
    working = helper("worker", key=key_of(client, environment), environment=environment, workdir=str(tmp_path))
    told = helper("tool_runner", session=session, max_idle=0.1)
    assert ["add", RAN] in told.result(30)
    working.result(30)
    assert [event.content[0].text for event in events(client, session, "agent.message")] == ["Done."]
    assert {path.name for path in tmp_path.iterdir()} >= {"by-worker"}


@pytest.mark.skipif(not find_bwraps(), reason="a worker has memories below /mnt, which this test makes its own")
def test_a_worker_of_one_item_brings_memories_and_takes_back_what_changed(
    engine: Served, client: anthropic.Anthropic, helper: Helper, tmp_path: Path
) -> None:
    environment = self_hosted(client)
    stores = client.beta.memory_stores
    notes, rules = stores.create(name="Notes").id, stores.create(name="Rules").id
    for store, path in [(notes, "/likes.md"), (notes, "/old.md"), (rules, "/first.md")]:
        stores.memories.create(store, path=path, content=f"{path}\n")
    command = """
        cat /mnt/memory/*/*; cd /mnt/memory/notes; echo coffee >> likes.md; mkdir deep; echo 1 > deep/new.md; rm old.md
        echo lost > /mnt/memory/rules/first.md
    """
    session = start(
        engine, client, call("bash", command=command),
        {"text": "Done.", "expect": [{"contains": path} for path in ("/likes.md", "/old.md", "/first.md")]},
        tools=[TOOLSET], environment=environment, resources=[
            {"type": "memory_store", "memory_store_id": notes},
            {"type": "memory_store", "memory_store_id": rules, "access": "read_only"},
        ],
    )  # fmt: skip
    until(lambda: client.beta.environments.work.list(environment).data)
    own_mnt = [str(find_bwraps()[0]), "--dev-bind", "/", "/", "--tmpfs", "/mnt"]
    key = key_of(client, environment)
    helper("poller", key=key, inside=own_mnt, environment=environment, workdir=str(tmp_path)).result(60)
    assert [event.content[0].text for event in events(client, session, "agent.message")] == ["Done."]
    assert held(client, notes) == {"/likes.md": "/likes.md\ncoffee\n", "/deep/new.md": "1\n"}
    assert held(client, rules) == {"/first.md": "/first.md\n"}
    (version, *_) = stores.memory_versions.list(notes)
    assert version.created_by.to_dict() == {"type": "session_actor", "session_id": session}


def held(client: anthropic.Anthropic, store: str) -> dict[str, str | None]:
    return {memory.path: memory.content for memory in client.beta.memory_stores.memories.list(store, view="full")}
