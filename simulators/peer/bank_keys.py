"""The bank's keys: master keys of terminals, working keys, MACs, PINs, and the tokens under which it knows cards.

Sources: spec/services.md 3.3. A clear key never leaves this module; a clear PIN never outlives a call.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache

from protocols.seeded import SeededChoice
from protocols.wire.bank.ciphers import BankSuite, same, suite_of
from protocols.wire.bank.fields import MAC_FIELD
from protocols.wire.bank.message import Message, encode_signed
from protocols.wire.bank.working_keys import (
    WorkingKeys,
    clear_key,
    decode_working_keys,
    enciphered,
    encode_working_keys,
)
from protocols.wire.base import WireError

__all__ = ["DOUBLE", "SINGLE", "TEST_FLEET_KEY", "WITH_TRACK", "BankKeys"]

TEST_FLEET_KEY = "89ABCDEF0123456710325476BA98FEDC"
"""From which the master key of every simulated terminal comes. Real ones are unknown to this project, and not wanted."""

DOUBLE, SINGLE, WITH_TRACK = "003", "001", "004"
"""Network codes (60.3) of a sign-in: double-length keys, single-length ones, double-length ones with a track key."""


class BankKeys:
    """*fleet_key* 16 bytes; *own_keys* master keys of single terminals that do not come from it; *mac_key_bytes* 8 or
    16: how long the MAC keys are that this bank gives out (3DES only)."""

    def __init__(self, seed: int, fleet_key: bytes, own_keys: Mapping[str, bytes], mac_key_bytes: int) -> None:
        if len(fleet_key) != 16 or any(len(key) != 16 for key in own_keys.values()):
            raise ValueError("a master key has 16 bytes: write 32 hexadecimal digits")
        if mac_key_bytes not in (8, 16):
            raise ValueError("mac_key_bytes is 8 or 16")
        self._seed, self._fleet_key, self._own_keys, self._mac_key_bytes = seed, fleet_key, own_keys, mac_key_bytes
        self._token_key = hmac.new(fleet_key, b"card token", hashlib.sha256).digest()
        self._clear_keys = lru_cache(4096)(self._find_clear_keys)

    # Working keys.

    def draw(self, terminal: str, sign_in: int, network: str, application: str) -> str:
        """Field 62 for the *sign_in*-th sign-in of a terminal: fresh keys, enciphered."""
        suite, choice = suite_of(application), SeededChoice(self._seed, f"working keys {terminal} {sign_in}")
        master = self._master_key(suite, terminal)
        length = 8 if network == SINGLE and suite.name == "3des" else 16
        mac_length = min(length, self._mac_key_bytes) if suite.name == "3des" else 16
        pin, mac, track = choice.bytes(length), choice.bytes(mac_length), choice.bytes(length)
        keys = WorkingKeys(
            enciphered(suite, master, pin),
            enciphered(suite, master, mac),
            enciphered(suite, master, track) if network == WITH_TRACK else None,
        )
        return encode_working_keys(keys)

    def _master_key(self, suite: BankSuite, terminal: str) -> bytes:
        return self._own_keys.get(terminal) or suite.diversify(self._fleet_key, terminal)

    def _find_clear_keys(self, terminal: str, application: str, keys: str) -> tuple[bytes, bytes]:
        """PIN key and MAC key."""
        suite, found = suite_of(application), decode_working_keys(keys)
        master = self._master_key(suite, terminal)
        return clear_key(suite, master, found.pin), clear_key(suite, master, found.mac)

    # MACs.

    def mac_is_right(self, message: Message, data: bytes, application: str, keys: str) -> bool:
        """True when field 64 is the MAC of *data* under the working keys *keys* of the terminal in field 41."""
        _, key = self._clear_keys(message[41], application, keys)
        return same(bytes.fromhex(message[MAC_FIELD]), suite_of(application).mac(key, data))

    def encode_signed(self, message: Message, application: str, keys: str) -> bytes:
        """The frame of *message* with its MAC."""
        _, key = self._clear_keys(message[41], application, keys)
        return encode_signed(message, lambda data: suite_of(application).mac(key, data))

    # PINs and cards.

    def pin_is(self, message: Message, application: str, keys: str, pan: str, right: str) -> bool | None:
        """Whether the PIN in field 52 is *right*; None when what is in there is no PIN block for that card."""
        suite = suite_of(application)
        pin_key, _ = self._clear_keys(message[41], application, keys)
        try:
            entered = suite.pin_of(suite.decipher(pin_key, bytes.fromhex(message[52])), pan)
        except WireError:
            return None
        return None if entered is None else hmac.compare_digest(entered, right)

    def token(self, pan: str) -> str:
        """The card's name in events and books."""
        return hmac.new(self._token_key, pan.encode(), hashlib.sha256).hexdigest()[:24]

    def digest(self, data: bytes) -> str:
        """By which a repeat of the very same message is known. Keyed, so that nothing can be tried against it."""
        return hmac.new(self._token_key, data, hashlib.sha256).hexdigest()[:16]
