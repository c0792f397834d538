"""What the bank decides on messages that move money: purchase, void, refund, balance, reversal. Pure: it reads the state
and gives an answer with the events that make it so.

Sources: spec/services.md 3.4 (reversal, void, response codes), 8 (empty rollback, anti-suspension). The order of checks is that
of a host: is it new, is it allowed, is the card good, is it the holder, is there money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from protocols.clock import civil
from protocols.wire.bank.days import CutOver
from protocols.wire.bank.message import Message
from protocols.wire.bank.parts import Balance, EntryMode, Original, TypeAndBatch
from protocols.wire.base import WireError
from protocols.wire.tlv import parse_tlv
from simulators.peer.bank_chip import arpc_field, cryptogram_in, is_genuine, session_key
from simulators.peer.bank_forms import Form
from simulators.peer.bank_keys import BankKeys
from simulators.peer.bank_state import BankState, Entry, EntryKind
from simulators.peer.city import City, Resident

__all__ = ["Answer", "BankMoney", "BankPolicy", "Request"]

REMEMBERED_CARDS = 8_192
MOST_PURCHASES, MOST_ENTRIES = 900, 999
_CODE_TAG = 0x5F01
"""In field 62 of a purchase by code: the code that was scanned (vector K3)."""


@dataclass(frozen=True, slots=True)
class BankPolicy:
    """``cards`` are card numbers and payment codes outside the city, with the number of the resident whose account they
    are; ``no_pin_limit_fen`` up to which a card needs no PIN; ``file_delay_s`` from cut-over to the day's file."""

    cut_over: CutOver
    file_delay_s: float
    issuer_key: bytes
    cards: Mapping[str, int]
    no_pin_limit_fen: int
    single_limit_fen: int
    pin_tries: int
    repeated_reversal: str = "00"


@dataclass(frozen=True, slots=True)
class Request:
    """An authentic message of a known terminal; ``data`` is what its MAC was taken over."""

    message: Message
    data: bytes
    form: Form
    now: float
    day: str
    institution: str
    application: str
    keys: str

    @property
    def reference(self) -> str:
        message = self.message
        return f"{message[41]}/{TypeAndBatch.of(message[60]).batch}/{message[11]}"

    @property
    def amount_fen(self) -> int:
        return int(self.message.get(4, "0"))


@dataclass(frozen=True, slots=True)
class Answer:
    """Response ``code``, ``events`` that make it so, ``fields`` of the reply beyond the usual; ``complaint`` what the
    client did against the protocol."""

    code: str
    events: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[int, str] = field(default_factory=dict[int, str])
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class _Account:
    resident: Resident
    token: str
    pan: str
    sequence: str


@dataclass(frozen=True, slots=True)
class _Chip:
    """A cryptogram that is genuine and new: its counter is used up, whatever becomes of the message. ``card`` the keyed token
    of the plastic, not of the account; ``told`` what the reply tells it."""

    card: str = ""
    counter: int = -1
    told: Mapping[int, str] = field(default_factory=dict[int, str])


_NO_CHIP = _Chip()


class _Refused(Exception):
    def __init__(self, code: str, complaint: str = "", pin: str = "") -> None:
        super().__init__(code)
        self.code, self.complaint, self.pin = code, complaint, pin


