"""Sessions as the API sees them: create, read, change, send, list, follow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from antcli.engine.clock import now
from antcli.engine.errors import invalid, not_found
from antcli.engine.ids import new_id
from antcli.engine.metrics import counters
from antcli.engine.resources.packages import wanted
from antcli.engine.sandbox.base import Recipe
from antcli.engine.session import budgets, objects, turns
from antcli.engine.session.events import event, internal
from antcli.engine.session.inbox import Repeated, accept
from antcli.engine.session.log import Draft, Logs
from antcli.engine.session.state import State
from antcli.engine.store.base import EventFilter, Page, Record, SessionFilter, SessionRow, Store

T = TypeVar("T")


class Waker(Protocol):
    """Who brings sessions on: the orchestrator."""

    def wake(self, session_id: str) -> None: ...

    def interrupt(self, session_id: str) -> None: ...


class Hands(Protocol):
    """Who keeps the sandboxes: the pool."""

    def prepare(self, recipe: Recipe) -> None: ...

    async def remove(self, recipe: Recipe) -> None: ...


class Attached(Protocol):
    """Who keeps what sessions have attached."""

    async def detach(self, session_id: str, resource: dict[str, Any]) -> None: ...

    async def refresh(self, session: SessionRow) -> None: ...

    async def remove(self, session_id: str) -> None: ...


class Workers(Protocol):
    """Who finds workers for the sessions of self_hosted environments: the work queue."""

    async def offer(self, environment_id: str, session_id: str) -> None: ...

    async def close(self, environment_id: str, session_id: str) -> None: ...


class Sessions:
    """Every method that takes an id raises RequestError (404) when there is no such session."""

    def __init__(
        self, store: Store, logs: Logs, waker: Waker, hands: Hands, attached: Attached, data_dir: Path,
        workers: Workers,
    ) -> None:  # fmt: skip
        self._store = store
        self._logs = logs
        self._waker = waker
        self._hands = hands
        self._attached = attached
        self._data_dir = data_dir
        self._workers = workers

    async def create(
        self,
        *,
        agent: dict[str, Any],
        environment: dict[str, Any],
        title: str | None,
        metadata: dict[str, str],
        initial_events: list[dict[str, Any]],
        budget: dict[str, Any] | None = None,
        id: str | None = None,
        attached: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A new session on a resolved agent; with initial events it is born running (semantics.md 1.2).

        `attached` are further fields of its body, such as `resources`, made for a session of this `id`.
        """
        moment = now()
        body = {
            "agent": agent,
            "environment_id": environment["id"],
            "title": title,
            "metadata": metadata,
            "self_hosted": environment["config"]["type"] == "self_hosted",
            "network": objects.network(environment["config"]),
            "packages": wanted(environment["config"]),
            "budget": budget,
            **(attached or {}),
        }
        draft = Draft(State(thread_id=new_id("sthr"), agent_name=agent["name"]), 0, body)
        if initial_events:
            accept(draft, initial_events, repeat=False)
        row = SessionRow(
            id=id or new_id("sesn"),
            body=body,
            state=draft.state.to_json(),
            status=draft.state.status,
            created_at=moment,
            updated_at=moment,
            archived_at=None,
            agent_id=agent["id"],
            agent_version=agent["version"],
            last_position=len(draft.records),
        )
        await _to_its_end(self._create(row, draft.records))
        return objects.session(row, draft.state)

    async def _create(self, row: SessionRow, records: list[Record]) -> None:
        row = await self._store.create_session(row, records)
        counters.events_appended += len(records)
        self._logs.add(row)
        if objects.has_hands(row.body["agent"]) and not row.body["self_hosted"]:
            self._hands.prepare(objects.recipe(row, self._data_dir))
        if records:
            await self._wake(row)

    async def _wake(self, row: SessionRow) -> None:
        """Bring it on; a self_hosted one also needs a worker, and is queued first so that its calls find one."""
        if row.body.get("self_hosted"):
            await self._workers.offer(row.body["environment_id"], row.id)
        self._waker.wake(row.id)

    async def _dismiss(self, row: SessionRow) -> None:
        if row.body.get("self_hosted"):
            await self._workers.close(row.body["environment_id"], row.id)

    async def get(self, id: str) -> dict[str, Any]:
        log = await self._logs.open(id)
        return objects.session(log.row, log.state)

    async def update(
        self, id: str, changes: dict[str, Any], check: Callable[[dict[str, Any]], None] = lambda body: None
    ) -> dict[str, Any]:
        """`changes` holds title, metadata (a patch; null deletes a key), agent {tools, mcp_servers} (resolved) and
        budget, where given; `check` raises RequestError when the body that they make is not to be."""
        log = await self._logs.open(id)

        def decide(draft: Draft) -> None:
            if draft.state.status == "terminated":
                raise invalid("The session is terminated: it cannot be changed.")
            body, changed = dict(log.row.body), {}
            if "title" in changes and changes["title"] != body["title"]:
                body["title"] = changed["title"] = changes["title"]
            if "metadata" in changes:
                merged = objects.patch_metadata(body["metadata"], changes["metadata"] or {})
                if merged != body["metadata"]:
                    body["metadata"] = merged
                    changed |= {"metadata": merged} if merged else {}
            if "agent" in changes:
                if draft.state.status != "idle":
                    raise invalid("agent: the session must be idle to change its tools.")
                agent = body["agent"] | changes["agent"]
                if agent != body["agent"]:
                    body["agent"] = changed["agent"] = agent
            if "budget" in changes and changes["budget"] != body.get("budget"):
                budgets.check_change(body.get("budget"), changes["budget"], draft.state)
                body["budget"] = changed["budget"] = changes["budget"]
            if body != log.row.body:
                check(body)
                draft.body = body
                paused = budgets.is_paused(draft.state)
                draft.add(event("session.updated", draft.state.thread_id, changed))
                if "budget" in changed and paused:
                    budgets.resume(draft)

        await log.commit(decide)
        if log.state.status == "running":
            await self._wake(log.row)
        return objects.session(log.row, log.state)

    async def archive(self, id: str) -> dict[str, Any]:
        log = await self._logs.open(id)

        def decide(draft: Draft) -> None:
            if log.row.archived_at is not None:
                return
            _must_not_run(draft.state, "archived")
            draft.archived_at = now()
            if draft.state.status != "terminated":
                turns.terminate(draft)
            else:
                draft.body = log.row.body

        await log.commit(decide)
        await self._dismiss(log.row)
        return objects.session(log.row, log.state)

    async def delete(self, id: str) -> None:
        await _to_its_end(self._delete(id))

    async def _delete(self, id: str) -> None:
        log = await self._logs.open(id)
        last = event("session.deleted", log.state.thread_id)
        await log.delete(lambda state: _must_not_run(state, "deleted"), last)
        self._logs.forget(id)
        await self._dismiss(log.row)
        await self._attached.remove(id)  # first: nothing is written below the session's home any more
        await self._hands.remove(objects.recipe(log.row, self._data_dir))

    async def send(self, id: str, events: list[dict[str, Any]], *, retry: bool, key: str | None = None) -> list[str]:
        """The stored events as JSON texts, once they are on disk; all of the batch or none (semantics.md 3).

        A `key` that the client chose for this request makes it safe to repeat.
        """
        return await _to_its_end(self._send(id, events, retry, key))

    async def _send(self, id: str, events: list[dict[str, Any]], retry: bool, key: str | None) -> list[str]:
        log = await self._logs.open(id)
        echo: list[str] = []

        def decide(draft: Draft) -> None:
            echo[:] = accept(draft, events, repeat=retry, key=key)

        try:
            await log.commit(decide)
        except Repeated as repeated:
            found = [await self._store.record(id, position) for position in repeated.positions]
            return [record.body for record in found if record is not None]
        if any(item["type"] == "user.interrupt" for item in events):
            self._waker.interrupt(id)
        if log.state.status == "running":
            await self._wake(log.row)
        return echo

    async def resources(self, id: str) -> list[dict[str, Any]]:
        """What the session has attached, as stored."""
        return list((await self._logs.open(id)).row.body.get("resources", []))

    async def change_resources(
        self, id: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Put `change` of the session's resources in their place; the next call of a tool finds it. `change` may raise,
        and may be called again. The resources that are gone are detached."""
        return await _to_its_end(self._change_resources(id, change))

    async def _change_resources(
        self, id: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        log = await self._logs.open(id)
        before: list[dict[str, Any]] = []

        def decide(draft: Draft) -> None:
            if draft.state.status == "terminated":
                raise invalid("The session is terminated: its resources cannot be changed.")
            if log.row.body.get("self_hosted"):
                raise invalid(
                    "Resources are not supported with self-hosted environments, but for memory stores from the start.",
                    code="self_hosted_resources_unsupported",
                )
            before[:] = log.row.body.get("resources", [])
            draft.body = log.row.body | {"resources": change(list(before))}
            draft.add(internal("_resources_changed", draft.state.thread_id, {}))

        await log.commit(decide)
        after: list[dict[str, Any]] = log.row.body["resources"]
        kept = {resource["_number"] for resource in after}
        await self._attached.refresh(log.row)
        for resource in before:
            if resource["_number"] not in kept:
                await self._attached.detach(id, resource)
        return after

    async def report(self, id: str, error: dict[str, Any]) -> None:
        """Put a `session.error` into the log of a session that goes on."""
        log = await self._logs.open(id)

        def decide(draft: Draft) -> None:
            if draft.state.status != "terminated":
                draft.add(event("session.error", draft.state.thread_id, {"error": error}))

        await log.commit(decide)

    async def events(self, id: str, filter: EventFilter, page: Page) -> list[tuple[int, str]]:
        """(cursor key, JSON text) of each event."""
        await self._logs.open(id)
        return await self._store.events(id, filter, page)

    async def threads(self, id: str) -> list[dict[str, Any]]:
        log = await self._logs.open(id)
        return [objects.thread(log.row, log.state)]

    async def thread(self, id: str, thread_id: str) -> dict[str, Any]:
        log = await self._logs.open(id)
        if thread_id != log.state.thread_id:
            raise not_found("thread", thread_id)
        return objects.thread(log.row, log.state)

    @contextlib.asynccontextmanager
    async def subscribe(
        self, id: str, thread_id: str | None, deltas: frozenset[str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The frames of a live stream. Enter it before the response starts: from then on nothing is missed."""
        log = await self._logs.open(id)
        if thread_id is not None and thread_id != log.state.thread_id:
            raise not_found("thread", thread_id)
        with log.subscribe(deltas) as subscriber:
            yield subscriber.frames()

    async def list(self, filter: SessionFilter, page: Page) -> list[tuple[int, dict[str, Any]]]:
        rows = await self._store.sessions(filter, page)
        return [(row.sequence, objects.session(row, State.from_json(row.state))) for row in rows]


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What is on disk must also have its consequences, even when the client has gone."""
    return await asyncio.shield(asyncio.ensure_future(work))


def _must_not_run(state: State, verb: str) -> None:
    if state.status in ("running", "rescheduling"):
        raise invalid(f"The session is {state.status}: interrupt it and wait until it is idle, then it can be {verb}.")
