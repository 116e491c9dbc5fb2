"""The engine: start, memory, durable posts, throughput of the log, sessions a second."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

from antcli.engine.session.events import event
from antcli.engine.session.state import State
from antcli.engine.store.base import Append, SessionRow
from antcli.engine.store.sqlite import SqliteStore
from tests.bench.measure import (
    Row,
    Scale,
    children,
    descendants,
    figures,
    p50,
    percentile,
    proportional_megabytes,
    resident_megabytes,
    seconds,
    spread,
    until,
)
from tests.bench.processes import INTERRUPT, Engine, bare_server, batch, engine, events, message, running
from tests.bench.wire import Connection


def start(scale: Scale, home: Path) -> list[Row]:
    """From the command to the ready line."""
    ours, bare = [], []
    for number in range(scale(7)):
        begin = time.perf_counter()
        with running(Engine.__new__(Engine)) if False else engine(home / f"e{number}") as served:
            ours.append(served.started_in)
            idle = resident_megabytes(served.pid)
        begin = time.perf_counter()
        server = bare_server(home / f"b{number}")
        bare.append(time.perf_counter() - begin)
        with running(server):
            floor = resident_megabytes(server.pid)
    return [
        Row("engine start to ready", f"p50 {p50(ours) * 1000:.0f} min {min(ours) * 1000:.0f} ms", "0.7 s",
            f"bare server p50 {p50(bare) * 1000:.0f} ms", p50(ours) <= 0.7, figures("start", ours)),
        Row("idle memory", f"{idle:.0f} MB", "70 MB", f"bare server {floor:.0f} MB", idle <= 70, {"idle_mb": idle}),
    ]  # fmt: skip
