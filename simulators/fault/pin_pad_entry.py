"""PIN pads whose keys are wrong: what they say, what they keep, and how long."""

from __future__ import annotations

from protocols.wire.pin_pad import Key
from simulators.device.pin_pad import PinPadDevice
from simulators.device.pin_pad_entry import Entry, Heard, Mode
from simulators.device.pin_pad_line import PadLine
from simulators.fault.pin_pad_mutant import pad_mutant

__all__ = ["MUTANTS"]


class DigitsInClear(Entry):
    def digit(self, key: Key) -> Heard:
        heard = super().digit(key)
        return Heard(key, heard.ended) if heard.say is Key.MASKED else heard


class NoEcho(Entry):
    def digit(self, key: Key) -> Heard:
        return Heard(None, super().digit(key).ended)


class KeptAfterUse(Entry):
    """The digits stay where they are."""

    def take(self) -> str:
        return self._digits if self.mode is Mode.DONE else ""


class KeptAfterCancel(Entry):
    def press(self, key: Key, now: float) -> Heard:
        if self.mode is Mode.PIN and key is Key.CANCEL:
            self.finish()
            return Heard(key, ended=True)
        return super().press(key, now)


class KeptAfterTimeOut(Entry):
    def expire(self, now: float) -> bool:
        due = self.deadline()
        if due is None or now < due:
            return False
        self.finish()
        return True


class NeverTimesOut(Entry):
    def deadline(self) -> float | None:
        return None


class LeastIgnored(Entry):
    def enter(self) -> Heard:
        if not self._digits:
            return super().enter()
        self.finish()
        return Heard(Key.ENTER, ended=True)


class MostIgnored(Entry):
    def digit(self, key: Key) -> Heard:
        self._most = 12
        return super().digit(key)


class ClearIgnored(Entry):
    """Says that it has cleared."""

    def clear(self) -> Heard:
        return Heard(Key.CLEAR)


class ClosedKeypadTalks(Entry):
    def press(self, key: Key, now: float) -> Heard:
        return Heard(key) if self.mode is Mode.CLOSED else super().press(key, now)


class KeysSwapped(Entry):
    """5 and 6 are each other."""

    def press(self, key: Key, now: float) -> Heard:
        return super().press({Key.D5: Key.D6, Key.D6: Key.D5}.get(key, key), now)


class PlainMasked(Entry):
    def press(self, key: Key, now: float) -> Heard:
        return Heard(Key.MASKED) if self.mode is Mode.PLAIN and key.digit else super().press(key, now)


class SameCode(PadLine):
    def code_of(self, key: Key) -> int:
        return super().code_of(Key.BLANK if key is Key.POINT else key)


class KeyDead(PinPadDevice):
    """The key 0 has worn out."""

    def press(self, key: Key, now: float) -> None:
        if key is not Key.D0:
            super().press(key, now)


_EIGHT, _KEYS = "DG-W20-08", "DG-W20-06"

MUTANTS = (
    pad_mutant(
        "digits-in-clear",
        "输入密码时发送明文",
        "the digits of a PIN are sent in the clear",
        _EIGHT,
        entry=DigitsInClear,
    ),
    pad_mutant("no-echo", "输入密码时没有星号", "the digits of a PIN are not told at all", _EIGHT, entry=NoEcho),
    pad_mutant("pin-kept-after-use", "密码块可以重取", "the PIN is kept after its block", _EIGHT, entry=KeptAfterUse),
    pad_mutant("pin-kept-after-cancel", "取消后密码仍在", "the PIN survives cancel", _EIGHT, entry=KeptAfterCancel),
    pad_mutant(
        "pin-kept-after-time-out", "超时后密码仍在", "the PIN survives the time-out", _EIGHT, entry=KeptAfterTimeOut
    ),
    pad_mutant("never-times-out", "输入永不超时", "an entry never ends by itself", _EIGHT, entry=NeverTimesOut),
    pad_mutant("least-ignored", "最短位数无效", "the least length does not hold", _EIGHT, entry=LeastIgnored),
    pad_mutant("most-ignored", "最长位数无效", "the most digits do not hold", _EIGHT, entry=MostIgnored),
    pad_mutant("clear-ignored", "更正键无效", "the clear key clears nothing", _EIGHT, entry=ClearIgnored),
    pad_mutant(
        "closed-keypad-talks", "关闭的键盘仍发送按键", "a closed keypad tells its keys", _EIGHT, entry=ClosedKeypadTalks
    ),
    pad_mutant("keys-swapped", "5 和 6 互换", "5 and 6 are swapped", _EIGHT, entry=KeysSwapped),
    pad_mutant("plain-masked", "明文输入也发星号", "plain entry sends asterisks", _KEYS, entry=PlainMasked),
    pad_mutant("same-code", "两个功能键同码", "two function keys have one code", _KEYS, line=SameCode),
    pad_mutant("key-dead", "一个按键失灵", "one key is dead", _KEYS, device=KeyDead),
)
