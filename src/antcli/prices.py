"""Public list prices of models and of running time: what the engine enforces budgets with and the command line adds up.

Amounts are whole picodollars (10⁻¹² USD), so that sums are exact: a dollar for a million tokens is 1,000,000 a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

DOLLAR = 10**12
CENT = DOLLAR // 100
HOUR = DOLLAR * 8 // 100  # of a session's running time
WEB_SEARCH = DOLLAR // 100
CURRENCY = "USD"

AS_OF = "2026-11-10"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens. `read` is the part of the input price that a cached token costs; `fast` multiplies
    everything. From `long` prompt tokens on, `long_input` and `long_output` apply."""

    input: float
    output: float
    read: float = 0.1
    fast: int = 1
    long: int | None = None
    long_input: float = 0.0
    long_output: float = 0.0


_WRITE = 1.25  # of the input price, for a cache entry that lives five minutes

# The longest name that a model's id begins with counts: ids may carry a date behind the name.
_PRICES = {
    "claude-fable-5-2": Price(8, 40, read=0.025),
    "claude-fable-5-1": Price(10, 50, read=0.025),
    "claude-fable-5": Price(10, 50),
    "claude-mythos-5-1": Price(10, 50, read=0.025),
    "claude-mythos-5": Price(10, 50),
    "claude-opus-5-5": Price(4, 20, read=0.05, fast=2),
    "claude-opus-5": Price(5, 25, fast=2),
    "claude-opus-4-8": Price(5, 25, fast=2),
    "claude-opus-4-7": Price(5, 25, fast=6),
    "claude-opus-4-6": Price(5, 25, fast=6),
    "claude-opus-4-5": Price(5, 25),
    "claude-opus-4-1": Price(15, 75),
    "claude-opus-4": Price(15, 75),
    "claude-sonnet-5-5": Price(2, 10, read=0.05),
    "claude-sonnet-5": Price(2, 10),
    "claude-sonnet-4-6": Price(3, 15),
    "claude-sonnet-4-5": Price(3, 15),
    "claude-sonnet-4": Price(3, 15),
    "claude-haiku-5-5": Price(0.1, 0.5, long=100_000, long_input=0.5, long_output=2.5),
    "claude-haiku-4-5": Price(1, 5),
}
_AFTER_NAME = re.compile(r"(-\d{8}|-latest|\[1m\]|@\d{8})?")


@lru_cache(256)
def price_of(model: str) -> Price | None:
    """The price of a model by its id, also of one with a date or behind a gateway's prefix; None when it has none."""
    name = model.rpartition("/")[2]
    for known in sorted(_PRICES, key=len, reverse=True):
        if name.startswith(known) and _AFTER_NAME.fullmatch(name, len(known)):
            return _PRICES[known]
    return None


def cost_of_tokens(price: Price, usage: Mapping[str, int], *, fast: bool = False) -> int:
    """What one model request costs; `usage` as `model_usage` of its span shows it."""
    fresh, written = usage["input_tokens"], usage["cache_creation_input_tokens"]
    read = usage["cache_read_input_tokens"]
    input, output = price.input, price.output
    if price.long is not None and fresh + written + read > price.long:
        input, output = price.long_input, price.long_output
    dollars = fresh * input + written * input * _WRITE + read * input * price.read + usage["output_tokens"] * output
    return round(dollars * 1_000_000) * (price.fast if fast else 1)


def cost_of_time(seconds: float) -> int:
    return round(seconds * HOUR / 3600)


def in_cents(amount: int) -> str:
    """Whole cents as the API shows them, rounded to the nearest."""
    return str((amount + CENT // 2) // CENT)
