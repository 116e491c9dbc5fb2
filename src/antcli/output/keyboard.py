"""Single keys from the terminal, read in a thread while a question is open; and a terminal that does not echo."""

from __future__ import annotations

import codecs
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Arrow and function keys come as sequences: they are no answer to anything.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)")


class Keyboard:
    """Reads from a terminal's file descriptor. Ctrl-C stays a signal."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.takes_text = False  # keys that come together are a text, not several answers
        self._before: Any = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, put: Callable[[str], None]) -> None:
        """Keys typed before this are forgotten; each one from now on goes to `put`."""
        import termios
        import tty

        if self._thread is not None:
            return
        self._before = termios.tcgetattr(self.descriptor)
        tty.setcbreak(self.descriptor, termios.TCSAFLUSH)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(put, self._stop), name="keyboard", daemon=True)
        self._thread.start()

    def close(self) -> None:
        import termios

        if self._thread is None:
            return
        self._stop.set()
        self._thread.join(timeout=1.0)
        self._thread = None
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)

    def _read(self, put: Callable[[str], None], stop: threading.Event) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while not stop.is_set():
            ready, _, _ = select.select([self.descriptor], [], [], 0.05)
            if not ready:
                continue
            try:
                data = os.read(self.descriptor, 1024)
            except OSError:
                return
            if not data:
                return
            keys = _SEQUENCE.sub("", decoder.decode(data))
            if len(keys) > 1 and not self.takes_text:
                put("")  # pasted, or typed before
            else:
                for key in keys:
                    put(key)


@contextmanager
def no_echo() -> Iterator[None]:
    """What is typed meanwhile does not appear in the view; it stays in the terminal's input for the shell."""
    import termios

    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield
        return
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
