"""What a model call used and what that costs, at the prices in the settings (US dollars a million tokens)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.settings import ModelPrices

_FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_write": "cache_creation_input_tokens",
    "cache_read": "cache_read_input_tokens",
}
_CHARACTERS_PER_TOKEN = 2.5
"""Fewer than there are: an estimate of tokens made with it is on the high side."""


def tokens_of(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """Tokens by kind; a figure that isn't there, or is none, counts as 0."""
    found = usage or {}
    return {kind: max(int(found.get(field) or 0), 0) for kind, field in _FIELDS.items()}


def cost_of(tokens: Mapping[str, int], prices: ModelPrices) -> float:
    """US dollars."""
    return float(sum(count * getattr(prices, kind) for kind, count in tokens.items())) / 1e6


def affordable(characters: int, wanted: int, tokens: int, cost: float, prices: ModelPrices) -> int:
    """How many output tokens a request of so many characters may ask for, so that it stays within tokens and dollars left."""
    asked = int(characters / _CHARACTERS_PER_TOKEN)
    by_cost = (cost - asked * max(prices.cache_write, prices.input) / 1e6) / (prices.output / 1e6) if prices.output else wanted
    return max(min(wanted, tokens - asked, int(by_cost)), 0)
