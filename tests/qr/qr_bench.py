"""A merchant of each family at the gateway's door: plain fields in, plain fields out, every reply's signature checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr import alipay, unionpay, wechat
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.signing import HMAC_SHA256, rsa2_sign, sorted_text, wechat_sign, wechat_verify
from protocols.wire.qr.wechat_xml import read_xml, write_xml
from simulators.peer.base import PeerOptions, Twist
from simulators.peer.qr import QrGateway
from simulators.peer.qr_codes import Behaviour, payment_code
from simulators.peer.qr_keys import WECHAT_KEY, gateway_key, merchant_key, merchant_sealing

MORNING = 1_795_305_600.0
"""2026-11-22 08:00:00 in China."""

APPID, MCH_ID = "wx0000000000000001", "1900000001"
APP_ID, MER_ID = "2021000000000001", "898441900000001"


@dataclass
class Bench:
    """``events`` is the journal; :meth:`reborn` is the gateway that a restart makes of it."""

    options: PeerOptions = field(default_factory=PeerOptions)
    events: list[dict[str, Any]] = field(default_factory=list)
    now: float = MORNING
    twist: Twist = ""
    count: int = 0

    def __post_init__(self) -> None:
        self.peer = self.reborn()

    def reborn(self) -> QrGateway:
        return QrGateway(self.options, self._keep, [json.loads(json.dumps(each)) for each in self.events])

    def _keep(self, event: Any) -> None:
        self.events.append(json.loads(json.dumps(event)))

    def send(self, request: HttpRequest) -> HttpReply:
        return self.peer.handle(request, self.now, self.twist)

    def code(self, family: Family, behaviour: Behaviour = Behaviour.PAYS, resident: int = 1) -> str:
        self.count += 1
        return payment_code(family, resident, self.count, behaviour)


@dataclass
class WechatMerchant:
    bench: Bench
    key: str = WECHAT_KEY
    sign_type: str = HMAC_SHA256

    def request(self, path: str, **fields: str) -> HttpRequest:
        whole = {"appid": APPID, "mch_id": MCH_ID, "nonce_str": "n", "sign_type": self.sign_type, **fields}
        return HttpRequest("POST", path, {}, write_xml({**whole, "sign": wechat_sign(whole, self.key, self.sign_type)}))

    def call(self, path: str, **fields: str) -> dict[str, str]:
        reply = self.bench.send(self.request(path, **fields))
        assert reply.status == 200
        found = read_xml(reply.body)
        if found["return_code"] == "SUCCESS":
            assert wechat_verify(found, self.key, self.sign_type)
        return found

    def pay(self, no: str, fen: int, code: str, **more: str) -> dict[str, str]:
        fields = {
            "out_trade_no": no,
            "total_fee": str(fen),
            "auth_code": code,
            "body": "门诊缴费",
            "attach": "H44190000001",
        }
        return self.call(wechat.MICROPAY, spbill_create_ip="127.0.0.1", **{**fields, **more})

    def query(self, no: str) -> dict[str, str]:
        return self.call(wechat.ORDERQUERY, out_trade_no=no)

    def cancel(self, no: str) -> dict[str, str]:
        return self.call(wechat.REVERSE, out_trade_no=no)

    def refund(self, no: str, refund_no: str, fen: int, total: int) -> dict[str, str]:
        fields = {"out_trade_no": no, "out_refund_no": refund_no, "refund_fee": str(fen), "total_fee": str(total)}
        return self.call(wechat.REFUND, **fields)

    def refund_query(self, refund_no: str) -> dict[str, str]:
        return self.call(wechat.REFUNDQUERY, out_refund_no=refund_no)

    def bill(self, day: str, wanted: str = "ALL") -> bytes:
        return self.bench.send(self.request(wechat.DOWNLOADBILL, bill_date=day, bill_type=wanted)).body


@dataclass
class AlipayMerchant:
    bench: Bench

    def request(self, method: str, biz: dict[str, Any], **more: str) -> HttpRequest:
        from urllib.parse import urlencode

        fields = {
            "app_id": APP_ID,
            "method": method,
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": "2026-11-22 08:00:00",
            "version": "1.0",
            "biz_content": json.dumps(biz, ensure_ascii=False),
            **more,
        }
        fields["sign"] = rsa2_sign(sorted_text(fields).encode(), merchant_key())
        return HttpRequest("POST", alipay.GATEWAY, {"host": "qr.test"}, urlencode(fields).encode())

    def call(self, method: str, **biz: Any) -> dict[str, Any]:
        reply = self.bench.send(self.request(method, biz))
        return alipay.node_of(reply.body, method, gateway_key().public_key())

    def pay(self, no: str, fen: int, code: str, **more: str) -> dict[str, Any]:
        fields = {
            "out_trade_no": no,
            "scene": "bar_code",
            "auth_code": code,
            "subject": "门诊缴费",
            "store_id": "H44190000001",
        }
        return self.call(alipay.PAY, total_amount=f"{fen / 100:.2f}", **{**fields, **more})

    def query(self, no: str) -> dict[str, Any]:
        return self.call(alipay.QUERY, out_trade_no=no)

    def cancel(self, no: str) -> dict[str, Any]:
        return self.call(alipay.CANCEL, out_trade_no=no)

    def refund(self, no: str, refund_no: str, fen: int, total: int = 0) -> dict[str, Any]:
        return self.call(alipay.REFUND, out_trade_no=no, refund_amount=f"{fen / 100:.2f}", out_request_no=refund_no)

    def refund_query(self, no: str, refund_no: str) -> dict[str, Any]:
        return self.call(alipay.REFUND_QUERY, out_trade_no=no, out_request_no=refund_no)


@dataclass
class UnionpayMerchant:
    bench: Bench
    sign_type: str = "RSA2"

    def request(self, path: str, **fields: str) -> HttpRequest:
        whole = {
            "version": "1.0",
            "mer_id": MER_ID,
            "txn_time": "20261122080000",
            "nonce": "n1",
            "sign_type": self.sign_type,
        }
        whole |= fields
        sealing = merchant_sealing(self.sign_type)
        sign = sealing.sign(sorted_text(whole).encode())
        return HttpRequest("POST", path, {"host": "qr.test"}, json.dumps({**whole, "sign": sign}).encode())

    def call(self, path: str, **fields: str) -> dict[str, str]:
        found = unionpay.text_fields(self.bench.send(self.request(path, **fields)).body)
        unionpay.verify(found, merchant_sealing(self.sign_type))
        assert found["nonce"] == fields.get("nonce", "n1")
        return found

    def pay(self, no: str, fen: int, code: str, **more: str) -> dict[str, str]:
        fields = {
            "order_id": no,
            "txn_amt": str(fen),
            "ccy": "156",
            "qr_no": code,
            "subject": "门诊缴费",
            "ins_code": "H44190000001",
        }
        return self.call(unionpay.PAY, **{**fields, **more})

    def query(self, no: str) -> dict[str, str]:
        return self.call(unionpay.QUERY, order_id=no)

    def cancel(self, no: str) -> dict[str, str]:
        return self.call(unionpay.CANCEL, order_id=no)

    def refund(self, no: str, refund_no: str, fen: int, total: int = 0) -> dict[str, str]:
        return self.call(unionpay.REFUND, order_id=refund_no, orig_order_id=no, txn_amt=str(fen))

    def refund_query(self, refund_no: str) -> dict[str, str]:
        return self.call(unionpay.REFUND_QUERY, order_id=refund_no)


def outcome(family: Family, reply: dict[str, Any]) -> str:
    """The word of *family* for what came of a call."""
    match family:
        case Family.WECHAT:
            if reply["return_code"] != "SUCCESS":
                return "FAIL"
            return "SUCCESS" if reply["result_code"] == "SUCCESS" else reply["err_code"]
        case Family.ALIPAY:
            return reply.get("sub_code") or reply["code"]
        case Family.UNIONPAY:
            return reply["resp_code"]


Merchant = WechatMerchant | AlipayMerchant | UnionpayMerchant
MERCHANTS: dict[Family, Callable[[Bench], Merchant]] = {
    Family.WECHAT: WechatMerchant,
    Family.ALIPAY: AlipayMerchant,
    Family.UNIONPAY: UnionpayMerchant,
}


PAID = {Family.WECHAT: "SUCCESS", Family.ALIPAY: "10000", Family.UNIONPAY: "00"}


DAY_S = 86_400


STATES: dict[str, dict[Family, str]] = {
    "paid": {Family.WECHAT: "SUCCESS", Family.ALIPAY: "TRADE_SUCCESS", Family.UNIONPAY: "SUCCESS"},
    "waiting": {Family.WECHAT: "USERPAYING", Family.ALIPAY: "WAIT_BUYER_PAY", Family.UNIONPAY: "PROCESSING"},
    "timeout": {Family.WECHAT: "REVOKED", Family.ALIPAY: "TRADE_CLOSED", Family.UNIONPAY: "CLOSED"},
    "failed": {Family.WECHAT: "PAYERROR", Family.ALIPAY: "TRADE_CLOSED", Family.UNIONPAY: "FAILED"},
    "reversed": {Family.WECHAT: "REVOKED", Family.ALIPAY: "TRADE_CLOSED", Family.UNIONPAY: "REVERSED"},
}


def state_of(family: Family, reply: dict[str, Any]) -> str:
    return str(
        reply.get(
            {Family.WECHAT: "trade_state", Family.ALIPAY: "trade_status", Family.UNIONPAY: "order_status"}[family]
        )
    )


def realistic() -> Bench:
    return Bench(PeerOptions(temper="realistic"))


def hostile() -> Bench:
    return Bench(PeerOptions(temper="hostile"))
