"""Plays a scenario through the official Python SDK and tells what it saw; play.mjs does the same in TypeScript."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from typing import Any

import anthropic
from anthropic.lib.sessions import accumulate_managed_agents_event

Scenario = dict[str, Any]
Seen = dict[str, Any]


def play(client: Any, scenario: Scenario) -> Seen:
    """The client is an `Anthropic`, or an `AsyncAnthropic` that blocks."""
    beta = client.beta
    agent = beta.agents.create(**scenario["agent"])
    environment = beta.environments.create(name=scenario["name"])
    given = furnish(beta, scenario)
    session = beta.sessions.create(agent=agent.id, environment_id=environment.id, **scenario["session"], **given)
    log = Log(beta, session.id, thread=scenario["watch"] == "thread")
    with log.stream(**scenario["stream"]) as stream:
        steps, streamed = follow(beta, session.id, stream, scenario["steps"])
    listed = list(log.list(limit=3))
    after = beta.sessions.retrieve(session.id)
    return {
        "steps": steps, "status": after.status,
        "streamed": [event.id for event in streamed if getattr(event, "processed_at", None)],
        "listed": [event.id for event in listed],
        "threads": threads(beta, session.id),
        "outcomes": [outcome.result for outcome in after.outcome_evaluations],
        "files": files(beta, session.id),
        **memories(beta, after),
        "answers": text([session, after, *streamed, *listed, *credentials(beta, after)]),
    }  # fmt: skip


def furnish(beta: Any, scenario: Scenario) -> dict[str, Any]:
    """Files, a memory store and a vault with what the scenario has of each, as a session takes them."""
    given: dict[str, Any] = {"resources": [], "vault_ids": []}
    for name, content in scenario["files"].items():
        file = beta.files.upload(file=(name, content.encode()))
        given["resources"].append({"type": "file", "file_id": file.id, "mount_path": f"/{name}"})
    if scenario["memories"]:
        store = beta.memory_stores.create(name="notes")
        given["resources"].append({"type": "memory_store", "memory_store_id": store.id})
        for path, content in scenario["memories"].items():
            beta.memory_stores.memories.create(store.id, path=path, content=content)
    if scenario["variables"]:
        vault = beta.vaults.create(display_name="keys")
        given["vault_ids"].append(vault.id)
        for name, secret in scenario["variables"].items():
            auth = {"type": "environment_variable", "secret_name": name, "secret_value": secret}
            beta.vaults.credentials.create(vault.id, auth=auth | {"networking": {"type": "unrestricted"}})
    return given


class Log:
    """The events of a session, or of its first thread."""

    def __init__(self, beta: Any, session_id: str, *, thread: bool) -> None:
        self._events = beta.sessions.events
        self._path: dict[str, str] = {"session_id": session_id}
        if thread:
            (first,) = beta.sessions.threads.list(session_id)
            self._events = beta.sessions.threads.events
            self._path["thread_id"] = first.id

    def stream(self, **options: Any) -> AbstractContextManager[Any]:
        return self._events.stream(**self._path, **options)  # type: ignore[no-any-return]

    def list(self, **options: Any) -> Any:
        return self._events.list(**self._path, **options)


def follow(beta: Any, session_id: str, stream: Any, steps: list[Any]) -> tuple[list[Seen], list[Any]]:
    """What each step showed, and all events that the stream brought."""
    shown, streamed, asked = [], [], []
    for step in steps:
        beta.sessions.events.send(session_id, events=filled(step["send"], asked))
        seen: list[Any] = []
        for event in stream:
            seen.append(event)
            if event.type == step["until"]:
                break
        stop = getattr(seen[-1], "stop_reason", None)
        asked = getattr(stop, "event_ids", None) or []
        streamed += seen
        shown.append({
            "texts": [event.content[0].text for event in seen if event.type == "agent.message"],
            "previews": previews(seen),
            "stop": stop.type if stop else None, "asks": len(asked), "types": sorted({event.type for event in seen}),
        })  # fmt: skip
    return shown, streamed


def filled(send: list[dict[str, Any]], asked: list[str]) -> Any:
    return json.loads(re.sub(r'"@(\d)"', lambda found: json.dumps(asked[int(found[1])]), json.dumps(send)))


def previews(seen: list[Any]) -> list[str]:
    """What the SDK's helper had put together of each message by the time it came whole."""
    whole, accumulated = [], None
    for event in seen:
        if event.type == "agent.message" and accumulated is not None and accumulated.id == event.id:
            whole.append("".join(block.text for block in accumulated.content))
        accumulated = accumulate_managed_agents_event(accumulated, event)
    return whole


def threads(beta: Any, session_id: str) -> list[str]:
    listed = list(beta.sessions.threads.list(session_id))
    return [beta.sessions.threads.retrieve(thread.id, session_id=session_id).status for thread in listed]


def files(beta: Any, session_id: str) -> dict[str, str | None]:
    """The bytes of each file of the session, in hexadecimal digits; None of one that cannot be downloaded."""
    found: dict[str, str | None] = {}
    for file in beta.files.list(scope_id=session_id):
        try:
            found[file.filename] = beta.files.download(file.id).read().hex()
        except anthropic.BadRequestError:
            found[file.filename] = None
    return found


def memories(beta: Any, session: Any) -> Seen:
    """What the session's memory stores hold, and every version with its author, the oldest first."""
    held, versions = {}, []
    for store in (item.memory_store_id for item in session.resources if item.type == "memory_store"):
        held |= {memory.path: memory.content for memory in beta.memory_stores.memories.list(store, view="full")}
        versions += [
            [version.operation, version.path, version.created_by.type]
            for version in beta.memory_stores.memory_versions.list(store)
        ]
    return {"memories": held, "versions": versions[::-1]}


def credentials(beta: Any, session: Any) -> list[Any]:
    """Every answer about the session's vaults."""
    found = []
    for vault in session.vault_ids:
        listed = list(beta.vaults.credentials.list(vault))
        one_by_one = [beta.vaults.credentials.retrieve(item.id, vault_id=vault) for item in listed]
        found += [beta.vaults.retrieve(vault), *listed, *one_by_one]
    return found


def text(answers: list[Any]) -> str:
    return "\n".join(answer.to_json() for answer in answers)
