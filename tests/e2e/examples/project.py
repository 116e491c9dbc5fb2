"""The folder in which examples are run: the files that they name, in a git repository with a change."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SKILL = "---\nname: pdf-forms\ndescription: Fills in the forms of a PDF.\n---\nRead the form first.\n"
BEARER = "type: static_bearer\ntoken: secret-1\nmcp_server_url: https://mcp.example.com/new\n"
MESSAGE = "{type: user.message, content: [{type: text, text: Look at what is new.}]}\n"
EDITOR = """#!/bin/sh
sed -i.bak 's/^description: .*/description: Edited/' "$1"
"""

FILES = {
    "task.md": "Read the README and say what is missing.\n",
    "task.yaml": MESSAGE,
    "rubric.md": "The report names its sources.\n",
    "prompt.md": "You write in short sentences.\n",
    "style.md": "Short sentences. No jargon.\n",
    "notes.md": "What we know.\n",
    "README.md": "# A project\n",
    "listing.txt": "a.csv\nb.csv\n",
    "change.diff": "-old\n+new\n",
    "data.csv": "a,b\n1,2\n",
    "sales.csv": "region,sales\nnorth,3\nsouth,5\n",
    "report.csv": "name,rows\na,2\n",
    "token.txt": "t-2",
    "key.txt": "sk-example-1\n",
    "ca.pem": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    "github.yaml": BEARER,
    "credential.yaml": "display_name: linear\nauth:\n  " + BEARER.replace("\n", "\n  ").rstrip() + "\n",
    "action.yaml": "{type: enroll_end_user}\n",
    "batch.yaml": "custom_id: one\nparams: {model: claude-opus-5-5, max_tokens: 100, messages: []}\n",
    "request.yaml": "model: claude-opus-5-5\nmax_tokens: 100\nmessages: [{role: user, content: Hello}]\n",
    "agents/reviewer.md": "---\nname: reviewer\nmodel: claude-opus-5-5\n---\nYou review changes.\n",
    "environments/tests.yaml": "name: tests\nconfig: {type: cloud}\n",
    "pdf-forms/SKILL.md": SKILL,
    "pdf-forms/fill.py": "print('filled')\n",
    "fib.yaml": "",  # from the README
}


def project(folder: Path, fib: str) -> Path:
    """Makes the folder. `fib` is the script of the README."""
    for name, text in (FILES | {"fib.yaml": fib}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for editor in ("vi", "nano"):
        path = folder / "bin" / editor
        path.parent.mkdir(exist_ok=True)
        path.write_text(EDITOR)
        path.chmod(0o755)
    _commit(folder)
    (folder / "README.md").write_text("# A better project\n")
    return folder


def _commit(folder: Path) -> None:
    who = {f"GIT_{role}_{part}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    for words in (["init", "-q", "--template="], ["add", "README.md"], ["commit", "-q", "-m", "First"]):
        subprocess.run(["git", "-C", str(folder), *words], env=os.environ | who, check=True)
