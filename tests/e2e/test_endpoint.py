"""`ant run` with a model behind the Messages API: a real endpoint on loopback, a real engine, a real sandbox."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.served import ANT, environment
from tests.fakes.messages_endpoint import MessagesEndpoint, Turn

SECRET = "sk-canary-5f0c3a1e"


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    ant(tmp_path, "engine", "stop")


def ant(home: Path, *arguments: str, url: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
    variables = {"ANT_MODEL_BASE_URL": url, "ANT_MODEL_API_KEY": SECRET} if url else {}
    return subprocess.run(
        [ANT, *arguments], env=environment(home, **variables), input=stdin, capture_output=True, text=True, timeout=60
    )


def test_run_streams_the_answer_runs_bash_and_ends_with_zero(home):
    look = {
        "name": "bash",
        "input": {"command": "env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'"},
    }
    turns = [Turn(thinking="Hm.", text="I look around.", tools=[look]), Turn(text="There is nothing secret here.")]
    with MessagesEndpoint(turns) as endpoint:
        run = ant(home, "run", "--model", "test-model", "What do you see?", url=endpoint.url)
        assert (run.returncode, run.stdout, run.stderr) == (0, "There is nothing secret here.\n", "")
        first, second = (exchange.body for exchange in endpoint.requests)
    assert first["model"] == "test-model" and first["stream"] is True
    assert {tool["name"] for tool in first["tools"]} == {"bash", "read", "write", "edit", "glob", "grep"}
    assert first["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert first["system"][-1]["cache_control"] == first["tools"][-1]["cache_control"] == {"type": "ephemeral"}
    assert second["messages"][1]["content"][0]["type"] == "thinking"
    (result,) = second["messages"][2]["content"]
    assert result["type"] == "tool_result" and "HOME=/home/agent" in str(result["content"])
    assert SECRET not in str(result)


def test_the_key_of_the_model_is_nowhere_on_disk_or_in_an_argument_list(home):
    with MessagesEndpoint([Turn(text="Hello."), Turn(status=401, error_message=f"bad key {SECRET}")]) as endpoint:
        assert ant(home, "run", "--model", "m", "hi", url=endpoint.url).stdout == "Hello.\n"
        refused = ant(home, "run", "--model", "m", "hi", url=endpoint.url)
        assert refused.returncode == 7 and SECRET not in refused.stderr
        assert endpoint.requests[0].headers["x-api-key"] == SECRET
        processes = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        assert not any(SECRET.encode() in line for line in processes)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "engine.db" for path in files)
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_passing_overload_is_waited_out_and_a_lasting_one_ends_with_seven(home):
    busy = Turn(status=529, headers={"retry-after": "0"})
    with MessagesEndpoint([busy, busy, Turn(text="At last.")]) as endpoint:
        run = ant(home, "run", "--model", "m", "hi", url=endpoint.url)
        assert (run.returncode, run.stdout) == (0, "At last.\n")
    with MessagesEndpoint([busy] * 20) as endpoint:
        run = ant(home, "run", "--model", "m", "hi", url=endpoint.url)
        assert run.returncode == 7 and run.stdout == ""
        assert "overloaded" in run.stderr.lower() or "529" in run.stderr


def test_a_stream_that_breaks_off_is_asked_for_again(home):
    with MessagesEndpoint([Turn(text="one two three", cut_after=4), Turn(text="one two three")]) as endpoint:
        run = ant(home, "run", "--model", "m", "hi", url=endpoint.url)
        assert (run.returncode, run.stdout) == (0, "one two three\n")


def test_the_next_message_of_a_session_shows_the_model_the_whole_conversation(home):
    with MessagesEndpoint([Turn(text="First."), Turn(text="Second.")]) as endpoint:
        ant(home, "run", "--model", "m", "one", url=endpoint.url)
        assert ant(home, "run", "--continue", "two", url=endpoint.url).stdout == "Second.\n"
        shown = endpoint.requests[1].body["messages"]
    assert [(item["role"], item["content"][0]["text"]) for item in shown] == [
        ("user", "one"), ("assistant", "First."), ("user", "two"),
    ]  # fmt: skip
