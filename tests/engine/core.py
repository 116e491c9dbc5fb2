"""The engine's core in this process: real store, log, harness, script model; with or without sandboxes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from antcli.engine.files.contents import FileContents
from antcli.engine.files.files import Files
from antcli.engine.harness.harness import Harness
from antcli.engine.ids import new_id
from antcli.engine.memory.memories import Memories
from antcli.engine.memory.stores import MemoryStores
from antcli.engine.orchestration.orchestrator import Orchestrator
from antcli.engine.orchestration.work import WorkQueue
from antcli.engine.providers.registry import Providers
from antcli.engine.resources.file_mounts import FileMounts
from antcli.engine.resources.memory_mounts import MemoryMounts
from antcli.engine.resources.outputs import Outputs
from antcli.engine.resources.repositories import Repositories
from antcli.engine.resources.resources import Resources
from antcli.engine.resources.skill_mounts import SkillMounts
from antcli.engine.resources.vault_variables import VaultVariables
from antcli.engine.sandbox.pool import Sandboxes
from antcli.engine.session.log import Logs
from antcli.engine.session.service import Sessions
from antcli.engine.session.state import State, fold
from antcli.engine.skills.skills import Skills
from antcli.engine.store.base import EventFilter, Page, Store
from antcli.engine.store.sqlite import SqliteStore
from antcli.engine.tools.mcp import McpServers
from antcli.engine.vaults.cipher import Cipher
from antcli.engine.vaults.oauth import Tokens
from antcli.engine.vaults.vaults import Vaults

ALLOW, ASK = {"type": "always_allow"}, {"type": "always_ask"}
CUSTOM = {"type": "custom", "name": "lookup", "description": "Looks up.", "input_schema": {"type": "object"}}


def toolset(policy: dict[str, str] = ALLOW, *configs: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": True, "permission_policy": policy},
        "configs": list(configs),
    }


def agent(model: str, *tools: dict[str, Any], system: str | None = None) -> dict[str, Any]:
    """A resolved session agent."""
    return {
        "type": "agent", "id": "agent_test", "version": 1, "name": "tester", "description": None, "system": system,
        "model": {"id": model, "effort": {"type": "high"}, "speed": "standard"}, "tools": list(tools),
        "mcp_servers": [], "skills": [], "execution_identity": {"type": "service_account"}, "multiagent": None,
    }  # fmt: skip


def message(text: str) -> dict[str, Any]:
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test written as a coroutine, with its fixtures, in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(test(*arguments, **fixtures))

    return run


@dataclass
class Core:
    data_dir: Path
    store: Store
    logs: Logs
    orchestrator: Orchestrator
    sessions: Sessions
    files: Files
    resources: Resources
    skills: Skills
    vaults: Vaults
    memories: Memories
    sandboxes: Any

    def script(self, *turns: dict[str, Any]) -> str:
        """The model id of a script made of these turns."""
        path = self.data_dir / f"script-{len(list(self.data_dir.glob('script-*')))}.yaml"
        path.write_text(yaml.safe_dump({"turns": list(turns)}))
        return f"script:{path}"

    async def upload(self, name: str, content: bytes) -> str:
        """The id of an uploaded file."""
        async with self.files.receiving() as incoming:
            await incoming.write(content)
            return str((await self.files.add(incoming, name, "text/plain"))["id"])

    async def published(self, session_id: str) -> dict[str, bytes]:
        """What the session made: path -> content."""
        found = await self.files.page(Page(1000, "asc"), session_id)
        return {
            file.body["_output"]["path"]: self.files.blobs.path(file.id).read_bytes()
            for file in found
            if "_output" in file.body
        }

    async def create(self, agent: dict[str, Any], *texts: str, resources: Sequence[dict[str, Any]] = (),
        vault_ids: Sequence[str] = (),
    ) -> str:  # fmt: skip
        id = new_id("sesn")
        session = await self.sessions.create(
            id=id, attached={"resources": await self.resources.attach(id, resources), "vault_ids": list(vault_ids)},
            agent=agent, environment={"id": "env_test", "config": {"type": "cloud"}}, title=None, metadata={},
            initial_events=[message(text) for text in texts],
        )  # fmt: skip
        return str(session["id"])

    async def send(self, id: str, *events: dict[str, Any], retry: bool = False) -> list[dict[str, Any]]:
        return [json.loads(text) for text in await self.sessions.send(id, list(events), retry=retry)]

    async def events(self, id: str) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in await self.sessions.events(id, EventFilter(), Page(5000, "asc"))]

    async def until(self, id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The session object as soon as it satisfies `condition`; fails after ten seconds."""
        async with asyncio.timeout(10):
            while not condition(session := await self.sessions.get(id)):
                await asyncio.sleep(0.005)
        return session

    async def idle(self, id: str) -> list[dict[str, Any]]:
        """All events once the session is neither running nor rescheduling; the checkpoint must be the log's fold."""
        await self.until(id, lambda session: session["status"] in ("idle", "terminated"))
        row = await self.store.session(id)
        assert row is not None
        state = State(row.state["thread_id"], row.state["agent_name"])
        for record in await self.store.records(id, limit=row.last_position):
            fold(state, record)
        assert state.to_json() == row.state
        return await self.events(id)

    async def seen(self, id: str, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Events of a type, once there are `count` of them."""
        async with asyncio.timeout(10):
            while len(found := [event for event in await self.events(id) if event["type"] == type]) < count:
                await asyncio.sleep(0.005)
        return found


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, *, wrap: Callable[[Store], Store] = lambda store: store, retries: int = 2, grace: float = 2.0,
    brain: Any = None, hands: Any = None, capacity: int = 1000, context_tokens: int = 150_000,
) -> AsyncIterator[Core]:  # fmt: skip
    """`brain` and `hands` stand in for the providers and the sandboxes; see doubles.py."""
    data_dir.mkdir(exist_ok=True)
    store = wrap(SqliteStore(data_dir / "ant.db"))
    await store.open()
    files = Files(store, data_dir / "files")
    await files.start()
    skills = Skills(store, data_dir / "skills")
    await skills.start()
    cipher = Cipher(store, data_dir)
    vaults = Vaults(store, cipher)
    memories = Memories(store, MemoryStores(store))
    kinds = [
        FileMounts(files),
        MemoryMounts(memories),
        SkillMounts(skills),
        Outputs(store, files),
        VaultVariables(vaults),
        Repositories(cipher, lambda id, error: sessions.report(id, error)),
    ]
    resources = Resources(store, data_dir, kinds, FileContents(files))
    logs, providers = Logs(store, capacity), brain or Providers(None)
    sandboxes = hands or Sandboxes("auto", furnish=resources.furnish)
    harness = Harness(
        store,
        providers,
        sandboxes,
        resources,
        McpServers(Tokens(vaults)),
        data_dir,
        retries=retries,
        context_tokens=context_tokens,
    )
    orchestrator = Orchestrator(store, logs, harness)
    await orchestrator.start()
    try:
        sessions = Sessions(store, logs, orchestrator, sandboxes, resources, data_dir, WorkQueue(store))
        yield Core(data_dir, store, logs, orchestrator, sessions, files, resources, skills, vaults, memories, sandboxes)
    finally:
        await orchestrator.stop(grace)
        await sandboxes.close()
        await files.stop()
        await providers.aclose()
        await store.close()


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def texts(events: list[dict[str, Any]], type: str = "agent.message") -> list[str]:
    return [block["text"] for event in events if event["type"] == type for block in event["content"]]


def results(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tool use id -> its result event; fails when a call has two."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        id = event.get("tool_use_id") if event["type"] == "agent.tool_result" else event.get("custom_tool_use_id")
        if id is not None:
            assert id not in found, f"two results for {id}"
            found[id] = event
    return found
