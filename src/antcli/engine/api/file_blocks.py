"""Images and documents that messages take from files: each must be one that a model can be shown."""

from __future__ import annotations

from typing import Any

from antcli.engine.api.services import Services


async def checked_files(here: Services, events: list[dict[str, Any]], field: str = "events") -> list[dict[str, Any]]:
    """The events. Raises RequestError (400, 404) that names the block whose file is not there or does not fit."""
    for index, event in enumerate(events):
        for number, block in enumerate(event.get("content") or []):
            source = block.get("source")
            if here.resources.contents is not None and isinstance(source, dict) and source.get("type") == "file":
                place = f"{field}.{index}.content.{number}.source.file_id"
                await here.resources.contents.check(block, place)
    return events
