"""What scripts for the official command line ask of `ant` besides the API: credentials, man pages, completion."""

import gzip
import json
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PRINT = ("auth", "print-credentials")


@pytest.fixture
def logged_in(environ, tmp_path):
    """An environment in which the official command line is logged in."""

    def make(expires_in=3600):
        folder = tmp_path / "official" / "credentials"
        folder.mkdir(parents=True, exist_ok=True)
        stored = {"access_token": "tok-secret", "refresh_token": "never-shown", "expires_at": time.time() + expires_in}
        (folder / "default.json").write_text(json.dumps(stored | {"workspace_id": "wrkspc_1"}))
        return environ | {"ANTHROPIC_CONFIG_DIR": str(tmp_path / "official")}

    return make


def test_the_token_goes_to_another_program_and_nothing_else_does(ant, logged_in):
    done = ant(*PRINT, "--access-token", environ=logged_in())
    assert (done.code, done.out, done.err) == (0, "tok-secret\n", "")
    done = ant(*PRINT, "--env", environ=logged_in())
    assert done.out == "ANTHROPIC_AUTH_TOKEN=tok-secret\nANTHROPIC_WORKSPACE_ID=wrkspc_1\n"
    for words in ([], ["--access-token", "--env"]):
        done = ant(*PRINT, *words, environ=logged_in())
        assert (done.code, done.out) == (2, "") and "secret" not in done.err
    expired = ant(*PRINT, "--access-token", environ=logged_in(-5) | {"ANT_PROFILE": "default"})
    assert (expired.code, expired.out) == (3, "") and "expired" in expired.err


def test_a_terminal_sees_no_secret_unless_told_to(ant, logged_in):
    done = ant(*PRINT, "--access-token", terminal=True, environ=logged_in())
    assert (done.code, done.out) == (2, "") and "--yes" in done.err
    assert ant(*PRINT, "--access-token", "--yes", terminal=True, environ=logged_in()).out == "tok-secret\n"


def test_a_key_is_no_token_and_goes_with_its_address(ant, hosted, api, environ):
    done = ant(*PRINT, "--access-token", environ=hosted)
    assert (done.code, done.out) == (3, "") and "--env" in done.err and "sk-test" not in done.err
    lines = ant(*PRINT, "--env", environ=hosted | {"ANTHROPIC_API_KEY": "sk-it's"}).out
    shell = ["sh", "-c", f'{lines}printf "%s %s" "$ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL"']
    assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout == f"sk-it's {api.url}"
    local = ant(*PRINT, "--env", environ=environ)
    assert (local.code, local.out) == (3, "")


def test_man_pages_are_those_of_the_package(ant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ant("@manpages")
    assert done.code == 0, done.err
    page = (ROOT / "man" / "ant.1").read_text()
    assert gzip.decompress((tmp_path / "man/man1/ant.1.gz").read_bytes()).decode() == page
    assert ant("@manpages", "-o", "share", "--text", "--no-gzip").code == 0
    written = {path.name: path.read_text() for path in (tmp_path / "share/man1").iterdir()}
    assert written == {path.name: path.read_text() for path in (ROOT / "man").iterdir()}
    (tmp_path / "file").touch()
    refused = ant("@manpages", "-o", "file")
    assert refused.code == 2 and "file/man1" in refused.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "pwsh"])
def test_completion_scripts_by_the_official_word(ant, shell):
    done = ant("@completion", shell)
    assert done.code == 0 and done.out == ant("completion", shell).out != ""
