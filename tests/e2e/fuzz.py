"""Requests made up by schemathesis from /openapi.json, against a real engine that holds one of each thing.

`python -m tests.e2e.fuzz --examples 160` makes some 10,000 of them. Each answer must fit its documented shape, and none
may be a 5xx.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from tests.e2e.served import KEY, Served, served

CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"
# Streams do not end, and a poll waits for work.
WITHOUT_END = "/stream$|/work/poll$"
PERSISTENT = {  # what the path parameters of requests lead to; deleting is fuzzed on things that links make
    "agent_id": ("/v1/agents", {"name": "fuzzed", "model": "demo"}),
    "environment_id": ("/v1/environments", {"name": "fuzzed"}),
    "vault_id": ("/v1/vaults", {"display_name": "fuzzed"}),
    "memory_store_id": ("/v1/memory_stores", {"name": "fuzzed"}),
    "user_profile_id": ("/v1/user_profiles", {"name": "fuzzed"}),
}


def fuzz(engine: Served, examples: int, seed: int) -> tuple[int, int, str]:
    """Exit code of schemathesis, the number of requests, its report."""
    config = engine.home / "schemathesis.toml"
    config.write_text(_parameters(engine.url))
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run",
            f"{engine.url}/openapi.json", "--header", f"x-api-key: {KEY}", "--checks", CHECKS,
            "--phases", "fuzzing,stateful", "--max-examples", str(examples), "--seed", str(seed),
            "--exclude-path-regex", WITHOUT_END, "--request-timeout", "10", "--suppress-health-check", "all",
            "--generation-deterministic", "--continue-on-failure", "--no-color",
        ],
        capture_output=True, text=True, cwd=engine.home,
    )  # fmt: skip
    report = run.stdout + run.stderr
    made = re.search(r"(\d+) generated", report)
    return run.returncode, int(made[1]) if made else 0, report


def _parameters(url: str) -> str:
    lines = ["[parameters]"]
    with httpx.Client(base_url=url, headers={"x-api-key": KEY}, trust_env=False) as client:
        for name, (path, body) in PERSISTENT.items():
            made = client.post(path, json=body)
            lines.append(f'"path.{name}" = "{made.raise_for_status().json()["id"]}"')
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=160, help="requests an operation and phase, at most")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "home", "--sandbox", "none") as engine:
        code, made, report = fuzz(engine, given.examples, given.seed)
        print(report)
        print((engine.home / "serve.log").read_text())
    print(f"{made} requests")
    sys.exit(code)


if __name__ == "__main__":
    main()
