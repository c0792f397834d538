"""What must not be found in anything that a flow leaves behind, in every form in which it could stand there.

Two rules besides the forms of protocols/wire/privacy.py. A PIN is six digits, so that hexadecimal text would hold it by chance:
in letters it counts only where it stands alone, and packed only with what a PIN block puts around it. A key also counts as base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from protocols.wire.bank.ciphers import TRIPLE_DES
from protocols.wire.bank.working_keys import clear_key, decode_working_keys
from protocols.wire.base import Privacy
from protocols.wire.privacy import Leak, find_leaks
from scenarios.flow.model import Flow
from scenarios.live_services import terminal_of
from simulators.peer.bank_keys import DOUBLE, TEST_FLEET_KEY, BankKeys
from simulators.peer.city import City

__all__ = ["ALLOWED", "FlowSecrets", "secrets_of_flow"]

SIGN_INS = 8
"""So many working keys of the terminal are looked for: a flow signs in once, and once more after each restart."""

_BEFORE = frozenset(bytes((each,)) for each in b"0123456789ABCDEFabcdef.:-")
_AFTER = frozenset(bytes((each,)) for each in b"0123456789ABCDEFabcdef")
_PEOPLE = frozenset({Privacy.NAME, Privacy.ID_NUMBER})

ALLOWED: Mapping[str, frozenset[Privacy]] = {
    "bank": frozenset({Privacy.CARD_NUMBER}),
    "his": _PEOPLE | {Privacy.CARD_NUMBER},
    "his_xml": _PEOPLE | {Privacy.CARD_NUMBER},
    "insurance": _PEOPLE | {Privacy.CARD_NUMBER},
    "credential": _PEOPLE,
    "notify": frozenset({Privacy.NAME}),
    "file backend.db": frozenset({Privacy.CARD_NUMBER}),
    "file backend.db-wal": frozenset({Privacy.CARD_NUMBER}),
}
"""What a message to a peer has to hold: the bank is asked about a card, the HIS and the insurance about a person with a social
security card, and the platform keeps the number of that card with its trade, because every later message to the insurance names it.
Everywhere else nothing at all is allowed. The number of a bank card is never among what
they may hold: see :attr:`FlowSecrets.pans`."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """``literal`` anywhere; with ``fold`` in letters of any case; with ``alone`` not as a part of something longer."""

    privacy: Privacy
    form: str
    literal: bytes
    fold: bool = False
    alone: bool = False

    def places(self, data: bytes, folded: bytes) -> Iterator[int]:
        where, literal = (folded, self.literal.upper()) if self.fold else (data, self.literal)
        at = where.find(literal)
        while at >= 0:
            if not self.alone or _alone(data, at, at + len(literal)):
                yield at
            at = where.find(literal, at + 1)


@dataclass(frozen=True)
class FlowSecrets:
    """``literals`` are searched as protocols/wire/privacy.py does; ``pins`` with the card number of each; ``keys`` in the
    clear, ``field_62`` the working keys among them as the bank gives them out; ``pans`` bank card numbers."""

    literals: tuple[tuple[Privacy, bytes], ...]
    pins: tuple[tuple[str, str], ...]
    keys: tuple[bytes, ...]
    pans: tuple[bytes, ...]
    field_62: frozenset[str] = frozenset()

    @cached_property
    def _patterns(self) -> tuple[_Pattern, ...]:
        found: list[_Pattern] = []
        for pin, pan in self.pins:
            found.append(_Pattern(Privacy.PIN, "ascii", pin.encode(), alone=True))
            found.append(_Pattern(Privacy.PIN, "ascii hex", pin.encode().hex().encode()))
            for name, block in _pin_blocks(pin, pan).items():
                found.append(_Pattern(Privacy.PIN, name, block))
                found.append(_Pattern(Privacy.PIN, f"{name} hex", block.hex().encode(), fold=True))
        for key in self.keys:
            found.append(_Pattern(Privacy.KEY, "raw", key))
            found.append(_Pattern(Privacy.KEY, "hex", key.hex().encode(), fold=True))
            found.append(_Pattern(Privacy.KEY, "base64", base64.b64encode(key).rstrip(b"=")))
        return tuple(found)

    def find(self, data: bytes, place: str = "") -> list[Leak]:
        """Everything in *data* that *place* (see :data:`ALLOWED`) must not hold."""
        allowed, folded = ALLOWED.get(place, frozenset()), data.upper()
        found = [
            Leak(each.privacy, each.form, at)
            for each in self._patterns
            for at in each.places(data, folded)
            if each.privacy not in allowed
        ]
        forbidden = [(privacy, literal) for privacy, literal in self.literals if privacy not in allowed]
        if place != "bank" and Privacy.CARD_NUMBER in allowed:
            forbidden += [(Privacy.CARD_NUMBER, pan) for pan in self.pans]
        return sorted([*found, *find_leaks(data, forbidden)], key=lambda leak: leak.at)

    def plants(self) -> Iterable[tuple[Privacy, str, bytes]]:
        """Every secret in every form, each between harmless bytes: a search that does not find all of them proves nothing."""
        for pin, pan in self.pins:
            yield Privacy.PIN, "ascii", f'{{"pin": "{pin}"}}'.encode()
            for name, block in _pin_blocks(pin, pan).items():
                yield Privacy.PIN, name, b"\x00" + block + b"\x00"
                yield Privacy.PIN, f"{name} hex", b"data=" + block.hex().upper().encode()
            yield Privacy.PIN, "ascii hex", pin.encode().hex().encode()
        for key in self.keys:
            yield Privacy.KEY, "raw", b"\x01" + key
            yield Privacy.KEY, "hex upper", key.hex().upper().encode()
            yield Privacy.KEY, "hex lower", b"key: " + key.hex().encode()
            yield Privacy.KEY, "base64", base64.b64encode(key)
        for privacy, literal in self.literals:
            yield privacy, "raw", b"x" + literal + b"y"
            yield privacy, "hex upper", literal.hex().upper().encode()
            yield privacy, "hex lower", literal.hex().encode()
            if literal.isdigit():
                packed = literal.decode() + "F" * (len(literal) % 2)
                yield privacy, "bcd", b"\x00" + bytes.fromhex(packed)


def _pin_blocks(pin: str, pan: str) -> dict[str, bytes]:
    """The PIN packed: the clear field of ISO 9564 format 0, the clear block that is made of it and the card number, packed
    digits behind their length and before their padding, and in the command that verifies it."""
    digits = bytes.fromhex(pin + "F" * (len(pin) % 2))
    length = bytes((len(pin),))
    field = bytes.fromhex(f"{len(pin):02X}{pin}".ljust(16, "F"))
    blocks = {
        "clear field": field,
        "bcd": length + digits,
        "bcd padded": digits + b"\xff",
        "verify": bytes.fromhex("00200000") + bytes((len(digits),)) + digits,
    }
    if pan:
        blocks["clear block"] = TRIPLE_DES.pin_block(pin, pan)
    return blocks


def _alone(data: bytes, start: int, end: int) -> bool:
    """True where digits stand by themselves: what surrounds them is no part of a number, a time, or hexadecimal text."""
    before, after = data[start - 1 : start] if start else b"", data[end : end + 1]
    return before not in _BEFORE and after not in _AFTER


def secrets_of_flow(flow: Flow) -> FlowSecrets:
    """Computed from the numbers in the flow alone, so that a gate needs no file in which they stand."""
    literals: list[tuple[Privacy, bytes]] = []
    pins: list[tuple[str, str]] = []
    pans: list[bytes] = []
    for number in sorted({flow.citizen, *(each.resident or flow.citizen for each in flow.cards.values())}):
        resident = City().resident(number)
        assert resident is not None, "the model has looked"
        person = resident.person
        pans.append(resident.pan.encode())
        pins += [(resident.bank_pin, resident.pan), (person.pin, "")]
        literals += [
            (Privacy.NAME, person.name.encode("gbk")),
            (Privacy.NAME, person.name.encode("utf-8")),
            (Privacy.NAME, json.dumps(person.name)[1:-1].encode()),
            (Privacy.ID_NUMBER, person.id_number.encode()),
            (Privacy.CARD_NUMBER, person.card_number.encode()),
            (Privacy.CARD_NUMBER, resident.pan.encode()),
        ]
    keys, given_out = _keys(flow)
    return FlowSecrets(tuple(literals), tuple(pins), keys, tuple(pans), given_out)


def _keys(flow: Flow) -> tuple[tuple[bytes, ...], frozenset[str]]:
    """The fleet key, this terminal's master key, and its working keys of the first sign-ins, all in the clear."""
    bench = flow.stood
    terminal, fleet = terminal_of(bench).bank_terminal, bytes.fromhex(TEST_FLEET_KEY)
    master = TRIPLE_DES.diversify(fleet, terminal)
    found = [fleet, master]
    bank = BankKeys(bench.seed, fleet, {}, 8)
    given_out = [bank.draw(terminal, sign_in, DOUBLE, "60") for sign_in in range(1, SIGN_INS + 1)]
    for keys in map(decode_working_keys, given_out):
        found += [clear_key(TRIPLE_DES, master, each) for each in (keys.pin, keys.mac)]
    return tuple(found), frozenset(given_out)
