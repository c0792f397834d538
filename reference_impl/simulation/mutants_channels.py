"""Planted mistakes in the channels: bank, QR gateway, insurance, HIS."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from protocols.wire.bank.parts import Original
from protocols.wire.base import Label, WireError
from protocols.wire.http import HttpReply
from protocols.wire.qr.signing import HMAC_SHA256, rsa2_sign, wechat_sign
from protocols.wire.qr.wechat_xml import read_xml, write_xml
from reference_impl.backend.banking import messages
from reference_impl.backend.banking.host import BankHost
from reference_impl.backend.channels.bank import BankChannel
from reference_impl.backend.channels.insurance_rules import Step
from reference_impl.backend.channels.qr_calls import Call
from reference_impl.backend.channels.qr_rules import CANCEL, PAY, QUERY, REFUND
from reference_impl.backend.settlement.channel import Channel, Heard, Opening, Outcome, Ruling
from reference_impl.backend.settlement.model import Attempt, AttemptState, Trade
from reference_impl.simulation.mutant import Mutant
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key

__all__ = ["CHANNEL_MUTANTS"]

Channels = dict[str, Channel]
QR = ("wechat", "alipay", "unionpay_qr")

_FAIL, _SUCCESS = Ruling(AttemptState.FAIL), Ruling(AttemptState.SUCCESS)


def _ruled(change: Callable[[Attempt, Outcome, Ruling], Ruling | None], *names: str) -> Callable[[Channels], None]:
    """Channels *names* with rules whose rulings *change* may replace."""

    def alter(channels: Channels) -> None:
        for name in names:
            rules = cast("Any", channels[name].rules)
            rules.after = _changed(rules.after, change)

    return alter


def _changed(
    usual: Callable[[Attempt, Outcome], Ruling], change: Callable[[Attempt, Outcome, Ruling], Ruling | None]
) -> Callable[[Attempt, Outcome], Ruling]:
    def after(attempt: Attempt, outcome: Outcome) -> Ruling:
        ruling = usual(attempt, outcome)
        return change(attempt, outcome, ruling) or ruling

    return after


# The bank.


def _reversal_dropped(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _FAIL if attempt.op == "purchase" and ruling.op == "reverse" else None


def _reversal_sent_once(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return Ruling(AttemptState.REVERSED) if attempt.op == "reverse" else None


def _void_in_doubt_is_done(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _SUCCESS if attempt.op == "void" and ruling.state is AttemptState.UNKNOWN else None


def _refund_in_doubt_is_lost(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    """A refund of which nobody knows is sent again at once, without a look at the day's bill."""
    return Ruling(AttemptState.REVERSED) if attempt.op == "refund" and ruling.op == "bill" else None


def _mac_not_checked(channels: Channels) -> None:
    cast("Any", channels["bank"]).host._is_authentic = lambda terminal, message, data: True  # pyright: ignore[reportUnknownLambdaType]


def _trace_not_kept(channels: Channels) -> None:
    """The trace counter is not written with the attempt: after a start its numbers come again."""
    bank = channels["bank"]
    usual = bank.open

    def opened(*given: Any) -> Opening:
        return replace(usual(*given), writes=())

    cast("Any", bank).open = opened


def _reversal_under_a_new_number(channels: Channels) -> None:
    bank = cast("BankChannel", channels["bank"])
    inner = cast("Any", bank)
    usual = inner._reverse

    async def reverse(terminal: Any, attempt: Attempt) -> Outcome:
        return cast(
            "Outcome", await usual(terminal, replace(attempt, reference=terminal.reference(terminal.next_trace())))
        )

    inner._card = lambda attempt: {}  # pyright: ignore[reportUnknownLambdaType]
    inner._reverse = reverse


def _void_of_another_batch(channels: Channels) -> None:
    """Whether the batch is still open is not looked at: what was settled yesterday is voided, not refunded."""
    cast("Any", channels["bank"]).undo_of = lambda attempt: "void"  # pyright: ignore[reportUnknownLambdaType]


def _keys_of_yesterday(channels: Channels) -> None:
    """A refused key is no reason to sign in again."""
    host = cast("BankHost", cast("Any", channels["bank"]).host)
    cast("Any", host).needs_sign_in = lambda terminal: not terminal.keys  # pyright: ignore[reportUnknownLambdaType]


