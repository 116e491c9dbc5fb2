from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import httpx
import pytest

HELLO: dict[str, Any] = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}
NOON: dict[str, Any] = {"type": "cron", "expression": "0 12 * * *", "timezone": "Europe/Zurich"}


@pytest.fixture
def agent(sdk: anthropic.Anthropic) -> Any:
    return sdk.beta.agents.create(name="a", model="demo")


@pytest.fixture
def environment(sdk: anthropic.Anthropic) -> Any:
    return sdk.beta.environments.create(name="e")


@pytest.fixture
def made(sdk: anthropic.Anthropic, agent: Any, environment: Any) -> Any:
    return sdk.beta.deployments.create(
        name="nightly", agent=agent.id, environment_id=environment.id, initial_events=[HELLO], schedule=NOON,
        metadata={"a": "1"},
    )  # fmt: skip


def test_a_deployment_shows_when_it_runs(sdk: anthropic.Anthropic, made: Any, agent: Any) -> None:
    assert made.id.startswith("depl_") and (made.agent.id, made.agent.version) == (agent.id, 1)
    assert made.status == "active" and made.paused_reason is None and made.budget is None
    coming = made.schedule.upcoming_runs_at
    assert len(coming) == 5 and coming == sorted(coming) and coming[0] > datetime.now(UTC)
    assert {moment.minute for moment in coming} == {0} and made.schedule.last_run_at is None
    assert sdk.beta.deployments.retrieve(made.id) == made


def test_update_changes_what_is_given(sdk: anthropic.Anthropic, made: Any, agent: Any) -> None:
    sdk.beta.agents.update(agent.id, description="newer")
    assert sdk.beta.deployments.retrieve(made.id).agent.version == 1
    changed = sdk.beta.deployments.update(
        made.id, agent=agent.id, description="d", metadata={"a": None, "b": "2"}, schedule=None
    )
    assert (changed.agent.version, changed.description, changed.metadata) == (2, "d", {"b": "2"})
    assert changed.schedule is None and changed.name == "nightly"
    assert sdk.beta.deployments.update(made.id, description="").description is None
    pinned = sdk.beta.deployments.update(made.id, agent={"type": "agent", "id": agent.id, "version": 1})
    assert pinned.agent.version == 1
    assert sdk.beta.deployments.update(made.id) == pinned


def test_a_manual_run_makes_a_session(sdk: anthropic.Anthropic, made: Any) -> None:
    sdk.beta.deployments.pause(made.id)  # suppresses the schedule only
    run = sdk.beta.deployments.run(made.id)
    assert run.id.startswith("drun_") and run.error is None and run.trigger_context.type == "manual"
    assert run.session_id is not None
    session = sdk.beta.sessions.retrieve(run.session_id)
    assert (session.deployment_id, session.status) == (made.id, "running")
    assert [event.type for event in sdk.beta.sessions.events.list(session.id)][-1:] == ["user.message"]
    assert [found.id for found in sdk.beta.sessions.list(deployment_id=made.id)] == [session.id]
    assert sdk.beta.deployment_runs.retrieve(run.id) == run
    assert list(sdk.beta.deployment_runs.list(deployment_id=made.id)) == [run]
    assert sdk.beta.deployments.retrieve(made.id).schedule.last_run_at is None  # type: ignore[union-attr]


def test_pause_and_unpause(sdk: anthropic.Anthropic, made: Any) -> None:
    paused = sdk.beta.deployments.pause(made.id)
    assert paused.status == "paused" and paused.paused_reason.type == "manual"  # type: ignore[union-attr]
    assert len(paused.schedule.upcoming_runs_at) == 5  # type: ignore[union-attr, arg-type]
    assert sdk.beta.deployments.pause(made.id) == paused
    active = sdk.beta.deployments.unpause(made.id)
    assert active.status == "active" and active.paused_reason is None
    assert sdk.beta.deployments.unpause(made.id) == active


def test_archive_is_the_end(sdk: anthropic.Anthropic, made: Any) -> None:
    archived = sdk.beta.deployments.archive(made.id)
    assert archived.archived_at and archived.status == "active"
    assert archived.schedule.upcoming_runs_at == []  # type: ignore[union-attr]
    assert sdk.beta.deployments.archive(made.id) == archived
    for call in (sdk.beta.deployments.run, sdk.beta.deployments.pause, sdk.beta.deployments.unpause):
        with pytest.raises(anthropic.BadRequestError, match="is archived"):
            call(made.id)
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        sdk.beta.deployments.update(made.id, name="x")


