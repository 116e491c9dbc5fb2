from __future__ import annotations

import base64
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types.beta import BetaEnvironment, BetaManagedAgentsAgent

from tests.engine.api.server import Server

HELLO: Any = {"type": "user.message", "content": [{"type": "text", "text": "hello"}]}


@pytest.fixture(scope="module")
def agent(sdk: anthropic.Anthropic) -> BetaManagedAgentsAgent:
    return sdk.beta.agents.create(
        name="worker", model={"id": "m", "effort": "high"}, system="be brief", metadata={"a": "b"},
        tools=[{"type": "custom", "name": "ask", "description": "Asks.", "input_schema": {"type": "object"}}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def environment(sdk: anthropic.Anthropic) -> BetaEnvironment:
    return sdk.beta.environments.create(name="place")


@pytest.fixture
def session_id(sdk: anthropic.Anthropic, agent: BetaManagedAgentsAgent, environment: BetaEnvironment) -> str:
    return sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id).id


def test_a_session_keeps_a_snapshot_of_its_agent(
    sdk: anthropic.Anthropic, agent: BetaManagedAgentsAgent, environment: BetaEnvironment
) -> None:
    session = sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id, title="t", metadata={"k": "v"})
    assert (session.status, session.title, session.metadata) == ("idle", "t", {"k": "v"})
    assert (session.agent.id, session.agent.version, session.agent.system) == (agent.id, 1, "be brief")
    assert "metadata" not in session.agent.to_dict()
    assert sdk.beta.sessions.retrieve(session.id).agent == session.agent


def test_overrides_replace_clear_or_leave_the_agents_values(
    sdk: anthropic.Anthropic, agent: BetaManagedAgentsAgent, environment: BetaEnvironment
) -> None:
    def snapshot(**overrides: Any) -> Any:
        reference: Any = {"type": "agent_with_overrides", "id": agent.id, "version": 1} | overrides
        return sdk.beta.sessions.create(agent=reference, environment_id=environment.id).agent

    assert snapshot().system == "be brief"
    assert snapshot(system=None).system is None
    assert snapshot(tools=[]).tools == []
    model = snapshot(model={"id": "other", "effort": "low"}).model
    assert model.effort is not None and (model.id, model.effort.type) == ("other", "high")
    assert snapshot().model.effort.type == "high"


def test_a_budget_is_shown_raised_and_removed(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: BetaEnvironment
) -> None:
    agent = sdk.beta.agents.create(name="priced", model="claude-opus-5-5")
    limit: Any = {"type": "limit", "max_list_cost": {"amount": "2500", "currency": "USD"}}
    session = sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id, budget=limit)
    assert session.budget is not None and session.budget.to_dict() == limit
    assert session.usage.list_cost is not None and session.usage.list_cost.amount == "0"
    lower: Any = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
    changed = sdk.beta.sessions.update(session.id, budget=lower)
    assert changed.budget is not None and changed.budget.max_list_cost.amount == "1"
    assert sdk.beta.sessions.update(session.id, title="kept").budget == changed.budget
    assert sdk.beta.sessions.update(session.id, budget=None).budget is None
    (first, _, last) = sdk.beta.sessions.events.list(session.id, types=["session.updated"])
    assert (first.to_dict()["budget"], last.to_dict()["budget"]) == (lower, None)
    refused = http.post(f"/v1/sessions/{session.id}", json={"budget": limit})
    assert refused.status_code == 400 and refused.json()["error"]["details"] == {"error_code": "budget_create_only"}
    unknown = sdk.beta.agents.create(name="unpriced", model="my-own-model")
    refused = http.post("/v1/sessions", json={"agent": unknown.id, "environment_id": environment.id, "budget": limit})
    assert refused.json()["error"]["details"] == {"error_code": "model_not_budgetable"}


def test_a_session_with_initial_events_is_born_running(
    server: Server, sdk: anthropic.Anthropic, agent: BetaManagedAgentsAgent, environment: BetaEnvironment
) -> None:
    session = sdk.beta.sessions.create(
        agent={"type": "agent", "id": agent.id, "version": 1}, environment_id=environment.id, initial_events=[HELLO]
    )
    assert session.status == "running" and session.id in server.nobody.woken
    assert "user.message" in [event.type for event in sdk.beta.sessions.events.list(session.id)]
    for call in (sdk.beta.sessions.archive, sdk.beta.sessions.delete):
        with pytest.raises(anthropic.BadRequestError, match="running"):
            call(session.id)


