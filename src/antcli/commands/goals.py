"""What a run is held to: an outcome that is graded, a budget that is kept."""

from __future__ import annotations

import re
from typing import Any

from antcli.errors import UsageError


def outcome(rubric: str, *, task: dict[str, Any]) -> dict[str, Any]:
    """The event that sets an outcome: the task, and what its result is judged by. It starts the work by itself."""
    from antcli.commands.values import text_value

    text = text_value(rubric)
    if not text.strip():
        raise UsageError("--outcome: the rubric is empty.", hint="Say what the result must be, or name a file with @.")
    description = "".join(block["text"] for block in task["content"])
    return {"type": "user.define_outcome", "description": description, "rubric": {"type": "text", "content": text}}


def budget(text: str) -> dict[str, Any]:
    """The limit as the API has it, in cents. Raises UsageError."""
    match = re.fullmatch(r"\$?(\d{1,9})(?:\.(\d{1,2}))?", text.strip())
    cents = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else 0
    if cents <= 0:
        hint = "Give dollars and cents: 5, 2.50, 0.10."
        raise UsageError(f"--budget: {text!r} is not an amount of money above zero.", hint=hint)
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}
