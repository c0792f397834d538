"""The bank: a UnionPay POS host of ISO 8583 over TCP, with the day bill as a file.

Sources: spec/services.md 3.1-3.5 (messages, keys, rules), 5 (cut-over), 8 (idempotency, fences). What the record leaves open is
listed in the modules that decide it (``bank_money``, ``bank_network``, ``bank_bill``).

An authentic answer is one with a MAC; a terminal without working keys cannot be given one, so 77 may come without. Messages that
the dialect gives no MAC (sign-in, network management, settlement, upload) get replies without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from protocols.clock import civil
from protocols.wire.bank.days import CutOver
from protocols.wire.bank.fields import MAC_FIELD
from protocols.wire.bank.frame import SIGN_IN_AGAIN
from protocols.wire.bank.message import Message, decode, encode, signed_part
from protocols.wire.bank.parts import TypeAndBatch
from protocols.wire.base import Label, WireError
from protocols.wire.http import HttpReply, HttpRequest
from simulators.peer.bank_bill import bill_reply
from simulators.peer.bank_chip import TEST_ISSUER_KEY
from simulators.peer.bank_forms import Form, address_of, faults_in, form_of
from simulators.peer.bank_keys import TEST_FLEET_KEY, BankKeys
from simulators.peer.bank_money import Answer, BankMoney, BankPolicy, Request
from simulators.peer.bank_network import BankNetwork
from simulators.peer.bank_state import BankState
from simulators.peer.base import BookRow, Journal, PeerKind, PeerOptions, Setting, Twist
from simulators.peer.city import City

__all__ = ["PEER", "BankPeer"]

ACQUIRER = "48020000"
_REQUESTS = frozenset({"0100", "0200", "0220", "0320", "0400", "0500", "0620", "0800", "0820"})
_ECHOED = (3, 4, 11, 25, 41, 42, 49)
_HOSTILE_EVERY = 10
"""A hostile host asks for a new sign-in with every tenth answer, as the header allows it to."""

SETTINGS = (
    Setting("cut_over", "23:00", Label("日切时刻", "cut-over")),
    Setting("file_minutes", 120, Label("日切后多少分钟生成对账文件", "minutes from cut-over to the day bill")),
    Setting("fleet_key", TEST_FLEET_KEY, Label("终端主密钥的根密钥（十六进制）", "fleet key of the terminals, hex")),
    Setting(
        "terminal_keys", "", Label("个别终端的主密钥：终端=密钥,…", "master keys of single terminals: terminal=key,…")
    ),
    Setting("terminals", "", Label("城市以外的终端：终端=商户,…", "terminals outside the city: terminal=merchant,…")),
    Setting(
        "cards", "", Label("城市以外的卡号或付款码：号=居民,…", "cards and codes outside the city: number=resident,…")
    ),
    Setting("issuer_key", TEST_ISSUER_KEY, Label("发卡行密钥（十六进制）", "issuer key, hex")),
    Setting("mac_key_bytes", 8, Label("MAC密钥字节数：8或16", "bytes of a MAC key: 8 or 16")),
    Setting("no_pin_limit_fen", 0, Label("免密限额（分）", "limit without PIN, in fen")),
    Setting("single_limit_fen", 5_000_000, Label("单笔限额（分）", "limit of one payment, in fen")),
    Setting("pin_tries", 3, Label("每日密码错误次数", "wrong PINs a day")),
    Setting("towns", 33, Label("镇街数", "towns of the city")),
    Setting("clinics", 389, Label("机构数", "clinics of the city")),
    Setting("kiosks", 550, Label("终端数", "kiosks of the city")),
)


def _pairs(text: str, name: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in filter(None, text.split(",")):
        key, sign, value = each.partition("=")
        if not sign or not key or not value:
            raise ValueError(f"setting {name}: write key=value,key=value")
        pairs[key] = value
    return pairs


def _hex(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"setting {name}: not hexadecimal") from None


class BankPeer:
    """The core. Built from an earlier one's events it is that earlier one. Raises ValueError for settings that cannot
    be, naming the setting."""

    def __init__(self, options: PeerOptions, journal: Journal, events: Iterable[Mapping[str, Any]]) -> None:
        values: dict[str, Any] = {each.name: each.default for each in SETTINGS} | dict(options.settings)
        self._temper, self._journal = options.temper, journal
        self._policy = BankPolicy(
            cut_over=CutOver.of(values["cut_over"]),
            file_delay_s=values["file_minutes"] * 60.0,
            issuer_key=_hex(values["issuer_key"], "issuer_key"),
            cards={card: int(number) for card, number in _pairs(values["cards"], "cards").items()},
            no_pin_limit_fen=values["no_pin_limit_fen"],
            single_limit_fen=values["single_limit_fen"],
            pin_tries=values["pin_tries"],
            repeated_reversal="12" if options.temper == "hostile" else "00",
        )
        own = {
            name: _hex(key, "terminal_keys") for name, key in _pairs(values["terminal_keys"], "terminal_keys").items()
        }
        self._keys = BankKeys(options.seed, _hex(values["fleet_key"], "fleet_key"), own, values["mac_key_bytes"])
        self._foreign = _pairs(values["terminals"], "terminals")
        self._city = City(towns=values["towns"], clinics=values["clinics"], kiosks=values["kiosks"])
        self._state = BankState()
        self._money = BankMoney(self._state, self._keys, self._city, self._policy)
        self._network = BankNetwork(self._state, self._keys)
        self._complaints: list[str] = []
        self._decode = lru_cache(4)(decode)  # a frame is named by its address first, then handled
        for event in events:
            self._state.apply(event)

    # The seam.

    def address(self, request: bytes) -> str:
        try:
            return address_of(self._decode(request))
        except WireError:
            return "?"

    def handle(self, request: bytes, now: float, twist: Twist = "") -> bytes | None:
        """The frame of the reply. None for bytes that cannot be read, and for messages that are no requests: a host has
        nobody to answer then."""
        try:
            message = self._decode(request)
        except WireError as error:
            self._complain("?", error.why)
            return None
        if message.mti not in _REQUESTS:
            self._complain(message.mti, "not a request")
            return None
        answer = self._answer(message, signed_part(request), now, twist)
        for event in answer.events:
            self._record(event)
        if answer.complaint:
            self._complain(address_of(message), answer.complaint)
        return self._sealed(message, self._reply(message, answer, now, twist))

    def handle_file(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply:
        return bill_reply(request, now, twist, self._state, self._city, self._policy)

    def spoil(self, reply: bytes) -> bytes:
        return reply[: len(reply) // 2] + b"\xff\xff"

    def book(self) -> Iterable[BookRow]:
        return list(self._state.rows)

    def violations(self) -> list[str]:
        found, self._complaints = self._complaints, []
        return found

    def snapshot(self) -> Mapping[str, object]:
        state = self._state
        return {
            "terminals": {
                number: {"signed_in": bool(each.keys), "day": each.signed_day, "batch": each.batch}
                for number, each in state.terminals.items()
            },
            "messages": state.count,
            "rows": len(state.rows),
            "captured_fen": sum(card.captured_fen for card in state.cards.values()),
        }

    def balance_fen(self, resident: int) -> int:
        """What is on that resident's account. Raises KeyError for nobody."""
        found = self._city.resident(resident)
        if found is None:
            raise KeyError(resident)
        return self._money.balance_fen(found)

    def expire_sign_ins(self) -> None:
        """Every terminal has to sign in again: the bank takes new working keys."""
        self._record({"type": "signed-out", "terminal": "*"})

    # One message.

    def _record(self, event: Mapping[str, Any]) -> None:
        self._journal(event)
        self._state.apply(event)

    def _complain(self, address: str, why: str) -> None:
        self._complaints.append(f"{address}: {why}")

    def _answer(self, message: Message, data: bytes, now: float, twist: Twist) -> Answer:
        form = form_of(message)
        if form is not None:
            wrong, surplus = faults_in(message, form)
            if wrong or surplus:
                self._complain(address_of(message), "; ".join([*wrong, *surplus]))
            if wrong or (surplus and self._temper != "realistic"):
                return Answer("30")
        elif not {11, 41, 42} <= message.fields.keys():
            return Answer("30", complaint="fields 11, 41 and 42 are in every message")
        institution = self._institution(message)
        if isinstance(institution, Answer):
            return institution
        if form is None:
            return Answer("40")
        if form.mac:
            return self._authentic(message, data, form, now, institution, twist)
        return self._managed(message, form, now, twist)

    def _institution(self, message: Message) -> str | Answer:
        """That of the terminal, or the refusal of one that is unknown or of another merchant."""
        if message[41] in self._foreign:
            return "" if self._foreign[message[41]] == message[42] else Answer("03")
        terminal = self._city.terminal_by_bank_id(message[41])
        if terminal is None:
            return Answer("97")
        return terminal.institution.code if terminal.merchant == message[42] else Answer("03")

    def _authentic(
        self, message: Message, data: bytes, form: Form, now: float, institution: str, twist: Twist
    ) -> Answer:
        terminal, day = self._state.terminal(message[41]), self._policy.cut_over.day(now)
        if MAC_FIELD not in message:
            return Answer("A0", complaint="field 64: the MAC is missing")
        if twist == "sign-in-expired" and terminal.keys:
            self._record({"type": "signed-out", "terminal": message[41]})
        if not terminal.keys:
            never = "a financial message before the first sign-in" if not terminal.sign_ins else ""
            return Answer("77", complaint=never)
        if message.header.application != terminal.application:
            return Answer("77", complaint="header: another application class than that of the sign-in")
        if not self._keys.mac_is_right(message, data, terminal.application, terminal.keys):
            return Answer("A0", complaint="" if self._is_old(message, data) else "field 64: the MAC is wrong")
        if terminal.signed_day < day:
            return Answer("77")
        if form.name != "reversal" and int(TypeAndBatch.of(message[60]).batch) != terminal.batch:
            return Answer("77")
        request = Request(message, data, form, now, day, institution, terminal.application, terminal.keys)
        return self._money.decide(request, refuse=twist == "refuse")

    def _is_old(self, message: Message, data: bytes) -> bool:
        """Made before the last sign-in, and under way since."""
        return any(
            application == message.header.application and self._keys.mac_is_right(message, data, application, keys)
            for application, keys in self._state.terminal(message[41]).earlier
        )

    def _managed(self, message: Message, form: Form, now: float, twist: Twist) -> Answer:
        refuse = twist == "refuse"
        if form.name == "sign-in":
            return self._network.sign_in(message, self._policy.cut_over.day(now), refuse)
        if form.name == "network":
            return Answer("05") if refuse else self._network.manage(message)
        if twist == "sign-in-expired":
            self._record({"type": "signed-out", "terminal": message[41]})
        if not self._state.terminal(message[41]).keys:
            return Answer("77")
        settle = self._network.settle if form.name == "settlement" else self._network.upload
        return settle(message, refuse)

    # The reply.

    def _reply(self, message: Message, answer: Answer, now: float, twist: Twist) -> Message:
        at = civil(now)
        day = self._policy.cut_over.day(now)
        fields = {number: message[number] for number in _ECHOED if number in message}
        fields |= {12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 32: ACQUIRER, 37: "0" * 12, 39: answer.code}
        if 60 in message:
            fields[60] = message[60][:8] if message.mti in ("0200", "0220", "0400") else message[60][:11]
        if message.mti in ("0200", "0220", "0400"):
            fields[15] = day[5:7] + day[8:10]
        if message.mti == "0500":
            fields[48] = message.get(48, "0")
        fields |= answer.fields
        if twist == "wrong-reference" and 11 in fields:
            fields[11] = f"{(int(fields[11]) + 1) % 1_000_000:06d}"
        header = message.header
        if self._temper == "hostile" and self._state.count % _HOSTILE_EVERY == _HOSTILE_EVERY - 1:
            header = replace(header, request=SIGN_IN_AGAIN)
        return Message(f"{message.mti[:2]}{int(message.mti[2]) + 1}0", fields, header, message.tpdu.swapped())

    def _sealed(self, message: Message, reply: Message) -> bytes:
        """The frame of the reply, with a MAC where the dialect wants one and the terminal has keys."""
        form = form_of(message)
        terminal = self._state.terminal(message.get(41))
        if form is None or not form.mac or not terminal.keys or terminal.application != message.header.application:
            return encode(reply)
        return self._keys.encode_signed(reply, terminal.application, terminal.keys)


PEER: PeerKind[bytes, bytes] = PeerKind(
    name="bank",
    label=Label("银行（银联POS主机，ISO 8583）", "bank (UnionPay POS host, ISO 8583)"),
    transport="frames",
    make=BankPeer,
    settings=SETTINGS,
    files=True,
)
