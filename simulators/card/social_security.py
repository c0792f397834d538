"""Social security cards of generations 1.0, 2.0 and 3.0 (spec/cards.md 1); from 2.0 on with a bank application beside it.

Between the two stands a firewall: one of them has the card at a time, and what was proved to the other is lost with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from protocols.wire.social_security import SSSE_NAME
from simulators.card.account import ACCOUNT_COMMANDS, MedicalAccount
from simulators.card.bank_card import BankCard
from simulators.card.bank_image import BankProfile, build_bank_image
from simulators.card.chip import Apdu, CommandTable, Direction, StatusError, contactless_atr
from simulators.card.commands import CardCommands
from simulators.card.crypto import ALGORITHM_IDS, TEST_ROOT_KEY, CipherSuite, cipher_suite, level_factors
from simulators.card.files import DedicatedFile
from simulators.card.layout import KEY_IDS, Image, build_image
from simulators.card.people import DEFAULT_PERSON, Person
from simulators.card.readings import Readings
from simulators.card.security import RK, KeyRing, Security
from simulators.card.storage import Memory

__all__ = ["GENERATIONS", "Parts", "Readings", "SocialSecurityCard", "build_card", "derive_card_key"]

GENERATIONS = ("1.0", "2.0", "3.0")
FINANCIAL = ("2.0", "3.0")
"""Generations with financial function."""
CHIP_BYTES = "0081534D4386"
"""Historical bytes T1..T6 and the first of T7, of a chip that does not exist (spec/cards.md 1.1)."""


SELECT_NAME, SELECT_MF = bytes.fromhex("00A40400"), bytes.fromhex("00A40000023F00")


class SocialSecurityCard(CardCommands):
    """One face of a social security card. Build it with :func:`build_card`."""

    COMMANDS: ClassVar[CommandTable] = {
        **CardCommands.COMMANDS,
        **{key: ("in" if way == "in" else "out", method) for key, (way, method) in ACCOUNT_COMMANDS.items()},
    }

    generation: str
    historical: bytes
    account: MedicalAccount
    bank: BankCard | None = None
    """The financial function; powered while it is selected."""

    def transmit(self, apdu: bytes) -> bytes:
        bank = self.bank
        if bank is None or not self.powered:
            return super().transmit(apdu)
        if self.calls_bank(bank, apdu):
            if not bank.powered:
                self.forget()
                bank.power_on()
        elif bank.powered and self.calls_back(apdu):
            bank.power_off()
        return bank.transmit(apdu) if bank.powered else super().transmit(apdu)

    @staticmethod
    def calls_bank(bank: BankCard, apdu: bytes) -> bool:
        """SELECT by a name of the bank's. The payment environment has the name of MF, and goes before it."""
        return apdu[:4] == SELECT_NAME and bool(bank.named(apdu[5:][: apdu[4]] if len(apdu) > 5 else b""))

    def calls_back(self, apdu: bytes) -> bool:
        """SELECT by a name of this application's own, or of MF by its identifier."""
        if apdu[:4] == SELECT_NAME and len(apdu) > 5:
            return self.tree.by_name(apdu[5:][: apdu[4]]) is not None
        return apdu[:7] == SELECT_MF

    def answer_to_reset(self) -> bytes:
        if self.contactless:
            return contactless_atr(self.historical)
        return bytes.fromhex("3B6D0000") + self.historical

    def forget(self) -> None:
        super().forget()
        if self.bank is not None:
            self.bank.power_off()
        # The chip's own start sets up the state before its account exists.
        if hasattr(self, "account"):
            self.account.drop()

    def execute(self, apdu: Apdu) -> bytes:
        self.account.next_command()
        return super().execute(apdu)

    def find_command(self, apdu: Apdu) -> tuple[Direction, str]:
        if (apdu.cla, apdu.ins) == (0xB0, 0x56):
            return ("out" if apdu.p1 else "in"), "account_start_day"
        return super().find_command(apdu)

    def fci(self, df: DedicatedFile) -> bytes:
        """As printed in spec/cards.md 1.2; empty for an application where the reading says so."""
        if df.name == SSSE_NAME:
            return template(df.name, self.proprietary())
        if df.label.startswith("DF") and self.readings.select_df_answer == "status-only":
            return b""
        return super().fci(df)

    def proprietary(self) -> bytes:
        """Value of A5: SFI of the directory, and from 3.0 on the algorithm."""
        directory = bytes.fromhex("88011E")
        if self.generation < "3.0":
            return directory
        return directory + bytes.fromhex("9F0C038601") + bytes((self.algorithm_id(),))

    def algorithm_id(self) -> int:
        name = self.security.suite.name if self.readings.fci_algorithm == "by-algorithm" else "sm4"
        return ALGORITHM_IDS[name]

    # The medical account answers in DF04 only.

    def in_account(self) -> MedicalAccount:
        if self.df.label != "DF04":
            raise StatusError(0x6985)
        return self.account

    def account_init(self, apdu: Apdu) -> bytes:
        return self.in_account().init(apdu)

    def account_debit(self, apdu: Apdu) -> bytes:
        return self.in_account().debit(apdu)

    def account_credit(self, apdu: Apdu) -> bytes:
        return self.in_account().credit(apdu)

    def account_balance(self, apdu: Apdu) -> bytes:
        return self.in_account().read_balance(apdu)

    def account_proof(self, apdu: Apdu) -> bytes:
        return self.in_account().proof(apdu)

    def account_start_day(self, apdu: Apdu) -> bytes:
        if apdu.p1 > 1 or apdu.p2:
            raise StatusError(0x6A86)
        if apdu.p1 == 1:
            return self.in_account().start_day()
        self.in_account().set_start_day(apdu.data)
        return b""


