"""The lease of a work item: heartbeats keep it, and tell when it is lost or the item is to stop (api.md 21.3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from antcli.client.client import Client
from antcli.errors import AntError, ApiError
from antcli.worker.log import Log

# `stopping`: the server wants the work to end. `lost`: it is another worker's by now. `refused`: no more beats taken.
End = Literal["stopping", "lost", "refused"]

NO_HEARTBEAT = "NO_HEARTBEAT"  # what the first beat expects
_LONGEST_PAUSE = 30.0
_TRANSIENT = (408, 409, 429)


def is_fatal(error: AntError) -> bool:
    """Whether asking again would not help."""
    if isinstance(error, ApiError):
        return error.status < 500 and error.status not in _TRANSIENT
    return False


class Lease:
    """Beats in a thread until `close`. `ended` is called from there, once, when the server ends it or it must be
    taken for lost."""

    def __init__(
        self, client: Client, environment_id: str, work_id: str, *, seconds: int, ended: Callable[[End], None], log: Log
    ) -> None:
        self._client = client
        self._path = environment_id, work_id
        self._seconds = seconds
        self._ended = ended
        self._log = log
        self._last = NO_HEARTBEAT
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.over: End | None = None

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def give_back(self) -> None:
        """After `close`: the lease runs out at once, so that another worker gets what is left to do."""
        try:
            self._beat(1)
        except AntError as error:
            self._log.warning(f"The work could not be handed back: {error.message}")

    def _run(self) -> None:
        seconds, alive = float(self._seconds), time.monotonic()
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                beat = self._beat(self._seconds)
            except AntError as error:
                if is_fatal(error):
                    return self._end("lost" if isinstance(error, ApiError) and error.status == 412 else "refused")
                if time.monotonic() - alive > seconds:
                    return self._end("lost")
                self._log.warning(f"A heartbeat failed: {error.message}")
            else:
                alive, seconds = began, float(beat.get("ttl_seconds") or seconds)
                if beat.get("state") in ("stopping", "stopped") or not beat.get("lease_extended"):
                    return self._end("stopping")
            self._closed.wait(min(seconds / 3, _LONGEST_PAUSE))
        return None

    def _beat(self, seconds: int) -> dict[str, Any]:
        query = {"expected_last_heartbeat": self._last, "desired_ttl_seconds": seconds}
        beat: dict[str, Any] = self._client.call("environments.work.heartbeat", *self._path, query=query, retries=0)
        self._last = str(beat["last_heartbeat"])
        return beat

    def _end(self, reason: End) -> None:
        self.over = reason
        self._ended(reason)
