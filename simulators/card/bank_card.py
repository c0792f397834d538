"""The bank application of a card: a debit application of PBOC that always goes online (spec/cards.md 2).

Rules beyond the document are those of JR/T 0025.5, chapters 7 and 14 to 16, for a card that supports issuer
authentication without demanding it: what was begun online and not ended is reported in the next transaction, a failed
issuer authentication refuses this one. Issuer scripts, offline PIN and offline data authentication are not offered.
"""

from __future__ import annotations

from typing import ClassVar

from protocols.wire.base import WireError
from protocols.wire.pboc import DEBIT_AID, Kind
from protocols.wire.tlv import Tlv, build_tlv, parse_dol, parse_tlv
from simulators.card.bank_image import (
    AIP,
    BLOCKED,
    CDOL_1,
    CDOL_2,
    LOAD_LOG_FORMAT,
    LOG_FORMAT,
    LOG_SFI,
    BankImage,
    BankProfile,
    build_bank_image,
)
from simulators.card.bank_transaction import ACCEPTED, OFFLINE, Stage, Transaction
from simulators.card.chip import Apdu, Chip, CommandTable, StatusError
from simulators.card.people import DEFAULT_PERSON, Person
from simulators.card.storage import Memory

__all__ = ["BankCard", "build_bank_card"]

MOST_TRANSACTIONS = 0xFFFF
BY_NUMBER = 4
ISSUER_BYTES = 10
"""ARPC and response code."""
COUNTER, LAST_ONLINE, PENDING, FAILED = "bank/counter", "bank/last-online", "bank/pending", "bank/failed"
"""Memory cells: ATC, its value at the last transaction that went online to its end, and what the next one reports."""


