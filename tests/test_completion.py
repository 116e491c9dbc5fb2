"""Completion: the words, the names that the server knows, and the scripts in real shells."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from antcli.commands import candidates as candidates_of_the_server
from antcli.completion import place, words
from antcli.context import Context
from antcli.output.terminal import Terminal
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
    assert candidates("completion", "") == ["bash", "zsh", "fish", "powershell", "pwsh"]


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
    assert at is not None and (at.path, at.words) == (["sessions", "threads", "get"], ["one"])


def test_places_know_the_options_that_were_chosen():
    at = place(["-p", "work", "sessions", "list", "--limit=3", "-q", "--agent-id", "one"])
    assert at is not None and at.chosen == {"-p": "work", "--limit": "3", "--agent-id": "one"}


def with_ant(tmp_path):
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


def complete(environ, *typed, verb="__complete"):
    done = subprocess.run(
        [sys.executable, "-m", "antcli", verb, *typed], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


@pytest.fixture
def environ(tmp_path):
    return with_ant(tmp_path)


TIMES = {"created_at": "2026-01-01T00:00:00Z"}


@pytest.fixture
def api():
    with serving() as found:
        yield found


@pytest.fixture
def hosted(environ, api):
    return environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "k"}


def eventually(found, wanted, seconds=20):
    """A key press waits only a moment for the server; on a busy machine the next one has the answer."""
    end = time.monotonic() + seconds
    while (last := found()) != wanted:
        assert time.monotonic() < end, last
        time.sleep(0.05)


def test_names_come_from_the_server(api, hosted):
    first, second = {"id": "agent_1", "name": "reviewer"} | TIMES, {"id": "agent_2", "name": "two words"} | TIMES
    api.page("/v1/agents", first, second)
    eventually(lambda: complete(hosted, "agents", "get", ""), ["@last", "reviewer", "agent_2"])
    eventually(lambda: complete(hosted, "agents", "get", verb="__complete_next"), ["@last", "reviewer", "agent_2"])
    eventually(lambda: complete(hosted, "agents", "get", "agent_1"), ["agent_1"])
    eventually(lambda: complete(hosted, "sessions", "list", "--agent=re"), ["--agent=reviewer"])
    assert complete(hosted, "-p", "l") == ["local"]


def test_things_of_a_thing_are_asked_for_by_what_was_typed_before(api, hosted):
    session, thread = "sesn_" + "1" * 24, {"id": "sthr_1", "status": "idle"}
    api.page(f"/v1/sessions/{session}/threads", thread | TIMES)
    eventually(lambda: complete(hosted, "sessions", "threads", "get", session, ""), ["sthr_1"])


def test_the_models_are_offered_where_one_is_wanted(api, hosted):
    api.page("/v1/models", {"id": "claude-opus-5", "type": "model"}, {"id": "other", "type": "model"})
    eventually(lambda: complete(hosted, "agents", "create", "--model", "cl"), ["claude-opus-5"])


def test_a_name_that_a_shell_would_run_is_not_offered(api, hosted):
    names = ["$(touch x)", "`x`", "a;b", "a\nb", "-rf", "ok-1", "größe"]
    api.page("/v1/agents", *({"id": f"agent_{n}", "name": name} | TIMES for n, name in enumerate(names)))
    expected = ["@last", "agent_0", "agent_1", "agent_2", "agent_3", "agent_4", "ok-1", "größe"]
    eventually(lambda: complete(hosted, "agents", "get", ""), expected)


def test_one_second_is_answered_from_the_cache(api, hosted, monkeypatch):
    api.page("/v1/agents", {"id": "agent_1", "name": "reviewer"} | TIMES)
    eventually(lambda: complete(hosted, "agents", "get", "r"), ["reviewer"])
    [entry] = (Path(hosted["ANT_DATA_DIR"]) / "completion").iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600 and entry.parent.stat().st_mode & 0o777 == 0o700
    asked = len(api.requests)
    monkeypatch.setattr(candidates_of_the_server, "FRESH", 60.0)
    here = Context(Terminal.of_process(), hosted)
    assert candidates_of_the_server.answer(["agents", "get", "re"], here) == "reviewer\tagent_1\n"
    assert len(api.requests) == asked
    # Another server is another question.
    elsewhere = hosted | {"ANTHROPIC_BASE_URL": api.url.replace("127.0.0.1", "localhost")}
    api.page("/v1/agents", {"id": "agent_2", "name": "other"} | TIMES)
    eventually(lambda: complete(elsewhere, "agents", "get", ""), ["@last", "other"])


def test_a_server_that_says_nothing_costs_a_moment_and_a_later_answer_is_kept(api, hosted):
    told = threading.Event()
    page = {"data": [{"id": "agent_1", "name": "late"} | TIMES], "next_page": None}

    def slowly(request):
        told.wait(10)
        return page

    api.on("GET", "/v1/agents", slowly)
    assert complete(hosted, "agents", "get", "l") == []  # though the server still holds its answer
    told.set()
    eventually(lambda: complete(hosted, "agents", "get", "l"), ["late"])


def test_an_old_answer_is_better_than_none(api, environ, hosted):
    api.page("/v1/agents", {"id": "agent_1", "name": "reviewer"} | TIMES)
    eventually(lambda: complete(hosted, "agents", "get", "r"), ["reviewer"])
    api.on("GET", "/v1/agents", (500, {}))
    [entry] = (Path(environ["ANT_DATA_DIR"]) / "completion").iterdir()
    for age, expected in ((30, ["reviewer"]), (90, [])):
        os.utime(entry, (time.time() - age,) * 2)
        assert complete(hosted, "agents", "get", "r") == expected


def test_a_server_that_does_not_answer_gives_nothing_and_no_error(environ):
    dead = environ | {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "k"}
    assert complete(dead, "agents", "get", "re") == []


def test_an_engine_is_not_started_for_a_key_press(environ, tmp_path):
    assert complete(environ, "agents", "get", "") == ["@last"]
    assert not (tmp_path / "data").exists()


def test_a_profile_that_is_typed_is_the_one_that_is_asked(api, environ, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(f'[profiles.work]\nkind = "hosted"\nbase_url = "{api.url}"\n')
    api.page("/v1/agents", {"id": "agent_1", "name": "mine"} | TIMES)
    keyed = environ | {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    eventually(lambda: complete(keyed, "-p", "work", "agents", "get", "m"), ["mine"])
    assert complete(keyed, "-p", "nobody", "agents", "get", "") == []


BASH = """
source "$1"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1}
    _ant ant "${1##*[ $BREAKS]}"
    printf '%s|' "${COMPREPLY[@]}"
    echo
}
shift
for line in "$@"; do complete_line "$line"; done
"""


@pytest.mark.parametrize(("breaks", "before"), [("=:", "beta:agents:"), ("=", "")])
@pytest.mark.parametrize("version", ["", "3.2"])
def test_colons_are_what_bash_makes_of_them(environ, breaks, before, version):
    """It replaces what stands behind the last colon, unless COMP_WORDBREAKS has none; also as the Bash of old."""
    script = str(ROOT / "completions" / "ant.bash")
    lines = ["ant beta:agents:v", "ant beta:agents re", "ant beta:agents list --format=y"]
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", script, *lines],
        env=environ | {"BREAKS": breaks, "BASH_COMPAT": version}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    whole = "beta:agents:versions |"
    assert done.stdout.splitlines() == [whole.removeprefix(before), "retrieve |", "yaml |"]


def test_the_bash_script_in_a_real_bash(environ, tmp_path):
    (tmp_path / "prompt.md").touch()
    (tmp_path / "prompts").mkdir()
    lines = ["ant ag", "ant sessions events li", "ant agents list --format=y", f"ant run @{tmp_path}/pro", "ant zzz"]
    script = str(ROOT / "completions" / "ant.bash")
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", script, *lines],
        env=environ | {"BREAKS": "=:"},
        capture_output=True,
        text=True,
        check=False,
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
    newer = (
        r"mapfile|readarray|(declare|local|typeset) -[gAn]|compopt|&>>|\|&|coproc|;;&|;&"
        r"|\$\{[^}]*(,,?|\^\^?|@[QEPAaUuLKk])\}"
        r"|\[-1\]|\+=\(|printf -v|\$'\\\\u|\[\[ -v|wait -n|local -$|EPOCH|BASHPID|\{fd\}|read .*-[iN]"
    )
    assert not re.search(newer, text), re.search(newer, text)


def test_the_powershell_script_is_balanced_and_uses_only_what_5_1_has():
    """No PowerShell runs here: what can be seen without one."""
    text = (ROOT / "completions" / "ant.ps1").read_text()
    assert text.isascii()
    bare = re.sub(r"#.*|'(?:[^']|'')*'|\"[^\"]*\"", "", text)
    for opening, closing in ("{}", "()", "[]"):
        assert bare.count(opening) == bare.count(closing)
    assert not re.search(r"\?\?|\?\.|&&|\|\||\? .* :", bare)  # operators of PowerShell 7
    for word in ("Register-ArgumentCompleter -Native -CommandName ant", "__complete_next", "CompletionResult]::new("):
        assert word in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_completion_prints_the_committed_script(environ, shell):
    name = {"bash": "ant.bash", "zsh": "_ant", "fish": "ant.fish"}.get(shell, "ant.ps1")
    done = subprocess.run(
        [sys.executable, "-m", "antcli", "completion", shell], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == (ROOT / "completions" / name).read_text()


def test_official_words_are_offered_when_they_are_begun():
    from antcli.completion import words

    assert "beta:" not in words([""])
    assert words(["beta:agents:v"]).startswith("beta:agents:versions\t")
    assert [line.split("\t")[0] for line in words(["beta:agents", "re"]).splitlines()] == ["retrieve"]
    flags = [line.split("\t")[0] for line in words(["beta:agents", "create", "--mcp-server"]).splitlines()]
    assert flags == ["--mcp-server", "--mcp-server.name", "--mcp-server.type", "--mcp-server.url"]
