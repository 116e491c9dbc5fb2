"""A project of files that declares one thing of each kind, and `ant` at work in it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.ant import COMMAND, Ant

FILES = {
    "agents/reviewer.md": """\
---
name: Reviewer
model: claude-opus-5-5
tools:
  - type: agent_toolset_20260401
skills:
  - ../skills/pr-summary
metadata: {team: core}
---

You review pull requests.

Be brief.
""",
    "agents/lead.md": """\
---
name: Lead
model: {id: claude-opus-5-5, effort: low}
multiagent:
  type: coordinator
  agents:
    - ./reviewer.md
---
You coordinate.
""",
    "skills/pr-summary/SKILL.md": "---\nname: pr-summary\ndescription: Summarise a pull request.\n---\nBe short.\n",
    "skills/pr-summary/scripts/size.sh": "git diff --stat\n",
    "environments/cloud.yaml": """\
# yaml-language-server: $schema=https://example.com/environment.json
name: review-env
description: For reviews.
config:
  type: cloud
  networking: {type: unrestricted}
""",
    "memory_stores/notes.yaml": "name: Review notes\ndescription: What we learned.\n",
    "vaults/team.yaml": """\
display_name: Team
credentials:
  - display_name: GitHub
    auth:
      type: environment_variable
      secret_name: GITHUB_TOKEN
      secret_value: ${GITHUB_TOKEN_OF_TEAM}
      networking: {type: limited, allowed_hosts: [api.github.com]}
""",
    "deployments/nightly.md": """\
---
name: Nightly review
agent: ../agents/reviewer.md
environment_id: ../environments/cloud.yaml
vault_ids: [Team]
resources:
  - path: ../memory_stores/notes.yaml
    access: read_only
schedule: {type: cron, expression: "0 3 * * *", timezone: Europe/Vienna}
---

Review what is open.
""",
    "README.md": "# Not a declaration\n",
    ".github/workflows/ci.yml": "type: agent\n",
    "package.json": '{"name": "x", "type": "module"}\n',
}
SECRET = "a-secret-that-is-nowhere"


class Project:
    """Files in `folder`, and commands run in it."""

    def __init__(self, ant: Ant, folder: Path, files: dict[str, str] = FILES) -> None:
        self.ant = ant
        self.folder = folder
        self.environ = ant.environ | {"GITHUB_TOKEN_OF_TEAM": SECRET}
        for name, text in files.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments], capture_output=True, text=True, env=self.environ, timeout=60, cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments], env=self.environ, cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def apply(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """What was done, as `action file`."""
        done = self("apply", "--yes", "-o", "jsonl", *arguments)
        assert done.returncode == code, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def plan(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = self("plan", "-o", "json", *arguments)
        assert done.returncode == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def lock(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "claude-lock.json").read_text())
        return found

    def id(self, key: str) -> str:
        return str(self.lock()["resources"][key]["id"])

    def live(self, group: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ant.json(group, "get", self.id(key))
        return found

    def files(self) -> list[str]:
        return sorted(os.path.relpath(path, self.folder) for path in self.folder.rglob("*") if path.is_file())


def actions(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["action"], row["file"]) for row in rows]
