"""What is put right before a signal ends the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FATAL = (signal.SIGTERM, signal.SIGHUP)  # Ctrl-C is an exception or a key


@contextmanager
def before_the_end(put_right: Callable[[], None]) -> Iterator[None]:
    """A fatal signal inside calls `put_right`, then ends the process as it would have without."""

    def end(number: int, frame: object) -> None:
        put_right()
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
