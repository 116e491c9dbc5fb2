"""The engine, assembled from its settings: store, brains, hands, sessions, orchestration, and the API over them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from antcli.engine.api import deployments, routes
from antcli.engine.api.activity import Activity
from antcli.engine.api.creations import Creations
from antcli.engine.api.memories import API_ACTOR
from antcli.engine.api.pages import Cursors, load_cursors
from antcli.engine.api.services import Services
from antcli.engine.files.contents import FileContents
from antcli.engine.files.files import Files
from antcli.engine.harness.harness import Harness
from antcli.engine.memory.memories import Memories
from antcli.engine.memory.stores import MemoryStores
from antcli.engine.orchestration.deployments import Deployments
from antcli.engine.orchestration.dream_work import DreamWork
from antcli.engine.orchestration.dreams import Dreams
from antcli.engine.orchestration.environment_keys import EnvironmentKeys
from antcli.engine.orchestration.orchestrator import Orchestrator
from antcli.engine.orchestration.scheduler import Scheduler
from antcli.engine.orchestration.work import WorkQueue
from antcli.engine.providers.registry import Providers
from antcli.engine.resources.file_mounts import FileMounts
from antcli.engine.resources.memory_mounts import MemoryMounts
from antcli.engine.resources.outputs import Outputs
from antcli.engine.resources.packages import Packages
from antcli.engine.resources.repositories import Repositories
from antcli.engine.resources.resources import Resources
from antcli.engine.resources.skill_mounts import SkillMounts
from antcli.engine.resources.vault_variables import VaultVariables
from antcli.engine.sandbox.pool import Sandboxes
from antcli.engine.session.log import Logs
from antcli.engine.session.service import Sessions
from antcli.engine.settings import EngineSettings
from antcli.engine.skills.skills import Skills
from antcli.engine.store.sqlite import SqliteStore
from antcli.engine.tools.mcp import McpServers
from antcli.engine.vaults.cipher import Cipher
from antcli.engine.vaults.oauth import Tokens
from antcli.engine.vaults.vaults import Vaults

_AWAKE = ("running", "rescheduling")


class Engine:
    """`identity` is what the process says of itself: pid, version, started_at, settings. `retire` ends it when idle."""

    def __init__(self, settings: EngineSettings, identity: dict[str, Any], *, retire: Callable[[], None]) -> None:
        data_dir: Path = settings.data_dir
        self.settings = settings
        self.identity = identity
        self.retire = retire
        self.activity = Activity()
        self.store = SqliteStore(data_dir / "engine.db")
        self.files = Files(self.store, data_dir / "files")
        self.skills = Skills(self.store, data_dir / "skills")
        self.memories = Memories(self.store, MemoryStores(self.store))
        cipher = Cipher(self.store, data_dir)
        self.vaults = Vaults(self.store, cipher)
        self.tokens = Tokens(self.vaults)
        self.providers = Providers(settings.model)
        self.builders = Sandboxes(settings.sandbox)
        self.resources = Resources(self.store, data_dir, [
            FileMounts(self.files), MemoryMounts(self.memories), SkillMounts(self.skills),
            Outputs(self.store, self.files),
            Packages(self.builders, data_dir / "packages"), VaultVariables(self.vaults),
            Repositories(cipher, lambda id, error: self.sessions.report(id, error)),
        ], FileContents(self.files))  # fmt: skip
        self.sandboxes = Sandboxes(settings.sandbox, furnish=self.resources.furnish)
        logs = Logs(self.store)
        self.mcp = McpServers(self.tokens)
        harness = Harness(
            self.store, self.providers, self.sandboxes, self.resources, self.mcp, data_dir,
            retries=settings.model_retries, context_tokens=settings.context_tokens,
        )  # fmt: skip
        self.orchestrator = Orchestrator(self.store, logs, harness)
        self.work = WorkQueue(self.store)
        self.keys = EnvironmentKeys(self.store)
        self.sessions = Sessions(
            self.store, logs, self.orchestrator, self.sandboxes, self.resources, data_dir, self.work
        )
        self.deployments = Deployments(self.store, self._start_session)
        self.scheduler = Scheduler(self.deployments)
        self.dreams = Dreams(self.store, DreamWork(self.store, self.providers, self.memories, API_ACTOR))
        self.services: Services
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises StorageError."""
        await self.store.open()
        self.services = self._services(await load_cursors(self.store))
        await self.files.start()
        await self.skills.start()
        await self.work.start()
        await self.orchestrator.start()
        await self.scheduler.start()
        await self.dreams.start()
        self._warming = asyncio.create_task(self.providers.warm())  # some 40 ms less for the first request

    async def park(self, grace: float) -> None:
        """Stop taking work; running turns end at their next event, after `grace` seconds where they are."""
        await self.scheduler.stop()
        await self.dreams.stop()
        await self.orchestrator.stop(grace)

    async def close(self) -> None:
        async with contextlib.AsyncExitStack() as stack:  # each is closed, whatever the others do
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self.files.stop)
            stack.push_async_callback(self.providers.aclose)
            stack.push_async_callback(self.mcp.aclose)
            stack.push_async_callback(self.sandboxes.close)
            stack.push_async_callback(self.builders.close)
            if self._warming is not None:
                await asyncio.wait((self._warming,), timeout=1)

    async def stop(self, grace: float) -> None:
        await self.park(grace)
        await self.close()

    async def running_sessions(self) -> int:
        counts = await self.store.count_sessions()
        return sum(counts.get(status, 0) for status in _AWAKE)

    async def status(self) -> dict[str, Any]:
        """May take a moment: the sandbox is really tried, the model endpoint really asked."""
        sandbox, model = await asyncio.gather(self.sandboxes.describe(), self.providers.describe())
        return self.identity | {
            "data_dir": str(self.settings.data_dir),
            "sandbox": sandbox,
            "model": model,
            "sessions": {"running": await self.running_sessions()},
            "schedules": self.scheduler.scheduled,
            "idle_minutes": self.settings.idle_minutes,
        }

    def _services(self, cursors: Cursors) -> Services:
        return Services(
            store=self.store,
            sessions=self.sessions,
            files=self.files,
            skills=self.skills,
            vaults=self.vaults,
            tokens=self.tokens,
            memories=self.memories,
            resources=self.resources,
            deployments=self.deployments,
            dreams=self.dreams,
            work=self.work,
            keys=self.keys,
            creations=Creations(self.store),
            providers=self.providers,
            cursors=cursors,
            activity=self.activity,
            status=self.status,
            retire=self.retire,
        )

    async def _start_session(self, deployment: dict[str, Any], session_id: str) -> None:
        await deployments.start_session(self.services, deployment, session_id)


def application(engine: Engine) -> ASGIApp:
    """The ASGI application of a started engine."""
    return routes.application(engine.services, engine.settings.api_key if engine.settings.port is not None else None)
