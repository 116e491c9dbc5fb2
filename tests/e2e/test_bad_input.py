"""What a user gets wrong: a clear refusal each, the right exit code, and nothing written or lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ant import COMMAND, Ant, until
from tests.e2e.faults import ORDINARY, content_of, needs_ordinary, said, together
from tests.e2e.served import served

LOST = "\udcff"  # a byte that is not UTF-8, as Python writes it in an argument
NOBODY = "agent_000000000000000000000000"
NO_SESSION = "sesn_000000000000000000000000"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Ant]:
    ant = Ant(tmp_path)
    yield ant
    ant.close()


def piped(ant: Ant, data: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As `ant(...)`, with any bytes on stdin."""
    done = subprocess.run([COMMAND, *arguments], input=data, capture_output=True, env=ant.environ, timeout=60)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def redirected(ant: Ant, line: str) -> subprocess.CompletedProcess[str]:
    """A line of shell; `ant` is in its PATH."""
    environ = ant.environ | {"PATH": f"{Path(COMMAND).parent}:{ant.environ['PATH']}"}
    return subprocess.run(["bash", "-c", line], env=environ, capture_output=True, text=True, timeout=60)


# The command line.


WRONG = {
    "runn x": "Did you mean `ant run`?",
    "agents lst": "Did you mean `ant agents list`?",
    "run x --modle demo": "Did you mean `--model`",
    "run x --no-such-thing": "No such option: --no-such-thing.",
    "run x --timeout soon": "90, 30s, 5m, 2h",
    "logs @last --since yesterday": "30s, 5m, 2h, a time",
    "agents list -o xml": "auto, table, json, jsonl, yaml, csv, id, raw",
    "agents list --limit many": "expected a whole number, got 'many'",
    "agents create --name a --model demo --tool '{type: [}'": "--tool: ",
    "agents create --name a --model demo --tool '{a: &x [*x]}'": "within itself",
    "agents create --name a --model demo --tool '!!binary aGVsbG8='": "--tool: ",
    "agents create --name a --model demo --tool @/nowhere": r"write \@",
    "agents create --name a --model demo -f /nowhere": "Check the name",
    "agents create --name a": "Missing option --model.",
    "run @/nowhere": "Cannot read /nowhere: No such file or directory.",
    "run @/": "Cannot read /: Is a directory.",
    "run x --model script:/nowhere.yaml": "/nowhere.yaml",
    "sessions get": "Missing argument SESSION.",
    "serve --port 99999": "65535",
    "serve --api-key-file /nowhere": "/nowhere: No such file or directory.",
    "serve --host 0.0.0.0": "ANT_SERVER_API_KEY",
    "--profile nobody agents list": "local, hosted",
}


def test_2_for_a_line_that_cannot_be_meant(ant: Ant) -> None:
    for done, word in zip(together(ant, *WRONG), WRONG.values(), strict=True):
        said(done, 2, word)


def test_a_value_nested_without_end_is_refused(ant: Ant) -> None:
    said(ant("agents", "create", "--name", "a", "--model", "demo", "--tool", "[" * 30_000), 2, "nested too deep")


def test_a_wrong_line_starts_no_engine_and_writes_nothing(fresh: Ant) -> None:
    for done in together(fresh, "runn x", "run @/nowhere", "run x --timeout soon", "agents create --name a"):
        assert done.returncode == 2
    assert content_of(fresh.home) == {}


def test_what_the_server_refuses_says_where_it_is_explained(ant: Ant) -> None:
    done = ant("agents", "create", "--name", "a", "--model", "demo", "--tool", "{type: nonsense}")
    said(done, 2, "tools.0", "agent_toolset_20260401", "See `ant agents create --help`.")
    error = json.loads(ant("agents", "list", "--limit", "0", "-o", "json").stderr)["error"]
    assert (error["exit_code"], error["status"]) == (2, 400) and error["request_id"].startswith("req_")


# Names and ids.


def test_4_for_what_is_not_there(ant: Ant) -> None:
    for done in together(
        ant, "agents get nobody", f"agents get {NOBODY}", f"sessions get {NO_SESSION}", "sessions get ../../etc",
        "run x --agent nobody --model demo", f"wait {NO_SESSION}", f"logs -f {NO_SESSION}", "logs nothing",
        f"sessions events list {NOBODY}", f"agents get {LOST}",
    ):  # fmt: skip
        said(done, 4)


def test_2_for_a_name_or_prefix_that_fits_several(ant: Ant) -> None:
    ids = [ant.agent("twin", "demo") for _ in range(2)]
    said(ant("agents", "get", "twin"), 2, *ids, "Type more of the id.")
    said(ant("agents", "get", "agent_"), 2, "fits several agents")
    said(ant("agents", "archive", "twin"), 2)
    assert all(agent["archived_at"] is None for agent in ant.json("agents", "list"))


