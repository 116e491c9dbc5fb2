"""When a request is tried again, and after how long: as the official SDKs do it (api.md 2)."""

from __future__ import annotations

import time
from collections.abc import Mapping

from antcli.errors import UsageError

FIRST_DELAY = 0.5
LONGEST_DELAY = 8.0
LONGEST_OBEYED = 60.0  # a server that asks for more than a minute gets the usual delays, then the error
DEFAULT_RETRIES = 2


def retries_from(environ: Mapping[str, str]) -> int:
    """How often a request is repeated: ANT_MAX_RETRIES, else 2. Raises UsageError."""
    text = environ.get("ANT_MAX_RETRIES", "").strip()
    if not text:
        return DEFAULT_RETRIES
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"ANT_MAX_RETRIES is {text!r}, not a number.", hint="Set it to 0 or more, or unset it.")
    return int(text)


def worth_repeating(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer of this status may be different the next time. The server has the last word."""
    wish = headers.get("x-should-retry", "").lower()
    if wish in ("true", "false"):
        return wish == "true"
    return status in (408, 409, 429) or status >= 500


def delay_before(attempt: int, headers: Mapping[str, str] | None = None) -> float:
    """Seconds to wait before repeating for the `attempt`-th time (from 1); `headers` are those of the last answer."""
    asked = _asked_for(headers or {})
    if asked is not None and 0 <= asked <= LONGEST_OBEYED:
        return asked
    return backoff(attempt, FIRST_DELAY, LONGEST_DELAY)


def backoff(attempt: int, first: float, longest: float) -> float:
    """Doubles from `first` to `longest` seconds, less up to a quarter so that clients do not come back together."""
    import random

    return min(first * 2.0 ** min(attempt - 1, 30), longest) * (1 - 0.25 * random.random())


def _asked_for(headers: Mapping[str, str]) -> float | None:
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    from email.utils import mktime_tz, parsedate_tz

    date = parsedate_tz(text)
    return None if date is None else max(0.0, mktime_tz(date) - time.time())


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
