"""Driver of a bank card: how a kiosk reads one and has it sign a payment, through any :class:`CardPort` (spec/cards.md 2).

Pure conversation, in the order of 2.2: payment environment, application, processing options, records, first cryptogram; then,
with the bank's answer, external authentication and the second cryptogram. The card signs online requests only: an amount is
never accepted offline. Time and unpredictable numbers are passed in; every round trip is counted, so that no card can hold
a kiosk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from protocols.driver.card_channel import CardChannel
from protocols.driver.pboc_errors import ApplicationBlocked, CardDeclined, CardMalformed, NoBankApplication
from protocols.driver.pboc_terminal import (
    ABOVE_FLOOR,
    ISSUER_NOT_GENUINE,
    NO_OFFLINE_AUTHENTICATION,
    PURCHASE,
    SCRIPT_FAILED_AFTER,
    SCRIPT_FAILED_BEFORE,
    PbocTerminal,
    Results,
    cardholder_verification,
    fixed_values,
    refuses_at_once,
    transaction_values,
    validity,
)
from protocols.wire.apdu import Command, Response
from protocols.wire.base import Label, WireError
from protocols.wire.pboc import (
    AIDS,
    PPSE_NAME,
    PSE_NAME,
    UNIONPAY_AID,
    ApplicationFci,
    Cryptogram,
    DirectoryEntry,
    FileRange,
    Kind,
    ProcessingOptions,
    build_data,
    parse_application_fci,
    parse_cryptogram,
    parse_directory,
    parse_options,
    parse_track_2,
    record_objects,
)
from protocols.wire.tlv import Tlv, build_tlv, parse_dol, parse_tlv

__all__ = [
    "ApplicationBlocked",
    "BankApplication",
    "BankCardData",
    "CardDeclined",
    "CardMalformed",
    "NoBankApplication",
    "PbocTerminal",
]

BLOCKED_FILE, BLOCKED_CARD = 0x6283, 0x6A81
MOST_ENTRIES = 16
"""Applications or directory records of one card."""
APPROVED = frozenset({"00", "10", "11"})
FIELD_55 = (
    *(0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03, 0x9F33),
    *(0x9F34, 0x9F35, 0x84),
)
"""What a kiosk sends, in this order (spec/cards.md 2.2)."""
MOST_FIELD_55 = 255
_NEEDED = (0x5A, 0x5F24, 0x8C, 0x8D)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BankCardData:
    """What the application tells. ``expiry`` YYMM; ``sequence`` three digits, empty where the card states none; ``track2``
    with ``D`` and without padding, empty where the card has none; ``aip`` two bytes; ``afl`` the records that were read."""

    pan: str = field(repr=False)
    expiry: str = field(repr=False)
    sequence: str
    track2: str = field(repr=False)
    aip: bytes
    afl: tuple[FileRange, ...]


class BankApplication:
    """The bank application of one card. Call :meth:`open`, :meth:`read`, :meth:`authorise`, :meth:`complete` in this order;
    each once for each transaction.

    Calls raise the errors of this module, CardRefused with the status word's label for any other refusal, and
    LinkTimeout or LinkClosed of the port.
    """

    def __init__(self, channel: CardChannel, terminal: PbocTerminal | None = None) -> None:
        self.channel, self.terminal = channel, terminal or PbocTerminal()
        self.aid = b""
        self._fci = ApplicationFci(b"")
        self._options: ProcessingOptions | None = None
        self._values: dict[int, bytes] = {}
        self._results = Results()
        self._said: dict[int, bytes] = {}

    # Selection.

    async def open(self, *, contactless: bool = False) -> bytes:
        """Cold reset and selection: through the card's directory, or where it has none by trying. Gives the AID.

        Raises :class:`NoBankApplication` and :class:`ApplicationBlocked`.
        """
        await self.channel.port.power_on()
        entries = await self._listed(PPSE_NAME if contactless else PSE_NAME)
        if entries is None:
            entries = await self._tried()
        wanted = [each for each in entries if each.aid in AIDS]
        blocked = False
        for entry in sorted(wanted, key=lambda each: each.priority or MOST_ENTRIES):
            answer = await self._select(entry.aid)
            blocked = blocked or answer.sw == BLOCKED_FILE
            if answer.ok:
                self._fci = _parsed(parse_application_fci, answer.data, Label("应用信息", "FCI of the application"))
                self.aid = self._fci.name
                return self.aid
        raise ApplicationBlocked if blocked else NoBankApplication

    async def _select(self, name: bytes, *, next_one: bool = False) -> Response:
        """Raises :class:`ApplicationBlocked` for a card that is blocked as a whole."""
        answer = await self.channel.ask(Command(0x00, 0xA4, 0x04, 0x02 if next_one else 0x00, name, le=256))
        if answer.sw == BLOCKED_CARD and not next_one:
            raise ApplicationBlocked
        return answer

    async def _listed(self, environment: bytes) -> list[DirectoryEntry] | None:
        """Entries of the card's directory; None where it has none, or none that can be read: its application may do."""
        answer = await self._select(environment)
        if not answer.ok:
            return None
        try:
            fci = parse_application_fci(answer.data)
            if fci.directory is None:
                return list(fci.entries) or None
            entries: list[DirectoryEntry] = []
            for number in range(1, MOST_ENTRIES + 1):
                record = await self.channel.ask(Command(0x00, 0xB2, number, fci.directory << 3 | 0x04, le=256))
                if not record.ok:
                    break
                entries += parse_directory(record.data)
        except WireError:
            return None
        return entries or None

    async def _tried(self) -> list[DirectoryEntry]:
        """Applications that answer to the scheme's part of the identifier, one after the other."""
        found: list[DirectoryEntry] = []
        for number in range(MOST_ENTRIES):
            answer = await self._select(UNIONPAY_AID, next_one=number > 0)
            if answer.sw == BLOCKED_FILE and number == 0:
                raise ApplicationBlocked
            if not answer.ok:
                break
            fci = _parsed(parse_application_fci, answer.data, Label("应用信息", "FCI of the application"))
            if any(each.aid == fci.name for each in found):
                break  # a card that gives the same one for ever
            found.append(DirectoryEntry(fci.name))
        return found

    # Reading.

    async def read(self) -> BankCardData:
        """Begin a transaction and read its records. Raises :class:`CardMalformed` for what breaks the format, and where the
        number of the record and that of the track differ."""
        self._results = Results()
        # Nothing is known of the transaction itself yet: what the card asks for of it is zeros.
        data = build_tlv([Tlv(0x83, build_data(self._fci.pdol, fixed_values(self.terminal, PURCHASE)))])
        answer = await self.channel.demand(Command(0x80, 0xA8, data=data, le=256))
        self._options = _parsed(parse_options, answer.data, Label("处理选项", "processing options"))
        self._values = {}
        for each in self._options.afl:
            for number in range(each.first, each.last + 1):
                await self._read_record(each.sfi, number)
        return self._card_data()

    async def _read_record(self, sfi: int, number: int) -> None:
        answer = await self.channel.demand(Command(0x00, 0xB2, number, sfi << 3 | 0x04, le=256))
        what = Label(f"记录 {sfi}.{number} ", f"record {sfi}.{number}")
        for each in _parsed(record_objects, answer.data, what):
            if each.tag in self._values:
                raise CardMalformed(what, f"{each.tag:02X} a second time")
            self._values[each.tag] = each.value

    def _card_data(self) -> BankCardData:
        what, options = Label("应用数据", "application data"), self._begun()
        missing = [f"{tag:02X}" for tag in _NEEDED if tag not in self._values]
        if missing:
            raise CardMalformed(what, f"no {', '.join(missing)}")
        pan = self._values[0x5A].hex().upper().rstrip("F")
        expiry, sequence = self._values[0x5F24].hex(), self._values.get(0x5F34, b"").hex()
        if not (pan.isdecimal() and 12 <= len(pan) <= 19):
            raise CardMalformed(what, "5A is no card number")
        if not (len(expiry) == 6 and expiry.isdecimal() and 1 <= int(expiry[2:4]) <= 12):
            raise CardMalformed(what, "5F24 is no date")
        if sequence and not (len(sequence) == 2 and sequence.isdecimal()):
            raise CardMalformed(what, "5F34 is not two digits")
        track = _parsed(parse_track_2, self._values[0x57], what) if 0x57 in self._values else None
        if track is not None and track.pan != pan:
            raise CardMalformed(what, "57 and 5A name two cards")
        for tag in (0x8C, 0x8D):
            _parsed(parse_dol, self._values[tag], what)
        return BankCardData(
            pan, expiry[:4], f"0{sequence}" if sequence else "", track.text if track else "", options.aip, options.afl
        )

    # The transaction.

    async def authorise(self, amount_fen: int, *, at: float, unpredictable: bytes) -> bytes:
        """Have the card sign an online request over *amount_fen*. Gives the data of field 55, at most 255 bytes.

        *at* Unix seconds; *unpredictable* four bytes that nobody can foresee. Whoever sends the result asks for the PIN. Raises
        :class:`CardDeclined` where card or issuer want no online request; ValueError for an amount that fits no field.
        """
        options = self._begun()
        known = {
            **fixed_values(self.terminal, PURCHASE),
            **transaction_values(amount_fen, at, unpredictable),
        }
        results = self._results
        if not options.offline_authentication:
            results.note(NO_OFFLINE_AUTHENTICATION)
        results.note(ABOVE_FLOOR)
        validity(self._values, known[0x9A], results)
        rules = self._values.get(0x8E, b"")
        verified = _parsed(
            lambda data: cardholder_verification(options, data, amount_fen, results),
            rules,
            Label("持卡人验证方法列表", "verification list"),
        )
        refused = refuses_at_once(self._values.get(0x9F0E, b""), results)
        self._said = {**known, 0x9F34: verified, 0x95: results.value}
        signed = await self._generate(Kind.AAC if refused else Kind.ARQC, 0x8C)
        if signed.kind is not Kind.ARQC:
            raise CardDeclined
        return self._field_55(signed, options)

    async def _generate(self, kind: Kind, wanted: int) -> Cryptogram:
        """GENERATE AC with what the list in tag *wanted* asks for. Raises :class:`CardMalformed` for a kind that goes beyond what
        was asked for."""
        data = build_data(parse_dol(self._values[wanted]), {**self._values, **self._said})
        answer = await self.channel.demand(Command(0x80, 0xAE, kind, 0x00, data, le=256))
        what = Label("应用密文", "application cryptogram")
        signed = _parsed(parse_cryptogram, answer.data, what)
        if not signed.issuer_data:
            raise CardMalformed(what, "no 9F10")
        # A card may do less than it is asked for, never more, and no second request.
        allowed = {Kind.AAC: {Kind.AAC}, Kind.TC: {Kind.TC, Kind.AAC}, Kind.ARQC: {Kind.ARQC, Kind.AAC}}
        if signed.kind not in allowed[kind]:
            raise CardMalformed(what, f"kind {signed.information:02X} was not asked for")
        return signed

    def _field_55(self, signed: Cryptogram, options: ProcessingOptions) -> bytes:
        found = {
            **self._said,
            0x9F26: signed.value,
            0x9F27: bytes((signed.information,)),
            0x9F10: signed.issuer_data,
            0x9F36: signed.counter.to_bytes(2, "big"),
            0x82: options.aip,
            0x84: self._fci.name,
        }
        built = build_tlv(Tlv(tag, found[tag]) for tag in FIELD_55)
        if len(built) > MOST_FIELD_55:
            raise CardMalformed(Label("55 域", "field 55"), f"{len(built)} bytes")
        return built

    async def complete(self, response_code: str, issuer_data: bytes = b"") -> bool:
        """End the transaction with the bank's *response_code* and what its field 55 held. True where the card accepts.

        Without an answer of the bank the code is ``Z3``. Raises WireError for *issuer_data* that are no TLV, before the card
        is asked anything.
        """
        options = self._begun()
        told = {each.tag: each for each in parse_tlv(issuer_data)}
        if 0x91 in told and options.issuer_authentication:
            answer = await self.channel.ask(Command(0x00, 0x82, data=told[0x91].value))
            if not answer.ok:
                self._results.note(ISSUER_NOT_GENUINE)
        if 0x71 in told:
            await self._run(told[0x71], SCRIPT_FAILED_BEFORE)
        self._said |= {0x8A: response_code.encode("ascii"), 0x95: self._results.value}
        signed = await self._generate(Kind.TC if response_code in APPROVED else Kind.AAC, 0x8D)
        if 0x72 in told:
            await self._run(told[0x72], SCRIPT_FAILED_AFTER)
        return signed.kind is Kind.TC

    async def _run(self, script: Tlv, failed: tuple[int, int]) -> None:
        """Commands of the issuer to the card, as they are; the first that fails ends them."""
        for each in script.children:
            if each.tag != 0x86 or len(each.value) < 5:
                continue
            command = Command(*each.value[:4], data=each.value[5 : 5 + each.value[4]])
            if not (await self.channel.ask(command)).ok:
                self._results.note(failed)
                return

    def _begun(self) -> ProcessingOptions:
        assert self._options is not None, "read() comes first"
        return self._options


def _parsed(parse: Callable[[bytes], T], data: bytes, what: Label) -> T:
    try:
        return parse(data)
    except WireError as error:
        raise CardMalformed(what, str(error)) from error
