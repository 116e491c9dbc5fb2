"""Events of a session and of its threads: send, list, stream (api.md 10 and 11)."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.auth import asking_worker
from antcli.engine.api.creations import idempotency_key
from antcli.engine.api.file_blocks import checked_files
from antcli.engine.api.pages import slice_of
from antcli.engine.api.permissions import admit_events
from antcli.engine.api.query import Query
from antcli.engine.api.rubrics import with_rubrics
from antcli.engine.api.schemas.events import EventSend, plain
from antcli.engine.api.services import operation, read_body, services
from antcli.engine.api.streams import EventStream
from antcli.engine.store.base import EventFilter

MAXIMUM_LIMIT = 1000

# Every type that a log can hold; `session.deleted` and the previews exist on streams only (api.md 10.8).
STORED_TYPES = frozenset(
    """
    user.message user.interrupt user.tool_confirmation user.custom_tool_result user.tool_result user.define_outcome
    system.message agent.message agent.thinking agent.tool_use agent.tool_result agent.mcp_tool_use
    agent.mcp_tool_result agent.custom_tool_use agent.thread_message_sent agent.thread_message_received
    agent.thread_context_compacted session.error session.status_running session.status_idle
    session.status_rescheduled session.status_terminated session.updated session.usage session.thread_created
    session.thread_status_running session.thread_status_idle session.thread_status_rescheduled
    session.thread_status_terminated span.model_request_start span.model_request_end span.outcome_evaluation_start
    span.outcome_evaluation_ongoing span.outcome_evaluation_end workflow_run.created workflow_run.status_running
    workflow_run.status_idle workflow_run.status_ended workflow_run.error workflow_run.phase_started
    workflow_run.phase_ended
    """.split()
)
PREVIEWS = frozenset({"agent.message", "agent.thinking"})


async def send(request: Request, query: Query) -> Response:
    body = await read_body(request, EventSend)
    admit_events(request, [event.type for event in body.events])
    # The only sign of a repeated POST that SDKs give (api.md 2).
    retry = request.headers.get("x-stainless-retry-count", "0") != "0"
    here, id = services(request), request.path_params["session_id"]
    events = await with_rubrics(here, await checked_files(here, plain(body.events)))
    echo = await here.sessions.send(id, events, retry=retry, key=idempotency_key(request))
    return _spliced(echo, "")


async def list_(request: Request, query: Query) -> Response:
    filter = EventFilter(types=query.choices("types", STORED_TYPES), processed_at=query.times("created_at"))
    return await _page(request, query, "events", filter)


async def list_of_thread(request: Request, query: Query) -> Response:
    session_id, thread_id = request.path_params["session_id"], request.path_params["thread_id"]
    await services(request).sessions.thread(session_id, thread_id)
    return await _page(request, query, f"events of {thread_id}", EventFilter(thread_id=thread_id))


async def stream(request: Request, query: Query) -> Response:
    return _stream(request, query, None)


async def stream_of_thread(request: Request, query: Query) -> Response:
    return _stream(request, query, request.path_params["thread_id"])


def _stream(request: Request, query: Query, thread_id: str | None) -> EventStream:
    here = services(request)
    deltas = frozenset(query.choices("event_deltas", PREVIEWS))
    frames = here.sessions.subscribe(request.path_params["session_id"], thread_id, deltas)
    return EventStream(frames, here.activity, asking_worker(request))


async def _page(request: Request, query: Query, operation: str, filter: EventFilter) -> Response:
    here, session_id = services(request), request.path_params["session_id"]
    part = slice_of(
        here.cursors, f"{operation} in {session_id}", page=query.text("page"), order=query.order("asc"),
        limit=query.limit(MAXIMUM_LIMIT, MAXIMUM_LIMIT), created_at=filter.processed_at,
    )  # fmt: skip
    rows = await here.sessions.events(session_id, filter, part.page)
    rows_of_page, next_page, _ = part.cut(
        rows, lambda row: row[0], lambda row: json.loads(row[1])["processed_at"] or ""
    )
    cursor = "null" if next_page is None else f'"{next_page}"'
    return _spliced([text for _, text in rows_of_page], f',"next_page":{cursor}')


def _spliced(texts: list[str], tail: str) -> Response:
    """Events are JSON texts already: they go out as they are stored."""
    return Response(f'{{"data":[{",".join(texts)}]{tail}}}', media_type="application/json")


_EVENTS = "/v1/sessions/{session_id}/events"
_THREAD = "/v1/sessions/{session_id}/threads/{thread_id}"

ROUTES = [
    operation("POST", _EVENTS, send),
    operation(
        "GET", _EVENTS, list_, "types", "order", "limit", "page",
        "created_at[gt]", "created_at[gte]", "created_at[lt]", "created_at[lte]",
    ),
    operation("GET", f"{_EVENTS}/stream", stream, "event_deltas"),
    operation("GET", f"{_THREAD}/events", list_of_thread, "limit", "page"),
    operation("GET", f"{_THREAD}/stream", stream_of_thread, "event_deltas"),
]  # fmt: skip
