"""`ant run` and its companions, through the front door: the installed command, a real engine, a real sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ant import ASK, COMMAND, Ant, bash, until


@pytest.fixture(scope="module")
def ant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ant]:
    ant = Ant(tmp_path_factory.mktemp("home"), PYTHONWARNINGS="")
    yield ant
    ant.close()


@pytest.fixture(scope="module")
def asking(ant: Ant) -> str:
    """An agent that asks before it uses a tool."""
    model = ant.script(
        {"tools": [bash("echo done > /workspace/proof; cat /workspace/proof")]}, {"text": "I did it."}, name="asking"
    )
    ant.agent("asking", model, ASK)
    return "asking"


@pytest.fixture
def slow(ant: Ant, request: pytest.FixtureRequest) -> str:
    """A model that runs a long command."""
    return ant.script({"text": "This takes a while.", "tools": [bash("sleep 30")]}, {"text": "Awake."}, name="slow")


# Done.


def test_piped_stdout_is_the_answer_and_nothing_else(ant: Ant) -> None:
    model = ant.script(
        {"text": "First I look.", "tools": [bash("echo noise; echo trouble >&2")]}, {"text": "Line one.\nLine two."}
    )
    done = ant("run", "do it", "--model", model)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Line one.\nLine two.\n", "")


def test_the_result_object(ant: Ant) -> None:
    result = ant.json("run", "do it", "--model", ant.script({"text": "Hello."}))
    assert list(result) == ["session_id", "status", "stop_reason", "answer", "usage", "duration_seconds", "exit_code"]
    assert (result["status"], result["stop_reason"], result["answer"], result["exit_code"]) == (
        "idle",
        "end_turn",
        "Hello.",
        0,
    )
    assert result["session_id"].startswith("sesn_") and result["usage"]["output_tokens"] > 0
    assert 0 < result["duration_seconds"] < 30


def test_json_lines_are_the_events_each_once(ant: Ant) -> None:
    model = ant.script({"tools": [bash("true")]}, {"text": "Hello."})
    done = ant("run", "do it", "--model", model, "-o", "jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids)) and done.stderr == ""
    types = [event["type"] for event in events]
    assert types[-1] == "session.status_idle" and types.count("session.status_running") == 1
    assert {"user.message", "agent.tool_use", "agent.tool_result", "agent.message"} <= set(types)


def test_an_event_leaves_the_moment_it_comes(ant: Ant, slow: str) -> None:
    run = ant.start("run", "x", "--model", slow, "-o", "jsonl")
    assert run.stdout is not None
    began = time.monotonic()
    for line in run.stdout:
        if json.loads(line)["type"] == "agent.tool_use":
            break
    assert time.monotonic() - began < 10
    run.send_signal(signal.SIGINT)
    assert run.wait(15) == 130


def test_the_task_comes_from_a_file_stdin_or_both(ant: Ant, tmp_path: Path) -> None:
    task = tmp_path / "task.md"
    task.write_text("from a file")
    expect = {"expect": {"contains": "from a file"}, "text": "ok"}
    assert ant("run", f"@{task}", "--model", ant.script(expect)).returncode == 0
    assert (
        ant(
            "run", "--model", ant.script({"expect": {"contains": "from stdin"}, "text": "ok"}), input="from stdin"
        ).returncode
        == 0
    )
    assert (
        ant("run", "-", "--model", ant.script({"expect": {"contains": "dash"}, "text": "ok"}), input="dash").returncode
        == 0
    )
    both = ant.script({"expect": {"contains": "Review this\n\n+ a line"}, "text": "ok"})
    assert ant("run", "Review this", "--model", both, input="+ a line").returncode == 0


def test_the_last_message_is_written_to_a_file(ant: Ant, tmp_path: Path) -> None:
    target = tmp_path / "answer.md"
    done = ant("run", "x", "--model", ant.script({"text": "Saved."}), "--output-last", str(target))
    assert (done.returncode, done.stdout, target.read_text()) == (0, "Saved.\n", "Saved.")
    assert list(tmp_path.iterdir()) == [target]


def test_the_answer_is_out_before_the_file_for_it_fails(ant: Ant, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    model = ant.script({"text": "Long.", "delay": "1s"})
    running = ant.start("run", "x", "--title", "Held", "--model", model, "--output-last", str(folder / "answer.md"))
    until(lambda: any(session["title"] == "Held" for session in ant.json("sessions", "list")))
    folder.rmdir()
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (2, "Long.\n") and "answer.md" in err


def test_a_session_goes_on(ant: Ant) -> None:
    model = ant.script({"text": "One."}, {"expect": {"contains": "and then?"}, "text": "Two."})
    assert ant("run", "first", "--model", model).stdout == "One.\n"
    assert ant("run", "--continue", "and then?").stdout == "Two.\n"


def test_an_idle_of_an_earlier_turn_does_not_end_the_run(ant: Ant) -> None:
    model = ant.script({"text": "One."}, {"delay": "1s", "text": "Two."}, {"delay": "1s", "text": "Three."})
    session = ant.json("run", "first", "--model", model)["session_id"]
    assert ant("run", "--session", session, "--detach", "second").returncode == 0
    assert ant("run", "--session", session, "third").stdout == "Three.\n"


def test_system_and_title_are_those_of_the_session(ant: Ant) -> None:
    model = ant.script({"text": "ok"})
    session = ant.json("run", "x", "--model", model, "--system", "Be terse.", "--title", "My title")["session_id"]
    made = ant.json("sessions", "get", session)
    assert (made["title"], made["agent"]["system"]) == ("My title", "Be terse.")


def test_the_agent_and_the_environment_are_made_once(ant: Ant) -> None:
    for _ in range(2):
        assert ant("run", "x", "--model", ant.script({"text": "ok"})).returncode == 0
    assert [agent["name"] for agent in ant.json("agents", "list")].count("ant") == 1
    assert [environment["name"] for environment in ant.json("envs", "list")] == ["default"]


# Detached.


def test_detach_wait_logs(ant: Ant) -> None:
    model = ant.script({"delay": "1s", "tools": [bash("echo hi there")]}, {"text": "Finished."})
    began = time.monotonic()
    done = ant("run", "x", "--model", model, "--detach")
    session = done.stdout.strip()
    assert done.returncode == 0 and done.stdout == f"{session}\n" and done.stderr == ""
    waited = ant("wait", session)
    assert (waited.returncode, waited.stdout, waited.stderr) == (0, "", "")
    assert time.monotonic() - began > 1
    text = ant("logs", session).stdout
    assert "bash      echo hi there" in text and "bash ->   hi there" in text and "agent     Finished." in text
    assert ant("logs", session, "--type", "agent.message", "--tail", "1").stdout.endswith("agent     Finished.\n")
    assert ant("logs", session, "--since", "1h").stdout == text
    assert ant("logs", session, "--tail", "0").stdout == ""


def test_wait_for_a_session_that_never_ran(ant: Ant) -> None:
    ant("run", "x", "--model", ant.script({"text": "ok"}))
    agent = ant.json("agents", "list")[0]["id"]
    session = ant("sessions", "create", "--agent", agent, "--env", "default", "-o", "id").stdout.strip()
    assert ant("wait", session, "--timeout", "10").returncode == 0


def test_logs_follow_to_the_idle(ant: Ant) -> None:
    model = ant.script({"delay": "1s", "text": "Later."})
    session = ant("run", "x", "--model", model, "-d").stdout.strip()
    done = ant("logs", "-f", session, "--until", "idle", "-o", "jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["type"] == "session.status_idle"
    assert len({event["id"] for event in events}) == len(events)
    again = ant("logs", "-f", session, "--until", "idle")
    assert again.returncode == 0 and again.stdout.endswith("session   idle: end_turn\n")
    assert ant("logs", "-f", session, "--until", "agent.message").stdout.endswith("Later.\n")


def test_following_logs_end_when_nobody_reads_on(ant: Ant, slow: str) -> None:
    session = ant("run", "x", "--model", slow, "-d").stdout.strip()
    began = time.monotonic()
    pipeline = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{COMMAND} logs -f {session} | head -1"],
        env=ant.environ, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert (pipeline.returncode, pipeline.stderr) == (0, "") and pipeline.stdout
    assert time.monotonic() - began < 10
    assert ant("interrupt", session, "--wait").returncode == 0


# Every exit code.


def test_2_for_what_cannot_be(ant: Ant, tmp_path: Path) -> None:
    for arguments in (
        ["run", "x", "--approve", "perhaps"], ["run", "x", "--timeout", "soon"], ["run", "@/nowhere"],
        ["run", "x", "--session", "a", "--continue"], ["run", "x", "--session", "a", "--model", "b"],
        ["run", "x", "--model", "script:/nowhere.yaml"], ["run", "", "--model", "demo"], ["run"],
        ["run", "x", "--output-last", "/nowhere/file"], ["chat"], ["logs", "x", "--type", "agent.mesage"],
        ["logs", "x", "--until", "idle"],
        ["run", "x", "--detach", "--timeout", "1"],
    ):  # fmt: skip
        done = ant(*arguments)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("Error: "), (arguments, done)


def test_2_for_a_script_with_a_mistake_and_nothing_is_made(tmp_path: Path) -> None:
    ant = Ant(tmp_path)
    try:
        for number, (text, place) in enumerate(
            {
                "- text: a\n- txt: b\n": "line 2, turn 2: unknown field 'txt'",
                "- text: a\n  tools: [\n- x: }\n": "line 3, column 1",
            }.items()
        ):
            (tmp_path / f"{number}.yaml").write_text(text)
            for command in (["run", "x"], ["agents", "create", "--name", "x"]):
                done = ant(*command, "--model", f"script:{tmp_path}/{number}.yaml")
                assert done.returncode == 2 and f"{number}.yaml, {place}" in done.stderr
        assert ant.json("agents", "list") == [] and ant.json("envs", "list") == []
    finally:
        ant.close()


def test_3_without_a_model_and_nothing_is_made(tmp_path: Path) -> None:
    ant = Ant(tmp_path)
    try:
        done = ant("run", "x")
        assert done.returncode == 3 and "ANTHROPIC_API_KEY" in done.stderr and "ant demo" in done.stderr
        assert ant.json("agents", "list") == [] and ant.json("envs", "list") == []
    finally:
        ant.close()


def test_4_for_what_is_not_there(ant: Ant) -> None:
    assert ant("run", "x", "--agent", "nobody", "--model", "demo").returncode == 4
    assert ant("run", "x", "--session", "sesn_000000000000000000000000").returncode == 4
    assert ant("wait", "sesn_000000000000000000000000").returncode == 4
    assert ant("logs", "-f", "sesn_000000000000000000000000").returncode == 4


def test_5_when_the_server_does_not_answer(ant: Ant, tmp_path: Path) -> None:
    lost = Ant(tmp_path, ANTHROPIC_BASE_URL="http://127.0.0.1:9", ANTHROPIC_API_KEY="sk-test")
    assert lost("run", "x").returncode == 5


def test_6_when_a_call_asks_and_nobody_is_there(ant: Ant, asking: str) -> None:
    done = ant("run", "x", "--agent", asking)
    assert (done.returncode, done.stdout) == (6, "")
    lines = done.stderr.splitlines()
    assert (
        lines[0]
        == "Error: The session waits for an answer to: bash echo done > /workspace/proof; cat /workspace/proof."
    )
    command = lines[1].split("`")[1].split()
    assert command[:2] == ["ant", "approve"]
    session = command[2]
    assert ant("wait", session).returncode == 6
    assert ant(*command[1:]).returncode == 0
    assert ant("wait", session).returncode == 0
    assert ant("logs", session, "--type", "agent.message").stdout.endswith("I did it.\n")


def test_6_names_what_is_pending_in_the_result(ant: Ant, asking: str) -> None:
    done = ant("run", "x", "--agent", asking, "-o", "json")
    result = json.loads(done.stdout)
    assert done.returncode == result["exit_code"] == 6 and result["stop_reason"] == "requires_action"
    assert result["pending"][0]["name"] == "bash"
    assert json.loads(done.stderr)["error"]["type"] == "requires_action"


def test_approve_all_allows(ant: Ant, asking: str) -> None:
    done = ant("run", "x", "--agent", asking, "--approve", "all", "-o", "jsonl")
    assert done.returncode == 0, done.stderr
    results = [event for event in map(json.loads, done.stdout.splitlines()) if event["type"] == "agent.tool_result"]
    assert results[0]["content"][0]["text"].strip() == "done" and not results[0]["is_error"]


def test_approve_none_denies(ant: Ant, asking: str) -> None:
    done = ant("run", "x", "--agent", asking, "--approve", "none", "-o", "jsonl")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    denial = next(event for event in events if event["type"] == "user.tool_confirmation")
    assert denial["result"] == "deny" and "--approve none" in denial["deny_message"]
    assert next(event for event in events if event["type"] == "agent.tool_result")["is_error"]


def test_deny_with_a_reason(ant: Ant, asking: str) -> None:
    assert ant("run", "x", "--agent", asking).returncode == 6
    done = ant("deny", "@last", "--message", "Not today.")
    assert done.returncode == 0 and done.stderr.startswith("Denied: bash echo done")
    assert ant("wait", "@last").returncode == 0
    assert "user      deny: Not today." in ant("logs", "@last").stdout
    assert ant("deny", "@last").returncode == 1  # nothing is asked any more


def test_6_for_a_custom_tool_says_how_to_answer(ant: Ant) -> None:
    tool = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}
    model = ant.script(
        {"tools": [{"name": "lookup", "input": {"key": "a"}}]}, {"expect": {"contains": "RESULT"}, "text": "Got it."}
    )
    ant.agent("custom", model, [tool])
    done = ant("run", "x", "--agent", "custom", "--approve", "all")
    assert done.returncode == 6
    command = done.stderr.splitlines()[1].removeprefix("Send its result: ")
    sent = subprocess.run(
        ["bash", "-c", command.replace("ant ", f"{COMMAND} ", 1)], env=ant.environ, capture_output=True
    )
    assert sent.returncode == 0, sent.stderr
    assert ant("wait", "@last").returncode == 0


def test_7_when_the_model_keeps_failing(ant: Ant) -> None:
    done = ant("run", "x", "--model", ant.script({"error": {"status": 400, "message": "No such model."}}))
    assert done.returncode == 7 and done.stdout == "" and "No such model." in done.stderr


def test_7_when_the_model_refuses(ant: Ant) -> None:
    done = ant("run", "x", "--model", ant.script({"text": "", "stop_reason": "refusal"}))
    assert done.returncode == 7 and "The model refused" in done.stderr


def test_7_when_the_session_is_terminated(ant: Ant) -> None:
    session = ant.json("run", "x", "--model", ant.script({"text": "ok"}))["session_id"]
    assert ant("sessions", "archive", session).returncode == 0
    assert ant("wait", session).returncode == 7


def test_7_when_an_expectation_fails(ant: Ant) -> None:
    done = ant("run", "x", "--model", ant.script({"expect": {"contains": "something else"}, "text": "ok"}))
    assert done.returncode == 7 and "something else" in done.stderr


def test_124_interrupts_the_session(ant: Ant, slow: str) -> None:
    began = time.monotonic()
    done = ant("run", "x", "--model", slow, "--timeout", "1s", "-o", "json")
    assert done.returncode == 124 and time.monotonic() - began < 15
    assert json.loads(done.stdout)["exit_code"] == 124
    assert ant.json("sessions", "get", "@last")["status"] == "idle"
    assert "user      (interrupt)" in ant("logs", "@last").stdout


def test_124_of_wait_leaves_the_session_alone(ant: Ant, slow: str) -> None:
    session = ant("run", "x", "--model", slow, "-d").stdout.strip()
    assert ant("wait", session, "--timeout", "0.5").returncode == 124
    assert ant.json("sessions", "get", session)["status"] == "running"
    assert ant("interrupt", session, "--wait", "--timeout", "10s").returncode == 0
    assert ant("wait", session).returncode == 130


def test_130_interrupts_the_session(ant: Ant, slow: str) -> None:
    run = ant.start("run", "x", "--model", slow)
    session = until(lambda: running_session(ant))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=15)
    assert (run.returncode, out) == (130, "") and f"ant run --session {session}" in err
    assert ant.json("sessions", "get", session)["status"] == "idle"


def test_130_at_the_second_ctrl_c_without_waiting(ant: Ant, slow: str) -> None:
    run = ant.start("run", "x", "--model", slow)
    until(lambda: running_session(ant))
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGINT)
    assert run.wait(5) == 130
    ant("interrupt", "@last", "--wait")


def test_the_session_outlives_a_killed_run(ant: Ant) -> None:
    model = ant.script({"tools": [bash("sleep 1; echo survived")]}, {"text": "Still here."}, name="outlive")
    run = ant.start("run", "x", "--model", model)
    session = until(lambda: running_session(ant))
    run.send_signal(signal.SIGHUP)  # the terminal was closed
    run.wait(5)
    rest = ant("logs", "-f", session, "--until", "idle").stdout
    assert "survived" in rest and rest.endswith("session   idle: end_turn\n") and "Still here." in rest


def test_the_run_outlives_a_killed_engine(ant: Ant) -> None:
    model = ant.script({"tools": [bash("sleep 2")]}, {"text": "Back at work."}, name="killed")
    run = ant.start("run", "x", "--model", model)
    session = until(lambda: running_session(ant))
    os.kill(ant.json("engine", "status")["pid"], signal.SIGKILL)
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (0, "Back at work.\n"), err
    results = [event for event in ant.events(session) if event["type"] == "agent.tool_result"]
    assert len(results) == 1


def test_the_demo(ant: Ant) -> None:
    done = ant("demo")
    assert done.returncode == 0 and "0 1 1 2 3 5 8 13 21 34 55 89" in done.stdout
    assert "script" in done.stderr and "real" in done.stderr and "ant run" in done.stderr.splitlines()[-1]


def test_the_demo_is_local_whatever_the_profile(ant: Ant, tmp_path: Path) -> None:
    hosted = Ant(tmp_path, ANTHROPIC_BASE_URL="http://127.0.0.1:9", ANTHROPIC_API_KEY="sk-test")
    try:
        assert hosted("demo").returncode == 0
    finally:
        Ant(tmp_path).close()


def running_session(ant: Ant) -> Any:
    """The id of the session that is in the middle of a tool call, or None."""
    for session in ant.json("sessions", "list", "--status", "running"):
        if any(event["type"] == "agent.tool_use" for event in ant.events(session["id"])):
            return session["id"]
    return None
