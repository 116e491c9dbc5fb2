"""The worker of the official SDK, unchanged, runs the tools of sessions in self_hosted environments, with nothing but
the key of its environment."""

import asyncio
import os
import secrets
import subprocess
from pathlib import Path

import anthropic
import pytest

from tests.e2e.served import ANT, KEY, served
from tests.e2e.served import environment as clean

TOOLSET = {"type": "agent_toolset_20260401"}
ASKING = TOOLSET | {"default_config": {"permission_policy": {"type": "always_ask"}}}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with served(tmp_path_factory.mktemp("worker") / "home") as engine:
        yield engine


@pytest.fixture
def client(engine):
    with anthropic.Anthropic(base_url=engine.url, api_key=KEY, _strict_response_validation=True) as client:
        yield client


@pytest.fixture
def environment(client):
    return client.beta.environments.create(name="hosted", config={"type": "self_hosted"}).id


def ant(engine, *arguments):
    """The installed `ant`, talking to this engine."""
    environ = clean(engine.home, ANTHROPIC_BASE_URL=engine.url, ANTHROPIC_API_KEY=KEY)
    done = subprocess.run([ANT, *arguments], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def say(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def call(name, **input):
    return {"tools": [{"name": name, "input": input}]}


def start(engine, client, environment, *turns, tools=(TOOLSET,), **more):
    agent = client.beta.agents.create(name="tester", model=engine.script(*turns), tools=list(tools), **more)
    session = client.beta.sessions.create(agent=agent.id, environment_id=environment, initial_events=[say("go")])
    return session.id


async def until(client, session, condition):
    async with asyncio.timeout(15):
        while True:
            events = [event async for event in client.beta.sessions.events.list(session, limit=1000)]
            if condition(events):
                return events
            await asyncio.sleep(0.05)


async def until_waiting(client, session):
    """Until the session waits for its worker."""
    async with asyncio.timeout(15):
        while client.beta.sessions.retrieve(session).status != "idle":
            await asyncio.sleep(0.05)


def has_ended(events):
    return events[-1].type == "session.status_idle" and events[-1].stop_reason.type == "end_turn"


def work(engine, environment, workdir, session, condition=has_ended, meanwhile=None, before=None):
    """All events once the session has ended, with a worker that polls until its items are over. `before` is called
    with each request of the worker before that is sent."""
    key = ant(engine, "envs", "keys", "create", environment, "--transform", "key", "-r").strip()

    async def run():
        async with (
            anthropic.AsyncAnthropic(base_url=engine.url, api_key=KEY) as client,
            anthropic.DefaultAsyncHttpxClient(event_hooks={"request": [before] if before else []}) as http,
            anthropic.AsyncAnthropic(base_url=engine.url, api_key="not-the-key", http_client=http) as worker_client,
        ):
            worker = worker_client.beta.environments.work.worker(
                environment_id=environment, environment_key=key, workdir=workdir, max_idle=0.1
            )
            working = asyncio.create_task(worker.run())
            try:
                if meanwhile:
                    await meanwhile(client)
                events = await until(client, session, condition) if session else []
                async with asyncio.timeout(30):
                    while {item.state async for item in client.beta.environments.work.list(environment)} != {"stopped"}:
                        await asyncio.sleep(0.05)
                return events
            finally:
                working.cancel()
                await asyncio.wait([working])

    return asyncio.run(run())


def test_the_tools_run_where_the_worker_is(engine, client, environment, tmp_path):
    session = start(
        engine, client, environment,
        call("write", file_path="made.txt", content="by the worker"),
        call("bash", command="cat made.txt; exit 3"),
        {"text": "done"},
    )  # fmt: skip
    events = work(engine, environment, str(tmp_path), session)
    assert (tmp_path / "made.txt").read_text() == "by the worker"
    uses = [event for event in events if event.type == "agent.tool_use"]
    results = [event for event in events if event.type == "user.tool_result"]
    assert [use.id for use in uses] == [result.tool_use_id for result in results]
    assert [bool(result.is_error) for result in results] == [False, True]
    assert "by the worker" in results[1].content[0].text
    assert not [event for event in events if event.type == "agent.tool_result"]
    waits = [event.stop_reason for event in events if event.type == "session.status_idle"]
    assert [wait.type for wait in waits] == ["requires_action", "requires_action", "end_turn"]
    assert [wait.event_ids for wait in waits[:2]] == [[use.id] for use in uses]


def test_a_call_that_asks_runs_once_it_is_allowed_and_one_that_is_denied_never(engine, client, environment, tmp_path):
    session = start(
        engine, client, environment,
        call("bash", command="touch allowed"),
        call("bash", command="touch denied"),
        {"text": "done"}, tools=[ASKING],
    )  # fmt: skip

    async def confirm(client):
        for number, result in enumerate(["allow", "deny"], start=1):
            events = await until(
                client, session, lambda events, n=number: sum(event.type == "agent.tool_use" for event in events) == n
            )
            [id] = [event.id for event in events if event.type == "agent.tool_use"][-1:]
            with pytest.raises(anthropic.BadRequestError, match=r"waits for a user\.tool_confirmation"):
                await client.beta.sessions.events.send(
                    session, events=[{"type": "user.tool_result", "tool_use_id": id}]
                )
            await client.beta.sessions.events.send(
                session, events=[{"type": "user.tool_confirmation", "tool_use_id": id, "result": result}]
            )

    work(engine, environment, str(tmp_path), session, meanwhile=confirm)
    assert [path.name for path in tmp_path.iterdir()] == ["allowed"]


def test_a_worker_fetches_the_skills_of_the_agent(engine, client, environment, tmp_path):
    text = b"---\nname: greeting\ndescription: How to greet.\n---\nSay ahoy.\n"
    skill = client.skills.create(files=[("greeting/SKILL.md", text, "text/markdown")])
    session = start(
        engine, client, environment,
        call("bash", command="cat skills/greeting/SKILL.md"),
        {"text": "done"}, skills=[{"type": "custom", "skill_id": skill.id}],
    )  # fmt: skip
    events = work(engine, environment, str(tmp_path), session)
    (result,) = [event for event in events if event.type == "user.tool_result"]
    assert "Say ahoy." in result.content[0].text and not result.is_error


@pytest.fixture
def memory_folder():
    """Where workers lay memory stores out: a place of the whole machine."""
    folder = Path("/mnt/memory")
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        pytest.skip(f"{folder} cannot be written")
    existed = folder.exists()
    yield folder
    if not existed:
        folder.rmdir()


def test_a_worker_keeps_up_memory_stores(engine, client, environment, tmp_path, memory_folder):
    name = f"notes-{secrets.token_hex(8)}"
    store = client.beta.memory_stores.create(name=name)
    client.beta.memory_stores.memories.create(store.id, path="/old.md", content="what was known")
    agent = client.beta.agents.create(
        name="tester", tools=[TOOLSET], model=engine.script(
            call("read", file_path=f"{memory_folder}/{name}/old.md"),
            call("write", file_path=f"{memory_folder}/{name}/new.md", content="what was learnt"),
            {"text": "done"},
        ),
    )  # fmt: skip
    session = client.beta.sessions.create(
        agent=agent.id, environment_id=environment, initial_events=[say("go")],
        resources=[{"type": "memory_store", "memory_store_id": store.id}],
    )  # fmt: skip
    events = work(engine, environment, str(tmp_path), session.id)
    read, _ = [event for event in events if event.type == "user.tool_result"]
    assert read.content[0].text == "what was known"
    memories = client.beta.memory_stores.memories.list(store.id, view="full")
    assert {memory.path: memory.content for memory in memories} == {
        "/old.md": "what was known", "/new.md": "what was learnt",
    }  # fmt: skip
    made = [version.created_by.type for version in client.beta.memory_stores.memory_versions.list(store.id)]
    assert made == ["session_actor", "api_actor"]
    assert not (memory_folder / name).exists()


def test_an_outcome_is_graded_by_what_the_worker_sent(engine, client, environment, tmp_path):
    shown = [{"contains": "result: from-the-worker"}, {"contains": "It is done."}]
    agent = client.beta.agents.create(
        name="tester", tools=[TOOLSET], model=engine.script(
            call("bash", command="echo from-the-worker"),
            {"text": "It is done."},
            call("bash", command="echo here") | {"expect": shown},
            {"tools": [{"name": "give_verdict", "input": {"result": "satisfied", "explanation": "Seen."}}],
             "expect": {"contains": "There is no tool named 'bash' here."}},
        ),
    )  # fmt: skip
    outcome = {"type": "user.define_outcome", "description": "d", "rubric": {"type": "text", "content": "r"}}
    session = client.beta.sessions.create(agent=agent.id, environment_id=environment, initial_events=[outcome])
    work(engine, environment, str(tmp_path), session.id)
    (evaluation,) = client.beta.sessions.retrieve(session.id).outcome_evaluations
    assert (evaluation.result, evaluation.explanation) == ("satisfied", "Seen.")


def test_run_follows_a_session_whose_tools_run_at_a_worker(engine, client, environment, tmp_path):
    model = engine.script(call("bash", command="echo there"), {"text": "done there"})
    agent = client.beta.agents.create(name="tester", model=model, tools=[TOOLSET]).id
    answers = []

    async def run(_):
        answers.append(await asyncio.to_thread(ant, engine, "run", "go", "--agent", agent, "--env", environment))

    work(engine, environment, str(tmp_path), None, meanwhile=run)
    assert answers == ["done there\n"]


def test_a_message_that_meets_a_leaving_worker_is_worked_on(engine, client, environment, tmp_path):
    session = start(engine, client, environment, {"text": "idle"}, call("bash", command="echo late"), {"text": "done"})
    sent = []

    async def before(request):
        if request.url.path.endswith("/stop") and not sent:  # it has made up its mind, and looks at no more events
            sent.append(await asyncio.to_thread(client.beta.sessions.events.send, session, events=[say("late")]))
            await until_waiting(client, session)

    def both(events):
        return has_ended(events) and sum(event.type == "user.message" for event in events) == 2

    events = work(engine, environment, str(tmp_path), session, condition=both, before=before)
    (result,) = [event for event in events if event.type == "user.tool_result"]
    assert "late" in result.content[0].text and not result.is_error
    assert len(list(client.beta.environments.work.list(environment))) == 2


def test_an_interrupt_answers_what_no_worker_has_run(engine, client, environment):
    session = start(engine, client, environment, call("bash", command="true"), {"text": "unreached"})
    with client.beta.sessions.events.stream(session) as stream:
        if client.beta.sessions.retrieve(session).status != "idle":
            next(event for event in stream if event.type == "session.status_idle")
    client.beta.sessions.events.send(session, events=[{"type": "user.interrupt"}])
    events = client.beta.sessions.events.list(session, limit=1000).data
    (use,) = [event for event in events if event.type == "agent.tool_use"]
    (result,) = [event for event in events if event.type == "user.tool_result"]
    assert result.tool_use_id == use.id and result.is_error
    with pytest.raises(anthropic.BadRequestError, match="has been answered already"):
        client.beta.sessions.events.send(session, events=[{"type": "user.tool_result", "tool_use_id": use.id}])