def test_a_deployment_ends_with_its_agent(sdk: anthropic.Anthropic, made: Any, agent: Any) -> None:
    sdk.beta.agents.archive(agent.id)
    assert sdk.beta.deployments.retrieve(made.id).archived_at


def test_a_run_that_fails_says_why(sdk: anthropic.Anthropic, made: Any, environment: Any) -> None:
    sdk.beta.environments.archive(environment.id)
    run = sdk.beta.deployments.run(made.id)
    assert run.session_id is None and run.error.type == "environment_archived_error"  # type: ignore[union-attr]
    sdk.beta.environments.delete(environment.id)
    gone = sdk.beta.deployments.run(made.id)
    assert gone.error.type == "environment_not_found_error"  # type: ignore[union-attr]
    assert sdk.beta.deployments.retrieve(made.id).status == "active"  # only the schedule pauses
    failed = [found.id for found in sdk.beta.deployment_runs.list(deployment_id=made.id, has_error=True, limit=1)]
    assert failed == [gone.id, run.id]
    assert not list(sdk.beta.deployment_runs.list(deployment_id=made.id, has_error=False))


def test_a_run_names_what_was_taken_from_its_session(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: Any
) -> None:
    skill = sdk.skills.create(files=[("s/SKILL.md", b"---\nname: s\ndescription: d\n---\n")])
    file = sdk.beta.files.upload(file=("rubric.md", b"Be kind."))
    member = sdk.beta.agents.create(name="member", model="demo")
    roster: Any = {"type": "coordinator", "agents": [member.id]}
    toolset: Any = {"type": "agent_toolset_20260401"}
    server: Any = {"type": "url", "name": "m", "url": "https://mcp.example.com"}
    agents: dict[str, Any] = {
        "skill_not_found_error": {"tools": [toolset], "skills": [{"type": "custom", "skill_id": skill.id}]},
        "agent_archived_error": {"tools": [toolset], "multiagent": roster},
        "file_not_found_error": {},
        "mcp_egress_blocked_error": {
            "tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}], "mcp_servers": [server],
        },
    }  # fmt: skip
    outcome: Any = {"type": "user.define_outcome", "description": "Greet."}
    outcome["rubric"] = {"type": "file", "file_id": file.id}
    made = {
        expected: sdk.beta.deployments.create(
            name=expected, agent=sdk.beta.agents.create(name="a", model="demo", **agent).id,
            environment_id=environment.id, initial_events=[outcome] if expected.startswith("file") else [HELLO],
        )
        for expected, agent in agents.items()
    }  # fmt: skip
    sdk.skills.delete(skill.id)
    sdk.beta.files.delete(file.id)
    sdk.beta.agents.archive(member.id)
    sdk.beta.environments.update(environment.id, config={"type": "cloud", "networking": {"type": "limited"}})
    for expected, deployment in made.items():
        run = sdk.beta.deployments.run(deployment.id)
        assert run.error is not None and run.error.type == expected


