"""Files: `/v1/files` (api.md 15)."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.downloads import Download
from antcli.engine.api.errors import too_large
from antcli.engine.api.multipart import Field, Part, parts_of
from antcli.engine.api.pages import page_body, slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.services import json_response, operation, read_nothing, services
from antcli.engine.errors import RequestError, invalid
from antcli.engine.files.blobs import Incoming
from antcli.engine.files.files import (
    LARGEST_FILE,
    LONGEST_LIFE,
    SHORTEST_LIFE,
    check_downloadable,
    full_disk_told,
    shown,
)
from antcli.engine.files.names import file_name, kind_of

MAXIMUM_LIMIT, MOST_IDS = 1000, 100


async def upload(request: Request, query: Query) -> Response:
    files = services(request).files
    async with files.receiving() as incoming:
        part, expires = await _receive(request, incoming)
        name = file_name(part.filename, part.content_type)
        body = await files.add(incoming, name, kind_of(name, part.content_type), expires_in_seconds=expires)
    return json_response(shown(body))


async def _receive(request: Request, incoming: Incoming) -> tuple[Part, int | None]:
    """Stream the part `file` to disk; its head, and the field `expires_in_seconds`."""
    file: Part | None = None
    fields: dict[str, Field] = {}
    current: Field | None = None
    async for item in parts_of(request):
        if isinstance(item, bytes):
            if current is not None:
                current.add(item)
                continue
            with full_disk_told():
                await incoming.write(item)
            if incoming.size > LARGEST_FILE:
                raise too_large(LARGEST_FILE)
        elif item.name == "file":
            if file is not None:
                raise invalid("file: given more than once: upload one file a request.")
            file, current = item, None
        elif item.name == "expires_in_seconds" and item.name not in fields:
            current = fields[item.name] = Field(item)
        else:
            raise invalid(f"{item.name[:100]}: unknown form field, or given twice.")
    if file is None:
        raise invalid("file: required, but not given.")
    life = fields.get("expires_in_seconds")
    return file, _seconds(life.text()) if life else None


def _seconds(text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text.strip(), re.ASCII):
        raise invalid(f"expires_in_seconds: must be an integer, got {text[:60]!r}.")
    seconds = int(text)
    if not SHORTEST_LIFE <= seconds <= LONGEST_LIFE:
        raise invalid(f"expires_in_seconds: must be {SHORTEST_LIFE} to {LONGEST_LIFE}, got {seconds}.")
    return seconds


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    scope_id = query.text("scope_id")
    if ids := query.several("ids", MOST_IDS):
        for name in ("limit", "page"):
            if query.text(name) is not None:
                raise invalid(f"{name}: cannot be combined with ids.")
        return json_response(page_body([shown(file.body) for file in await here.files.some(ids, scope_id)], None))
    part = slice_of(
        here.cursors, f"files of {scope_id or 'all'}", page=query.text("page"), order="desc",
        limit=query.limit(MAXIMUM_LIMIT),
    )  # fmt: skip
    rows = await here.files.page(part.page, scope_id)
    return json_response(part.body(rows, lambda row: shown(row.body)))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(shown((await services(request).files.get(request.path_params["file_id"])).body))


async def download(request: Request, query: Query) -> Response:
    file, path = await services(request).files.content(request.path_params["file_id"])
    check_downloadable(file.body)
    try:
        return Download(request, path, file.id, file.body["filename"], file.body["mime_type"])
    except FileNotFoundError:
        raise RequestError(404, "not_found_error", f"The content of file {file.id} is gone.") from None


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = request.path_params["file_id"]
    await services(request).files.delete(id)
    return json_response({"id": id, "type": "file_deleted"})


ROUTES = [
    operation("POST", "/v1/files", upload),
    operation("GET", "/v1/files", list_, "ids", "limit", "page", "scope_id"),
    operation("GET", "/v1/files/{file_id}", retrieve),
    operation("DELETE", "/v1/files/{file_id}", delete),
    operation("GET", "/v1/files/{file_id}/content", download),
]
