"""Rubrics that are files: read when the outcome is defined, so that the file may go (api.md 10.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from antcli.engine.api.schemas.events import MAXIMUM_RUBRIC
from antcli.engine.api.services import Services
from antcli.engine.errors import RequestError, invalid


async def with_rubrics(here: Services, events: list[dict[str, Any]], field: str = "events") -> list[dict[str, Any]]:
    """The events, each rubric as text. Raises RequestError (400, 404)."""
    for index, event in enumerate(events):
        if event["type"] == "user.define_outcome" and event["rubric"]["type"] == "file":
            where = f"{field}.{index}.rubric.file_id"
            event["rubric"] = {"type": "text", "content": await _text(here, event["rubric"]["file_id"], where)}
    return events


async def _text(here: Services, id: str, where: str) -> str:
    try:
        _, path = await here.files.content(id)
    except RequestError as error:
        raise RequestError(error.status, error.type, f"{where}: {error.message}", details=error.details) from None
    # A character has at most four bytes: no more is read than what could fit.
    data = await asyncio.to_thread(_start_of, path, MAXIMUM_RUBRIC * 4 + 1)
    if len(data) > MAXIMUM_RUBRIC * 4:
        raise invalid(f"{where}: a rubric has at most {MAXIMUM_RUBRIC:,} characters; the file {id} has more.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid(f"{where}: the file {id} is not UTF-8 text.") from None
    if not text.strip():
        raise invalid(f"{where}: the file {id} is empty.")
    if len(text) > MAXIMUM_RUBRIC:
        raise invalid(f"{where}: a rubric has at most {MAXIMUM_RUBRIC:,} characters; the file {id} has more.")
    return text


def _start_of(path: Path, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)
