"""The official Python SDK, sync and async, unchanged but for the base URL, in strict mode, against a real engine."""

import threading

import anthropic
import pytest

from tests.e2e.blocking import blocking
from tests.e2e.served import KEY, served

TOOLSET = {"type": "agent_toolset_20260401"}
LOOKUP = {
    "type": "custom",
    "name": "lookup",
    "description": "Looks a key up.",
    "input_schema": {"type": "object", "properties": {"key": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with served(tmp_path_factory.mktemp("sdk") / "home") as engine:
        yield engine


@pytest.fixture(params=["sync", "async"])
def client(engine, request):
    given = {"base_url": engine.url, "api_key": KEY, "_strict_response_validation": True}
    kind = request.param
    with anthropic.Anthropic(**given) if kind == "sync" else blocking(anthropic.AsyncAnthropic(**given)) as client:
        yield client


@pytest.fixture
def start(engine, client):
    """A session on a script of turns; further keyword arguments go to the session."""

    def make(*turns, tools=(TOOLSET,), **more):
        model = engine.script(*turns)
        agent = client.beta.agents.create(name="tester", model=model, tools=list(tools))
        environment = client.beta.environments.create(name="plain")
        return client.beta.sessions.create(agent=agent.id, environment_id=environment.id, **more)

    return make


def say(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def follow(client, session, *events, **options):
    """Open the stream, send the events, and collect what comes until the session is idle."""
    seen = []
    with client.beta.sessions.events.stream(session.id, **options) as stream:
        if events:
            client.beta.sessions.events.send(session.id, events=list(events))
        for event in stream:
            seen.append(event)
            if event.type in ("session.status_idle", "session.status_terminated"):
                return seen
    raise AssertionError("the stream ended before the session was idle")


def of(events, type):
    return [event for event in events if event.type == type]


def history(client, session, **filters):
    return list(client.beta.sessions.events.list(session.id, **filters))


def test_the_usual_example(engine, client):
    model = engine.script(
        {"text": "Let me look.", "tools": [{"name": "bash", "input": {"command": "echo $((6 * 7))"}}]},
        {"text": "It is 42.", "expect": {"contains": "42"}},
    )
    agent = client.beta.agents.create(name="Helper", model=model, system="Be brief.", tools=[TOOLSET])
    environment = client.beta.environments.create(
        name="quickstart", config={"type": "cloud", "networking": {"type": "unrestricted"}}
    )
    session = client.beta.sessions.create(agent=agent.id, environment_id=environment.id, title="Quickstart")
    printed = []
    with client.beta.sessions.events.stream(session.id) as stream:
        client.beta.sessions.events.send(session.id, events=[say("What is six times seven?")])
        for event in stream:
            match event.type:
                case "agent.message":
                    printed += [block.text for block in event.content]
                case "agent.tool_use":
                    printed.append(f"[{event.name}]")
                case "session.status_idle":
                    break
    assert printed == ["Let me look.", "[bash]", "It is 42."]
    assert client.beta.sessions.retrieve(session.id).status == "idle"


def test_the_stream_and_the_list_show_the_same_events(client, start):
    session = start({"thinking": "Hm.", "text": "Hello."})
    streamed = follow(client, session, say("hi"))
    stamped = [event.id for event in streamed if event.processed_at is not None]
    assert stamped == [event.id for event in history(client, session)]
    assert of(streamed, "user.message")[0].processed_at is None


def test_versions_of_an_agent(client):
    agent = client.beta.agents.create(name="v", model="claude-sonnet-5-5")
    second = client.beta.agents.update(agent.id, version=1, system="New.")
    assert (agent.version, second.version) == (1, 2)
    assert client.beta.agents.update(agent.id, system="New.").version == 2
    with pytest.raises(anthropic.ConflictError):
        client.beta.agents.update(agent.id, version=1, system="Newer.")
    assert client.beta.agents.retrieve(agent.id, version=1).system is None
    assert [item.version for item in client.beta.agents.versions.list(agent.id)] == [2, 1]


def test_a_session_keeps_the_version_it_was_made_with_and_takes_overrides(engine, client):
    model = engine.script({"text": "x"})
    agent = client.beta.agents.create(name="v", model=model, system="Old.")
    environment = client.beta.environments.create(name="e")
    client.beta.agents.update(agent.id, system="New.")
    pinned = client.beta.sessions.create(
        agent={"type": "agent", "id": agent.id, "version": 1}, environment_id=environment.id
    )
    latest = client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    own = client.beta.sessions.create(
        agent={"type": "agent_with_overrides", "id": agent.id, "system": None}, environment_id=environment.id
    )
    assert [session.agent.system for session in (pinned, latest, own)] == ["Old.", "New.", None]


def test_a_custom_tool(client, start):
    session = start(
        {"tools": [{"name": "lookup", "input": {"key": "a"}}]},
        {"text": "Found.", "expect": {"contains": "value of a"}},
        tools=[LOOKUP],
    )
    (idle,) = of(follow(client, session, say("look up a")), "session.status_idle")
    assert idle.stop_reason.type == "requires_action"
    (use,) = of(history(client, session), "agent.custom_tool_use")
    assert idle.stop_reason.event_ids == [use.id] and use.input == {"key": "a"}
    result = {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": use.id,
        "content": [{"type": "text", "text": "value of a"}],
    }
    assert of(follow(client, session, result), "agent.message")[0].content[0].text == "Found."


def test_approvals(client, start):
    asks = {**TOOLSET, "default_config": {"permission_policy": {"type": "always_ask"}}}
    session = start(
        {
            "tools": [
                {"name": "bash", "input": {"command": "echo first"}},
                {"name": "bash", "input": {"command": "echo second"}},
            ]
        },
        {"text": "ok", "expect": [{"contains": "first"}, {"contains": "not today"}]},
        tools=[asks],
    )
    (idle,) = of(follow(client, session, say("go")), "session.status_idle")
    first, second = idle.stop_reason.event_ids
    uses = of(history(client, session), "agent.tool_use")
    assert [use.evaluated_permission for use in uses] == ["ask", "ask"]
    (idle,) = of(
        follow(client, session, {"type": "user.tool_confirmation", "tool_use_id": first, "result": "allow"}),
        "session.status_idle",
    )
    assert idle.stop_reason.event_ids == [second]
    deny = {"type": "user.tool_confirmation", "tool_use_id": second, "result": "deny", "deny_message": "not today"}
    assert of(follow(client, session, deny), "agent.message")[0].content[0].text == "ok"


def test_errors_of_the_model_and_of_the_request(client, start):
    session = start({"error": {"status": 529, "times": 1}, "text": "late"})
    seen = follow(client, session, say("go"))
    (error,) = of(seen, "session.error")
    assert (error.error.type, error.error.retry_status.type) == ("model_overloaded_error", "retrying")
    assert of(seen, "session.status_rescheduled") and of(seen, "agent.message")
    with pytest.raises(anthropic.NotFoundError) as missing:
        client.beta.sessions.retrieve("sesn_missing")
    assert missing.value.request_id
    with pytest.raises(anthropic.BadRequestError, match="colour"):
        client.beta.sessions.create(agent="x", environment_id="y", extra_body={"colour": "red"})
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="wrong").beta.agents.list()


def test_filters_and_order_of_events(client, start):
    session = start({"text": "x", "tools": [{"name": "bash", "input": {"command": "true"}}]}, {"text": "y"})
    follow(client, session, say("go"))
    everything = history(client, session)
    assert history(client, session, order="desc") == everything[::-1]
    messages = history(client, session, types=["agent.message", "user.message"])
    assert [event.type for event in messages] == ["user.message", "agent.message", "agent.message"]
    middle = everything[5].processed_at
    assert history(client, session, created_at_gte=middle) == [e for e in everything if e.processed_at >= middle]
    assert history(client, session, created_at_lt=middle) == [e for e in everything if e.processed_at < middle]


def test_pages_show_each_thing_once(client, start):
    session = start({"text": "x"})
    follow(client, session, say("go"))
    assert history(client, session, limit=2) == history(client, session)
    made = [client.beta.agents.create(name=f"paged {n}", model="m").id for n in range(5)]
    listed = [agent.id for agent in client.beta.agents.list(limit=2)]
    assert listed[:5] == made[::-1] and len(set(listed)) == len(listed)
    sessions = [item.id for item in client.beta.sessions.list(agent_id=session.agent.id, limit=1)]
    assert sessions == [session.id]
    page = client.beta.sessions.list(limit=1)
    assert page.next_page and page.data[0].id == session.id


def test_two_streams_of_one_session_see_the_same(client, start):
    session = start({"text": "for both", "delay": "300ms"})
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(follow(client, session)))
    watcher.start()
    mine = follow(client, session, say("go"))
    watcher.join(10)
    stamped = [event.id for event in mine if event.processed_at]
    assert stamped[-3:] == [event.id for event in seen][-3:]


def test_threads_of_a_single_agent_session(client, start):
    session = start({"text": "x"})
    (thread,) = client.beta.sessions.threads.list(session.id)
    assert thread.parent_thread_id is None and thread.usage is None
    follow(client, session, say("go"))
    thread = client.beta.sessions.threads.retrieve(thread.id, session_id=session.id)
    assert thread.status == "idle" and thread.usage.output_tokens > 0
    assert list(client.beta.sessions.threads.events.list(thread.id, session_id=session.id)) == history(client, session)


def test_archive_and_delete(client, start):
    session = start({"text": "x"})
    with client.beta.sessions.events.stream(session.id) as stream:
        archived = client.beta.sessions.archive(session.id)
        assert [event.type for event in stream][-1] == "session.status_terminated"
    assert archived.status == "terminated" and archived.archived_at
    assert session.id not in [item.id for item in client.beta.sessions.list(agent_id=session.agent.id)]
    assert client.beta.sessions.delete(session.id).type == "session_deleted"
    with pytest.raises(anthropic.NotFoundError):
        client.beta.sessions.retrieve(session.id)
