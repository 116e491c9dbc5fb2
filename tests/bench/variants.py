"""Engines that differ from ours in one thing, for comparison: `python -m tests.bench.variants NAME serve ...`."""

from __future__ import annotations

import sys
import time
from typing import Any

from antcli import entry


def eager() -> None:
    """Makes the sandbox at once, and waits for it before the first model request."""
    from antcli.engine.harness.harness import Harness
    from antcli.engine.sandbox import pool
    from antcli.engine.session.objects import has_hands, recipe

    pool.UNASKED_DELAY_SECONDS = 0.0
    pool.UNASKED_AT_ONCE = pool.PROVISIONING_AT_ONCE

    go_on = Harness._go_on

    async def after_the_sandbox(self: Harness, log: Any, *rest: Any) -> None:
        if log.state.requests == 0 and has_hands(log.row.body["agent"]):
            await self._sandboxes._place(recipe(log.row, self._data_dir)).making
        await go_on(self, log, *rest)

    Harness._go_on = after_the_sandbox  # type: ignore[assignment]


def stamped() -> None:
    """Begins each frame with a comment: the moment after the commit at which it was made, on the monotonic clock."""
    from antcli.engine.session import log
    from antcli.engine.session.events import frame

    assert log.frame is frame  # type: ignore[attr-defined]
    log.frame = lambda type, body: b": at %d\n" % time.monotonic_ns() + frame(type, body)  # type: ignore[attr-defined]


def plain() -> None:
    """Ours."""


VARIANTS = {"eager": eager, "stamped": stamped, "plain": plain}

if __name__ == "__main__":
    VARIANTS[sys.argv.pop(1)]()
    entry.main()
