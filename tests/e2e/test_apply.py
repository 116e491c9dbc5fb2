"""Configuration as files, through the installed command and a real engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.ant import Ant
from tests.e2e.config_files import FILES, SECRET, Project, actions
from tests.e2e.served import KEY, Served, served
from tests.fakes.holding_proxy import Proxy, proxy_before

EVERYTHING = [
    "./skills/pr-summary", "./environments/cloud.yaml", "./memory_stores/notes.yaml", "./vaults/team.yaml",
    "./vaults/team.yaml#GITHUB_TOKEN", "./agents/reviewer.md", "./agents/lead.md", "./deployments/nightly.md",
]  # fmt: skip

TOOLS = "tools:\n  - type: agent_toolset_20260401\n"
SKILLS = "skills:\n  - ../skills/pr-summary\n"
MEMORY = "resources:\n  - path: ../memory_stores/notes.yaml\n    access: read_only\n"

BEARER = """\
  - auth: {type: static_bearer, mcp_server_url: "https://mcp.example.com", token: "${GITHUB_TOKEN_OF_TEAM}"}
  - display_name: GitHub
"""
DEPLOYMENT = """\
name: d
agent: {path: ../../helper.md}
environment_id: e
initial_events: [{type: user.message, content: [{type: text, text: Go.}]}]
"""


@pytest.fixture
def project(ant: Ant, tmp_path: Path) -> Project:
    return Project(ant, tmp_path)


@pytest.fixture
def applied(project: Project) -> Project:
    project.apply()
    return project


def test_a_plan_shows_what_would_be_made_and_makes_nothing(project: Project) -> None:
    before = project.files()
    shown = project("plan")
    assert shown.returncode == 0, shown.stderr
    assert "+ create   agent" in shown.stdout and "skills: [../skills" not in shown.stdout
    assert "Plan: 8 to create; 0 unchanged." in shown.stdout
    whole = project("plan", "-v").stdout
    assert "secret_value: ${GITHUB_TOKEN_OF_TEAM}" in whole and SECRET not in whole
    assert [change["file"] for change in project.plan()["changes"]] == EVERYTHING
    assert project("plan", "--detailed-exitcode").returncode == 10
    assert project.files() == before


def test_all_is_made_in_order_and_refers_to_each_other(applied: Project) -> None:
    deployment = applied.live("deployments", "./deployments/nightly.md")
    assert deployment["agent"] == {"type": "agent", "id": applied.id("./agents/reviewer.md"), "version": 1}
    assert deployment["environment_id"] == applied.id("./environments/cloud.yaml")
    assert deployment["vault_ids"] == [applied.id("./vaults/team.yaml")]
    assert deployment["resources"][0]["memory_store_id"] == applied.id("./memory_stores/notes.yaml")
    assert deployment["initial_events"][0]["content"] == [{"type": "text", "text": "Review what is open."}]
    agent = applied.live("agents", "./agents/reviewer.md")
    assert agent["system"] == "You review pull requests.\n\nBe brief."
    assert agent["skills"][0]["skill_id"] == applied.id("./skills/pr-summary")
    roster = applied.live("agents", "./agents/lead.md")["multiagent"]["agents"]
    assert roster == [{"type": "agent", "id": agent["id"], "version": 1}]
    assert SECRET not in (applied.folder / "claude-lock.json").read_text()
    credentials = applied.ant.json("vaults", "credentials", "list", applied.id("./vaults/team.yaml"))
    assert [found["auth"]["secret_name"] for found in credentials] == ["GITHUB_TOKEN"]


def test_a_second_apply_does_nothing(applied: Project) -> None:
    lock = applied.lock()
    assert applied.apply() == []
    assert applied.lock() == lock
    assert applied("plan", "--detailed-exitcode").returncode == 0
    assert applied("plan").stdout == "No changes: 8 things are as the files say.\n"
    assert applied.live("agents", "./agents/reviewer.md")["version"] == 1


def test_a_change_reaches_what_refers_to_it(applied: Project) -> None:
    applied.edit("agents/reviewer.md", "Be brief", "Be thorough")
    changes = applied.plan()["changes"]
    assert [(change["action"], change["file"]) for change in changes] == [
        ("update", "./agents/reviewer.md"), ("update", "./agents/lead.md"), ("update", "./deployments/nightly.md"),
    ]  # fmt: skip
    assert [field["field"] for field in changes[0]["fields"]] == ["system"]
    shown = applied("plan").stdout
    assert "-Be brief." in shown and "+Be thorough." in shown
    applied.apply()
    assert applied.live("agents", "./agents/reviewer.md")["version"] == 2
    assert applied.live("deployments", "./deployments/nightly.md")["agent"]["version"] == 2
    assert applied.apply() == []


def test_a_skill_gets_a_new_version_and_its_agent_with_it(applied: Project) -> None:
    before = applied.live("agents", "./agents/reviewer.md")["skills"][0]["version"]
    applied.write("skills/pr-summary/scripts/size.sh", "git diff --shortstat\n")
    assert actions(applied.apply())[0] == ("updated", "./skills/pr-summary")
    after = applied.live("agents", "./agents/reviewer.md")["skills"][0]["version"]
    assert after != before and after == applied.lock()["resources"]["./skills/pr-summary"]["version"]
    assert applied.apply() == []


def test_a_field_that_leaves_the_file_is_cleared_and_one_that_was_never_there_stays(applied: Project) -> None:
    id = applied.id("./agents/reviewer.md")
    applied.ant("agents", "update", id, "--description", "Set elsewhere")
    applied.edit("agents/reviewer.md", "metadata: {team: core}", "metadata: {area: web}")
    applied.edit(
        "agents/reviewer.md", "tools:\n  - type: agent_toolset_20260401\nskills:\n  - ../skills/pr-summary\n", ""
    )
    applied.apply()
    agent = applied.live("agents", "./agents/reviewer.md")
    assert (agent["tools"], agent["skills"], agent["metadata"]) == ([], [], {"area": "web"})
    assert agent["description"] == "Set elsewhere"
    assert applied.apply() == []


def test_drift_is_shown_and_refused_unless_it_is_forced(applied: Project) -> None:
    id = applied.id("./agents/reviewer.md")
    applied.ant("agents", "update", id, "--system", "Somebody else")
    refused = applied("apply", "--yes")
    assert refused.returncode == 1 and "changed outside" in refused.stderr and "--force" in refused.stderr
    assert refused.stdout == "" and "drifted" in refused.stderr
    plan = applied.plan(code=1)
    assert plan["changes"][0]["fields"][0]["drifted"] and plan["blocked"][0]["file"] == "./agents/reviewer.md"
    assert applied.live("agents", "./agents/reviewer.md")["system"] == "Somebody else"
    applied.apply("--force")
    assert applied.live("agents", "./agents/reviewer.md")["system"].startswith("You review")
    assert applied.apply() == []


def test_the_same_change_on_both_sides_is_no_drift(applied: Project) -> None:
    applied.ant("envs", "update", applied.id("./environments/cloud.yaml"), "--description", "Both said so.")
    applied.edit("environments/cloud.yaml", "For reviews.", "Both said so.")
    assert applied.apply() == []


def test_what_was_archived_elsewhere_is_made_again_when_forced(applied: Project) -> None:
    id = applied.id("./memory_stores/notes.yaml")
    applied.ant("memory-stores", "archive", id)
    assert "archived outside" in applied("plan").stderr
    done = actions(applied.apply("--force"))
    assert ("created", "./memory_stores/notes.yaml") in done and ("updated", "./deployments/nightly.md") in done
    assert applied.id("./memory_stores/notes.yaml") != id
    assert applied.apply() == []


def test_what_left_the_files_stays_until_it_is_pruned(applied: Project) -> None:
    ids = {key: applied.id(key) for key in ("./agents/lead.md", "./deployments/nightly.md")}
    for key in ids:
        (applied.folder / key).unlink()
    assert "./agents/lead.md is gone; what it declared stays." in applied("plan").stdout
    assert applied.apply() == []
    assert actions(applied.apply("--prune")) == [
        ("archived", "./deployments/nightly.md"), ("archived", "./agents/lead.md"),
    ]  # fmt: skip
    assert applied.ant.json("agents", "get", ids["./agents/lead.md"])["archived_at"]
    assert sorted(applied.lock()["resources"]) == sorted(key for key in EVERYTHING if key not in ids)
    assert applied.apply("--prune") == []


def test_only_the_named_files_are_pruned_or_changed(applied: Project) -> None:
    applied.edit("environments/cloud.yaml", "For reviews.", "For tests.")
    for key in ("./agents/lead.md", "./deployments/nightly.md"):
        (applied.folder / key).unlink()
    assert actions(applied.apply("agents", "--prune")) == [("archived", "./agents/lead.md")]
    assert actions(applied.apply("environments")) == [("updated", "./environments/cloud.yaml")]
    assert applied.live("deployments", "./deployments/nightly.md")["archived_at"] is None


def test_a_file_that_moves_stays_what_it_is(applied: Project) -> None:
    before = applied.id("./agents/reviewer.md")
    (applied.folder / "agents/reviewer.md").rename(applied.folder / "agents/critic.md")
    for name in ("agents/lead.md", "deployments/nightly.md"):
        applied.edit(name, "reviewer.md", "critic.md")
    assert actions(applied.apply()) == [("moved", "./agents/critic.md")]
    assert applied.id("./agents/critic.md") == before and "./agents/reviewer.md" not in applied.lock()["resources"]
    applied.edit("agents/critic.md", "name: Reviewer", "name: Critic")
    assert actions(applied.apply())[0] == ("updated", "./agents/critic.md")
    assert applied.live("agents", "./agents/critic.md")["name"] == "Critic"


def test_a_vault_moves_with_its_credentials(applied: Project) -> None:
    (applied.folder / "vaults/team.yaml").rename(applied.folder / "vaults/crew.yaml")
    assert actions(applied.apply("--prune")) == [
        ("moved", "./vaults/crew.yaml"), ("moved", "./vaults/crew.yaml#GITHUB_TOKEN"),
    ]  # fmt: skip
    assert applied.apply("--prune") == []


def test_a_file_that_was_named_once_is_not_passed_over_later(ant: Ant, tmp_path: Path) -> None:
    text = "---\nname: h\nmodel: claude-opus-5-5\n---\nHelp.\n"
    project = Project(ant, tmp_path, {"helper.md": text, "one.yaml": "type: environment\nname: one\n"})
    assert [row["file"] for row in project.apply("helper.md", "one.yaml")] == ["./one.yaml", "./helper.md"]
    assert project.apply("--prune") == []
    project.write("helper.md", text.replace("Help.", "Help me."))
    assert actions(project.apply("--prune")) == [("updated", "./helper.md")]
    project.write("one.yaml", "type: environment\nname: [\n")
    refused = project("apply", "--prune", "--yes")
    assert refused.returncode == 2 and "one.yaml, line" in refused.stderr


def test_what_cannot_be_changed_is_replaced(applied: Project) -> None:
    before = applied.id("./environments/cloud.yaml")
    applied.write("environments/cloud.yaml", "name: review-env\nconfig: {type: self_hosted}\n")
    applied.edit("deployments/nightly.md", "vault_ids: [Team]\n", "")  # has a variable, which no worker gets
    done = actions(applied.apply())
    assert done[0] == ("replaced", "./environments/cloud.yaml") and done[-1][0] == "archived"
    deployment = applied.live("deployments", "./deployments/nightly.md")
    assert deployment["environment_id"] == applied.id("./environments/cloud.yaml") != before
    assert applied.ant.json("envs", "get", before)["archived_at"]
    assert applied.apply() == []


def test_a_failure_in_the_middle_is_told_and_a_rerun_goes_on(project: Project) -> None:
    project.edit("agents/reviewer.md", "- type: agent_toolset_20260401", "- type: agent_toolset\n")
    stopped = project("apply", "--yes", "-o", "jsonl")
    assert len(stopped.stdout.splitlines()) == 5
    error = json.loads(stopped.stderr.splitlines()[-1])["error"]
    assert error["message"].startswith("./agents/reviewer.md, line 5: create failed: tools.0")
    assert stopped.returncode == 2 and "begun" not in project.lock()
    assert "5 of 8 changes" in error["hint"]
    project.edit("agents/reviewer.md", "- type: agent_toolset\n", "- type: agent_toolset_20260401")
    assert [row["file"] for row in project.apply()] == EVERYTHING[5:]
    assert project.apply() == []


def test_a_reader_that_goes_away_does_not_stop_it(project: Project) -> None:
    running = project.start("apply", "--yes")
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    assert running.wait(60) == 0 and "Traceback" not in running.stderr.read()
    running.stderr.close()
    assert project.apply() == []


def test_two_applies_at_once_are_refused(project: Project) -> None:
    import fcntl
    import os

    folder = os.open(project.folder, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_SH)
    refused = project("apply", "--yes")
    os.close(folder)
    assert refused.returncode == 1 and "Another run" in refused.stderr
    assert project("plan").returncode == 0


def test_without_a_terminal_it_wants_a_yes(project: Project) -> None:
    refused = project("apply")
    assert refused.returncode == 2 and "--yes" in refused.stderr and "claude-lock.json" not in project.files()


def test_a_lock_file_of_another_server_is_refused(applied: Project) -> None:
    lock = applied.lock()
    lock["origin"] = {"base_url": "https://api.example.com"}
    applied.write("claude-lock.json", json.dumps(lock))
    refused = applied("plan")
    assert refused.returncode == 1 and "--lock-file" in refused.stderr
    assert applied("plan", "--lock-file", "other-lock.json", "--detailed-exitcode").returncode == 10


def test_nothing_there_at_all_means_the_wrong_server(applied: Project, tmp_path: Path) -> None:
    lock = applied.lock()
    for entry in lock["resources"].values():
        entry["id"] = entry["id"][:-4] + "0000"
        if "within" in entry:
            entry["within"] = entry["within"][:-4] + "0000"
    applied.write("claude-lock.json", json.dumps(lock))
    assert "ant profile show" in applied("plan").stderr


def test_a_changed_secret_is_sent_when_it_is_asked_for(applied: Project) -> None:
    applied.environ["GITHUB_TOKEN_OF_TEAM"] = "another"
    assert applied.apply() == []
    assert actions(applied.apply("--send-secrets")) == [("updated", "./vaults/team.yaml#GITHUB_TOKEN")]
    del applied.environ["GITHUB_TOKEN_OF_TEAM"]
    refused = applied("plan", "--send-secrets")
    assert refused.returncode == 2 and "GITHUB_TOKEN_OF_TEAM is not set" in refused.stderr


def test_credentials_that_leave_the_vault_are_pruned_and_others_replaced(applied: Project) -> None:
    applied.edit("vaults/team.yaml", "  - display_name: GitHub\n    auth:", f"{BEARER}    auth:")
    applied.edit("vaults/team.yaml", "secret_name: GITHUB_TOKEN", "secret_name: GH_TOKEN")
    assert actions(applied.apply("--prune")) == [
        ("created", "./vaults/team.yaml#GH_TOKEN"), ("created", "./vaults/team.yaml#https://mcp.example.com"),
        ("archived", "./vaults/team.yaml#GITHUB_TOKEN"),
    ]  # fmt: skip
    before = applied.id("./vaults/team.yaml#https://mcp.example.com")
    applied.edit("vaults/team.yaml", "type: static_bearer", "type: mcp_oauth")
    applied.edit("vaults/team.yaml", ", token:", ", access_token:")
    key = "./vaults/team.yaml#https://mcp.example.com"
    assert actions(applied.apply()) == [("archived", f"(replaced {before})"), ("replaced", key)]
    assert applied.apply() == [] and applied.id(key) != before


def test_files_of_all_forms_are_read(ant: Ant, tmp_path: Path) -> None:
    agent = {"type": "agent", "model": "claude-opus-5-5", "skills": ["skills/*"]}
    project = Project(ant, tmp_path, {
        "all.yaml": "type: agent\nname: a\nmodel: claude-opus-5-5\n---\ntype: environment\nname: e\n",
        "things.json": json.dumps(agent | {"name": "j"}, indent="\t"),
        "environment_staging.md": "---\nname: s\n---\nFor staging.\n",
        "deep/deployments/d.yaml": DEPLOYMENT,
        "helper.md": "---\nname: h\nmodel: claude-opus-5-5\n---\nHelp.\n",
        "skills/one/SKILL.md": "---\nname: one\ndescription: d\n---\n",
        "skills/two/SKILL.md": "---\nname: two\ndescription: d\n---\n",
        "values.yaml": "type: object\n", "broken.yaml": "a: [", "node_modules/x/agents/n.md": "---\nname: n\n---\n",
    })  # fmt: skip
    files = [row["file"] for row in project.apply()]
    assert sorted(files) == [
        "./all.yaml#a", "./all.yaml#e", "./deep/deployments/d.yaml", "./environment_staging.md", "./helper.md",
        "./skills/one", "./skills/two", "./things.json",
    ]  # fmt: skip
    assert len(project.live("agents", "./things.json")["skills"]) == 2
    assert project.live("envs", "./environment_staging.md")["description"] == "For staging."
    assert project("plan", "values.yaml").returncode == 2 and project("plan", "none.yaml").returncode == 2
    assert project.apply() == []


def test_a_lock_file_of_the_official_command_line_is_taken_over(applied: Project) -> None:
    lock = applied.lock()
    lock["origin"]["organization_id"] = "1b0c2a4d"
    for entry in lock["resources"].values():
        del entry["applied"], entry["remote"]
    del lock["resources"]["./vaults/team.yaml#GITHUB_TOKEN"]
    applied.write("claude-lock.json", json.dumps(lock))
    (applied.folder / "vaults/team.yaml").write_text("display_name: Team\n")
    assert applied.plan()["changes"] == []
    applied.edit("agents/reviewer.md", "Be brief", "Be bold")
    assert actions(applied.apply())[0] == ("updated", "./agents/reviewer.md")
    assert applied.lock()["origin"]["organization_id"] == "1b0c2a4d" and applied.apply() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("agents/reviewer.md", "model:", "modle:", ("line 3", "modle", "`model`")),
        ("agents/reviewer.md", "../skills/pr-summary", "https://example.com/o/r/tree/main/s", ("line 7", "no address")),
        ("agents/reviewer.md", "skills:", "model: x\nskills:", ("line 6", "`model` is said twice")),
        ("agents/reviewer.md", "name: Reviewer\n", "", ("agents/reviewer.md", "`name`")),
        ("agents/reviewer.md", "{team: core}", "{team: 7}", ("line 8", "metadata", "quotes")),
        (
            "agents/reviewer.md",
            "../skills/pr-summary",
            "../skills/nowhere",
            ("line 7", "skills.0", "../skills/nowhere"),
        ),
        ("agents/reviewer.md", "tools:", "tools: x", ("line 5",)),
        (
            "agents/lead.md",
            "./reviewer.md",
            "../environments/cloud.yaml",
            ("line 7", "multiagent.agents.0", "environment"),
        ),
        ("deployments/nightly.md", "[Team]", "[Nobody]", ("line 5", "vault_ids.0", "Nobody")),
        ("environments/cloud.yaml", "name: review-env", "name: [", ("environments/cloud.yaml, line",)),
        ("vaults/team.yaml", "${GITHUB_TOKEN_OF_TEAM}", "plain-text", ("line 7", "auth.secret_value", "${NAME}")),
    ],
)
def test_a_bad_file_is_named_with_line_and_field(
    project: Project, name: str, old: str, new: str, said: tuple[str, ...]
) -> None:
    project.edit(name, old, new)
    refused = project("plan")
    assert refused.returncode == 2 and refused.stdout == ""
    for word in said:
        assert word in refused.stderr, refused.stderr
    assert "plain-text" not in refused.stderr


def test_a_circle_of_references_is_refused(project: Project) -> None:
    project.edit("agents/reviewer.md", "metadata: {team: core}", "multiagent: {type: coordinator, agents: [Lead]}")
    refused = project("plan")
    assert refused.returncode == 2 and "circle" in refused.stderr


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served")) as found:
        yield found


def kill_apply(project: Project, proxy: Proxy, held: str) -> None:
    """`kill -9` when the server has done what this request asks for, and `ant` does not know."""
    proxy.hold = held
    running = project.start("apply", "--yes")
    assert proxy.held.wait(30)
    running.kill()
    running.communicate()
    proxy.hold = ""


@pytest.mark.parametrize(
    "held",
    ["POST /v1/skills", "POST /v1/environments", "POST /v1/vaults", "POST /v1/agents", "POST /v1/deployments"],
)
def test_a_run_that_is_killed_after_the_server_acted_makes_nothing_twice(
    engine: Served, tmp_path: Path, held: str
) -> None:
    with proxy_before(engine.url) as proxy:
        ant = Ant(tmp_path / "home", ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_API_KEY=KEY)
        unique = tmp_path.name.replace("_", "-")
        files = {name: text.replace("pr-summary", unique) for name, text in FILES.items()}
        project = Project(
            ant, tmp_path / "project", {name.replace("pr-summary", unique): files[name] for name in files}
        )
        kill_apply(project, proxy, held)
        first = [passed for passed in proxy.passed if passed.startswith("POST")]
        project.apply()
        every = [passed for passed in proxy.passed if passed.startswith("POST")]
        assert len(every) == len(EVERYTHING) and every.count(held) == first.count(held) + (held == "POST /v1/agents")
        assert project.apply() == [] and "begun" not in project.lock()


@pytest.mark.parametrize("lost", ["POST /v1/skills", "POST /v1/environments", "POST /v1/agents"])
def test_an_answer_that_is_lost_makes_nothing_twice(engine: Served, tmp_path: Path, lost: str) -> None:
    with proxy_before(engine.url) as proxy:
        ant = Ant(tmp_path / "home", ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_API_KEY=KEY)
        project = Project(ant, tmp_path / "project")
        proxy.drop = lost
        project.apply()
        assert proxy.drop == ""
        assert len([passed for passed in proxy.passed if passed.startswith("POST")]) == len(EVERYTHING)
        assert project.apply() == []


@pytest.mark.parametrize("gone", [False, True])
def test_a_run_that_is_killed_while_it_replaces_goes_on(engine: Served, tmp_path: Path, gone: bool) -> None:
    """Also when somebody has deleted meanwhile what it was about to archive."""
    with proxy_before(engine.url) as proxy:
        ant = Ant(tmp_path / "home", ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_API_KEY=KEY)
        project = Project(ant, tmp_path / "project", {"environments/e.yaml": "name: e\nconfig: {type: cloud}\n"})
        project.apply()
        before = project.id("./environments/e.yaml")
        project.edit("environments/e.yaml", "cloud", "self_hosted")
        kill_apply(project, proxy, "POST /v1/environments")
        if gone:
            assert ant("envs", "delete", before).returncode == 0
        assert actions(project.apply()) == [
            ("adopted", "./environments/e.yaml"), ("archived", f"(replaced {before})"),
        ]  # fmt: skip
        assert project.live("envs", "./environments/e.yaml")["config"] == {"type": "self_hosted"}
        assert proxy.passed.count("POST /v1/environments") == 2 and project.apply() == []


def test_a_run_that_was_killed_does_not_take_over_what_was_there_before(engine: Served, tmp_path: Path) -> None:
    with proxy_before(engine.url) as proxy:
        ant = Ant(tmp_path / "home", ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_API_KEY=KEY)
        project = Project(ant, tmp_path / "project", {"environments/e.yaml": "name: namesake\n"})
        before = ant.json("envs", "create", "--name", "namesake")["id"]
        kill_apply(project, proxy, "POST /v1/environments")
        (made,) = {env["id"] for env in ant.json("envs", "list") if env["name"] == "namesake"} - {before}
        assert ant("envs", "delete", made).returncode == 0
        assert actions(project.apply()) == [("created", "./environments/e.yaml")]
        assert project.id("./environments/e.yaml") != before


def test_a_run_that_is_killed_while_it_changes_goes_on(engine: Served, tmp_path: Path) -> None:
    with proxy_before(engine.url) as proxy:
        ant = Ant(tmp_path / "home", ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_API_KEY=KEY)
        project = Project(
            ant,
            tmp_path / "project",
            {"agents/a.md": FILES["agents/reviewer.md"].replace("skills:\n  - ../skills/pr-summary\n", "")},
        )
        project.apply()
        project.edit("agents/a.md", "Be brief", "Be exact")
        kill_apply(project, proxy, f"POST /v1/agents/{project.id('./agents/a.md')}")
        assert actions(project.apply()) == [("adopted", "./agents/a.md")]
        assert project.live("agents", "./agents/a.md")["version"] == 2
        assert project.apply() == []
        shutil.rmtree(project.folder)