class BankMoney:
    """Decides. Never raises for a request whose fields were checked (``bank_forms``)."""

    def __init__(self, state: BankState, keys: BankKeys, city: City, policy: BankPolicy) -> None:
        self._state, self._keys, self._city, self._policy = state, keys, city, policy
        self._holder = lru_cache(REMEMBERED_CARDS)(self._find_holder)

    def decide(self, request: Request, refuse: bool) -> Answer:
        """*refuse*: a fault wants this message refused."""
        if request.form.name == "reversal":
            return Answer("06") if refuse else self._reversal(request)
        known = self._state.entries.get(request.reference)
        if known is not None:
            return self._repeated(request, known)
        account: _Account | None = None
        chip = _NO_CHIP
        try:
            if refuse:
                raise _Refused("05")
            self._check_room(request)
            account = self._account(request.message)
            chip = self._check_chip(request, account)
            match request.form.name:
                case "purchase":
                    return self._purchase(request, account, chip)
                case "void":
                    return self._void(request, account)
                case "refund":
                    return self._refund(request, account)
                case _:
                    return self._balance(request, account, chip)
        except _Refused as refused:
            token = account.token if account else ""
            entry = self._entry(request, "refused", token, code=refused.code)
            return Answer(refused.code, (_entered("refused", entry, refused.pin, chip),), complaint=refused.complaint)

    def _check_room(self, request: Request) -> None:
        """A count of field 48 has three digits, so a batch has an end; what takes money back still has room then."""
        held = len(self._state.by_batch.get(request.reference.rpartition("/")[0], ()))
        if held >= (MOST_PURCHASES if request.form.name == "purchase" else MOST_ENTRIES):
            raise _Refused("65")

    def _repeated(self, request: Request, known: Entry) -> Answer:
        """A trace is good for one message: whatever comes under it again moves nothing."""
        if known.kind == "fence":
            return Answer("12")
        other = known.digest != self._keys.digest(request.data)
        return Answer("94", complaint="field 11: the trace was used for another message of this batch" if other else "")

    # The card and its holder.

    def _account(self, message: Message) -> _Account:
        if message[22][:2] == "03":
            return self._account_of_code(message)
        pan = message.get(2) or message.get(35).partition("D")[0]
        found = self._holder(pan)
        if found is None:
            raise _Refused("14")
        resident, token = found
        track2 = message.get(35)
        expiry = message.get(14) or track2.partition("D")[2][:4]
        if expiry and expiry != resident.track2.partition("D")[2][:4]:
            raise _Refused("54")
        return _Account(resident, token, pan, message.get(23, "000"))

    def _find_holder(self, number: str) -> tuple[Resident, str] | None:
        """Whose card number or payment code that is, and the token of their account."""
        resident = self._city.resident(self._policy.cards.get(number, 0)) or self._city.by_pan(number)
        return None if resident is None else (resident, self._keys.token(resident.pan))

    def _account_of_code(self, message: Message) -> _Account:
        try:
            objects = {each.tag: each.value for each in parse_tlv(bytes.fromhex(message[62]))}
        except WireError:
            raise _Refused("30", "field 62: not tag, length, value") from None
        code = objects.get(_CODE_TAG, b"").decode("ascii", "replace")
        found = self._holder(code) if code in self._policy.cards else None
        if found is None:
            raise _Refused("14")
        return _Account(*found, "", "000")

    def _check_pin(self, request: Request, account: _Account, needed: bool) -> str:
        """``right``, or empty when none was given and none is needed."""
        message, card = request.message, self._state.card(account.token)
        wrong = card.wrong_pins if card.wrong_day == request.day else 0
        if wrong >= self._policy.pin_tries:
            raise _Refused("75")
        if 52 not in message:
            if needed and EntryMode.of(message[22]).how != "03" and request.amount_fen > self._policy.no_pin_limit_fen:
                raise _Refused("55")
            return ""
        right = self._keys.pin_is(message, request.application, request.keys, account.pan, account.resident.bank_pin)
        if right is None:
            raise _Refused("99")
        if not right:
            raise _Refused("75" if wrong + 1 >= self._policy.pin_tries else "55", pin="wrong")
        return "right"

    def _check_chip(self, request: Request, account: _Account) -> _Chip:
        """What the card signed, if it signed anything: it must be the card, the amount, and a counter that is new."""
        message = request.message
        if 55 not in message or request.form.name not in ("purchase", "balance"):
            return _NO_CHIP
        try:
            cryptogram = cryptogram_in(message[55])
        except WireError as error:
            raise _Refused("30", error.why) from None
        key = session_key(
            self._policy.issuer_key, account.pan, account.sequence, cryptogram.counter, cryptogram.algorithm
        )
        signed_amount = cryptogram.amount_fen in (request.amount_fen, 0 if request.form.name != "purchase" else -1)
        if not is_genuine(cryptogram, key) or not signed_amount:
            raise _Refused("05")
        card = self._keys.token(f"{account.pan}/{account.sequence[-2:]}")
        if cryptogram.counter <= self._state.counters.get(card, -1):
            raise _Refused("05", "field 55: a cryptogram whose counter was used before")
        return _Chip(card, cryptogram.counter, {55: arpc_field(cryptogram, key, "00")})

    def balance_fen(self, resident: Resident) -> int:
        """What is on that resident's account now."""
        return self._left_fen(resident, self._keys.token(resident.pan))

    def _left_fen(self, resident: Resident, token: str) -> int:
        return resident.bank_fen - self._state.card(token).captured_fen

    # Transactions.

    def _purchase(self, request: Request, account: _Account, chip: _Chip) -> Answer:
        if request.amount_fen == 0:
            raise _Refused("13")
        if request.amount_fen > self._policy.single_limit_fen:
            raise _Refused("61")
        pin = self._check_pin(request, account, needed=True)
        if request.amount_fen > self._left_fen(account.resident, account.token):
            raise _Refused("51", pin=pin)
        return self._approved(request, self._entry(request, "purchase", account.token), chip.told, pin, chip)

    def _balance(self, request: Request, account: _Account, chip: _Chip) -> Answer:
        pin = self._check_pin(request, account, needed=True)
        told = {**chip.told, 54: Balance(self._left_fen(account.resident, account.token)).text}
        return self._approved(request, self._entry(request, "balance", account.token), told, pin, chip)

    def _void(self, request: Request, account: _Account) -> Answer:
        message = request.message
        named = Original.of(message[61])
        original = self._original(f"{message[41]}/{named.batch}/{named.trace}", account, message[37], named.date)
        if int(named.batch) != self._state.terminal(message[41]).batch or original.undone_fen:
            raise _Refused("12")
        if original.amount_fen != request.amount_fen:
            raise _Refused("64", "field 4: a void takes back the whole amount of its original")
        pin = self._check_pin(request, account, needed=False)
        entry = self._entry(request, "void", account.token, original=original.reference)
        return self._approved(request, entry, {}, pin)

    def _refund(self, request: Request, account: _Account) -> Answer:
        message = request.message
        named = Original.of(message[61])
        original = self._original(self._state.by_retrieval.get(message[37], ""), account, message[37], named.date)
        if original.merchant != message[42] or not original.reference.endswith(f"/{named.batch}/{named.trace}"):
            raise _Refused("25")
        if request.amount_fen == 0:
            raise _Refused("13")
        if request.amount_fen > original.amount_fen - original.undone_fen:
            raise _Refused("61")
        pin = self._check_pin(request, account, needed=False)
        entry = self._entry(request, "refund", account.token, original=original.reference)
        return self._approved(request, entry, {}, pin)

    def _original(self, reference: str, account: _Account, retrieval: str, date: str) -> Entry:
        """The purchase that is to be taken back, if it stands and is of this card; and of that *date* where one is named."""
        original = self._state.entries.get(reference)
        if original is None or original.kind != "purchase" or original.reversed or original.retrieval != retrieval:
            raise _Refused("25")
        if date and date != f"{civil(original.at):%m%d}":
            raise _Refused("25", "field 61: not the date of the original")
        if original.card != account.token:
            raise _Refused("14")
        return original

    # Reversal.

    def _reversal(self, request: Request) -> Answer:
        message, named = request.message, Original.of(request.message[61])
        kind = TypeAndBatch.of(message[60])
        if (named.batch, named.trace) != (kind.batch, message[11]):
            return Answer("30", complaint="field 61: not the batch of field 60 and the trace of field 11")
        entry = self._state.entries.get(request.reference)
        if entry is None:
            # Empty rollback: nothing is there, and from now on nothing may come.
            fence = self._entry(request, "fence", "")
            return Answer("25", (_entered("fenced", fence),))
        if entry.kind == "fence":
            return Answer("25")
        if entry.kind in ("refused", "balance"):
            return Answer("00")
        return self._reverse(request, entry)

    def _reverse(self, request: Request, entry: Entry) -> Answer:
        if entry.kind == "refund":
            return Answer("40", complaint="a refund is not reversed: the bill decides")
        if (request.amount_fen, request.message[3]) != (entry.amount_fen, entry.processing):
            return Answer("64", complaint="fields 3 and 4: a reversal keeps those of its original")
        if entry.reversed:
            return Answer(self._policy.repeated_reversal)
        if entry.undone_fen:
            return Answer("12", complaint="a reversal of what was already taken back by a void or a refund")
        complaint = ""
        if int(entry.reference.split("/")[1]) != self._state.terminal(request.message[41]).batch:
            complaint = "a reversal after the settlement of its batch"
        event = {
            "type": "reversed",
            "reference": entry.reference,
            "at": request.now,
            "day": self._day_of_reversal(entry, request),
        }
        return Answer("00", (event,), complaint=complaint)

    def _day_of_reversal(self, entry: Entry, request: Request) -> str:
        """That of the original while its file is not made: the two then stand in no file."""
        made_at = self._policy.cut_over.end_of(entry.day) + self._policy.file_delay_s
        return entry.day if request.now < made_at else request.day

    # Events.

    def _entry(self, request: Request, kind: EntryKind, token: str, *, code: str = "00", original: str = "") -> Entry:
        message, number = request.message, self._state.count + 1
        approved = kind in ("purchase", "void", "refund", "balance")
        return Entry(
            reference=request.reference,
            kind=kind,
            amount_fen=request.amount_fen,
            card=token,
            merchant=message[42],
            institution=request.institution,
            retrieval=f"{number:012d}" if approved else "",
            approval=f"{number * 7919 % 1_000_000:06d}" if approved else "",
            at=request.now,
            day=request.day,
            digest=self._keys.digest(request.data),
            original=original,
            code=code,
            processing=message[3],
        )

    @staticmethod
    def _approved(
        request: Request, entry: Entry, told: Mapping[int, str], pin: str = "", chip: _Chip = _NO_CHIP
    ) -> Answer:
        fields = {37: entry.retrieval, 38: entry.approval, **told}
        return Answer("00", (_entered("approved", entry, pin, chip),), fields)


_SET = tuple(each.name for each in fields(Entry) if each.name not in ("reversed", "reversed_day", "undone_fen"))


def _entered(kind: str, entry: Entry, pin: str = "", chip: _Chip = _NO_CHIP) -> Mapping[str, Any]:
    values: dict[str, Any] = {name: value for name in _SET if (value := getattr(entry, name))}
    if pin:
        values["pin"] = pin
    if chip.card:
        values |= {"chip": chip.card, "counter": chip.counter}
    return {"type": kind, "entry": values}
