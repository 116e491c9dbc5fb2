"""Counters of this process, for `GET /metrics`: plain numbers, added to where things happen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    events_appended: int = 0
    model_requests: int = 0
    tool_calls: int = 0


counters = Counters()
