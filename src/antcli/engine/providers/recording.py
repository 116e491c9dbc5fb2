"""Recorded exchanges: a JSON-lines file that answers for a model, and the wrapper that writes one."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from antcli.engine.providers.base import ModelError, ModelRequest, Provider
from antcli.engine.providers.expectations import canonical
from antcli.engine.providers.failures import shortened

# Our own identifiers (ids.py) and the script's, wherever they stand in a text.
_IDENTIFIER = re.compile(r"\b([a-z]{2,8})_[0-9A-Za-z]{22,}\b")
_EXCERPT = 160


class ReplayProvider:
    """Answers request `index` with the exchange recorded for it, once the request proves to be the same."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._exchanges: dict[int, dict[str, Any]] | None = None
        self._version: tuple[int, int] | None = None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[dict[str, Any], None]:
        exchanges = await self._read()
        exchange = exchanges.get(request.index)
        if exchange is None:
            count = len(exchanges)
            raise ModelError(
                f"The recording {self.path.name} has {count} answers; asked for number {request.index + 1}."
            )
        if exchange["request_digest"] != digest(shown := _shown(request)):
            difference = first_difference(stable(exchange["request"]), stable(shown)) or "another digest"
            place = f"The recording {self.path.name}, request {request.index + 1}"
            raise ModelError(f"{place}, does not fit what the model was shown: {difference}.", fatal=True)
        for event in exchange["events"]:
            await asyncio.sleep(0)
            yield event

    async def models(self) -> list[dict[str, Any]]:
        return []

    async def aclose(self) -> None:
        self._exchanges = None

    async def _read(self) -> dict[int, dict[str, Any]]:
        try:
            status = self.path.stat()
            version = (status.st_mtime_ns, status.st_size)
            if self._exchanges is None or version != self._version:
                self._exchanges = await asyncio.to_thread(_read_exchanges, self.path)
                self._version = version
        except OSError as error:
            raise ModelError(f"Cannot read the recording {self.path}: {error.strerror}.") from None
        return self._exchanges


class RecordingProvider:
    """Passes an inner provider's answers on and appends each whole exchange to a file: one session, one file."""

    def __init__(self, inner: Provider, path: Path) -> None:
        self._inner = inner
        self._path = path

    async def stream(self, request: ModelRequest) -> AsyncGenerator[dict[str, Any], None]:
        events = []
        async with aclosing(self._inner.stream(request)) as answer:
            async for event in answer:
                events.append(event)
                if event["type"] == "message_stop":
                    shown = _shown(request)
                    line = {"index": request.index, "request_digest": digest(shown), "request": shown, "events": events}
                    await asyncio.to_thread(_append, self._path, line)
                yield event

    async def models(self) -> list[dict[str, Any]]:
        return await self._inner.models()

    async def aclose(self) -> None:
        await self._inner.aclose()


def digest(shown: dict[str, Any]) -> str:
    """SHA-256 of what the model was shown, without what differs from run to run."""
    return hashlib.sha256(canonical(stable(shown)).encode("utf-8", "replace")).hexdigest()


def stable(value: Any, names: dict[str, str] | None = None) -> Any:
    """The value with every identifier replaced by its number of appearance, so that pairs still fit together."""
    names = {} if names is None else names
    if isinstance(value, str):
        return _IDENTIFIER.sub(lambda match: names.setdefault(match[0], f"{match[1]}_{len(names) + 1}"), value)
    if isinstance(value, list):
        return [stable(item, names) for item in value]
    if isinstance(value, dict):
        kind = value.get("type")
        field = {"tool_use": "id", "tool_result": "tool_use_id"}.get(kind) if isinstance(kind, str) else None
        return {
            name: names.setdefault(item, f"toolu_{len(names) + 1}") if name == field else stable(item, names)
            for name, item in sorted(value.items())
        }
    return value


def first_difference(recorded: Any, shown: Any, path: str = "") -> str | None:
    """Where two JSON values first differ, with both sides cut short; None where they do not."""
    if isinstance(recorded, dict) and isinstance(shown, dict):
        for name in sorted(recorded.keys() | shown.keys()):
            inner = f"{path}.{name}" if path else name
            if difference := first_difference(recorded.get(name), shown.get(name), inner):
                return difference
        return None
    if isinstance(recorded, list) and isinstance(shown, list):
        for index, (left, right) in enumerate(zip(recorded, shown, strict=False)):
            if difference := first_difference(left, right, f"{path}[{index}]"):
                return difference
        return None if len(recorded) == len(shown) else f"{path}: recorded {len(recorded)} items, shown {len(shown)}"
    if recorded == shown:
        return None
    left, right = canonical(recorded), canonical(shown)
    equal = next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    start = max(0, equal - 20)
    return f"{path}: recorded {_excerpt(left, start)}, shown {_excerpt(right, start)}"


def _excerpt(text: str, start: int) -> str:
    return ("…" if start else "") + shortened(text[start:], _EXCERPT)


def _shown(request: ModelRequest) -> dict[str, Any]:
    return {"system": request.system, "messages": request.messages, "tools": request.tools}


def _read_exchanges(path: Path) -> dict[int, dict[str, Any]]:
    """By index; a line that was written again after a crash replaces the older one. A torn last line is no line."""
    exchanges: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1]):
        try:
            exchange = json.loads(line)
            index = exchange.get("index", number)
            whole = isinstance(index, int) and all(name in exchange for name in ("request_digest", "request", "events"))
        except (ValueError, AttributeError):
            whole = False
        if not whole:
            raise ModelError(f"The recording {path.name}, line {number + 1}: not a recorded exchange.")
        exchanges[index] = exchange
    return exchanges


def _append(path: Path, exchange: dict[str, Any]) -> None:
    line = json.dumps(exchange, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            # A line that a crash cut short must not swallow the next one.
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.seek(0, os.SEEK_END)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
