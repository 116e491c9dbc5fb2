from __future__ import annotations

import hashlib
from typing import Any

import anthropic
import httpx
import pytest

from tests.engine.api.server import Server


@pytest.fixture
def store(sdk: anthropic.Anthropic) -> str:
    return sdk.beta.memory_stores.create(name="Notes").id


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def paths(items: Any) -> list[str]:
    return [item.path for item in items]


def test_a_store_lives(sdk: anthropic.Anthropic, http: httpx.Client) -> None:
    stores = sdk.beta.memory_stores
    made = stores.create(name="Team notes", description="d", metadata={"a": "1"})
    assert made.id.startswith("memstore_") and stores.retrieve(made.id) == made
    assert set(made.to_dict()) == {
        "id", "type", "name", "description", "metadata", "created_at", "updated_at", "archived_at",
    }  # fmt: skip
    changed = stores.update(made.id, description="", metadata={"a": None})
    assert (changed.name, changed.description, changed.metadata) == ("Team notes", "", {})
    assert stores.update(made.id, name=None, description=None) == changed
    stores.memories.create(made.id, path="/a", content="x")
    assert stores.retrieve(made.id).updated_at == changed.updated_at  # not on memory writes
    archived = stores.archive(made.id)
    assert archived.archived_at and stores.archive(made.id) == archived
    assert made.id not in paths_of_ids(stores.list()) and made.id in paths_of_ids(stores.list(include_archived=True))
    assert http.post(f"/v1/memory_stores/{made.id}", json={"name": "x"}).status_code == 400
    assert stores.delete(made.id).type == "memory_store_deleted"
    for call in (stores.retrieve, stores.delete, stores.archive, stores.memories.list, stores.memory_versions.list):
        with pytest.raises(anthropic.NotFoundError, match="memory store"):
            call(made.id)


def paths_of_ids(items: Any) -> list[str]:
    return [item.id for item in items]


def test_stores_are_listed_by_time(sdk: anthropic.Anthropic) -> None:
    first, second = (sdk.beta.memory_stores.create(name=name) for name in "ab")
    assert paths_of_ids(sdk.beta.memory_stores.list(created_at_gte=second.created_at)) == [second.id]
    earlier = paths_of_ids(sdk.beta.memory_stores.list(created_at_lte=first.created_at, limit=1))
    assert first.id in earlier and second.id not in earlier


def test_a_memory_and_its_views(sdk: anthropic.Anthropic, store: str) -> None:
    memories = sdk.beta.memory_stores.memories
    made = memories.create(store, path="/ä/notes.md", content="héllo")
    assert made.content is None and made.content_sha256 == digest("héllo") and made.content_size_bytes == 6
    assert memories.retrieve(made.id, memory_store_id=store).content == "héllo"
    assert memories.retrieve(made.id, memory_store_id=store, view="basic") == made
    assert memories.create(store, path="/e", content=None, view="full").content == ""
    assert [item.content for item in memories.list(store, view="full")] == ["", "héllo"]  # type: ignore[union-attr]
    moved = memories.update(made.id, memory_store_id=store, path="/b", view="full")
    assert (moved.id, moved.path, moved.content, moved.created_at) == (made.id, "/b", "héllo", made.created_at)
    changed = memories.update(made.id, memory_store_id=store, content="x")
    assert (changed.path, changed.content_sha256) == ("/b", digest("x"))
    assert memories.update(made.id, memory_store_id=store, content="x", path="/b") == changed
    versions = list(sdk.beta.memory_stores.memory_versions.list(store, memory_id=made.id, limit=1))
    assert [version.operation for version in versions] == ["modified", "modified", "created"]
    assert [version.path for version in versions] == ["/b", "/b", "/ä/notes.md"]
    assert versions[0].id == changed.memory_version_id
    assert memories.delete(made.id, memory_store_id=store).type == "memory_deleted"
    with pytest.raises(anthropic.NotFoundError, match="memory"):
        memories.retrieve(made.id, memory_store_id=store)


def test_preconditions(sdk: anthropic.Anthropic, store: str) -> None:
    memories = sdk.beta.memory_stores.memories
    made = memories.create(store, path="/a", content="1")
    right: Any = {"type": "content_sha256", "content_sha256": digest("1")}
    wrong: Any = {"type": "content_sha256", "content_sha256": digest("2")}
    with pytest.raises(anthropic.ConflictError) as raised:
        memories.update(made.id, memory_store_id=store, path="/b", precondition=wrong)
    assert raised.value.type == "memory_precondition_failed_error"  # type: ignore[comparison-overlap]
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert memories.retrieve(made.id, memory_store_id=store, view="basic") == made
    memories.update(made.id, memory_store_id=store, path="/b", content="3", precondition=right)
    with pytest.raises(anthropic.ConflictError):
        memories.delete(made.id, memory_store_id=store, expected_content_sha256=digest("1"))
    memories.delete(made.id, memory_store_id=store, expected_content_sha256=digest("3"))


