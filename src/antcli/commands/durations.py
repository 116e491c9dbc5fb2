"""Durations as people type them: `90`, `30s`, `5m`, `2h`, `1d`."""

from __future__ import annotations

import re

from antcli.errors import UsageError

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str, name: str) -> float:
    """The duration in seconds; `name` is the option it was given to. Raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if match is None:
        hint = "Give seconds, or a number with s, m, h or d: 90, 30s, 5m, 2h."
        raise UsageError(f"{name}: {text!r} is not a duration.", hint=hint)
    return float(match[1]) * _SECONDS[match[2]]