def test_4_for_the_last_of_nothing(fresh: Ant) -> None:
    for done in together(fresh, "logs @last", "wait @last", "run --continue more", "sessions delete @last --yes"):
        said(done, 4, "@last")


# Settings.


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'active = "x', "config.toml"),
        (b"\xff\xfe", "line 1: not UTF-8"),
        (b'[profiles.x]\nkind = "weird"\n', "line 2: kind must be one of hosted, local"),
        (b"active = 5\n", "line 1: active"),
        (b'[profiles.x]\nengine = 3\nkind = "local"\n', "line 2: "),
        (b'[profiles.x.engine]\nsandbox = "paper"\n', "auto, bubblewrap, docker, podman, none"),
        (b'[profiles.x]\nbase_url = "::"\n', "line 2: base_url"),
    ],
)  # fmt: skip
def test_2_for_a_broken_config_which_is_left_as_it_is(fresh: Ant, content: bytes, word: str) -> None:
    config = fresh.home / "config" / "config.toml"
    config.parent.mkdir()
    config.write_bytes(content)
    for done in together(fresh, "run x", "profile use local"):
        said(done, 2, word, str(config))
    assert content_of(fresh.home) == {"config/config.toml": content}


def test_2_for_a_config_that_cannot_be_read(fresh: Ant) -> None:
    needs_ordinary()
    config = fresh.home / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text('active = "local"\n')
    config.chmod(0)
    said(ordinary(fresh, "agents", "list"), 2, str(config), "Permission denied")
    assert ordinary(fresh, "doctor").returncode == 1


def test_2_for_secrets_that_others_can_read(fresh: Ant) -> None:
    secrets = fresh.home / "config" / "credentials.toml"
    secrets.parent.mkdir()
    secrets.write_text('[hosted]\napi_key = "sk-secret"\n')
    secrets.chmod(0o644)
    for line in (["-p", "hosted", "agents", "list"], ["auth", "status"]):
        done = fresh(*line)
        said(done, 2, f"chmod 600 {secrets}")
        assert "sk-secret" not in done.stderr
    said(piped(fresh, b"sk-new\n", "-p", "hosted", "auth", "login", "--with-token"), 2, "chmod 600")
    assert "sk-secret" in secrets.read_text()


def test_2_for_a_config_directory_that_cannot_be_written(fresh: Ant) -> None:
    needs_ordinary()
    folder = fresh.home / "config"
    folder.mkdir(mode=0o500)
    said(ordinary(fresh, "profile", "use", "hosted"), 2, "config.toml: Permission denied.", "ANT_CONFIG_DIR")
    login = ordinary(fresh, "-p", "hosted", "auth", "login", "--with-token", input="sk-secret\n")
    said(login, 2, "credentials.toml: Permission denied.", "ANT_CONFIG_DIR")
    assert "sk-secret" not in login.stderr and list(folder.iterdir()) == []


def ordinary(ant: Ant, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ORDINARY, COMMAND, *arguments], env=ant.environ, input=input, capture_output=True, text=True, timeout=60
    )


def test_3_for_a_wrong_key(tmp_path: Path) -> None:
    with served(tmp_path / "server") as engine:
        wrong = Ant(tmp_path, ANTHROPIC_BASE_URL=engine.url, ANTHROPIC_API_KEY="sk-wrong")
        for done in together(wrong, "agents list", "run x", f"wait {NO_SESSION}", f"logs -f {NO_SESSION}"):
            said(done, 3, "ant auth login")
            assert "sk-wrong" not in done.stderr
        error = json.loads(wrong("agents", "list", "-o", "json").stderr)["error"]
        assert (error["type"], error["status"], error["exit_code"]) == ("authentication_error", 401, 3)
        broken = Ant(tmp_path, ANTHROPIC_BASE_URL=engine.url, ANTHROPIC_API_KEY="sk\nwrong")
        said(broken("agents", "list"), 2, "line break")


# Bytes.


def test_2_for_bytes_that_are_not_text_before_anything_is_made(fresh: Ant) -> None:
    model = fresh.script({"text": "ok"})
    said(piped(fresh, b"caf\xe9", "run", "--model", model), 2, "UTF-8")
    said(fresh("run", f"caf{LOST}", "--model", model), 2, "UTF-8")
    note = fresh.home / "note"
    note.write_bytes(b"caf\xe9")
    said(fresh("run", f"@{note}", "--model", model), 2, "byte 3")
    said(fresh("agents", "create", "--name", LOST, "--model", "demo"), 2, "UTF-8")
    said(fresh("agents", "create", "--name", "a", "--model", "demo", "--tool", f"{{type: {LOST}}}"), 2)
    said(fresh("-p", LOST, "agents", "list"), 2)
    said(fresh(LOST), 2)
    assert fresh.json("sessions", "list") == fresh.json("agents", "list") == []


