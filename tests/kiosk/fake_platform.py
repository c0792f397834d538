"""A platform in memory, written from the models of protocols/wire/platform: strict about what a terminal may ask.

It keeps its own truth: ``trades`` is what is durable, ``debits`` what was really taken and given back, ``violations`` what a
terminal did that no terminal may. Faults are put into ``faults`` by operation and used up one by one:

- ``lost``: the request never arrives; ``reply-lost``: it is carried out and the answer gets lost;
- ``late``: the answer does not come, and the request is carried out later, by :meth:`FakePlatform.deliver_late`;
- ``twice``: carried out twice, answered once; ``refuse:CODE``: turned away, nothing changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from protocols.clock import Clock
from protocols.wire.platform.models import (
    Appointment,
    AppointmentList,
    AttemptView,
    Bill,
    BillItem,
    BillList,
    CardData,
    CheckIn,
    Credential,
    Department,
    DepartmentList,
    Doctor,
    DoctorList,
    Heartbeat,
    HeartbeatReply,
    OpenTradeRequest,
    PayRequest,
    PinKey,
    Problem,
    ReceiptView,
    RefundEligibility,
    Slot,
    SlotList,
    SlotLock,
    SplitView,
    TradeView,
    Visitor,
)
from reference_impl.kiosk.business.works import BankCard, PinBlock
from reference_impl.kiosk.platform import PlatformRefused, PlatformSilent

CASH = {"bank_card", "wechat", "alipay", "unionpay_qr"}
VISIT_S, QUOTE_S, LOCK_S = 600.0, 300.0, 900.0


def refusal(code: str, status: int = 409, detail: str = "") -> PlatformRefused:
    problem = Problem(code=code, title=f"平台拒绝（{code}）", detail=detail or f"refused: {code}", status=status)
    return PlatformRefused(problem)


def bill(number: int, total_fen: int = 12_560, *, mergeable: bool = True, med_type: str = "11") -> Bill:
    half = total_fen // 2
    return Bill(
        bill_id=f"B{number:04d}",
        department="全科门诊",
        doctor="演示医生",
        billed_at="2026-11-22 08:10:00",
        total_fen=total_fen,
        med_type=med_type,
        mergeable=mergeable,
        items=(
            BillItem(
                name="阿莫西林胶囊 0.25g*24", kind="药品", quantity="2", price=f"{half / 200:.2f}", amount_fen=half
            ),
            BillItem(name="血常规", kind="检验", quantity="1", price="0.00", amount_fen=total_fen - half),
        ),
    )


@dataclass
class Trade:
    """One trade as it is durable."""

    trade_no: str
    key: str
    request: OpenTradeRequest
    total_fen: int
    split: SplitView
    deadline: float
    kind: str
    state: str = "quoting"
    reason: str = ""
    method: str = ""
    pay_keys: list[str] = field(default_factory=list)
    attempts: list[AttemptView] = field(default_factory=list)
    looks: int = 0
    outcome: str = ""
    taken_fen: int = 0

    def view(self) -> TradeView:
        return TradeView(
            trade_no=self.trade_no,
            kind=self.kind,
            state=self.state,
            decided=self.state in ("paid", "closed", "refunded"),
            total_fen=self.total_fen,
            split=None if self.state == "quoting" else self.split,
            method=self.method,
            deadline=self.deadline,
            reason=self.reason,
            attempts=tuple(self.attempts),
        )


class FakePlatform:
    """See the module. ``outcomes`` are used up by presses: ``paid``, ``fail:ACTION:CODE``, ``manual``, ``stuck`` (it stays
    undecided until :meth:`unstick`), ``lost-data``. ``looks`` is how often a trade is looked at before something happens."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.record, self.insured, self.account_fen = True, True, 20_000
        self.looks = 1
        self.bills_due: dict[str, Bill] = {
            each.bill_id: each for each in (bill(1), bill(2, 4_800), bill(3, 990, med_type="14"))
        }
        self.bills_due["B0004"] = bill(4, 700, mergeable=False)
        self.appointments_of: list[Appointment] = []
        self.trades: dict[str, Trade] = {}
        self.by_key: dict[str, str] = {}
        self.locks: dict[str, SlotLock] = {}
        self.outcomes: list[str] = []
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.debits: list[tuple[str, str, int]] = []
        self.violations: list[str] = []
        self.late: list[Callable[[], object]] = []
        self.down = False
        self.sessions = 0
        self.visitors: dict[str, Credential] = {}
        self.beats: list[Heartbeat] = []
        self.eligible = True
        self.refund_refused = False
        self.pin_keys = 0

    # The way in.

    def _through(self, operation: str, carry_out: Callable[[], Any], *told: Any) -> Any:
        """One request under the next fault of its operation."""
        self.calls.append((operation, told))
        fault = self.faults[operation].pop(0) if self.faults[operation] else ""
        if self.down or fault == "lost":
            raise PlatformSilent("the request got lost")
        if fault.startswith("refuse:"):
            raise refusal(fault.partition(":")[2])
        if fault == "late":
            self.late.append(carry_out)
            raise PlatformSilent("the request is late")
        answer = carry_out()
        if fault == "twice":
            answer = carry_out()
        if fault == "reply-lost":
            raise PlatformSilent("the reply got lost")
        return answer

    def deliver_late(self) -> None:
        """Requests that were on their way arrive now; nobody hears their answers."""
        late, self.late = self.late, []
        for each in late:
            try:
                each()
            except PlatformRefused:
                continue

    # Terminals.

    async def enrol(self, code: str) -> None:
        self._through("enrol", lambda: None, code)

    async def session(self) -> None:
        self._through("session", lambda: None)
        self.sessions += 1

    async def pin_key(self) -> PinKey:
        def make() -> PinKey:
            self.pin_keys += 1
            return PinKey(cipher="00" * 16, check_value="D2B91C", version=f"v{self.pin_keys}")

        return self._through("pin_key", make)

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatReply:
        def take() -> HeartbeatReply:
            self.beats.append(beat)
            return HeartbeatReply(server_time=self.clock.now())

        return self._through("heartbeat", take)

    async def aclose(self) -> None:
        return None

    # Citizens.

    async def identify(self, credential: Credential) -> Visitor:
        return self._through("identify", lambda: self._visitor(credential))

    def _visitor(self, credential: Credential, *, record: bool | None = None) -> Visitor:
        if credential.kind in ("social_security_card", "resident_id"):
            known = len(credential.id_number) == 18
        else:
            known = bool(credential.code)
        if not known:
            raise refusal("credential-unknown", 404)
        visitor_id = f"V{len(self.visitors) + 1:04d}"
        self.visitors[visitor_id] = credential
        return Visitor(
            visitor_id=visitor_id,
            patient_id="P00000001",
            name="测**",
            id_number="4****************X",
            record=self.record if record is None else record,
            insured=self.insured,
            insutype="310" if self.insured else "",
            account_fen=self.account_fen,
            expires_at=self.clock.now() + VISIT_S,
        )

    async def create_record(self, visitor_id: str, phone: str | None = None) -> Visitor:
        return self._through("create_record", lambda: self._visitor(self._who(visitor_id), record=True), visitor_id)

    def _who(self, visitor_id: str) -> Credential:
        if visitor_id not in self.visitors:
            self.violations.append(f"visitor {visitor_id} was never identified")
            raise refusal("visitor-unknown", 404)
        return self.visitors[visitor_id]

    async def bills(self, visitor_id: str) -> BillList:
        def find() -> BillList:
            self._who(visitor_id)
            return BillList(bills=tuple(self.bills_due.values()))

        return self._through("bills", find, visitor_id)

    # Registration.

    async def departments(self) -> DepartmentList:
        listed = DepartmentList(
            departments=(Department(department_id="D01", name="全科"), Department(department_id="D02", name="中医科"))
        )
        return self._through("departments", lambda: listed)

    async def doctors(self, department_id: str) -> DoctorList:
        listed = DoctorList(doctors=(Doctor(doctor_id="DR1", name="演示医生", title="主治医师"),))
        return self._through("doctors", lambda: listed, department_id)

    async def slots(self, department_id: str, doctor_id: str, date: str) -> SlotList:
        def slot(number: int, left: int) -> Slot:
            return Slot(
                slot_id=f"S{number}", department_id=department_id, doctor_id=doctor_id, date=date, period="morning",
                starts=f"{8 + number:02d}:00", ends=f"{8 + number:02d}:30", total=5, left=left, fee_fen=1_250,
            )  # fmt: skip

        return self._through("slots", lambda: SlotList(slots=(slot(1, 3), slot(2, 0))), date)

    async def lock_slot(self, slot_id: str, visitor_id: str) -> SlotLock:
        def lock() -> SlotLock:
            self._who(visitor_id)
            made = SlotLock(
                lock_id=f"L{len(self.locks) + 1:04d}", see_no="12", fee_fen=1_250, expires_at=self.clock.now() + LOCK_S
            )
            self.locks[made.lock_id] = made
            return made

        return self._through("lock_slot", lock, slot_id)

    async def appointments(self, visitor_id: str) -> AppointmentList:
        return self._through("appointments", lambda: AppointmentList(appointments=tuple(self.appointments_of)))

    async def check_in(self, appointment_id: str) -> CheckIn:
        def check() -> CheckIn:
            for number, each in enumerate(self.appointments_of):
                if each.appointment_id == appointment_id:
                    if each.state not in ("booked", "checked_in") or each.due_fen:
                        raise refusal("not-to-be-checked-in")
                    self.appointments_of[number] = each.model_copy(update={"state": "checked_in"})
                    return CheckIn(appointment_id=appointment_id, see_no="7", room="203")
            raise refusal("appointment-unknown", 404)

        return self._through("check_in", check, appointment_id)

    # Trades.

    async def open_trade(self, key: str, request: OpenTradeRequest) -> TradeView:
        return self._through("open_trade", lambda: self._open(key, request), key)

    def _open(self, key: str, request: OpenTradeRequest) -> TradeView:
        if key in self.by_key:
            known = self.trades[self.by_key[key]]
            if known.request != request:
                self.violations.append("one key for two requests")
                raise refusal("idempotency-key-reused", 422)
            return known.view()
        self._who(request.visitor_id)
        if bool(request.bill_ids) == bool(request.lock_id):
            self.violations.append("a trade for bills and a lock, or for neither")
            raise refusal("invalid", 422)
        if request.bill_ids:
            wanted = [self.bills_due[each] for each in request.bill_ids if each in self.bills_due]
            if len(wanted) != len(request.bill_ids):
                raise refusal("bill-unknown", 404)
            if len(wanted) > 1 and (not all(e.mergeable for e in wanted) or len({e.med_type for e in wanted}) > 1):
                self.violations.append("bills paid together that may not be")
                raise refusal("not-mergeable", 422)
            busy = {
                each
                for trade in self.trades.values()
                if trade.state not in ("closed",)
                for each in trade.request.bill_ids
            }
            if busy & set(request.bill_ids):
                raise refusal("bill-locked")
            total, kind = sum(each.total_fen for each in wanted), "bill"
        else:
            total = self.locks[request.lock_id].fee_fen if request.lock_id in self.locks else 1_250
            kind = "registration"
        number = f"DG20261122{len(self.trades) + 1:08d}"
        trade = Trade(number, key, request, total, self._split(total, request), self.clock.now() + QUOTE_S, kind)
        self.trades[number], self.by_key[key] = trade, number
        return trade.view()

    def _split(self, total_fen: int, request: OpenTradeRequest) -> SplitView:
        fund = total_fen * 66 // 100 if request.insured else 0
        account = (
            min(self.account_fen, (total_fen - fund) * 70 // 100) if request.insured and request.use_account else 0
        )
        return SplitView(
            fund_fen=fund, account_fen=account, mutual_aid_fen=0, cash_fen=total_fen - fund - account, hospital_fen=0
        )

    async def pay(
        self,
        trade_no: str,
        key: str,
        method: str,
        *,
        auth_code: str = "",
        card: BankCard | None = None,
        pin: PinBlock | None = None,
    ) -> TradeView:
        def carry_out() -> TradeView:
            return self._pay(trade_no, key, PayRequest(method=method, auth_code=auth_code), card, pin)  # type: ignore[arg-type]

        return self._through("pay", carry_out, trade_no, key)

    def _pay(
        self, trade_no: str, key: str, request: PayRequest, card: BankCard | None, pin: PinBlock | None
    ) -> TradeView:
        trade = self._known(trade_no)
        if key in trade.pay_keys:
            return trade.view()
        if (request.method == "bank_card") != (card is not None and pin is not None):
            self.violations.append("a bank card without its data, or data without a bank card")
        if card is not None and pin is not None:
            CardData(pan=card.pan, expiry=card.expiry, track2=card.track2, entry_mode="021",
                     pin_block=pin.block.hex(), pin_key=pin.key_version)  # fmt: skip
        if trade.state != "awaiting":
            raise refusal("trade-not-payable")
        if self.clock.now() >= trade.deadline:
            raise refusal("quote-expired")
        if (request.method in CASH) != (trade.split.cash_fen > 0):
            self.violations.append(f"{request.method} for a cash part of {trade.split.cash_fen}")
            raise refusal("method-does-not-pay")
        trade.pay_keys.append(key)
        trade.state, trade.method, trade.looks = "paying", request.method, self.looks
        trade.outcome = self.outcomes.pop(0) if self.outcomes else "paid"
        if trade.outcome == "now":
            self._decide(trade, "paid")
        return trade.view()

    def _known(self, trade_no: str) -> Trade:
        if trade_no not in self.trades:
            raise refusal("trade-unknown", 404)
        return self.trades[trade_no]

    async def trade(self, trade_no: str, wait_s: float = 0.0) -> TradeView:
        def look() -> TradeView:
            trade = self._known(trade_no)
            self._advance(trade)
            return trade.view()

        return self._through("trade", look, trade_no)

    async def trade_by_key(self, key: str) -> TradeView | None:
        def look() -> TradeView | None:
            return self.trades[self.by_key[key]].view() if key in self.by_key else None

        return self._through("trade_by_key", look, key)

    async def cancel(self, trade_no: str, reason: str) -> TradeView:
        def turn_back() -> TradeView:
            trade = self._known(trade_no)
            if trade.state in ("cancelling", "closed"):
                return trade.view()
            if trade.state in ("paid", "refunding", "refunded", "manual"):
                raise refusal("too-late-to-cancel")
            trade.state, trade.reason, trade.looks, trade.outcome = "cancelling", reason, self.looks, ""
            return trade.view()

        return self._through("cancel", turn_back, trade_no)

    async def refund(self, trade_no: str, reason: str) -> TradeView:
        def turn_back() -> TradeView:
            trade = self._known(trade_no)
            if trade.state in ("refunding", "refunded"):
                return trade.view()
            if trade.state != "paid":
                raise refusal("not-refundable")
            trade.state, trade.reason, trade.looks = "refunding", reason, self.looks
            return trade.view()

        return self._through("refund", turn_back, trade_no)

    async def eligibility(self, trade_no: str) -> RefundEligibility:
        def look() -> RefundEligibility:
            eligible = self.eligible and self._known(trade_no).state == "paid"
            return RefundEligibility(eligible=eligible, code="" if eligible else "visit-began")

        return self._through("eligibility", look, trade_no)

    async def receipt(self, trade_no: str) -> ReceiptView:
        def look() -> ReceiptView:
            trade = self._known(trade_no)
            items = tuple(i for each in trade.request.bill_ids for i in self.bills_due[each].items)
            return ReceiptView(
                trade_no=trade_no, institution="模拟社区卫生服务站00001", kind=trade.kind, state=trade.state,
                at="2026-11-22 08:30:16", total_fen=trade.total_fen, split=trade.split, method=trade.method,
                channel_reference="261122000012", reconciliation_no="HIS20261122000001",
                see_no="12" if trade.kind == "registration" else "", items=items, qr="https://ebill.example/44190000001",
            )  # fmt: skip

        return self._through("receipt", look, trade_no)

    # What happens by itself.

    def _advance(self, trade: Trade) -> None:
        """Somebody looked: after so many looks the next thing has happened."""
        if trade.state == "awaiting" and self.clock.now() >= trade.deadline:
            trade.state, trade.reason, trade.looks = "cancelling", "citizen-timeout", self.looks
        if trade.state not in ("quoting", "paying", "cancelling", "refunding") or trade.outcome == "stuck":
            return
        trade.looks -= 1
        if trade.looks > 0:
            return
        match trade.state:
            case "quoting":
                trade.state, trade.looks = "awaiting", self.looks
            case "cancelling":
                self._give_back(trade)
                trade.state = "closed"
            case "refunding" if self.refund_refused:
                trade.state, trade.reason = "paid", "refund-refused"
            case "refunding":
                self._give_back(trade)
                trade.state = "refunded"
            case _:
                self._decide(trade, trade.outcome)

    def unstick(self) -> None:
        """What was stuck goes on: it had been paid."""
        for trade in self.trades.values():
            if trade.outcome == "stuck" and trade.state == "paying":
                self._decide(trade, "paid")

    def settle_down(self, looks: int = 20) -> None:
        """The platform goes on by itself until nothing moves any more."""
        self.unstick()
        for _ in range(looks):
            for trade in self.trades.values():
                self._advance(trade)

    def _decide(self, trade: Trade, outcome: str) -> None:
        kind, _, rest = outcome.partition(":")
        action, _, code = rest.partition(":")
        if kind == "paid":
            if trade.split.cash_fen:
                trade.attempts.append(AttemptView(leg="cash", act="do", channel=trade.method, state="success"))
            trade.taken_fen += trade.split.cash_fen
            self.debits.append((trade.trade_no, trade.method, trade.split.cash_fen))
            trade.state = "paid"
        elif kind == "fail":
            trade.attempts.append(
                AttemptView(leg="cash", act="do", channel=trade.method, state="fail", code=code, action=action)
            )
            trade.state, trade.method, trade.deadline = "awaiting", "", self.clock.now() + QUOTE_S
        elif kind == "lost-data":
            trade.state, trade.method, trade.reason = "awaiting", "", "payment-data-lost"
        else:
            trade.state = "manual"

    def _give_back(self, trade: Trade) -> None:
        if trade.taken_fen:
            trade.attempts.append(AttemptView(leg="cash", act="undo", channel=trade.method, state="success"))
            self.debits.append((trade.trade_no, trade.method, -trade.taken_fen))
            trade.taken_fen = 0