def refusal(http: httpx.Client, body: dict[str, Any], status: int = 400) -> dict[str, Any]:
    response = http.post("/v1/sessions", json=body)
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def test_references_that_lead_nowhere_are_named(
    http: httpx.Client, sdk: anthropic.Anthropic, agent: BetaManagedAgentsAgent, environment: BetaEnvironment
) -> None:
    assert "agent_x" in refusal(http, {"agent": "agent_x", "environment_id": environment.id}, 404)["message"]
    missing = refusal(http, {"agent": agent.id, "environment_id": "env_x"}, 404)
    assert missing["details"]["error_code"] == "environment_not_found"
    archived = sdk.beta.environments.archive(sdk.beta.environments.create(name="gone").id)
    shut = refusal(http, {"agent": agent.id, "environment_id": archived.id})
    assert shut["details"]["error_code"] == "environment_archived"
    old = sdk.beta.agents.archive(sdk.beta.agents.create(name="gone", model="m").id)
    assert "archived" in refusal(http, {"agent": old.id, "environment_id": environment.id})["message"]
    no_model = {"type": "agent_with_overrides", "id": agent.id, "model": None}
    assert refusal(http, {"agent": no_model, "environment_id": environment.id})["details"] == {
        "error_code": "agent_model_required"
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "agent: required, but not given."),
        ({"agent": "a"}, "environment_id: required, but not given."),
        ({"agent": {"type": "agent"}, "environment_id": "e"}, "agent.id: required, but not given."),
        ({"agent": {"type": "robot"}, "environment_id": "e"}, "agent: type 'robot' is not one of agent, agent_with_overrides."),  # noqa: E501
        ({"agent": {"type": "agent", "id": "a", "version": True}, "environment_id": "e"}, "agent.version: must be an integer, got true."),  # noqa: E501
        ({"agent": {"type": "agent", "id": "a", "version": "1"}, "environment_id": "e"}, "agent.version: must be an integer, got a string."),  # noqa: E501
        ({"agent": "a", "environment_id": "e", "budget": {"type": "limit"}}, "budget.max_list_cost: required, but not given."),  # noqa: E501
        ({"agent": "a", "environment_id": "e", "budget": {"type": "limit", "max_list_cost": {"amount": "05", "currency": "USD"}}}, "budget.max_list_cost.amount: a whole number of cents above 0 in a string, like '2500', got '05'."),  # noqa: E501
        ({"agent": "a", "environment_id": "e", "budget": {"type": "limit", "max_list_cost": {"amount": "5", "currency": "EUR"}}}, "budget.max_list_cost.currency: must be 'USD', got 'EUR'."),  # noqa: E501
        ({"agent": "a", "environment_id": "e", "vault_ids": "v"}, "vault_ids: must be an array, got a string."),
        ({"agent": "a", "environment_id": "e", "initial_events": [HELLO] * 51}, "initial_events: at most 50 items, got 51."),  # noqa: E501
        ({"agent": "a", "environment_id": "e", "initial_events": [{"type": "user.interrupt"}]}, "initial_events.0: type 'user.interrupt' is not one of user.message, user.define_outcome."),  # noqa: E501
    ],
)  # fmt: skip
def test_a_bad_session_is_refused(http: httpx.Client, body: dict[str, Any], expected: str) -> None:
    assert refusal(http, body)["message"] == expected


def test_update_changes_title_metadata_and_tools(sdk: anthropic.Anthropic, session_id: str) -> None:
    session = sdk.beta.sessions.update(
        session_id, title="new", metadata={"a": "1"}, agent={"tools": [{"type": "agent_toolset_20260401"}]}
    )
    assert (session.title, session.metadata) == ("new", {"a": "1"})
    assert session.agent.tools[0].to_dict()["default_config"]["enabled"] is True  # type: ignore[index]
    cleared = sdk.beta.sessions.update(session_id, title=None, metadata={"a": None})
    assert (cleared.title, cleared.metadata) == (None, {})
    assert sdk.beta.sessions.events.list(session_id, types=["session.updated"]).data
    with pytest.raises(anthropic.BadRequestError, match="vault_ids: not supported"):
        sdk.beta.sessions.update(session_id, vault_ids=[])


