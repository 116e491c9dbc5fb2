"""What sessions have attached: laid out for their sandboxes, told to their model, taken back after each turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from antcli.engine.errors import RequestError
from antcli.engine.files.contents import FileContents
from antcli.engine.resources.kind import Kind, Resource
from antcli.engine.sandbox.base import Recipe, SandboxUnavailableError
from antcli.engine.store.base import SessionRow, StorageError, Store

logger = logging.getLogger("antcli.engine")

_MOST_REMEMBERED = 10_000


class Resources:
    """The kinds in the order in which they are laid out and named to the model."""

    def __init__(
        self, store: Store, data_dir: Path, kinds: Sequence[Kind] = (), contents: FileContents | None = None
    ) -> None:  # fmt: skip
        self._store = store
        self._data_dir = data_dir
        self._kinds = tuple(kinds)
        self.contents = contents
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._untouched: set[str] = set()  # sessions whose hands did nothing since they were collected

    def of_type(self, type: str) -> Kind:
        return next(kind for kind in self._kinds if kind.type == type)

    def home(self, session_id: str) -> Path:
        return self._data_dir / "sessions" / session_id

    async def attach(
        self, session_id: str, wanted: Sequence[dict[str, Any]], others: Sequence[Resource] = (),
        path: str = "resources",
    ) -> list[Resource]:  # fmt: skip
        """The resources to store for checked entries of a request; all or none. Raises RequestError (400, 404)."""
        attached: list[Resource] = []
        for number, entry in enumerate(wanted):
            try:
                resource = await self.of_type(entry["type"]).attach(session_id, entry, [*others, *attached])
            except RequestError as error:
                for made in attached:
                    await self.detach(session_id, made)
                raise RequestError(
                    error.status, error.type, f"{path}.{number}.{error.message}" if path else error.message,
                    details=error.details, retry=error.retry,
                ) from None  # fmt: skip
            numbers = [other["_number"] for other in (*others, *attached)]
            attached.append(resource | {"_number": max(numbers, default=0) + 1})
        return attached

    async def check(self, wanted: Sequence[dict[str, Any]], path: str = "resources") -> None:
        """Raises RequestError (400, 404) when no session could have the checked entries of a request."""
        planned: list[Resource] = []
        for number, entry in enumerate(wanted):
            try:
                planned.append(await self.of_type(entry["type"]).plan(entry, planned))
            except RequestError as error:
                raise RequestError(
                    error.status,
                    error.type,
                    f"{path}.{number}.{error.message}",
                    details=error.details,
                    retry=error.retry,
                ) from None

    async def keep(self, wanted: Sequence[dict[str, Any]]) -> list[Resource]:
        """Checked entries of a request as they can be stored for sessions to come."""
        return [await self.of_type(entry["type"]).keep(entry) for entry in wanted]

    async def kept(self, entries: Sequence[Resource]) -> list[dict[str, Any]]:
        """What `keep` was given. Raises RequestError when a secret cannot be opened."""
        return [await self.of_type(entry["type"]).kept(entry) for entry in entries]

    async def detach(self, session_id: str, resource: Resource) -> None:
        await self.of_type(resource["type"]).detach(session_id, resource)

    async def furnish(self, recipe: Recipe) -> Recipe:
        """The recipe with everything that the session has attached, laid out. Raises SandboxUnavailableError."""
        await self._fetch(recipe)
        async with self._lock(recipe.session_id):
            try:
                session = await self._store.session(recipe.session_id)
                if session is None:
                    raise SandboxUnavailableError("The session is deleted.")
                made = [await kind.furnish(session, recipe.home) for kind in self._kinds]
            except (StorageError, RequestError, OSError) as error:
                raise SandboxUnavailableError(f"What the session has attached cannot be laid out. {error}") from error
        return replace(
            recipe,
            mounts=recipe.mounts + tuple(mount for furnishing in made for mount in furnishing.mounts),
            variables=recipe.variables | {name: value for f in made for name, value in f.variables.items()},
            warnings=tuple(warning for furnishing in made for warning in furnishing.warnings),
        )

    async def _fetch(self, recipe: Recipe) -> None:
        try:
            session = await self._store.session(recipe.session_id)
        except StorageError:
            return  # told by what follows
        if session is not None:
            for kind in self._kinds:
                await kind.fetch(session, recipe.home)

    async def refresh(self, session: SessionRow) -> None:
        """Show a change of the session's resources to a sandbox that may be running: the next call finds it.

        One that is made later finds it anyhow, so an error is only logged.
        """
        home = self.home(session.id)
        async with self._lock(session.id):
            if not await asyncio.to_thread(home.exists):
                return
            for kind in self._kinds:
                if kind.changes:
                    try:
                        await kind.furnish(session, home)
                    except (StorageError, RequestError, OSError) as error:
                        logger.error("%s: a change of its resources is not shown: %s", session.id, error)

    async def touch(self, session: SessionRow) -> None:
        """The session's hands are about to move: show them what others changed since they rested. Never raises."""
        if session.id not in self._untouched:
            return
        types = {resource["type"] for resource in session.body.get("resources", [])}
        kinds = [kind for kind in self._kinds if kind.shared and kind.type in types]
        if kinds:
            async with self._lock(session.id):
                if session.id in self._untouched and await asyncio.to_thread(self.home(session.id).exists):
                    for kind in kinds:
                        try:
                            await kind.furnish(session, self.home(session.id))
                        except Exception:
                            logger.exception("%s: what others changed is not shown", session.id)
                self._untouched.discard(session.id)
        self._untouched.discard(session.id)

    async def collect(self, session: SessionRow) -> None:
        """Take back what the hands left since the last time. Never raises: a turn does not fail for it."""
        home = self.home(session.id)
        if session.id in self._untouched or not await asyncio.to_thread(home.exists):
            return
        async with self._lock(session.id):
            for kind in self._kinds:
                try:
                    await kind.collect(session, home)
                except Exception:
                    logger.exception("%s: what the session left could not be taken back", session.id)
        if len(self._untouched) >= _MOST_REMEMBERED:
            self._untouched.clear()
        self._untouched.add(session.id)

    def notes(self, body: dict[str, Any]) -> list[str]:
        """What the model is told in its system prompt, one text a kind."""
        return [note for kind in self._kinds for note in kind.notes(body)]

    async def remove(self, session_id: str) -> None:
        """Clear away after a session that is gone."""
        self._untouched.discard(session_id)
        for kind in self._kinds:
            await kind.remove(session_id)

    def _lock(self, session_id: str) -> asyncio.Lock:
        lock = self._locks.get(session_id)
        if lock is None:
            lock = self._locks[session_id] = asyncio.Lock()
        return lock


def shown(resource: Resource) -> dict[str, Any]:
    """The resource as the API shows it."""
    return {name: value for name, value in resource.items() if not name.startswith("_")}
