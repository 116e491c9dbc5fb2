"""From the commit in the engine to the arrival at its readers."""

from __future__ import annotations

import json
import selectors
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.measure import Row, Scale, figures, percentile, spread
from tests.bench.processes import INTERRUPT, bare_server, engine, events, running
from tests.bench.wire import Connection, Stream, payload, stamp


def fanout(scale: Scale, home: Path) -> list[Row]:
    """Both servers stamp each frame as they make it: ours after the commit, the bare one before it queues the bytes."""
    rows = []
    for readers, budget, pace, count in ((1, 0.003, 0.01, scale(300, 5)), (scale(100, 3), 0.010, 0.02, scale(150, 5))):
        bare = bare_server(home / f"bare-{readers}")
        with (
            running(bare), engine(home / f"engine-{readers}", variant="stamped") as served, served.connect() as ask,
        ):  # fmt: skip
            session = served.session(ask, served.agent(ask, served.script({"text": "x"})))
            path = events(session)
            streams = [served.stream(session) for _ in range(readers)]
            ours, appended = _deliver(ask, path, INTERRUPT, streams, count, pace)
            body = json.loads(ask.ask("GET", f"{path}?limit=1"))["data"][0]
            with bare.connect() as push:
                open_streams = [Stream(bare.connect(), "/stream") for _ in range(readers)]
                floor, _ = _deliver(push, "/push", body, open_streams, count, pace)
        holds = percentile(ours, 99) <= budget
        what = f"append to client, {readers} stream{'s' if readers > 1 else ''}"
        rows += [
            Row(what, spread(ours), f"p99 {budget * 1000:.0f} ms", f"bare fan-out {spread(floor)}", holds,
                figures("commit_to_client", ours) | figures("bare", floor)),
            Row("... from the decision, fsync included", spread(appended),
                figures=figures("decision_to_client", appended)),
        ]  # fmt: skip
    return rows


def _deliver(
    ask: Connection, path: str, body: object, streams: list[Stream], count: int, pace: float
) -> tuple[list[float], list[float]]:
    """Send `count` events one after the other; how long each took to each stream: since its stamp, since its time."""
    selector = selectors.DefaultSelector()
    for stream in streams:
        selector.register(stream.connection.socket, selectors.EVENT_READ, stream)
    arrived: list[tuple[float, Stream, bytes]] = []
    since_epoch = time.time() - time.monotonic()
    for _ in range(count):
        due, missing = time.monotonic() + pace, len(streams)
        ask.send("POST", path, body)
        while missing > 0 or time.monotonic() < due:
            wait = 10.0 if missing else max(0.0, due - time.monotonic())
            ready = selector.select(wait)
            if not ready and missing:
                raise TimeoutError("an event did not arrive")
            for key, _ in ready:
                data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                arrived.append((time.monotonic(), key.data, data))
                missing -= data.count(b"\ndata: ")
        ask.receive()
    since_stamp, since_time = [], []
    for moment, stream, data in arrived:
        for frame in stream.feed(data):
            sent, event = stamp(frame), payload(frame)
            if sent is not None and event is not None:
                since_stamp.append(moment - sent)
                made = datetime.fromisoformat(event["processed_at"]).replace(tzinfo=UTC)
                since_time.append(moment + since_epoch - made.timestamp())
    for stream in streams:
        stream.connection.socket.close()
    selector.close()
    assert len(since_stamp) == count * len(streams)
    return since_stamp, since_time
