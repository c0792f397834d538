"""Numbers of trades that never repeat, whatever restarts: the epoch of the writing process is part of each.

``DG`` + business day ``YYYYMMDD`` + epoch (5 digits) + number within day and process (6 digits): 21 characters.
"""

from __future__ import annotations

__all__ = ["NumbersExhausted", "TradeNumbers"]

MOST_EPOCHS = 99_999
MOST_A_DAY = 999_999


class NumbersExhausted(RuntimeError):
    """No number is left; a restart of the backend takes a new epoch and with it new numbers."""


class TradeNumbers:
    """Call it with a business day to get a new number of that day. *epoch* is the store's."""

    def __init__(self, epoch: int) -> None:
        if not 1 <= epoch <= MOST_EPOCHS:
            raise NumbersExhausted(
                f"epoch {epoch}: trade numbers have room for 1 to {MOST_EPOCHS}; archive this database"
            )
        self._epoch = epoch
        self._last: dict[str, int] = {}

    def __call__(self, day: str) -> str:
        """Raises :class:`NumbersExhausted` after 999,999 trades of one day in one process."""
        number = self._last.get(day, 0) + 1
        if number > MOST_A_DAY:
            raise NumbersExhausted(f"{MOST_A_DAY} trades of {day} by this process: restart the backend to go on")
        self._last[day] = number
        return f"DG{day}{self._epoch:05d}{number:06d}"
