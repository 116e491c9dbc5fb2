"""Live things become files, files take over live things, and all of it goes again."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ant import COMMAND, Ant
from tests.e2e.config_files import FILES, SECRET, Project, actions

RICH = {
    "agents/rich.yaml": """\
name: Rich
model: {id: claude-opus-5-5, effort: low}
description: Does much.
system: "Ends with a line break.\\n"
tools:
  - type: agent_toolset_20260401
    default_config: {permission_policy: {type: always_ask}}
    configs:
      - {name: bash, enabled: false}
      - {name: read, permission_policy: {type: always_allow}}
  - type: mcp_toolset
    mcp_server_name: tickets
    configs: [{name: find, permission_policy: {type: always_allow}}]
  - type: custom
    name: ask_human
    description: Asks.
    input_schema: {type: object, properties: {what: {type: string, enum: ["", "now"]}}, required: []}
mcp_servers: [{type: url, name: tickets, url: "https://mcp.example.com/v1"}]
multiagent:
  type: multiagent_20261001
  workflows: {type: disabled}
  subagents: {type: enabled, predefined_agents: [{type: self}]}
metadata: {team: "7", on: "yes"}
""",
    "agents/plain.md": "---\nname: Plain\nmodel: claude-opus-5-5\n---\nOne line\n\n---\n\nand a rule.\n",
    "environments/packages.yaml": "name: packages\nconfig: {type: cloud, packages: {pip: [requests==2.32.3]}}\n",
    "environments/own.yaml": "name: own\nconfig: {type: self_hosted}\n",
    "environments/closed.yaml": "name: closed\nconfig: {type: cloud, networking: {type: limited}}\n",
    "deployments/two.yaml": """\
name: Two messages
agent: Plain
environment_id: packages
initial_events:
  - {type: user.message, content: [{type: text, text: First.}]}
  - {type: user.message, content: [{type: text, text: Second.}]}
budget: {type: limit, max_list_cost: {amount: "500", currency: USD}}
metadata: {a: b}
""",
    "vaults/more.yaml": """\
display_name: More
metadata: {of: x}
credentials:
  - auth: {type: static_bearer, mcp_server_url: "https://mcp.example.com/v1", token: "${GITHUB_TOKEN_OF_TEAM}"}
  - auth:
      type: mcp_oauth
      mcp_server_url: https://oauth.example.com
      access_token: ${GITHUB_TOKEN_OF_TEAM}
      refresh:
        client_id: me
        refresh_token: ${GITHUB_TOKEN_OF_TEAM}
        token_endpoint: https://oauth.example.com/token
        token_endpoint_auth: {type: client_secret_basic, client_secret: "${GITHUB_TOKEN_OF_TEAM}"}
