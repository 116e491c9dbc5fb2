from __future__ import annotations

import json
import subprocess
import sys

import pytest

from antcli.official_operations import OFFICIAL
from antcli.operations import OPERATIONS, Field, operation
from antcli.own_operations import OWN

# One line a path: its methods, then the path.
EXPECTED = """
GET/POST /v1/agents
GET/POST /v1/agents/{agent_id}
POST /v1/agents/{agent_id}/archive
GET /v1/agents/{agent_id}/versions
GET/POST /v1/environments
DELETE/GET/POST /v1/environments/{environment_id}
POST /v1/environments/{environment_id}/archive
GET/POST /v1/environments/{environment_id}/work/{work_id}
GET /v1/environments/{environment_id}/work
POST /v1/environments/{environment_id}/work/{work_id}/ack
POST /v1/environments/{environment_id}/work/{work_id}/heartbeat
GET /v1/environments/{environment_id}/work/poll
GET /v1/environments/{environment_id}/work/stats
POST /v1/environments/{environment_id}/work/{work_id}/stop
GET/POST /v1/sessions
DELETE/GET/POST /v1/sessions/{session_id}
POST /v1/sessions/{session_id}/archive
DELETE/GET/POST /v1/sessions/{session_id}/resources/{resource_id}
GET/POST /v1/sessions/{session_id}/resources
GET/POST /v1/sessions/{session_id}/events
GET /v1/sessions/{session_id}/events/stream
GET /v1/sessions/{session_id}/threads/{thread_id}
GET /v1/sessions/{session_id}/threads
POST /v1/sessions/{session_id}/threads/{thread_id}/archive
GET /v1/sessions/{session_id}/threads/{thread_id}/events
GET /v1/sessions/{session_id}/threads/{thread_id}/stream
GET/POST /v1/vaults
DELETE/GET/POST /v1/vaults/{vault_id}
POST /v1/vaults/{vault_id}/archive
GET/POST /v1/vaults/{vault_id}/credentials
DELETE/GET/POST /v1/vaults/{vault_id}/credentials/{credential_id}
POST /v1/vaults/{vault_id}/credentials/{credential_id}/archive
POST /v1/vaults/{vault_id}/credentials/{credential_id}/mcp_oauth_validate
GET/POST /v1/memory_stores
DELETE/GET/POST /v1/memory_stores/{memory_store_id}
POST /v1/memory_stores/{memory_store_id}/archive
GET/POST /v1/memory_stores/{memory_store_id}/memories
DELETE/GET/POST /v1/memory_stores/{memory_store_id}/memories/{memory_id}
GET /v1/memory_stores/{memory_store_id}/memory_versions/{memory_version_id}
GET /v1/memory_stores/{memory_store_id}/memory_versions
POST /v1/memory_stores/{memory_store_id}/memory_versions/{memory_version_id}/redact
GET/POST /v1/skills
DELETE/GET /v1/skills/{skill_id}
GET/POST /v1/skills/{skill_id}/versions
DELETE/GET /v1/skills/{skill_id}/versions/{version}
GET /v1/skills/{skill_id}/versions/{version}/content
GET/POST /v1/files
DELETE/GET /v1/files/{file_id}
GET /v1/files/{file_id}/content
GET/POST /v1/deployments
GET/POST /v1/deployments/{deployment_id}
POST /v1/deployments/{deployment_id}/archive
POST /v1/deployments/{deployment_id}/pause
POST /v1/deployments/{deployment_id}/run
POST /v1/deployments/{deployment_id}/unpause
GET /v1/deployment_runs/{deployment_run_id}
GET /v1/deployment_runs
GET/POST /v1/dreams
GET /v1/dreams/{dream_id}
POST /v1/dreams/{dream_id}/archive
POST /v1/dreams/{dream_id}/cancel
GET /v1/models/{model_id}
GET /v1/models
GET/POST /v1/user_profiles
DELETE/GET/POST /v1/user_profiles/{user_profile_id}
POST /v1/user_profiles/{user_profile_id}/enrollment_url
POST /v1/user_profiles/{user_profile_id}/action_urls
"""

BETAS = {
    "managed-agents-2026-04-01": {"agents", "environments", "sessions", "vaults", "deployments", "deployment_runs"},
    "agent-memory-2026-07-22": {"memory_stores"},
    "dreaming-2026-04-21": {"dreams"},
    "user-profiles-2026-08-18": {"user_profiles"},
    None: {"skills", "files", "models"},
}


def test_the_table_is_the_whole_api() -> None:
    pairs = [(method, path) for line in EXPECTED.split("\n") if line for methods, path in [line.split()]
             for method in methods.split("/")]  # fmt: skip
    assert len(pairs) == 104
    assert sorted((entry.method, entry.path) for entry in OPERATIONS.values()) == sorted(pairs)


