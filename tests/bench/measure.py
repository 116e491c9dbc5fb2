"""What a bench hands back, and the small sums that every bench needs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table. `holds` is None where there is no budget; `figures` are the plain numbers for --json."""

    what: str
    measured: str
    budget: str = ""
    baseline: str = ""
    holds: bool | None = None
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Scale:
    """How much to measure; `quick` is the least that still runs every line of a bench."""

    quick: bool = False

    def __call__(self, full: int, quick: int = 2) -> int:
        return quick if self.quick else full


Bench = Callable[[Scale, Path], list[Row]]  # the path is an empty folder that is removed afterwards


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float], unit: str = "ms") -> str:
    """p50 / p99 in words; seconds are shown as milliseconds."""
    factor = 1000 if unit == "ms" else 1
    return f"p50 {p50(values) * factor:.2f} p99 {percentile(values, 99) * factor:.2f} {unit}"


def figures(name: str, values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and min in the unit of the values."""
    parts = {"p50": p50(values), "p95": percentile(values, 95), "p99": percentile(values, 99), "min": min(values)}
    return {f"{name}_{part}": value for part, value in parts.items()}


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def until(condition: Callable[[], Any], limit: float = 60.0, pause: float = 0.01) -> Any:
    """What the condition returns once it is true. Raises TimeoutError."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(pause)
    return value


def resident_megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_megabytes(pid: int) -> float:
    """The most that was ever resident."""
    return next(
        int(line.split()[1]) / 1024
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    )


def proportional_megabytes(pids: Sequence[int]) -> float:
    """Memory of processes in which a shared page counts once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has ended
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    found = children(pid)
    for child in found:  # grows while it is walked
        found += children(child)
    return found
