"""The entry point as a process: fast answers, exit codes, closed pipes, Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from antcli import __version__
from antcli.entry import quick_answer

ANT = [sys.executable, "-m", "antcli"]


@pytest.fixture
def environ(tmp_path):
    return {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm",
        "ANT_CONFIG_DIR": str(tmp_path / "config"), "ANT_DATA_DIR": str(tmp_path / "data"),
    }  # fmt: skip


def run(environ, *arguments, **settings):
    settings = {"capture_output": True, "text": True, "timeout": 30} | settings
    return subprocess.run([*ANT, *arguments], env=environ, check=False, **settings)


@pytest.mark.parametrize("arguments", [["--version"], ["-V"], ["version"], ["-V", "agents"]])
def test_the_version_is_the_package_s(environ, arguments):
    done = run(environ, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ant {__version__}\n", "")


def test_quick_answers_are_what_the_application_would_say(environ):
    for arguments in (["--help"], ["agents", "--help"], ["sessions", "events", "send", "--help"], ["serve", "-h"]):
        quick = quick_answer(arguments)
        slow = run(environ | {"COLUMNS": "80"}, "-q", *arguments)  # an option in front leaves the quick way
        assert quick is not None
        assert slow.stdout == quick, arguments


def test_a_group_alone_says_its_help(environ):
    assert run(environ, "agents").stdout == run(environ, "agents", "--help").stdout
    assert run(environ, "-q", "agents").stdout == run(environ, "agents").stdout
    assert run(environ).stdout == run(environ, "--help").stdout


@pytest.mark.parametrize(
    "arguments", [["nonsense", "--help"], ["agents", "../../static/help", "--help"], ["", "--help"], ["run", "do it"]]
)
def test_what_is_not_known_goes_on_to_the_application(arguments):
    assert quick_answer(arguments) is None


@pytest.mark.parametrize(
    "arguments", [["--help"], ["agents", "--nonsense"], ["profile", "show"], ["-q", "profile", "list"]]
)
def test_a_closed_pipe_is_no_error(environ, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    done = run(environ, *arguments, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
    assert done.returncode == (2 if "--nonsense" in arguments else 0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["profile", "show"]])
def test_a_full_disk_is_an_error(environ, arguments):
    with open("/dev/full", "w") as full:
        done = run(environ, *arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1


def test_closed_standard_streams_are_survived(environ):
    for streams in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        shell = f'"{sys.executable}" -m antcli profile show {streams}; "{sys.executable}" -m antcli --help {streams}'
        done = subprocess.run(["sh", "-c", shell], env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert "Traceback" not in done.stderr, streams


def test_unknown_words_and_options_suggest_what_was_meant(environ):
    done = run(environ, "agnets", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: No command 'agnets' in `ant`.\nDid you mean `ant agents`?\n"
    done = run(environ, "agents", "list", "--formta", "json")
    assert done.stderr == "Error: No such option: --formta.\nDid you mean `--format`?\n"


def test_json_errors_are_given_though_the_command_line_is_wrong(environ):
    done = run(environ, "agents", "list", "--bad", "-o", "json")
    assert json.loads(done.stderr)["error"]["type"] == "usage_error"


def test_debug_shows_the_traceback(environ):
    assert "Traceback" not in run(environ, "profile", "use", "x").stderr
    assert "Traceback" in run(environ | {"ANT_DEBUG": "1"}, "profile", "use", "x").stderr
    assert "Traceback" in run(environ, "profile", "use", "x", "--debug").stderr


def test_narrow_terminals_get_help_made_to_measure(environ):
    leader, follower = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with subprocess.Popen([*ANT, "--help"], env=environ, stdin=follower, stdout=follower, stderr=follower) as process:
        os.close(follower)
        text = b""
        try:
            while chunk := os.read(leader, 65536):
                text += chunk
        except OSError:  # the terminal's end
            pass
        assert process.wait(30) == 0
    os.close(leader)
    lines = text.decode().splitlines()
    assert "Usage: ant" in lines[0]
    assert max(map(len, lines)) < 60


def test_ctrl_c_exits_130_with_one_line(environ, tmp_path):
    log = tmp_path / "data" / "engine.log"
    log.parent.mkdir()
    log.write_text("one line\n")
    process = subprocess.Popen(
        [*ANT, "engine", "logs", "-f"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "one line\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == "Interrupted.\n"


def test_following_ends_when_the_reader_leaves(environ, tmp_path):
    log = tmp_path / "data" / "engine.log"
    log.parent.mkdir()
    log.write_text("one line\n")
    with subprocess.Popen([*ANT, "engine", "logs", "-f"], env=environ, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        began = time.monotonic()
        assert process.wait(30) == 0
        assert time.monotonic() - began < 10
