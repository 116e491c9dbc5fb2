"""Who wakes which session: one harness a session, held by a lease that is renewed while it runs."""

from __future__ import annotations

import asyncio
import logging
import secrets

from antcli.engine.errors import RequestError
from antcli.engine.harness.control import Control
from antcli.engine.harness.harness import Harness
from antcli.engine.session.log import STORAGE_PAUSE, Logs
from antcli.engine.store.base import FencedError, StorageError, Store

LEASE_SECONDS = 15.0

logger = logging.getLogger("antcli.engine")


class Orchestrator:
    """`wake` and `interrupt` return at once; the work goes on in tasks of the running loop."""

    def __init__(self, store: Store, logs: Logs, harness: Harness) -> None:
        self._store = store
        self._logs = logs
        self._harness = harness
        self._owner = f"engine-{secrets.token_hex(8)}"
        self._running: dict[str, tuple[asyncio.Task[None], Control]] = {}
        self._again: set[str] = set()
        self._stopping = False
        self._upkeep: asyncio.Task[None] | None = None

    @property
    def running(self) -> int:
        return len(self._running)

    async def start(self) -> None:
        """Take over what a stopped engine left: the caller owns the whole store, so no lease is alive."""
        await self._store.release_all()
        await self._wake_abandoned()
        self._upkeep = asyncio.create_task(self._keep_leases())

    async def stop(self, grace: float) -> None:
        """Park every session at its next event; after `grace` seconds at whatever it does."""
        self._stopping = True
        if self._upkeep is not None:
            self._upkeep.cancel()
        tasks = [task for task, _ in self._running.values()]
        for _, control in self._running.values():
            control.parking.set()
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def wake(self, session_id: str) -> None:
        if self._stopping:
            return
        if session_id in self._running:
            self._again.add(session_id)
            return
        control = Control()
        task = asyncio.create_task(self._run(session_id, control), name=f"harness-{session_id}")
        self._running[session_id] = task, control

    def interrupt(self, session_id: str) -> None:
        if session_id in self._running:
            self._running[session_id][1].interrupted.set()
        self.wake(session_id)

    async def _run(self, session_id: str, control: Control) -> None:
        try:
            while True:
                self._again.discard(session_id)
                try:
                    await self._hold(session_id, control)
                except StorageError as error:
                    logger.error("%s: %s", session_id, error)
                    await asyncio.sleep(STORAGE_PAUSE)
                    self._again.add(session_id)
                if session_id not in self._again or control.parking.is_set():
                    return
        except (FencedError, RequestError) as error:  # another engine has it, or it was deleted
            logger.info("%s: left: %r", session_id, error)
        except Exception:  # given back, so the upkeep tries again
            logger.exception("%s: left", session_id)
        finally:
            del self._running[session_id]

    async def _hold(self, session_id: str, control: Control) -> None:
        """Claim the session, bring it on, give it back."""
        log = await self._logs.open(session_id)
        if log.state.status not in ("running", "rescheduling"):
            return
        epoch = await self._store.claim(session_id, self._owner, LEASE_SECONDS)
        if epoch is None:
            return
        try:
            await self._harness.run(log, epoch, control)
        except (FencedError, StorageError, RequestError):
            raise
        except Exception as error:
            logger.exception("%s: the harness failed", session_id)
            await self._harness.fail(log, epoch, f"The engine failed: {type(error).__name__}. See the engine's log.")
        finally:
            if log.state.status in ("running", "rescheduling"):  # parked or failed: let the next one have it
                await self._store.release(session_id, epoch)

    async def _keep_leases(self) -> None:
        """Renew our leases well before they end, and take over sessions whose holder is gone."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                if self._running:
                    await self._store.renew(self._owner, LEASE_SECONDS)
                await self._wake_abandoned()
            except StorageError as error:
                logger.error("%s", error)
            except Exception:  # without the upkeep leases would end and sessions be forgotten
                logger.exception("The upkeep of the leases failed")

    async def _wake_abandoned(self) -> None:
        for session_id in await self._store.awake():
            self.wake(session_id)
