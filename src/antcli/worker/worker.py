"""The worker: takes items from the queue and has each worked on in a thread, as many at once as it may."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

from antcli.client.retries import backoff
from antcli.errors import AntError, UsageError
from antcli.worker.lease import is_fatal
from antcli.worker.log import Log
from antcli.worker.queue import Queue, Work

LONGEST_DELAY = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 3.0  # between two looks into an empty queue


class Job(Protocol):
    """What works on one item, until it is done or told to stop."""

    def run(self) -> object: ...

    def stop(self) -> None: ...


class Limits(NamedTuple):
    """`items`: leave after so many. `drain`: leave when the queue is empty and all is done."""

    concurrency: int = 1
    items: int | None = None
    drain: bool = False


class Worker:
    """`job` makes the job of a claimed item."""

    def __init__(self, queue: Queue, job: Callable[[Work], Job], limits: Limits, log: Log) -> None:
        self._queue = queue
        self._job = job
        self._limits = limits
        self._log = log
        self._news: SimpleQueue[AntError | None] = SimpleQueue()  # a job has ended, or it is time to stop
        self._jobs: dict[threading.Thread, Job] = {}
        self._stopping = False
        self._taken = 0
        self._silences = 0

        self.failures = 0  # of items

    def stop(self) -> None:
        """From any thread or a signal handler."""
        self._stopping = True
        self._news.put(None)

    def run(self) -> None:
        """Until it is stopped or has reached its limits. Raises AntError for what asking again will not mend."""
        self._log.info("Waiting for work.", environment_id=self._queue.environment_id)
        try:
            while not self._stopping and not self._is_done():
                if self._may_take() and not self._take():
                    if self._limits.drain and not self._jobs and not self._silences:
                        return
                    self._pause(self._delay())
                elif not self._may_take():
                    self._pause(None)
        finally:
            for job in list(self._jobs.values()):
                job.stop()
            for thread in list(self._jobs):
                thread.join()
            self._queue.close()
            self._log.info("The worker has stopped.", items=self._taken)

    def _is_done(self) -> bool:
        return self._limits.items is not None and self._taken >= self._limits.items and not self._jobs

    def _may_take(self) -> bool:
        left = self._limits.items is None or self._taken < self._limits.items
        return left and len(self._jobs) < self._limits.concurrency

    def _take(self) -> bool:
        try:
            work = self._queue.take()
        except AntError as error:
            if is_fatal(error):
                raise
            self._silences += 1
            self._log.warning(f"The queue does not answer: {error.message}")
            return False
        self._silences = 0
        if work is None:
            return False
        self._taken += 1
        self._start(work)
        return True

    def _start(self, work: dict[str, Any]) -> None:
        job = self._job(work)
        log = self._log.about(work_id=work["id"], session_id=work["data"]["id"])

        def run() -> None:
            trouble: AntError | None = None
            try:
                job.run()
            except UsageError as error:  # a program that cannot be run is none for the next item either
                trouble = error
            except Exception as error:
                self.failures += 1
                log.error(f"The item has failed: {error or type(error).__name__}")
            finally:
                del self._jobs[threading.current_thread()]
                self._news.put(trouble)

        thread = threading.Thread(target=run, name=str(work["id"]), daemon=True)
        self._jobs[thread] = job
        thread.start()

    def _delay(self) -> float:
        if self._silences:
            return backoff(self._silences, 1.0, LONGEST_DELAY)
        return random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)

    def _pause(self, seconds: float | None) -> None:
        """Until there is news. Raises what made a job impossible."""
        until = None if seconds is None else time.monotonic() + seconds
        try:
            news = self._news.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        except Empty:
            return
        if news is not None:
            raise news
