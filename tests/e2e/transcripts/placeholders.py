"""What differs from run to run becomes what is always the same, as long as it was, so that columns stay columns."""

from __future__ import annotations

import re
from pathlib import Path

_ID = re.compile(r"\b([a-z]+)_(?=\w*[0-9A-Z])([0-9A-Za-z]{20,})\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_CLOCK = re.compile(r"(?<![\d.:T])\d\d:\d\d:\d\d(?![\d.:])")
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_FRACTION = re.compile(r"(?<![\w.$-])\d+\.\d+(?:e-\d+)?(?![\w.])")
_TENTHS = re.compile(r"\b\d+\.\ds\b")
_SOON = re.compile(r"\bin \d\dh\b")
_AGE = re.compile(r"(?<![\w.-])\d{1,2}[sm](\)|(?= *$)| +)", re.MULTILINE)


class Placeholders:
    """For one transcript: the same id is the same placeholder in all of it, numbered by kind as they come."""

    def __init__(self, home: Path, hour: str) -> None:
        self._hour = hour
        self._homes = sorted({str(home), str(home.resolve())}, key=len, reverse=True)
        self._ids: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        for home in self._homes:
            text = text.replace(home, "/home/ada/project")
        text = _ID.sub(self._id, text)
        text = _TIME.sub(lambda match: "2026-01-31T12:00:00.000000000"[: len(match[0]) - 1] + "Z", text)
        text = _CLOCK.sub("12:00:00", text)
        text = _HASH.sub("0" * 64, text)
        text = _FRACTION.sub("0.50", text)
        text = _TENTHS.sub("0.5s", text)
        text = _SOON.sub("in 21h", text)
        text = text.replace(f" {self._hour} * * *", " 09 * * *")
        return _AGE.sub(lambda match: f"5s{match[1]}".ljust(len(match[0]) if match[1][:1] == " " else 0), text)

    def _id(self, match: re.Match[str]) -> str:
        if match[0] not in self._ids:
            kind = match[1]
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._ids[match[0]] = f"{kind}_{self._counts[kind]:0{len(match[2])}}"
        return self._ids[match[0]]
