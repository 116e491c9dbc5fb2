"""Completion as a person meets it: the keys are typed into real shells on a terminal. And how it is installed."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.api_server import serving
from tests.test_completion import TIMES, with_ant

SHELLS = {
    "bash": ["bash", "--noprofile", "--norc", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SCRIPTS = {"bash": "ant.bash", "zsh": "_ant", "fish": "ant.fish"}
QUOTED = {"bash": r"notes\ \$\(x\).md ", "zsh": r"notes\ \$\(x\).md ", "fish": r"notes\ \$\(x\).md"}
ROOT = Path(__file__).parent.parent
_AT_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()=>][A-Z0-9]?|\x1b\][^\a]*\a|[\r\a]")


class Keyboard:
    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.seen = b""

    def type(self, keys):
        self.seen = b""
        os.write(self.descriptor, keys.encode())

    def wait(self, text, seconds=20):
        """Until the text is on the screen; says whether it came."""
        end = time.monotonic() + seconds
        while text.encode() not in _CONTROL.sub(b"", self.seen).replace(b" \x08", b""):
            left = end - time.monotonic()
            if left < 0 or not select.select([self.descriptor], [], [], left)[0]:
                return False
            try:
                self.seen += os.read(self.descriptor, 65536)
            except OSError:
                return False
        return True


@contextmanager
def shell(name, environ, loading):
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_TERMINAL, *SHELLS[name]], env=environ | {"COLUMNS": "200"},
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True, cwd=environ["HOME"],
    )  # fmt: skip
    os.close(follower)
    keyboard = Keyboard(leader)
    try:
        keyboard.type(f"{loading}; echo re''ady\n")
        assert keyboard.wait("ready"), keyboard.seen
        yield keyboard
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def loading(name):
    path = ROOT / "completions" / SCRIPTS[name]
    return f"autoload -Uz compinit && compinit -D && source {path}" if name == "zsh" else f"source {path}"


@pytest.fixture
def environ(tmp_path):
    return with_ant(tmp_path)


@pytest.fixture
def hosted(environ):
    with serving() as api:
        api.page("/v1/agents", {"id": "agent_1", "name": "reviewer"} | TIMES)
        yield environ | {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": "k"}


@pytest.mark.parametrize("name", SHELLS)
def test_keys_are_completed_on_a_terminal(hosted, name):
    home = Path(hosted["HOME"])
    (home / "prompt.md").touch()
    (home / "task.yaml").touch()
    (home / "notes $(x).md").touch()
    expected = {
        "ant sessi": "ant sessions ",
        "ant sessions events li": "ant sessions events list ",
        "ant agents list --format=y": "ant agents list --format=yaml ",
        "ant agents list -o ya": "ant agents list -o yaml ",
        "ant run @pro": "ant run @prompt.md",
        "ant beta:agents:v": "ant beta:agents:versions ",
        "ant beta:sessions:ev": "ant beta:sessions:events ",
        "ant beta:agents re": "ant beta:agents retrieve ",
        "ant beta:agents list --format=ya": "ant beta:agents list --format=yaml ",
        "ant beta:sessions:threads:events li": "ant beta:sessions:threads:events list ",
        "ant agents create --file ta": "ant agents create --file task.yaml",
    }
    with shell(name, hosted, loading(name)) as keyboard:
        for typed, completed in expected.items():
            keyboard.type(f"{typed}\t")
            assert keyboard.wait(completed), (typed, keyboard.seen)
            keyboard.type("\x15")  # forget the line
        keyboard.type("ant agents create -f notes\t")
        assert keyboard.wait(QUOTED[name]), keyboard.seen
        keyboard.type("\x15")
        for _ in range(20):  # the server has a moment only for each key press
            keyboard.type("ant agents get rev\t")
            if keyboard.wait("ant agents get reviewer", 1):
                return
            keyboard.type("\x15")  # forget the line
        pytest.fail(str(keyboard.seen))


@pytest.mark.parametrize("name", SHELLS)
def test_what_was_installed_is_loaded_by_the_next_shell(environ, name):
    done = subprocess.run(
        [sys.executable, "-m", "antcli", "completion", name, "--install"],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    [script] = re.findall(r"^Wrote (.*)\.$", done.stderr, re.M)
    assert Path(script).read_text() == (ROOT / "completions" / SCRIPTS[name]).read_text()
    starts = {
        "bash": f". {script}", "zsh": ". ~/.zshrc", "fish": f"set -p fish_complete_path {Path(script).parent}",
    }  # fmt: skip
    with shell(name, environ, starts[name]) as keyboard:
        keyboard.type("ant sessi\t")
        assert keyboard.wait("ant sessions "), keyboard.seen


def test_installing_again_changes_nothing_and_keeps_what_is_in_the_file(environ):
    startup = Path(environ["HOME"]) / ".zshrc"
    startup.write_text("alias ll='ls -l'")
    for _ in range(2):
        command = [sys.executable, "-m", "antcli", "completion", "--install"]
        subprocess.run(command, env=environ | {"SHELL": "/bin/zsh"}, check=True, capture_output=True, timeout=60)
    lines = startup.read_text().splitlines()
    assert lines[:2] == ["alias ll='ls -l'", "# completion of ant"]
    assert len(lines) == 3


def test_a_shell_that_is_not_known_has_to_be_named(environ):
    command = [sys.executable, "-m", "antcli", "completion"]
    done = subprocess.run(command, env=environ | {"SHELL": "/bin/tcsh"}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "ant completion bash" in done.stderr
