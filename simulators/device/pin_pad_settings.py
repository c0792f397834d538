"""The parameters that a host sets in a PIN pad, and which of them it has set (spec/devices.md 1.2, command 46)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from protocols.wire.pin_pad import Chaining, Cipher, MacMode, PinFormat, Setting, SmLayout

__all__ = ["Settings"]

_UNSUPPORTED = (PinFormat.VISA_3, PinFormat.VISA_4)
"""Formats whose block no public document gives."""

_RANGES = {Setting.LEAST_DIGITS: range(1, 13), Setting.KCV_BYTES: range(3, 9)}


class Settings:
    """What applies now. Before a host sets a parameter its value is an assumption of this model."""

    def __init__(self) -> None:
        self._given: dict[Setting, StrEnum | int] = {}

    def accept(self, setting: Setting, value: StrEnum | int) -> bool:
        """Set it; False where this model cannot."""
        if value in _UNSUPPORTED or (setting in _RANGES and value not in _RANGES[setting]):
            return False
        self._given[setting] = value
        return True

    def was_set(self, setting: Setting) -> bool:
        return setting in self._given

    @property
    def load_cipher(self) -> Cipher:
        return Cipher(self._given.get(Setting.LOAD_CIPHER, Cipher.TDES))

    @property
    def work_cipher(self) -> Cipher:
        return Cipher(self._given.get(Setting.WORK_CIPHER, Cipher.TDES))

    @property
    def master_as_work(self) -> bool:
        return self.work_cipher in (Cipher.MASTER_DES, Cipher.MASTER_TDES)

    @property
    def pin_format(self) -> PinFormat:
        return PinFormat(self._given.get(Setting.PIN_FORMAT, PinFormat.ISO_0))

    @property
    def mac_mode(self) -> MacMode:
        return MacMode(self._given.get(Setting.MAC_MODE, MacMode.X9))

    @property
    def sm_mac_mode(self) -> MacMode:
        return MacMode(self._given.get(Setting.SM_MAC_MODE, MacMode.CBC))

    @property
    def chaining(self) -> Chaining:
        return Chaining(self._given.get(Setting.CHAINING, Chaining.ECB))

    @property
    def sm_chaining(self) -> Chaining:
        return Chaining(self._given.get(Setting.SM_CHAINING, Chaining.ECB))

    @property
    def sm_layout(self) -> SmLayout:
        return SmLayout(self._given.get(Setting.SM_LAYOUT, SmLayout.WIDE))

    @property
    def kcv_on(self) -> bool:
        return self._given.get(Setting.KCV_ON) == 1

    @property
    def kcv_bytes(self) -> int:
        return int(self._given.get(Setting.KCV_BYTES, 4))

    @property
    def least_digits(self) -> int:
        """0 before it was set: the model's own."""
        return int(self._given.get(Setting.LEAST_DIGITS, 0))

    def snapshot(self) -> Mapping[str, object]:
        return {setting.value: str(value) for setting, value in self._given.items()}
