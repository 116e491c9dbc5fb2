"""What clients are doing right now: the engine goes away when nobody has asked for anything for a while."""

from __future__ import annotations

import asyncio
import time


class Activity:
    """`last` is monotonic seconds. `closing` ends open streams when the engine stops."""

    def __init__(self) -> None:
        self.requests = 0
        self.streams = 0
        self.last = time.monotonic()
        self.closing = asyncio.Event()

    def begin(self) -> None:
        self.requests += 1
        self.last = time.monotonic()

    def end(self) -> None:
        self.requests -= 1
        self.last = time.monotonic()

    def touch(self) -> None:
        self.last = time.monotonic()

    def quiet_seconds(self) -> float:
        """How long there has been no request and no stream."""
        return 0.0 if self.requests else time.monotonic() - self.last
