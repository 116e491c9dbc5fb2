"""Events from a blocking iterator, with a beat between them, so that the one who waits can look around."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ticking(items: Iterator[Item], seconds: float) -> Iterator[Item | None]:
    """The items as they come; None when there was none for so long. Raises what the iterator raises.

    The iterator runs in a thread that ends with the process.
    """
    queue: SimpleQueue[Item | _End] = SimpleQueue()

    def read() -> None:
        try:
            for item in items:
                queue.put(item)
            queue.put(_End(None))
        except BaseException as error:
            queue.put(_End(error))

    threading.Thread(target=read, name="items", daemon=True).start()
    while True:
        try:
            item = queue.get(timeout=seconds)
        except Empty:
            yield None
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