@pytest.mark.parametrize(
    ("there", "new", "said"),
    [("/a", "/a", "is there already"), ("/a", "/a/b/c", "is no folder"), ("/a/b/c", "/a", "the folder of memory")],
)
def test_a_taken_path(sdk: anthropic.Anthropic, store: str, there: str, new: str, said: str) -> None:
    memories = sdk.beta.memory_stores.memories
    holder = memories.create(store, path=there, content="")
    other = memories.create(store, path="/other", content="")

    def refused(call: Any) -> None:
        with pytest.raises(anthropic.ConflictError, match=said) as raised:
            call()
        error = raised.value.body["error"]  # type: ignore[index]
        assert error["type"] == "memory_path_conflict_error"
        assert error["details"] == {"conflicting_memory_id": holder.id, "conflicting_path": there}

    refused(lambda: memories.create(store, path=new, content=""))
    refused(lambda: memories.update(other.id, memory_store_id=store, path=new))
    if new != there:  # out of its own way
        assert memories.update(holder.id, memory_store_id=store, path=new).path == new


def test_listing_by_folder(sdk: anthropic.Anthropic, store: str) -> None:
    memories = sdk.beta.memory_stores.memories
    for path in ("/z", "/notes/b", "/notes-archive/x", "/notes/a/deep", "/notes/a/er", "/notes.md"):
        memories.create(store, path=path, content=path)
    everything = ["/notes-archive/x", "/notes.md", "/notes/a/deep", "/notes/a/er", "/notes/b", "/z"]
    assert paths(memories.list(store)) == paths(memories.list(store, limit=1)) == everything
    assert paths(memories.list(store, path_prefix="/notes/")) == everything[2:5]
    for limit in (1, 2, 100):
        root = list(memories.list(store, depth=1, limit=limit))
        assert [(item.type, item.path) for item in root] == [
            ("memory_prefix", "/notes-archive/"), ("memory", "/notes.md"), ("memory_prefix", "/notes/"),
            ("memory", "/z"),
        ]  # fmt: skip
        inner = list(memories.list(store, depth=1, path_prefix="/notes/", limit=limit))
        assert [(item.type, item.path) for item in inner] == [("memory_prefix", "/notes/a/"), ("memory", "/notes/b")]
    assert paths(memories.list(store, path_prefix="/nothing/")) == []
    assert len(memories.list(store, limit=2).data) == 2


def test_a_full_page_holds_twenty(sdk: anthropic.Anthropic, store: str) -> None:
    for number in range(22):
        sdk.beta.memory_stores.memories.create(store, path=f"/{number}", content="x")
    page = sdk.beta.memory_stores.memories.list(store, view="full", limit=100)
    assert len(page.data) == 20 and len(list(page)) == 22
    versions = sdk.beta.memory_stores.memory_versions.list(store, view="full", limit=100)
    assert len(versions.data) == 20 and len(list(versions)) == 22
    assert len(sdk.beta.memory_stores.memories.list(store, limit=100).data) == 22


def test_versions_remember_and_forget(sdk: anthropic.Anthropic, store: str) -> None:
    memories, versions = sdk.beta.memory_stores.memories, sdk.beta.memory_stores.memory_versions
    made = memories.create(store, path="/a", content="secret")
    memories.update(made.id, memory_store_id=store, content="fine")
    first = versions.retrieve(made.memory_version_id, memory_store_id=store)
    assert (first.content, first.path, first.operation) == ("secret", "/a", "created")
    assert first.created_by and first.created_by.to_dict() == {"type": "api_actor", "api_key_id": "apikey_local"}
    redacted = versions.redact(first.id, memory_store_id=store)
    assert redacted.redacted_at and redacted.redacted_by == first.created_by == redacted.created_by
    assert (redacted.content, redacted.path, redacted.content_sha256, redacted.content_size_bytes) == (None,) * 4
    assert versions.redact(first.id, memory_store_id=store) == redacted
    assert versions.retrieve(first.id, memory_store_id=store) == redacted
    head = memories.retrieve(made.id, memory_store_id=store).memory_version_id
    with pytest.raises(anthropic.BadRequestError, match="is the current one of memory"):
        versions.redact(head, memory_store_id=store)
    memories.delete(made.id, memory_store_id=store)
    versions.redact(head, memory_store_id=store)
    (deleted,) = versions.list(store, memory_id=made.id, operation="deleted", view="full")
    assert (deleted.content, deleted.content_sha256, deleted.path) == (None, None, "/a")
    assert len(list(versions.list(store, api_key_id="apikey_local"))) == 3
    assert not list(versions.list(store, api_key_id="apikey_other"))
    assert not list(versions.list(store, session_id="sesn_x")) and not list(
        versions.list(store, service_account_id="s")
    )
    assert len(list(versions.list(store, created_at_gte=deleted.created_at))) == 1
    assert len(list(versions.list(store, created_at_lte=first.created_at))) == 1


