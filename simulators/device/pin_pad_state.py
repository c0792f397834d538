"""What the parts of one PIN pad share: what it is, what it has been told, and in what state it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.wire.pin_pad import Error, Reply, Setting
from simulators.device.pin_pad_rules import PinPadOptions, PinPadReadings, PinPadTiming
from simulators.device.pin_pad_settings import Settings

__all__ = ["PadState"]


class PadState:
    """``violate`` hears what the host does against the protocol; ``key_held`` tells whether a key has been down so long."""

    def __init__(self, options: PinPadOptions, readings: PinPadReadings, timing: PinPadTiming, strict: bool) -> None:
        self.options, self.readings, self.timing, self.strict = options, readings, timing, strict
        self.settings = Settings()
        self.tampered = self.removed = self.battery_low = self.keys_shorted = False
        self.violate: Callable[[str], None] = lambda why: None
        self.key_held: Callable[[float], bool] = lambda for_s: False

    def done(self, data: bytes = b"") -> Reply:
        return Reply(data=data, battery_low=self.battery_low)

    @staticmethod
    def refuse(error: Error) -> Reply:
        return Reply(error)

    def unknown(self) -> Reply:
        return Reply(Error.UNKNOWN_COMMAND_BATTERY if self.battery_low else Error.UNKNOWN_COMMAND)

    def must_be_set(self, setting: Setting) -> None:
        """What a pad assumes before it is told is unknown: a host must not rely on it."""
        if not self.settings.was_set(setting):
            self.violate(f"{setting} is used before it was set")

    def snapshot(self) -> Mapping[str, object]:
        return {"tampered": self.tampered, "removed": self.removed, "battery_low": self.battery_low}
