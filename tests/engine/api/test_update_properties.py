"""Any sequence of updates keeps the rules of updates; any walk over pages sees each object once."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
counter = itertools.count()

TOOLSET = {"type": "agent_toolset_20260401"}
RESOLVED = TOOLSET | {
    "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}}, "configs": [],
}  # fmt: skip
updates = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b"]),
        "description": st.sampled_from([None, "", "d"]),
        "system": st.sampled_from([None, "", "s"]),
        "tools": st.sampled_from([None, [], [TOOLSET]]),
        "metadata": st.dictionaries(st.sampled_from("xyz"), st.sampled_from([None, "1", "2"]), max_size=3),
        "model": st.sampled_from(["m", "n", {"id": "m", "effort": "low"}, {"id": "n", "speed": "fast"}]),
        "version": st.sampled_from(["current", "stale"]),
    },
)


def expected(agent: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """The rules in other words than the engine's."""
    after = dict(agent)
    for name in ("description", "system"):
        if name in update:
            after[name] = update[name] if update[name] else None
    if "name" in update:
        after["name"] = update["name"]
    if "tools" in update:
        after["tools"] = [RESOLVED for _ in update["tools"] or []]
    if "metadata" in update:
        merged = {**agent["metadata"], **update["metadata"]}
        after["metadata"] = {key: value for key, value in merged.items() if value is not None}
    if "model" in update:
        model = update["model"] if isinstance(update["model"], dict) else {"id": update["model"]}
        kept = agent["model"]["effort"] if model["id"] == agent["model"]["id"] else {"type": "high"}
        effort = {"type": model["effort"]} if "effort" in model else kept
        after["model"] = {
            "id": model["id"], "effort": effort, "inference_geo": None, "speed": model.get("speed", "standard"),
        }  # fmt: skip
    return after


@quick
@given(st.lists(updates, min_size=1, max_size=8))
def test_any_sequence_of_agent_updates_keeps_the_rules(http: httpx.Client, sequence: list[dict[str, Any]]) -> None:
    agent = http.post("/v1/agents", json={"name": "a", "model": "m"}).json()
    versions = {1: agent}
    for update in sequence:
        version = {"current": agent["version"], "stale": agent["version"] + 1}.get(update.get("version", ""))
        response = http.post(f"/v1/agents/{agent['id']}", json=update | ({"version": version} if version else {}))
        if update.get("version") == "stale":
            assert response.status_code == 409
            continue
        assert response.status_code == 200, response.text
        found, wanted = response.json(), expected(agent, update)
        changed = wanted != agent
        assert {name: found[name] for name in found if name not in ("version", "updated_at")} == {
            name: wanted[name] for name in wanted if name not in ("version", "updated_at")
        }
        assert found["version"] == agent["version"] + changed
        assert changed or found == agent
        versions[found["version"]] = agent = found
    assert http.get(f"/v1/agents/{agent['id']}").json() == agent
    listed = http.get(f"/v1/agents/{agent['id']}/versions", params={"limit": 100}).json()["data"]
    assert listed == [versions[number] for number in sorted(versions, reverse=True)]


deeds = st.lists(st.sampled_from(["create", "delete the newest", "delete the oldest", "walk"]), min_size=2, max_size=8)


@quick
@given(st.integers(2, 6), st.integers(1, 3), deeds, st.sampled_from(["asc", "desc"]))
def test_a_walk_over_sessions_sees_each_once_whatever_is_made_and_deleted_meanwhile(
    http: httpx.Client, walked: str, count: int, limit: int, deeds: list[str], order: str
) -> None:
    agent = http.post("/v1/agents", json={"name": f"walked {next(counter)}", "model": "m"}).json()["id"]
    alive: list[str] = []

    def make() -> None:
        body = {"agent": agent, "environment_id": walked}
        alive.append(http.post("/v1/sessions", json=body).json()["id"])

    for _ in range(count):
        make()
    steady = set(alive)
    seen: list[str] = []
    query: dict[str, Any] = {"agent_id": agent, "limit": limit, "order": order}
    steps = iter(deeds)
    previous: list[str] = []
    disturbed = False
    while True:
        body = http.get("/v1/sessions", params=query).json()
        ids = [found["id"] for found in body["data"]]
        if body["prev_page"] and not disturbed:  # the way back is the same way
            back = http.get("/v1/sessions", params=query | {"page": body["prev_page"]}).json()
            assert [found["id"] for found in back["data"]] == previous[-limit:]
        seen += ids
        previous += ids
        if body["next_page"] is None:
            break
        query["page"] = body["next_page"]
        step = next(steps, "walk")
        disturbed = disturbed or step != "walk"
        match step:
            case "create":
                make()
            case "delete the newest" if alive:
                http.delete(f"/v1/sessions/{alive.pop()}")
            case "delete the oldest" if alive:
                http.delete(f"/v1/sessions/{alive.pop(0)}")
        steady &= set(alive)
    assert len(set(seen)) == len(seen), "seen twice"
    assert steady <= set(seen), "not seen"


@quick
@given(st.integers(2, 6), st.integers(1, 3), deeds)
def test_a_walk_over_environments_sees_each_once(http: httpx.Client, count: int, limit: int, deeds: list[str]) -> None:
    for found in http.get("/v1/environments", params={"limit": 100, "include_archived": "true"}).json()["data"]:
        http.delete(f"/v1/environments/{found['id']}")

    def make() -> str:
        return str(http.post("/v1/environments", json={"name": "w"}).json()["id"])

    alive = [make() for _ in range(count)]
    steady, seen, steps = set(alive), [], iter(deeds)
    query: dict[str, Any] = {"limit": limit}
    while True:
        body = http.get("/v1/environments", params=query).json()
        seen += [found["id"] for found in body["data"]]
        if body["next_page"] is None:
            break
        query["page"] = body["next_page"]
        match next(steps, "walk"):
            case "create":
                alive.append(make())
            case "delete the newest" if alive:
                http.delete(f"/v1/environments/{alive.pop()}")
            case "delete the oldest" if alive:
                http.delete(f"/v1/environments/{alive.pop(0)}")
        steady &= set(alive)
    assert len(set(seen)) == len(seen) and steady <= set(seen)


@pytest.fixture(scope="module")
def walked(http: httpx.Client) -> str:
    return str(http.post("/v1/environments", json={"name": "walked"}).json()["id"])
