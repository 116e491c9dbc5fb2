"""How a running harness hears that the client interrupts, or that the engine stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from antcli.engine.session.log import SessionLog

T = TypeVar("T")


class Interrupted(Exception):
    """The client interrupted what was being awaited; it has been cancelled."""


@dataclass(slots=True)
class Control:
    """Signals to a running harness: `interrupted` stops the present step at once, `parking` ends the loop after it."""

    interrupted: asyncio.Event = field(default_factory=asyncio.Event)
    parking: asyncio.Event = field(default_factory=asyncio.Event)

    async def race(self, log: SessionLog, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; raises Interrupted after cancelling it when the client interrupts first."""
        task = asyncio.ensure_future(work)
        signal = asyncio.ensure_future(self.interrupted.wait())
        try:
            while True:
                await asyncio.wait((task, signal), return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    return task.result()
                self.interrupted.clear()
                if is_interrupted(log):  # else the signal was for something that is over
                    raise Interrupted
                signal = asyncio.ensure_future(self.interrupted.wait())
        finally:
            signal.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))


def is_interrupted(log: SessionLog) -> bool:
    return bool(log.state.queued("user.interrupt"))