def test_a_limited_network_bounds_the_mcp_servers_from_the_start_and_later(
    sdk: anthropic.Anthropic, http: httpx.Client, agent: BetaManagedAgentsAgent
) -> None:
    limited = sdk.beta.environments.create(name="l", config={"type": "cloud", "networking": {"type": "limited"}}).id
    servers: Any = [{"type": "url", "name": "s", "url": "https://mcp.example/"}]
    tools: Any = [{"type": "mcp_toolset", "mcp_server_name": "s"}]
    with_server = sdk.beta.agents.create(name="m", model="m", mcp_servers=servers, tools=tools).id
    refused = refusal(http, {"agent": with_server, "environment_id": limited})["message"]
    assert refused.startswith("environment_id: the MCP server 's' is not reached")
    session = sdk.beta.sessions.create(agent=agent.id, environment_id=limited).id
    with pytest.raises(anthropic.BadRequestError, match=r"agent\.mcp_servers: the MCP server 's' is not reached"):
        sdk.beta.sessions.update(session, agent={"mcp_servers": servers, "tools": tools})
    assert sdk.beta.sessions.retrieve(session).agent.mcp_servers == []


def test_a_session_begins_with_at_most_a_hundred_documents_from_files(
    sdk: anthropic.Anthropic, http: httpx.Client, agent: BetaManagedAgentsAgent, environment: BetaEnvironment
) -> None:
    file = sdk.beta.files.upload(file=("a.txt", b"a", "text/plain")).id
    half: Any = {
        "type": "user.message", "content": [{"type": "document", "source": {"type": "file", "file_id": file}}] * 50
    }  # fmt: skip
    sdk.beta.sessions.create(agent=agent.id, environment_id=environment.id, initial_events=[half, half])
    body = {"agent": agent.id, "environment_id": environment.id, "initial_events": [half, half, half]}
    assert refusal(http, body)["message"] == "initial_events: at most 100 documents from files, got 150."


