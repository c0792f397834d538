"""Security state of the social security card: keys with counters, rights, challenge, PIN (spec/cards.md 1.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulators.card.chip import Apdu, StatusError
from simulators.card.crypto import CipherSuite
from simulators.card.files import PIN_RIGHT, Rule
from simulators.card.readings import Readings
from simulators.card.storage import Memory

__all__ = ["BK", "IRK", "KEY_TRIES", "LK_DF", "MAC_BYTES", "PIN_TRIES", "PUK", "RK", "STK", "UK", "KeyRing", "Security"]

IRK, STK, UK, BK, PUK, RK, LK_DF = 0x00, 0x02, 0x04, 0x05, 0x06, 0x0A, 0x83
"""Key identifiers: those of SSSE, and the lock key of an application."""

MAC_BYTES = 4
KEY_TRIES, PIN_TRIES = 3, 6
FEWEST_DIGITS, MOST_PIN_BYTES = 4, 8
KEY_VERSIONS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by DF label and identifier; ``purchase``, ``load`` and ``tac`` are those of the medical account."""

    keys: Mapping[str, Mapping[int, bytes]]
    purchase: bytes
    load: bytes
    tac: bytes


class Security:
    """What a card knows and has been proved. ``df`` is the label of the current application."""

    def __init__(
        self,
        memory: Memory,
        suite: CipherSuite,
        ring: KeyRing,
        random: Callable[[int], bytes],
        readings: Readings,
    ) -> None:
        self.memory, self.suite, self.ring, self.random, self.readings = memory, suite, ring, random, readings
        self.rights: set[str] = set()
        self.challenge = b""
        self.df = "MF"

    def drop(self) -> None:
        """Reset: no right, no challenge."""
        self.rights.clear()
        self.challenge = b""

    def entered(self, df: str) -> None:
        """A DF was selected: what was proved for another application is no longer worth anything."""
        before, self.df = self.df, df
        self.challenge = b""
        if df == "MF":
            self.rights.clear()
        elif df == before:
            if not self.readings.right_kept_on_reselect:
                self.rights &= {PIN_RIGHT}
        else:
            stay = {right for right in self.rights if right.startswith("SSSE.")}
            self.rights &= {PIN_RIGHT} if self.readings.right_lost_in_df else {PIN_RIGHT, *stay}

    def demand(self, rule: Rule) -> None:
        """Raises 6982 unless one alternative of *rule* is held."""
        if not any(needed <= self.rights for needed in rule):
            raise StatusError(0x6982)

    # Challenge.

    def new_challenge(self, length: int) -> bytes:
        self.challenge = self.random(length)
        return self.challenge

    def take_challenge(self) -> bytes:
        """The challenge, for the one use it has. Raises 6984 when there is none."""
        challenge, self.challenge = self.challenge, b""
        if not challenge:
            raise StatusError(0x6984)
        return challenge

    # Keys.

    def right_of(self, key_id: int) -> str:
        """The right that proving this key gives: keys with bit 8 set belong to the current application."""
        return f"{self.df if key_id & 0x80 else 'SSSE'}.{key_id:02X}"

    def key(self, key_id: int) -> bytes:
        """Raises 6A88 when the card has no such key here."""
        label = self.df if key_id & 0x80 else "SSSE"
        found = self.ring.keys.get(label, {}).get(key_id) if self.df != "MF" else None
        if found is None:
            raise StatusError(0x6A88)
        return found

    def session(self, key_id: int) -> bytes:
        """Session key of this key under the card's challenge, which is used up. Raises 6A88, 6984."""
        return self.suite.session_key(self.key(key_id), self.take_challenge())

    def internal(self, key_id: int, factor: bytes, data: bytes) -> bytes:
        """Authentication data of INTERNAL AUTHENTICATE, 8 bytes."""
        return self.suite.authenticate(self.suite.session_key(self.key(key_id), factor), data)

    def external(self, key_id: int, proof: bytes, data: bytes) -> None:
        """Check *proof* and grant the key's right. Raises 6A88, 6983, 6984 or 63Cx."""
        cell = f"tries/{self.right_of(key_id)}"
        if key_id in (IRK, STK):
            raise StatusError(0x6A88)
        key, left = self.key(key_id), self.key_tries(cell)
        if left == 0:
            raise StatusError(0x6983)
        challenge = self.take_challenge()
        if self.proof_is_right(key, challenge, proof, data):
            self.memory.write_number(cell, KEY_TRIES)
            self.rights.add(self.right_of(key_id))
            return
        self.rights.discard(self.right_of(key_id))
        self.memory.write_number(cell, self.after_failure(left))
        self.memory.commit()
        raise StatusError(0x63C0 | left - 1)

    def key_tries(self, cell: str) -> int:
        return self.memory.read_number(cell) if self.memory.read(cell) else KEY_TRIES

    def after_failure(self, left: int) -> int:
        """Tries of a key after a wrong proof."""
        return left - 1

    def proof_is_right(self, key: bytes, challenge: bytes, proof: bytes, data: bytes) -> bool:
        return proof == self.suite.authenticate(self.suite.session_key(key, challenge), data)

    # Secure messaging.

    def verified_data(self, apdu: Apdu, key_id: int, wrong: int) -> tuple[bytes, bytes]:
        """Data of a secured command without its MAC, and the session key.

        Raises 6700 without room for a MAC, 6A88, 6984, and *wrong* for a MAC that does not fit.
        """
        if len(apdu.data) < MAC_BYTES:
            raise StatusError(0x6700)
        data, mac = apdu.data[:-MAC_BYTES], apdu.data[-MAC_BYTES:]
        session = self.session(key_id)
        if not self.mac_is_right(session, apdu.header + data, mac):
            raise StatusError(wrong)
        return data, session

    def mac_is_right(self, session: bytes, message: bytes, mac: bytes) -> bool:
        return mac == self.suite.mac(session, message)

    # PIN.

    def pin_tries(self) -> int:
        return self.memory.read_number("pin/tries")

    def verify_pin(self, pin: bytes) -> None:
        """Raises 6983 when locked, 63Cx when wrong. The try is spent before the PIN is looked at."""
        left = self.pin_tries()
        if left == 0:
            raise StatusError(0x6983)
        self.rights.discard(PIN_RIGHT)
        self.spend_try(left)
        if pin != self.memory.read("pin/value"):
            raise StatusError(0x63C0 | left - 1)
        self.pin_accepted()

    def spend_try(self, left: int) -> None:
        """Committed at once: pulling the card at the right moment must not give the try back."""
        self.memory.write_number("pin/tries", left - 1)
        self.memory.commit()

    def pin_accepted(self) -> None:
        self.memory.write_number("pin/tries", PIN_TRIES)
        self.rights.add(PIN_RIGHT)

    def query_pin(self) -> int:
        """Status word of VERIFY without data."""
        if not self.memory.read("pin/value"):
            return 0x9000
        left = self.pin_tries()
        return 0x63C0 | left if left else self.readings.locked_query_sw

    def change_pin(self, data: bytes) -> None:
        """``old || FF || new``. Raises 6A80, 6982, 6983 or 63Cx."""
        old, separator, new = data.partition(b"\xff")
        if not separator:
            raise StatusError(0x6A80)
        if not new:
            raise StatusError(self.readings.change_pin_without_new_sw)
        if not well_formed(new):
            raise StatusError(0x6A80)
        if old:
            self.check_old_pin(old)
        elif self.memory.read("pin/value") and not self.may_change_without_old():
            raise StatusError(0x6982)
        self.set_pin(new)

    def check_old_pin(self, old: bytes) -> None:
        self.verify_pin(old)

    def may_change_without_old(self) -> bool:
        return self.readings.change_pin_without_old == "after-verify" and PIN_RIGHT in self.rights

    def set_pin(self, pin: bytes) -> None:
        self.memory.write("pin/value", pin)
        self.memory.write_number("pin/tries", PIN_TRIES)

    def restore_tries(self) -> None:
        self.memory.write_number("pin/tries", PIN_TRIES)


def well_formed(pin: bytes) -> bool:
    """Packed decimal digits, at least four, F only as the last nibble."""
    digits = pin.hex()
    digits = digits[:-1] if digits.endswith("f") else digits
    return len(pin) <= MOST_PIN_BYTES and digits.isdecimal() and len(digits) >= FEWEST_DIGITS
