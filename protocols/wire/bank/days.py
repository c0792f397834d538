"""The bank's business day: it ends at the cut-over, not at midnight (spec/services.md 5, 9 U8: 23:00, configurable)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from protocols.clock import CHINA, civil
from protocols.wire.base import WireError

__all__ = ["CutOver"]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CutOver:
    """``minute`` of the day at which the next business day begins; 1440 is midnight."""

    minute: int = 23 * 60

    @staticmethod
    def of(text: str) -> CutOver:
        """``23:00`` or ``24:00``. Raises :class:`WireError`."""
        hour, sign, minute = text.partition(":")
        if not (sign and len(minute) == 2 and hour.isdecimal() and minute.isdecimal() and int(minute) < 60):
            raise WireError("cut-over: write it as 23:00")
        total = int(hour) * 60 + int(minute)
        if not 12 * 60 <= total <= 24 * 60:
            raise WireError("cut-over: between 12:00 and 24:00")
        return CutOver(total)

    def day(self, unix_s: float) -> str:
        """The business day of an instant, ``2026-11-22``."""
        at = civil(unix_s)
        after = at.hour * 60 + at.minute >= self.minute
        return f"{at.date() + (_DAY if after else timedelta()):%Y-%m-%d}"

    def end_of(self, day: str) -> float:
        """Unix time at which business day *day* ends. Raises :class:`WireError` for a text that is no day."""
        return datetime(*_date(day).timetuple()[:3], tzinfo=CHINA).timestamp() + self.minute * 60

    def next(self, day: str) -> str:
        """The business day after *day*."""
        return f"{_date(day) + _DAY:%Y-%m-%d}"


def _date(day: str) -> date:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise WireError("a business day is written 2026-11-22") from None
    if len(day) != 10 or not 2000 <= found.year < 2100:
        raise WireError("a business day is written 2026-11-22")
    return found
