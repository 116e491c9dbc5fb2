"""What the machine can hold, under limits of a process of its own."""

import resource
import subprocess
import sys

import pytest

from antcli.engine import capacity

PROGRAM = """
import resource
from antcli.engine.capacity import open_many_files, sandboxes_at_once
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
open_many_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE), sandboxes_at_once())
"""


@pytest.fixture
def many_files(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda number: (10_240, 10_240))


def under_limits(soft: int, hard: int) -> list[int]:
    program = PROGRAM.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_the_limit_on_open_files_is_raised_as_far_as_it_may():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 10_240 if hard == resource.RLIM_INFINITY else min(hard, 10_240)
    assert under_limits(256, hard)[0] == most
    assert under_limits(256, 1024)[:2] == [1024, 1024]


def test_few_files_mean_few_sandboxes_but_some():
    assert under_limits(1024, 1024)[2] <= 170
    assert under_limits(256, 256)[2] == 8


def test_the_limit_of_a_container_counts(monkeypatch, tmp_path, many_files):
    machine = capacity._memory()
    limits = [tmp_path / name for name in ("none", "max", "bytes")]
    limits[1].write_text("max\n")
    limits[2].write_text(f"{2**28}\n")
    monkeypatch.setattr(capacity, "_CONTAINER_LIMITS", limits[:2])
    assert capacity._memory() >= machine
    monkeypatch.setattr(capacity, "_CONTAINER_LIMITS", limits)
    assert capacity._memory() == 2**28 and capacity.sandboxes_at_once() == 10


def test_a_quarter_of_the_memory_is_for_sandboxes(monkeypatch, many_files):
    monkeypatch.setattr(capacity, "_memory", lambda: 2**30)
    assert capacity.sandboxes_at_once() == 42
    monkeypatch.setattr(capacity, "_memory", lambda: 2**40)
    assert capacity.sandboxes_at_once() <= 256
