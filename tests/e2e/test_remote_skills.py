"""Skills at addresses of GitHub, through the installed command, a real engine and a GitHub on loopback."""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from antcli.config_as_code import github as client_module
from antcli.config_as_code import skill_archive
from antcli.config_as_code.github import parsed
from antcli.config_as_code.remote_skills import RemoteSkills
from antcli.errors import AntError, UsageError
from tests.e2e.ant import Ant
from tests.e2e.config_files import Project, actions
from tests.fakes.github import GitHub, github

ADDRESS = "https://github.com/owner/skills/tree/main/document-skills/pdf"
TOKEN = "ghp_a-token-of-github"
PDF = {
    "README.md": "# Skills\n",
    "document-skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Reads PDFs.\n---\nRead them.\n",
    "document-skills/pdf/scripts/read.py": "print(1)\n",
    "document-skills/docx/SKILL.md": "---\nname: docx\ndescription: Reads documents.\n---\nRead them.\n",
}
NEWER = PDF | {"document-skills/pdf/scripts/read.py": "print(2)\n"}
AGENT = "---\nname: Reader\nmodel: claude-opus-5-5\nskills:\n  - {}\n---\nYou read.\n"


@pytest.fixture
def hub() -> Iterator[GitHub]:
    with github() as found:
        yield found


@pytest.fixture
def project(ant: Ant, hub: GitHub, tmp_path: Path) -> Project:
    found = Project(ant, tmp_path / "project", {"agents/reader.md": AGENT.format(ADDRESS)})
    found.environ |= {"ANT_GITHUB_API_URL": hub.url, "ANT_CACHE_DIR": str(tmp_path / "cache")}
    return found


def pinned(project: Project, address: str = ADDRESS) -> str:
    return str(project.lock()["resources"][address]["commit"])


def test_a_skill_is_fetched_pinned_and_used(project: Project, hub: GitHub) -> None:
    commit = hub.repository().commit(PDF)
    shown = project("plan")
    assert f"commit: {commit[:10]}" in shown.stdout and ADDRESS in shown.stdout and "2 to create" in shown.stdout
    assert actions(project.apply()) == [("created", ADDRESS), ("created", "./agents/reader.md")]
    assert pinned(project) == commit
    entry = project.lock()["resources"][ADDRESS]
    skill = project.ant.json("agents", "get", project.id("./agents/reader.md"))["skills"][0]
    assert (skill["skill_id"], skill["version"]) == (entry["id"], entry["version"])
    saved = ("skills", "versions", "download", entry["id"], entry["version"], "-O", "skill.zip")
    assert project(*saved).returncode == 0
    with zipfile.ZipFile(project.folder / "skill.zip") as uploaded:
        assert sorted(uploaded.namelist()) == ["pdf/SKILL.md", "pdf/scripts/read.py"]
    assert [path for host, path, _ in hub.asked if host == "api"].count(f"/repos/owner/skills/tarball/{commit}") == 1


def test_a_pinned_skill_in_the_cache_needs_no_network_and_stays(project: Project, hub: GitHub) -> None:
    first = hub.repository().commit(PDF)
    project.apply()
    hub.repository().commit(NEWER)
    hub.asked.clear()
    project.environ["ANT_GITHUB_API_URL"] = "http://127.0.0.1:9"
    assert project.apply() == [] and pinned(project) == first and hub.asked == []
    assert project("plan", "--upgrade").returncode == 5


def test_upgrade_moves_the_pin(project: Project, hub: GitHub) -> None:
    first = hub.repository().commit(PDF)
    project.apply()
    second = hub.repository().commit(NEWER)
    shown = project("plan", "--upgrade")
    assert f"commit: {first[:10]} -> {second[:10]}" in shown.stdout and "a new version" in shown.stdout
    assert project.plan()["changes"] == [] and project.plan("--upgrade")["changes"][0]["commit"] == second
    assert actions(project.apply("--upgrade")) == [("updated", ADDRESS), ("updated", "./agents/reader.md")]
    assert pinned(project) == second and project.apply() == []
    third = hub.repository().commit(NEWER | {"README.md": "elsewhere"})
    assert actions(project.apply("--upgrade")) == [("moved", ADDRESS)]
    assert pinned(project) == third and project.apply("--upgrade") == []


def test_a_cache_that_is_lost_is_filled_with_the_same_commit(project: Project, hub: GitHub, tmp_path: Path) -> None:
    first = hub.repository().commit(PDF)
    project.apply()
    hub.repository().commit(NEWER)
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert project.apply() == [] and pinned(project) == first


