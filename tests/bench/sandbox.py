"""The hands: how soon they are there, and what it gains that nobody waits for them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

from antcli.engine.sandbox.base import Recipe
from antcli.engine.sandbox.bubblewrap import Bubblewrap, find_bwraps
from tests.bench.measure import Row, Scale, figures, p50, percentile, seconds, spread
from tests.bench.processes import Engine, batch, endpoint, engine, events, message, model, running


def start(scale: Scale, home: Path) -> list[Row]:
    """A sandbox until it takes calls, one after the other."""
    bwrap = str(next(iter(find_bwraps()), shutil.which("bwrap") or "bwrap"))
    command = [bwrap, "--unshare-all", "--ro-bind", "/", "/", "true"]
    ours, alone = asyncio.run(_starts(scale(25, 2), home, command))
    return [
        Row("sandbox start", spread(ours), "p50 50 ms", f"bwrap true p50 {p50(alone) * 1000:.1f} ms",
            p50(ours) <= 0.050, figures("start", ours)),
    ]  # fmt: skip


async def _starts(count: int, home: Path, command: list[str]) -> tuple[list[float], list[float]]:
    backend = Bubblewrap()
    refusal = await backend.probe()
    assert refusal is None, refusal
    ours, alone = [], []
    for number in range(count):
        begin = time.perf_counter()
        sandbox = await backend.provision(Recipe(f"sesn_{number}", home / f"home-{number}"))
        ours.append(time.perf_counter() - begin)
        await sandbox.destroy()
        alone.append(seconds(lambda: subprocess.run(command, check=True)))
    return ours, alone


def background(scale: Scale, home: Path) -> list[Row]:
    """From a session's creation until the model writes its first token; an engine that waits for the sandbox first
    takes turns with ours."""
    brain = model(home / "model")
    rows = []
    with (
        running(brain),
        engine(home / "ours", variant="plain", **endpoint(brain)) as ours,
        engine(home / "eager", variant="eager", **endpoint(brain)) as eager,
    ):
        for at_once, rounds in ((1, scale(40, 2)), (scale(16, 2), scale(4, 1))):
            times: dict[Engine, list[float]] = {ours: [], eager: []}
            for _ in range(rounds):
                for served in times:
                    times[served] += _first_tokens(served, at_once)
            rows.append(_compared(at_once, times[ours], times[eager]))
    return rows


def _compared(at_once: int, ours: list[float], eager: list[float]) -> Row:
    gains = [1 - part(ours) / part(eager) for part in (p50, lambda values: percentile(values, 95))]
    what = f"TTFT, sandbox in the background, {at_once} at once" if at_once > 1 else "TTFT, sandbox in the background"
    texts = [f"p50 {p50(v) * 1000:.1f} p95 {percentile(v, 95) * 1000:.1f} ms" for v in (ours, eager)]
    return Row(what, f"p50 -{gains[0]:.0%} p95 -{gains[1]:.0%}: {texts[0]}", "p50 -60 % p95 -90 %",
               f"eager {texts[1]}", gains[0] >= 0.6 and gains[1] >= 0.9,
               figures("background", ours) | figures("eager", eager))  # fmt: skip


def _first_tokens(served: Engine, at_once: int) -> list[float]:
    with served.connect() as ask:
        agent = served.agent(ask, "m", tools=True)
        begins, streams = [], []
        for _ in range(at_once):
            begins.append(time.monotonic())
            session = served.session(ask, agent)
            streams.append(served.stream(session, deltas=True))
            ask.ask("POST", events(session), batch(message("go")))
        times = []
        for begin, stream in zip(begins, streams, strict=True):
            with stream:
                _, event = stream.until("event_delta")
                # The model's own note of when it wrote it: this process reads one stream after the other.
                times.append(int(event["delta"]["content"]["text"].split()[1]) / 1e9 - begin)
    time.sleep(0.1)  # the sandbox that ours did not wait for is being made: it must not slow the next one
    return times
