"""The queue of a self-hosted environment, as a worker asks it (api.md 6.5, 21.1)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from antcli.client.client import Client
from antcli.client.server import Server
from antcli.errors import AntError, ApiError
from antcli.worker.lease import NO_HEARTBEAT, is_fatal
from antcli.worker.log import Log

BLOCK_MS = 999
TIMEOUT = 20.0  # of every request of a worker but streams, so that no silence outlasts a lease

Work = dict[str, Any]
Trace = Callable[[str], None] | None


class Queue:
    """`server` bears the environment key."""

    def __init__(self, server: Server, environment_id: str, worker_id: str, log: Log, trace: Trace = None) -> None:
        self.environment_id = environment_id
        self._client = Client(server, timeout=TIMEOUT, debug=trace)
        self._worker_id = worker_id
        self._log = log

    def take(self) -> Work | None:
        """The next item, acknowledged; None when nothing waits. Raises what asking again will not mend, and ServerError
        when nobody answers."""
        work = self._client.call(
            "environments.work.poll", self.environment_id, query={"block_ms": BLOCK_MS}, retries=0,
            headers={"anthropic-worker-id": self._worker_id},
        )  # fmt: skip
        if not isinstance(work, dict) or not work.get("id"):
            return None
        try:
            self._client.call("environments.work.ack", self.environment_id, work["id"])
        except AntError as error:
            self._log.warning(f"An item could not be acknowledged: {error.message}", work_id=work["id"])
            if is_fatal(error):
                self.stop(work["id"])
            return None
        if (work.get("data") or {}).get("type") != "session":
            self._log.info("An item that is no session is passed over.", work_id=work["id"])
            self.stop(work["id"])
            return None
        return work

    def stop(self, work_id: str) -> None:
        try:
            self._client.call("environments.work.stop", self.environment_id, work_id, body={"force": True})
        except AntError as error:
            if not (isinstance(error, ApiError) and error.status == 409):  # it had stopped already
                self._log.warning(f"The work item could not be stopped: {error.message}", work_id=work_id)

    def give_back(self, work_id: str) -> None:
        """Another worker may have it at once, if nobody holds it by heartbeats."""
        query = {"expected_last_heartbeat": NO_HEARTBEAT, "desired_ttl_seconds": 1}
        with suppress(AntError):
            self._client.call("environments.work.heartbeat", self.environment_id, work_id, query=query)

    def close(self) -> None:
        self._client.close()


def client_for(server: Server, secret: str | None, trace: Trace = None) -> Client:
    """For what belongs to one item: with the token in its secret, where it has one."""
    token = token_in(secret)
    if token is not None:
        server = replace(server, headers=bearer(token))
    return Client(server, timeout=TIMEOUT, debug=trace)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def token_in(secret: str | None) -> str | None:
    """The token in the secret of a work item: URL-safe base64 of JSON, perhaps without padding."""
    try:
        found = json.loads(base64.urlsafe_b64decode((secret or "") + "=" * (-len(secret or "") % 4)))
    except ValueError:
        return None
    token = found.get("sessions_token") if isinstance(found, dict) else None
    return token if isinstance(token, str) and token else None
