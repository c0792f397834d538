"""The checks of social security cards, found as the product finds them."""

from __future__ import annotations

from functools import cache

from conformance.model import Check, discover_checks

GENERATIONS = ("1.0", "2.0", "3.0")


@cache
def card_checks() -> tuple[Check, ...]:
    return tuple(each for each in discover_checks() if each.device_class == "card")


def exists_for(check: Check, generation: str) -> bool:
    return not check.variants or generation in check.variants
