"""The scripts beside this file, in the languages of the SDKs: they read JSON on stdin and print.

The TypeScript SDK is installed by its name into a folder of the system's temporary directory, or of
ANT_TEST_NODE_MODULES, and kept there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def python(name: str, given: dict[str, Any], inside: Sequence[str] = ()) -> str:
    """What it prints; `inside` is a command that runs the rest of its arguments."""
    return _printed([*inside, sys.executable, "-m", f"tests.e2e.sdk.{name}"], given)


def typescript(name: str, given: dict[str, Any], inside: Sequence[str] = ()) -> str:
    return _printed([*inside, "node", str(HERE / f"{name}.mjs")], given | {"modules": str(modules())})


@contextlib.contextmanager
def started(name: str, given: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """One in TypeScript that goes on reading and printing lines until the context ends."""
    given = given | {"modules": str(modules())}
    with subprocess.Popen(
        ["node", str(HERE / f"{name}.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdin is not None
        print(json.dumps(given), file=process.stdin, flush=True)
        yield process


def _printed(command: Sequence[str], given: dict[str, Any]) -> str:
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def modules() -> Path:
    """Where the TypeScript SDK is. Skips the test where there is no Node."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    default = Path(tempfile.gettempdir()) / f"ant-test-node-{os.getuid()}"
    folder = Path(os.environ.get("ANT_TEST_NODE_MODULES") or default)
    folder.mkdir(mode=0o700, exist_ok=True, parents=True)
    assert folder.stat().st_uid == os.getuid(), f"{folder} belongs to somebody else"
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules/@anthropic-ai/sdk/package.json").exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "@anthropic-ai/sdk"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
    return folder
