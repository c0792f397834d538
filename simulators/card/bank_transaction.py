"""One transaction of the bank application, from GET PROCESSING OPTIONS to its last cryptogram.

Source: spec/cards.md 2.2 (CVR, data of cryptogram version 01, issuer application data); JR/T 0025.5 annex A.2 for the bits
of the CVR that the document leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from protocols.wire.pboc import Kind
from simulators.card.bank_keys import ALGORITHM_OF, application_cryptogram, response_cryptogram, session_key
from simulators.card.crypto import CipherSuite

__all__ = ["ACCEPTED", "OFFLINE", "Stage", "Transaction"]

KEY_INDEX, CRYPTOGRAM_VERSION = 0x01, 0x01
AIP_TAG, COUNTER_TAG = 0x82, 0x9F36
SIGNED = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37, AIP_TAG, COUNTER_TAG)
"""What a cryptogram of version 01 covers, besides the CVR behind it."""

ACCEPTED = frozenset({b"00", b"10", b"11", b"01", b"02"})
"""Response codes of the issuer after which the card may accept; 01 and 02 leave it to the terminal."""
OFFLINE = frozenset({b"Y3", b"Z3"})
"""What a terminal says that got no answer."""

_FIRST = {Kind.AAC: 0x00, Kind.TC: 0x10, Kind.ARQC: 0x20}
_SECOND = {Kind.AAC: 0x00, Kind.TC: 0x40, None: 0x80}
_FAILED_NOW, _NO_LINE = 0x08, 0x01
_PENDING_BEFORE, _FAILED_BEFORE, _NOT_AUTHENTICATED = 0x80, 0x08, 0x04


class Stage(Enum):
    """``OPEN`` before the first cryptogram, ``ONLINE`` after an ARQC, ``ENDED`` after the last one."""

    OPEN = "open"
    ONLINE = "online"
    ENDED = "ended"


class Transaction:
    """Volatile: it is gone with the supply. ``issuer`` None until EXTERNAL AUTHENTICATE came, then whether it was right;
    ``code`` the response code that came with it."""

    def __init__(self, suite: CipherSuite, key: bytes, counter: int, aip: bytes) -> None:
        self.suite, self.counter, self.aip = suite, counter, aip
        self.session = session_key(suite, key, counter)
        self.stage = Stage.OPEN
        self.issuer: bool | None = None
        self.code = b""
        self.arqc = b""
        self._results = bytearray(2)
        self._first = self._second = 0

    @property
    def verification_results(self) -> bytes:
        """CVR, four bytes. Nothing was verified offline and no script came, so its last byte is zero."""
        return bytes((0x03, self._first | self._second | self._results[0], self._results[1], 0x00))

    def begin(self, *, pending: bool, failed: bool) -> None:
        """What is left over from the transaction before: one that never came to its end, an issuer that was not genuine."""
        self._results[1] |= (_PENDING_BEFORE if pending else 0) | (_FAILED_BEFORE if failed else 0)

    def first(self, kind: Kind, values: Mapping[int, bytes]) -> bytes:
        """The first cryptogram: *kind* as the card decided it."""
        self._first, self._second = _FIRST[kind], _SECOND[None]
        self.stage = Stage.ONLINE if kind is Kind.ARQC else Stage.ENDED
        value = self._cryptogram(values)
        self.arqc = value if kind is Kind.ARQC else b""
        return value

    def second(self, kind: Kind, values: Mapping[int, bytes], *, offline: bool) -> bytes:
        """The second and last one. *offline*: the terminal got no answer, so that nobody could be authenticated."""
        self._second = _SECOND[kind]
        if offline:
            self._results[0] |= _NO_LINE
        elif self.issuer is None:
            self._results[1] |= _NOT_AUTHENTICATED
        self.stage = Stage.ENDED
        return self._cryptogram(values)

    def authenticate(self, proof: bytes, code: bytes) -> bool:
        """Whether *proof* is the issuer's ARPC for this ARQC and *code*; kept for the end."""
        genuine = proof == response_cryptogram(self.suite, self.session, self.arqc, code)
        self.issuer, self.code = genuine, code
        if not genuine:
            self._results[0] |= _FAILED_NOW
        return genuine

    def issuer_data(self, more: bytes) -> bytes:
        """9F10: key index, version, CVR, algorithm; *more* is the issuer's own."""
        algorithm = next(byte for byte, name in ALGORITHM_OF.items() if name == self.suite.name)
        fixed = bytes((KEY_INDEX, CRYPTOGRAM_VERSION)) + self.verification_results + bytes((algorithm,))
        return bytes((len(fixed),)) + fixed + (bytes((len(more),)) + more if more else b"")

    def _cryptogram(self, values: Mapping[int, bytes]) -> bytes:
        known = {**values, AIP_TAG: self.aip, COUNTER_TAG: self.counter.to_bytes(2, "big")}
        data = b"".join(known[tag] for tag in SIGNED) + self.verification_results
        return application_cryptogram(self.suite, self.session, data)
