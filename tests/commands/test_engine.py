"""`ant engine` and `ant serve` with a real engine; and the commands of things against it."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ANT = [sys.executable, "-m", "antcli"]


@pytest.fixture
def engine(ant):
    """The `ant` fixture; an engine that it starts is stopped in the end."""
    yield ant
    ant("engine", "stop")


@pytest.fixture
def server(environ):
    """Starts `ant serve` and reads its ready line; ended in the end."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*ANT, "serve", *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return process, json.loads(line)

    yield start
    for process in started:
        with process:
            process.terminate()


def test_without_an_engine_status_is_1_and_stop_is_no_error(ant):
    result = ant("engine", "status")
    assert (result.code, result.out) == (1, "")
    assert "does not run" in result.err
    assert ant("engine", "stop").code == 0
    assert ant("engine", "logs").code == 4


def test_the_engine_starts_by_itself_and_is_shown_restarted_and_stopped(engine):
    assert engine("agents", "list", "-o", "json").json == []
    first = engine("engine", "status").json
    assert first["sessions"] == {"running": 0}
    assert engine("engine", "logs").code == 0
    assert engine("engine", "restart").code == 0
    second = engine("engine", "status").json
    assert second["pid"] != first["pid"]
    assert engine("engine", "stop").code == 0
    assert engine("engine", "status").code == 1


def test_a_hosted_profile_has_no_engine(ant, hosted):
    result = ant("engine", "status", environ=hosted)
    assert result.code == 2 and "hosted" in result.err


def test_things_are_made_found_changed_and_removed(engine, tmp_path):
    (tmp_path / "script.yaml").write_text("turns:\n  - text: Done.\n")
    agent = engine("agents", "create", "--name", "reviewer", "--model", f"script:{tmp_path}/script.yaml").json
    environment = engine("envs", "create", "--name", "tests").json
    session = engine("sessions", "create", "-a", "reviewer", "-e", "tests", "--title", "Nightly").json
    assert session["environment_id"] == environment["id"] and session["agent"]["id"] == agent["id"]
    assert engine("sessions", "get", "@last").json["id"] == session["id"]
    assert engine("sessions", "get", session["id"][5:12]).json["id"] == session["id"]
    assert engine("sessions", "send", "Nightly", "Go on.").lines[0]["type"] == "user.message"
    assert engine("agents", "update", "reviewer", "--system", "Be brief.").json["version"] == 2
    assert [row["version"] for row in engine("agents", "versions", "list", "reviewer").lines] == [2, 1]
    thread = engine("sessions", "threads", "list", "@last", "-o", "id").out.strip()
    assert engine("sessions", "threads", "get", "@last", thread).json["id"] == thread
    assert engine("agents", "archive", "reviewer").json["archived_at"]
    assert engine("agents", "list").lines == []
    assert engine("agents", "get", "reviewer").json["id"] == agent["id"]  # an archived one can still be named


def test_the_doctor_finds_engine_and_sandbox(engine):
    found = {check["name"]: check for check in engine("doctor", "-o", "jsonl").lines}
    assert found["engine"]["state"] == "ok"
    assert found["model"]["state"] == "warning" and "ANTHROPIC_API_KEY" in found["model"]["fix"]


def test_serve_says_where_it_is_and_the_commands_find_it(server, ant, environ):
    process, ready = server("--port", "0")
    key = Path(ready["data_dir"], "api-key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    by_url = environ | {"ANTHROPIC_BASE_URL": ready["url"], "ANTHROPIC_API_KEY": key.read_text().strip()}
    assert ant("agents", "list", "-o", "json", environ=by_url).json == []
    assert ant("agents", "list", environ=by_url | {"ANTHROPIC_API_KEY": "wrong"}).code == 3
    assert ant("agents", "list", "-o", "json").json == []  # the local profile: same data directory
    assert ant("engine", "status").json["pid"] == ready["pid"] == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_serve_listens_on_a_socket(server, tmp_path):
    _, ready = server("--socket", str(tmp_path / "s"), "--data-dir", str(tmp_path / "elsewhere"))
    assert ready["url"] == f"unix://{tmp_path}/s" and ready["data_dir"] == str(tmp_path / "elsewhere")
    assert stat.S_IMODE(os.stat(tmp_path / "s").st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--socket", "s", "--port", "1"], "exclude each other"),
        (["--database", "postgresql://x"], "--database"),
        (["--api-key-file", "/no/such/file"], "/no/such/file"),
        (["--host", "0.0.0.0"], "key"),
        (["--port", "99999"], "--port"),
        (["--log-format", "xml"], "xml"),
    ],
)
def test_serve_refuses_what_cannot_be(ant, arguments, told):
    result = ant("serve", *arguments)
    assert result.code == 2, result.err
    assert told in result.err
