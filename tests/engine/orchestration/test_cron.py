from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antcli.engine.orchestration.cron import ScheduleError, check_expression, fires, jitter, zone


def first(expression: str, timezone: str, after: str, count: int) -> list[str]:
    found = islice(fires(expression, timezone, datetime.fromisoformat(after)), count)
    return [moment.strftime("%m-%dT%H:%M") for moment in found]


def test_a_skipped_hour_never_fires() -> None:
    assert first("30 2 * * *", "America/New_York", "2026-03-07T00:00Z", 2) == ["03-07T07:30", "03-09T06:30"]


def test_a_repeated_hour_fires_twice() -> None:
    found = first("30 1 * * *", "America/New_York", "2026-10-31T12:00Z", 3)
    assert found == ["11-01T05:30", "11-01T06:30", "11-02T06:30"]


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from(["*", "*/7", "0", "15,45"]), st.sampled_from(["*", "1-3", "2", "*/5"]),
    st.sampled_from(["*", "0", "5-7"]),
)  # fmt: skip
def test_every_minute_whose_wall_clock_matches_fires_and_no_other(
    name: str, start: datetime, minute: str, hour: str, weekday: str
) -> None:
    from cronsim.cronsim import Field

    after, hours = start.replace(tzinfo=UTC), 30
    until = after + timedelta(hours=hours)
    found = list(takewhile(lambda m: m <= until, fires(f"{minute} {hour} * * {weekday}", name, after)))
    where = ZoneInfo(name)
    minutes, hour_set = Field.MINUTE.parse(minute), Field.HOUR.parse(hour)
    days = {day % 7 for day in Field.DOW.parse(weekday)}  # type: ignore[operator]
    expected = []
    moment = after.replace(second=0, microsecond=0)
    while moment <= until:
        wall = moment.astimezone(where)
        if moment > after and wall.minute in minutes and wall.hour in hour_set and wall.isoweekday() % 7 in days:
            expected.append(moment)
        moment += timedelta(minutes=1)
    assert found == expected


@pytest.mark.parametrize(
    "wrong", ["0 0 30 2 *", "@daily", "* * * *", "0 0 15W * *", "0 0 * * 5L", "0 0 ? * *", "60 * * * *"]
)
def test_what_is_not_posix_or_never_comes_is_refused(wrong: str) -> None:
    with pytest.raises(ScheduleError):
        check_expression(wrong)


@pytest.mark.parametrize("wrong", ["", "Mars/Olympus", "../etc/passwd", "localtime", "posix/UTC", "/UTC"])
def test_only_iana_zones(wrong: str) -> None:
    with pytest.raises(ScheduleError):
        zone(wrong)


def test_jitter_is_steady_and_within_its_limits() -> None:
    late = [jitter(f"depl_{n}", interval) for n in range(200) for interval in (60, 3600, 86400)]
    assert late == [jitter(f"depl_{n}", interval) for n in range(200) for interval in (60, 3600, 86400)]
    assert min(late) >= 0 and max(late) < 540 and max(late[::3]) < 9
