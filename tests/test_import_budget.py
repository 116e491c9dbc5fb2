"""Which modules the hot commands may import: what keeps them fast is asserted, not their time."""

import json
import os
import subprocess
import sys

import pytest

from tests.fakes.api_server import serving

FAST = {"typer", "re", "json", "pathlib", "typing", "dataclasses", "enum", "antcli.app", "antcli.context"}
HELP = {"pydantic", "rich", "httpx", "ssl", "asyncio"}
LIST = {"pydantic", "asyncio", "click", "importlib.metadata", "pygments", "rich", "yaml", "prompt_toolkit", "uvicorn"}
# The engine's socket is spoken to without httpx, and a piped list has nothing to do with forms, models and new files.
LOCAL = {"httpx", "httpcore", "h11", "anyio", "certifi", "idna", "urllib.request", "http.cookiejar", "secrets"}
LOCAL |= {"starlette", "antcli.engine.serve"}
LOCAL_LIST = LOCAL | {"tempfile", "mimetypes", "antcli.commands.starting", "antcli.commands.forms"}


def imported(environ, *arguments):
    """The modules that a command loads, in addition to those of a bare interpreter."""
    command = [sys.executable, "-X", "importtime", "-m", "antcli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    assert done.returncode == 0, done.stderr[-2000:]
    return {line.rpartition("|")[2].strip() for line in lines} - bare()


def bare():
    """`-m` and the site's own start-up load some of them in any case."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "antcli.static"], capture_output=True, text=True, check=False
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.fixture
def environ(tmp_path):
    return {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path),
        "ANT_CONFIG_DIR": str(tmp_path / "config"), "ANT_DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["version"],
        ["--help"],
        [],
        ["agents"],
        ["agents", "--help"],
        ["sessions", "events", "list", "--help"],
        ["__complete", "sess"],
        ["__complete", "sessions", "list", "--st"],
        ["__complete", "agents", "list", "-o", "j"],
    ],
)
def test_fast_answers_come_before_typer(environ, arguments):
    modules = imported(environ, *arguments)
    assert not modules & FAST
    assert len(modules) < 12, modules


@pytest.mark.parametrize(
    "arguments", [["-q", "agents", "create", "--help"], ["-q", "sessions", "--help"], ["-q", "run", "--help"]]
)
def test_help_through_typer_stays_light(environ, arguments):
    assert not imported(environ, *arguments) & (HELP | LIST)


def test_profile_commands_stay_light(environ):
    assert not imported(environ, "profile", "list") & (HELP | LIST)


@pytest.mark.parametrize(
    "arguments",
    [
        ["agents", "list"],
        ["agents", "list", "-o", "json"],
        ["agents", "list", "-o", "table"],
        ["beta:agents", "list"],
        ["beta:agents", "list", "--transform", "id", "-r"],
    ],
)
def test_a_piped_list_imports_only_what_it_needs(environ, arguments):
    with serving() as api:
        api.page("/v1/agents", {"id": "agent_1", "name": "n", "created_at": "2026-01-01T00:00:00Z"})
        modules = imported(environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "k"}, *arguments)
    assert "httpx" in modules
    assert not modules & LIST
    assert not {name for name in modules if name.startswith("antcli.engine")}


def test_completion_of_names_imports_no_command_line(environ):
    with serving() as api:
        api.page("/v1/agents", {"id": "agent_1", "name": "n", "created_at": "2026-01-01T00:00:00Z"})
        keyed = environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "k"}
        modules = imported(keyed, "__complete", "agents", "get", "")
    assert "httpx" in modules
    assert not modules & (LIST | {"typer", "antcli.app", "antcli.operation_bodies"})


@pytest.mark.parametrize("form", [[], ["-o", "jsonl"]])
def test_a_piped_stream_imports_only_what_it_needs(environ, form):
    session = "sesn_" + "c" * 24
    event = {"id": "sevt_1", "type": "session.status_terminated", "processed_at": "2026-01-01T00:00:00Z"}
    with serving() as api:
        api.page(f"/v1/sessions/{session}/events")
        api.on("GET", f"/v1/sessions/{session}/events/stream", [event])
        keyed = environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "k"}
        modules = imported(keyed, "sessions", "events", "stream", session, *form)
    assert "antcli.client.sse" in modules
    assert not modules & LIST
    assert not {name for name in modules if name.startswith("antcli.engine")}


@pytest.fixture
def engine_for(environ):
    """The environment of commands whose local engine is stopped at the end."""
    yield environ
    stop = [sys.executable, "-m", "antcli", "engine", "stop"]
    subprocess.run(stop, env=environ, timeout=60, check=True, capture_output=True)


def test_a_piped_list_on_the_local_engine_imports_no_more(engine_for):
    assert imported(engine_for, "agents", "list")  # starts the engine
    for command in (
        ["agents", "list", "-o", "json"],
        ["beta:agents", "list"],
        ["sessions", "list"],
    ):
        assert not imported(engine_for, *command) & (LIST | LOCAL_LIST)


def test_a_piped_run_imports_only_what_it_needs(engine_for, tmp_path):
    """Also the first one, which starts the engine: that is another process."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"text": "ok"}]))
    for form in ([], ["-o", "jsonl"], ["--detach"]):
        modules = imported(engine_for, "run", "--model", f"script:{script}", *form, "Say ok.")
        assert "antcli.client.launch" in modules
        assert not modules & (LIST | LOCAL | {"antcli.schema"})
