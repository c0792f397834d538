"""What one PIN pad is, how it reads the documents, and how long it takes: three frozen parameters of the simulator.

Every field of :class:`PinPadReadings` is a row of open-readings.md (EPP family B); its default is the bracketed one. The
default times are those of spec/devices.md 10; sizes of the key store are those of 1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from protocols.wire.pin_pad import Reply
from simulators.peer.bank_keys import TEST_FLEET_KEY

__all__ = ["After", "Outcome", "PinPadOptions", "PinPadReadings", "PinPadTiming", "hex_key"]

KEY_LENGTHS = (8, 16, 24)
TERMINAL_BYTES = 8
FLEET_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class After:
    """An operation that takes time: ask ``then`` for its outcome when ``delay_s`` has passed."""

    delay_s: float
    then: Callable[[], Outcome]


Outcome = Reply | After


@dataclass(frozen=True, slots=True)
class PinPadTiming:
    """Durations in seconds; ``*_block_s`` is one block of eight bytes (SM4: sixteen) with that cipher.

    One DES block takes 1 ms and a triple one three of them; a KMY documents 25 and 75 ms.
    """

    reply_s: float = 0.005
    self_test_s: float = 0.3
    boot_s: float = 0.5
    des_block_s: float = 0.001
    tdes_block_s: float = 0.003
    sm4_block_s: float = 0.002
    long_hold_s: float = 2.0
    """A key that is held longer counts as short-circuited in the self-test."""

    @classmethod
    def brisk(cls) -> PinPadTiming:
        """Everything at once: for benches that measure something else."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PinPadReadings:
    """Where the documents allow two behaviours (open-readings.md, EPP family B)."""

    bad_frame: Literal["15", "silence"] = "15"
    """A frame with a wrong check byte or length. Characters that are not hexadecimal always meet silence."""
    time_out: Literal["frame", "key", "on-ask"] = "frame"
    """The end of the time for a PIN: the frame ``018081`` by itself, raw key 80, or the answer to the next 42."""
    keypad_first: bool = True
    """START_PIN is refused while the keypad is closed."""
    short_enter: Literal["ignored", "error"] = "ignored"
    """Enter below the least length: nothing happens, or the pad says 19."""
    reset_keeps: bool = False
    """A plain reset keeps parameters and active key instead of resetting them."""
    unionpay_answer: Literal["characters", "bytes"] = "characters"
    master_reload: Literal["kept", "dropped"] = "kept"
    """Work keys under a master key that is loaded again."""
    load_while_tampered: Literal["E1", "A4"] = "E1"
    after_wipe: Literal["A4", "A5"] = "A4"
    """What is said about a work key when there is no key at all."""
    second_codes: bool = False
    """Keys 00 and blank send 7F and 07 instead of 22 and 20."""


def _no_masters() -> dict[int, str]:
    return {}


@dataclass(frozen=True, slots=True)
class PinPadOptions:
    """What is fitted and what is inside. ``masters`` maps a slot to a key in hexadecimal that was loaded before: for test
    keys alone. Raises ValueError, which never shows a key, for what cannot be.
    """

    groups: int = 16
    """Master keys, with four work keys each."""
    group_bytes: int = 24
    """Longest key of a slot; 8 is the early firmware of "16 groups of 64-bit keys" (AS-01)."""
    masters: Mapping[int, str] = field(default_factory=_no_masters, repr=False)
    terminal: str = ""
    """Number of a terminal (field 41) of the simulated bank: master key 0 is then the one that the bank knows it by."""
    fleet_key: str = field(default=TEST_FLEET_KEY, repr=False)
    """From which *terminal*'s key is derived, in hexadecimal."""
    trailer: bool = True
    """Frames end with 03; False: not before the host asks for it (``45 09``)."""
    sm: bool = True
    """SM4 is fitted."""
    side_keys: int = 0
    """Keys F1 to F8 beside the sixteen."""
    least_digits: int = 4
    gap_s: float = 30.0
    """A pause between two keys of a PIN that ends the entry like its time limit; 0: none does."""
    version: bytes = b"EPP-B-SIM  V1.00"
    firmware: bytes = b"EPPB0100"
    serial: bytes = b"OC260001"

    def __post_init__(self) -> None:
        if not 1 <= self.groups <= 32:
            raise ValueError(f"groups is {self.groups}; a pad has 1 to 32 master keys")
        if self.group_bytes not in KEY_LENGTHS:
            raise ValueError(f"group_bytes is {self.group_bytes}; keys have 8, 16 or 24 bytes")
        if not 0 <= self.side_keys <= 8:
            raise ValueError(f"side_keys is {self.side_keys}; a pad has 0 to 8 of them")
        if len(self.version) != 16 or len(self.serial) != 8:
            raise ValueError("version has 16 characters and serial 8")
        if self.terminal and len(self.terminal.encode("ascii", "replace")) != TERMINAL_BYTES:
            raise ValueError("terminal has 8 characters, such as 10000001")
        if len(hex_key(self.fleet_key, "fleet_key")) != FLEET_KEY_BYTES:
            raise ValueError("fleet_key: write 32 hexadecimal characters in quotes")
        if not isinstance(cast("object", self.masters), Mapping):  # a bench file may say anything
            raise ValueError('masters: write a slot and its key, such as {0: "0123456789ABCDEF"}')
        for slot, key in self.masters.items():
            if slot not in range(self.groups):
                raise ValueError(f"masters: slot {slot!r} does not exist; this pad has 0 to {self.groups - 1}")
            hex_key(key, f"masters.{slot}")


def hex_key(text: object, where: str) -> bytes:
    """The key that *text* spells. Raises ValueError, which does not show it."""
    try:
        key = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        key = b""
    if len(key) not in KEY_LENGTHS:
        raise ValueError(f'{where}: write 16, 32 or 48 hexadecimal characters in quotes, such as "0123456789ABCDEF"')
    return key
