"""The work queue of self_hosted environments, judged by the official SDK in strict mode."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.lib.environments import iter_work

from tests.engine.api.server import Server

CUSTOM: Any = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}
HELLO: Any = {"type": "user.message", "content": [{"type": "text", "text": "hello"}]}


@pytest.fixture
def agent(sdk: anthropic.Anthropic) -> str:
    return sdk.beta.agents.create(name="a", model="demo", tools=[CUSTOM]).id


@pytest.fixture
def environment(sdk: anthropic.Anthropic) -> str:
    return sdk.beta.environments.create(name="hosted", config={"type": "self_hosted"}).id


@pytest.fixture
def later(server: Server) -> Iterator[Any]:
    """Let the queue's clock go ahead by so many seconds."""
    ahead = timedelta()

    def forward(seconds: float) -> None:
        nonlocal ahead
        ahead += timedelta(seconds=seconds)

    before = server.services.work._clock
    server.services.work._clock = lambda: datetime.now(UTC) + ahead
    yield forward
    server.services.work._clock = before


def session(sdk: anthropic.Anthropic, agent: str, environment: str, *events: Any) -> str:
    return sdk.beta.sessions.create(agent=agent, environment_id=environment, initial_events=list(events)).id


def test_an_empty_queue_answers_null(sdk: anthropic.Anthropic, http: httpx.Client, environment: str) -> None:
    assert sdk.beta.environments.work.poll(environment) is None
    assert sdk.beta.environments.work.poll(environment, block_ms=1, anthropic_worker_id="w") is None
    response = http.get(f"/v1/environments/{environment}/work/poll")
    assert (response.status_code, response.content) == (200, b"null")
    assert response.headers["content-type"] == "application/json"


def test_a_session_is_queued_by_its_first_message_and_once(
    sdk: anthropic.Anthropic, agent: str, environment: str
) -> None:
    work = sdk.beta.environments.work
    silent = session(sdk, agent, environment)
    assert work.poll(environment) is None
    sdk.beta.sessions.events.send(silent, events=[HELLO])
    sdk.beta.sessions.events.send(silent, events=[HELLO])
    spoken = session(sdk, agent, environment, HELLO)
    assert [item.data.id for item in work.list(environment)] == [spoken, silent]
    assert [item.data.id for item in work.list(environment, limit=1)] == [spoken, silent]
    assert work.stats(environment).depth == 2

    first, second = work.poll(environment), work.poll(environment)
    assert first and second and (first.data.id, second.data.id) == (silent, spoken)
    assert first.data.type == "session" and first.environment_id == environment and first.state == "queued"
    assert work.poll(environment) is None


def test_an_item_from_the_queue_to_its_end(sdk: anthropic.Anthropic, agent: str, environment: str) -> None:
    work = sdk.beta.environments.work
    id = session(sdk, agent, environment, HELLO)
    item = work.poll(environment, anthropic_worker_id="one")
    assert item
    stats = work.stats(environment)
    assert (stats.depth, stats.pending, stats.workers_polling) == (0, 1, 1)
    assert stats.oldest_queued_at == item.created_at

    started = work.ack(item.id, environment_id=environment)
    assert started.state == "starting" and started.acknowledged_at and not started.started_at
    assert work.ack(item.id, environment_id=environment) == started
    assert work.stats(environment).to_dict() == {
        "type": "work_queue_stats", "depth": 0, "pending": 0, "oldest_queued_at": None, "workers_polling": 1,
    }  # fmt: skip

    beat = work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="NO_HEARTBEAT")
    assert (beat.state, beat.lease_extended, beat.ttl_seconds) == ("active", True, 300)
    again = work.heartbeat(
        item.id, environment_id=environment, expected_last_heartbeat=beat.last_heartbeat, desired_ttl_seconds=60
    )
    assert again.last_heartbeat > beat.last_heartbeat and again.ttl_seconds == 60
    active = work.retrieve(item.id, environment_id=environment)
    assert (active.started_at, active.latest_heartbeat_at) == (beat.last_heartbeat, again.last_heartbeat)
    with pytest.raises(anthropic.ConflictError, match="is active"):
        work.ack(item.id, environment_id=environment)

    stopping = work.stop(item.id, environment_id=environment)
    assert stopping.state == "stopping" and stopping.stop_requested_at and not stopping.stopped_at
    told = work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="whatever")
    assert told.state == "stopping"
    sdk.beta.sessions.events.send(id, events=[HELLO])  # the one that winds up may not see it any more
    other = work.poll(environment)
    assert other and other.id != item.id and other.data.id == id

    stopped = work.stop(item.id, environment_id=environment, force=True)
    assert stopped.state == "stopped" and stopped.stopped_at
    assert stopped.stop_requested_at == stopping.stop_requested_at
    beat = work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="whatever")
    assert (beat.state, beat.lease_extended) == ("stopped", False)
    with pytest.raises(anthropic.ConflictError, match="has stopped already"):
        work.stop(item.id, environment_id=environment)


