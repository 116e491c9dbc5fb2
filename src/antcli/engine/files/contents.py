"""Files that messages refer to, as the model is shown them: their content in place of the reference."""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from typing import Any

from antcli.engine.errors import RequestError, invalid
from antcli.engine.files.files import Files

IMAGES = ("image/gif", "image/jpeg", "image/png", "image/webp")
LARGEST_IMAGE, LARGEST_DOCUMENT = 5 * 2**20, 20 * 2**20
_KEPT = 64 * 2**20  # characters

Block = dict[str, Any]


class FileContents:
    """What was read last is kept: a conversation is sent again with each request, and files never change."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._kept: OrderedDict[str, Block] = OrderedDict()
        self._size = 0

    async def check(self, block: Block, place: str) -> None:
        """Raises RequestError (400, 404) when the model could not be shown the file of an image or document block."""
        try:
            file, _ = await self._files.content(block["source"]["file_id"])
        except RequestError as error:
            raise RequestError(error.status, error.type, f"{place}: {error.message}", details=error.details) from None
        kind, size = _bare(file.body["mime_type"]), file.body["size_bytes"]
        if block["type"] == "image":
            fits, most = kind in IMAGES, LARGEST_IMAGE
        else:
            fits, most = kind == "application/pdf" or kind.startswith("text/"), LARGEST_DOCUMENT
        if not fits:
            wanted = ", ".join(IMAGES) if block["type"] == "image" else "application/pdf, text"
            raise invalid(f"{place}: file {file.id} is of type {kind}, which is not one of {wanted}.")
        if size > most:
            raise invalid(f"{place}: file {file.id} has {size:,} bytes, at most {most:,} can be shown to a model.")

    async def fill(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages with contents in place of references; those without any are the same objects."""
        filled = []
        for message in messages:
            blocks = [await self._filled(block) for block in message["content"]]
            same = all(new is old for new, old in zip(blocks, message["content"], strict=True))
            filled.append(message if same else message | {"content": blocks})
        return filled

    async def _filled(self, block: Block) -> Block:
        if block["type"] == "tool_result" and isinstance(block.get("content"), list):
            inner = [await self._filled(part) for part in block["content"]]
            same = all(new is old for new, old in zip(inner, block["content"], strict=True))
            return block if same else block | {"content": inner}
        source = block.get("source")
        if not isinstance(source, dict) or source.get("type") != "file":
            return block
        content = await self._source(source["file_id"])
        if content is None:
            return {"type": "text", "text": f"(The file {source['file_id']}, which was here, is gone.)"}
        return block | {"source": content}

    async def _source(self, id: str) -> Block | None:
        if id in self._kept:
            self._kept.move_to_end(id)
            return self._kept[id]
        try:
            file, path = await self._files.content(id)
            data = await asyncio.to_thread(path.read_bytes)
        except (RequestError, FileNotFoundError):
            return None
        kind = _bare(file.body["mime_type"])
        if kind.startswith("text/"):
            source = {"type": "text", "media_type": "text/plain", "data": data.decode("utf-8", "replace")}
        else:
            text = (await asyncio.to_thread(base64.b64encode, data)).decode()
            source = {"type": "base64", "media_type": kind, "data": text}
        self._kept[id] = source
        self._size += len(source["data"])
        while self._size > _KEPT and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1]["data"])
        return source


def _bare(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()
