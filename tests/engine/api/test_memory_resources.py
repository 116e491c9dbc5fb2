"""Memory stores as resources of sessions, judged by the strict SDK."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import pytest


@pytest.fixture(scope="module")
def session_of(sdk: anthropic.Anthropic) -> Any:
    agent = sdk.beta.agents.create(name="a", model="claude-sonnet-4-5")
    environment = sdk.beta.environments.create(name="memory-resources")

    def create(*resources: Any) -> Any:
        return sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=list(resources))

    return create


def attached(store_id: str, **fields: Any) -> Any:
    return {"type": "memory_store", "memory_store_id": store_id, **fields}


def test_a_store_is_attached_as_it_is_now(sdk: anthropic.Anthropic, http: httpx.Client, session_of: Any) -> None:
    stores = [sdk.beta.memory_stores.create(name=name, description="d").id for name in ("User Préfs", "User Pr fs")]
    session = session_of(
        attached(stores[0]), attached(stores[1], access="read_only", instructions="Look here first.")
    )  # fmt: skip
    sdk.beta.memory_stores.update(stores[0], name="renamed")
    shown = http.get(f"/v1/sessions/{session.id}/resources").json()["data"]
    assert shown == [
        {
            "type": "memory_store", "memory_store_id": stores[0], "access": "read_write", "name": "User Préfs",
            "description": "d", "instructions": None, "mount_path": "/mnt/memory/user-pr-fs",
        },
        {
            "type": "memory_store", "memory_store_id": stores[1], "access": "read_only", "name": "User Pr fs",
            "description": "d", "instructions": "Look here first.", "mount_path": "/mnt/memory/user-pr-fs-2",
        },
    ]  # fmt: skip
    assert [one.to_dict() for one in sdk.beta.sessions.retrieve(session.id).resources] == shown
    assert [one.to_dict() for one in sdk.beta.sessions.resources.list(session.id)] == shown
    other = session_of()
    found = [one.id for one in sdk.beta.sessions.list(memory_store_id=stores[1])]
    assert session.id in found and other.id not in found


def test_what_cannot_be_attached_is_refused(sdk: anthropic.Anthropic, session_of: Any) -> None:
    stores = [sdk.beta.memory_stores.create(name=f"s{number}").id for number in range(9)]
    archived = sdk.beta.memory_stores.create(name="gone").id
    sdk.beta.memory_stores.archive(archived)
    for resources, problem in (
        ([attached(archived)], r"resources\.0\.memory_store_id: memory store \S+ is archived"),
        ([attached(stores[0]), attached(stores[0])], r"resources\.1\.memory_store_id: .* attached twice"),
        (list(map(attached, stores)), r"resources\.8\.memory_store_id: at most 8 memory stores a session, .* 8"),
        ([attached(stores[0], access="write")], r"resources\.0\.access"),
        ([attached(stores[0], instructions="x" * 4097)], r"resources\.0\.instructions: at most 4,096"),
        ([attached(stores[0], mount_path="/mnt/x")], r"resources\.0\.mount_path"),
    ):
        with pytest.raises(anthropic.BadRequestError, match=problem):
            session_of(*resources)
    with pytest.raises(anthropic.NotFoundError, match=r"resources\.0\.memory_store_id: "):
        session_of(attached("memstore_none"))
    assert len(session_of(*map(attached, stores[:8])).resources) == 8


def test_a_store_is_attached_at_creation_only(sdk: anthropic.Anthropic, http: httpx.Client, session_of: Any) -> None:
    store = sdk.beta.memory_stores.create(name="s").id
    refused = http.post(f"/v1/sessions/{session_of().id}/resources", json=attached(store))
    assert refused.status_code == 400 and "file" in refused.json()["error"]["message"]


def test_the_sessions_of_a_deployment_have_its_stores(sdk: anthropic.Anthropic) -> None:
    agent = sdk.beta.agents.create(name="a", model="demo")
    environment = sdk.beta.environments.create(name="memory-deployments")
    store = sdk.beta.memory_stores.create(name="Shared").id
    event: Any = {"type": "user.message", "content": [{"type": "text", "text": "Go."}]}

    def deploy(store_id: str) -> Any:
        return sdk.beta.deployments.create(
            name="d", agent=agent.id, environment_id=environment.id, initial_events=[event],
            resources=[attached(store_id, access="read_only")],
        )  # fmt: skip

    with pytest.raises(anthropic.NotFoundError, match=r"resources\.0\.memory_store_id: "):
        deploy("memstore_none")
    made = deploy(store)
    session_id = sdk.beta.deployments.run(made.id).session_id
    assert session_id is not None
    (resource,) = sdk.beta.sessions.retrieve(session_id).resources
    assert resource.type == "memory_store"
    assert (resource.access, resource.mount_path) == ("read_only", "/mnt/memory/shared")
    sdk.beta.memory_stores.archive(store)
    run = sdk.beta.deployments.run(made.id)
    assert run.session_id is None and run.error is not None and run.error.type == "memory_store_archived_error"
