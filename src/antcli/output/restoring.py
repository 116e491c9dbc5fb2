"""A terminal as it was, also when a signal ends the process in the middle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from antcli.fatal_signals import before_the_end

_TIDY = "\x1b[?2004l\x1b[?25h\x1b[0m"  # pastes unmarked, the cursor shown, no colour


@contextmanager
def restored(stdin: TextIO, farewell: str = "\r\n") -> Iterator[Any]:
    """Gives the terminal its modes back, which are also what the block gets to change: None without a terminal.

    A fatal signal writes `farewell` to it too.
    """
    import termios

    try:
        descriptor = stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield None
        return

    def tidy() -> None:
        with suppress(OSError, termios.error):
            if os.tcgetpgrp(descriptor) == os.getpgrp():  # else it is another's now
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
                os.write(descriptor, (_TIDY + farewell).encode())

    with before_the_end(tidy):
        try:
            yield termios.tcgetattr(descriptor)
        finally:
            with suppress(termios.error):  # it is gone
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def no_echo(stdin: TextIO) -> Iterator[None]:
    """What is typed meanwhile does not appear in the view; it stays in the terminal's input for the shell."""
    import termios

    with restored(stdin) as modes:
        if modes is not None:
            modes[3] &= ~termios.ECHO
            termios.tcsetattr(stdin.fileno(), termios.TCSADRAIN, modes)
        yield
