"""A terminal as it was, also when a signal ends the process in the middle."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_FATAL = (signal.SIGTERM, signal.SIGHUP)  # Ctrl-C is an exception or a key
_TIDY = "\x1b[?2004l\x1b[?25h\x1b[0m"  # pastes unmarked, the cursor shown, no colour


@contextmanager
def restored(stdin: TextIO, farewell: str = "\r\n") -> Iterator[None]:
    """A fatal signal inside gives the terminal its modes back and writes `farewell` to it before the process ends."""
    import termios

    try:
        descriptor = stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield
        return

    def end(number: int, frame: object) -> None:
        with suppress(OSError, termios.error):
            if os.tcgetpgrp(descriptor) == os.getpgrp():  # else it is another's now
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
                os.write(descriptor, (_TIDY + farewell).encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    here = threading.current_thread() is threading.main_thread()
    fatal = [number for number in _FATAL if here and signal.getsignal(number) is signal.SIG_DFL]
    for number in fatal:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in fatal:
            signal.signal(number, signal.SIG_DFL)
