"""Scripts on Node with the TypeScript SDK, which is installed by its name into a folder of the system's temporary
directory, or of ANT_TEST_NODE_MODULES, and kept there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def run(script: str, **given: Any) -> str:
    """What a script beside this file prints, when it reads `given` as JSON on its stdin."""
    done = subprocess.run(
        ["node", str(Path(__file__).with_name(script))], input=json.dumps(given | {"modules": str(_modules())}),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _modules() -> Path:
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
