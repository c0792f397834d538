"""A kiosk's PIN pad as arithmetic: the terminal's master key inside, the bank's PIN key loaded under it, PIN blocks out. Pure.

The bank really deciphers and verifies what comes out (spec/services.md 3.3), so a load of card payments is one of real cards.
"""

from __future__ import annotations

from protocols.wire.bank.ciphers import TRIPLE_DES, same
from protocols.wire.platform.models import PinKey
from simulators.peer.bank_keys import TEST_FLEET_KEY

__all__ = ["Pad"]


class Pad:
    """*bank_terminal* is the terminal's number at the bank (field 41)."""

    def __init__(self, bank_terminal: str, fleet_key: str = TEST_FLEET_KEY) -> None:
        self._master = TRIPLE_DES.diversify(bytes.fromhex(fleet_key), bank_terminal)
        self._key = b""
        self.version = ""

    @property
    def ready(self) -> bool:
        """A PIN key is loaded."""
        return bool(self._key)

    def load(self, key: PinKey) -> bool:
        """Take over a working key; False for one whose check value is another one's: nothing is loaded then."""
        clear = TRIPLE_DES.decipher(self._master, bytes.fromhex(key.cipher))
        told = bytes.fromhex(key.check_value)
        if not told or not same(TRIPLE_DES.check_value(clear)[: len(told)], told):
            return False
        self._key, self.version = clear, key.version
        return True

    def block(self, pin: str, pan: str) -> str:
        """The enciphered ISO 9564 block in hexadecimal. A key must be loaded."""
        assert self._key, "a key is loaded before a PIN is entered"
        return TRIPLE_DES.encipher(self._key, TRIPLE_DES.pin_block(pin, pan)).hex().upper()
