"""Bytes from disk as an answer: streamed, with the ranges that let clients go on where they were cut off."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse

from antcli.engine.errors import RequestError

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})|bytes=-(\d{1,18})", re.ASCII)


class Download(FileResponse):
    """`id` names bytes that never change, so it is their ETag."""

    chunk_size = 2**18

    def __init__(self, request: Request, path: Path, id: str, filename: str, media_type: str) -> None:
        """Raises RequestError (416), FileNotFoundError."""
        found = path.stat()
        etag = f'"{id}"'
        if not _has_range(request, etag, found.st_size):
            headers = request.scope["headers"]
            request.scope["headers"] = [(name, value) for name, value in headers if name != b"range"]
        super().__init__(
            path, filename=filename, media_type=media_type, stat_result=found,
            headers={"etag": etag, "x-content-type-options": "nosniff"},
        )  # fmt: skip


def _has_range(request: Request, etag: str, size: int) -> bool:
    """Whether one range is to be sent; for what is no range, or one of other bytes, the answer is the whole."""
    wanted = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if wanted is None or request.headers.get("if-range", etag) != etag:
        return False
    if wanted[1] and wanted[2] and int(wanted[2]) < int(wanted[1]):
        return False
    first = int(wanted[1]) if wanted[1] else (0 if int(wanted[3]) else size)
    if first >= size:
        raise RequestError(416, "invalid_request_error", f"Range: {wanted[0]} begins after the end, at {size:,} bytes.")
    return True