def test_lists_filter(sdk: anthropic.Anthropic, http: httpx.Client, made: Any, agent: Any) -> None:
    mine = [found.id for found in sdk.beta.deployments.list(agent_id=agent.id)]
    assert mine == [made.id]
    assert made.id in [found.id for found in sdk.beta.deployments.list(status="active", limit=100)]
    sdk.beta.deployments.pause(made.id)
    assert made.id in [found.id for found in sdk.beta.deployments.list(status="paused", limit=2)]
    assert not list(sdk.beta.deployments.list(agent_id=agent.id, created_at_gte=datetime.now(UTC) + timedelta(days=1)))
    sdk.beta.deployments.archive(made.id)
    assert not list(sdk.beta.deployments.list(agent_id=agent.id))
    assert [found.id for found in sdk.beta.deployments.list(agent_id=agent.id, include_archived=True)] == [made.id]
    refused = http.get("/v1/deployments?status=paused&include_archived=true")
    assert refused.status_code == 400 and "include_archived" in refused.json()["error"]["message"]
    assert not list(sdk.beta.deployment_runs.list(deployment_id="depl_none"))
    assert not list(sdk.beta.deployment_runs.list(trigger_type="schedule"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"schedule": {**NOON, "expression": "@daily"}}, "schedule.expression: shortcuts such as @daily"),
        ({"schedule": {**NOON, "expression": "0 0 12 * * *"}}, "schedule.expression: must have 5 fields"),
        ({"schedule": {**NOON, "expression": "0 0 L * *"}}, "schedule.expression: day-of-month 'L'"),
        ({"schedule": {**NOON, "expression": "61 0 * * *"}}, "schedule.expression: not a cron expression"),
        ({"schedule": {**NOON, "timezone": "Mars/Olympus"}}, "schedule.timezone: 'Mars/Olympus' is not an IANA"),
        ({"schedule": {**NOON, "timezone": "../../etc/passwd"}}, "schedule.timezone: "),
        ({"schedule": {"type": "cron", "expression": "0 0 * * *"}}, "schedule.timezone: required"),
        ({"initial_events": []}, "initial_events: must not be empty"),
        ({"initial_events": [HELLO] * 51}, "initial_events: at most 50 items, got 51"),
        ({"initial_events": [{"type": "user.interrupt"}]}, "initial_events.0: type 'user.interrupt' is not one of"),
        ({"name": ""}, "name: must not be empty"),
        ({"agent": {"type": "agent_with_overrides", "id": "x"}}, "agent.type: must be 'agent'"),
        ({"color": "red"}, "color: unknown field"),
    ],
)
def test_what_is_wrong_is_named(
    http: httpx.Client, made: Any, agent: Any, environment: Any, change: dict[str, Any], expected: str
) -> None:
    body = {"name": "n", "agent": agent.id, "environment_id": environment.id, "initial_events": [HELLO]}
    for answer in (
        http.post("/v1/deployments", json=body | change),
        http.post(f"/v1/deployments/{made.id}", json=change),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith(expected)


def test_what_is_not_there_is_refused(sdk: anthropic.Anthropic, http: httpx.Client, made: Any) -> None:
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.deployments.update(made.id, agent="agent_none")
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.deployments.update(made.id, environment_id="env_none")
    for name in ("name", "agent", "environment_id", "initial_events"):
        answer = http.post(f"/v1/deployments/{made.id}", json={name: None})
        assert answer.status_code == 400 and answer.json()["error"]["message"] == f"{name}: cannot be cleared."
    for call in (sdk.beta.deployments.retrieve, sdk.beta.deployments.run, sdk.beta.deployment_runs.retrieve):
        with pytest.raises(anthropic.NotFoundError):
            call("depl_none")


def test_a_run_hands_on_what_the_deployment_has(
    sdk: anthropic.Anthropic, http: httpx.Client, agent: Any, environment: Any
) -> None:
    data = sdk.beta.files.upload(file=("data.csv", b"a,b"))
    rubric = sdk.beta.files.upload(file=("rubric.md", b"Says hello."))
    vault = sdk.beta.vaults.create(display_name="Ada")
    outcome: Any = {"type": "user.define_outcome", "description": "Greet.", "max_iterations": 2}
    outcome["rubric"] = {"type": "file", "file_id": rubric.id}
    note: Any = {"type": "system.message", "content": [{"type": "text", "text": "Be brief."}]}
    made = sdk.beta.deployments.create(
        name="n", agent=agent.id, environment_id=environment.id, initial_events=[outcome, HELLO, note],
        resources=[{"type": "file", "file_id": data.id, "mount_path": "data.csv"}], vault_ids=[vault.id],
    )  # fmt: skip
    assert [event.to_dict() for event in made.initial_events] == [outcome, HELLO, note]
    assert made.vault_ids == [vault.id]
    assert [resource.to_dict() for resource in made.resources] == [
        {"type": "file", "file_id": data.id, "mount_path": "data.csv"}
    ]
    assert len(list(sdk.beta.files.list())) == 2  # the check of the resources has made no copy
    for _ in range(2):  # each run reads the rubric of the deployment
        run = sdk.beta.deployments.run(made.id)
        assert run.error is None and run.session_id is not None
        session = sdk.beta.sessions.retrieve(run.session_id)
        assert session.vault_ids == [vault.id]
        (resource,) = session.resources
        assert resource.type == "file" and resource.mount_path.endswith("/data.csv") and resource.file_id != data.id
        sent = {event.type: event for event in sdk.beta.sessions.events.list(session.id)}
        assert sent["user.define_outcome"].rubric.content == "Says hello."  # type: ignore[union-attr]
        assert "user.message" in sent
    sdk.beta.vaults.archive(vault.id)
    gone = sdk.beta.deployments.run(made.id)
    assert gone.session_id is None and gone.error.type == "vault_archived_error"  # type: ignore[union-attr]
    cleared = sdk.beta.deployments.update(made.id, resources=[], vault_ids=None)
    assert cleared.resources == [] and cleared.vault_ids == []
    assert sdk.beta.deployments.run(made.id).error is None
    answer = http.post(f"/v1/deployments/{made.id}", json={"vault_ids": [vault.id]})
    assert answer.status_code == 400 and "is archived" in answer.json()["error"]["message"]


_NOTE: dict[str, Any] = {"type": "system.message", "content": [{"type": "text", "text": "Be brief."}]}
_OUTCOME: dict[str, Any] = {
    "type": "user.define_outcome", "description": "Greet.", "rubric": {"type": "file", "file_id": "file_none"},
}  # fmt: skip
_REPOSITORY = {"type": "github_repository", "url": "https://github.com/a/b", "authorization_token": "secret-token"}


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"initial_events": [_NOTE]}, 400, "initial_events: a system.message must directly follow"),
        ({"initial_events": [_NOTE, HELLO]}, 400, "initial_events: a system.message must be the last event"),
        ({"initial_events": [_OUTCOME] * 2}, 400, "initial_events: at most one user.define_outcome"),
        ({"initial_events": [_OUTCOME]}, 404, "initial_events.0.rubric.file_id: "),
        ({"resources": [{"type": "file", "file_id": "file_none"}]}, 404, "resources.0.file_id: "),
        ({"resources": [_REPOSITORY, _REPOSITORY]}, 400, "resources.1.mount_path: "),
        ({"resources": [{"type": "file", "file_id": "x"}] * 501}, 400, "resources: at most 500"),
        ({"vault_ids": ["vlt_none"]}, 404, "vault_ids.0: no vault with id"),
        ({"vault_ids": ["x"] * 51}, 400, "vault_ids: at most 50"),
    ],
)
def test_what_no_session_could_have_is_refused(
    http: httpx.Client, made: Any, agent: Any, environment: Any, change: dict[str, Any], status: int, expected: str
) -> None:
    body = {"name": "n", "agent": agent.id, "environment_id": environment.id, "initial_events": [HELLO]}
    for answer in (
        http.post("/v1/deployments", json=body | change),
        http.post(f"/v1/deployments/{made.id}", json=change),
    ):
        message = answer.json()["error"]["message"]
        assert answer.status_code == status and message.startswith(expected) and "secret-token" not in message