def _wrong_day(channels: Channels) -> None:
    """A void or refund names the day before as that of its original."""

    def yesterday(*given: Any) -> Any:
        changed: list[Any] = [
            replace(each, date=f"{int(each.date or '0101') - 1:04d}") if isinstance(each, Original) else each
            for each in given
        ]
        return usual(*changed)

    usual = cast("Any", messages).undo
    inner = cast("Any", channels["bank"])
    perform = inner._undo

    async def undo(terminal: Any, trade: Trade, attempt: Attempt) -> Outcome:
        cast("Any", messages).undo = yesterday
        try:
            return cast("Outcome", await perform(terminal, trade, attempt))
        finally:
            cast("Any", messages).undo = usual

    inner._undo = undo


# The QR gateway.


def _pay_in_doubt_failed(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _FAIL if attempt.op == PAY and outcome.heard is Heard.SILENCE else None


def _not_cancelled(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    """An order that is not paid is not cancelled: the payer may still pay it."""
    return _FAIL if ruling.op == CANCEL and attempt.op == QUERY else None


def _cancel_in_doubt_is_done(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return Ruling(AttemptState.REVERSED) if attempt.op == CANCEL and outcome.heard is not Heard.DONE else None


def _typing_is_paying(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _SUCCESS if attempt.op in (PAY, QUERY) and outcome.heard is Heard.BUSY else None


def _refund_accepted_is_done(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    """A refund that was not answered is taken as done."""
    return _SUCCESS if attempt.op == REFUND and outcome.heard is Heard.SILENCE else None


def _new_refund_number(channels: Channels) -> None:
    """Each try of a refund has a number of its own."""
    for name in QR:
        inner = cast("Any", channels[name])
        inner._call = _numbered(inner._call)


def _numbered(usual: Callable[..., Call]) -> Callable[..., Call]:
    def call(trade: Trade, attempt: Attempt, secrets: Any) -> Call:
        made = usual(trade, attempt, secrets)
        return replace(made, refund_no=f"{made.refund_no}{attempt.tries:02d}"[-32:]) if made.refund_no else made

    return call


def _heard_otherwise(
    channels: Channels, name: str, change: Callable[[Call, HttpReply], tuple[Call, HttpReply]]
) -> None:
    believing = cast("Any", channels[name])._messages
    usual = believing.heard

    def heard(call: Call, reply: HttpReply) -> Outcome:
        try:
            return cast("Outcome", usual(*change(call, reply)))
        except (KeyError, ValueError) as error:
            raise WireError(str(error)) from None

    believing.heard = heard


def _signature_not_checked(channels: Channels) -> None:
    _heard_otherwise(channels, "wechat", _signed_by_wechat)
    _heard_otherwise(channels, "alipay", _signed_by_alipay)

    class Believing:
        def __init__(self, usual: Any) -> None:
            self.sign_type, self.sign = usual.sign_type, usual.sign

        def verify(self, text: bytes, signature: str) -> bool:
            return True

    unionpay = cast("Any", channels["unionpay_qr"])._messages
    unionpay._sealing = Believing(unionpay._sealing)


def _signed_by_wechat(call: Call, reply: HttpReply) -> tuple[Call, HttpReply]:
    fields = {name: text for name, text in read_xml(reply.body).items() if name != "sign"}
    return call, replace(reply, body=write_xml({**fields, "sign": wechat_sign(fields, WECHAT_KEY, HMAC_SHA256)}))


def _signed_by_alipay(call: Call, reply: HttpReply) -> tuple[Call, HttpReply]:
    name, node = next((n, v) for n, v in json.loads(reply.body).items() if isinstance(v, dict))
    text = json.dumps(node, ensure_ascii=False, separators=(",", ":"))
    sign = rsa2_sign(text.encode(), gateway_key())
    return call, replace(reply, body=f'{{"{name}":{text},"sign":"{sign}"}}'.encode())


# The insurance.


def _settlement_in_doubt(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _FAIL if attempt.op == "settle" and ruling.op == "query" else None


def _revocation_in_doubt(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    undecided = attempt.operation == "revoke" and Step.of(ruling.op).name == "check"
    return _SUCCESS if undecided else None


def _visit_in_doubt_is_left(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _FAIL if attempt.operation == "visit" and ruling.op == "withdraw" else None


# The HIS.


def _commit_in_doubt_failed(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _FAIL if attempt.op == "commit" and ruling.op.startswith("check") else None


def _commit_refused_is_done(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _SUCCESS if attempt.operation == "commit" and outcome.heard is Heard.REFUSED else None


def _his_refund_in_doubt(attempt: Attempt, outcome: Outcome, ruling: Ruling) -> Ruling | None:
    return _SUCCESS if attempt.op == "refund" and outcome.heard is Heard.SILENCE else None


def _named(*mutants: Sequence[Any]) -> tuple[Mutant, ...]:
    return tuple(Mutant(name, Label(zh, en), alter=alter) for name, zh, en, alter in mutants)


_BANK = _named(
    ("reversal-dropped", "不发冲正", "a payment without an answer is not reversed", _ruled(_reversal_dropped, "bank")),
    ("reversal-sent-once", "冲正无应答不再重发", "a reversal without an answer is not repeated", _ruled(_reversal_sent_once, "bank")),
    ("reversal-under-a-new-number", "冲正使用新流水号", "a reversal has a number of its own", _reversal_under_a_new_number),
    ("void-in-doubt-is-done", "撤销无应答算成功", "a void without an answer counts as done", _ruled(_void_in_doubt_is_done, "bank")),
    ("refund-in-doubt-is-lost", "退货无应答即重发", "a refund in doubt is sent again under a new number", _ruled(_refund_in_doubt_is_lost, "bank")),
    ("mac-not-checked", "不验MAC", "a reply is trusted without its MAC", _mac_not_checked),
    ("trace-not-kept", "流水号不落盘", "the trace counter is not kept over a start", _trace_not_kept),
    ("void-of-another-batch", "跨批次仍撤销", "a void instead of a refund after the batch was settled", _void_of_another_batch),
    ("keys-of-yesterday", "密钥失效不重新签到", "keys that the bank refuses are used on", _keys_of_yesterday),
    ("wrong-day", "原交易日期错误", "an undo names another day for its original", _wrong_day),
)  # fmt: skip
_QR = _named(
    ("qr-pay-in-doubt-failed", "扫码支付无应答算失败", "a QR payment without an answer counts as failed", _ruled(_pay_in_doubt_failed, *QR)),
    ("qr-not-cancelled", "超时未付的订单不撤销", "an order that is not paid in time is not cancelled", _ruled(_not_cancelled, *QR)),
    ("qr-cancel-in-doubt-is-done", "撤单无应答算成功", "a cancel without an answer counts as done", _ruled(_cancel_in_doubt_is_done, *QR)),
    ("qr-typing-is-paying", "输入密码中算已付", "a payer who types the password counts as having paid", _ruled(_typing_is_paying, *QR)),
    ("qr-refund-in-doubt-is-done", "退款无应答算成功", "a refund without an answer counts as done", _ruled(_refund_accepted_is_done, *QR)),
    ("qr-new-refund-number", "退款重发换号", "each try of a refund has a new number", _new_refund_number),
    ("qr-signature-not-checked", "不验扫码应答签名", "a QR reply is trusted without its signature", _signature_not_checked),
)  # fmt: skip
_INSURANCE = _named(
    ("settlement-in-doubt-failed", "医保结算无应答算失败", "a settlement in doubt counts as failed", _ruled(_settlement_in_doubt, "insurance")),
    ("revocation-in-doubt-is-done", "医保撤销无应答算成功", "a revocation in doubt counts as done", _ruled(_revocation_in_doubt, "insurance")),
    ("visit-in-doubt-is-left", "就诊登记无应答不撤销", "a visit of which nobody knows is left open", _ruled(_visit_in_doubt_is_left, "insurance")),
)  # fmt: skip
_HIS = _named(
    ("commit-in-doubt-failed", "HIS结算无应答算失败", "a commit without an answer counts as failed", _ruled(_commit_in_doubt_failed, "his")),
    ("commit-refused-is-done", "HIS拒绝结算算成功", "a commit that the HIS refuses counts as done", _ruled(_commit_refused_is_done, "his")),
    ("his-refund-in-doubt-is-done", "HIS退费无应答算成功", "a refund in doubt counts as done", _ruled(_his_refund_in_doubt, "his")),
)  # fmt: skip

CHANNEL_MUTANTS: tuple[Mutant, ...] = (*_BANK, *_QR, *_INSURANCE, *_HIS)
