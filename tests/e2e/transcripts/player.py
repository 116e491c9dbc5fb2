"""Transcripts: files of commands with what they print, played again on the installed command and a real engine.

A step is `$ COMMAND` in a pipe or `tty$ COMMAND` on a terminal of 100 columns, run by bash. Below it stand stdout,
stderr (each line after `2> `, on a terminal both are one), and `[exit N]` unless that is 0. Comments stand right above
a step. `# Ctrl-C at "TEXT"` behind a command presses that key once the screen shows the text.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.ant import COMMAND, Ant
from tests.e2e.transcripts.placeholders import Placeholders
from tests.output.screen import Screen

FOLDER = Path(__file__).parent
COLUMNS = 100
_STEP = re.compile(r'(?P<prompt>\$|tty\$) (?P<command>.+?)(?: # Ctrl-C at "(?P<key>.+)")?')
_EXIT = re.compile(r"\[exit (\d+)\]")
_LIMIT = 60.0  # seconds for one command


@dataclass(frozen=True)
class Step:
    head: tuple[str, ...]  # comments and the command, as they stand in the file
    command: str
    terminal: bool
    interrupted_at: str | None


def golden_files() -> list[Path]:
    return sorted(FOLDER.glob("*/*.txt"))


def steps_of(text: str) -> list[Step]:
    steps = []
    comments: list[str] = []
    for line in text.splitlines():
        match = _STEP.fullmatch(line)
        if match is not None:
            steps.append(Step((*comments, line), match["command"], match["prompt"] == "tty$", match["key"]))
        comments = [*comments, line] if line.startswith("# ") else []
    return steps


def exit_codes(text: str) -> list[int]:
    """Of each step, in order."""
    codes: list[int] = []
    for line in text.splitlines():
        if _STEP.fullmatch(line):
            codes.append(0)
        elif found := _EXIT.fullmatch(line):
            codes[-1] = int(found[1])
    return codes


@contextlib.contextmanager
def home_for(folder: str) -> Iterator[Ant]:
    """A home for the transcripts of a folder: the files of `project`, and what `setup.sh` makes."""
    # A path of the same length everywhere, so that tables have the same widths everywhere.
    home = Path(tempfile.mkdtemp(prefix="ant-", dir="/tmp"))
    variables = {"PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", "TERM": "xterm-256color", "TZ": "UTC"}
    ant = Ant(home, **variables, LC_ALL="C.UTF-8", HOUR=f"{(time.gmtime().tm_hour - 2) % 24:02}")
    try:
        shutil.copytree(FOLDER / "project", home, dirs_exist_ok=True)
        _script(FOLDER / folder / "setup.sh", ant)
        yield ant
    finally:
        _script(FOLDER / folder / "teardown.sh", ant)
        ant.close()
        shutil.rmtree(home, ignore_errors=True)


def _script(path: Path, ant: Ant) -> None:
    if path.exists():
        subprocess.run(["bash", "-e", path], env=ant.environ, cwd=ant.home, check=True, stdout=subprocess.DEVNULL)


def play(text: str, ant: Ant) -> str:
    """The transcript as it would be written now."""
    placeholders = Placeholders(ant.home, ant.environ["HOUR"])
    blocks = []
    for step in steps_of(text):
        shown, code = _on_terminal(step, ant) if step.terminal else _in_pipe(step, ant)
        lines = [*step.head, *placeholders(shown).splitlines()]
        blocks.append("\n".join(lines if code == 0 else [*lines, f"[exit {code}]"]))
    return "\n\n".join(blocks) + "\n"


def difference(path: Path, played: str) -> str:
    """Between the file and what was played, as a unified diff; nothing where they agree."""
    name = f"{path.parent.name}/{path.name}"
    lines = (path.read_text().splitlines(keepends=True), played.splitlines(keepends=True))
    return "".join(difflib.unified_diff(*lines, f"{name} (golden)", f"{name} (played)"))


def _in_pipe(step: Step, ant: Ant) -> tuple[str, int]:
    done = subprocess.run(
        ["bash", "-c", step.command], env=ant.environ, cwd=ant.home, timeout=_LIMIT, text=True, capture_output=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    told = "".join(f"2> {line}".rstrip() + "\n" for line in done.stderr.splitlines())
    return done.stdout + told, done.returncode


def _on_terminal(step: Step, ant: Ant) -> tuple[str, int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["bash", "-c", step.command], env=ant.environ, cwd=ant.home, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    written = b""
    try:
        awaited = step.interrupted_at
        for chunk in _chunks(ours):
            written += chunk
            if awaited is not None and awaited in _screen(written):
                os.write(ours, b"\x03")
                awaited = None
        code = process.wait(_LIMIT)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return _screen(written), code


def _chunks(terminal: int) -> Iterator[bytes]:
    deadline = time.monotonic() + _LIMIT
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "the command did not end in time"
        try:
            chunk = os.read(terminal, 1 << 16)
        except OSError:  # Linux says so that the other side is closed
            return
        if not chunk:
            return
        yield chunk


def _screen(written: bytes) -> str:
    screen = Screen(COLUMNS)
    screen.write(written.decode(errors="ignore"))
    return screen.text
