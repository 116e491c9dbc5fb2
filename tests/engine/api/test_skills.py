"""Skills and their versions through the official SDK in strict mode; what a bundle must not be."""

from __future__ import annotations

import io
import stat
import zipfile
from typing import Any

import anthropic
import httpx
import pytest

from antcli.engine.errors import RequestError
from antcli.engine.skills import bundle
from tests.engine.api.server import Server

MANIFEST = b"---\nname: my-skill\ndescription: Makes tables.\n---\nDo it.\n"
FILES = [("my-skill/SKILL.md", MANIFEST), ("my-skill/scripts/run.sh", b"#!/bin/sh\necho hi\n")]


def archive(*entries: tuple[str, bytes, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            made.writestr(info, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def folders(server: Server) -> set[str]:
    return {path.name for path in (server.data_dir / "skills").iterdir()}


def test_the_life_of_a_skill(server: Server, sdk: anthropic.Anthropic) -> None:
    skill = sdk.beta.skills.create(files=FILES, display_name="My tables")
    assert (skill.display_name, skill.source.type) == ("My tables", "custom")
    assert sdk.beta.skills.retrieve(skill.id) == skill
    first = sdk.beta.skills.versions.retrieve("latest", skill_id=skill.id)
    assert (first.id, first.name, first.description) == (skill.latest_version_id, "my-skill", "Makes tables.")
    second = sdk.beta.skills.versions.create(skill.id, files=[("x.zip", archive(
        ("my-skill/SKILL.md", MANIFEST.replace(b"tables", b"charts"), stat.S_IFREG | 0o644),
        ("my-skill/run", b"x", stat.S_IFREG | 0o755),
        ("__MACOSX/my-skill/._x", b"rubbish", stat.S_IFREG | 0o644),
    ))])  # fmt: skip
    assert sdk.beta.skills.retrieve(skill.id).latest_version_id == second.id
    assert [one.id for one in sdk.beta.skills.versions.list(skill.id, limit=1)] == [second.id, first.id]
    with zipfile.ZipFile(io.BytesIO(sdk.beta.skills.versions.download(second.id, skill_id=skill.id).read())) as got:
        assert sorted(got.namelist()) == ["my-skill/SKILL.md", "my-skill/run"]
        assert got.getinfo("my-skill/run").external_attr >> 16 & 0o111
    assert skill.id in {one.id for one in sdk.beta.skills.list(source="custom")}
    assert list(sdk.beta.skills.list(source="anthropic")) == []
    assert sdk.beta.skills.versions.delete(second.id, skill_id=skill.id).type == "skill_version_deleted"
    assert sdk.beta.skills.retrieve(skill.id).latest_version_id == first.id
    with pytest.raises(anthropic.BadRequestError, match="at least one version"):
        sdk.beta.skills.versions.delete(first.id, skill_id=skill.id)
    with pytest.raises(anthropic.BadRequestError, match="not `latest`"):
        sdk.beta.skills.versions.download("latest", skill_id=skill.id)
    assert sdk.beta.skills.delete(skill.id).type == "skill_deleted"
    assert not {first.id, second.id} & folders(server)
    with pytest.raises(anthropic.NotFoundError, match=skill.id):
        sdk.beta.skills.versions.list(skill.id)


def test_a_version_keeps_the_name_of_its_skill(sdk: anthropic.Anthropic, server: Server) -> None:
    skill = sdk.beta.skills.create(files=FILES)
    assert skill.display_name == "my-skill"
    before = folders(server)
    with pytest.raises(anthropic.BadRequestError, match="named 'my-skill'"):
        sdk.beta.skills.versions.create(
            skill.id, files=[("other/SKILL.md", b"---\nname: other\ndescription: x\n---\n")]
        )
    assert folders(server) == before


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([("SKILL.md", MANIFEST)], "one common folder"),
        ([("a/SKILL.md", MANIFEST), ("b/x", b"")], "one common folder"),
        ([("a/x", b"")], "a/SKILL.md is missing"),
        ([("a/SKILL.md", MANIFEST), ("a/../x", b"")], "not a plain relative path"),
        ([("/a/SKILL.md", MANIFEST)], "not a plain relative path"),
        ([("a/SKILL.md", MANIFEST), ("a/SKILL.md", b"")], "twice"),
        ([("a/SKILL.md", MANIFEST), ("a/SKILL.md/x", b"")], "a file and a folder"),
        ([("a/SKILL.md", b"no front matter")], "must begin with front matter"),
        ([("a/SKILL.md", b"---\nname: [\n---\n")], "not valid YAML"),
        ([("a/SKILL.md", b"---\n- x\n---\n")], "must be a mapping"),
        ([("a/SKILL.md", b"---\nname: Bad Name\ndescription: x\n---\n")], "lower-case letters"),
        ([("a/SKILL.md", b"---\nname: a\n---\n")], "needs a description"),
        ([("a/SKILL.md", b"---\ndescription: " + b"x" * 1025 + b"\n---\n")], "at most 1,024"),
        ([("a/SKILL.md", b"\xff")], "UTF-8"),
        ([("x.zip", archive(("a/SKILL.md", MANIFEST, 0o100644), ("a/l", b"/etc/passwd", 0o120777)))], "link or a dev"),
        ([("x.zip", archive(("a/SKILL.md", MANIFEST, 0o100644), ("../x", b"", 0o100644)))], "plain relative path"),
        ([("x.zip", archive(("a/SKILL.md", bytes(31 * 2**20), 0o100644)))], "at most 30 MB"),
        ([("x.zip", b"PK\x03\x04 broken")], "cannot be read"),
    ],
)
def test_bundles_that_are_refused(files: list[tuple[str, bytes]], problem: str) -> None:
    with pytest.raises(RequestError) as refused:
        bundle.read(files)
    assert problem in refused.value.message


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"files": [("files[]", ("a/SKILL.md", MANIFEST))], "data": {"color": "x"}}, "color: unknown form field"),
        ({"files": [("files[]", ("a/SKILL.md", MANIFEST))], "data": {"display_name": "x" * 256}}, "at most 255"),
        ({"files": [("other", ("a/SKILL.md", MANIFEST))]}, "other: unknown form field"),
    ],
)
def test_forms_that_are_refused(http: httpx.Client, server: Server, form: dict[str, Any], problem: str) -> None:
    before = folders(server)
    answer = http.post("/v1/skills", **form)
    assert answer.status_code == 400 and problem in answer.json()["error"]["message"]
    assert folders(server) == before


