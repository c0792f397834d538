"""The keys of a PIN pad: which of them are heard, what they say on the line, and the PIN that is being entered.

Plain entry sends every key as it is. PIN entry sends 2A for a digit and keeps it; its buffer is cleared when the entry is
cancelled, when its time ends, after a long pause, and once the PIN has been used (spec/devices.md 1.2, 1.4, SI8 6.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from protocols.wire.pin_pad import Key

__all__ = ["FUNCTION_KEYS", "SIDE_KEYS", "Entry", "Heard", "Mode", "keys_of"]

FUNCTION_KEYS = (Key.ENTER, Key.CLEAR, Key.CANCEL, Key.POINT, Key.DOUBLE_ZERO, Key.BLANK)
SIDE_KEYS = (Key.F1, Key.F2, Key.F3, Key.F4, Key.F5, Key.F6, Key.F7, Key.F8)


def keys_of(side_keys: int) -> dict[str, Key]:
    """The keys that are there, by the word that the hand has for each: ten digits, six others, and side keys."""
    digits = [key for key in Key if key.digit]
    return {key.value: key for key in (*digits, *FUNCTION_KEYS, *SIDE_KEYS[:side_keys])}


class Mode(Enum):
    """What the keypad is for now. DONE: a PIN waits to be asked for; nothing is heard."""

    CLOSED = "closed"
    PLAIN = "plain"
    PIN = "pin"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a key does on the line: ``say`` a key, and perhaps the entry ``ended``, or it was ``short`` of digits."""

    say: Key | None = None
    ended: bool = False
    short: bool = False


class Entry:
    """One keypad. Times are passed in; nothing waits here."""

    def __init__(self, gap_s: float) -> None:
        self.gap_s = gap_s
        self.mode = Mode.CLOSED
        self.backspace = False
        self.auto_end = False
        self._digits = ""
        self._least, self._most, self._shown = 4, 12, True
        self._until: float | None = None
        self._last_key: float | None = None

    @property
    def entered(self) -> int:
        """How many digits are held; which ones is nobody's business."""
        return len(self._digits)

    def open(self) -> None:
        """Plain entry. A PIN that was being entered, or waits, is forgotten."""
        self.forget()
        self.mode = Mode.PLAIN

    def close(self) -> None:
        self.forget()
        self.mode = Mode.CLOSED

    def start(self, least: int, most: int, shown: bool, limit_s: float, now: float) -> None:
        """PIN entry, with at most *limit_s* for all of it."""
        self.forget()
        self.mode = Mode.PIN
        self._least, self._most, self._shown = least, most, shown
        self._until, self._last_key = now + limit_s, now

    def forget(self) -> None:
        self._digits = ""
        self._until = self._last_key = None
        if self.mode is Mode.DONE:
            self.mode = Mode.CLOSED

    def take(self) -> str:
        """The PIN that waits, and forget it; empty when there is none."""
        pin = self._digits if self.mode is Mode.DONE else ""
        if self.mode is Mode.DONE:
            self.forget()
        return pin

    def press(self, key: Key, now: float) -> Heard:
        if self.mode is Mode.PLAIN:
            return Heard(key)
        if self.mode is not Mode.PIN:
            return Heard()
        self._last_key = now
        if key.digit:
            return self.digit(key)
        if key is Key.CLEAR:
            return self.clear()
        if key is Key.CANCEL:
            self.close()
            return Heard(key, ended=True)
        if key is Key.ENTER:
            return self.enter()
        return Heard(key if key in SIDE_KEYS else None)

    def digit(self, key: Key) -> Heard:
        if len(self._digits) >= self._most:
            return Heard()
        self._digits += key.value
        ended = self.auto_end and len(self._digits) == self._most
        if ended:
            self.finish()
        return Heard(Key.MASKED if self._shown else None, ended)

    def clear(self) -> Heard:
        self._digits = self._digits[:-1] if self.backspace else ""
        return Heard(Key.CLEAR)

    def enter(self) -> Heard:
        if len(self._digits) < self._least:
            return Heard(short=True)
        self.finish()
        return Heard(Key.ENTER, ended=True)

    def finish(self) -> None:
        self.mode = Mode.DONE
        self._until = self._last_key = None

    # Time.

    def deadline(self) -> float | None:
        """When the entry ends by itself."""
        if self.mode is not Mode.PIN or self._until is None or self._last_key is None:
            return None
        return min(self._until, self._last_key + self.gap_s) if self.gap_s else self._until

    def expire(self, now: float) -> bool:
        """True when the time of the entry has ended just now; its digits are then forgotten."""
        due = self.deadline()
        if due is None or now < due:
            return False
        self.close()
        return True

    def snapshot(self) -> Mapping[str, object]:
        return {"keypad": self.mode.value, "entered": self.entered}
