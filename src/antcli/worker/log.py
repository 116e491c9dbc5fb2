"""What a worker tells on stderr, as text or as JSON lines. Inputs and results of tools are never in it, nor any key."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

_writing = threading.Lock()


class Log:
    """`about` stands in every line: the session, say."""

    def __init__(self, stream: TextIO, *, json: bool = False, quiet: bool = False, **about: Any) -> None:
        self._stream = stream
        self._json = json
        self._quiet = quiet
        self._about = about

    def about(self, **more: Any) -> Log:
        return Log(self._stream, json=self._json, quiet=self._quiet, **{**self._about, **more})

    def info(self, message: str, **fields: Any) -> None:
        if not self._quiet:
            self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = self._about | fields
        if self._json:
            line = json.dumps({"time": moment, "level": level, "message": message} | told)
        else:
            line = " ".join([moment, level.upper(), message, *(f"{name}={value}" for name, value in told.items())])
        with _writing:
            self._stream.write(line + "\n")
            self._stream.flush()
