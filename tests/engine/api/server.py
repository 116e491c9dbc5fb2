"""One real server for the tests of the API: the routes over a real store and real sessions, on a free port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from antcli.engine.api import deployments
from antcli.engine.api.activity import Activity
from antcli.engine.api.creations import Creations
from antcli.engine.api.memories import API_ACTOR
from antcli.engine.api.pages import load_cursors
from antcli.engine.api.routes import application
from antcli.engine.api.services import Services
from antcli.engine.files.contents import FileContents
from antcli.engine.files.files import Files
from antcli.engine.http_server import http_server
from antcli.engine.memory.memories import Memories
from antcli.engine.memory.stores import MemoryStores
from antcli.engine.orchestration.deployments import Deployments
from antcli.engine.orchestration.dream_work import DreamWork
from antcli.engine.orchestration.dreams import Dreams
from antcli.engine.orchestration.environment_keys import EnvironmentKeys
from antcli.engine.orchestration.work import WorkQueue
from antcli.engine.resources.file_mounts import FileMounts
from antcli.engine.resources.memory_mounts import MemoryMounts
from antcli.engine.resources.repositories import Repositories
from antcli.engine.resources.resources import Resources
from antcli.engine.sandbox.base import Recipe
from antcli.engine.serve import _listen_on_port
from antcli.engine.session.log import Logs
from antcli.engine.session.service import Sessions
from antcli.engine.settings import EngineSettings
from antcli.engine.skills.skills import Skills
from antcli.engine.store.sqlite import SqliteStore
from antcli.engine.vaults.cipher import Cipher
from antcli.engine.vaults.oauth import Tokens
from antcli.engine.vaults.vaults import Vaults

KEY = "a-key-for-tests"
T = TypeVar("T")


@dataclass
class Nobody:
    """Wakes no session and makes no sandbox: it only remembers that it was asked."""

    woken: list[str] = field(default_factory=list)

    def wake(self, session_id: str) -> None:
        self.woken.append(session_id)

    def interrupt(self, session_id: str) -> None:
        self.woken.append(session_id)

    def prepare(self, recipe: Recipe) -> None: ...

    async def remove(self, recipe: Recipe) -> None: ...


class SomeModels:
    """What a model endpoint lists."""

    def __init__(self) -> None:
        nulls: dict[str, Any] = dict.fromkeys(
            ("line", "capabilities", "max_input_tokens", "max_tokens", "allowed_fallback_models", "deprecated_at",
             "retires_at")
        )  # fmt: skip
        self.found = [
            {"id": name, "type": "model", "display_name": name, "created_at": f"2026-0{month}-01T00:00:00Z",
             "lifecycle": "retired" if name == "old" else "active", **nulls}
            for month, name in enumerate(("old", "a", "b/c", "d"), start=1)
        ]  # fmt: skip

    async def models(self) -> list[dict[str, Any]]:
        return self.found

    async def offers_web_tools(self, model: str) -> bool:
        return model.startswith("claude-")

    async def priced_as(self, model: str) -> str:
        return model


class Server:
    """The application on a thread with its own loop."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.nobody = Nobody()
        self.retired = threading.Event()
        self.services: Services
        self.url = ""
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def call(self, work: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def _stop(self) -> None:
        self.services.activity.closing.set()
        self._http.should_exit = True

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        store = SqliteStore(self.data_dir / "engine.db")
        await store.open()
        files = Files(store, self.data_dir / "files")
        await files.start()
        skills = Skills(store, self.data_dir / "skills")
        await skills.start()
        cipher = Cipher(store, self.data_dir)
        memories = Memories(store, MemoryStores(store))
        kinds = [
            FileMounts(files),
            MemoryMounts(memories),
            Repositories(cipher, lambda id, error: sessions.report(id, error)),
        ]
        resources = Resources(store, self.data_dir, kinds, FileContents(files))
        work = WorkQueue(store)
        sessions = Sessions(store, Logs(store), self.nobody, self.nobody, resources, self.data_dir, work)

        async def status() -> dict[str, Any]:
            return {"pid": 1}

        async def start_session(deployment: dict[str, Any], session_id: str) -> None:
            await deployments.start_session(self.services, deployment, session_id)

        providers: Any = SomeModels()
        dreams = Dreams(store, DreamWork(store, providers, memories, API_ACTOR))
        vaults = Vaults(store, cipher)
        self.services = Services(
            store=store, sessions=sessions, files=files, skills=skills, resources=resources,
            providers=providers, cursors=await load_cursors(store), dreams=dreams, memories=memories,
            vaults=vaults, tokens=Tokens(vaults),
            deployments=Deployments(store, start_session), work=work, keys=EnvironmentKeys(store),
            creations=Creations(store),
            activity=Activity(), status=status, retire=self.retired.set,
        )  # fmt: skip
        self._http = http_server(application(self.services, KEY))
        listener, address = _listen_on_port(EngineSettings(self.data_dir, port=0))
        self.url = address["url"]
        serving = asyncio.create_task(self._http.serve(sockets=[listener]))
        await self._http.ready.wait()
        self._up.set()
        await serving
        await dreams.stop()
        await files.stop()
        await store.close()
