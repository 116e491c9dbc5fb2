"""Threads of a session (api.md 9)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.pages import page_body, slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.services import json_response, operation, read_nothing, services
from antcli.engine.api.sessions import STATUSES
from antcli.engine.errors import invalid

MAXIMUM_LIMIT = 1000


async def list_(request: Request, query: Query) -> Response:
    here, session_id = services(request), request.path_params["session_id"]
    statuses = query.choices("statuses", STATUSES)
    part = slice_of(
        here.cursors, f"threads of {session_id}", page=query.text("page"), order="asc",
        limit=query.limit(MAXIMUM_LIMIT, MAXIMUM_LIMIT),
    )  # fmt: skip
    # A session has few threads and keeps their order: their number is the position.
    numbered = list(enumerate(await here.sessions.threads(session_id), start=1))
    after = part.page.after or 0
    rows = [row for row in numbered if row[0] > after and (not statuses or row[1]["status"] in statuses)]
    rows_of_page, next_page, _ = part.cut(rows[: part.page.limit], lambda row: row[0])
    return json_response(page_body([thread for _, thread in rows_of_page], next_page))


async def retrieve(request: Request, query: Query) -> Response:
    parameters = request.path_params
    return json_response(await services(request).sessions.thread(parameters["session_id"], parameters["thread_id"]))


async def archive(request: Request, query: Query) -> Response:
    await read_nothing(request)
    parameters = request.path_params
    thread = await services(request).sessions.thread(parameters["session_id"], parameters["thread_id"])
    if thread["parent_thread_id"] is None:
        raise invalid("The primary thread lives as long as its session: archive the session instead.")
    return json_response(thread)


_THREADS = "/v1/sessions/{session_id}/threads"

ROUTES = [
    operation("GET", _THREADS, list_, "statuses", "limit", "page"),
    operation("GET", _THREADS + "/{thread_id}", retrieve),
    operation("POST", _THREADS + "/{thread_id}/archive", archive),
]
