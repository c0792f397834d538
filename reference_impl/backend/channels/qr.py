"""The three QR channels: one shell around the messages of a family.

The payment code is in the secrets of the attempt and nowhere else: it is sent once, and what became of it is asked for by
the order's number, which is the attempt's id. A refund keeps its own number however often it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from protocols.clock import Clock
from protocols.wire.base import WireError
from protocols.wire.qr.payment_codes import family_of
from protocols.wire.qr.signing import HMAC_SHA256, Rsa2Sealing, Sealing, private_key, public_key
from reference_impl.backend.channels.qr_alipay import AlipayMessages
from reference_impl.backend.channels.qr_calls import Call, QrMessages, silence
from reference_impl.backend.channels.qr_rules import PAY, REFUND, QrRules
from reference_impl.backend.channels.qr_unionpay import UnionpayMessages
from reference_impl.backend.channels.qr_wechat import WechatMessages
from reference_impl.backend.settlement.channel import Heard, Opening, Outcome, Secrets
from reference_impl.backend.settlement.model import Attempt, Trade, TradeKind
from reference_impl.backend.transport import HttpTransport, NoAnswer, NotSent

__all__ = ["QrChannel", "QrConfig", "qr_channels", "qr_messages"]

PEER = "qr"
LIMIT_S = 15.0
"""Of one exchange: a gateway that has not answered by then is asked what became of it."""

SUBJECTS = {TradeKind.BILL: "门诊缴费", TradeKind.REGISTRATION: "预约挂号"}
"""What the payer reads in the app: nothing that says who was treated for what."""


@dataclass(frozen=True, slots=True)
class QrConfig:
    """The merchant's numbers and keys. RSA keys are base64 of their DER form, with or without PEM lines;
    ``gateway_public_key`` is the gateway's; ``wechat_serial`` is that of the merchant's certificate. ``sealing``: instead
    of RSA2 for UnionPay (SM2)."""

    wechat_appid: str
    wechat_mch_id: str
    wechat_key: str = field(repr=False)
    alipay_app_id: str
    unionpay_mer_id: str
    merchant_private_key: str = field(repr=False)
    gateway_public_key: str = field(repr=False)
    wechat_sign_type: str = HMAC_SHA256
    wechat_serial: str = ""
    sealing: Sealing | None = field(default=None, repr=False)


def qr_messages(config: QrConfig) -> tuple[WechatMessages, AlipayMessages, UnionpayMessages]:
    """Raises ValueError naming what of *config* cannot be used."""
    try:
        private, public = private_key(config.merchant_private_key), public_key(config.gateway_public_key)
    except WireError as error:
        raise ValueError(f"keys of the QR gateway: {error.why}") from None
    return (
        WechatMessages(config.wechat_appid, config.wechat_mch_id, config.wechat_key, config.wechat_sign_type),
        AlipayMessages(config.alipay_app_id, private, public),
        UnionpayMessages(config.unionpay_mer_id, config.sealing or Rsa2Sealing(private, public)),
    )


def qr_channels(
    config: QrConfig, transport: HttpTransport, clock: Clock, entropy: Callable[[int], bytes]
) -> dict[str, QrChannel]:
    """The channels ``wechat``, ``alipay`` and ``unionpay_qr``. *entropy* gives so many random bytes."""
    channels = (QrChannel(each, transport, clock, entropy) for each in qr_messages(config))
    return {each.name: each for each in channels}


class QrChannel:
    """See :class:`reference_impl.backend.settlement.channel.Channel`. Secrets: ``auth_code``."""

    def __init__(
        self,
        messages: QrMessages,
        transport: HttpTransport,
        clock: Clock,
        entropy: Callable[[int], bytes],
        limit_s: float = LIMIT_S,
    ) -> None:
        self.name = messages.family.value
        self.rules = QrRules(messages.cancel_after_s)
        self._messages, self._transport, self._clock = messages, transport, clock
        self._entropy, self._limit_s = entropy, limit_s

    def undo_of(self, attempt: Attempt) -> str:
        return REFUND

    def open(
        self, trade: Trade, operation: str, original: Attempt | None, seq: int, secrets: Secrets, now: float
    ) -> Opening:
        """Raises ValueError where there is no payment code of this family; the code is not repeated in it."""
        reference = f"{trade.trade_no}{seq:03d}"
        if operation == PAY:
            try:
                family = family_of(secrets.values.get("auth_code", ""))
            except WireError as error:
                raise ValueError(f"{self.name}: {error.why}") from None
            if family is not self._messages.family:
                raise ValueError(f"{self.name}: the code that was shown is one of {family.value}")
            return Opening(reference, PAY)
        if operation != REFUND or original is None:
            raise ValueError(f"{self.name} pays and refunds, and knows no {operation!r}")
        facts: Mapping[str, object] = {"out_trade_no": original.reference, "total_fen": original.amount_fen}
        return Opening(reference, REFUND, facts)

    def engaged(self, trade: Trade) -> bool:
        return False

    async def perform(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Outcome:
        """See :class:`reference_impl.backend.settlement.channel.Channel`."""
        call = self._call(trade, attempt, secrets)
        if attempt.op == PAY and not call.auth_code:
            return Outcome(Heard.UNSENT, "no-payment-code", "the payment code is gone: it was never sent")
        try:
            request = self._messages.request(call)
        except (WireError, ValidationError):
            return Outcome(Heard.UNSENT, "unsendable", "the gateway's format has no place for this")
        try:
            reply = await self._transport.exchange(PEER, request, self._limit_s)
        except NotSent:
            return Outcome(Heard.UNSENT, "not-sent", "nobody accepted the connection")
        except NoAnswer:
            return silence("no-answer", "no reply within the limit")
        if reply.status != 200:
            return silence(f"http-{reply.status}", "the gateway answered with an error of HTTP")
        try:
            return self._messages.heard(call, reply)
        except WireError as error:
            return silence("unreadable", error.why)

    def _call(self, trade: Trade, attempt: Attempt, secrets: Secrets) -> Call:
        refunds = attempt.operation == REFUND
        return Call(
            op=attempt.op,
            order_no=str(attempt.facts["out_trade_no"]) if refunds else attempt.reference,
            refund_no=attempt.reference if refunds else "",
            fen=attempt.amount_fen,
            total_fen=int(attempt.facts["total_fen"]) if refunds else attempt.amount_fen,
            subject=SUBJECTS[trade.kind],
            institution=trade.institution,
            terminal=trade.terminal_id,
            now=self._clock.now(),
            nonce=self._entropy(16).hex(),
            auth_code=secrets.values.get("auth_code", "") if attempt.op == PAY else "",
        )

    def settled(self, attempt: Attempt) -> None:
        return None

    def resume(self, attempt: Attempt) -> None:
        return None
