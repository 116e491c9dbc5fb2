from __future__ import annotations

from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types.beta import BetaManagedAgentsAgent

from tests.engine.api.test_agents import message_of

NEW = {"type": "multiagent_20261001"}
ON = {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": []}
OFF = {"type": "disabled"}


@pytest.fixture
def helper(sdk: anthropic.Anthropic) -> BetaManagedAgentsAgent:
    return sdk.beta.agents.create(name="helper", model="m", system="Help.")


def shown(agent: BetaManagedAgentsAgent) -> Any:
    return agent.to_dict()["multiagent"]


def test_a_coordinator_names_agents_each_at_a_version(sdk: anthropic.Anthropic, helper: BetaManagedAgentsAgent) -> None:
    other = sdk.beta.agents.create(name="other", model="m")
    sdk.beta.agents.update(other.id, name="renamed")
    roster: Any = [helper.id, {"type": "agent", "id": other.id, "version": 1}, {"type": "self"},
                   {"type": "advisor", "model": "claude-opus-5-5"}]  # fmt: skip
    agent = sdk.beta.agents.create(name="boss", model="m", multiagent={"type": "coordinator", "agents": roster})
    named = [
        {"type": "agent", "id": helper.id, "version": 1}, {"type": "agent", "id": other.id, "version": 1},
        {"type": "agent", "id": agent.id, "version": 1}, {"type": "advisor", "model": "claude-opus-5-5"},
    ]  # fmt: skip
    assert shown(agent) == {"type": "coordinator", "agents": named}
    # Versions are those of the moment of saving; `self` goes along.
    sdk.beta.agents.update(helper.id, name="helper two")
    second = sdk.beta.agents.update(agent.id, system="Lead.")
    assert shown(second)["agents"][0]["version"] == 1 and shown(second)["agents"][2]["version"] == 2
    assert sdk.beta.agents.retrieve(agent.id, version=1) == agent
    same: Any = {"type": "coordinator", "agents": [{"type": "agent", "id": helper.id, "version": 1}, *roster[1:]]}
    assert sdk.beta.agents.update(agent.id, multiagent=same).version == 2, "nothing changed"
    assert sdk.beta.agents.update(agent.id, multiagent=None).multiagent is None


def test_the_present_form_has_defaults_and_is_merged_level_by_level(
    sdk: anthropic.Anthropic, http: httpx.Client, helper: BetaManagedAgentsAgent
) -> None:
    agent = sdk.beta.agents.create(name="boss", model="m", multiagent=NEW)  # type: ignore[arg-type]
    assert shown(agent) == NEW | {"advisor": OFF, "subagents": ON, "workflows": ON}

    def update(**members: Any) -> Any:
        return shown(sdk.beta.agents.update(agent.id, multiagent=NEW | members))  # type: ignore[arg-type]

    reference = {"type": "agent", "id": helper.id, "version": 1}
    only = {"type": "enabled", "inline_agents": OFF, "predefined_agents": [reference]}
    advisor = {"type": "enabled", "model": "claude-opus-5-5"}
    assert update(subagents=only, workflows=OFF, advisor=advisor) == NEW | {
        "advisor": advisor, "subagents": only, "workflows": OFF,
    }  # fmt: skip
    assert update(subagents={"type": "enabled"})["subagents"] == only, "omitted keys keep"
    refused = http.post(
        f"/v1/agents/{agent.id}",
        json={"multiagent": NEW | {"subagents": {"type": "enabled", "predefined_agents": []}}},
    )
    assert message_of(refused).startswith("multiagent.subagents.predefined_agents: name at least one agent")
    merged = update(subagents={"type": "enabled", "inline_agents": None})
    assert merged["subagents"] == {
        "type": "enabled",
        "inline_agents": {"type": "enabled"},
        "predefined_agents": [reference],
    }
    assert merged["workflows"] == OFF and update(workflows=None)["workflows"] == ON, "null takes the default"
    assert update(subagents=OFF)["subagents"] == OFF and update(subagents={"type": "enabled"})["subagents"] == ON
    assert update(advisor=None)["advisor"] == OFF
    other = sdk.beta.agents.update(agent.id, multiagent={"type": "coordinator", "agents": [helper.id]})
    assert shown(other) == {"type": "coordinator", "agents": [reference]}, "another type replaces"


def test_a_session_takes_whole_agents_along_and_its_overrides_reach_its_own_copies(
    sdk: anthropic.Anthropic, helper: BetaManagedAgentsAgent
) -> None:
    subagents: Any = {"type": "enabled", "predefined_agents": [helper.id, {"type": "self"}]}
    agent = sdk.beta.agents.create(name="boss", model="m", multiagent=NEW | {"subagents": subagents})  # type: ignore[arg-type]
    environment = sdk.beta.environments.create(name="e")
    sdk.beta.agents.update(helper.id, system="Changed.")
    session = sdk.beta.sessions.create(
        agent={"type": "agent_with_overrides", "id": agent.id, "system": "Mine."}, environment_id=environment.id
    )
    named = session.agent.to_dict()["multiagent"]["subagents"]["predefined_agents"]  # type: ignore[index]
    assert [(found["id"], found["system"]) for found in named] == [(helper.id, "Help."), (agent.id, "Mine.")]
    assert all("multiagent" not in found for found in named)
    (thread,) = sdk.beta.sessions.threads.list(session.id)
    assert thread.parent_thread_id is None


@pytest.mark.parametrize(
    ("multiagent", "expected"),
    [
        ({"type": "coordinator", "agents": []}, "multiagent.agents: must not be empty."),
        ({"type": "coordinator", "agents": ["a"] * 21}, "multiagent.agents: at most 20 items, got 21."),
        ({"type": "coordinator", "agents": [{"type": "self"}, {"type": "self"}]}, "multiagent.agents.1: agent AGENT is named twice."),  # noqa: E501
        ({"type": "coordinator", "agents": [{"type": "advisor", "model": "x"}, {"type": "advisor", "model": "y"}]}, "multiagent.agents.1: the advisor is named twice."),  # noqa: E501
        ({"type": "coordinator", "agents": ["HELPER", {"type": "agent", "id": "HELPER"}]}, "multiagent.agents.1: agent HELPER is named twice."),  # noqa: E501
        ({"type": "coordinator", "agents": ["AGENT"]}, 'multiagent.agents.0: an agent names itself with {"type": "self"}.'),  # noqa: E501
        ({"type": "coordinator", "agents": ["BOSS"]}, "multiagent.agents.0: agent BOSS calls upon other agents itself: only one level is possible."),  # noqa: E501
        ({"type": "coordinator", "agents": ["OLD"]}, "multiagent.agents.0: agent OLD is archived."),
        ({"type": "coordinator", "agents": [{"type": "robot"}]}, "multiagent.agents.0: type 'robot' is not one of agent, self, advisor."),  # noqa: E501
        (NEW | {"subagents": {"type": "enabled", "predefined_agents": [{"type": "advisor", "model": "m"}]}}, "multiagent.subagents.predefined_agents.0: type 'advisor' is not one of agent, self."),  # noqa: E501
        (NEW | {"subagents": {"predefined_agents": []}}, "multiagent.subagents: needs a `type`: one of enabled, disabled."),  # noqa: E501
        (NEW | {"advisor": {"type": "enabled"}}, "multiagent.advisor.model: required, but not given."),
        (NEW | {"workflows": {"type": "disabled", "x": 1}}, "multiagent.workflows.x: unknown field."),
        ({"type": "swarm"}, "multiagent: type 'swarm' is not one of coordinator, multiagent_20261001."),
    ],
)  # fmt: skip
def test_a_bad_roster_is_refused(
    sdk: anthropic.Anthropic, http: httpx.Client, helper: BetaManagedAgentsAgent, multiagent: Any, expected: str
) -> None:
    agent = sdk.beta.agents.create(name="a", model="m")
    boss = sdk.beta.agents.create(name="b", model="m", multiagent=NEW)  # type: ignore[arg-type]
    old = sdk.beta.agents.archive(sdk.beta.agents.create(name="o", model="m").id)
    names = {"AGENT": agent.id, "HELPER": helper.id, "BOSS": boss.id, "OLD": old.id}
    body = httpx.Request("POST", "http://x", json={"multiagent": multiagent}).content.decode()
    for word, id in names.items():
        body, expected = body.replace(word, id), expected.replace(word, id)
    assert message_of(http.post(f"/v1/agents/{agent.id}", content=body)) == expected
    assert sdk.beta.agents.retrieve(agent.id) == agent
    unknown = http.post(
        "/v1/agents", json={"name": "x", "model": "m", "multiagent": {"type": "coordinator", "agents": ["agent_0"]}}
    )
    assert "multiagent.agents.0: No agent" in message_of(unknown, 404)
