"""Fen and yuan at the edge. Inside, an amount is a whole number of fen; yuan exist only on the wire of who wants them.

Source: spec/services.md 1.1 (decimal yuan with two places, as numbers or as strings), 2.2 (fen in other systems).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from protocols.wire.base import WireError

__all__ = ["MAX_FEN", "fen_of_yuan", "yuan_number", "yuan_text"]

MOST_DIGITS = 14
MAX_FEN = 99_999_999_999_999
"""n16,2 of the insurance interface: fourteen digits before the point are more than any clinic takes."""


def fen_of_yuan(value: Any) -> int:
    """Fen of a decimal amount in yuan, given as text or as a JSON number. Exact: a third decimal place is refused.

    Raises :class:`WireError` for anything that is no amount, is not finite, or is beyond :data:`MAX_FEN`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise WireError(f"an amount in yuan is a number or a text, not {type(value).__name__}")
    try:
        # repr of a float is the shortest text that reads back as the same float: 125.6, never 125.59999.
        amount = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation as error:
        raise WireError(f"{str(value)[:32]!r} is no amount in yuan") from error
    if not amount.is_finite():
        raise WireError("an amount must be finite")
    if amount.adjusted() > MOST_DIGITS:
        raise WireError("the amount is too large")
    fen = amount * 100
    if fen != fen.to_integral_value():
        raise WireError(f"{amount} yuan has a fraction of a fen")
    if abs(fen) > MAX_FEN:
        raise WireError("the amount is too large")
    return int(fen)


def yuan_text(fen: int) -> str:
    """``1250`` is ``12.50``; ``-5`` is ``-0.05``."""
    sign, whole = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def yuan_number(fen: int) -> float:
    """The JSON number of an amount: two decimal places survive a double up to :data:`MAX_FEN`."""
    return fen / 100
