"""What the bank card of a synthetic holder says of them: one rule for the card in the hand and for the bank that knows it.

Source: spec/cards.md 2.1 (PAN 6299990000000000012, Luhn valid) and 3.5 (expiry and service code of the stripe).
"""

from __future__ import annotations

__all__ = [
    "EXPIRY",
    "NAMELESS",
    "PAN_PREFIX",
    "SERVICE_CODE",
    "embossed_name",
    "holder_number",
    "luhn_digit",
    "pan_of",
    "track2_of",
]

PAN_PREFIX = "629999"
EXPIRY = "3012"
"""YYMM, of every card of the test issuer."""
SERVICE_CODE = "201"
"""Begins with 2: a chip is present, and goes first."""

NAMELESS = "CARDHOLDER/VALUED"
_FAMILY = {"测试": "CESHI", "样例": "YANGLI", "演示": "YANSHI", "虚拟": "XUNI"}
_GIVEN = dict(
    zip("甲乙丙丁戊己庚辛壬癸", ["JIA", "YI", "BING", "DING", "WU", "JI", "GENG", "XIN", "REN", "GUI"], strict=True)
)
_NAME_BYTES = 26


def luhn_digit(digits: str) -> str:
    """The check digit that makes *digits* and it valid under ISO/IEC 7812."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def holder_number(card_number: str) -> int:
    """The holder's number in the city: the digits of their social security card (``A00000001``)."""
    return int(card_number[1:])


def embossed_name(name: str) -> str:
    """*name* as it is embossed. Names that no synthetic person has are not spelt."""
    family, given = _FAMILY.get(name[:2], ""), [_GIVEN.get(each, "") for each in name[2:]]
    if not family or not given or not all(given):
        return NAMELESS
    return f"{family}/{''.join(given)}"[:_NAME_BYTES]


def pan_of(number: int) -> str:
    """19 digits, the last one the check digit."""
    body = f"{PAN_PREFIX}{number:012d}"
    return body + luhn_digit(body)


def track2_of(pan: str) -> str:
    """Track 2 equivalent without sentinels, ``D`` as separator."""
    return f"{pan}D{EXPIRY}{SERVICE_CODE}0000000000"
