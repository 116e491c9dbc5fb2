"""Time as the wire shows it: RFC 3339, UTC, microseconds, always the same width so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """A datetime with zone from RFC 3339 text. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
