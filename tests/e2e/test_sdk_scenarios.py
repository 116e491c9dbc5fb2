"""The same sessions through the official SDKs: Python, sync and async, in strict mode, and TypeScript on Node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import pytest
import yaml

from tests.e2e.blocking import blocking
from tests.e2e.sdk import scripts
from tests.e2e.sdk.play import play
from tests.e2e.served import KEY, Served, served

SCENARIOS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "sdk/scenarios.yaml").read_text())
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
    watch = scenario.get("watch", "session")
    idle = {"session": "session.status_idle", "thread": "session.thread_status_idle"}[watch]
    return {
        "name": scenario["name"],
        "agent": {"name": scenario["name"], "model": f"script:{path}", "tools": scenario.get("tools", [])},
        "session": {"budget": scenario["budget"]} if "budget" in scenario else {},
        "stream": {"event_deltas": scenario["deltas"]} if "deltas" in scenario else {},
        "watch": watch,
        "steps": [{"send": [event(item) for item in step["send"]], "until": step.get("until", idle)}
                  for step in scenario["steps"]],
        **{name: scenario.get(name, {}) for name in ("files", "memories", "variables")},
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
        assert found["previews"] == (step["texts"] if "deltas" in scenario else []), where
        assert found["asks"] == step.get("asks", 0), where
        assert set(step.get("shows", ())) <= set(found["types"]), where
        assert not set(step.get("hides", ())) & set(found["types"]), where
    listed = seen["listed"][: len(seen["streamed"])] if scenario.get("watch") == "thread" else seen["listed"]
    assert listed == seen["streamed"], "the list shows what the stream showed, in its order, each event once"
    assert (seen["outcomes"], seen["status"], seen["threads"]) == (scenario.get("outcomes", []), "idle", ["idle"])
    left = {"files": {}, "memories": {}, "versions": []} | scenario.get("leaves", {})
    assert seen["files"] == {name: hexadecimal(content) for name, content in left["files"].items()}
    assert (seen["memories"], sorted(seen["versions"])) == (left["memories"], sorted(left["versions"]))
    for name, secret in scenario.get("variables", {}).items():
        assert name in seen["answers"] and secret not in seen["answers"]


def hexadecimal(content: str | bytes | None) -> str | None:
    return (content.encode() if isinstance(content, str) else content).hex() if content is not None else None


def options(engine: Served) -> dict[str, Any]:
    return {
        "base_url": engine.url, "api_key": KEY, "_strict_response_validation": True, "max_retries": 0, "timeout": 30,
    }  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_python(engine: Served, scenario: dict[str, Any]) -> None:
    with anthropic.Anthropic(**options(engine)) as client:
        check(scenario, play(client, prepared(scenario, engine)))


def test_python_async(engine: Served) -> None:
    """All of them at once."""
    ready = [prepared(scenario, engine) for scenario in SCENARIOS]
    with blocking(anthropic.AsyncAnthropic(**options(engine))) as client, ThreadPoolExecutor(len(ready)) as threads:
        played = list(threads.map(lambda scenario: play(client, scenario), ready))
    for scenario, seen in zip(SCENARIOS, played, strict=True):
        check(scenario, seen)


def test_typescript(engine: Served) -> None:
    given = {"url": engine.url, "key": KEY, "scenarios": [prepared(item, engine) for item in SCENARIOS]}
    told = scripts.typescript("play", given)
    *played, missing, unknown = [json.loads(line) for line in told.splitlines()]
    for scenario, seen in zip(SCENARIOS, played, strict=True):
        check(scenario, seen)
    assert (missing["kind"], missing["status"]) == ("NotFoundError", 404)
    assert (unknown["kind"], unknown["status"]) == ("BadRequestError", 400)
