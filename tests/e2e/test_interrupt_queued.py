"""Ctrl-C of a `run` whose message still waits behind another turn: the message's own turn is stopped as well."""

import json
import signal
import time
from pathlib import Path

from tests.e2e.ant import Ant, until


def test_a_message_that_waits_behind_another_turn_is_not_carried_out_after_ctrl_c(tmp_path: Path) -> None:
    ant = Ant(tmp_path)
    try:
        slow = {"tools": [{"name": "bash", "input": {"command": "sleep 30"}}]}
        effect = {"tools": [{"name": "bash", "input": {"command": "sleep 5; echo executed"}}]}
        model = ant.script(slow, effect, {"text": "end"})
        session = ant("run", "--detach", "--model", model, "one").stdout.strip()
        run = ant.start("run", "--session", session, "two")

        def sent() -> bool:
            listed = ant("sessions", "events", "list", session, "--type", "user.message", "-o", "jsonl").stdout
            return any(json.loads(line)["content"][0]["text"] == "two" for line in listed.splitlines())

        until(sent)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=20)
        assert (run.returncode, out) == (130, ""), err
        assert "has stopped" in err
        began = time.monotonic()
        assert ant("wait", session, "--timeout", "4").returncode in (0, 130)
        assert time.monotonic() - began < 4
        assert "executed" not in ant("sessions", "events", "list", session, "--type", "agent.tool_result").stdout
    finally:
        ant("engine", "stop")