""",
}

VARIABLES = [
    "MCP_EXAMPLE_COM_V1", "OAUTH_EXAMPLE_COM", "OAUTH_EXAMPLE_COM_REFRESH", "OAUTH_EXAMPLE_COM_CLIENT_SECRET",
]  # fmt: skip


@pytest.fixture
def ant(tmp_path: Path) -> Iterator[Ant]:
    found = Ant(tmp_path / "home")
    (tmp_path / "home").mkdir()
    yield found
    found.close()


@pytest.fixture
def source(ant: Ant, tmp_path: Path) -> Project:
    """Things on the server that nobody else has files of."""
    found = Project(ant, tmp_path / "source", FILES | RICH)
    found.apply()
    return found


def test_everything_becomes_files_that_plan_sees_as_unchanged(source: Project, tmp_path: Path) -> None:
    copy = Project(source.ant, tmp_path / "copy", {})
    copy.folder.mkdir()
    done = copy("export", "--all", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == len(source.lock()["resources"])
    assert copy.plan("--detailed-exitcode")["changes"] == []
    exported = {name: (copy.folder / name).read_text() for name in copy.files()}
    plain = exported["agents/plain.md"]
    assert plain.startswith("---\nname: Plain\nmodel:\n  id: claude-opus-5-5\n  effort: ")
    assert plain.endswith("\n---\n\nOne line\n\n---\n\nand a rule.\n")
    nightly = exported["deployments/nightly-review.md"]
    assert "agent: ../agents/reviewer.md\n" in nightly
    assert "- path: ../memory_stores/review-notes.yaml\n  access: read_only" in nightly
    assert exported["skills/pr-summary/scripts/size.sh"] == FILES["skills/pr-summary/scripts/size.sh"]
    assert not any(SECRET in text for text in exported.values())
    assert copy.apply() == [] and copy("export", "--all", "-o", "json").stdout == "[]\n"
    _without_memory(copy)
    assert copy.plan("--detailed-exitcode")["changes"] == []


def _without_memory(project: Project) -> None:
    """What the files said when they were applied is forgotten: they must say what the server says."""
    lock = project.lock()
    for entry in lock["resources"].values():
        if entry["kind"] != "skill":
            entry["applied"] = {}
    project.write("claude-lock.json", json.dumps(lock))


def test_an_exported_file_makes_the_same_thing_elsewhere(source: Project, tmp_path: Path) -> None:
    copy = Project(source.ant, tmp_path / "copy", {})
    copy.folder.mkdir()
    for kind, name in (("agent", "Rich"), ("env", "packages"), ("env", "closed"), ("vault", "More")):
        assert copy("export", kind, name).returncode == 0
    (copy.folder / "claude-lock.json").unlink()
    copy.environ |= dict.fromkeys(VARIABLES, "x")
    copy.apply()
    for group, key in (
        ("agents", "./agents/rich.yaml"),
        ("envs", "./environments/packages.yaml"),
        ("envs", "./environments/closed.yaml"),
    ):
        made, original = copy.live(group, key), source.live(group, key)
        assert made["id"] != original["id"]
        for one in (made, original):
            for name in ("id", "created_at", "updated_at"):
                one.pop(name)
        assert _with_own_id(made) == _with_own_id(original)
    made, original = (
        [found["auth"] for found in source.ant.json("vaults", "credentials", "list", project.id("./vaults/more.yaml"))]
        for project in (copy, source)
    )
    assert made == original and len(made) == 2


def _with_own_id(thing: dict[str, Any]) -> dict[str, Any]:
    if thing.get("multiagent"):
        assert thing["multiagent"]["subagents"]["predefined_agents"].pop()["type"] == "agent"  # itself
    return thing


def test_one_thing_is_exported_and_refers_by_id_to_what_has_no_file(source: Project, tmp_path: Path) -> None:
    copy = Project(source.ant, tmp_path / "copy", {})
    copy.folder.mkdir()
    assert copy("export", "agent", "Lead").returncode == 0
    assert copy.files() == ["agents/lead.md", "claude-lock.json"]
    assert f"id: {source.id('./agents/reviewer.md')}" in (copy.folder / "agents/lead.md").read_text()
    assert copy.apply() == []


def test_an_export_over_a_file_takes_force_and_ends_a_drift(source: Project) -> None:
    source.ant("agents", "update", source.id("./agents/plain.md"), "--system", "As somebody said")
    refused = source("export", "agent", "Plain")
    assert refused.returncode == 2 and "--force" in refused.stderr
    assert source("export", "agent", "Plain", "--force").returncode == 0
    assert (source.folder / "agents/plain.md").read_text().endswith("---\n\nAs somebody said\n")
    changes = source.plan()["changes"]
    assert [change["file"] for change in changes] == ["./deployments/two.yaml"]  # it was pinned to the version before
    source.apply()
    assert source.apply() == []


def test_a_file_takes_over_what_is_there(source: Project, tmp_path: Path) -> None:
    copy = Project(source.ant, tmp_path / "copy", FILES | {"vaults/more.yaml": RICH["vaults/more.yaml"]})
    planned = copy("plan")
    assert "agent 'Reviewer' is there already" in planned.stderr and "ant import agent" in planned.stderr
    for kind, name in (
        ("skill", "pr-summary"), ("env", "review-env"), ("memory-store", "Review notes"), ("vault", "Team"),
        ("vault", "More"), ("agent", "Reviewer"), ("agent", "Lead"), ("deployment", "Nightly review"),
    ):  # fmt: skip
        done = copy("import", kind, name)
        assert done.returncode == 0, done.stderr
    assert len(copy.lock()["resources"]) == 11
    assert copy.plan("--detailed-exitcode")["changes"] == []
    copy.edit("agents/reviewer.md", "Be brief", "Be kind")
    assert actions(copy.apply())[0] == ("updated", "./agents/reviewer.md")
    again = copy("import", "agent", "Reviewer")
    assert again.returncode == 1 and "tracked already" in again.stderr


def test_an_import_needs_one_file_that_fits(source: Project, tmp_path: Path) -> None:
    copy = Project(
        source.ant,
        tmp_path / "copy",
        {
            "agents/x.md": FILES["agents/lead.md"]
            .replace("Lead", "Other")
            .replace("./reviewer.md", source.id("./agents/reviewer.md"))
        },
    )
    refused = copy("import", "agent", "Lead", "-p", "local")
    assert refused.returncode == 0, refused.stderr  # there is no other file of an agent
    assert [field["field"] for field in copy.plan()["changes"][0]["fields"]] == ["name"]
    missing = copy("import", "env", "review-env")
    assert missing.returncode == 2 and "ant export" in missing.stderr
    assert copy("import", "robot", "Lead").returncode == 2
    assert copy("import", "agent", "Nobody").returncode == 4


def test_all_goes_in_the_end_and_the_files_stay(source: Project) -> None:
    files = source.files()
    assert source("destroy").returncode == 2
    done = source("destroy", "--yes", "-o", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) == 17 and rows[0]["kind"] == "deployment" and rows[-1]["action"] == "deleted"
    assert source.lock()["resources"] == {} and source.files() == files
    for group in ("agents", "envs", "skills", "vaults", "memory-stores", "deployments"):
        assert source.ant.json(group, "list") == [], group
    assert source("destroy", "--yes").returncode == 0
    assert len(source.apply()) == 17


def test_on_a_terminal_it_asks_first(source: Project) -> None:
    source.edit("environments/cloud.yaml", "For reviews.", "For all.")
    for answer, code in (("n\n", 1), ("y\n", 0)):
        outside, inside = pty.openpty()
        running = subprocess.Popen(
            [COMMAND, "apply"], cwd=source.folder, env=source.environ | {"TERM": "xterm"},
            stdin=inside, stdout=inside, stderr=inside,
        )  # fmt: skip
        os.close(inside)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(outside, 4096)
        assert b"~ update   environment" in shown and b"\x1b[3" in shown
        os.write(outside, answer.encode())
        assert running.wait(30) == code
        os.close(outside)
    assert source.apply() == []
