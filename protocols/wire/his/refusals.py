"""Why a HIS does not do what it was asked: stable codes, the HTTP status of each, and what to do about it.

A refusal is decided: nothing was done. Where :attr:`Refusal.about_request` is false it says nothing about the trade itself, only that
this very request was not let in; ``nonce-used`` says not even that, because the request may have come before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.wire.base import Label

__all__ = ["NONCE_USED", "REFUSALS", "Refusal", "Refused"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """``client_at_fault``: no client that follows the interface gets it, whatever the network does."""

    status: int
    label: Label
    client_at_fault: bool = False
    about_request: bool = True


class Refused(Exception):
    """``code`` is one of :data:`REFUSALS`; ``where`` names the field or thing, never its value."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(f"{code} ({where})" if where else code)
        self.code, self.where = code, where

    @property
    def message(self) -> str:
        """For the reply: Chinese and English, and the place."""
        known = REFUSALS[self.code].label
        return f"{known.zh} / {known.en}" + (f": {self.where}" if self.where else "")


_FAULT, _GATE = "f", "g"

_ROWS = """
malformed|400|f|报文不符合接口|the message does not follow the interface
key-missing|400|f|缺少 Idempotency-Key|send an Idempotency-Key
signature-wrong|401|fg|签名错误|the signature is wrong or missing
clock-skew|401|g|时间戳超出允许偏差|the timestamp is outside the window: set the clock
nonce-used|401|g|随机数已用过|the nonce was used before: send with a new one
credential-expired|401|g|接入凭证已失效|the credential has expired: renew it
unknown-institution|403|fg|机构不存在|there is no such institution
foreign-institution|403|f|数据属于其他机构|that belongs to another institution
no-such-operation|404|f|没有此接口|there is no such operation
method-not-allowed|405|f|请求方法不正确|another HTTP method is wanted
too-large|413|f|报文过大|the message is too large
media-type|415|f|内容类型应为 application/json|the body is not application/json
key-reused|422|f|Idempotency-Key 已用于其他请求|that Idempotency-Key was used for another request: take a new one
notfound|404||不存在|there is no such thing
patient-unknown|404||患者未建档|the patient has no record here: create one
person-unknown|404||查无此人|nobody has that citizen number
name-differs|409||姓名与证件号不符|name and citizen number do not belong together
patient-differs|409|f|患者不一致|that belongs to another patient
slot-closed|409||号源未开放或已停|the slot is not open
slot-full|409||号源已满|the slot is taken
lock-expired|409||锁定已失效|the lock has expired: lock again
lock-in-trade|409||号源已进入交易|the slot is part of a trade: cancel the trade
lock-taken|409||该锁定已被其他交易使用|the lock belongs to another trade
bill-held|409||账单正在其他交易中|another trade has the bill locked
bill-paid|409||账单已缴费|the bill is paid
bill-void|409||账单已作废|the bill is void
not-mergeable|409|f|账单不可合并结算|these bills may not be paid together
med-type-differs|409|f|医疗类别不一致|med_type is not that of what is paid
not-locked|409|f|未经预结算|the trade holds no lock: pre-settle first
trade-cancelled|409||交易已取消|the trade was cancelled
trade-settled|409||交易已结算|the trade is settled: ask for a refund
trade-differs|409|f|同一交易号内容不同|that trade_no was used with other content
trade-refunded|409||交易已退费|the trade was refunded
amount-differs|409|f|金额不符|the amounts do not agree
not-settled|409||交易未结算|the trade is not settled
visit-began|409||已就诊|the visit has begun
drug-issued|409||药品已发|the medicine was handed out
ebill-printed|409||票据已换开纸质票据|the e-bill was turned to paper: give the paper back first
booking-expired|409||预约已过期|the booking has expired
booking-cancelled|409||预约已取消|the booking was cancelled
too-early|409||未到签到时间|it is too early to check in
fee-due|409||费用未缴|the fee is due first
refund-first|409||已缴费，请先申请退费|it was paid: ask for a refund, which cancels it
refund-done|409||退费已完成|the refund is done
refund-withdrawn|409||退费申请已撤回|the refund was withdrawn
refund-differs|409|f|同一退费单号内容不同|that refund_no was used with other content
refused|409||业务受限，请到窗口办理|not possible at a terminal: go to the counter
"""


def _refusal(row: str) -> tuple[str, Refusal]:
    code, status, flags, zh, en = row.split("|")
    return code, Refusal(int(status), Label(zh, en), _FAULT in flags, _GATE not in flags)


REFUSALS: Mapping[str, Refusal] = dict(_refusal(row) for row in _ROWS.strip().splitlines())

NONCE_USED = "nonce-used"