def test_names_say_where_a_path_leads() -> None:
    for name, entry in OPERATIONS.items():
        assert entry.name == name and operation(name) is entry
        words = [part for part in entry.path.split("/")[2:] if not part.startswith("{")]
        family = name.split(".")[:-1]
        assert words[0] == family[0]
        assert not entry.path.endswith("/")
    with pytest.raises(KeyError):
        operation("agents.delete")


def test_every_family_sends_its_beta_header() -> None:
    for beta, families in BETAS.items():
        assert {entry.name.split(".")[0] for entry in OPERATIONS.values() if entry.beta == beta} == families


def test_what_the_official_command_line_has_besides() -> None:
    assert not set(OFFICIAL) & set(OPERATIONS)
    assert {name.split(".")[0] for name in OFFICIAL} == {"completions", "messages", "tunnels", "beta"}
    paths = {(entry.method, entry.path) for entry in OPERATIONS.values()}
    for name, entry in OFFICIAL.items():
        assert entry.name == name and operation(name) is entry
        if not name.startswith(("completions", "messages", "tunnels", "beta.messages")):
            assert (entry.method, entry.path) in paths  # an older form of what there is
    assert operation("beta.files.list").beta == "files-api-2025-04-14"
    assert operation("beta.skills.versions.list").beta == "skills-2025-10-02"
    assert operation("beta.messages.batches.list").beta == "message-batches-2024-09-24"
    assert operation("beta.messages.create").beta is operation("messages.create").beta is None
    assert [field.name for field in operation("beta.skills.create").body] == ["files", "display_title"]
    assert operation("beta.skills.versions.create").body == operation("skills.versions.create").body


def test_shapes() -> None:
    kinds = {
        kind: {name for name, entry in OPERATIONS.items() if getattr(entry, kind)}
        for kind in ("stream", "binary", "multipart", "headers")
    }
    assert kinds == {
        "stream": {"sessions.events.stream", "sessions.threads.events.stream"},
        "binary": {"files.download", "skills.versions.download"},
        "multipart": {"files.upload", "skills.create", "skills.versions.create"},
        "headers": {"environments.work.poll"},
    }
    pages = {name: entry.pages for name, entry in OPERATIONS.items() if entry.pages}
    assert {name for name in OPERATIONS if name.endswith(".list")} == set(pages)
    assert {name: kind for name, kind in pages.items() if kind != "cursor"} == {
        "sessions.list": "bidirectional",
        "models.list": "id",
    }
    for name in pages:
        fields = {field.name for field in operation(name).query}
        assert {"limit", "after_id" if name == "models.list" else "page"} <= fields


def test_fields_are_complete_and_typed() -> None:
    kinds = ("string", "integer", "number", "boolean", "datetime", "map", "object", "any", "file")
    types = {f"{type}{many}" for type in kinds for many in ("", "[]")}
    for entry in (*OPERATIONS.values(), *OFFICIAL.values()):
        inner = [field for outer in entry.body for field in outer.inner]
        assert {field.type for field in inner} <= types
        for fields in (entry.query, entry.body, entry.headers):
            assert len({field.name for field in fields}) == len(fields)
            assert {field.type for field in fields} <= types
        assert entry.method == "POST" or not entry.body
    assert operation("sessions.retrieve").path_params == ("session_id",)
    assert operation("skills.versions.download").path_params == ("skill_id", "version")
    assert operation("agents.create").body[:3] == (
        Field("model", "any", required=True), Field("name", required=True), Field("description", nullable=True),
    )  # fmt: skip
    statuses = next(field for field in operation("sessions.list").query if field.name == "statuses")
    assert statuses == Field("statuses", "string[]", choices=("rescheduling", "running", "idle", "terminated"))
    with_body = {name for name, entry in OPERATIONS.items() if entry.body}
    assert {"sessions.events.send", "agents.update", "environments.work.stop"} <= with_body
    assert not {"agents.archive", "deployments.run"} & with_body


def test_importing_the_table_is_light() -> None:
    script = "import sys, json; import antcli.operations; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "antcli.operation_bodies" not in loaded
    assert not loaded & {"dataclasses", "pydantic", "httpx", "typer"}


def test_what_only_our_engine_has_is_served_and_told() -> None:
    from antcli.differences import page
    from antcli.engine.api.routes import ROUTES

    assert not set(OWN) & {*OPERATIONS, *OFFICIAL}
    served = {(method, route.path) for route in ROUTES for method in route.methods or ()}
    for name, entry in OWN.items():
        assert entry.name == name and operation(name) is entry
        assert (entry.method, entry.path) in served
        assert f"`{entry.path.replace('{environment_id}', '{id}').removesuffix('/{key_id}')}`" in page()
