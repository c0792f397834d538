"""One service, step by step: what a kiosk asks, when, and what it says. Answers typed by hand."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count

import psec
import pytest

from loadtest.guests import Guest, Guests
from loadtest.pad import Pad
from loadtest.visit import Answer, Ask, Manners, Outcome, Visit
from protocols.wire.bank.ciphers import TRIPLE_DES
from protocols.wire.platform.models import (
    AttemptView,
    Bill,
    BillList,
    PinKey,
    Problem,
    ReceiptView,
    SplitView,
    TradeView,
    Visitor,
)
from simulators.peer.bank_keys import TEST_FLEET_KEY
from simulators.peer.city import City

CITY = City(towns=1, clinics=2, kiosks=5)
TERMINAL = CITY.terminal(1)
RESIDENT = CITY.resident(1000)
BILL = Bill(
    bill_id="B1", department="全科", doctor="甲", billed_at="", total_fen=1000, med_type="11", mergeable=True, items=()
)
VISITOR = Visitor(
    visitor_id="V1", patient_id="P1", name="测*", id_number="*", record=True, insured=True, expires_at=9e9
)

RECEIPT = ReceiptView(
    trade_no="T1",
    institution="H1",
    kind="bills",
    state="paid",
    at="2026-11-27",
    total_fen=1000,
    split=None,
    method="wechat",
    channel_reference="42",
    reconciliation_no="1",
)


def _guest(method: str = "wechat", credential: str = "social_security_card", payer: str = "insured") -> Guest:
    assert RESIDENT is not None
    return Guest(RESIDENT, payer, method, credential)


def _trade(state: str, cash: int = 300, *, decided: bool = False, attempts: tuple[AttemptView, ...] = ()) -> TradeView:
    split = SplitView(fund_fen=1000 - cash, account_fen=0, mutual_aid_fen=0, cash_fen=cash, hospital_fen=0)
    return TradeView(
        trade_no="T1",
        kind="bills",
        state=state,
        decided=decided,
        total_fen=1000,
        split=split,
        method="",
        deadline=9e9,
        reason="",
        attempts=attempts,
    )


class Kiosk:
    """Plays the other side: answers come 10 ms after each asking."""

    def __init__(self, guest: Guest, manners: Manners | None = None, press_s: float | None = None) -> None:
        keys = count(1)
        assert TERMINAL is not None
        self.pad = Pad(TERMINAL.bank_terminal)
        self.visit = Visit(guest, self.pad, lambda: f"key-{next(keys)}", manners or Manners(), press_s)
        self.steps: Generator[Ask, Answer, Outcome] = self.visit.run()
        self.ask = next(self.steps)
        self.asked = [self.ask]
        self.outcome: Outcome | None = None
        self.at_s = 0.0

    def say(self, value: object = None, problem: Problem | None = None, took_s: float = 0.01) -> Kiosk:
        due_s = max(self.at_s + self.ask.after_s, self.ask.at_s or 0.0)
        self.at_s = due_s + took_s
        try:
            self.ask = self.steps.send(Answer(due_s, self.at_s, value, problem))  # type: ignore[arg-type]
            self.asked.append(self.ask)
        except StopIteration as end:
            self.outcome = end.value
        return self

    def to_pay(self) -> Kiosk:
        return self.say(VISITOR).say(BillList(bills=(BILL,))).say(_trade("quoting")).say(_trade("awaiting"))


def _problem(code: str, *, retry: bool = False) -> Problem:
    return Problem(code=code, title="不行", detail="no", status=409, retry=retry)


def test_the_paths_are_those_of_the_interface() -> None:
    kiosk = Kiosk(_guest()).to_pay().say(_trade("paying")).say(_trade("paid", decided=True)).say()
    shown = [(each.method, each.target) for each in kiosk.asked]
    assert shown[:7] == [
        ("POST", "/v1/identity"),
        ("GET", "/v1/bills?visitor_id=V1"),
        ("POST", "/v1/trades"),
        ("GET", f"/v1/trades/T1?wait_s={Manners().follow_s:g}"),
        ("POST", "/v1/trades/T1/pay"),
        ("GET", f"/v1/trades/T1?wait_s={Manners().follow_s:g}"),
        ("GET", "/v1/trades/T1/receipt"),
    ]
    assert kiosk.asked[2].body == {
        "visitor_id": "V1",
        "bill_ids": ("B1",),
        "lock_id": "",
        "insured": True,
        "use_account": True,
    }
    assert (kiosk.asked[2].key, kiosk.asked[4].key) == ("key-1", "key-2")


def test_a_card_is_asked_for_with_a_pin_that_the_bank_can_open() -> None:
    """psec, an independent library, opens the block: it is that of the resident's PIN."""
    kiosk = Kiosk(_guest("bank_card")).to_pay()
    assert (kiosk.ask.method, kiosk.ask.target) == ("POST", "/v1/terminals/pin-key")
    assert TERMINAL is not None
    assert RESIDENT is not None
    master = TRIPLE_DES.diversify(bytes.fromhex(TEST_FLEET_KEY), TERMINAL.bank_terminal)
    clear = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    cipher = psec.des.encrypt_tdes_ecb(master, clear)
    check = psec.des.encrypt_tdes_ecb(clear, bytes(8))[:3]
    kiosk.say(PinKey(cipher=cipher.hex(), check_value=check.hex(), version="7"))
    assert kiosk.ask.call == "pay"
    assert kiosk.ask.sealed is not None
    card = kiosk.ask.sealed(0.0)
    assert (card["pan"], card["pin_key"], kiosk.ask.body) == (RESIDENT.pan, "7", {"method": "bank_card"})
    block = psec.des.decrypt_tdes_ecb(clear, bytes.fromhex(str(card["pin_block"])))
    assert psec.pinblock.decode_pinblock_iso_0(block, RESIDENT.pan) == RESIDENT.bank_pin