def test_an_archived_store_can_be_read_and_emptied(sdk: anthropic.Anthropic, store: str) -> None:
    memories = sdk.beta.memory_stores.memories
    made = memories.create(store, path="/a", content="x")
    memories.update(made.id, memory_store_id=store, content="y")
    sdk.beta.memory_stores.archive(store)
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        memories.create(store, path="/b", content="")
    with pytest.raises(anthropic.BadRequestError, match="is archived"):
        memories.update(made.id, memory_store_id=store, content="")
    assert memories.retrieve(made.id, memory_store_id=store).content == "y"
    sdk.beta.memory_stores.memory_versions.redact(made.memory_version_id, memory_store_id=store)
    memories.delete(made.id, memory_store_id=store)
    assert list(memories.list(store)) == []


def test_the_limits(sdk: anthropic.Anthropic, server: Server, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = sdk.beta.memory_stores.memories
    made = memories.create(store, path="/a", content="x" * 102_400)
    assert made.content_size_bytes == 102_400
    with pytest.raises(anthropic.BadRequestError, match="content: at most 102,400 bytes, got 102,401"):
        memories.create(store, path="/b", content="x" * 102_399 + "é")
    monkeypatch.setattr("antcli.engine.memory.memories.MOST_MEMORIES", 2)
    memories.create(store, path="/b", content="")
    with pytest.raises(anthropic.BadRequestError, match="at most 2 memories, and .* has 2"):  # noqa: RUF043
        memories.create(store, path="/c", content="")
    memories.update(made.id, memory_store_id=store, content="edits still work")
    memories.delete(made.id, memory_store_id=store)
    memories.create(store, path="/c", content="")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"path": "a", "content": ""}, "path: must start with /"),
        ({"path": "/", "content": ""}, "path: must not have an empty segment"),
        ({"path": "/a/../b", "content": ""}, "path: must not have a segment . or .."),
        ({"path": "/a\u2028", "content": ""}, "path: must not contain the character U+2028"),
        ({"path": "/a\u200d", "content": ""}, "path: must not contain the character U+200D"),
        ({"path": "/e\u0301", "content": ""}, "path: must be in Unicode Normalization Form C"),
        ({"path": "/x" * 21, "content": ""}, "path: at most 20 segments, got 21"),
        ({"path": "/" + "é" * 512, "content": ""}, "path: at most 1,024 bytes, got 1,025"),
        ({"path": "/a"}, "content: required"),
        ({"path": "/a", "content": "", "type": "x"}, "type: unknown field"),
    ],
)
def test_bad_memories(http: httpx.Client, store: str, body: dict[str, Any], said: str) -> None:
    answer = http.post(f"/v1/memory_stores/{store}/memories", json=body)
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith(said), answer.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("depth=2", "depth: must be 0 to 1"), ("path_prefix=/a", "path_prefix: must start and end with /"),
        ("view=all", "view: 'all' is not one of"), ("page=page_x", "page: not a cursor"), ("limit=101", "limit: must"),
        ("order_by=path", "order_by: unknown query parameter"),
    ],
)  # fmt: skip
def test_bad_queries(http: httpx.Client, store: str, query: str, said: str) -> None:
    answer = http.get(f"/v1/memory_stores/{store}/memories?{query}")
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith(said), answer.text


def test_a_cursor_belongs_to_its_list(sdk: anthropic.Anthropic, http: httpx.Client, store: str) -> None:
    for path in ("/d/a", "/d/b"):
        sdk.beta.memory_stores.memories.create(store, path=path, content="")
    cursor = http.get(f"/v1/memory_stores/{store}/memories?limit=1").json()["next_page"]
    for other in (f"depth=1&page={cursor}", f"path_prefix=/d/&page={cursor}"):
        answer = http.get(f"/v1/memory_stores/{store}/memories?{other}")
        assert answer.status_code == 400 and "another list" in answer.text
