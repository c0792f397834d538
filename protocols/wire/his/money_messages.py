"""Bills, settlements and trades at the HIS. Amounts are whole fen, but in fee lines, which have the shape of the insurance.

Source: spec/services.md 2.1, operations 9 to 15, 2.2 (fields, payment kinds, merge rule), 1.5 (2203 and 2204). A *trade* is what a
``trade_no`` of the asker names: first a lock, then a settlement, perhaps a refund.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from protocols.wire.his.fields import (
    Ask,
    Business,
    Fen,
    Id,
    IdOrNone,
    MedType,
    Moment,
    Must50,
    Must100,
    PayFen,
    Reference,
    Text16,
    Text50,
    Told,
    TradeNo,
)
from protocols.wire.money import fen_of_yuan

__all__ = [
    "ACCOUNT_KIND",
    "FUND_KIND",
    "Bill",
    "BillItem",
    "BillList",
    "CancelTrade",
    "Diagnosis",
    "FeeLine",
    "Insurance",
    "ListBills",
    "LockTrade",
    "Pay",
    "PayKind",
    "Pays",
    "SettleTrade",
    "Split",
    "TradeCancelled",
    "TradeLocked",
    "TradeSettled",
    "TradeState",
    "TradeStatus",
    "UnlockTrade",
]

MOST_BILLS = 20
MOST_PAYS = 10
PayKind = Literal["01", "02", "06", "07", "08", "10", "11", "12", "13", "14"]
FUND_KIND: PayKind = "07"
ACCOUNT_KIND: PayKind = "06"
"""01 cash, 02 bank card, 06 insurance account, 07 pooled fund, 08 clinic card, 10 e-CNY, 11 WeChat, 12 Alipay, 13 UnionPay app,
14 credit."""
TradeState = Literal["LOCKED", "DONE", "CANCELLED", "EXPIRED", "REFUNDING", "REFUNDED"]


class Pay(Ask):
    """``kind`` as in spec/services.md 2.2; a mixed order (41, 42) is told as its parts. ``channel_ref`` is the number under
    which the channel has it."""

    kind: PayKind
    amount_fen: PayFen
    channel_ref: Reference = ""


Pays = Annotated[tuple[Pay, ...], Field(max_length=MOST_PAYS, strict=False)]


class Split(Ask):
    """Who pays what; ``reduction_fen`` is borne by the institution. The parts add up to the total."""

    fund_fen: Fen = 0
    account_fen: Fen = 0
    cash_fen: Fen = 0
    reduction_fen: Fen = 0

    @property
    def total_fen(self) -> int:
        return self.fund_fen + self.account_fen + self.cash_fen + self.reduction_fen


class Insurance(Ask):
    """The settlement at the insurance that belongs to a trade."""

    setl_id: Id
    mdtrt_id: IdOrNone = ""


# Bills.


class ListBills(Ask):
    patient_id: Id


class BillItem(Told):
    """``quantity`` is a decimal text."""

    item_id: Id
    name: Must100
    kind: Must50
    spec: Text50 = ""
    unit: Text16 = ""
    quantity: Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
    price_fen: Fen
    amount_fen: Fen


class Bill(Told):
    """``pay_merge``: may be paid together with others of the same patient and ``med_type``. ``held``: another trade has it
    locked just now."""

    bill_id: Id
    register_no: IdOrNone = ""
    department_id: Id
    department: Must50
    doctor_id: Id
    doctor: Must50
    billed_at: Moment
    total_fen: Fen
    fee_category: Must50
    med_type: MedType
    pay_merge: bool
    held: bool = False
    items: Annotated[tuple[BillItem, ...], Field(min_length=1, max_length=200, strict=False)]


class BillList(Told):
    patient_id: Id
    bills: Annotated[tuple[Bill, ...], Field(strict=False)]


# The lock.

_ONE_OF_TWO: JsonDict = {
    "oneOf": [
        {
            "required": ["bill_ids"],
            "properties": {"bill_ids": {"minItems": 1}, "slot_lock": {"maxLength": 0}},
        },
        {
            "required": ["slot_lock"],
            "properties": {"slot_lock": {"minLength": 1}, "bill_ids": {"maxItems": 0}},
        },
    ]
}


class LockTrade(Ask):
    """Pre-settlement: exactly one of ``bill_ids`` and ``slot_lock``. Sent again with the same content it answers the same."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF_TWO)

    trade_no: TradeNo
    patient_id: Id
    bill_ids: Annotated[
        tuple[Id, ...], Field(max_length=MOST_BILLS, strict=False, json_schema_extra={"uniqueItems": True})
    ] = ()
    slot_lock: IdOrNone = ""
    med_type: MedType
    terminal_id: IdOrNone = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.bill_ids) == bool(self.slot_lock):
            raise ValueError("name exactly one of bill_ids and slot_lock")
        if len(set(self.bill_ids)) != len(self.bill_ids):
            raise ValueError("a bill is named twice")
        return self


