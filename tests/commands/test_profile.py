"""`ant profile` and `ant auth`."""

import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest


def test_without_anything_the_local_profile_is_used(ant):
    shown = ant("profile", "show").json
    assert (shown["name"], shown["kind"]) == ("local", "local")
    assert "no profile" in shown["why"]


def test_list_marks_the_profile_in_use(ant):
    assert {row["name"]: row["active"] for row in ant("profile", "list").lines} == {"local": True, "hosted": False}


def test_a_profile_is_made_used_changed_and_deleted(ant):
    assert ant("profile", "set", "work", "kind=hosted", "base_url=https://agents.example.com").code == 0
    assert ant("profile", "use", "work").code == 0
    assert ant("profile", "show").json["base_url"] == "https://agents.example.com"
    assert ant("profile", "set", "work", "defaults.agent=reviewer").code == 0
    assert ant("profile", "show", "work").json["defaults"] == {"agent": "reviewer"}
    assert ant("profile", "unset", "work", "defaults.agent").code == 0
    assert ant("profile", "show").json["defaults"] == {}
    assert ant("profile", "delete", "work").code == 0
    assert ant("profile", "show").json["name"] == "local"


def test_the_default_format_of_a_profile_is_used(ant):
    ant("profile", "set", "local", "defaults.format=yaml")
    ant("profile", "use", "local")
    assert ant("profile", "show").out.startswith("name: local\n")
    assert ant("profile", "show", "-o", "json").json["name"] == "local"


def test_settings_are_listed(ant):
    assert "engine.sandbox" in [row["name"] for row in ant("profile", "settings").lines]


@pytest.mark.parametrize(
    "arguments",
    [
        ("profile", "use", "nobody"),
        ("profile", "show", "nobody"),
        ("profile", "delete", "nobody"),
        ("profile", "set", "work", "kind"),
        ("profile", "set", "work", "colour=blue"),
        ("profile", "set", "work", "kind=moon"),
        ("profile", "set", "../work", "kind=local"),
        ("agents", "list", "-p", "nobody"),
    ],
)
def test_wrong_profiles_and_settings_are_usage_errors(ant, arguments):
    result = ant(*arguments)
    assert result.code == 2 and result.err.startswith("Error: ")


def test_an_unreadable_config_is_named_with_its_line(ant, environ):
    os.makedirs(environ["ANT_CONFIG_DIR"])
    with open(environ["ANT_CONFIG_DIR"] + "/config.toml", "w") as file:
        file.write("active = \n")
    for arguments in (("agents", "list"), ("profile", "show"), ("agents", "list", "-o", "json")):
        result = ant(*arguments)
        assert result.code == 2
        assert "config.toml" in result.err and "line 1" in result.err
    assert ant("version").code == 0  # what needs no profile goes on


def test_login_stores_the_key_for_the_owner_alone_and_activates(ant, environ):
    result = ant("auth", "login", "--with-token", stdin="sk-secret-key\n")
    assert result.code == 0
    assert "sk-secret" not in result.out + result.err
    path = Path(environ["ANT_CONFIG_DIR"], "credentials.toml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "sk-secret-key" in path.read_text()
    assert ant("profile", "show").json["name"] == "hosted"
    status = ant("auth", "status", "--format", "json").json
    assert status["credential"] == "credentials.toml" and "sk-secret" not in str(status)
    assert ant("auth", "logout").code == 0
    assert ant("auth", "status").code == 3


def test_login_can_make_a_profile_for_another_server(ant, api):
    ant("auth", "login", "-p", "team", "--base-url", api.url, "--with-token", "--bearer", stdin="token\n")
    api.page("/v1/models", {"id": "m", "created_at": "2026-01-01T00:00:00Z"})
    assert ant("models", "list", "-o", "id", "-p", "team").out == "m\n"
    assert api.last.headers["authorization"] == "Bearer token"
    assert "x-api-key" not in api.last.headers


def test_a_key_for_the_local_model_is_kept_apart(ant):
    assert ant("auth", "login", "--model", "--with-token", stdin="sk-model\n").code == 0
    shown = ant("profile", "show").json
    assert shown["name"] == "local" and shown["model"]["base_url"] == "https://api.anthropic.com"


@pytest.mark.parametrize("stdin", ["", "\n", "two words\n", "a\nb\n", "schlüssel\n"])
def test_what_is_no_key_is_refused_and_not_repeated(ant, stdin):
    result = ant("auth", "login", "--with-token", stdin=stdin)
    assert result.code == 2
    assert not stdin.strip() or stdin.strip() not in result.err


def test_login_without_a_terminal_says_how(ant):
    result = ant("auth", "login")
    assert result.code == 2 and "--with-token" in result.err


def test_login_never_asks_a_coding_agent(ant, environ):
    result = ant("auth", "login", terminal=True, environ=environ | {"CLAUDECODE": "1"})
    assert result.code == 2


def test_a_credential_file_that_others_can_read_is_refused(ant, environ):
    ant("auth", "login", "--with-token", stdin="sk-secret-key\n")
    os.chmod(environ["ANT_CONFIG_DIR"] + "/credentials.toml", 0o644)
    result = ant("agents", "list")
    assert result.code == 2 and "chmod 600" in result.err


def test_hosted_without_a_credential_exits_3_and_says_what_to_do(ant):
    result = ant("agents", "list", "-p", "hosted")
    assert result.code == 3
    assert "ant auth login" in result.err


def test_the_key_is_asked_for_without_being_shown(environ):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "antcli", "auth", "login"]
    process = subprocess.Popen(
        command, env=environ, stdin=follower, stdout=follower, stderr=follower, start_new_session=True
    )
    with process:
        os.close(follower)
        screen = b""
        while b"(not shown)" not in screen:
            screen += os.read(leader, 4096)
        os.write(leader, b"sk-typed-key\n")
        try:
            while chunk := os.read(leader, 4096):
                screen += chunk
        except OSError:  # the terminal's end
            pass
        assert process.wait(30) == 0, screen
    os.close(leader)
    assert b"Stored" in screen and b"sk-typed" not in screen
    assert "sk-typed-key" in Path(environ["ANT_CONFIG_DIR"], "credentials.toml").read_text()
