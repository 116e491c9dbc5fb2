"""Skills and their versions: `/v1/skills` (api.md 14)."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from antcli.engine.api.downloads import Download
from antcli.engine.api.multipart import Field, parts_of
from antcli.engine.api.pages import slice_of
from antcli.engine.api.query import Query
from antcli.engine.api.services import json_response, operation, read_nothing, services
from antcli.engine.errors import RequestError, invalid
from antcli.engine.skills import bundle
from antcli.engine.skills.bundle import Bundle
from antcli.engine.skills.skills import LATEST, shown

MAXIMUM_LIMIT = 1000
LONGEST_DISPLAY_NAME = 255
SOURCES = ("anthropic", "custom")
_PARTS = ("files[]", "files")
_NAME_FIELDS = ("display_name", "display_title")  # the second is what older clients say


async def create(request: Request, query: Query) -> Response:
    made, display_name = await _receive(request, with_name=True)
    return json_response(shown(await services(request).skills.create(made, display_name)))


async def create_version(request: Request, query: Query) -> Response:
    skills, id = services(request).skills, request.path_params["skill_id"]
    await skills.get(id)
    made, _ = await _receive(request, with_name=False)
    return json_response(shown(await skills.add_version(id, made)))


async def _receive(request: Request, *, with_name: bool) -> tuple[Bundle, str | None]:
    """The uploaded bundle and the display name."""
    uploads: list[tuple[str, bytearray]] = []
    name: Field | None = None
    current: Field | bytearray = bytearray()
    async for item in parts_of(request):
        if isinstance(item, bytes):
            if isinstance(current, Field):
                current.add(item)
            else:
                current += item
        elif item.name in _PARTS:
            current = bytearray()
            uploads.append((item.filename or "", current))
            if len(uploads) > bundle.MOST_FILES:
                raise invalid(f"files: at most {bundle.MOST_FILES:,} files a skill.")
        elif with_name and item.name in _NAME_FIELDS and name is None:
            current = name = Field(item)
        else:
            raise invalid(f"{item.name[:100]}: unknown form field, or given twice.")
    made = await asyncio.to_thread(bundle.read, [(path, bytes(data)) for path, data in uploads])
    return made, _display_name(name.text().strip()) if name else None


def _display_name(text: str) -> str | None:
    if len(text) > LONGEST_DISPLAY_NAME:
        raise invalid(f"display_name: at most {LONGEST_DISPLAY_NAME} characters, got {len(text)}.")
    if not text.isprintable():
        raise invalid("display_name: must be a single line without control characters.")
    return text or None


async def list_(request: Request, query: Query) -> Response:
    here = services(request)
    source = query.text("source")
    if source not in (None, *SOURCES):
        raise invalid(f"source: must be one of {', '.join(SOURCES)}, got {source[:60]!r}.")
    part = slice_of(
        here.cursors, f"skills of {source or 'all'}", page=query.text("page"), order="desc",
        limit=query.limit(MAXIMUM_LIMIT),
    )  # fmt: skip
    # Anthropic's own skills are not part of this engine.
    rows = [] if source == "anthropic" else await here.skills.page(part.page)
    return json_response(part.body(rows, lambda row: shown(row.body)))


async def retrieve(request: Request, query: Query) -> Response:
    return json_response(shown((await services(request).skills.get(request.path_params["skill_id"])).body))


async def delete(request: Request, query: Query) -> Response:
    await read_nothing(request)
    id = request.path_params["skill_id"]
    await services(request).skills.delete(id)
    return json_response({"id": id, "type": "skill_deleted"})


async def list_versions(request: Request, query: Query) -> Response:
    here, id = services(request), request.path_params["skill_id"]
    part = slice_of(
        here.cursors, f"versions of {id}", page=query.text("page"), order="desc",
        limit=query.limit(MAXIMUM_LIMIT),
    )  # fmt: skip
    return json_response(part.body(await here.skills.versions(id, part.page), lambda row: shown(row.body)))


async def retrieve_version(request: Request, query: Query) -> Response:
    skill_id, version = request.path_params["skill_id"], request.path_params["version"]
    return json_response(shown((await services(request).skills.version(skill_id, version)).body))


async def delete_version(request: Request, query: Query) -> Response:
    await read_nothing(request)
    skill_id, version = request.path_params["skill_id"], _by_id(request)
    await services(request).skills.delete_version(skill_id, version)
    return json_response({"id": version, "type": "skill_version_deleted"})


async def download(request: Request, query: Query) -> Response:
    skills = services(request).skills
    version = await skills.version(request.path_params["skill_id"], _by_id(request))
    path, filename = skills.archive(version.id), f"{version.body['name']}.zip"
    try:
        return Download(request, path, version.id, filename, "application/zip")
    except FileNotFoundError:
        raise RequestError(404, "not_found_error", f"The content of version {version.id} is gone.") from None


def _by_id(request: Request) -> str:
    version: str = request.path_params["version"]
    if version == LATEST:
        raise invalid("version: this operation takes the id of a version, not `latest`.")
    return version


_SKILL = "/v1/skills/{skill_id}"
_VERSION = f"{_SKILL}/versions/{{version}}"

ROUTES = [
    operation("POST", "/v1/skills", create),
    operation("GET", "/v1/skills", list_, "source", "limit", "page"),
    operation("GET", _SKILL, retrieve),
    operation("DELETE", _SKILL, delete),
    operation("POST", f"{_SKILL}/versions", create_version),
    operation("GET", f"{_SKILL}/versions", list_versions, "limit", "page"),
    operation("GET", _VERSION, retrieve_version),
    operation("DELETE", _VERSION, delete_version),
    operation("GET", f"{_VERSION}/content", download),
]
