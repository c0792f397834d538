"""What a visitor owes at this institution, line by line (DG-SVC-PAY-01)."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.wire.his import money_messages as his
from protocols.wire.money import yuan_text
from protocols.wire.platform.models import Bill, BillItem, BillList
from reference_impl.backend.channels.his_client import HisClient
from reference_impl.backend.identity.teller import Teller
from reference_impl.backend.identity.visitors import VisitorRecord, Visitors
from reference_impl.backend.peers import answers
from reference_impl.backend.problems import ProblemError, ProblemKind

__all__ = ["BILL_PROBLEMS", "BillService", "must_have_record"]

NO_RECORD = ProblemKind("no-record", 409, "尚未建档", "Create a record at this institution first.")
BILL_UNKNOWN = ProblemKind(
    "bill-unknown", 409, "费用已变化，请重新查询", "List the bills again: one of them is not due any more."
)
NOT_TOGETHER = ProblemKind("not-mergeable", 409, "所选费用不能合并支付", "Pay these bills one by one.")

BILL_PROBLEMS = (NO_RECORD, BILL_UNKNOWN, NOT_TOGETHER)


def must_have_record(visitor: VisitorRecord) -> str:
    """The visitor's patient number. Raises :class:`ProblemError` for who has no record."""
    if not visitor.patient_id:
        raise ProblemError(NO_RECORD, where="visitor_id")
    return visitor.patient_id


class BillService:
    def __init__(self, visitors: Visitors, his: HisClient) -> None:
        self._visitors, self._his = visitors, his

    async def list(self, teller: Teller, visitor_id: str) -> BillList:
        visitor = self._visitors.at(teller.terminal_id, visitor_id)
        patient_id = must_have_record(visitor)
        with answers():
            bills = await self._his.unpaid_bills(teller.institution, patient_id)
        await teller.noted("patient.bills-listed", patient_id, {})
        return BillList(bills=tuple(_shown(each) for each in bills if not each.held))

    async def chosen(self, teller: Teller, patient_id: str, bill_ids: Sequence[str]) -> list[his.Bill]:
        """The bills of that patient which are to be paid together. Raises :class:`ProblemError` when one is not due, or when
        they may not be paid together (spec/services.md 2.2)."""
        with answers():
            due = {each.bill_id: each for each in await self._his.unpaid_bills(teller.institution, patient_id)}
        missing = [each for each in bill_ids if each not in due]
        if missing or len(set(bill_ids)) != len(bill_ids):
            raise ProblemError(BILL_UNKNOWN, where="bill_ids")
        bills = [due[each] for each in bill_ids]
        if len(bills) > 1 and (not all(each.pay_merge for each in bills) or len({each.med_type for each in bills}) > 1):
            raise ProblemError(NOT_TOGETHER, where="bill_ids")
        return bills


def _shown(bill: his.Bill) -> Bill:
    return Bill(
        bill_id=bill.bill_id,
        department=bill.department,
        doctor=bill.doctor,
        billed_at=bill.billed_at,
        total_fen=bill.total_fen,
        med_type=bill.med_type,
        mergeable=bill.pay_merge,
        items=tuple(item_of(each) for each in bill.items),
    )


def item_of(item: his.BillItem) -> BillItem:
    return BillItem(
        name=item.name,
        kind=item.kind,
        quantity=item.quantity,
        price=yuan_text(item.price_fen),
        amount_fen=item.amount_fen,
    )