def test_agents_refer_to_skills_and_sessions_pin_them(sdk: anthropic.Anthropic) -> None:
    skill = sdk.beta.skills.create(files=FILES)
    agent = sdk.beta.agents.create(name="a", model="demo", skills=[{"type": "custom", "skill_id": skill.id}])
    assert [(one.skill_id, one.version) for one in agent.skills] == [(skill.id, "latest")]
    environment = sdk.beta.environments.create(name="e")
    session = sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    assert [one.version for one in session.agent.skills] == [skill.latest_version_id]
    assert sdk.beta.agents.update(agent.id, version=1, skills=[]).skills == []
    for entry, problem in (
        ({"type": "anthropic", "skill_id": "xlsx"}, "skills.0.skill_id: not supported"),
        ({"type": "custom", "skill_id": "skill_none"}, "skill_none"),
        ({"type": "custom", "skill_id": skill.id, "version": "none"}, "no version 'none'"),
    ):
        with pytest.raises(anthropic.APIStatusError, match=problem):
            sdk.beta.agents.create(name="a", model="demo", skills=[entry])  # type: ignore[list-item]


def test_agents_that_are_called_upon_bring_their_skills(sdk: anthropic.Anthropic, server: Server) -> None:
    skill, other = sdk.beta.skills.create(files=FILES), sdk.beta.skills.create(files=FILES)
    own: Any = [{"type": "custom", "skill_id": skill.id}]
    helper = sdk.beta.agents.create(
        name="helper", model="demo", skills=[*own, {"type": "custom", "skill_id": other.id}]
    )  # fmt: skip
    roster: Any = {"type": "coordinator", "agents": [helper.id, {"type": "self"}]}
    agent = sdk.beta.agents.create(name="boss", model="demo", skills=own, multiagent=roster)
    environment = sdk.beta.environments.create(name="e")
    session = sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    assert [one.version for one in session.agent.skills] == [skill.latest_version_id]
    called = session.to_dict()["agent"]["multiagent"]["agents"]  # type: ignore[index, call-overload]
    assert [[one["version"] for one in member["skills"]] for member in called] == [
        [skill.latest_version_id, other.latest_version_id], [skill.latest_version_id],
    ]  # fmt: skip
    row = server.call(lambda: server.services.store.session(session.id))
    assert row is not None
    (besides,) = row.body["members_skills"]
    assert (besides["version"], besides["directory"]) == (other.latest_version_id, "my-skill-2")
    sdk.beta.skills.delete(other.id)
    with pytest.raises(anthropic.NotFoundError, match=r"agent\.multiagent\.skills\.1: "):
        sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id)


