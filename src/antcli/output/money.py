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
