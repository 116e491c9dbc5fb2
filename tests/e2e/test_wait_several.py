"""`ant wait` for several sessions, on a real engine."""

from __future__ import annotations

import pytest

from tests.e2e.ant import ASK, Ant, bash, until
from tests.e2e.served import TOOLSET


@pytest.fixture(scope="module")
def ant(ant: Ant) -> Ant:
    ant.agent("quick", ant.script({"text": "Done."}, name="quick"))
    ant.agent("slow", ant.script({"tools": [bash("sleep 60")]}, {"text": "Late."}, name="slow"), [TOOLSET])
    ant.agent("asking", ant.script({"tools": [bash("echo x")]}, {"text": "Thanks."}, name="asking"), ASK)
    return ant


def begun(ant: Ant, agent: str) -> str:
    done = ant("run", "Go", "--agent", agent, "--detach")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_all_have_to_come_to_rest_and_the_worst_end_decides(ant: Ant) -> None:
    first, second, asks = begun(ant, "quick"), begun(ant, "quick"), begun(ant, "asking")
    done = ant("wait", first, second, first)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert sorted(done.stderr.split("\n")[:2]) == sorted(f"{id}: end_turn" for id in (first, second))
    done = ant("wait", first, asks, second)
    assert done.returncode == 6 and f"{asks}: requires_action" in done.stderr
    assert f"ant approve {asks}" in done.stderr
    assert ant("approve", asks).returncode == 0
    assert ant("wait", first, asks, second).returncode == 0


def test_any_ends_with_the_first_and_leaves_the_others_at_work(ant: Ant) -> None:
    slow = begun(ant, "slow")
    until(lambda: ant.json("sessions", "get", slow)["status"] == "running")
    waiting = ant.start("wait", slow, begun(ant, "quick"), "--any")
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (0, ""), err
    assert err.endswith(": end_turn\n") and slow not in err
    assert ant.json("sessions", "get", slow)["status"] == "running"
    done = ant("wait", slow, begun(ant, "asking"), "--any")
    assert done.returncode == 6
    assert ant("interrupt", slow, "--wait").returncode == 0


def test_the_time_limit_is_for_all_together(ant: Ant) -> None:
    one, other = begun(ant, "slow"), begun(ant, "slow")
    done = ant("wait", one, other, "--timeout", "1s")
    assert done.returncode == 124, done.stderr
    for id in (one, other):
        assert ant.json("sessions", "get", id)["status"] == "running"
        assert ant("interrupt", id, "--wait").returncode == 0
    assert ant("wait", one, other).returncode == 130


def test_one_that_does_not_exist_is_told_before_anything_is_waited_for(ant: Ant) -> None:
    slow = begun(ant, "slow")
    done = ant("wait", slow, "nobody")
    assert done.returncode == 4 and "nobody" in done.stderr
    gone = "sesn_" + "1" * 24
    assert ant("wait", slow, gone).returncode == 4
    assert ant("interrupt", slow, "--wait").returncode == 0
