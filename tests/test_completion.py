"""Completion: the words, the names that the server knows, and the scripts in real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from antcli.completion import place, words
from tests.fakes.api_server import serving

ROOT = Path(__file__).parent.parent


def candidates(*typed):
    return [line.partition("\t")[0] for line in (words(list(typed)) or "").splitlines()]


def test_commands_options_and_choices_are_completed():
    assert candidates("ag") == ["agents"]
    assert candidates("session", "ev") == ["events"]
    assert candidates("agents", "create", "--na") == ["--name"]
    assert candidates("agents", "list", "-o", "json") == ["json", "jsonl"]
    assert candidates("agents", "list", "--format=y") == ["--format=yaml"]
    assert candidates("sessions", "list", "--status", "r") == ["rescheduling", "running"]
    assert candidates("completion", "") == ["bash", "zsh", "fish"]


def test_values_of_options_are_not_taken_for_words():
    assert candidates("-p", "agents", "ver") == ["version"]
    assert candidates("--quiet", "agents", "li") == ["list"]


def test_nothing_is_offered_where_nothing_is_known():
    assert words(["nonsense", ""]) == ""
    assert words(["agents", "create", "--name", ""]) == ""
    assert words([]) is not None


def test_files_are_the_shell_s_business():
    assert words(["agents", "create", "-f", "x"]) == ":files\n"
    assert words(["agents", "create", "--system", "@pro"]) == ":files\n"


def test_names_are_the_server_s_business():
    for typed in (["agents", "get", ""], ["sessions", "get", "@"], ["-p", ""], ["sessions", "create", "--env", "x"]):
        assert words(typed) is None, typed


def test_places_count_arguments():
    at = place(["sessions", "threads", "get", "-o", "json", "one"])
    assert at is not None and (at.path, at.given) == (["sessions", "threads", "get"], 1)


@pytest.fixture
def environ(tmp_path):
    """An environment with a command `ant` that is this program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "ant"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m antcli "$@"\n')
    command.chmod(0o755)
    return {
        "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb",
        "ANT_CONFIG_DIR": str(tmp_path / "config"), "ANT_DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip


def complete(environ, *typed):
    done = subprocess.run(
        [sys.executable, "-m", "antcli", "__complete", *typed], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


def test_names_come_from_the_server(environ):
    with serving() as api:
        hosted = environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "k"}
        times = {"created_at": "2026-01-01T00:00:00Z"}
        first, second = {"id": "agent_1", "name": "reviewer"} | times, {"id": "agent_2", "name": "two words"} | times
        api.page("/v1/agents", first, second)
        assert complete(hosted, "agents", "get", "") == ["@last", "reviewer", "agent_2"]
        assert complete(hosted, "agents", "get", "agent_1") == ["agent_1"]
        assert complete(hosted, "sessions", "list", "--agent=re") == ["--agent=reviewer"]
        assert complete(hosted, "-p", "l") == ["local"]


def test_a_server_that_does_not_answer_gives_nothing_and_no_error(environ):
    dead = environ | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "k"}
    assert complete(dead, "agents", "get", "re") == []


def test_an_engine_is_not_started_for_a_key_press(environ, tmp_path):
    assert complete(environ, "agents", "get", "") == ["@last"] or complete(environ, "agents", "get", "") == []
    assert not (tmp_path / "data" / "engine.lock").exists()


BASH = """
source "$1"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(${1//=/ = })
    case $1 in *' ') COMP_WORDS[${#COMP_WORDS[@]}]= ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _ant
    printf '%s|' "${COMPREPLY[@]}"
    echo
}
shift
for line in "$@"; do complete_line "$line"; done
"""


def test_the_bash_script_in_a_real_bash(environ, tmp_path):
    (tmp_path / "prompt.md").touch()
    (tmp_path / "prompts").mkdir()
    lines = ["ant ag", "ant sessions events li", "ant agents list --format=y", f"ant run @{tmp_path}/pro", "ant zzz"]
    script = str(ROOT / "completions" / "ant.bash")
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", script, *lines], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    found = done.stdout.splitlines()
    assert found[:3] == ["agents |", "list |", "yaml |"]
    assert sorted(found[3].strip("|").split("|")) == [f"@{tmp_path}/prompt.md ", f"@{tmp_path}/prompts/"]
    assert found[4] == "|"


@pytest.mark.parametrize(("shell", "name"), [("zsh", "_ant"), ("fish", "ant.fish"), ("bash", "ant.bash")])
def test_the_scripts_are_accepted_by_their_shells(shell, name):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run([shell, "-n", str(ROOT / "completions" / name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_bash_script_uses_nothing_newer_than_3_2():
    text = (ROOT / "completions" / "ant.bash").read_text()
    for newer in ("mapfile", "readarray", "declare -A", "local -A", "compopt", "${word,,}", "&>>", "|&", "coproc"):
        assert newer not in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_committed_script(environ, shell):
    name = {"bash": "ant.bash", "zsh": "_ant", "fish": "ant.fish"}[shell]
    done = subprocess.run(
        [sys.executable, "-m", "antcli", "completion", shell], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == (ROOT / "completions" / name).read_text()
