from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from antcli.client import retries
from antcli.errors import ApiError, ServerError, UsageError

BUSY = {"error": {"type": "overloaded_error", "message": "Busy."}}


@pytest.mark.parametrize(
    ("status", "headers", "repeated"),
    [
        (400, {}, False), (401, {}, False), (403, {}, False), (404, {}, False), (412, {}, False), (422, {}, False),
        (408, {}, True), (409, {}, True), (429, {}, True), (500, {}, True), (503, {}, True), (529, {}, True),
        (409, {"x-should-retry": "false"}, False), (500, {"x-should-retry": "false"}, False),
        (400, {"x-should-retry": "true"}, True), (404, {"x-should-retry": "True"}, True),
        (200, {}, False), (400, {"x-should-retry": "perhaps"}, False),
    ],
)  # fmt: skip
def test_what_is_worth_repeating(status: int, headers: dict[str, str], repeated: bool) -> None:
    assert retries.worth_repeating(status, headers) is repeated


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500"}, 1.5), ({"retry-after": "7"}, 7), ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "10", "retry-after": "7"}, 0.01), ({"retry-after-ms": "x", "retry-after": "7"}, 7),
        ({"retry-after": formatdate(time.time() - 100, usegmt=True)}, 0), ({"retry-after": "60"}, 60),
    ],
)  # fmt: skip
def test_the_servers_wish_is_obeyed(headers: dict[str, str], seconds: float) -> None:
    assert retries.delay_before(1, headers) == seconds


def test_a_date_to_come_back_at_is_understood() -> None:
    delay = retries.delay_before(1, {"retry-after": formatdate(time.time() + 20, usegmt=True)})
    assert 18 <= delay <= 20


@pytest.mark.parametrize("headers", [None, {}, {"retry-after": "soon"}, {"retry-after": "61"}, {"retry-after": "-1"}])
def test_without_a_wish_delays_double_up_to_eight_seconds(
    headers: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_DELAY", 0.5)
    for attempt, longest in ((1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (5000, 8)):
        for _ in range(20):
            assert 0.75 * longest <= retries.delay_before(attempt, headers) <= longest


def test_ant_max_retries_is_a_number() -> None:
    assert retries.retries_from({}) == 2
    assert retries.retries_from({"ANT_MAX_RETRIES": " 0 "}) == 0
    assert retries.retries_from({"ANT_MAX_RETRIES": "5"}) == 5
    for text in ("-1", "x", "1.5"):
        with pytest.raises(UsageError, match="ANT_MAX_RETRIES"):
            retries.retries_from({"ANT_MAX_RETRIES": text})


def test_three_requests_are_made_and_counted_then_the_error_is_told(server: Any, reply: Any) -> None:
    server.answers(reply(529, BUSY, {"retry-after-ms": "1"}))
    with server.client() as client, pytest.raises(ApiError, match="Busy"):
        client.call("agents.create", body={"name": "x"})
    assert [asked.headers["x-stainless-retry-count"] for asked in server.asked] == ["0", "1", "2"]
    assert {asked.body for asked in server.asked} == {b'{"name":"x"}'}


def test_a_later_success_is_the_answer(server: Any, reply: Any) -> None:
    server.answers(reply(500, BUSY), reply(409, BUSY), reply(body={"id": "x"}))
    with server.client() as client:
        assert client.call("agents.retrieve", "x") == {"id": "x"}


def test_a_deterministic_conflict_costs_one_request(server: Any, reply: Any) -> None:
    server.answers(reply(409, BUSY, {"x-should-retry": "false"}))
    with server.client() as client, pytest.raises(ApiError):
        client.call("agents.update", "x", body={})
    assert len(server.asked) == 1


@pytest.mark.parametrize("cut", [0, 1, 9, 40, 60, 75])
def test_a_connection_that_breaks_anywhere_is_tried_again(server: Any, reply: Any, cut: int) -> None:
    server.answers(reply(body={"id": "x"}, cut=cut), reply(body={"id": "x"}))
    with server.client() as client:
        assert client.call("agents.retrieve", "x") == {"id": "x"}
    assert len(server.asked) == 2


def test_a_connection_that_always_breaks_is_a_server_error(server: Any, reply: Any) -> None:
    server.answers(reply(body={"id": "x"}, cut=20))
    with server.client() as client, pytest.raises(ServerError, match=server.address):
        client.call("agents.retrieve", "x")
    assert len(server.asked) == 3


def test_opening_a_stream_is_retried_too(server: Any, reply: Any) -> None:
    frame = b'event: e\ndata: {"type":"agent.message","id":"e1"}\n\n'
    server.answers(reply(503, BUSY), reply(chunks=[frame]))
    with server.client() as client, client.stream("sessions.events.stream", "s") as stream:
        assert [event["id"] for event in stream] == ["e1"]
