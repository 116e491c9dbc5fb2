from __future__ import annotations

import contextlib
from pathlib import Path

import httpx
import pytest

from antcli.engine.api.pages import Cursor, Cursors, load_cursors, slice_of
from antcli.engine.errors import RequestError
from antcli.engine.store.sqlite import SqliteStore

CURSORS = Cursors(b"k" * 32)


def test_a_cursor_comes_back_as_it_was() -> None:
    cursor = Cursor("agents", "desc", 1 << 60, True, "2026-01-01T00:00:00.000000Z")
    assert CURSORS.decode(CURSORS.encode(cursor), "agents", "desc") == cursor


@pytest.mark.parametrize(
    "text",
    [
        "", "page_", "page_AAAA", "page_" + "A" * 2000, "page_é", "nonsense",
        Cursors(b"x" * 32).encode(Cursor("agents", "desc", 1)),
    ],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="not a cursor"):
        CURSORS.decode(text, "agents", "desc")


def test_a_changed_cursor_is_refused() -> None:
    text = CURSORS.encode(Cursor("agents", "desc", 1))
    for position in range(len("page_"), len(text) - 1):  # the last character has spare bits
        changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        with pytest.raises(RequestError, match="not a cursor"):
            CURSORS.decode(changed, "agents", "desc")


def test_a_cursor_is_good_for_its_operation_and_order_only() -> None:
    text = CURSORS.encode(Cursor("agents", "desc", 1))
    with pytest.raises(RequestError, match="another list"):
        CURSORS.decode(text, "environments", "desc")
    with pytest.raises(RequestError, match="order=desc"):
        CURSORS.decode(text, "agents", "asc")


@pytest.mark.parametrize(("operator", "taken"), [("gt", "1"), ("gte", "12"), ("lt", "3"), ("lte", "23")])
def test_a_time_filter_that_excludes_the_cursor_is_refused(operator: str, taken: str) -> None:
    text = CURSORS.encode(Cursor("agents", "desc", 1, created_at="2026-01-02"))
    for day in "123":
        bounds = [(operator, f"2026-01-0{day}")]
        with contextlib.nullcontext() if day in taken else pytest.raises(RequestError, match="excludes"):
            slice_of(CURSORS, "agents", page=text, order="desc", limit=5, created_at=bounds)


async def load_twice(path: Path) -> tuple[str, str]:
    texts = []
    for _ in range(2):
        store = SqliteStore(path)
        await store.open()
        texts.append((await load_cursors(store)).encode(Cursor("agents", "desc", 1)))
        await store.close()
    return texts[0], texts[1]


def test_the_key_outlives_the_engine(tmp_path: Path) -> None:
    import asyncio

    first, second = asyncio.run(load_twice(tmp_path / "engine.db"))
    assert first == second


def test_a_list_refuses_the_cursor_of_another_one(http: httpx.Client) -> None:
    for number in range(2):
        http.post("/v1/agents", json={"name": str(number), "model": "m"})
    cursor = http.get("/v1/agents?limit=1").json()["next_page"]
    assert http.get("/v1/agents", params={"page": cursor}).status_code == 200
    assert http.get("/v1/environments", params={"page": cursor}).status_code == 400
