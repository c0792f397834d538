"""The promises of business, over any citizen, any network and any loss of power.

A machine plays sessions on the fake platform with the real desk and the real outbox. It draws what the citizen does, what gets
lost on the way, when the platform goes on by itself, and when power is cut. After every step the promises are checked against
what is true: the durable trades and debits of the platform, and the bytes of the outbox.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from business_bench import CARD, HOLDER, Seat, run_now
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocols.seeded import SeededChoice
from protocols.wire.platform.models import OpenTradeRequest, PayRequest
from reference_impl.kiosk.business.journal import read_lines
from reference_impl.kiosk.business.options import options_of
from reference_impl.kiosk.business.session import ACTS, Session, Stage
from reference_impl.kiosk.business.told import Told
from reference_impl.kiosk.business.words import Accept, Back, Cancel, Choose, CodeScanned, Misread, Settled, TurnPage
from reference_impl.kiosk.business.works import FollowTrade, NotePay, OpenTrade, SendPay, Settle
from reference_impl.kiosk.outbox import Outbox
from reference_impl.kiosk.words import Problem, Tick

CODES = ("134567890123456789", "281234567890123456", "6212345678901234567", "rubbish")
FAULTS = ("", "", "lost", "reply-lost", "late", "twice", "refuse:busy")
OPERATIONS = (
    "identify",
    "bills",
    "open_trade",
    "pay",
    "trade",
    "trade_by_key",
    "cancel",
    "refund",
    "receipt",
    "session",
)
OUTCOMES = (
    "paid",
    "paid",
    "stuck",
    "manual",
    "lost-data",
    "fail:ask_pin_again:55",
    "fail:other_method:51",
    "fail:sign_in:A0",
)
ERRANDS = ("pay", "pay", "register", "refund")
SECRETS = (HOLDER.id_number, HOLDER.card_number, HOLDER.name, CARD.pan, CARD.track2, *CODES[:3], "0001020304050607")


class Kiosk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.seat = Seat(Path(self.folder.name))
        self.noted: set[str] = set()
        self.pressed = 0
        self.recovering = False
        self.boots = 0
        self.spite = False
        self.dead: set[str] = set()
        self.stands: dict[str, int] = {}

    def teardown(self) -> None:
        self.seat.outbox.aclose()
        self.folder.cleanup()

    @initialize(
        pay=st.lists(st.sampled_from(FAULTS), max_size=3),
        refund=st.lists(st.sampled_from(FAULTS), max_size=3),
        cancel=st.lists(st.sampled_from(FAULTS), max_size=2),
        opening=st.lists(st.sampled_from(FAULTS), max_size=2),
        outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=3),
        spite=st.booleans(),
    )
    def a_day_begins(
        self, pay: list[str], refund: list[str], cancel: list[str], opening: list[str], outcomes: list[str], spite: bool
    ) -> None:
        """*spite*: what was late arrives just when something has been said. One bill was paid elsewhere before."""
        self.spite = spite
        platform = self.seat.platform
        visitor = platform._visitor(HOLDER)
        before = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=("B0003",), insured=False)
        number = platform._open("K-elsewhere", before).trade_no
        platform.settle_down(2)
        platform._pay(number, "K-pressed-elsewhere", PayRequest(method="wechat"), None, None)
        platform.settle_down()
        faults = self.seat.platform.faults
        faults["pay"], faults["refund"], faults["cancel"], faults["open_trade"] = pay, refund, cancel, opening
        self.seat.platform.outcomes = outcomes

    # What can happen.

    def take(self, step: Any) -> None:
        before = self.seat.session
        self.seat.take(step)
        self.check_told(before, self.seat.session)

    def event(self, event: Any) -> None:
        self.take(self.seat.business.step(self.seat.session, event, self.seat.clock.now()))

    @precondition(lambda self: self.seat.session.stage is Stage.ENDED and self.recovering is False)
    @rule()
    def somebody_comes(self) -> None:
        self.take(self.seat.business.begin(HOLDER, by_card=True))

    @precondition(lambda self: self.seat.work is not None)
    @rule()
    def work(self) -> None:
        self.perform()

    @precondition(lambda self: self.seat.work is not None)
    @rule()
    def work_on(self) -> None:
        """Work until somebody is asked."""
        for _ in range(12):
            if self.seat.work is None or self.seat.waits():
                break
            self.perform()

    def perform(self) -> None:
        seat, work = self.seat, self.seat.work
        assert work is not None
        if isinstance(work, OpenTrade | SendPay):
            on_disk = seat.outbox.path.read_bytes().decode()
            assert work.key in on_disk, "a key was sent before it was durable"
            assert work.key in self.noted
        if isinstance(work, FollowTrade) and seat.clock.now() >= (seat.session.deadline or seat.clock.now() + 1):
            self.event(Tick())
            return
        if seat.session.stage in (Stage.CODE, Stage.REFUND_NO):
            return  # nobody holds a code to the scanner unless a rule says so
        before = len(seat.outbox)
        event = run_now(seat.desk.perform(work))
        if hasattr(event, "key"):
            self.noted.add(event.key)
        if isinstance(work, NotePay):
            self.pressed += 1
        assert len(seat.outbox) >= before - 8
        self.event(event)

    @rule(
        steps=st.sampled_from([3, 8, 30, 30]),
        way=st.sampled_from(["wechat", "bank_card", "account"]),
        errand=st.sampled_from(ERRANDS),
    )
    def the_citizen_goes_on(self, steps: int, way: str, errand: str) -> None:
        """Somebody who knows what they want, for some steps, or until they are told something."""
        told = self.seat.session.told
        for _ in range(steps):
            if self.recovering or self.seat.session.told not in (None, told):
                return
            seat, stage = self.seat, self.seat.session.stage
            if stage is Stage.ENDED:
                self.take(seat.business.begin(HOLDER, by_card=True))
            elif seat.work is not None and stage not in (Stage.CODE, Stage.REFUND_NO):
                self.perform()
            elif stage is Stage.REFUND_NO:
                self.event(CodeScanned(next(iter(seat.platform.trades), "DG0")))
            else:
                self.event(self.sensible(stage, way, errand))

    def sensible(self, stage: Stage, way: str, errand: str) -> Any:
        options = [each.id for each in options_of(self.seat.session, self.seat.terms) if each.open]
        wanted = {Stage.MENU: errand, Stage.METHOD: way, Stage.RESULT: "menu", Stage.REFUND_CONFIRM: "yes"}
        if stage is Stage.CODE:
            return CodeScanned(CODES[0])
        if stage in wanted and wanted[stage] in options:
            return Choose((wanted[stage],))
        return Choose((options[0],)) if options else Accept()

    @precondition(lambda self: self.seat.session.stage not in ACTS and self.seat.session.stage is not Stage.ENDED)
    @rule(data=st.data())
    def the_citizen_chooses(self, data: st.DataObject) -> None:
        options = options_of(self.seat.session, self.seat.terms)
        if options:
            self.event(Choose((data.draw(st.sampled_from([each.id for each in options])),)))
        elif self.seat.session.stage is Stage.REFUND_NO and self.seat.platform.trades:
            self.event(CodeScanned(data.draw(st.sampled_from(sorted(self.seat.platform.trades)))))
        elif self.seat.session.stage is Stage.CODE:
            self.event(CodeScanned(data.draw(st.sampled_from(CODES))))
        else:
            self.event(Accept())

    @precondition(lambda self: self.seat.session.stage not in ACTS and self.seat.session.stage is not Stage.ENDED)
    @rule(event=st.sampled_from([Back(), Cancel(), Misread(), TurnPage(1), Accept(), Choose(("B0001", "B0002"))]))
    def the_citizen_does_something(self, event: Any) -> None:
        self.event(event)

    @precondition(lambda self: self.seat.session.stage not in ACTS and self.seat.session.deadline is not None)
    @rule()
    def nobody_answers(self) -> None:
        deadline = self.seat.session.deadline or 0.0
        self.seat.clock._now = max(self.seat.clock.now(), deadline)
        self.event(Tick())

    @precondition(lambda self: self.seat.session.stage is not Stage.ENDED)
    @rule(problem=st.sampled_from([Problem.CARD_GONE, Problem.STOPPING]))
    def the_citizen_leaves(self, problem: Problem) -> None:
        step = self.seat.business.leave(self.seat.session, problem, self.seat.clock.now())
        if self.seat.session.stage in ACTS:
            step = (step[0], self.seat.work)  # the act under way is carried through
        self.take(step)

    @rule(operation=st.sampled_from(OPERATIONS), fault=st.sampled_from(FAULTS))
    def the_network(self, operation: str, fault: str) -> None:
        if fault:
            self.seat.platform.faults[operation].append(fault)

    @rule(
        outcome=st.sampled_from(OUTCOMES),
        looks=st.integers(1, 4),
        answer=st.sampled_from(["pin", "cancel", "time-out"]),
    )
    def the_world(self, outcome: str, looks: int, answer: str) -> None:
        self.seat.platform.outcomes.append(outcome)
        self.seat.platform.looks = looks
        self.seat.keypad.answers.append(answer)

    @rule()
    def what_was_late_arrives(self) -> None:
        self.seat.platform.deliver_late()

    @rule()
    def the_platform_goes_on(self) -> None:
        self.seat.platform.settle_down()

    @rule(cut=st.integers(0, 40))
    def power_is_cut(self, cut: int) -> None:
        """Everything in memory is gone. A write that was under way may have left a part of itself."""
        seat = self.seat
        seat.outbox.aclose()
        with seat.outbox.path.open("ab") as file:
            file.write(b'0123456789abcdef {"v":1,"op":"open","at":1,"key"'[:cut])
        seat.session, seat.work = Session(Stage.ENDED), None
        self.boots += 1
        choice = SeededChoice(self.boots, "keys after a start")
        seat.outbox = seat.desk.outbox = Outbox.open(seat.outbox.path, seat.clock.now, choice.bytes)
        self.recovering = True

    @precondition(lambda self: self.recovering)
    @rule()
    def the_kiosk_asks_about_what_it_left(self) -> None:
        seat = self.seat
        open_before = {each.key: each for each in seat.outbox.entries()}
        seen = len(seat.platform.calls)
        event = run_now(seat.desk.perform(Settle()))
        if not isinstance(event, Settled):
            return  # nothing is offered until the platform has been asked
        asked = {told[0] for name, told in seat.platform.calls[seen:] if name in ("trade", "trade_by_key") and told}
        for key, entry in open_before.items():
            assert key in asked or entry.trade_no in asked, "an open key was not asked about"
        assert event.still_open == len(seat.outbox)
        self.recovering = False

    # What must hold.

    def check_told(self, before: Session, after: Session) -> None:
        """What is said is durable at the moment at which it is said."""
        if after.told is None or after.told is before.told or after.trade is None:
            return
        true = self.seat.platform.trades[after.trade.trade_no]
        match after.told:
            case Told.PAID:
                assert true.state in ("paid", "refunding", "refunded")
            case Told.NOT_PAID | Told.GIVEN_BACK:
                assert true.state == "closed"
                assert true.taken_fen == 0
            case Told.ABANDONED | Told.ATTEMPT_FAILED:
                assert true.taken_fen == 0
                sent = {
                    told[1] for name, told in self.seat.platform.calls if name == "pay" and told[0] == true.trade_no
                }
                self.dead |= sent - set(true.pay_keys)
            case Told.REFUNDED:
                assert true.state == "refunded"
                assert true.taken_fen == 0
            case Told.REFUND_REFUSED:
                assert true.state == "paid"
                self.stands[true.trade_no] = self.refunds_of(true.trade_no)
            case Told.MANUAL:
                assert true.state == "manual"
            case Told.UNCERTAIN:
                pass
        if self.spite:
            self.seat.platform.deliver_late()

    @invariant()
    def the_platform_was_asked_nothing_that_no_terminal_may_ask(self) -> None:
        assert self.seat.platform.violations == []

    @invariant()
    def no_trade_takes_twice(self) -> None:
        taken: dict[str, int] = {}
        for number, _, fen in self.seat.platform.debits:
            taken[number] = taken.get(number, 0) + (1 if fen >= 0 else -1)
        assert all(count in (0, 1) for count in taken.values())

    def refunds_of(self, trade_no: str) -> int:
        return sum(name == "refund" and told[0] == trade_no for name, told in self.seat.platform.calls)

    @invariant()
    def what_was_said_to_have_taken_nothing_takes_nothing_later(self) -> None:
        for trade in self.seat.platform.trades.values():
            assert not self.dead & set(trade.pay_keys), "an attempt that was said to have failed was carried out"

    @invariant()
    def a_payment_that_was_said_to_stand_stands(self) -> None:
        for number, asked in self.stands.items():
            moved = self.seat.platform.trades[number].state in ("refunding", "refunded")
            assert not moved or self.refunds_of(number) > asked

    @invariant()
    def one_press_has_one_key(self) -> None:
        keys = {told[1] for name, told in self.seat.platform.calls if name == "pay"}
        assert len(keys) <= self.pressed
        assert keys <= self.noted

    @invariant()
    def the_outbox_holds_nothing_personal(self) -> None:
        text = self.seat.outbox.path.read_bytes().decode("utf-8", "replace")
        assert not any(secret in text for secret in SECRETS)

    @invariant()
    def the_outbox_on_the_disk_is_the_one_in_memory(self) -> None:
        records, _ = read_lines(self.seat.outbox.path.read_bytes())
        opened = {each.key for each in records if each.op == "open"} | {
            f"refund:{each.trade_no}" for each in records if each.op == "refund"
        }
        assert {each.key for each in self.seat.outbox.entries()} <= opened

    @invariant()
    def what_moves_money_is_noted_until_it_is_decided(self) -> None:
        """A trade on which pay was pressed and that is not decided is in the outbox."""
        noted = {each.key for each in self.seat.outbox.entries()}
        for trade in self.seat.platform.trades.values():
            assert trade.state != "paying" or trade.key in noted, f"nobody remembers {trade.trade_no}"

    @invariant()
    def nothing_personal_stays(self) -> None:
        session = self.seat.session
        if session.stage is Stage.ENDED:
            assert (session.visitor, session.credential, session.trade, session.bills) == (None, None, None, ())
        text = repr(session) + repr(self.seat.work)
        assert not any(secret in text for secret in SECRETS)

    @invariant()
    def every_wait_has_an_end(self) -> None:
        session = self.seat.session
        if session.stage not in ACTS and session.stage is not Stage.ENDED:
            assert session.deadline is not None
        if session.stage in ACTS:
            assert self.seat.work is not None, f"{session.stage} has nothing to do"


Kiosk.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestPromises = Kiosk.TestCase


def test_every_session_ends_when_nobody_does_anything(tmp_path: Path) -> None:
    """From any page, time alone leads out."""
    for number, lines in enumerate(
        [(), ("menu pay",), ("menu pay", "bills 1", "payer self"), ("menu register", "department 1"), ("menu refund",)]
    ):
        seat = Seat(tmp_path / str(number)).begin().say(*lines)
        for _ in range(10):
            if seat.session.stage is Stage.ENDED:
                break
            seat.pass_time()
        assert seat.session.stage is Stage.ENDED
