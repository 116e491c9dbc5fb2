"""Cron schedules: five fields, an IANA zone, and the instants at which the clock on the wall there shows a match.

The expression is matched against the wall clock taken literally: a time that a spring forward skips never comes, a time
that an autumn repeats comes twice (semantics.md 19.1). cronsim walks wall-clock times; zones are laid over them here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_NOT_POSIX = re.compile(r"(?<![A-Z])(?:[0-9]*[LW]|LW)(?![A-Z])|[#?]")
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_STEP = timedelta(days=1)  # no zone changes its offset there and back within a day

JITTER_SHARE, SHORTEST_JITTER, LONGEST_JITTER = 0.15, 5.0, 540.0


class ScheduleError(ValueError):
    """The message says what is wrong with the expression or the zone."""


def check_expression(expression: str) -> None:
    """Raises ScheduleError for what is not five fields of POSIX cron, or never comes."""
    from cronsim import CronSim, CronSimError

    if expression.strip().startswith("@"):
        raise ScheduleError("shortcuts such as @daily are not supported; write the five fields")
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"must have 5 fields ({' '.join(_FIELDS)}), got {len(fields)}")
    for name, field in zip(_FIELDS, fields, strict=True):
        if _NOT_POSIX.search(field.upper()):
            raise ScheduleError(f"{name} {field!r}: L, W, # and ? are not supported")
    try:
        next(CronSim(expression, datetime(2026, 1, 1)))
    except CronSimError as error:
        raise ScheduleError(f"not a cron expression: {str(error)[:1].lower()}{str(error)[1:]}") from None
    except StopIteration:
        raise ScheduleError("never matches a date") from None


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Raises ScheduleError for what is not in the IANA database."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", name) or name.startswith(("posix/", "right/")):
        raise ScheduleError(f"{name[:60]!r} is not an IANA time zone such as Europe/Zurich")
    if name in ("localtime", "posixrules", "Factory"):
        raise ScheduleError(f"{name!r} is not an IANA time zone such as Europe/Zurich")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"{name[:60]!r} is not an IANA time zone such as Europe/Zurich") from None


def fires(expression: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """The instants (UTC) of a checked schedule strictly after `after`, in order, without end."""
    from cronsim import CronSim

    where = zone(timezone)
    cursor, inclusive = after.astimezone(UTC), False
    while True:
        offset = _offset(where, cursor)
        wall = (cursor + offset).replace(tzinfo=None)
        # From here to the next change of the offset, the clock on the wall is UTC plus this offset.
        matches = CronSim(expression, wall - timedelta(microseconds=1) if inclusive else wall)
        until = cursor
        for match in matches:
            instant = (match - offset).replace(tzinfo=UTC)
            change = _change(where, until, instant)
            if change is not None:
                cursor, inclusive = change, True
                break
            yield instant
            until = instant
        else:
            return


def next_fire(expression: str, timezone: str, after: datetime) -> datetime | None:
    return next(fires(expression, timezone, after), None)


def jitter(schedule_id: str, interval: float) -> float:
    """Seconds by which the fires of a schedule start late: always the same share of its interval, within limits."""
    share = int.from_bytes(hashlib.blake2b(schedule_id.encode(), digest_size=6).digest()) / 2**48
    return share * min(LONGEST_JITTER, max(SHORTEST_JITTER, JITTER_SHARE * interval))


def _offset(where: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(where).utcoffset()
    assert offset is not None
    return offset


def _change(where: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """The first instant after `start` and up to `end` at which the offset is another one, to the second."""
    known = _offset(where, start)
    low = start
    while low < end:
        high = min(low + _STEP, end)
        if _offset(where, high) != known:
            break
        low = high
    else:
        return None
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (low, middle) if _offset(where, middle) != known else (middle, high)
    return high
