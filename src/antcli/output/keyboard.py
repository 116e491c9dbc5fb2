"""Single keys from the terminal, read in a thread while a question is open."""

from __future__ import annotations

import codecs
import os
import re
import select
import threading
from collections.abc import Callable
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
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)
        self._thread = None

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
