"""Deployments: sessions made on demand or on schedule, each with a record of how that went (semantics.md 19.1).

A fire is decided by one transaction: it moves the deployment's `fires_from` past the scheduled time (compare-and-set)
and writes a *fire*, which names the session that is to be made. Whoever finds a fire after a crash finishes it under
that name, so a scheduled time makes one session at most, and one run.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from antcli.engine.clock import now, parse, timestamp
from antcli.engine.errors import RequestError
from antcli.engine.ids import new_id
from antcli.engine.orchestration.cron import LONGEST_JITTER, fires, jitter
from antcli.engine.store.base import (
    Change,
    DuplicateError,
    Insert,
    Object,
    Page,
    Remove,
    Replace,
    StaleError,
    StorageError,
    Store,
)

KIND, RUN, FIRE = "deployment", "deployment_run", "deployment_fire"
MAKE_UP_SECONDS = 600.0
MOST_SCHEDULED = 1000
_SHOWN_FIRES = 5
_BATCH = 500
_NEVER_PAUSES = ("session_rate_limited_error", "session_creation_rejected_error")

# What a refused session says of its cause, as runs call it.
_CODES = {
    "environment_archived": "environment_archived_error",
    "environment_not_found": "environment_not_found_error",
    "agent_archived": "agent_archived_error",
    "vault_not_found": "vault_not_found_error",
    "vault_archived": "vault_archived_error",
    "file_not_found": "file_not_found_error",
    "file_expired": "file_not_found_error",
    "memory_store_archived": "memory_store_archived_error",
    "skill_not_found": "skill_not_found_error",
    "mcp_egress_blocked": "mcp_egress_blocked_error",
    "self_hosted_resources_unsupported": "self_hosted_resources_unsupported_error",
}

# Makes the session of a deployment under an id that is given: the way of POST /v1/sessions. Raises RequestError.
StartSession = Callable[[dict[str, Any], str], Awaitable[Any]]

logger = logging.getLogger("antcli.engine")


class Deployments:
    """`start_session` makes sessions, `changed` is told of every deployment whose next fire may be another one."""

    def __init__(self, store: Store, start_session: StartSession) -> None:
        self._store = store
        self._start_session = start_session
        self.changed: Callable[[Object], None] = lambda deployment: None

    async def all_scheduled(self) -> list[Object]:
        return [row for row in await self._all(KIND, include_archived=False) if row.body["schedule"] is not None]

    async def run_now(self, deployment: Object) -> dict[str, Any]:
        """One manual run, whatever the schedule says; the run."""
        fire = _fire(deployment, {"type": "manual"})
        (claimed,) = await self._store.change(fire)
        run = await self._finish(claimed)
        assert run is not None
        return run

    async def fire(self, deployment_id: str, moment: datetime) -> None:
        """Run what is due at `moment`; nothing when another one did or the deployment has changed since."""
        while True:
            deployment = await self._store.get(KIND, deployment_id)
            if deployment is None or deployment.body["archived_at"] is not None:
                return
            scheduled = due(deployment, moment)
            if scheduled is None:
                self.changed(deployment)
                return
            agent = await self._store.get("agent", deployment.body["agent"]["id"])
            if agent is None or agent.body["archived_at"] is not None:
                await self._archive(deployment)
                return
            at = timestamp(scheduled)
            fire = _fire(deployment, {"type": "schedule", "scheduled_at": at}, key=at)
            try:
                claimed, changed = await self._store.change(
                    fire, Replace(deployment, deployment.body | {"fires_from": at}, deployment.key)
                )
            except (StaleError, DuplicateError):
                continue
            self.changed(changed)
            await self._finish(claimed)
            return

    async def recover(self) -> None:
        """Finish the fires that a stopped engine left."""
        for fire in await self._all(FIRE, parent=None):
            try:
                await self._finish(fire)
            except StorageError as error:
                logger.error("%s: %s", fire.id, error)

    async def agent_archived(self, agent_id: str) -> None:
        """A deployment ends with its agent."""
        while rows := await self._store.list(
            KIND, Page(_BATCH, "asc"), include_archived=False, fields=[("agent.id", agent_id)]
        ):
            for row in rows:
                await self._archive(row)

    async def _archive(self, deployment: Object) -> None:
        try:
            self.changed(await self._store.replace(deployment, deployment.body | archived(deployment.body)))
        except StaleError:
            return  # whoever changed it leaves it to the next look

    async def _finish(self, fire: Object) -> dict[str, Any] | None:
        """Make the session, record the run; None when another one recorded it."""
        body = fire.body
        error = None
        if await self._store.session(body["session_id"]) is None:
            error = await self._attempt(body)
        run = {
            "id": fire.id,
            "type": "deployment_run",
            "deployment_id": fire.parent,
            "agent": body["deployment"]["agent"],
            "created_at": now(),
            "session_id": None if error else body["session_id"],
            "error": error,
            "trigger_context": body["trigger_context"],
            "failed": error is not None,
        }
        record = Insert(RUN, fire.id, run, fire.parent, fire.key)
        scheduled = body["trigger_context"]["type"] == "schedule"
        while True:
            deployment = await self._store.get(KIND, fire.parent)
            changes: list[Change] = [Remove(fire), record]
            if scheduled and deployment is not None:
                changes.append(Replace(deployment, _after(deployment.body, run), deployment.key))
            try:
                done = await self._store.change(*changes)
            except DuplicateError:
                return None
            except StaleError:
                if await self._store.get(FIRE, fire.id) is None:
                    return None
                continue
            if len(done) > 2:
                self.changed(done[2])
            return run

    async def _attempt(self, fire: dict[str, Any]) -> dict[str, str] | None:
        """The error of the run, or None when the session is made."""
        try:
            problem = await self._problem(fire["deployment"])
            if problem is None:
                await self._start_session(fire["deployment"], fire["session_id"])
            return problem
        except RequestError as error:
            return {"type": _error_type(error), "message": error.message}
        except StorageError:
            raise  # nothing was made; the fire is still there
        except Exception as error:
            logger.exception("%s: no session was made", fire["deployment"]["id"])
            message = f"The engine failed: {type(error).__name__}. See the engine's log."
            return {"type": "unknown_error", "message": message}

    async def _problem(self, deployment: dict[str, Any]) -> dict[str, str] | None:
        """What the deployment refers to and is gone, under the name that runs have for it."""
        agent, environment = deployment["agent"]["id"], deployment["environment_id"]
        wanted = [("agent", agent, "agent"), ("environment", environment, "environment")]
        wanted += [("vault", id, "vault") for id in deployment["vault_ids"]]
        for resource in deployment["resources"]:
            if resource["type"] == "memory_store":
                wanted.append(("memory_store", resource["memory_store_id"], "memory store"))
            elif resource["type"] == "file":
                wanted.append(("file", resource["file_id"], "file"))
        for kind, id, words in wanted:
            found = await self._store.get(kind, id)
            if found is None:
                type = f"{kind}_not_found_error"
                if kind in ("agent", "memory_store"):
                    type = "session_resource_not_found_error"
                return {"type": type, "message": f"There is no {words} {id} any more."}
            if found.body.get("archived_at") is not None:
                return {"type": f"{kind}_archived_error", "message": f"The {words} {id} is archived."}
        return None

    async def _all(self, kind: str, *, parent: str | None = "", include_archived: bool = True) -> list[Object]:
        found: list[Object] = []
        while rows := await self._store.list(
            kind, Page(_BATCH, "asc", found[-1].sequence if found else None), parent=parent,
            include_archived=include_archived,
        ):  # fmt: skip
            found += rows
        return found


def due_at(deployment: Object, moment: datetime) -> datetime | None:
    """When the next scheduled run starts, seen from `moment`, jitter and all; None when there is none."""
    return next((start for _, start in _coming(deployment.body, moment)), None)


def due(deployment: Object, moment: datetime) -> datetime | None:
    """The scheduled time to run at `moment`: the latest that is due and not long past. What was missed before is
    skipped, so a pause of the engine makes one run, not a crowd."""
    found = None
    for scheduled, start in _coming(deployment.body, moment):
        if start > moment:
            break
        found = scheduled
    return found


def upcoming(deployment: dict[str, Any]) -> list[str]:
    """The next times of the schedule, without jitter; also of a paused deployment, not of an archived one."""
    schedule = deployment["schedule"]
    if schedule is None or deployment["archived_at"] is not None:
        return []
    start = max(parse(deployment["fires_from"]), parse(now()))
    coming = fires(schedule["expression"], schedule["timezone"], start)
    return [timestamp(moment) for moment, _ in zip(coming, range(_SHOWN_FIRES), strict=False)]


def archived(deployment: dict[str, Any]) -> dict[str, Any]:
    moment = now()
    return {"status": "active", "paused_reason": None, "archived_at": moment, "updated_at": moment}


def _coming(deployment: dict[str, Any], moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The scheduled times that are still to be run, and when each starts."""
    schedule = deployment["schedule"]
    if schedule is None or deployment["status"] != "active" or deployment["archived_at"] is not None:
        return
    long_ago = moment - timedelta(seconds=MAKE_UP_SECONDS)
    # What is scheduled before this cannot start within the time that is made up for.
    earliest = max(parse(deployment["fires_from"]), long_ago - timedelta(seconds=LONGEST_JITTER))
    for scheduled, following in pairwise(fires(schedule["expression"], schedule["timezone"], earliest)):
        late = jitter(deployment["id"], (following - scheduled).total_seconds())
        if (start := scheduled + timedelta(seconds=late)) >= long_ago:
            yield scheduled, start


def _fire(deployment: Object, trigger: dict[str, str], *, key: str | None = None) -> Insert:
    body = {
        "deployment": deployment.body,  # as it is now, whatever becomes of it
        "trigger_context": trigger,
        "session_id": new_id("sesn"),
        "created_at": now(),
    }
    return Insert(FIRE, new_id("drun"), body, deployment.id, key)


def _after(deployment: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """The deployment after a scheduled run; one that cannot go well again is paused."""
    changed = dict(deployment)
    if changed["schedule"] is not None:
        changed["schedule"] = changed["schedule"] | {"last_run_at": run["created_at"]}
    error = run["error"]
    if error and error["type"] not in _NEVER_PAUSES and changed["archived_at"] is None:
        reason = {"type": "error", "error": {"type": error["type"]}}
        changed |= {"status": "paused", "paused_reason": reason, "updated_at": run["created_at"]}
    return changed


def _error_type(error: RequestError) -> str:
    if error.status == 429:
        return "session_rate_limited_error"
    return _CODES.get(str(error.details.get("error_code", "")), "session_creation_rejected_error")