def test_a_key_that_arrived_wrong_is_not_used() -> None:
    kiosk = Kiosk(_guest("bank_card")).to_pay()
    kiosk.say(PinKey(cipher="00" * 16, check_value="A1B2C3", version="7"))
    assert kiosk.ask.target == "/v1/trades/T1/cancel"
    assert not kiosk.pad.ready


def test_nothing_left_to_pay_is_pressed_with_the_account() -> None:
    kiosk = Kiosk(_guest("bank_card")).say(VISITOR).say(BillList(bills=(BILL,))).say(_trade("quoting"))
    kiosk.say(_trade("awaiting", 0))
    assert kiosk.ask.body == {"method": "account"}
    code = Kiosk(_guest("bank_card", "e_credential")).say(VISITOR).say(BillList(bills=(BILL,))).say(_trade("quoting"))
    code.say(_trade("awaiting", 0))
    assert code.ask.body == {"method": "e_credential"}


def test_pay_waits_for_the_barrier() -> None:
    kiosk = Kiosk(_guest(), press_s=30.0).to_pay()
    assert (kiosk.ask.call, kiosk.ask.at_s, kiosk.ask.after_s) == ("pay", 30.0, 0.0)
    kiosk.say(_trade("paying")).say(_trade("paid", decided=True), took_s=1.0).say(RECEIPT)
    assert kiosk.outcome is not None
    assert kiosk.outcome.pressed_s == 30.0
    assert kiosk.outcome.decided_s == pytest.approx(1.01)


def test_a_payment_that_failed_is_pressed_again_where_that_helps_and_counts_from_the_first() -> None:
    again = AttemptView(leg="cash", act="pay", channel="bank", state="failed", code="A0", action="sign_in")
    kiosk = Kiosk(_guest()).to_pay().say(_trade("paying")).say(_trade("awaiting", attempts=(again,)))
    assert kiosk.ask.call == "pay"
    assert kiosk.ask.key == "key-3"
    kiosk.say(_trade("paying")).say(_trade("paid", decided=True)).say(RECEIPT)
    assert kiosk.outcome is not None
    assert kiosk.outcome.said == "paid"
    assert kiosk.outcome.decided_s == pytest.approx(0.04)


def test_a_payment_that_was_declined_is_turned_back_and_told() -> None:
    declined = AttemptView(leg="cash", act="pay", channel="bank", state="failed", code="51", action="other_method")
    kiosk = Kiosk(_guest()).to_pay().say(_trade("paying")).say(_trade("awaiting", attempts=(declined,)))
    assert (kiosk.ask.method, kiosk.ask.target) == ("POST", "/v1/trades/T1/cancel")
    kiosk.say(_trade("closed", decided=True))
    assert kiosk.outcome is not None
    assert (kiosk.outcome.said, kiosk.outcome.why) == ("not-paid", "not-paid 51")


