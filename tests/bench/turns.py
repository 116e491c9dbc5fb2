"""What the engine adds to a model: to a turn, to the first token, to the very first token after its start."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.measure import Row, Scale, figures, p50, spread
from tests.bench.processes import Engine, Started, batch, endpoint, engine, events, message, model, running
from tests.bench.wire import Connection, Stream


def share(scale: Scale, home: Path) -> list[Row]:
    """POST of a message to session.status_idle at the client, without the time that the model took."""
    brain = model(home / "model")
    with running(brain), engine(home / "engine", **endpoint(brain)) as served, served.connect() as ask:
        session = served.session(ask, served.agent(ask, "m"))
        with served.stream(session, deltas=True) as stream:
            turns = [turn(ask, stream, session) for _ in range(scale(100, 3) + 1)][1:]  # the first one connects
        direct = _direct(brain, scale(100, 3))
    shares, tokens = [took for took, _ in turns], [added for _, added in turns]
    baseline = f"the model asked directly p50 {p50(direct) * 1000:.2f} ms"
    return [
        Row("engine's share of a turn", spread(shares), "p50 15 ms", baseline, p50(shares) <= 0.015,
            figures("share", shares)),
        Row("added time to first token", spread(tokens), "p50 5 ms", "", p50(tokens) <= 0.005,
            figures("first_token", tokens)),
    ]  # fmt: skip


def turn(ask: Connection, stream: Stream, session: str) -> tuple[float, float]:
    """(the engine's share in seconds, from the model's first piece of text to the client's first event_delta)."""
    begin, first, text = time.monotonic(), 0.0, ""
    ask.send("POST", events(session), batch(message("go")))
    for moment, event in stream.events():
        if event["type"] == "event_delta":
            first = first or moment
            text += event["delta"]["content"]["text"]
        elif event["type"] == "session.status_idle":
            break
    ask.receive()
    received, wrote_first, wrote_last = (int(word) / 1e9 for word in text.split())
    return moment - begin - (wrote_last - received), first - wrote_first


def _direct(brain: Started, count: int) -> list[float]:
    """A whole answer of the model to a client without an engine, on a kept connection."""
    times = []
    with brain.connect() as connection:
        for _ in range(count):
            begin = time.monotonic()
            connection.send("POST", "/v1/messages", {"messages": []})
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                data += connection._more()
            times.append(time.monotonic() - begin)
    return times


def first(scale: Scale, home: Path) -> list[Row]:
    """The first request of an engine's life, right after it is ready, and one that follows."""
    firsts, seconds_ = [], []
    brain = model(home / "model")
    with running(brain):
        for number in range(scale(5, 1)):
            with engine(home / f"engine-{number}", **endpoint(brain)) as served, served.connect() as ask:
                agent = served.agent(ask, "m")
                firsts.append(_ask(served, ask, agent))
                seconds_.append(_ask(served, ask, agent))
    return [
        Row("first token of an engine just started", spread(firsts), "", f"its second session {spread(seconds_)}",
            figures=figures("first", firsts) | figures("second", seconds_)),
    ]  # fmt: skip


def _ask(served: Engine, ask: Connection, agent: str) -> float:
    """From the creation of a session to its first token."""
    begin = time.monotonic()
    session = served.session(ask, agent)
    with served.stream(session, deltas=True) as stream:
        ask.ask("POST", events(session), batch(message("go")))
        moment, _ = stream.until("event_delta")
    return moment - begin
