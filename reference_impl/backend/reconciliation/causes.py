"""Why a difference probably is there: a reading of what the books say, for the person who has to look (DG-FIN-REC-03)."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.base import Label
from reference_impl.backend.reconciliation.model import CODE_RULES, Code
from reference_impl.backend.reconciliation.records import Difference

__all__ = ["probable_cause"]

_BY_STATE: Mapping[tuple[Code, str, str], Label] = {
    (Code.CHANNEL_ONLY, "platform", ""): Label(
        "平台无此笔：不是本平台发起，或平台丢失了记录",
        "the platform has no such payment: made elsewhere, or its record was lost",
    ),
    (Code.CHANNEL_ONLY, "platform", "failed"): Label(
        "渠道已扣款但应答丢失，平台判为失败",
        "the channel took the money, the reply was lost, the platform judged it failed",
    ),
    (Code.CHANNEL_ONLY, "platform", "reversed"): Label(
        "平台已冲正或退款，渠道没有执行或记在另一日",
        "the platform has taken it back; the channel has not, or on another day",
    ),
    (Code.PLATFORM_ONLY, "channel", ""): Label(
        "渠道对账单缺行或迟到，或平台误判成功",
        "a row missing or late in the bill, or the platform wrongly took it for paid",
    ),
    (Code.PLATFORM_ONLY, "channel", "reversed"): Label(
        "渠道已冲正或撤销，平台不知道", "the channel has taken it back, and the platform does not know"
    ),
    (Code.HIS_MISSING, "his", ""): Label(
        "HIS确认失败或应答丢失", "the confirmation at the HIS failed, or its reply was lost"
    ),
    (Code.HIS_MISSING, "his", "reversed"): Label(
        "HIS已退费，平台不知道", "the HIS has refunded it, and the platform does not know"
    ),
    (Code.HIS_ONLY, "platform", ""): Label(
        "HIS窗口补录，或平台丢失了记录", "entered at a window of the HIS, or the platform's record was lost"
    ),
    (Code.HIS_ONLY, "platform", "reversed"): Label("HIS退费未完成", "the refund at the HIS came to nothing"),
    (Code.INS_MISSING, "insurance", ""): Label(
        "医保已冲正，或文件缺行", "corrected at the centre, or a row missing in its file"
    ),
    (Code.INS_MISSING, "insurance", "reversed"): Label(
        "医保已撤销，平台不知道", "reversed at the centre, and the platform does not know"
    ),
    (Code.INS_ONLY, "platform", ""): Label(
        "结算应答丢失且冲正未成功，或不是本平台发起",
        "the reply was lost and the correction failed, or it was settled elsewhere",
    ),
    (Code.INS_ONLY, "platform", "reversed"): Label("医保撤销未完成", "the reversal at the centre came to nothing"),
    (Code.STATUS_MISMATCH, "platform", ""): Label(
        "渠道与HIS都有，平台丢失了记录", "channel and HIS have it, and the platform's record was lost"
    ),
    (Code.STATUS_MISMATCH, "platform", "open"): Label(
        "平台尚未得到最终结果：先查证", "the platform has not got the final result: query first"
    ),
    (Code.STATUS_MISMATCH, "platform", "failed"): Label(
        "平台判为失败，对方已成功", "the platform judged it failed, and the others have it"
    ),
    (Code.STATUS_MISMATCH, "platform", "done"): Label(
        "平台判为成功，对方没有成功", "the platform took it for done, and another book has not"
    ),
    (Code.DUPLICATE, "platform", "done"): Label("平台对同一参考号记了两次", "the platform booked one reference twice"),
    (Code.DUPLICATE, "platform", ""): Label(
        "对方重复入账，或文件写了两次", "booked twice on the other side, or a file written twice"
    ),
}
"""By code, the book whose side tells, and its state there; empty: it has no row."""


def probable_cause(difference: Difference) -> Label:
    """The cause of *difference* as far as the books tell. That of a CUTOVER is the end of the day."""
    code, sides = difference.rule_code, difference.side
    for (known, book, state), cause in _BY_STATE.items():
        if known is code and sides.get(book, {}).get("state", "") == state:
            return cause
    return CODE_RULES[code].cause
