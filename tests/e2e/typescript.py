"""Calls operations through the official TypeScript SDK, in a process of Node (sdk/call.mjs)."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from tests.e2e.coverage import Caller
from tests.e2e.sdk import scripts


class RefusedError(Exception):
    """The SDK raised its error for a 400."""


class TypeScriptCaller(Caller):
    refusal = RefusedError

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self._process = process

    def _answer(self, name: str, path: Sequence[str], given: dict[str, Any]) -> tuple[Any, Any]:
        told = self._told(name=name, path=path, given=given)
        if "bytes" in told:
            return base64.b64decode(told["bytes"]), None
        if "refused" in told:
            assert told["refused"] == 400, told
            raise RefusedError(name)
        return parsed(told["answer"]), told["answer"]

    @contextlib.contextmanager
    def _events(self, name: str, path: Sequence[str], given: dict[str, Any]) -> Iterator[Any]:
        self._told(name=name, path=path, given=given)
        try:
            yield ((parsed(shown), shown) for shown in iter(lambda: self._told(next=True).get("answer"), None))
        finally:
            self._told(close=True)

    def _told(self, **request: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(sent(request)), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def typescript(url: str, key: str) -> Iterator[TypeScriptCaller]:
    with scripts.started("call", {"url": url, "key": key}) as process:
        yield TypeScriptCaller(process)


def sent(value: Any) -> Any:
    """JSON, with an upload (name, content, type) as an object that the script knows."""
    match value:
        case (str(name), bytes(content), str(type)):
            return {"$file": [name, base64.b64encode(content).decode(), type]}
        case dict():
            return {name: sent(item) for name, item in value.items()}
        case list() | tuple():
            return [sent(item) for item in value]
    return value


def parsed(answer: Any) -> Any:
    """JSON whose objects have their fields as attributes."""
    return json.loads(json.dumps(answer), object_hook=lambda fields: SimpleNamespace(**fields))
