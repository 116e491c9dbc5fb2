"""`python -m tests.bench [NAME ...]`: measure, print one table. Loopback only; ends what it starts."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench.measure import Bench, Row, Scale

FAMILIES = {
    "startup": ("commands",),
    "engine": ("start", "memory", "posts", "throughput", "sessions"),
    "streams": ("fanout",),
    "pipes": ("printed",),
    "turns": ("share", "first"),
    "sandbox": ("start", "background"),
    "recovery": ("kills",),
    "history": ("length",),
}
NAMES = [f"{family}.{name}" for family, names in FAMILIES.items() for name in names]


def chosen(words: list[str]) -> list[str]:
    """The benches meant by families and names, in the order of the table. Raises ValueError."""
    for word in words:
        if word not in NAMES and word not in FAMILIES:
            raise ValueError(f"no bench is called {word}; there are {', '.join([*FAMILIES, *NAMES])}")
    return [name for name in NAMES if not words or name in words or name.partition(".")[0] in words]


def measured(name: str, scale: Scale) -> list[Row]:
    family, _, function = name.partition(".")
    bench: Bench = getattr(importlib.import_module(f"tests.bench.{family}"), function)
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        return bench(scale, Path(folder))


def table(rows: list[Row]) -> str:
    verdict = {True: "yes", False: "NO", None: ""}
    cells = [("what", "budget", "measured", "baseline, same run", "holds")]
    cells += [(row.what, row.budget, row.measured, row.baseline, verdict[row.holds]) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the budgets. Nothing is asserted.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join([*FAMILIES, *NAMES])}")
    parser.add_argument("--quick", action="store_true", help="tiny counts: only to see that it runs")
    parser.add_argument("--json", action="store_true", help="the figures as JSON; seconds, unless the name says else")
    options = parser.parse_args()
    try:
        names = chosen(options.names)
    except ValueError as error:
        parser.error(str(error))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended also then
    rows: list[Row] = []
    for name in names:
        begin = time.monotonic()
        rows += measured(name, Scale(options.quick))
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
