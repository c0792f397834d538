"""The encrypting PIN pad: one behaviour under every dialect of its class.

It is put together from parts that each know one thing, so that a faulty pad differs from a good one in one of them: key
store (pin_pad_keys), keys and data (pin_pad_crypto), keypad (pin_pad_entry), operations (pin_pad_logic), line
(pin_pad_line).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.wire.base import discover
from protocols.wire.pin_pad import Error, Key, PinPadDialect, Reply, Request
from simulators.device.base import Physical
from simulators.device.classes import DeviceClass
from simulators.device.pin_pad_crypto import KeyLogic
from simulators.device.pin_pad_entry import Entry, keys_of
from simulators.device.pin_pad_keys import KeyStore
from simulators.device.pin_pad_line import Mode, PadLine
from simulators.device.pin_pad_logic import PadLogic
from simulators.device.pin_pad_rules import Outcome, PinPadOptions, PinPadReadings, PinPadTiming
from simulators.device.pin_pad_state import PadState

__all__ = ["DEVICE_CLASS", "DIALECTS", "PinPadDevice", "build_pin_pad"]

DIALECTS: dict[str, PinPadDialect] = {
    each.name: each for each in discover("protocols.wire", "DIALECT", deep=False) if each.device_class == "pin_pad"
}

_WORDS = {
    "press": "press a key: 0 to 9, enter, clear, cancel, point, 00, blank, and f1 to f8 where there are side keys",
    "type": "press digits one after the other",
    "hold": "press a key and do not let go",
    "release": "let go of the key that is held",
    "remove-keypad": "take the pad out of the cabinet: the removal switch opens and every key is destroyed",
    "refit": "put the pad back: the removal switch closes",
    "short-key": "two keys have contact with each other",
    "battery-low": "the battery that keeps the keys is low",
    "battery-ok": "the battery is good again",
    "repair": "keys and battery are in order again",
    "poweroff": "cut the supply; the battery keeps the keys",
    "poweron": "give the supply back",
}


class PinPadDevice:
    """A :class:`simulators.device.base.Device`: the parts, the supply, and the hand on the keys."""

    def __init__(
        self,
        dialect: PinPadDialect,
        state: PadState,
        logic: PadLogic,
        line: type[PadLine] = PadLine,
        mode: Mode = "strict",
        seed: int = 0,
    ) -> None:
        self.state, self.logic, self.entry = state, logic, logic.entry
        self.keys = keys_of(state.options.side_keys)
        self.powered = True
        self.held: tuple[Key, float] | None = None
        self._booting_until: float | None = None
        self._now = 0.0
        self.line = line(self, dialect, state.readings, state.timing, mode, seed)
        state.violate = self.line.violate
        state.key_held = self.held_for
        self._actions: dict[str, Callable[[str, float], None]] = {
            "press": lambda words, now: self.press(self._key(words), now),
            "type": self._type,
            "hold": self._hold,
            "release": lambda words, now: self._release(),
            "short-key": lambda words, now: self._set("keys_shorted", True),
            "battery-low": lambda words, now: self._set("battery_low", True),
            "battery-ok": lambda words, now: self._set("battery_low", False),
            "repair": lambda words, now: self._repair(),
            "remove-keypad": lambda words, now: self._remove(now),
            "refit": lambda words, now: self.logic.refit(),
            "poweroff": lambda words, now: self._power_off(),
            "poweron": lambda words, now: self._power_on(now),
        }

    # What the line needs.

    @property
    def trailer(self) -> bool:
        return self.logic.trailer

    def begin(self, request: Request, now: float) -> Outcome:
        return self.logic.begin(request, max(now, self._now))

    # Device.

    def receive(self, data: bytes, now: float) -> None:
        self._now = now
        if self._listens(now):
            self.line.receive(data, now)

    def advance(self, now: float) -> None:
        self._now = now
        if self._booting_until is not None and now >= self._booting_until:
            self._booting_until = None
        if self.entry.expire(now):
            self._time_out(now)
        if self._listens(now):
            self.line.advance(now)

    def deadline(self) -> float | None:
        if not self.powered:
            return None
        due = (self.line.deadline(), self.entry.deadline(), self._booting_until)
        return min((each for each in due if each is not None), default=None)

    def take(self) -> bytes:
        return self.line.outbox.take()

    def apply(self, event: Physical, now: float) -> None:
        action = self._actions.get(event.action)
        if action is None:
            raise ValueError(f"a PIN pad knows no action {event.action!r}; it knows {', '.join(self._actions)}")
        if self.entry.expire(now):
            self._time_out(now)
        self._now = now
        action(event.argument, now)

    def snapshot(self) -> Mapping[str, object]:
        return {"powered": self.powered, "key_held": self.held is not None, **self.logic.snapshot()}

    def violations(self) -> list[str]:
        seen, self.line.violations = self.line.violations, []
        return seen

    # The hand.

    def press(self, key: Key, now: float) -> None:
        """One key goes down and up. A pad that is off, or on which another key is held, does not feel it."""
        if not self._listens(now) or self.held is not None or self.state.keys_shorted:
            return
        heard = self.entry.press(key, now)
        if heard.short and self.state.readings.short_enter == "error":
            self.line.answer(None, Reply(Error.NO_PIN), now)
        if heard.say is not None:
            self.line.say_key(heard.say, now)

    def held_for(self, for_s: float) -> bool:
        """True when a key is down now, since *for_s* seconds or longer."""
        return self.held is not None and self._now - self.held[1] >= for_s

    def _key(self, word: str) -> Key:
        key = self.keys.get(word.strip().lower())
        if key is None:
            raise ValueError(f"this pad has no such key; its keys are {', '.join(self.keys)}")
        return key

    def _type(self, words: str, now: float) -> None:
        digits = words.strip()
        if not digits.isdecimal():
            raise ValueError("type needs digits")
        for digit in digits:
            self.press(self._key(digit), now)

    def _hold(self, words: str, now: float) -> None:
        key = self._key(words)
        self.press(key, now)
        self.held = (key, now)

    def _release(self) -> None:
        self.held = None

    def _set(self, name: str, value: bool) -> None:
        setattr(self.state, name, value)

    def _repair(self) -> None:
        self.held = None
        self.state.keys_shorted = self.state.battery_low = False

    def _remove(self, now: float) -> None:
        self.logic.remove()
        self.line.fail(Reply(Error.MASTER_MISSING), now)

    def _time_out(self, now: float) -> None:
        """The entry has ended by itself (open-readings.md: three ways to tell)."""
        if self.state.readings.time_out == "frame":
            self.line.answer(None, Reply(Error.TIME_OUT), now)
        elif self.state.readings.time_out == "key":
            self.line.say_key(Key.TIME_OUT, now)
        else:
            self.logic.timed_out = True

    # The supply.

    def _listens(self, now: float) -> bool:
        """True when the electronics work; a pad that is off or starting hears nothing."""
        if self._booting_until is not None and now >= self._booting_until:
            self._booting_until = None
        return self.powered and self._booting_until is None

    def _power_off(self) -> None:
        if not self.powered:
            return
        self.powered = False
        self._booting_until = None
        self.logic.power_off()
        self.line.power_off()

    def _power_on(self, now: float) -> None:
        if not self.powered:
            self.powered = True
            self._booting_until = now + self.state.timing.boot_s if self.state.timing.boot_s > 0 else None


def build_pin_pad(
    *,
    dialect: str = "epp-b",
    options: PinPadOptions | None = None,
    readings: PinPadReadings | None = None,
    timing: PinPadTiming | None = None,
    mode: Mode = "strict",
    seed: int = 0,
    store: type[KeyStore] = KeyStore,
    keys: type[KeyLogic] = KeyLogic,
    entry: type[Entry] = Entry,
    logic: type[PadLogic] = PadLogic,
    line: type[PadLine] = PadLine,
    device: type[PinPadDevice] = PinPadDevice,
) -> PinPadDevice:
    """The reference pad; *store*, *keys*, *entry*, *logic*, *line*, *device* are where a faulty one differs.

    Raises ValueError for an unknown *dialect*.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect {dialect!r} is unknown; PIN pads speak {', '.join(sorted(DIALECTS))}")
    options, readings, timing = options or PinPadOptions(), readings or PinPadReadings(), timing or PinPadTiming()
    state = PadState(options, readings, timing, strict=mode != "realistic")
    kept = store(options, readings)
    brain = logic(state, kept, keys(state, kept), entry(options.gap_s), seed)
    return device(DIALECTS[dialect], state, brain, line, mode, seed)


DEVICE_CLASS = DeviceClass(
    name="pin_pad",
    slot="pad",
    dialects=DIALECTS,
    build=build_pin_pad,
    options=PinPadOptions,
    readings=PinPadReadings,
    timing={"default": PinPadTiming, "brisk": PinPadTiming.brisk},
    hand=_WORDS,
)
