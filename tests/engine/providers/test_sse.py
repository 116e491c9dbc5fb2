from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antcli.engine.providers import sse
from antcli.engine.providers.sse import EventParser, ServerSentEvent

STREAM = (
    "\ufeff: a comment\r\nevent: first\r\ndata: ä€🐜\r\n\r\n"
    "data:no space\ndata:  two spaces\n\n"
    ":ping\n\nid: 7\nretry: 10\nevent: nothing\n\n"
    "event: third\rdata: carriage returns\r\rdata: {}\r\n\n"
).encode()
EVENTS = [
    ServerSentEvent("first", "ä€🐜"),
    ServerSentEvent("", "no space\n two spaces"),
    ServerSentEvent("third", "carriage returns"),
    ServerSentEvent("", "{}"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_events_do_not_depend_on_how_the_bytes_are_portioned(cuts: list[int]) -> None:
    parser = EventParser()
    portions = [STREAM[start:end] for start, end in pairwise([0, *sorted(cuts), len(STREAM)])]
    assert [event for portion in portions for event in parser.feed(portion)] == EVENTS
    assert parser.finish() == []


def test_every_byte_alone_gives_the_same_events() -> None:
    parser = EventParser()
    assert [event for byte in STREAM for event in parser.feed(bytes([byte]))] == EVENTS


def test_a_last_event_without_its_blank_line_comes_at_the_end() -> None:
    parser = EventParser()
    assert parser.feed(b"data: last") == []
    assert parser.finish() == [ServerSentEvent("", "last")]
    assert parser.finish() == []


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_EVENT_LIMIT", 1000)
    parser = EventParser()
    with pytest.raises(ValueError, match="32 MiB"):
        for _ in range(2000):
            parser.feed(b"data: x\n")
    with pytest.raises(ValueError, match="32 MiB"):
        EventParser().feed(b"x" * 1001)
