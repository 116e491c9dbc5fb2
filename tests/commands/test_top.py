from __future__ import annotations

from typing import Any

from antcli.commands.top import _sorted


def row(id: str, **fields: Any) -> dict[str, Any]:
    base = {"id": id, "agent": "a", "title": None, "tokens": 0, "cost": None, "elapsed_seconds": 7}
    return {**base, "created_at": "2026-01-01T00:00:00Z", **fields}


def test_the_longest_first_also_within_a_second() -> None:
    rows = [row("late", created_at="2026-01-01T00:00:00.200Z"), row("early", created_at="2026-01-01T00:00:00.100Z")]
    assert [one["id"] for one in _sorted(rows, "elapsed")] == ["early", "late"]
