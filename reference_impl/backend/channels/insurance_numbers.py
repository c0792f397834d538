"""The numbers under which this backend sends to the insurance: unique for ever, also across restarts within one second.

Of the four digits at the end of a msgid the first is the epoch of the writer, which every start of a backend raises, and three
count within a second. An institution that sends more than a thousand in one second borrows from the next.
"""

from __future__ import annotations

from protocols.wire.insurance.message_id import build_msgid, second_stamp

__all__ = ["MessageNumbers"]

PER_SECOND = 1000


class MessageNumbers:
    """*epoch* is that of the one writer of the database."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch % 10
        self._last: dict[str, tuple[int, int]] = {}

    def next(self, institution: str, now: float) -> str:
        """A msgid of *institution*. Raises WireError for a code that is none."""
        second, count = int(now), 0
        last = self._last.get(institution)
        if last is not None and last[0] >= second:
            second, count = last[0], last[1] + 1
            if count == PER_SECOND:
                second, count = second + 1, 0
        msgid = build_msgid(institution, second_stamp(second), self._epoch * PER_SECOND + count)
        self._last[institution] = (second, count)
        return msgid