def test_a_cache_that_was_changed_is_not_used(project: Project, hub: GitHub, tmp_path: Path) -> None:
    hub.repository().commit(PDF)
    project.apply()
    [script] = (tmp_path / "cache").rglob("read.py")
    script.write_text("print('something else')\n")
    assert project.apply() == []
    assert [path.read_text() for path in (tmp_path / "cache").rglob("read.py")] == ["print(1)\n"]


def test_an_address_that_leaves_the_files_is_pruned(project: Project, hub: GitHub) -> None:
    hub.repository().commit(PDF)
    project.apply()
    project.edit("agents/reader.md", f"skills:\n  - {ADDRESS}\n", "")
    assert f"{ADDRESS} is gone" in project("plan").stdout
    assert ("deleted", ADDRESS) in actions(project.apply("--prune"))


def test_another_branch_is_the_same_skill(project: Project, hub: GitHub) -> None:
    hub.repository().commit(PDF)
    project.apply()
    id = project.id(ADDRESS)
    commit = hub.repository().commit(NEWER, "feature/new-reader")
    other = ADDRESS.replace("/main/", "/feature/new-reader/")
    project.edit("agents/reader.md", ADDRESS, other)
    assert ("updated", other) in actions(project.apply())
    assert project.id(other) == id and pinned(project, other) == commit and ADDRESS not in project.lock()["resources"]


def test_two_skills_of_a_repository_are_fetched_at_once(project: Project, hub: GitHub) -> None:
    hub.repository().commit(PDF)
    project.write("agents/other.md", AGENT.format(ADDRESS.replace("pdf", "docx")).replace("Reader", "Other"))
    assert len(project.apply()) == 4
    assert [host for host, *_ in hub.asked].count("files") == 1


def test_export_keeps_the_address(project: Project, hub: GitHub) -> None:
    hub.repository().commit(PDF)
    project.apply()
    done = project("export", "--all", "--force")
    assert done.returncode == 0, done.stderr
    assert ADDRESS in (project.folder / "agents/reader.md").read_text() and project.apply() == []
    assert project("export", "skill", project.id(ADDRESS)).returncode == 2


