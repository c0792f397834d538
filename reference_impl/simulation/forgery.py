"""What somebody on the line could make of a reply: it says something else, and bears the signature of what it said before.

A client that checks MACs and signatures never acts on one of these. Messages without a signature of their own (HIS, insurance,
inside their secured connections) are left alone: see ``FORGEABLE``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

from protocols.wire.bank.codes import APPROVED, REVERSAL_DONE
from protocols.wire.bank.message import decode, encode
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply
from protocols.wire.qr import alipay, unionpay, wechat
from protocols.wire.qr.wechat_xml import read_xml, write_xml

__all__ = ["FORGEABLE", "forged"]

FORGEABLE = frozenset({"bank", "qr"})
NO_MONEY, REFUSED = "51", "06"


def forged(peer: str, address: str, reply: Any) -> Any:
    """*reply* of *peer* to a message of *address* with its meaning turned round. What cannot be turned is given unchanged."""
    try:
        return _frame(reply) if peer == "bank" else _http(address, reply)
    except (WireError, ValueError):  # it was broken on its way already
        return reply


def _frame(frame: bytes) -> bytes:
    """Approved becomes refused and the other way round; the MAC stays as it was."""
    message = decode(frame)
    if message.mti == "0410":
        code = REFUSED if message.get(39) in REVERSAL_DONE else APPROVED
    else:
        code = NO_MONEY if message.get(39) == APPROVED else APPROVED
    return encode(message.having({39: code}))


def _http(address: str, reply: HttpReply) -> HttpReply:
    if address in wechat.PATHS:
        return replace(reply, body=_wechat(reply.body))
    if address in alipay.METHODS:
        return replace(reply, body=_alipay(reply.body))
    return replace(reply, body=_unionpay(reply.body))


def _wechat(body: bytes) -> bytes:
    fields = read_xml(body)
    if fields.get("trade_state"):
        fields["trade_state"] = "NOTPAY" if fields["trade_state"] == "SUCCESS" else "SUCCESS"
    elif fields.get("result_code") == wechat.SUCCESS:
        fields |= {"result_code": wechat.FAIL, "err_code": "NOTENOUGH"}
    else:
        fields["result_code"] = wechat.SUCCESS
    return write_xml(fields)


def _alipay(body: bytes) -> bytes:
    members = cast("dict[str, Any]", json.loads(body))
    for node in members.values():
        if isinstance(node, dict) and "code" in node:
            node = cast("dict[str, Any]", node)
            if node["code"] == alipay.SUCCESS:
                node |= {"code": alipay.BUSINESS_FAILED, "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH"}
            else:
                node["code"] = alipay.SUCCESS
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def _unionpay(body: bytes) -> bytes:
    fields = unionpay.text_fields(body)
    fields["resp_code"] = NO_MONEY if fields.get("resp_code") == APPROVED else APPROVED
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