class BankCard(Chip):
    """A chip with nothing but a bank application, or that application on another card (see social_security.py)."""

    COMMANDS: ClassVar[CommandTable] = {
        (0x00, 0xA4): ("in", "select"),
        (0x00, 0xB2): ("out", "read_record"),
        (0x80, 0xCA): ("out", "get_data"),
        (0x80, 0xA8): ("in", "get_processing_options"),
        (0x80, 0xAE): ("in", "generate_ac"),
        (0x00, 0x82): ("in", "external_authenticate"),
    }

    def __init__(
        self, memory: Memory, seed: int, image: BankImage, profile: BankProfile, *, contactless: bool = False
    ) -> None:
        super().__init__(memory, seed, contactless=contactless)
        self.image, self.profile = image, profile
        self.name = b""
        self.transaction: Transaction | None = None
        self.begun: dict[int, bytes] = {}

    def answer_to_reset(self) -> bytes:
        """Of a chip that does not exist: T=0, seven historical bytes."""
        return bytes.fromhex("3B670000") + b"ONECARD"

    def forget(self) -> None:
        super().forget()
        self.name, self.transaction, self.begun = b"", None, {}

    def execute(self, apdu: Apdu) -> bytes:
        if self.memory.read("card/blocked"):
            raise StatusError(0x6A81)
        return super().execute(apdu)

    # Selection and reading.

    def named(self, prefix: bytes) -> list[bytes]:
        """Names of this card that begin with *prefix*: the application before the environments."""
        return [name for name in self.image.names if name.startswith(prefix)] if prefix else []

    def select(self, apdu: Apdu) -> bytes:
        """By whole or partial name; P2 02 asks for the next one. Raises 6283 for a blocked application."""
        if apdu.p1 != 0x04 or apdu.p2 not in (0x00, 0x02):
            raise StatusError(0x6A86)
        found = self.named(apdu.data)
        if apdu.p2 == 0x02:
            found = found[found.index(self.name) + 1 :] if self.name in found else []
        if not found:
            raise StatusError(0x6A82)
        self.transaction = None
        if found[0] == DEBIT_AID and self.memory.read(BLOCKED):
            self.name = b""
            raise StatusError(0x6283)
        self.name = found[0]
        return self.image.names[self.name]

    def read_record(self, apdu: Apdu) -> bytes:
        if apdu.p2 & 0x07 != BY_NUMBER or not 1 <= apdu.p2 >> 3 <= 30:
            raise StatusError(0x6A86)
        file = self.image.files.get((self.name, apdu.p2 >> 3))
        if file is None:
            raise StatusError(0x6A82)
        records = file.records(self.memory)
        if not 1 <= apdu.p1 <= len(records):
            raise StatusError(0x6A83)
        return records[apdu.p1 - 1]

    def get_data(self, apdu: Apdu) -> bytes:
        """One data object with its tag. Raises 6985 outside the application, 6A88 for any other tag."""
        self.demand_application()
        tag = apdu.p1 << 8 | apdu.p2
        known = {0x9F4F: bytes.fromhex(LOG_FORMAT), 0xDF4F: bytes.fromhex(LOAD_LOG_FORMAT)}
        if self.profile.counters:
            known |= {0x9F36: self.number(COUNTER), 0x9F13: self.number(LAST_ONLINE)}
        if tag not in known:
            raise StatusError(0x6A88)
        return build_tlv([Tlv(tag, known[tag])])

    def number(self, cell: str) -> bytes:
        return self.memory.read_number(cell).to_bytes(2, "big")

    def demand_application(self) -> None:
        if self.name != DEBIT_AID:
            raise StatusError(0x6985)

    # The transaction.

    def get_processing_options(self, apdu: Apdu) -> bytes:
        """Begin a transaction: the counter goes up, and stays up. Raises 6985 for a second one without a new selection,
        and at the end of the counter, where the application is blocked for good."""
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        self.demand_application()
        self.check_options(apdu.data)
        counter = self.memory.read_number(COUNTER) + 1
        if self.transaction is not None or counter > MOST_TRANSACTIONS:
            raise StatusError(0x6985)
        self.memory.write_number(COUNTER, counter)
        if counter == MOST_TRANSACTIONS:
            self.memory.write(BLOCKED, b"\x01")
            self.memory.commit()
            raise StatusError(0x6985)
        self.transaction = Transaction(self.image.suite, self.image.key, counter, AIP)
        self.transaction.begin(pending=self.flag(PENDING), failed=self.flag(FAILED))
        return self.answer(AIP + self.image.afl, Tlv(0x82, AIP), Tlv(0x94, self.image.afl))

    def check_options(self, data: bytes) -> None:
        """``83`` and as much as the PDOL asks for. Raises 6A80 for another form, 6700 for another length."""
        try:
            objects = parse_tlv(data)
        except WireError:
            objects = ()
        if len(objects) != 1 or objects[0].tag != 0x83:
            raise StatusError(0x6A80)
        if len(objects[0].value) != sum(length for _, length in parse_dol(self.image.pdol)):
            raise StatusError(0x6700)

    def answer(self, joined: bytes, *parts: Tlv) -> bytes:
        """In format 1 or 2; the contactless face speaks format 2 only (spec/cards.md 2.1)."""
        if self.profile.answer == "80" and not self.contactless:
            return build_tlv([Tlv(0x80, joined)])
        return build_tlv([Tlv(0x77, children=parts)])

    def flag(self, cell: str) -> bool:
        return self.memory.read(cell) == b"\x01"

    def set_flag(self, cell: str, on: bool) -> None:
        if self.flag(cell) != on:
            self.memory.write(cell, b"\x01" if on else b"\x00")

    def under_way(self) -> Transaction:
        """Raises 6985 before a transaction, and after its last cryptogram."""
        if self.transaction is None or self.transaction.stage is Stage.ENDED:
            raise StatusError(0x6985)
        return self.transaction

    def generate_ac(self, apdu: Apdu) -> bytes:
        """AAC, TC or ARQC as P1 asks, or as the card decides. Raises 6A86, 6985, and 6700 for data of another length."""
        transaction = self.under_way()
        if apdu.p2 or apdu.p1 & 0x3F or apdu.p1 == 0xC0:
            raise StatusError(0x6A86)
        asked = Kind(apdu.p1)
        if transaction.stage is Stage.OPEN:
            kind, value = self.first(transaction, asked, listed(CDOL_1, apdu.data))
        else:
            kind, value = self.second(transaction, asked, listed(CDOL_2, apdu.data))
        information, counter = bytes((kind,)), transaction.counter.to_bytes(2, "big")
        issuer = transaction.issuer_data(self.profile.more_issuer_data)
        parts = Tlv(0x9F27, information), Tlv(0x9F36, counter), Tlv(0x9F26, value), Tlv(0x9F10, issuer)
        return self.answer(information + counter + value + issuer, *parts)

    def first(self, transaction: Transaction, asked: Kind, values: dict[int, bytes]) -> tuple[Kind, bytes]:
        """Whoever does not refuse goes online: nothing is accepted offline."""
        if asked is Kind.AAC:
            return Kind.AAC, transaction.first(Kind.AAC, values)
        self.set_flag(PENDING, on=True)
        # For the log, in which the last list of the card does not have everything.
        self.begun = values
        return Kind.ARQC, transaction.first(Kind.ARQC, values)

    def second(self, transaction: Transaction, asked: Kind, values: dict[int, bytes]) -> tuple[Kind, bytes]:
        """TC where terminal and issuer want it and nobody spoke in the issuer's name falsely. Raises 6985 for an ARQC."""
        if asked is Kind.ARQC:
            raise StatusError(0x6985)
        said = values[0x8A]
        offline = said in OFFLINE
        code = said if transaction.issuer is None else transaction.code
        accepted = asked is Kind.TC and not offline and code in ACCEPTED
        kind = Kind.TC if accepted and transaction.issuer is not False else Kind.AAC
        if not offline and transaction.issuer is not False:
            self.set_flag(PENDING, on=False)
        if kind is Kind.TC:
            self.memory.write_number(LAST_ONLINE, transaction.counter)
            self.log(transaction, {**self.begun, **values})
        return kind, transaction.second(kind, values, offline=offline)

    def log(self, transaction: Transaction, values: dict[int, bytes]) -> None:
        """Keep an accepted transaction: the newest is record 1."""
        known = {**values, 0x9F36: transaction.counter.to_bytes(2, "big")}
        record = b"".join(known[tag] for tag, _ in parse_dol(bytes.fromhex(LOG_FORMAT)))
        self.image.files[DEBIT_AID, LOG_SFI].append(self.memory, record)

    def external_authenticate(self, apdu: Apdu) -> bytes:
        """ARPC and response code, once a transaction. Raises 6A86, 6700, 6985, and 6300 for a wrong one."""
        if apdu.p1 or apdu.p2:
            raise StatusError(0x6A86)
        transaction = self.under_way()
        if len(apdu.data) != ISSUER_BYTES:
            raise StatusError(0x6700)
        if transaction.stage is not Stage.ONLINE:
            raise StatusError(0x6985)
        again = transaction.issuer is not None
        if not again and transaction.authenticate(apdu.data[:8], apdu.data[8:]):
            self.set_flag(FAILED, on=False)
            return b""
        # Kept although the command is refused: the next transaction reports it.
        self.set_flag(FAILED, on=True)
        self.memory.commit()
        raise StatusError(0x6985 if again else 0x6300)


def listed(wanted: str, data: bytes) -> dict[int, bytes]:
    """*data* by tag, as the list *wanted* (hexadecimal) orders it. Raises 6700 for another length."""
    found: dict[int, bytes] = {}
    at = 0
    for tag, length in parse_dol(bytes.fromhex(wanted)):
        found[tag] = data[at : at + length]
        at += length
    if at != len(data):
        raise StatusError(0x6700)
    return found


def build_bank_card(
    person: Person | None = None,
    *,
    seed: int = 0,
    profile: BankProfile | None = None,
    contactless: bool = False,
    issuer_key: bytes | None = None,
    memory: Memory | None = None,
) -> BankCard:
    """A new bank card of *person*, without a social security application; ``power_on`` it before use.

    *memory* of another face of the same card makes both share their counters.
    """
    profile = profile or BankProfile()
    image = build_bank_image(person or DEFAULT_PERSON, profile, issuer_key)
    if memory is None:
        memory = Memory()
        memory.personalise(image.cells)
    return BankCard(memory, seed, image, profile, contactless=contactless)
