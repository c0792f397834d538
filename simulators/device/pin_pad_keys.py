"""The key store of a PIN pad: master keys with four work keys each. Nothing here gives a key to the line.

Keys are kept by a battery: they outlive a power cut, and nothing else that takes them away (spec/devices.md 1.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.wire.bank.ciphers import TRIPLE_DES
from simulators.device.pin_pad_ciphers import SM4_CIPHER, TDES, BlockCipher, check_value
from simulators.device.pin_pad_rules import PinPadOptions, PinPadReadings, hex_key

__all__ = ["KeyStore", "StoredKey"]

WORK_KEYS = 4


@dataclass(frozen=True, slots=True, repr=False)
class StoredKey:
    """A key and whether it is one of SM4. It does not show itself in any text."""

    value: bytes
    sm4: bool = False

    @property
    def check(self) -> bytes:
        cipher: BlockCipher = SM4_CIPHER if self.sm4 else TDES
        return check_value(cipher, self.value)


class KeyStore:
    """``master`` from 0 below ``options.groups``; ``slot`` 0 to 3. Loading replaces what was there."""

    def __init__(self, options: PinPadOptions, readings: PinPadReadings) -> None:
        self.options, self.readings = options, readings
        self.masters: dict[int, StoredKey] = {}
        self.works: dict[tuple[int, int], StoredKey] = {}
        if options.terminal:
            fleet = hex_key(options.fleet_key, "fleet_key")
            self.masters[0] = StoredKey(TRIPLE_DES.diversify(fleet, options.terminal))
        for slot, key in options.masters.items():
            self.masters[slot] = StoredKey(hex_key(key, f"masters.{slot}"))

    @property
    def empty(self) -> bool:
        return not self.masters

    def fits(self, master: int, key: bytes) -> bool:
        """True where a key of that length has a place."""
        return 0 <= master < self.options.groups and len(key) <= self.options.group_bytes

    def load_master(self, master: int, key: StoredKey) -> None:
        self.masters[master] = key
        if self.readings.master_reload == "dropped":
            self.drop_works(master)

    def load_work(self, master: int, slot: int, key: StoredKey) -> None:
        self.works[master, slot] = key

    def find(self, master: int, slot: int | None) -> StoredKey | None:
        """The work key, or the master key itself where *slot* is None."""
        return self.masters.get(master) if slot is None else self.works.get((master, slot))

    def delete(self, master: int, slot: int | None) -> None:
        """A master key takes its work keys with it."""
        if slot is None:
            self.masters.pop(master, None)
            self.drop_works(master)
        else:
            self.works.pop((master, slot), None)

    def drop_works(self, master: int) -> None:
        for slot in range(WORK_KEYS):
            self.works.pop((master, slot), None)

    def erase(self) -> None:
        """Everything, at once."""
        self.masters.clear()
        self.works.clear()

    def table(self) -> bytes:
        """Which places are taken: a bit for each master key, then one for each work key, first place first."""
        groups = self.options.groups
        taken = [master in self.masters for master in range(groups)]
        taken += [(master, slot) in self.works for master in range(groups) for slot in range(WORK_KEYS)]
        bits = "".join("1" if each else "0" for each in taken)
        return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")

    def snapshot(self) -> Mapping[str, object]:
        return {"masters": sorted(self.masters), "work_keys": sorted(f"{m}/{k}" for m, k in self.works)}
