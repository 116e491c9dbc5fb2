"""Dreams through the official SDK in strict mode, on a whole engine whose model is a script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from tests.engine.api.server import KEY
from tests.engine.api.test_usual_example import WholeEngine, script

CREATE_NEW: Any = {"type": "create_new"}


def sdk_of(engine: WholeEngine) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=engine.url, api_key=KEY, _strict_response_validation=True, max_retries=0, timeout=20
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anthropic.Anthropic]:
    with WholeEngine(tmp_path_factory.mktemp("engine")) as engine, sdk_of(engine) as client:
        yield client


def said(client: anthropic.Anthropic, text: str) -> str:
    """A session in which the user said this."""
    agent = client.beta.agents.create(name="a", model="demo")
    session = client.beta.sessions.create(
        agent=agent.id, environment_id=client.beta.environments.create(name="e").id, title="Tea",
        initial_events=[{"type": "user.message", "content": [{"type": "text", "text": text}]}],
    )  # fmt: skip
    client.beta.sessions.events.send(session.id, events=[{"type": "user.interrupt"}])
    return session.id


def remembered(client: anthropic.Anthropic, **memories: str) -> str:
    store = client.beta.memory_stores.create(name="Notes", description="d", metadata={"team": "a"})
    for name, content in memories.items():
        client.beta.memory_stores.memories.create(store.id, path=f"/{name}.md", content=content)
    return store.id


def contents(client: anthropic.Anthropic, store: str) -> dict[str, str | None]:
    rows = client.beta.memory_stores.memories.list(store, view="full")
    return {row.path: row.content for row in rows if row.type == "memory"}


def dream(client: anthropic.Anthropic, model: str, store: str, sessions: list[str], **fields: Any) -> Any:
    inputs: Any = [
        {"type": "memory_store", "memory_store_id": store}, {"type": "sessions", "session_ids": sessions},
    ]  # fmt: skip
    return client.beta.dreams.create(inputs=inputs, model=model, **fields)


def until(client: anthropic.Anthropic, id: str, *statuses: str) -> Any:
    limit = time.monotonic() + 20
    while (found := client.beta.dreams.retrieve(id)).status not in statuses:
        assert time.monotonic() < limit, found
        time.sleep(0.02)
    return found


def call(name: str, **given: Any) -> dict[str, Any]:
    return {"name": name, "input": given}


def test_a_dream_writes_a_new_store(client: anthropic.Anthropic, tmp_path: Path) -> None:
    store = remembered(client, tea="Ada likes black tea.", old="The office is in Rome.", cup="Red.")
    session = said(client, "I prefer green tea now.")
    model = script(
        tmp_path,
        {
            "expect": [{"in": "messages", "contains": session}, {"in": "messages", "contains": "Only tea matters."}],
            "tools": [
                call("list_memories"), call("read_memory", path="/tea.md"), call("read_session", session_id=session),
            ],
            "usage": {"input_tokens": 5, "output_tokens": 2},
        },
        {
            "expect": [{"in": "messages", "contains": "I prefer green tea now."}],
            "tools": [
                call("write_memory", path="/tea.md", content="Ada likes green tea."),
                call("write_memory", path="/people/ada.md", content="Ada."),
                call("move_memory", path="/cup.md", to="/things/cup.md"),
                call("delete_memory", path="/old.md"),
                call("read_memory", path="/none.md"),
                call("read_session", session_id="sesn_other"),
                call("write_memory", path="no-slash", content="x"),
                call("dance"),
            ],
            "usage": {"input_tokens": 7, "output_tokens": 3},
        },
        {
            "expect": [{"in": "messages", "contains": "There is no tool 'dance'"}],
            "text": "Done.",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    )  # fmt: skip
    made = dream(client, model, store, [session], instructions="Only tea matters.")
    assert made.id.startswith("drm_") and made.status == "pending" and made.outputs == [] and made.session_id is None
    assert (made.model.id, made.model.speed, made.output_behavior.type) == (model, "standard", "create_new")
    done = until(client, made.id, "completed", "failed")
    assert done.error is None, done.error
    assert done.status == "completed" and done.ended_at is not None
    assert (done.usage.input_tokens, done.usage.output_tokens) == (13, 6)
    (output,) = done.outputs
    assert output.memory_store_id != store
    assert contents(client, output.memory_store_id) == {
        "/people/ada.md": "Ada.", "/tea.md": "Ada likes green tea.", "/things/cup.md": "Red.",
    }  # fmt: skip
    assert contents(client, store)["/tea.md"] == "Ada likes black tea."
    new = client.beta.memory_stores.retrieve(output.memory_store_id)
    assert (new.name, new.description, new.metadata) == ("Notes (dream)", "d", {"team": "a"})
    with pytest.raises(anthropic.BadRequestError, match="is completed"):
        client.beta.dreams.cancel(made.id)
    assert made.id in [found.id for found in client.beta.dreams.list(statuses=["completed", "failed"])]
    assert made.id not in [found.id for found in client.beta.dreams.list(statuses=["pending"], limit=1)]
    archived = client.beta.dreams.archive(made.id)
    assert archived.archived_at is not None and client.beta.dreams.archive(made.id) == archived
    assert made.id not in [found.id for found in client.beta.dreams.list()]
    assert made.id in [found.id for found in client.beta.dreams.list(include_archived=True)]


def test_only_one_dream_at_a_time_updates_a_store(client: anthropic.Anthropic, tmp_path: Path) -> None:
    store, session = remembered(client, a="1"), said(client, "Hello")
    behavior = {"type": "update_existing", "memory_store_id": store}
    slow = script(tmp_path, {"tools": [call("write_memory", path="/b.md", content="2")]}, {"text": "x", "delay": 3000})
    first = dream(client, slow, store, [session], output_behavior=behavior)
    with pytest.raises(anthropic.ConflictError, match=first.id):
        dream(client, slow, store, [session], output_behavior=behavior)
    with pytest.raises(anthropic.BadRequestError, match="wait for its end, or cancel it"):
        client.beta.dreams.archive(first.id)
    limit = time.monotonic() + 20
    while "/b.md" not in contents(client, store):
        assert time.monotonic() < limit
        time.sleep(0.02)
    canceled = client.beta.dreams.cancel(first.id)
    assert canceled.status == "canceled" and canceled.ended_at is not None and canceled.error is None
    assert canceled.outputs[0].memory_store_id == store
    assert client.beta.dreams.cancel(first.id) == canceled
    (tmp_path / "second").mkdir()
    quick = script(tmp_path / "second", {"tools": [call("delete_memory", path="/a.md")]}, {"text": "x"})
    second = dream(client, quick, store, [session], output_behavior=behavior)
    assert until(client, second.id, "completed", "failed").status == "completed"
    assert contents(client, store) == {"/b.md": "2"}


def test_a_dream_that_fails_says_why_and_keeps_what_it_wrote(client: anthropic.Anthropic, tmp_path: Path) -> None:
    store, session = remembered(client, a="1"), said(client, "Hello")
    model = script(
        tmp_path,
        {"tools": [call("write_memory", path="/b.md", content="2")], "error": {"status": 529, "times": 1}},
        {"error": {"status": 400}},
    )
    failed = until(client, dream(client, model, store, [session]).id, "completed", "failed")
    assert failed.status == "failed" and failed.error.type == "internal_error" and "turn 2" in failed.error.message
    assert contents(client, failed.outputs[0].memory_store_id) == {"/a.md": "1", "/b.md": "2"}
    with pytest.raises(anthropic.BadRequestError, match="is failed"):
        client.beta.dreams.cancel(failed.id)


def test_what_is_gone_when_a_dream_starts_is_named(client: anthropic.Anthropic, tmp_path: Path) -> None:
    slow = script(tmp_path, {"text": "x", "delay": 3000})
    store, session = remembered(client), said(client, "Hello")
    running = [dream(client, slow, store, [session]) for _ in range(4)]
    for one in running:
        until(client, one.id, "running")
    lost, gone = said(client, "Hello"), remembered(client)
    waiting = [dream(client, slow, store, [session, lost]), dream(client, slow, gone, [session])]
    limit = time.monotonic() + 20
    while client.beta.sessions.retrieve(lost).status != "idle":
        assert time.monotonic() < limit
        time.sleep(0.02)
    client.beta.sessions.delete(lost)
    client.beta.memory_stores.archive(gone)
    assert [client.beta.dreams.retrieve(one.id).status for one in waiting] == ["pending", "pending"]
    client.beta.dreams.cancel(running[0].id)
    errors = [until(client, one.id, "failed", "completed").error for one in waiting]
    assert [error.type for error in errors] == ["input_session_unavailable", "input_memory_store_unavailable"]
    assert lost in errors[0].message and gone in errors[1].message
    for one in running[1:]:
        client.beta.dreams.cancel(one.id)


def test_the_next_engine_goes_on_with_a_dream(tmp_path: Path) -> None:
    turns: list[dict[str, Any]] = [
        {"tools": [call("write_memory", path="/b.md", content="2")], "usage": {"input_tokens": 5, "output_tokens": 2}},
        {"text": "x", "usage": {"input_tokens": 5, "output_tokens": 2}},
    ]
    (tmp_path / "data").mkdir()
    with WholeEngine(tmp_path / "data") as engine, sdk_of(engine) as client:
        store, session = remembered(client, a="1"), said(client, "Hello")
        made = dream(client, script(tmp_path, turns[0], turns[1] | {"delay": 3000}), store, [session])
        limit = time.monotonic() + 20
        while client.beta.dreams.retrieve(made.id).usage.output_tokens != 2:
            assert time.monotonic() < limit
            time.sleep(0.02)
    script(tmp_path, {"error": {"status": 400}}, turns[1])  # the first turn is not asked for again
    with WholeEngine(tmp_path / "data") as engine, sdk_of(engine) as client:
        done = until(client, made.id, "completed", "failed")
        assert done.status == "completed" and done.usage.output_tokens == 4
        assert contents(client, done.outputs[0].memory_store_id) == {"/a.md": "1", "/b.md": "2"}
        assert len(list(client.beta.memory_stores.list())) == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"inputs": []}, "inputs: exactly one of type memory_store"),
        ({"inputs": [{"type": "sessions", "session_ids": ["a"]}] * 2}, "inputs: exactly one of type memory_store"),
        ({"inputs": [{"type": "sessions", "session_ids": []}]}, "inputs.0.session_ids: must not be empty"),
        ({"inputs": [{"type": "sessions", "session_ids": ["a", "a"]}]}, "inputs.0.session_ids: each session once"),
        ({"inputs": [{"type": "sessions", "session_ids": list(map(str, range(101)))}]}, "inputs.0.session_ids: at mo"),
        ({"model": {"id": "demo", "speed": "fast"}}, "model.speed: must be 'standard'"),
        ({"model": ""}, "model: must not be empty"),
        ({"instructions": "x" * 4097}, "instructions: at most 4,096"),
        ({"output_behavior": {"type": "elsewhere"}}, "output_behavior: type 'elsewhere' is not one of"),
        ({"output_behavior": {"type": "update_existing", "memory_store_id": "m"}}, "output_behavior.memory_store_id: "),
        ({"color": "red"}, "color: unknown field"),
    ],
)
def test_what_is_wrong_is_named(client: anthropic.Anthropic, change: dict[str, Any], expected: str) -> None:
    inputs = [
        {"type": "memory_store", "memory_store_id": remembered(client)},
        {"type": "sessions", "session_ids": [said(client, "Hello")]},
    ]
    with pytest.raises(anthropic.BadRequestError) as error:
        client.post("/v1/dreams", body={"inputs": inputs, "model": "demo"} | change, cast_to=object)
    assert error.value.body["error"]["message"].startswith(expected)  # type: ignore[index]


def test_what_is_not_there_is_refused(client: anthropic.Anthropic) -> None:
    store, session = remembered(client), said(client, "Hello")
    with pytest.raises(anthropic.NotFoundError, match=r"inputs\.0\.memory_store_id"):
        dream(client, "demo", "memstore_none", [session])
    with pytest.raises(anthropic.NotFoundError, match=r"inputs\.1\.session_ids\.1"):
        dream(client, "demo", store, [session, "sesn_none"])
    client.beta.memory_stores.archive(store)
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        dream(client, "demo", store, [session])
    for verb in (client.beta.dreams.retrieve, client.beta.dreams.archive, client.beta.dreams.cancel):
        with pytest.raises(anthropic.NotFoundError):
            verb("drm_none")
