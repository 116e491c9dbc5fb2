"""What a dreaming model can do: read the transcripts of its sessions, read and write one memory store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from antcli.engine.errors import invalid
from antcli.engine.memory.memories import MOST_MEMORIES, Memories
from antcli.engine.store.base import EventFilter, Object, Page, Store

_TOLD = (
    "user.message", "system.message", "user.define_outcome", "user.tool_confirmation", "user.custom_tool_result",
    "agent.message", "agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use", "agent.tool_result",
    "agent.mcp_tool_result", "session.error",
)  # fmt: skip
_LONGEST_EVENT, _LONGEST_PAGE, _BATCH = 4_000, 30_000, 100


def _tool(name: str, description: str, required: Sequence[str] = (), **properties: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(required),
        "additionalProperties": False,
    }
    return {"name": name, "description": description, "input_schema": schema}


TOOLS = [
    _tool("list_memories", "List the paths and sizes of all memories, or of those below a prefix.", prefix="string"),
    _tool("read_memory", "Read the memory at a path.", ("path",), path="string"),
    _tool(
        "write_memory", "Write the whole text of the memory at a path; makes it, or replaces what was there.",
        ("path", "content"), path="string", content="string",
    ),
    _tool("move_memory", "Give the memory at a path another path.", ("path", "to"), path="string", to="string"),
    _tool("delete_memory", "Delete the memory at a path.", ("path",), path="string"),
    _tool(
        "read_session", "Read the transcript of a session from its beginning, or from where the last part ended.",
        ("session_id",), session_id="string", start="integer",
    ),
]  # fmt: skip
_FIELDS = {tool["name"]: tool["input_schema"] for tool in TOOLS}
_KINDS = {"string": str, "integer": int}


class DreamTools:
    """`call` raises RequestError with a message for the model."""

    def __init__(
        self, store: Store, memories: Memories, actor: dict[str, Any], memory_store_id: str, session_ids: Sequence[str]
    ) -> None:  # fmt: skip
        self._store = store
        self._memories = memories
        self._actor = actor
        self._id = memory_store_id
        self._session_ids = session_ids

    async def call(self, name: str, given: dict[str, Any]) -> str:
        _check(name, given)
        found: str = await getattr(self, f"_{name}")(**given)
        return found

    async def _list_memories(self, prefix: str = "/") -> str:
        rows, _ = await self._memories.list(self._id, prefix=prefix, limit=MOST_MEMORIES)
        lines = [f"{path} ({memory.body['content_size_bytes']} bytes)" for path, memory in rows if memory is not None]
        return "\n".join(lines) or "(none)"

    async def _read_memory(self, path: str) -> str:
        memory = await self._at(path)
        return await self._memories.content(memory.body["memory_version_id"]) or "(empty)"

    async def _write_memory(self, path: str, content: str) -> str:
        found = await self._memories.at(self._id, path)
        if found is None:
            await self._memories.create(self._id, path, content, self._actor)
        else:
            await self._memories.update(self._id, found.id, self._actor, content=content)
        return "Written."

    async def _move_memory(self, path: str, to: str) -> str:
        await self._memories.update(self._id, (await self._at(path)).id, self._actor, path=to)
        return "Moved."

    async def _delete_memory(self, path: str) -> str:
        await self._memories.delete(self._id, (await self._at(path)).id, self._actor)
        return "Deleted."

    async def _read_session(self, session_id: str, start: int = 0) -> str:
        if session_id not in self._session_ids:
            raise invalid(f"session_id: {session_id!r} is not one of the sessions of this dream.")
        if await self._store.session(session_id) is None:
            raise invalid(f"session_id: {session_id} was deleted.")
        lines: list[str] = []
        room, after = _LONGEST_PAGE, start or None
        while rows := await self._store.events(session_id, EventFilter(types=_TOLD), Page(_BATCH, "asc", after)):
            for key, body in rows:
                line = _told(json.loads(body))
                room -= len(line)
                if room < 0 and lines:
                    return "\n\n".join([*lines, f"(There is more: read on with start {after}.)"])
                lines.append(line)
                after = key
        return "\n\n".join([*lines, "(end of the transcript)"])

    async def _at(self, path: str) -> Object:
        found = await self._memories.at(self._id, path)
        if found is None:
            raise invalid(f"path: there is no memory at {path!r}.")
        return found


def _check(name: str, given: dict[str, Any]) -> None:
    schema = _FIELDS.get(name)
    if schema is None:
        raise invalid(f"There is no tool {name!r}; there are {', '.join(_FIELDS)}.")
    for field in schema["required"]:
        if field not in given:
            raise invalid(f"{field}: required.")
    for field, value in given.items():
        kind = schema["properties"].get(field, {}).get("type")
        if kind is None:
            raise invalid(f"{field}: {name} has no such field.")
        if not isinstance(value, _KINDS[kind]) or isinstance(value, bool):
            raise invalid(f"{field}: must be of type {kind}.")


def _told(event: dict[str, Any]) -> str:
    """One event of a transcript as text."""
    said = [
        block.get("text", f"({block.get('type', 'something')})")
        for block in event.get("content") or []
        if isinstance(block, dict)
    ]
    for name in ("name", "input", "description", "result", "deny_message", "error"):
        if event.get(name) is not None:
            value = event[name]
            said.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    text = "\n".join(said)
    if len(text) > _LONGEST_EVENT:
        text = f"{text[:_LONGEST_EVENT]} (and {len(text) - _LONGEST_EVENT:,} characters more)"
    return f"[{event['type']}] {text}"