def test_what_a_worker_could_not_have_is_refused(sdk: anthropic.Anthropic, agent: Any, made: Any) -> None:
    hosted = sdk.beta.environments.create(name="hosted", config={"type": "self_hosted"})
    file = sdk.beta.files.upload(file=("a.txt", b"a"))
    vault = sdk.beta.vaults.create(display_name="v").id
    sdk.beta.vaults.credentials.create(
        vault,
        auth={
            "type": "environment_variable", "secret_name": "TOKEN", "secret_value": "s",
            "networking": {"type": "unrestricted"},
        },
    )  # fmt: skip
    without: Any = {"name": "d", "agent": agent.id, "environment_id": hosted.id, "initial_events": [HELLO]}
    files: Any = {"resources": [{"type": "file", "file_id": file.id}]}
    refusals: list[tuple[Any, str]] = [
        (files, "resources.0: file resources are not supported with self-hosted"),
        ({"vault_ids": [vault]}, r"vault_ids: environment_variable credentials \(TOKEN\)"),
    ]
    for given, said in refusals:
        with pytest.raises(anthropic.BadRequestError, match=said):
            sdk.beta.deployments.create(**without, **given)
        sdk.beta.deployments.update(made.id, **given)
        with pytest.raises(anthropic.BadRequestError, match=said):
            sdk.beta.deployments.update(made.id, environment_id=hosted.id)
        sdk.beta.deployments.update(made.id, resources=[], vault_ids=[])
    assert sdk.beta.deployments.update(made.id, environment_id=hosted.id).environment_id == hosted.id


def test_files_that_clash_are_refused(sdk: anthropic.Anthropic, http: httpx.Client, made: Any) -> None:
    id = sdk.beta.files.upload(file=("a.txt", b"a")).id
    both = [{"type": "file", "file_id": id, "mount_path": path} for path in ("a", "a/b")]
    answer = http.post(f"/v1/deployments/{made.id}", json={"resources": both})
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith("resources.1.mount_path: ")


def test_a_model_that_takes_no_system_messages_is_named(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: Any
) -> None:
    agent = sdk.beta.agents.create(name="a", model="claude-opus-4-1")
    body = {"name": "n", "agent": agent.id, "environment_id": environment.id, "initial_events": [HELLO, _NOTE]}
    answer = http.post("/v1/deployments", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("initial_events.1: the model 'claude-opus-4-1' takes no")
