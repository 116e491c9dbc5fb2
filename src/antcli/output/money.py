"""Amounts of money, as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def list_cost(amount: Mapping[str, Any] | None) -> str:
    """`$0.12` for `{amount: "12", currency: "USD"}`, whose amount is in cents and may have a fraction; else empty."""
    try:
        cents = float((amount or {})["amount"])
    except (KeyError, TypeError, ValueError):
        return ""
    return f"${cents / 100:,.2f}"


def dollars(amount: float | None) -> str:
    """`$1.23`, `$0.0004`: cents, and two digits of what is less."""
    if amount is None:
        return "unknown"
    return f"${amount:.2f}" if amount == 0 or amount >= 0.1 else f"${amount:.2g}" if amount >= 0.0001 else "<$0.0001"