def test_another_heartbeat_than_expected_is_refused_with_the_lease(
    sdk: anthropic.Anthropic, agent: str, environment: str
) -> None:
    work = sdk.beta.environments.work
    session(sdk, agent, environment, HELLO)
    item = work.poll(environment)
    assert item

    def refused(expected: str) -> Any:
        with pytest.raises(anthropic.APIStatusError) as caught:
            work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat=expected)
        assert caught.value.status_code == 412
        details = caught.value.body["error"]["details"]  # type: ignore[index]
        assert details["error_code"] == "heartbeat_precondition_failed"
        return details["current_state"]

    unheld = {"last_heartbeat": None, "lease_extended": False, "state": "queued", "ttl_seconds": 300}
    assert refused("NO_HEARTBEAT") == unheld  # nobody has acknowledged it
    work.ack(item.id, environment_id=environment)
    beat = work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="NO_HEARTBEAT")
    held = unheld | {"last_heartbeat": beat.last_heartbeat, "state": "active"}
    assert refused("NO_HEARTBEAT") == held
    assert refused("2026-01-01T00:00:00Z") == held
    assert work.heartbeat(item.id, environment_id=environment).lease_extended  # without a condition


def test_an_item_that_is_not_acknowledged_is_offered_again(
    sdk: anthropic.Anthropic, agent: str, environment: str, later: Any
) -> None:
    work = sdk.beta.environments.work
    session(sdk, agent, environment, HELLO)
    item = work.poll(environment)
    assert item and work.poll(environment) is None
    again = work.poll(environment, reclaim_older_than_ms=0)
    assert again and again.id == item.id
    later(4)
    assert work.poll(environment) is None
    later(2)
    again = work.poll(environment)
    assert again and again.id == item.id


def test_a_lapsed_lease_is_given_to_the_next_worker(
    sdk: anthropic.Anthropic, agent: str, environment: str, later: Any
) -> None:
    work = sdk.beta.environments.work
    session(sdk, agent, environment, HELLO)
    item = work.poll(environment)
    assert item
    work.ack(item.id, environment_id=environment)
    old = work.heartbeat(
        item.id, environment_id=environment, expected_last_heartbeat="NO_HEARTBEAT", desired_ttl_seconds=30
    )
    later(29)
    assert work.poll(environment) is None
    later(2)
    again = work.poll(environment)
    assert again and again.id == item.id and again.state == "queued"
    assert again.acknowledged_at is again.started_at is again.latest_heartbeat_at is None
    for state in ("queued", "active"):
        with pytest.raises(anthropic.APIStatusError, match="lease is lost"):
            work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat=old.last_heartbeat)
        assert work.retrieve(item.id, environment_id=environment).state == state
        if state == "queued":
            work.ack(item.id, environment_id=environment)
            work.heartbeat(item.id, environment_id=environment, expected_last_heartbeat="NO_HEARTBEAT")
    work.stop(item.id, environment_id=environment)
    later(301)
    assert work.poll(environment) is None  # whoever was to wind up is gone
    assert work.retrieve(item.id, environment_id=environment).state == "stopped"


def test_what_arrives_while_a_worker_leaves_finds_the_next_one(
    sdk: anthropic.Anthropic, server: Server, agent: str, environment: str
) -> None:
    work = sdk.beta.environments.work
    id = session(sdk, agent, environment, HELLO)

    def take() -> str:
        item = work.poll(environment)
        assert item and item.data.id == id
        work.ack(item.id, environment_id=environment)
        return item.id

    for force in (True, False):
        left = take()
        sdk.beta.sessions.events.send(id, events=[HELLO])  # the worker is about to go, and does not see it
        assert work.poll(environment) is None
        work.stop(left, environment_id=environment, force=force)
    left = take()
    work.stop(left, environment_id=environment, force=True)  # it failed with nothing new: not to be tried for ever
    assert work.poll(environment) is None

    quiet = session(sdk, agent, environment)

    async def offer() -> None:
        await server.services.work.offer(environment, quiet)

    server.call(offer)
    item = work.poll(environment)
    assert item and item.data.id == quiet
    work.ack(item.id, environment_id=environment)
    server.call(offer)
    work.stop(item.id, environment_id=environment, force=True)
    assert work.poll(environment) is None  # the session has come to rest meanwhile


def test_a_session_that_was_not_queued_before_a_crash_is_after_it(
    sdk: anthropic.Anthropic, server: Server, agent: str, environment: str
) -> None:
    work, here = sdk.beta.environments.work, server.services
    id = session(sdk, agent, environment, HELLO)
    item = work.poll(environment)
    assert item
    work.stop(item.id, environment_id=environment, force=True)
    server.call(lambda: here.store.claim(id, "an engine that was killed", 60))
    server.call(here.work.start)
    again = work.poll(environment)
    assert again and again.data.id == id
    assert work.poll(environment) is None


def test_a_poll_waits_for_work(server: Server, sdk: anthropic.Anthropic, agent: str, environment: str) -> None:
    queue = server.services.work

    async def polled_before_offered() -> Any:
        poll = asyncio.create_task(queue.poll(environment, worker=None, block=9))
        while not queue._arrived[environment]._waiters:
            await asyncio.sleep(0.001)
        await queue.offer(environment, "sesn_some")
        return await asyncio.wait_for(poll, 5)

    assert server.call(polled_before_offered).item["data"]["id"] == "sesn_some"


