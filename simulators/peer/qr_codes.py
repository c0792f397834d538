"""Payment codes of the synthetic city: made from payer and number, so that every one leads back to its payer.

Two digits of the family, eight of the resident, one that says how the payer will behave, the nonce, and a check digit
(Luhn). Real codes are opaque and random; these have the forms of spec/services.md 4 and no other likeness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocols.wire.base import WireError
from protocols.wire.qr.payment_codes import Family, family_of
from simulators.peer.city import luhn_digit

__all__ = ["Behaviour", "Payer", "payer_of", "payment_code"]

MOST_NONCE = 999_999


class Behaviour(StrEnum):
    """What the payer does. ``unknown-paid`` and ``unknown-unpaid``: the gateway does not know at first, and finds out one
    or the other when it is asked; ``expired``: the code was shown too long ago."""

    PAYS = "pays"
    PASSWORD = "password"
    NEVER = "never"
    DECLINES = "declines"
    POOR = "poor"
    UNKNOWN_PAID = "unknown-paid"
    UNKNOWN_UNPAID = "unknown-unpaid"
    EXPIRED = "expired"


_BEHAVIOURS = tuple(Behaviour)
_FIRST: Mapping[Family, int] = {Family.WECHAT: 10, Family.ALIPAY: 25, Family.UNIONPAY: 62}
_LENGTH: Mapping[Family, int] = {Family.WECHAT: 18, Family.ALIPAY: 18, Family.UNIONPAY: 19}
_PREFIXES = 6
"""WeChat and Alipay have six beginnings each; they take turns. UnionPay has one."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose code it is: the number of a resident."""

    family: Family
    number: int
    behaviour: Behaviour


def payment_code(
    family: Family | str, resident_number: int, nonce: int, behaviour: Behaviour | str = Behaviour.PAYS
) -> str:
    """The code that *resident_number* shows for the *nonce*-th time. Raises ValueError for what has no code."""
    if not 0 < resident_number < 100_000_000 or not 0 <= nonce <= MOST_NONCE:
        raise ValueError(f"a code has room for residents up to 99999999 and nonces up to {MOST_NONCE}")
    family = Family(family)
    turn = 0 if family is Family.UNIONPAY else nonce % _PREFIXES
    room = _LENGTH[family] - 12
    acts = _BEHAVIOURS.index(Behaviour(behaviour))
    body = f"{_FIRST[family] + turn}{resident_number:08d}{acts}{nonce:0{room}d}"
    return body + luhn_digit(body)


def payer_of(code: str) -> Payer | None:
    """Whose *code* that is; None for one that was not made by :func:`payment_code`."""
    try:
        family = family_of(code)
    except WireError:
        return None
    if len(code) != _LENGTH[family] or luhn_digit(code[:-1]) != code[-1] or int(code[10]) >= len(_BEHAVIOURS):
        return None
    number = int(code[2:10])
    return Payer(family, number, _BEHAVIOURS[int(code[10])]) if number else None