class Diagnosis(Told):
    """The shape of diseinfo of 2203 (spec/services.md 1.5)."""

    diag_type: Annotated[str, Field(pattern=r"^[0-9]{1,3}$")]
    diag_srt_no: Annotated[str, Field(pattern=r"^[0-9]{1,2}$")]
    diag_code: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9A-Za-z.+*]+$")]
    diag_name: Must100
    diag_dept: Text50 = ""
    dise_dor_no: IdOrNone = ""
    dise_dor_name: Text50 = ""
    vali_flag: Literal["0", "1"] = "1"


class FeeLine(Told):
    """The shape of feedetail of 2204, as far as a HIS knows it; numbers are decimal texts, amounts in yuan.

    ``cnt`` times ``pric`` is ``det_item_fee_sumamt`` to the fen.
    """

    feedetl_sn: Annotated[str, Field(min_length=1, max_length=30, pattern=r"^[0-9A-Za-z._:-]+$")]
    rxno: Annotated[str, Field(max_length=30, pattern=r"^[0-9A-Za-z._:-]*$")] = ""
    fee_ocur_time: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$")]
    med_list_codg: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[0-9A-Za-z._:-]+$")]
    medins_list_codg: Annotated[str, Field(max_length=150, pattern=r"^[0-9A-Za-z._:-]*$")] = ""
    det_item_fee_sumamt: Annotated[str, Field(pattern=r"^[0-9]{1,14}\.[0-9]{2}$")]
    cnt: Annotated[str, Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
    pric: Annotated[str, Field(pattern=r"^[0-9]{1,10}(\.[0-9]{1,6})?$")]
    bilg_dept_codg: IdOrNone = ""
    bilg_dept_name: Text50 = ""
    bilg_dr_codg: IdOrNone = ""
    bilg_dr_name: Text50 = ""

    @property
    def amount_fen(self) -> int:
        return fen_of_yuan(self.det_item_fee_sumamt)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        product = (Decimal(self.cnt) * Decimal(self.pric)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if product != Decimal(self.det_item_fee_sumamt):
            raise ValueError("cnt times pric is not det_item_fee_sumamt")
        return self


class TradeLocked(Told):
    """What is to be paid, and until when it is kept. The amounts of ``feedetail`` add up to ``total_fen``."""

    trade_no: TradeNo
    business: Business
    total_fen: Fen
    expires_at: Moment
    diagnoses: Annotated[tuple[Diagnosis, ...], Field(max_length=20, strict=False)] = ()
    feedetail: Annotated[tuple[FeeLine, ...], Field(max_length=2000, strict=False)]


class UnlockTrade(Ask):
    trade_no: TradeNo


class CancelTrade(Ask):
    trade_no: TradeNo
    reason: Must100 = "asker"


class TradeCancelled(Told):
    """``FENCED``: the trade was not known, and a lock or settlement that comes late is refused; ``RELEASED``: its lock is
    gone, or had gone by itself; ``UNDONE``: it was settled, and is not any more."""

    trade_no: TradeNo
    result: Literal["FENCED", "RELEASED", "UNDONE"]


# The settlement.


class SettleTrade(Ask):
    """Confirm the bills that ``trade_no`` has locked as paid. ``split`` absent: as the kinds of the pays say."""

    trade_no: TradeNo
    pays: Pays
    split: Split | None = None
    insurance: Insurance | None = None
    terminal_id: IdOrNone = ""


class TradeSettled(Told):
    trade_no: TradeNo
    reconciliation_no: Id
    settled_at: Moment


class TradeStatus(Told):
    """``DONE``: settled and standing. ``REFUNDING``: a refund was granted and is under way."""

    trade_no: TradeNo
    state: TradeState
    business: Business | None = None
    reconciliation_no: IdOrNone = ""
    amount_fen: Fen = 0
    settled_at: Moment | None = None
    registration_id: IdOrNone = ""
    see_no: IdOrNone = ""