def test_metadata_is_merged_within_its_limits(
    sdk: anthropic.Anthropic, http: httpx.Client, agent: str, environment: str
) -> None:
    work = sdk.beta.environments.work
    session(sdk, agent, environment, HELLO)
    (item,) = work.list(environment)
    assert item.metadata == {} and item.secret is None
    work.update(item.id, environment_id=environment, metadata={"a": "1", "b": "2"})
    assert work.update(item.id, environment_id=environment, metadata={"a": None, "c": "3"}).metadata == {
        "b": "2", "c": "3",
    }  # fmt: skip
    path = f"/v1/environments/{environment}/work/{item.id}"
    for body, message in [
        ({}, "metadata: required"),
        ({"metadata": {f"k{n}": "" for n in range(16)}}, "metadata: at most 16"),
        ({"metadata": {}, "state": "stopped"}, "state: unknown field"),
    ]:
        response = http.post(path, json=body)
        assert response.status_code == 400 and message in response.json()["error"]["message"]
    assert work.retrieve(item.id, environment_id=environment).metadata == {"b": "2", "c": "3"}


def test_the_end_of_a_session_or_environment_ends_its_items(
    sdk: anthropic.Anthropic, server: Server, agent: str, environment: str
) -> None:
    work = sdk.beta.environments.work
    id = session(sdk, agent, environment)

    async def offer() -> None:
        await server.services.work.offer(environment, id)

    server.call(offer)
    (queued,) = work.list(environment)
    sdk.beta.sessions.archive(id)
    assert work.retrieve(queued.id, environment_id=environment).state == "stopped"
    assert work.poll(environment) is None
    sdk.beta.sessions.delete(id)
    sdk.beta.environments.delete(environment)
    with pytest.raises(anthropic.NotFoundError, match="environment"):
        work.retrieve(queued.id, environment_id=environment)

    async def stored() -> object:
        return await server.services.store.get("work", queued.id)

    assert server.call(stored) is None


def test_the_poller_of_the_sdk_drains_the_queue(sdk: anthropic.Anthropic, agent: str, environment: str) -> None:
    made = [session(sdk, agent, environment, HELLO) for _ in range(3)]
    worked = [
        item.data.id
        for item in iter_work(sdk.beta.environments.work, environment_id=environment, drain=True, block_ms=None)
    ]
    assert worked == made
    assert {item.state for item in sdk.beta.environments.work.list(environment)} == {"stopping"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("block_ms=0", "block_ms: must be 1 to 999"),
        ("block_ms=1000", "block_ms: must be 1 to 999"),
        ("reclaim_older_than_ms=-1", "reclaim_older_than_ms: must be 0"),
        ("since=1", "since: unknown query parameter"),
    ],
)
def test_a_wrong_poll_is_refused(http: httpx.Client, environment: str, query: str, message: str) -> None:
    response = http.get(f"/v1/environments/{environment}/work/poll?{query}")
    assert response.status_code == 400 and response.json()["error"]["message"].startswith(message)


def test_items_are_found_in_their_own_self_hosted_environment_only(
    sdk: anthropic.Anthropic, agent: str, environment: str
) -> None:
    work = sdk.beta.environments.work
    session(sdk, agent, environment, HELLO)
    (item,) = work.list(environment)
    other = sdk.beta.environments.create(name="other", config={"type": "self_hosted"}).id
    cloud = sdk.beta.environments.create(name="cloud").id
    with pytest.raises(anthropic.NotFoundError):
        work.retrieve(item.id, environment_id=other)
    with pytest.raises(anthropic.NotFoundError):
        work.poll("env_none")
    with pytest.raises(anthropic.BadRequestError, match="is not self_hosted"):
        work.poll(cloud)
    session(sdk, agent, cloud, HELLO)


def test_a_worker_lays_out_memory_stores_and_nothing_else(
    sdk: anthropic.Anthropic, http: httpx.Client, agent: str, environment: str
) -> None:
    id = session(sdk, agent, environment)
    file = sdk.beta.files.upload(file=("a.txt", b"a", "text/plain")).id
    store: Any = {"type": "memory_store", "memory_store_id": sdk.beta.memory_stores.create(name="notes").id}
    repository: Any = {"type": "github_repository", "url": "https://github.com/o/r"}
    for resource in ({"type": "file", "file_id": file}, repository):
        body = {"agent": agent, "environment_id": environment, "resources": [store, resource]}
        error = http.post("/v1/sessions", json=body).json()["error"]
        words = f"resources.1: {resource['type']} resources are not supported with self-hosted environments."
        assert error["message"].startswith(words)
        assert error["details"]["error_code"] == "self_hosted_resources_unsupported"
    with pytest.raises(anthropic.BadRequestError, match="not supported with self-hosted"):
        sdk.beta.sessions.resources.add(id, type="file", file_id=file)
    made = sdk.beta.sessions.create(agent=agent, environment_id=environment, resources=[store])
    assert [resource.to_dict()["mount_path"] for resource in made.resources] == ["/mnt/memory/notes"]
