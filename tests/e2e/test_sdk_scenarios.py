"""The same sessions through the official SDKs: Python, sync and async, in strict mode, and TypeScript on Node.

The TypeScript SDK is installed by its name into a folder of the system's temporary directory, or of
ANT_TEST_NODE_MODULES, and kept there.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
import yaml

from tests.e2e.served import KEY, Served, served

HERE = Path(__file__).parent / "sdk"
SCENARIOS: list[dict[str, Any]] = yaml.safe_load((HERE / "scenarios.yaml").read_text())
NAMES = [scenario["name"] for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("scenarios") / "home") as engine:
        yield engine


def prepared(scenario: dict[str, Any], engine: Served) -> dict[str, Any]:
    """The scenario in the words of the API."""
    path = engine.home / f"scenario-{re.sub(r'[^a-z]', '-', scenario['name'])}.yaml"
    head = {"price_as": scenario["price_as"]} if "price_as" in scenario else {}
    path.write_text(yaml.safe_dump(head | {"turns": scenario["turns"]}))
    return {
        "name": scenario["name"],
        "agent": {"name": scenario["name"], "model": f"script:{path}", "tools": scenario.get("tools", [])},
        "session": {"budget": scenario["budget"]} if "budget" in scenario else {},
        "stream": {"event_deltas": scenario["deltas"]} if "deltas" in scenario else {},
        "steps": [{"send": [event(item) for item in step["send"]], "until": step.get("until")}
                  for step in scenario["steps"]],
    }  # fmt: skip


def event(item: dict[str, Any]) -> dict[str, Any]:
    if "say" in item:
        return {"type": "user.message", "content": [{"type": "text", "text": str(item["say"])}]}
    if "answer" in item:
        content = [{"type": "text", "text": item["text"]}]
        return {"type": "user.custom_tool_result", "custom_tool_use_id": item["answer"], "content": content}
    return item


def check(scenario: dict[str, Any], seen: dict[str, Any]) -> None:
    for number, (step, found) in enumerate(zip(scenario["steps"], seen["steps"], strict=True)):
        where = f"{scenario['name']}, step {number}"
        if "until" in step:
            continue
        assert (found["texts"], found["stop"]) == (step["texts"], step["stop"]), where
        assert found["asks"] == step.get("asks", 0), where
        assert set(step.get("shows", ())) <= set(found["types"]), where
        assert not set(step.get("hides", ())) & set(found["types"]), where
    assert seen["complete"], "the list shows what the stream showed, in its order, each event once"
    assert (seen["outcomes"], seen["status"], seen["threads"]) == (scenario.get("outcomes", []), "idle", ["idle"])


def observation(seen: list[Any]) -> dict[str, Any]:
    stop = getattr(seen[-1], "stop_reason", None)
    return {
        "texts": [event.content[0].text for event in seen if event.type == "agent.message"],
        "stop": stop.type if stop else None,
        "asks": len(getattr(stop, "event_ids", None) or ()),
        "types": sorted({event.type for event in seen}),
    }


def filled(send: list[dict[str, Any]], asked: list[str]) -> Any:
    return json.loads(re.sub(r'"@(\d)"', lambda found: json.dumps(asked[int(found[1])]), json.dumps(send)))


def is_last(event: Any, until: str | None) -> bool:
    return bool(event.type == (until or "session.status_idle"))


def play(client: anthropic.Anthropic, scenario: dict[str, Any]) -> dict[str, Any]:
    beta = client.beta
    agent = beta.agents.create(**scenario["agent"])
    environment = beta.environments.create(name=scenario["name"])
    session = beta.sessions.create(agent=agent.id, environment_id=environment.id, **scenario["session"])
    steps, stamped, asked = [], [], []
    with beta.sessions.events.stream(session.id, **scenario["stream"]) as stream:
        for step in scenario["steps"]:
            beta.sessions.events.send(session.id, events=filled(step["send"], asked))
            seen: list[Any] = []
            for event in stream:
                seen.append(event)
                if getattr(event, "processed_at", None):
                    stamped.append(event.id)  # type: ignore[union-attr]
                if is_last(event, step["until"]):
                    break
            steps.append(observation(seen))
            asked = getattr(getattr(seen[-1], "stop_reason", None), "event_ids", None) or []
    listed = [event.id for event in beta.sessions.events.list(session.id, limit=3)]
    after = beta.sessions.retrieve(session.id)
    return {
        "steps": steps, "complete": listed == stamped, "status": after.status,
        "threads": [thread.status for thread in beta.sessions.threads.list(session.id)],
        "outcomes": [outcome.result for outcome in after.outcome_evaluations],
    }  # fmt: skip


async def play_async(client: anthropic.AsyncAnthropic, scenario: dict[str, Any]) -> dict[str, Any]:
    beta = client.beta
    agent = await beta.agents.create(**scenario["agent"])
    environment = await beta.environments.create(name=scenario["name"])
    session = await beta.sessions.create(agent=agent.id, environment_id=environment.id, **scenario["session"])
    steps, stamped, asked = [], [], []
    async with await beta.sessions.events.stream(session.id, **scenario["stream"]) as stream:
        for step in scenario["steps"]:
            await beta.sessions.events.send(session.id, events=filled(step["send"], asked))
            seen: list[Any] = []
            async for event in stream:
                seen.append(event)
                if getattr(event, "processed_at", None):
                    stamped.append(event.id)  # type: ignore[union-attr]
                if is_last(event, step["until"]):
                    break
            steps.append(observation(seen))
            asked = getattr(getattr(seen[-1], "stop_reason", None), "event_ids", None) or []
    listed = [event.id async for event in beta.sessions.events.list(session.id, limit=3)]
    after = await beta.sessions.retrieve(session.id)
    return {
        "steps": steps, "complete": listed == stamped, "status": after.status,
        "threads": [thread.status async for thread in beta.sessions.threads.list(session.id)],
        "outcomes": [outcome.result for outcome in after.outcome_evaluations],
    }  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_python(engine: Served, scenario: dict[str, Any]) -> None:
    with anthropic.Anthropic(
        base_url=engine.url, api_key=KEY, _strict_response_validation=True, max_retries=0, timeout=30
    ) as client:
        check(scenario, play(client, prepared(scenario, engine)))


def test_python_async(engine: Served) -> None:
    """All of them at once."""

    async def scenario() -> list[dict[str, Any]]:
        async with anthropic.AsyncAnthropic(
            base_url=engine.url, api_key=KEY, _strict_response_validation=True, max_retries=0, timeout=30
        ) as client:
            return await asyncio.gather(*(play_async(client, prepared(item, engine)) for item in SCENARIOS))

    for item, seen in zip(SCENARIOS, asyncio.run(scenario()), strict=True):
        check(item, seen)


@pytest.fixture(scope="session")
def node_modules() -> Path:
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


def test_typescript(engine: Served, node_modules: Path) -> None:
    given = {
        "url": engine.url, "key": KEY, "modules": str(node_modules),
        "scenarios": [prepared(scenario, engine) for scenario in SCENARIOS],
    }  # fmt: skip
    done = subprocess.run(
        ["node", str(HERE / "run.mjs")], input=json.dumps(given), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    *played, missing, unknown = [json.loads(line) for line in done.stdout.splitlines()]
    for scenario, seen in zip(SCENARIOS, played, strict=True):
        check(scenario, seen)
    assert (missing["kind"], missing["status"]) == ("NotFoundError", 404)
    assert (unknown["kind"], unknown["status"]) == ("BadRequestError", 400)