def test_sessions_page_forwards_and_backwards(
    sdk: anthropic.Anthropic, http: httpx.Client, environment: BetaEnvironment
) -> None:
    own = sdk.beta.agents.create(name="paged", model="m")
    made = [sdk.beta.sessions.create(agent=own.id, environment_id=environment.id).id for _ in range(5)]
    assert [found.id for found in sdk.beta.sessions.list(agent_id=own.id, limit=2)] == made[::-1]
    assert [found.id for found in sdk.beta.sessions.list(agent_id=own.id, limit=2, order="asc")] == made

    def page(**query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = http.get("/v1/sessions", params={"agent_id": own.id, "limit": 2} | query).json()
        answer["ids"] = [found["id"] for found in answer["data"]]
        return answer

    first = page()
    assert first["prev_page"] is None
    second = page(page=first["next_page"])
    third = page(page=second["next_page"])
    assert (third["ids"], third["next_page"]) == ([made[0]], None)
    back = page(page=third["prev_page"])
    assert back["ids"] == second["ids"] and back["next_page"] and back["prev_page"]
    assert page(page=back["next_page"])["ids"] == third["ids"]
    start = page(page=back["prev_page"])
    assert (start["ids"], start["prev_page"]) == (first["ids"], None)
    refused = http.get("/v1/sessions", params={"page": first["next_page"], "order": "asc"})
    assert refused.status_code == 400 and "order=desc" in refused.json()["error"]["message"]


def test_session_filters(
    sdk: anthropic.Anthropic, http: httpx.Client, agent: BetaManagedAgentsAgent, environment: BetaEnvironment
) -> None:
    own = sdk.beta.agents.create(name="filtered", model="m")
    idle = sdk.beta.sessions.create(agent=own.id, environment_id=environment.id)
    running = sdk.beta.sessions.create(agent=own.id, environment_id=environment.id, initial_events=[HELLO])
    gone = sdk.beta.sessions.archive(sdk.beta.sessions.create(agent=own.id, environment_id=environment.id).id)
    assert gone.status == "terminated" and gone.archived_at

    def ids(**query: Any) -> set[str]:
        return {found.id for found in sdk.beta.sessions.list(agent_id=own.id, **query)}

    assert ids() == {idle.id, running.id}
    assert ids(include_archived=True) == {idle.id, running.id, gone.id}
    assert ids(statuses=["running"]) == {running.id}
    assert ids(statuses=["running", "idle"]) == {running.id, idle.id}
    assert ids(agent_version=2) == ids(deployment_id="depl_0") == ids(memory_store_id="memstore_0") == set()
    assert ids(created_at_gt=idle.created_at) == {running.id}
    plain = http.get("/v1/sessions", params=[("agent_id", own.id), ("statuses", "idle")]).json()
    assert [found["id"] for found in plain["data"]] == [idle.id]
    for query in ({"agent_version": 1}, {"statuses[]": "busy"}, {"deployment": "d"}):
        assert http.get("/v1/sessions", params=query).status_code == 400


def test_a_deleted_session_is_gone(sdk: anthropic.Anthropic, session_id: str) -> None:
    deleted = sdk.beta.sessions.delete(session_id)
    assert (deleted.id, deleted.type) == (session_id, "session_deleted")
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.sessions.retrieve(session_id)
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.sessions.events.stream(session_id)
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.sessions.events.list(session_id)


def test_sent_events_are_echoed_listed_and_paged(sdk: anthropic.Anthropic, session_id: str) -> None:
    sent = sdk.beta.sessions.events.send(session_id, events=[HELLO])
    assert sent.data is not None and sent.data[0].type == "user.message" and sent.data[0].id.startswith("sevt_")
    for _ in range(3):
        sdk.beta.sessions.events.send(session_id, events=[HELLO])
    everything = [event.id for event in sdk.beta.sessions.events.list(session_id)]
    assert [event.id for event in sdk.beta.sessions.events.list(session_id, limit=2)] == everything
    backwards = [event.id for event in sdk.beta.sessions.events.list(session_id, limit=2, order="desc")]
    assert backwards == everything[::-1]
    messages = [event.id for event in sdk.beta.sessions.events.list(session_id, types=["user.message"])]
    assert len(messages) == 4
    thread = sdk.beta.sessions.threads.list(session_id).data[0]
    of_thread = [event.id for event in sdk.beta.sessions.threads.events.list(thread.id, session_id=session_id, limit=3)]
    assert of_thread == everything


def test_events_are_taken_once_under_the_key_of_their_request(http: httpx.Client, session_id: str) -> None:
    path, body = f"/v1/sessions/{session_id}/events", {"events": [{"type": "user.interrupt"}]}

    def sent(key: str) -> httpx.Response:
        return http.post(path, json=body, headers={"idempotency-key": key})

    first = sent("k" * 255).json()["data"]
    assert sent("k" * 255).json()["data"] == first
    (other,) = sent("k").json()["data"]
    assert [event["id"] for event in http.get(path).json()["data"]] == [first[0]["id"], other["id"]]
    for key in ("", "k" * 256):
        refused = sent(key)
        assert refused.status_code == 400 and "1 to 255 characters" in refused.text


def test_threads_of_a_session(sdk: anthropic.Anthropic, http: httpx.Client, session_id: str) -> None:
    threads = list(sdk.beta.sessions.threads.list(session_id))
    assert len(threads) == 1 and threads[0].parent_thread_id is None and threads[0].status == "idle"
    assert sdk.beta.sessions.threads.retrieve(threads[0].id, session_id=session_id).agent == threads[0].agent
    assert list(sdk.beta.sessions.threads.list(session_id, statuses=["running"])) == []
    with pytest.raises(anthropic.BadRequestError, match="primary"):
        sdk.beta.sessions.threads.archive(threads[0].id, session_id=session_id)
    with pytest.raises(anthropic.NotFoundError):
        sdk.beta.sessions.threads.retrieve("sthr_x", session_id=session_id)
    assert http.get(f"/v1/sessions/{session_id}/threads/sthr_x/stream").status_code == 404
    assert http.get(f"/v1/sessions/{session_id}/threads/sthr_x/events").status_code == 404


PNG = base64.b64encode(b"png").decode()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "user.message", "content": []}, "events.0.content: must not be empty."),
        ({"type": "user.message", "content": "hi"}, "events.0.content: must be an array, got a string."),
        ({"type": "user.message", "content": [{"type": "text"}]}, "events.0.content.0.text: required, but not given."),
        ({"type": "user.message", "content": [{"type": "text", "text": ""}]}, "events.0.content.0.text: must not be empty."),  # noqa: E501
        ({"type": "user.message", "content": [{"type": "text", "text": "x", "cache_control": {}}]}, "events.0.content.0.cache_control: unknown field."),  # noqa: E501
        ({"type": "user.message", "content": [{"type": "redacted"}]}, "events.0.content.0: type 'redacted' is not one of text, image, document."),  # noqa: E501
        ({"type": "user.message", "content": [{"type": "image", "source": {"type": "file"}}]}, "events.0.content.0.source.file_id: required, but not given."),  # noqa: E501
        ({"type": "user.message", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": PNG}}]}, "events.0.content.0.source.media_type: must be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp', got 'image/bmp'."),  # noqa: E501
        ({"type": "user.message", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%%"}}]}, "events.0.content.0.source.data: not valid base64."),  # noqa: E501
        ({"type": "user.message", "content": [{"type": "document", "source": {"type": "url", "url": "file:///x"}}]}, "events.0.content.0.source.url: must be an http or https URL."),  # noqa: E501
        ({"type": "user.tool_confirmation", "tool_use_id": "t", "result": "maybe"}, "events.0.result: must be 'allow' or 'deny', got 'maybe'."),  # noqa: E501
        ({"type": "user.tool_confirmation", "tool_use_id": "t", "result": "allow", "deny_message": "no"}, "events.0: deny_message goes with the result 'deny' only."),  # noqa: E501
        ({"type": "user.tool_result", "tool_use_id": "t"}, "events.0: user.tool_result is for sessions in self_hosted environments only."),  # noqa: E501
        ({"type": "system.message", "content": []}, "events.0.content: must not be empty."),
        ({"type": "system.message", "content": [{"type": "text", "text": "x"}]}, "events: a system.message must be the last event, and the only one of its kind."),  # noqa: E501
        ({"type": "agent.message"}, "events.0: type 'agent.message' is not one of user.message, user.interrupt, user.tool_confirmation, user.custom_tool_result, user.tool_result, user.define_outcome, system.message."),  # noqa: E501
    ],
)  # fmt: skip
def test_a_bad_event_is_refused_and_nothing_of_its_batch_is_kept(
    sdk: anthropic.Anthropic, http: httpx.Client, session_id: str, event: Any, expected: str
) -> None:
    response = http.post(f"/v1/sessions/{session_id}/events", json={"events": [event, HELLO]})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == expected
    assert http.get(f"/v1/sessions/{session_id}/events").json()["data"] == []


def test_images_and_documents_pass(http: httpx.Client, session_id: str) -> None:
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": None},
    ]
    event = {"type": "user.message", "content": content}
    response = http.post(f"/v1/sessions/{session_id}/events", json={"events": [event]})
    del content[2]["title"]
    assert response.json()["data"][0]["content"] == content


def test_bad_filters_of_events_are_refused(http: httpx.Client, session_id: str) -> None:
    for query in ({"types[]": "session.deleted"}, {"limit": 1001}, {"order": "up"}, {"created_at[lt]": "x"}):
        assert http.get(f"/v1/sessions/{session_id}/events", params=query).status_code == 400
    stream = http.get(f"/v1/sessions/{session_id}/events/stream", params={"event_deltas[]": "agent.tool_use"})
    assert stream.status_code == 400


def test_a_time_filter_that_shuts_the_cursor_out_is_refused(
    sdk: anthropic.Anthropic, http: httpx.Client, session_id: str
) -> None:
    for title in "abc":
        sdk.beta.sessions.update(session_id, title=title)
    path = f"/v1/sessions/{session_id}/events"
    page = http.get(path, params={"limit": 1}).json()
    moment = page["data"][0]["processed_at"]
    for operator, status in (("gte", 200), ("gt", 400), ("lt", 400)):
        found = http.get(path, params={"page": page["next_page"], f"created_at[{operator}]": moment})
        assert found.status_code == status, operator


def test_a_stream_of_a_session_that_has_ended_ends(sdk: anthropic.Anthropic, session_id: str) -> None:
    sdk.beta.sessions.archive(session_id)
    with sdk.beta.sessions.events.stream(session_id) as stream:
        assert list(stream) == []


def test_a_stream_shows_what_is_sent_after_it_opened_and_ends_with_its_session(
    server: Server, sdk: anthropic.Anthropic, session_id: str
) -> None:
    with sdk.beta.sessions.events.stream(session_id, event_deltas=["agent.message"]) as stream:
        assert server.services.activity.streams == 1
        sdk.beta.sessions.update(session_id, title="seen")
        sdk.beta.sessions.delete(session_id)
        assert [event.type for event in stream] == ["session.updated", "session.deleted"]
    assert_soon_no_streams(server)


def test_a_stream_is_let_go_as_soon_as_its_client_is(server: Server, http: httpx.Client, session_id: str) -> None:
    with http.stream("GET", f"/v1/sessions/{session_id}/events/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert server.services.activity.streams == 1
    assert_soon_no_streams(server)


def assert_soon_no_streams(server: Server) -> None:
    import time

    deadline = time.monotonic() + 2
    while server.services.activity.streams:
        assert time.monotonic() < deadline
        time.sleep(0.01)