def test_silence_is_answered_with_the_same_key_a_second_later() -> None:
    kiosk = Kiosk(_guest()).to_pay()
    first = kiosk.ask
    kiosk.say()
    assert (kiosk.ask.key, kiosk.ask.after_s, kiosk.ask.body) == (first.key, 1.0, first.body)


def test_an_opening_that_was_never_answered_is_looked_for_and_turned_back() -> None:
    kiosk = Kiosk(_guest()).say(VISITOR).say(BillList(bills=(BILL,)))
    for _ in range(4):
        kiosk.say()
    assert (kiosk.ask.method, kiosk.ask.target) == ("GET", "/v1/trades?key=key-1")
    kiosk.say(_trade("awaiting"))
    assert kiosk.ask.target == "/v1/trades/T1/cancel"
    kiosk.say(_trade("closed", decided=True))
    assert kiosk.outcome is not None
    assert (kiosk.outcome.said, kiosk.outcome.why, kiosk.outcome.trade_no) == ("not-paid", "open: silent", "T1")


def test_who_opened_nothing_says_nothing() -> None:
    kiosk = Kiosk(_guest()).say(VISITOR).say(BillList(bills=(BILL,)))
    for _ in range(4):
        kiosk.say()
    kiosk.say(problem=_problem("not-found"))
    assert kiosk.outcome is not None
    assert (kiosk.outcome.said, kiosk.outcome.trade_no) == ("", "")


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([VISITOR.model_copy(update={"record": False})], "no-record"),
        ([VISITOR, BillList(bills=())], "no-bill"),
    ],
)
def test_who_cannot_be_served_leaves(answers: list[object], why: str) -> None:
    kiosk = Kiosk(_guest())
    for each in answers:
        kiosk.say(each)
    assert kiosk.outcome is not None
    assert kiosk.outcome.why == why


def test_what_cannot_be_undone_is_uncertain() -> None:
    kiosk = Kiosk(_guest()).to_pay().say(problem=_problem("trade-state"))
    kiosk.say(problem=_problem("too-late-to-cancel"))
    assert kiosk.outcome is not None
    assert (kiosk.outcome.said, kiosk.outcome.why) == ("uncertain", "pay: trade-state")


def test_a_decision_that_does_not_come_ends_with_patience() -> None:
    kiosk = Kiosk(_guest(), Manners(patience_s=5.0)).to_pay().say(_trade("paying"))
    for _ in range(3):
        kiosk.say(_trade("paying"), took_s=2.0)
    assert kiosk.ask.call == "cancel"


# Who comes.


MIX = {
    "payers": {"insured": 60, "covered": 15, "self": 25},
    "methods": {"bank_card": 35, "wechat": 30, "alipay": 20, "unionpay_qr": 15},
    "credentials": {"social_security_card": 60, "resident_id": 20, "e_credential": 20},
}


def test_guests_are_drawn_by_the_mix_and_nobody_comes_twice() -> None:
    guests = Guests(CITY, MIX, 1)
    assert TERMINAL is not None
    drawn = [guests.next(TERMINAL) for _ in range(600)]
    numbers = {each.resident.number for each in drawn}
    assert len(numbers) == 600
    assert not {each.resident.relative for each in drawn} & numbers
    share = sum(each.method == "bank_card" for each in drawn) / 600
    assert share == pytest.approx(0.35, abs=0.06)
    for each in drawn[:40]:
        left = guests.left_to_pay_fen(each.resident, TERMINAL)
        assert each.payer == "self" or (left == 0) == (each.payer == "covered")
    again = Guests(CITY, MIX, 1)
    assert [again.next(TERMINAL) for _ in range(5)] == drawn[:5]


def test_what_is_shown_names_the_guest() -> None:
    assert RESIDENT is not None
    person = RESIDENT.person
    assert _guest().shown(0.0)["card_number"] == person.card_number
    assert _guest(credential="resident_id").shown(0.0) == {
        "kind": "resident_id",
        "id_number": person.id_number,
        "name": person.name,
    }
    code = _guest(credential="e_credential").shown(1_795_752_000.0)["code"]
    assert len(code) == 28
    assert code.startswith("424")
