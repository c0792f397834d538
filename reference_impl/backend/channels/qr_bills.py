"""Fetches the bill of one family and day from the QR gateway: asks for its address, then for the file behind it.

The address is used for its path and query only, on the gateway that is configured: a reply cannot send this backend to
another host. Source: spec/services.md 4 (T+1 after 10:00, address for 30 s, SHA-1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

from protocols.clock import Clock, civil
from protocols.wire.base import WireError
from protocols.wire.http import JSON_TYPE, HttpReply, HttpRequest
from protocols.wire.qr import alipay, unionpay, wechat_v3
from protocols.wire.qr.bill import BillFile
from protocols.wire.qr.bill_alipay import parse_alipay_bill
from protocols.wire.qr.bill_unionpay import parse_unionpay_bill
from protocols.wire.qr.bill_wechat import parse_wechat_bill
from protocols.wire.qr.fields import read
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import Rsa2Sealing, private_key, public_key
from reference_impl.backend.channels.qr import PEER, QrConfig
from reference_impl.backend.transport import HttpTransport

__all__ = ["NoBill", "QrBills"]

LIMIT_S = 60.0


class NoBill(Exception):
    """The gateway has no bill of that day: too soon, no trade on that day, or kept no longer. ``code`` is the gateway's."""

    def __init__(self, family: Family, code: str) -> None:
        super().__init__(f"{family.value}: there is no bill ({code}): fetch it after 10:00 of the next day")
        self.family, self.code = family, code


class QrBills:
    """*entropy* gives so many random bytes."""

    def __init__(
        self, config: QrConfig, transport: HttpTransport, clock: Clock, entropy: Callable[[int], bytes]
    ) -> None:
        self._config, self._transport, self._clock, self._entropy = config, transport, clock, entropy
        self._private, self._public = private_key(config.merchant_private_key), public_key(config.gateway_public_key)

    async def fetch(self, family: Family, day: date) -> BillFile:
        """The bill, parsed and checked against its own sums.

        Raises :class:`NoBill`, :class:`protocols.wire.base.WireError` for what cannot be read or believed, and
        :class:`reference_impl.backend.transport.NoAnswer`.
        """
        text, body = f"{day:%Y-%m-%d}", await self.file(family, day)
        match family:
            case Family.WECHAT:
                return parse_wechat_bill(body, text)
            case Family.ALIPAY:
                return parse_alipay_bill(body, text)
            case Family.UNIONPAY:
                bill = parse_unionpay_bill(body)
                if bill.day != text:
                    raise WireError("the bill is of another day")
                return bill

    async def file(self, family: Family, day: date) -> bytes:
        """The bill as the gateway keeps it, with its signature or digest checked; raises as :meth:`fetch`."""
        match family:
            case Family.WECHAT:
                return await self._wechat(f"{day:%Y-%m-%d}")
            case Family.ALIPAY:
                return await self._alipay(f"{day:%Y-%m-%d}")
            case Family.UNIONPAY:
                return await self._unionpay(day)

    async def _wechat(self, day: str) -> bytes:
        target = f"{wechat_v3.TRADEBILL}?bill_date={day}&bill_type=ALL"
        request = wechat_v3.authorized(
            HttpRequest("GET", target),
            self._config.wechat_mch_id,
            self._config.wechat_serial,
            int(self._clock.now()),
            self._entropy(16).hex(),
            self._private,
        )
        reply = await self._transport.exchange(PEER, request, LIMIT_S)
        try:
            address = wechat_v3.verified_address(reply, self._public)
        except WireError as error:
            if error.why in (wechat_v3.NO_BILL, wechat_v3.NOT_MADE):
                raise NoBill(Family.WECHAT, error.why) from None
            raise
        return self._checked(await self._file(address.download_url), address.hash_value)

    async def _alipay(self, day: str) -> bytes:
        timestamp = f"{civil(self._clock.now()):%Y-%m-%d %H:%M:%S}"
        biz = alipay.BillBiz(bill_date=day)
        body = alipay.call_body(self._config.alipay_app_id, alipay.BILL, timestamp, biz, self._private)
        request = HttpRequest("POST", alipay.GATEWAY, {"content-type": alipay.FORM_TYPE}, body)
        reply = await self._transport.exchange(PEER, request, LIMIT_S)
        node = read(alipay.BillNode, alipay.node_of(reply.body, alipay.BILL, self._public))
        if node.code != alipay.SUCCESS:
            raise NoBill(Family.ALIPAY, node.sub_code or node.code)
        return await self._file(node.bill_download_url)

    async def _unionpay(self, day: date) -> bytes:
        sealing = self._config.sealing or Rsa2Sealing(self._private, self._public)
        nonce = self._entropy(16).hex()
        message = unionpay.BillRequest(
            mer_id=self._config.unionpay_mer_id,
            txn_time=f"{civil(self._clock.now()):%Y%m%d%H%M%S}",
            nonce=nonce,
            settle_date=f"{day:%Y%m%d}",
        )
        request = HttpRequest(
            "POST", unionpay.BILL, {"content-type": JSON_TYPE}, unionpay.sealed_body(message, sealing)
        )
        fields = unionpay.text_fields((await self._transport.exchange(PEER, request, LIMIT_S)).body)
        unionpay.verify(fields, sealing)
        answer = read(unionpay.BillReply, fields)
        if answer.nonce != nonce:
            raise WireError("the reply is about another call")
        if answer.resp_code != "00":
            raise NoBill(Family.UNIONPAY, answer.resp_code)
        return self._checked(await self._file(answer.download_url), answer.sha1)

    async def _file(self, url: str) -> bytes:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise WireError("the address of the bill is no URL") from None
        if not parts.path.startswith("/"):
            raise WireError("the address of the bill has no path")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        reply: HttpReply = await self._transport.exchange(PEER, HttpRequest("GET", target), LIMIT_S)
        if reply.status != 200:
            raise WireError(f"the file of the bill was answered with HTTP {reply.status}: ask for a new address")
        return reply.body

    @staticmethod
    def _checked(body: bytes, sha1: str) -> bytes:
        if hashlib.sha1(body, usedforsecurity=False).hexdigest() != sha1:
            raise WireError("the file of the bill is not the one that the gateway has signed for")
        return body
