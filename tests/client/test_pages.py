from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def numbered(first: int, last: int) -> list[dict[str, int]]:
    return [{"n": n} for n in range(first, last + 1)]


def test_all_pages_of_a_cursor_list_are_read(server: Any, reply: Any) -> None:
    server.answers(
        reply(body={"data": numbered(1, 2), "next_page": "p2"}), reply(body={"data": [], "next_page": "p3"}),
        reply(body={"data": numbered(3, 3), "next_page": None}),
    )  # fmt: skip
    with server.client() as client:
        found = list(client.pages("agents.list", query={"limit": 2, "include_archived": False}))
    assert found == numbered(1, 3)
    assert [dict(asked.query).get("page") for asked in server.asked] == [None, "p2", "p3"]
    assert all(dict(asked.query)["include_archived"] == "false" for asked in server.asked)


def test_a_bidirectional_list_is_read_forwards(server: Any, reply: Any) -> None:
    server.answers(
        reply(body={"data": numbered(1, 1), "next_page": "n", "prev_page": None}),
        reply(body={"data": numbered(2, 2), "next_page": None, "prev_page": "b"}),
    )
    with server.client() as client:
        assert list(client.pages("sessions.list")) == numbered(1, 2)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ({}, ("after_id", "m2")),
        ({"after_id": "m0"}, ("after_id", "m2")),
        ({"before_id": "m9"}, ("before_id", "m1")),
    ],
)
def test_a_list_by_ids_goes_on_from_the_right_end(server: Any, reply: Any, query: Any, sent: tuple[str, str]) -> None:
    server.answers(
        reply(body={"data": numbered(1, 2), "has_more": True, "first_id": "m1", "last_id": "m2"}),
        reply(body={"data": numbered(3, 3), "has_more": False, "first_id": "m3", "last_id": "m3"}),
    )
    with server.client() as client:
        assert list(client.pages("models.list", query=query)) == numbered(1, 3)
    assert sent in server.asked[1].query


def pages_of(server: Any, reply: Any, size: int) -> Callable[[Any], Any]:
    def answer(asked: Any) -> Any:
        start = int(dict(asked.query).get("page", "0"))
        return reply(body={"data": numbered(start + 1, start + size), "next_page": str(start + size)})

    return answer


def test_a_limit_ends_the_reading_and_no_page_too_many_is_fetched(server: Any, reply: Any) -> None:
    server.handler = pages_of(server, reply, 10)
    with server.client() as client:
        assert list(client.pages("agents.list", limit=25)) == numbered(1, 25)
        assert len(server.asked) == 3
        assert list(client.pages("agents.list", limit=10)) == numbered(1, 10)
        assert len(server.asked) == 4
        assert list(client.pages("agents.list", limit=0)) == []
        assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("limit", "query", "sent"),
    [(5, {}, "5"), (5000, {}, "100"), (50, {"view": "full"}, "20"), (5, {"limit": 3}, "3"), (None, {}, None)],
)
def test_the_page_is_no_larger_than_what_is_wanted(
    server: Any, reply: Any, limit: int | None, query: Any, sent: str | None
) -> None:
    server.answers(reply(body={"data": [], "next_page": None}))
    with server.client() as client:
        list(client.pages("memory_stores.memories.list", "m", query=query, limit=limit))
    assert dict(server.asked[0].query).get("limit") == sent


def test_pages_are_fetched_when_they_are_needed(server: Any, reply: Any) -> None:
    server.handler = pages_of(server, reply, 2)
    with server.client() as client:
        items = client.pages("agents.list")
        assert server.asked == []
        next(items), next(items)
        assert len(server.asked) == 1


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
def test_a_cursor_that_leads_back_ends_the_list(server: Any, reply: Any, cursors: list[str]) -> None:
    left = iter([*cursors, *cursors])
    server.handler = lambda asked: reply(body={"data": numbered(1, 1), "next_page": next(left)})
    with server.client() as client:
        assert len(list(client.pages("agents.list"))) == len(cursors)


def test_only_lists_have_pages(server: Any) -> None:
    with server.client() as client, pytest.raises(TypeError, match="not a list"):
        list(client.pages("agents.retrieve", "x"))
