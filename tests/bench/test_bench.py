"""The benches still run: the quickest of them with tiny counts. No time is asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import NAMES, chosen, table
from tests.bench.measure import Row, Scale, percentile

QUICK = ["engine.posts", "streams.fanout", "pipes.printed", "turns.share", "sandbox.start", "history.length"]


def test_the_quick_benches_still_give_their_figures() -> None:
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", *QUICK]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert len(rows) > len(QUICK)
    assert all(row["measured"] and row["figures"] for row in rows)
    assert all(value >= 0 for row in rows for value in row["figures"].values())
    assert all((row["holds"] is None) == (not row["budget"]) for row in rows), "a budget is judged, and nothing else is"


def test_families_and_single_benches_are_chosen_by_name() -> None:
    assert chosen([]) == NAMES
    assert chosen(["turns", "engine.start"]) == ["engine.start", "turns.share", "turns.first"]
    with pytest.raises(ValueError, match=r"engine\.nothing"):
        chosen(["engine.nothing"])


def test_the_table_shows_what_does_not_hold() -> None:
    rows = [Row("a", "1 ms", "2 ms", "", True), Row("b", "3 ms", "2 ms", "", False), Row("c", "4 ms")]
    lines = table(rows).split("\n")
    assert [line.split()[-1] for line in lines[1:]] == ["yes", "NO", "ms"]


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 99) == 99.0 and percentile(values, 100) == 100.0 and percentile([7.0], 50) == 7.0
    assert Scale()(200) == 200 and Scale(quick=True)(200, 3) == 3
