"""What happens at the signals that ask a process to end: it stops in order, or puts things right and ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STOPS = (signal.SIGINT, signal.SIGTERM)
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


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C or SIGTERM inside calls `stop`, the second one raises KeyboardInterrupt. Other threads hear none."""
    count = 0

    def arrived(number: int, frame: object) -> None:
        nonlocal count
        count += 1
        if count == 1:
            stop()
        elif count == 2:  # a third one must not break into the clean-up
            raise KeyboardInterrupt

    here = threading.current_thread() is threading.main_thread()
    # What we were started to ignore (`ant run &` in a script) stays ignored.
    heard = [number for number in _STOPS if here and signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, arrived) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
