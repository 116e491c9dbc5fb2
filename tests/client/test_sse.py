from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antcli.client.sse import SseDecoder, events
from antcli.errors import ApiError, ExitCode, ServerError

TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
EVENTS = st.lists(st.fixed_dictionaries({"type": st.just("agent.message"), "id": TEXTS, "text": TEXTS}), max_size=6)


def encoded(event: dict[str, Any], end: bytes, *, split: bool, comment: str) -> bytes:
    """A frame in one of the many ways to write it."""
    text = json.dumps(event, ensure_ascii=False, indent=1 if split else None)
    lines = [
        b":" + comment.encode().replace(b"\r", b"").replace(b"\n", b""),
        b"id: 7",
        b"event: agent.message",
        b"retry: 3",
    ]
    lines += [(b"data: " if len(line) % 2 else b"data:") + line.encode() for line in text.split("\n")]
    return b"".join(line + end for line in [*lines, b""])


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]


@given(EVENTS, ENDS, st.booleans(), TEXTS, st.lists(st.integers(0, 5000), max_size=20), st.booleans())
def test_any_cutting_into_chunks_gives_the_same_events(
    sent: list[dict[str, Any]], end: bytes, split: bool, comment: str, cuts: list[int], mark: bool
) -> None:
    data = b"\xef\xbb\xbf" * mark + b"".join(encoded(event, end, split=split, comment=comment) for event in sent)
    assert list(events(chunked(data, cuts))) == sent
    assert list(events(data[at : at + 1] for at in range(len(data)))) == sent


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=10))
def test_any_bytes_are_cut_alike(data: bytes, cuts: list[int]) -> None:
    whole, parts = SseDecoder(), SseDecoder()
    frames = whole.feed(data)
    assert [frame for chunk in chunked(data, cuts) for frame in parts.feed(chunk)] == frames


def test_lines_of_data_are_joined_and_a_carriage_return_alone_ends_a_line() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"event: a\rdata: 1\r") == []
    assert decoder.feed(b"\ndata:2\n\r\n") == [("a", b"1\n2")]
    assert decoder.feed(b"data") == []
    assert decoder.feed(b"\n\n") == [("", b"")]


def test_a_frame_that_never_ends_is_no_event() -> None:
    assert list(events([b'data: {"type":"a"}\n\ndata: {"type":"b"}\n'])) == [{"type": "a"}]


def test_heartbeats_are_left_out() -> None:
    data = b': ping\n\nevent: ping\ndata: {}\n\nevent: x\ndata: {"type":"ping"}\n\ndata: {"type":"a"}\n\n'
    assert list(events([data])) == [{"type": "a"}]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"type": "overloaded_error", "message": "Busy."}, 529, ExitCode.SERVER),
        ({"type": "not_found_error", "message": "Busy."}, 404, ExitCode.NOT_FOUND),
        ({"type": "brand_new_error", "message": "Busy."}, 500, ExitCode.SERVER),
    ],
)
def test_an_error_frame_raises_the_servers_error(error: dict[str, str], status: int, code: ExitCode) -> None:
    data = json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()
    stream = events([b'data: {"type":"a"}\n\nevent: error\ndata: ' + data + b"\n\n"])
    assert next(stream) == {"type": "a"}
    with pytest.raises(ApiError, match="Busy") as caught:
        next(stream)
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (status, code, "req_1")


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: 1\n\n", b"data: \xff\n\n"])
def test_what_is_no_event_is_a_server_error(data: bytes) -> None:
    with pytest.raises(ServerError, match="not an event"):
        list(events([data]))


def test_a_long_line_in_small_chunks_costs_what_its_bytes_cost() -> None:
    def seconds(size: int) -> float:
        decoder = SseDecoder()
        began = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(size):
            assert decoder.feed(b"x" * 64) == []
        assert len(decoder.feed(b"\n\n")[0][1]) == size * 64
        return time.process_time() - began

    seconds(1000)
    assert min(seconds(64_000) for _ in range(3)) < 16 * 10 * min(seconds(4_000) for _ in range(3)) / 4
