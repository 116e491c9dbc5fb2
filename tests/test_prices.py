from __future__ import annotations

import pytest

from antcli.prices import CENT, DOLLAR, cost_of_time, cost_of_tokens, in_cents, price_of

TOKENS = dict.fromkeys(
    ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), 1_000_000
)
SMALL = {name: 10_000 for name in TOKENS}


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("claude-opus-5-5", 4 + 20 + 0.2 + 5),
        ("claude-opus-5", 5 + 25 + 0.5 + 6.25),
        ("claude-fable-5-2", 8 + 40 + 0.2 + 10),
        ("claude-sonnet-5-5", 2 + 10 + 0.1 + 2.5),
        ("claude-sonnet-4-6", 3 + 15 + 0.3 + 3.75),
    ],
)
def test_a_million_tokens_of_each_kind_cost_what_the_price_list_says(model: str, dollars: float) -> None:
    price = price_of(model)
    assert price is not None
    assert cost_of_tokens(price, TOKENS) == dollars * DOLLAR


def test_a_long_prompt_and_a_fast_answer_cost_more() -> None:
    haiku, opus = price_of("claude-haiku-5-5"), price_of("claude-opus-5-5")
    assert haiku is not None and opus is not None
    assert cost_of_tokens(haiku, SMALL) == round((0.1 + 0.5 + 0.01 + 0.125) / 100 * DOLLAR)
    assert cost_of_tokens(haiku, TOKENS) == round((0.5 + 2.5 + 0.05 + 0.625) * DOLLAR)
    assert cost_of_tokens(opus, SMALL, fast=True) == 2 * cost_of_tokens(opus, SMALL)


def test_a_model_is_known_by_its_whole_name() -> None:
    assert price_of("claude-opus-4-5-20251101") == price_of("anthropic/claude-opus-4-5") != price_of("claude-opus-5-5")
    for name in ("claude-opus-5-7", "claude-opus", "gpt-5", "script:turns.yaml", "demo", ""):
        assert price_of(name) is None


def test_time_costs_eight_cents_an_hour_and_cents_are_rounded_to_the_nearest() -> None:
    assert cost_of_time(3600) == 8 * CENT
    assert [in_cents(amount) for amount in (0, CENT // 2 - 1, CENT // 2, 250 * CENT)] == ["0", "0", "1", "250"]