def test_a_private_repository_needs_the_token_which_goes_to_the_api_alone(
    project: Project, hub: GitHub, tmp_path: Path
) -> None:
    commit = hub.repository(token=TOKEN).commit(PDF)
    refused = project("plan")
    assert refused.returncode == 4 and "GITHUB_TOKEN" in refused.stderr and "agents/reader.md, line 5" in refused.stderr
    project.environ["GITHUB_TOKEN"] = TOKEN
    done = project("apply", "--yes", "--debug", "-v")
    assert done.returncode == 0 and pinned(project) == commit
    assert {authorization for host, _, authorization in hub.asked if host == "files"} == {None}
    assert f"Bearer {TOKEN}" in {authorization for host, _, authorization in hub.asked if host == "api"}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert all(
        secret not in done.stdout + done.stderr and secret.encode() not in kept for secret in (TOKEN, "temporary")
    )


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ((403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1893456000"}, b"{}"), 5, "Set GITHUB_TOKEN"),
        ((429, {"retry-after": "60"}, b"{}"), 5, "how often"),
        ((401, {}, b'{"message": "Bad credentials"}'), 3, "GITHUB_TOKEN"),
        ((404, {}, b"{}"), 4, "GitHub has no owner/skills/tree/main"),
        ((500, {"x-should-retry": "false"}, b"oh"), 5, "500"),
        ((200, {}, b"<html>"), 5, "no commit"),
        ((302, {"location": "http://example.com/x"}, b""), 2, "over https"),
        ((302, {"location": "/again"}, b""), 5, "302"),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_what_github_refuses_is_told(project: Project, hub: GitHub, answer: Any, code: int, says: str) -> None:
    hub.answer = answer
    done = project("plan")
    assert (done.returncode, done.stdout) == (code, "") and says in done.stderr, done.stderr
    assert "agents/reader.md, line 5: skills.0: " in done.stderr


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = kind, target
    return entry


SKILL = "document-skills/pdf"
UNSAFE = {
    "a link": ({f"{SKILL}/x": special(tarfile.SYMTYPE, "/etc/passwd")}, {}, "a link"),
    "a hard link": ({f"{SKILL}/x": special(tarfile.LNKTYPE, "README.md")}, {}, "a link"),
    "a device": ({f"{SKILL}/x": special(tarfile.CHRTYPE)}, {}, "device"),
    "a way out": ({f"{SKILL}/../../../x": "x"}, {}, "leads out"),
    "a way out elsewhere": ({"other/../../x": "x"}, {}, "leads out"),
    "an absolute path": ({}, {"top": "/"}, "leads out"),
    "a name twice": ({f"{SKILL}/SKILL.md/": "x", f"{SKILL}/SKILL.md/x": "x"}, {}, "cannot be written"),
    "another commit": ({}, {"comment": "0" * 40}, "another commit"),
}


@pytest.fixture
def skills(hub: GitHub, tmp_path: Path) -> Iterator[RemoteSkills]:
    environ = {"ANT_GITHUB_API_URL": hub.url, "ANT_CACHE_DIR": str(tmp_path / "cache")}
    with closing(RemoteSkills(environ, {}, upgrade=False)) as found:
        yield found


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() or path.name.startswith(".new-")]


@pytest.mark.parametrize("case", UNSAFE)
def test_an_archive_is_not_trusted(hub: GitHub, skills: RemoteSkills, tmp_path: Path, case: str) -> None:
    files, archive, says = UNSAFE[case]
    hub.repository().commit(PDF | files, **archive)
    with pytest.raises(UsageError, match=says):
        skills.fetch(ADDRESS)
    assert leftovers(tmp_path) == []


def test_a_link_elsewhere_in_the_repository_is_no_harm(hub: GitHub, skills: RemoteSkills) -> None:
    hub.repository().commit(PDF | {"docs/latest": special(tarfile.SYMTYPE, "../x")})
    assert sorted(os.listdir(skills.fetch(ADDRESS).folder)) == ["SKILL.md", "scripts"]


@pytest.mark.parametrize(
    ("module", "limit", "value", "says"),
    [
        (skill_archive, "LARGEST_SKILL", 10, "MB"), (skill_archive, "MOST_FILES", 1, "files"),
        (skill_archive, "LARGEST_REPOSITORY", 100, "unpacked"), (skill_archive, "MOST_ENTRIES", 1, "files"),
        (client_module, "LARGEST_ARCHIVE", 10, "MB"),
    ],
)  # fmt: skip
def test_sizes_are_bounded(
    hub: GitHub, skills: RemoteSkills, tmp_path: Path, monkeypatch: Any, module: Any, limit: str, value: int, says: str
) -> None:
    hub.repository().commit(PDF)
    monkeypatch.setattr(module, limit, value)
    with pytest.raises(UsageError, match=says):
        skills.fetch(ADDRESS)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("cut", [0, 40, -20])
def test_half_an_archive_is_none(hub: GitHub, skills: RemoteSkills, tmp_path: Path, cut: int) -> None:
    repository = hub.repository()
    commit = repository.commit(PDF | {f"{SKILL}/noise": os.urandom(50_000)})
    repository.commits[commit] = repository.commits[commit][:cut]
    with pytest.raises(UsageError, match="half of one"):
        skills.fetch(ADDRESS)
    assert leftovers(tmp_path) == []


def test_a_folder_without_a_skill(hub: GitHub, skills: RemoteSkills) -> None:
    hub.repository().commit(PDF)
    with pytest.raises(UsageError, match="no skill at"):
        skills.fetch(ADDRESS.replace("/pdf", "/nothing"))


def test_a_repository_that_is_a_skill_itself_and_a_commit_in_the_address(hub: GitHub, skills: RemoteSkills) -> None:
    commit = hub.repository("owner/one").commit({"SKILL.md": PDF[f"{SKILL}/SKILL.md"]})
    whole = skills.fetch("https://github.com/owner/one")
    assert whole.folder.name == "one" and whole.commit == commit
    hub.repository().commit(NEWER)
    old = hub.repository().commit(PDF, "old")
    hub.asked.clear()
    assert skills.fetch(ADDRESS.replace("/main/", f"/{old}/")).commit == old
    assert not any("/commits/" in path for _, path, _ in hub.asked)


@pytest.mark.parametrize(
    "text",
    [
        "http://github.com/o/r/tree/main/s", "https://gitlab.com/o/r/tree/main/s", "https://github.com/o",
        "https://github.com/o/r/blob/main/s/SKILL.md", "https://github.com/o/r/tree/main/../s",
        "https://github.com/o/../tree/main/s", "https://github.com/o/r/tree/main/s?x=1", "https://github.com/o/r/tree/main//s",
        "https://github.com.example.com/o/r", "https://user:pw@github.com/o/r",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        parsed(text)


def test_no_token_on_an_open_road(tmp_path: Path) -> None:
    environ = {"ANT_GITHUB_API_URL": "http://example.com", "GITHUB_TOKEN": TOKEN, "ANT_CACHE_DIR": str(tmp_path)}
    with pytest.raises(AntError, match="over https") as caught:
        RemoteSkills(environ, {}, upgrade=False).fetch(ADDRESS)
    assert TOKEN not in json.dumps([caught.value.message, caught.value.hint])
