"""A connection that breaks in place of an answer: the command asks again, and the engine does it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.ant import Ant
from tests.e2e.served import KEY, served
from tests.fakes.holding_proxy import Proxy, proxy_before


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with served(tmp_path / "engine") as engine, proxy_before(engine.url) as proxy:
        yield proxy


def test_what_a_command_makes_is_made_once(proxy: Proxy, tmp_path: Path) -> None:
    ant = Ant(tmp_path / "home", ANTHROPIC_BASE_URL=proxy.url, ANTHROPIC_API_KEY=KEY)
    proxy.drop = "POST /v1/agents"
    agent = ant.json("agents", "create", "--name", "once", "--model", "demo")["id"]
    assert proxy.passed.count("POST /v1/agents") == 2
    assert [found["id"] for found in ant.json("agents", "list")] == [agent]
    environment = ant.json("envs", "create", "--name", "e")["id"]
    deployment = ant.json(
        "deployments", "create", "--name", "d", "--agent", agent, "--env", environment,
        "--initial-event", '{"type": "user.message", "content": [{"type": "text", "text": "Go."}]}',
    )["id"]  # fmt: skip
    proxy.drop = f"POST /v1/deployments/{deployment}/run"
    run = ant.json("deployments", "run", deployment)["id"]
    assert proxy.passed.count(f"POST /v1/deployments/{deployment}/run") == 2
    assert [found["id"] for found in ant.json("deployment-runs", "list", "--deployment-id", deployment)] == [run]
