"""Conditions that things fail under: no right to write, a full disk, a port that is taken."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.ant import Ant

# Root may write anywhere; without these rights it is what everybody else is.
ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []


def needs_ordinary() -> None:
    """Skips the test where rights cannot be given up."""
    if not ORDINARY:
        return
    if not shutil.which("setpriv") or subprocess.run([*ORDINARY, "true"], capture_output=True).returncode:
        pytest.skip("root's rights cannot be dropped here")


def said(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """A clear refusal: the code, nothing on stdout, one line that says what happened and one that says what to do."""
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (code, ""), done
    assert 2 <= len(lines) <= 3 and lines[0].startswith("Error: ") and lines[0].endswith((".", "]", "?")), done.stderr
    assert len(lines) == 2 or lines[2].startswith("Request id: "), done.stderr
    assert "Traceback" not in done.stderr and "defect" not in done.stderr and "\x1b" not in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def together(ant: Ant, *lines: str) -> list[subprocess.CompletedProcess[str]]:
    """Several commands at once, in the order of the lines."""
    running = [ant.start(*shlex.split(line)) for line in lines]
    outputs = [process.communicate(timeout=60) for process in running]
    return [
        subprocess.CompletedProcess(line, process.returncode, *output)
        for line, process, output in zip(lines, running, outputs, strict=True)
    ]


class TinyDisk:
    """A file system of its own, which `fill` makes full and `make_room` empty again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def tiny_disk(path: Path, size: str) -> Iterator[TinyDisk]:
    """Mounts one; skips the test where that is not allowed."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield TinyDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def content_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, for "nothing was written"."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
