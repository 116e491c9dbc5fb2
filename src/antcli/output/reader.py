"""Whoever reads our output may leave; a process that only prints should then end at once."""

from __future__ import annotations

import os
import select
import stat
import threading
from typing import TextIO


def end_with_reader(stream: TextIO) -> None:
    """Ends the process with exit code 0 when the stream's pipe is closed at its other end. Not a pipe: does nothing."""
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        threading.Thread(target=_watch, args=(descriptor,), daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are always reported
    poll.poll()
    os._exit(0)
