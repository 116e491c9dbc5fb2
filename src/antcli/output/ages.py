"""Times as people say them: how long ago."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def age(timestamp: str, now: datetime | None = None) -> str:
    """`42s`, `5m`, `3h`, `12d`, `2y` since an RFC 3339 time; `in 5m` before it; the text itself when it is no time."""
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return timestamp
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    return f"in {span(-seconds)}" if seconds < -1 else span(seconds)


def span(seconds: float) -> str:
    """A length of time in its largest unit, rounded down: 125 is `2m`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return "0s"