def test_ten_megabytes_are_a_task_like_any_other(ant: Ant) -> None:
    text = "ä" * 5_000_000
    model = ant.script({"expect": {"contains": "ä" * 100}, "text": "Long."})
    done = piped(ant, text.encode(), "run", "--model", model)
    assert (done.returncode, done.stdout) == (0, "Long.\n"), done.stderr
    (message,) = [event for event in ant.events("@last") if event["type"] == "user.message"]
    assert message["content"][0]["text"] == text


def test_too_large_a_message_is_refused_and_the_session_goes_on(ant: Ant) -> None:
    model = ant.script({"text": "One."}, {"text": "Two."})
    session = ant.json("run", "first", "--model", model)["session_id"]
    done = piped(ant, b"a" * (33 * 2**20), "run", "--session", session)
    said(done, 1, "32 MB", "Send less at once")
    assert [event["type"] for event in ant.events(session)].count("user.message") == 1
    assert ant("run", "--session", session, "second").stdout == "Two.\n"


# Streams that are closed or full.


def test_a_closed_stdin_is_an_empty_one(ant: Ant) -> None:
    model = ant.script({"text": "ok"})
    assert redirected(ant, f"ant run x --model {model} <&-").stdout == "ok\n"
    said(redirected(ant, f"ant run --model {model} <&-"), 2, "The task is empty.")
    said(redirected(ant, "ant agents create -f - <&-"), 2)


def test_a_closed_stdout_or_stderr_changes_no_exit_code(ant: Ant) -> None:
    model = ant.script({"text": "ok"})
    for line in (f"ant run x --model {model} >&-", "ant agents list >&-", "ant --version >&-", "ant --help >&-"):
        done = redirected(ant, line)
        assert (done.returncode, done.stderr) == (0, ""), (line, done)
    assert redirected(ant, "ant runn 2>&-").returncode == redirected(ant, "ant runn <&- >&- 2>&-").returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_1_for_a_stdout_that_is_full_and_the_session_is_whole(ant: Ant) -> None:
    model = ant.script({"text": "ok"})
    for command in (f"run x --model {model}", "agents list", "logs @last", "logs -f @last --until idle", "--version",
                    f"run x -d --model {model}", "completion bash"):  # fmt: skip
        done = redirected(ant, f"ant {command} >/dev/full")
        assert done.returncode == 1 and done.stderr.startswith("Error: The output cannot be written: No space"), done
    full = redirected(ant, f"ant run x --model {model} -o json >/dev/full")
    assert full.returncode == 1 and json.loads(full.stderr)["error"]["type"] == "os_error"
    assert ant("wait", "@last").returncode == 0
    assert "agent     ok" in ant("logs", "@last").stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_stderr_changes_neither_answer_nor_exit_code(ant: Ant) -> None:
    assert redirected(ant, "ant runn 2>/dev/full").returncode == 2
    busy = ant.start("run", "x", "--model", ant.script({"delay": "2s", "text": "ok"}))
    until(lambda: ant.json("sessions", "list", "--status", "running"))
    # Worth a notice: this is not what the engine was started with, and it cannot be restarted now.
    done = redirected(ant, "ANT_MODEL_BASE_URL=http://127.0.0.1:9 ant agents list -o id 2>/dev/full")
    assert done.returncode == 0 and done.stdout.startswith("agent_")
    assert busy.wait(20) == 0


def test_nobody_who_reads_is_a_quiet_end(ant: Ant) -> None:
    model = ant.script({"text": "ok"})
    for command in (f"run x --model {model} -o jsonl", "agents list", "logs @last", "--help", "completion bash"):
        done = redirected(ant, f"set -o pipefail; ant {command} | true")
        assert (done.returncode, done.stderr) == (0, ""), (command, done)


@pytest.mark.skipif(shutil.which("script") is None, reason="no script(1)")
def test_control_sequences_of_model_and_tools_do_not_reach_the_terminal(ant: Ant) -> None:
    evil = "before\x1b]0;owned\x07\x1b[2J\x9b5m\x00\rafter \u202e" + "w" * 5000
    command = r"printf 'tool\033]0;owned\007\033[2J\r\n'; head -c 300000 /dev/zero | tr '\0' z"
    tool: dict[str, Any] = {"name": "bash", "input": {"command": command}}
    model = ant.script({"tools": [tool]}, {"text": evil})
    ant.agent("evil\x1b]0;owned\x07", model)
    for line in (f"ant run x --model {model}", "ant logs @last", "ant logs -f @last --until idle", "ant agents list",
                 "ant sessions get @last"):  # fmt: skip
        shown = redirected(ant, f"TERM=xterm-256color script -qec '{line}' /dev/null </dev/null").stdout
        assert len(shown) > 40 and "\x1b]0" not in shown and "\x1b[2J" not in shown, (line, shown)
        assert not set("\x07\x00\x9b\u202e") & set(shown), (line, shown)
    answer = [event for event in ant.events("@last") if event["type"] == "agent.message"][-1]
    assert answer["content"][0]["text"] == evil
