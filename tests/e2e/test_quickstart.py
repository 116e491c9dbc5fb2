"""The public quickstart, typed as its readers type it, against the real engine with a scripted model."""

import json
import subprocess
from pathlib import Path

from tests.e2e.ant import COMMAND, Ant

SCRIPT = Path(__file__).with_name("quickstart.sh")


def test_the_quickstart_of_the_official_command_line_runs(tmp_path: Path) -> None:
    ant = Ant(tmp_path)
    model = ant.script(
        {"tools": [{"name": "bash", "input": {"command": "echo 0 1 1 2 3 > fib.txt; cat fib.txt"}}]},
        {"text": "The numbers are in fib.txt."},
    )
    environ = ant.environ | {"MODEL": model, "PATH": f"{Path(COMMAND).parent}:{ant.environ['PATH']}"}
    try:
        done = subprocess.run(
            ["bash", str(SCRIPT)], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=90,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        ant("engine", "stop")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2\nrenamed\nThe numbers are in fib.txt.\n"
    streamed = [json.loads(line)["type"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert {"user.message", "session.status_running"} <= set(streamed)
    assert json.loads((tmp_path / "sent.json").read_text())["data"][0]["type"] == "user.message"
