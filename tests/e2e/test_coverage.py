"""Every operation of the API, through the official SDKs: Python, sync and async, in strict mode, and TypeScript."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import anthropic
import pytest

from antcli.differences import NOT_SERVED
from antcli.operations import OPERATIONS
from tests.e2e.blocking import blocking
from tests.e2e.coverage import Caller, PythonCaller
from tests.e2e.served import KEY, TOOLSET, served
from tests.e2e.typescript import typescript
from tests.fakes.messages_endpoint import MessagesEndpoint

HELLO = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
LOOKUP = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}
# Optional by the documentation, and left out where there is nothing to say.
MAY_BE_ABSENT: dict[str, set[str]] = {
    "BetaManagedAgentsAgentToolUseEvent": {"session_thread_id"},
    "BetaManagedAgentsCustomToolInputSchema": {"properties", "required"},
    "BetaManagedAgentsDeployment": {"budget"},
    "BetaManagedAgentsGitHubRepositoryResource": {"checkout"},
    "BetaManagedAgentsSession": {"deployment_id"},
    "BetaManagedAgentsSessionThreadStats": {"startup_seconds"},
    "BetaManagedAgentsSessionUpdatedEvent": {"agent", "budget", "metadata", "title"},
    "BetaManagedAgentsSpanModelUsage": {"speed"},
    "BetaUserProfile": {"external_user_details"},
}
SKILL = b"---\nname: greeting\ndescription: How to greet.\n---\nSay good day.\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    home = tmp_path_factory.mktemp("coverage") / "home"
    with MessagesEndpoint() as endpoint, served(home, ANT_MODEL_BASE_URL=endpoint.url) as engine:
        yield engine


@pytest.fixture(scope="module", params=["python", "python async", "typescript"])
def api(engine, request):
    given = {
        "base_url": engine.url, "api_key": KEY, "_strict_response_validation": True, "max_retries": 0, "timeout": 20,
    }  # fmt: skip
    with contextlib.ExitStack() as open:
        if request.param == "typescript":
            yield open.enter_context(typescript(engine.url, KEY))
        elif request.param == "python async":
            yield PythonCaller(open.enter_context(blocking(anthropic.AsyncAnthropic(**given))))
        else:
            yield PythonCaller(open.enter_context(anthropic.Anthropic(**given)))


@pytest.fixture(scope="module")
def made(engine, api) -> dict[str, Any]:
    """An agent that answers, and where it works."""
    model = engine.script({"text": "Good day."}, {"text": "Still here."}, {"text": "Once more."})
    agent = api.call("agents.create", model=model, name="greeter", tools=[TOOLSET], metadata={"team": "a"})
    environment = api.call("environments.create", name="plain")
    return {"agent": agent.id, "environment": environment.id, "model": model}


def test_agents(api, made):
    agent = api.call("agents.retrieve", made["agent"])
    api.call("agents.update", agent.id, system="Be brief.", version=agent.version)
    api.call("agents.list", limit=5)
    assert len(api.call("agents.versions.list", agent.id).data) == 2
    spare = api.call("agents.create", model="demo", name="spare")
    assert api.call("agents.archive", spare.id).archived_at is not None


def test_environments(api, made):
    spare = api.call("environments.create", name="spare", config={"type": "cloud", "networking": {"type": "limited"}})
    api.call("environments.retrieve", spare.id)
    api.call("environments.update", spare.id, description="For later")
    api.call("environments.list")
    api.call("environments.archive", spare.id)
    api.call("environments.delete", spare.id)


def test_sessions_events_and_threads(api, made):
    session = api.call("sessions.create", agent=made["agent"], environment_id=made["environment"], title="A")
    with api.stream("sessions.events.stream", session.id) as events:
        api.call("sessions.events.send", session.id, events=[HELLO])
        assert any(event.type == "session.status_idle" for event in events)
    api.call("sessions.retrieve", session.id)
    api.call("sessions.update", session.id, title="B", metadata={"k": "v"})
    api.call("sessions.list", agent_id=made["agent"], statuses=["idle"])
    listed = api.call("sessions.events.list", session.id, limit=100)
    assert any(event.type == "agent.message" for event in listed.data)
    (thread,) = api.call("sessions.threads.list", session.id).data
    api.call("sessions.threads.retrieve", thread.id, session_id=session.id)
    api.call("sessions.threads.events.list", thread.id, session_id=session.id)
    with api.stream("sessions.threads.events.stream", thread.id, session_id=session.id) as events:
        api.call("sessions.events.send", session.id, events=[HELLO])
        assert any(event.type == "session.status_idle" for event in events)
    # The first thread of a session lives as long as it does.
    api.refused("sessions.threads.archive", thread.id, session_id=session.id)
    api.call("sessions.archive", session.id)
    api.call("sessions.delete", session.id)


def test_files_and_resources(api, made):
    file = api.call("files.upload", file=("a.txt", b"one\n", "text/plain"))
    api.call("files.retrieve_metadata", file.id)
    api.call("files.list", ids=[file.id])
    session = api.call("sessions.create", agent=made["agent"], environment_id=made["environment"])
    added = api.call("sessions.resources.add", session.id, file_id=file.id, type="file")
    api.call("sessions.resources.list", session.id)
    api.call("sessions.resources.retrieve", added.id, session_id=session.id)
    api.call("sessions.resources.delete", added.id, session_id=session.id)
    api.call("files.delete", file.id)


def test_the_outputs_of_a_session_are_files(engine, api, made):
    command = {"name": "bash", "input": {"command": "echo result > /mnt/session/outputs/out.txt"}}
    model = engine.script({"tools": [command]}, {"text": "Done."})
    agent = api.call("agents.create", model=model, name="writer", tools=[TOOLSET])
    session = api.call("sessions.create", agent=agent.id, environment_id=made["environment"], initial_events=[HELLO])
    until_idle(api, session.id)
    (file,) = api.call("files.list", scope_id=session.id).data
    assert api.call("files.download", file.id) == b"result\n"


def test_a_repository_token_is_changed(api, made, tmp_path):
    repository = {
        "type": "github_repository", "url": "https://github.com/nobody/nothing", "authorization_token": "t-1",
    }  # fmt: skip
    session = api.call(
        "sessions.create", agent=made["agent"], environment_id=made["environment"], resources=[repository]
    )
    (resource,) = session.resources
    api.call("sessions.resources.update", resource.id, session_id=session.id, authorization_token="t-2")


def test_skills(api):
    skill = api.call("skills.create", files=[("greeting/SKILL.md", SKILL, "text/markdown")], display_name="Greeting")
    api.call("skills.retrieve", skill.id)
    api.call("skills.list", source="custom")
    files = [("greeting/SKILL.md", SKILL + b"Twice.\n", "text/markdown")]
    version = api.call("skills.versions.create", skill.id, files=files)
    number = version.id
    api.call("skills.versions.retrieve", number, skill_id=skill.id)
    assert len(api.call("skills.versions.list", skill.id).data) == 2
    assert api.call("skills.versions.download", number, skill_id=skill.id)[:2] == b"PK"
    api.call("skills.versions.delete", number, skill_id=skill.id)
    api.call("skills.delete", skill.id)


def test_vaults_and_credentials(api):
    vault = api.call("vaults.create", display_name="Keys", metadata={"a": "b"})
    api.call("vaults.retrieve", vault.id)
    api.call("vaults.update", vault.id, display_name="The keys")
    api.call("vaults.list")
    auth = {"type": "static_bearer", "token": "secret-token", "mcp_server_url": "https://mcp.example.com/mcp"}
    credential = api.call("vaults.credentials.create", vault.id, auth=auth, display_name="One")
    api.call("vaults.credentials.retrieve", credential.id, vault_id=vault.id)
    api.call("vaults.credentials.update", credential.id, vault_id=vault.id, display_name="Two")
    api.call("vaults.credentials.list", vault.id)
    oauth = {
        "type": "mcp_oauth", "access_token": "secret-access", "mcp_server_url": "http://127.0.0.1:9/mcp",
    }  # fmt: skip
    second = api.call("vaults.credentials.create", vault.id, auth=oauth)
    api.call("vaults.credentials.mcp_oauth_validate", second.id, vault_id=vault.id)
    api.call("vaults.credentials.archive", credential.id, vault_id=vault.id)
    api.call("vaults.credentials.delete", credential.id, vault_id=vault.id)
    api.call("vaults.archive", vault.id)
    api.call("vaults.delete", vault.id)


def test_memory_stores(api):
    store = api.call("memory_stores.create", name="Notes", description="What was learnt")
    api.call("memory_stores.retrieve", store.id)
    api.call("memory_stores.update", store.id, name="More notes", metadata={"a": "b"})
    api.call("memory_stores.list")
    memory = api.call("memory_stores.memories.create", store.id, path="/a/b.md", content="one", view="full")
    api.call("memory_stores.memories.retrieve", memory.id, memory_store_id=store.id, view="full")
    digest = hashlib.sha256(b"one").hexdigest()
    api.call(
        "memory_stores.memories.update", memory.id, memory_store_id=store.id, content="two",
        precondition={"type": "content_sha256", "content_sha256": digest},
    )  # fmt: skip
    api.call("memory_stores.memories.list", store.id, path_prefix="/", depth=1)
    api.call("memory_stores.memories.list", store.id, view="full")
    versions = api.call("memory_stores.memory_versions.list", store.id).data
    assert len(versions) == 2
    api.call("memory_stores.memory_versions.retrieve", versions[-1].id, memory_store_id=store.id, view="full")
    api.call("memory_stores.memory_versions.redact", versions[-1].id, memory_store_id=store.id)
    api.call("memory_stores.memories.delete", memory.id, memory_store_id=store.id)
    api.call("memory_stores.archive", store.id)
    api.call("memory_stores.delete", store.id)


def test_deployments_and_runs(api, made):
    schedule = {"type": "cron", "expression": "0 9 * * 1", "timezone": "Europe/Berlin"}
    deployment = api.call(
        "deployments.create", agent=made["agent"], environment_id=made["environment"], initial_events=[HELLO],
        name="Weekly", schedule=schedule,
    )  # fmt: skip
    api.call("deployments.retrieve", deployment.id)
    api.call("deployments.update", deployment.id, description="Every Monday")
    api.call("deployments.list", status="active")
    run = api.call("deployments.run", deployment.id)
    api.call("deployment_runs.retrieve", run.id)
    assert api.call("deployment_runs.list", deployment_id=deployment.id).data[0].id == run.id
    assert api.call("sessions.list", deployment_id=deployment.id).data
    api.call("deployments.pause", deployment.id)
    api.call("deployments.unpause", deployment.id)
    api.call("deployments.archive", deployment.id)


def test_dreams(engine, api, made):
    store = api.call("memory_stores.create", name="Days")
    api.call("memory_stores.memories.create", store.id, path="/day.md", content="It rained.")
    session = api.call("sessions.create", agent=made["agent"], environment_id=made["environment"])
    inputs = [
        {"type": "memory_store", "memory_store_id": store.id}, {"type": "sessions", "session_ids": [session.id]}
    ]  # fmt: skip
    dream = api.call("dreams.create", inputs=inputs, model=engine.script({"text": "Nothing to add.", "delay": 60}))
    api.call("dreams.retrieve", dream.id)
    api.call("dreams.list")
    api.call("dreams.cancel", dream.id)
    api.call("dreams.archive", dream.id)


def test_user_profiles(api):
    profile = api.call("user_profiles.create", name="Ada", external_id="u-1", metadata={"a": "b"})
    api.call("user_profiles.retrieve", profile.id)
    api.call("user_profiles.update", profile.id, name="Ada L.")
    api.call("user_profiles.list", order_by="name", order="asc")
    # Nobody is enrolled here, which `ant explain differences` says too.
    api.refused("user_profiles.create_enrollment_url", profile.id)
    action = {"type": "enroll_end_user"}
    api.refused("user_profiles.action_urls.create", profile.id, action=action)
    api.call("user_profiles.delete", profile.id)


def test_models(api):
    (model,) = api.call("models.list").data
    api.call("models.retrieve", model.id)


def test_the_work_of_a_self_hosted_environment(engine, api):
    environment = api.call("environments.create", name="own hands", config={"type": "self_hosted"})
    model = engine.script({"text": "Good day."})
    agent = api.call("agents.create", model=model, name="worker", tools=[LOOKUP])
    assert api.call("environments.work.poll", environment.id, block_ms=10) is None
    for _ in range(2):
        api.call("sessions.create", agent=agent.id, environment_id=environment.id, initial_events=[HELLO])
    work = api.call("environments.work.poll", environment.id, block_ms=900)
    given = {"environment_id": environment.id}
    api.call("environments.work.ack", work.id, **given)
    api.call("environments.work.heartbeat", work.id, **given)
    api.call("environments.work.retrieve", work.id, **given)
    api.call("environments.work.update", work.id, metadata={"worker": "a"}, **given)
    api.call("environments.work.list", environment.id)
    api.call("environments.work.stats", environment.id)
    api.call("environments.work.stop", work.id, force=True, **given)


def test_what_no_test_above_called_is_named_with_its_reason(api):
    assert set(OPERATIONS) - api.seen - api.refusals == set(NOT_SERVED)
    assert len(api.seen) >= 0.95 * (len(OPERATIONS) - len(NOT_SERVED))


def test_optional_fields_are_there_too_but_for_those_that_may_be_absent(api):
    absent = {(name, field) for name, fields in api.absent.items() for field in fields - MAY_BE_ABSENT.get(name, set())}
    assert absent == set()


def until_idle(api: Caller, session_id: str) -> None:
    with api.stream("sessions.events.stream", session_id) as events:
        if api.call("sessions.retrieve", session_id).status != "idle":
            assert any(event.type == "session.status_idle" for event in events)