def test_tools_are_not_cleared_while_there_are_skills(sdk: anthropic.Anthropic) -> None:
    skill = sdk.beta.skills.create(files=FILES)
    tools: Any = [{"type": "agent_toolset_20260401"}]
    agent = sdk.beta.agents.create(
        name="a", model="demo", tools=tools, skills=[{"type": "custom", "skill_id": skill.id}]
    )
    environment = sdk.beta.environments.create(name="e").id
    reference: Any = {"type": "agent_with_overrides", "id": agent.id, "tools": []}
    with pytest.raises(anthropic.BadRequestError, match=r"agent\.tools: cannot be cleared while there are skills"):
        sdk.beta.sessions.create(agent=reference, environment_id=environment)
    without = sdk.beta.sessions.create(agent=reference | {"skills": []}, environment_id=environment)
    assert without.agent.tools == without.agent.skills == []
    session = sdk.beta.sessions.create(agent=agent.id, environment_id=environment)
    with pytest.raises(anthropic.BadRequestError, match=r"agent\.tools: cannot be cleared while there are skills"):
        sdk.beta.sessions.update(session.id, title="t", agent={"tools": []})
    assert sdk.beta.sessions.retrieve(session.id).title is None
    assert sdk.beta.sessions.update(without.id, agent={"tools": []}).agent.tools == []


def test_resources_of_a_session(sdk: anthropic.Anthropic) -> None:
    file = sdk.beta.files.upload(file=("a.csv", b"x"))
    agent, environment = sdk.beta.agents.create(name="a", model="demo"), sdk.beta.environments.create(name="e")
    session = sdk.beta.sessions.create(
        agent=agent.id, environment_id=environment.id,
        resources=[{"type": "file", "file_id": file.id, "mount_path": "/in/a.csv"}],
    )  # fmt: skip
    [first] = session.resources
    assert first.type == "file" and first.mount_path == "/mnt/session/uploads/in/a.csv"
    second = sdk.beta.sessions.resources.add(session.id, file_id=file.id, type="file")
    assert second.mount_path == f"/mnt/session/uploads/{file.id}" and second.file_id != file.id
    assert [one.file_id for one in sdk.beta.sessions.resources.list(session.id, limit=1)] == [
        first.file_id, second.file_id
    ]  # fmt: skip
    assert sdk.beta.sessions.resources.retrieve(second.id, session_id=session.id) == second
    assert {one.id for one in sdk.beta.files.list(scope_id=session.id)} == {first.file_id, second.file_id}
    with pytest.raises(anthropic.BadRequestError, match="authorization_token"):
        sdk.beta.sessions.resources.update(second.id, session_id=session.id, authorization_token="x")
    with pytest.raises(anthropic.BadRequestError, match="is taken"):
        sdk.beta.sessions.resources.add(session.id, file_id=file.id, type="file")
    gone = sdk.beta.sessions.resources.delete(second.id, session_id=session.id)
    assert (gone.id, gone.type) == (second.id, "session_resource_deleted")
    with pytest.raises(anthropic.NotFoundError, match=second.id):
        sdk.beta.sessions.resources.retrieve(second.id, session_id=session.id)
    sdk.beta.sessions.delete(session.id)
    assert list(sdk.beta.files.list(scope_id=session.id)) == []