def template(name: bytes, proprietary: bytes) -> bytes:
    """FCI template ``6F{84, A5}``."""
    inner = bytes((0x84, len(name))) + name + bytes((0xA5, len(proprietary))) + proprietary
    return bytes((0x6F, len(inner))) + inner


@dataclass(frozen=True, slots=True)
class Parts:
    """The classes that a card is made of: a faulty card exchanges one of them. ``suite`` replaces the cipher suite."""

    card: type[SocialSecurityCard] = SocialSecurityCard
    security: type[Security] = Security
    account: type[MedicalAccount] = MedicalAccount
    memory: type[Memory] = Memory
    suite: type[CipherSuite] | None = None
    bank: type[BankCard] = BankCard


def derive_card_key(suite: CipherSuite, root: bytes, area: str, historical: bytes) -> bytes:
    """The card's own key: *root* diversified through the three levels."""
    for factor in level_factors(area, historical):
        root = suite.diversify(root, factor)
    return root


def build_card(
    generation: str = "3.0",
    *,
    algorithm: str | None = None,
    person: Person | None = None,
    seed: int = 0,
    readings: Readings | None = None,
    contactless: bool = False,
    area: str = "441900",
    root_key: bytes = TEST_ROOT_KEY,
    memory: Memory | None = None,
    parts: Parts | None = None,
    bank: BankProfile | None = None,
) -> SocialSecurityCard:
    """A new card; ``power_on`` it before use.

    *algorithm* ``3des`` or ``sm4``; by default 3DES before 3.0 and SM4 from then on. *memory* of another face of the
    same card makes both share files, counters and money. *bank* is the bank application of a card of 2.0 or 3.0, where
    it is not the usual one. Raises ValueError for a generation, algorithm or area that
    does not exist.
    """
    if generation not in GENERATIONS:
        raise ValueError(f"card generation {generation!r} is unknown; known: {', '.join(GENERATIONS)}")
    if len(area) != 6 or not area.isdecimal():
        raise ValueError(f"area code {area!r} must be six digits")
    parts, readings, person = parts or Parts(), readings or Readings(), person or DEFAULT_PERSON
    suite = parts.suite() if parts.suite else cipher_suite(algorithm or ("sm4" if generation == "3.0" else "3des"))
    image = build_image(generation, person, area, readings)
    profile = bank or BankProfile()
    financial = build_bank_image(person, profile) if generation in FINANCIAL else None
    if memory is None:
        memory = parts.memory()
        memory.personalise({**image.cells, **(financial.cells if financial else {})})
    historical = bytes.fromhex(CHIP_BYTES + "60" + area[:4] + person.serial)
    ring = key_ring(derive_card_key(suite, root_key, area, historical), generation, readings)
    card = _assemble(parts, memory, seed, image, suite, ring, readings, contactless, generation, historical)
    if financial is not None:
        card.bank = parts.bank(memory, seed, financial, profile, contactless=contactless)
    return card


def _assemble(
    parts: Parts,
    memory: Memory,
    seed: int,
    image: Image,
    suite: CipherSuite,
    ring: KeyRing,
    readings: Readings,
    contactless: bool,
    generation: str,
    historical: bytes,
) -> SocialSecurityCard:
    def random(length: int) -> bytes:
        return card.random(length)

    security = parts.security(memory, suite, ring, random, readings)
    card: Any = parts.card(memory, seed, image.tree, security, readings, contactless=contactless)
    card.generation, card.historical = generation, historical
    log = image.tree.by_label("DF04").files[0xEF08]
    card.account = parts.account(memory, security, log, random)
    return card


def key_ring(key: bytes, generation: str, readings: Readings) -> KeyRing:
    """Every key of the card under its identifier; all are *key*, as in the vectors of spec/cards.md 1.6."""
    keys = {df: dict.fromkeys(ids.values(), key) for df, ids in KEY_IDS.items()}
    if not readings.has_rkssse(generation):
        del keys["SSSE"][RK]
    return KeyRing(keys, key, key, key)
