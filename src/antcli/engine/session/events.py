"""Making records: events as the wire shows them (api.md 10), serialised once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from antcli.engine.clock import now
from antcli.engine.ids import new_id
from antcli.engine.json_text import dump
from antcli.engine.store.base import Record

# What older SDKs deliver by name (semantics.md 5.2); everything newer travels under the name `message`.
_NAMED = frozenset(
    """user.message user.interrupt user.tool_confirmation user.custom_tool_result user.tool_result user.define_outcome
    system.message agent.message agent.thinking agent.tool_use agent.tool_result agent.mcp_tool_use
    agent.mcp_tool_result agent.custom_tool_use agent.thread_message_sent agent.thread_message_received
    agent.thread_context_compacted session.error session.status_running session.status_idle
    session.status_rescheduled session.status_terminated session.updated session.deleted session.thread_created
    session.thread_status_running session.thread_status_idle session.thread_status_rescheduled
    session.thread_status_terminated span.model_request_start span.model_request_end span.outcome_evaluation_start
    span.outcome_evaluation_ongoing span.outcome_evaluation_end event_start event_delta""".split()
)


def event(
    type: str,
    thread_id: str,
    fields: Mapping[str, Any] | None = None,
    *,
    id: str | None = None,
    queued: bool = False,
    data: dict[str, Any] | None = None,
) -> Record:
    """A record whose body is `{id, type, **fields, processed_at}`; `queued` leaves `processed_at` null."""
    event_id = id or new_id("sevt")
    processed_at = None if queued else now()
    body = dump({"id": event_id, "type": type, **(fields or {}), "processed_at": processed_at})
    return Record(type, event_id, body, thread_id, processed_at, data)


def internal(type: str, thread_id: str, data: dict[str, Any]) -> Record:
    """A record that only the engine sees; its type starts with `_`."""
    return Record(type, "", "{}", thread_id, now(), data)


def stamped(queued: Record, data: dict[str, Any] | None = None) -> Record:
    """The second copy of a queued event, now processed (semantics.md 3.2)."""
    body = json.loads(queued.body)
    body["processed_at"] = processed_at = now()
    return Record(
        queued.type, queued.event_id, dump(body), queued.thread_id, processed_at, data or queued.data, queued.position
    )


def not_before(record: Record, moment: str) -> Record:
    """The record, its time moved up to `moment` where it is earlier: the order of the log is the order in time."""
    if record.processed_at is None or record.processed_at >= moment:
        return record
    body = json.loads(record.body)
    if "processed_at" in body:
        body["processed_at"] = moment
    return replace(record, processed_at=moment, body=dump(body))


def frame(type: str, body: str) -> bytes:
    """One Server-Sent Event."""
    name = type if type in _NAMED else "message"
    return f"event: {name}\ndata: {body}\n\n".encode()
