"""Response codes (field 39): what they say, and what a terminal that cares for money may conclude from them.

Source: spec/services.md 3.4. The classes are a project choice and cautious: only a code after which the money has
certainly not moved is ``not_moved``; a code that is not in the table is ``unknown``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocols.wire.base import Label

__all__ = ["APPROVED", "RESPONSES", "REVERSAL_DONE", "Action", "Response", "response"]

APPROVED = "00"
REVERSAL_DONE = frozenset({"00", "12", "25"})
"""A reversal is finished by these (spec/services.md 3.4)."""


class Action(StrEnum):
    """``unknown``: reverse it. ``operator``: not moved, and somebody has to look. ``sign_in``: not moved, new keys first."""

    APPROVED = "approved"
    NOT_MOVED = "not_moved"
    UNKNOWN = "unknown"
    OPERATOR = "operator"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Response:
    label: Label
    action: Action


def _r(zh: str, en: str, action: Action = Action.NOT_MOVED) -> Response:
    return Response(Label(zh, en), action)


RESPONSES: Mapping[str, Response] = {
    "00": _r("承兑或交易成功", "approved", Action.APPROVED),
    "01": _r("查发卡方", "refer to the issuer"),
    "02": _r("查发卡方的特殊条件", "refer to the issuer, special condition"),
    "03": _r("无效商户", "invalid merchant", Action.OPERATOR),
    "04": _r("没收卡", "capture the card"),
    "05": _r("不予承兑", "refused"),
    "06": _r("出错", "error", Action.UNKNOWN),
    "07": _r("特殊条件下没收卡", "capture the card, special condition"),
    "09": _r("请求正在处理中", "in progress", Action.UNKNOWN),
    "12": _r("无效交易", "invalid transaction"),
    "13": _r("无效金额", "invalid amount"),
    "14": _r("无效卡号", "invalid card number"),
    "15": _r("无此发卡方", "no such issuer"),
    "19": _r("重新送入交易", "send it again", Action.UNKNOWN),
    "20": _r("无效应答", "invalid reply", Action.UNKNOWN),
    "21": _r("不采取动作", "no action taken", Action.UNKNOWN),
    "22": _r("故障怀疑", "suspected fault", Action.UNKNOWN),
    "23": _r("不可接受的交易费", "unacceptable fee"),
    "25": _r("找不到原始交易", "original transaction not found"),
    "30": _r("格式错误", "format error", Action.OPERATOR),
    "31": _r("交换中心不支持的银行", "institution not supported"),
    "33": _r("过期的卡", "card expired"),
    "34": _r("有作弊嫌疑", "suspected fraud"),
    "36": _r("受限制的卡", "restricted card"),
    "38": _r("超过允许的PIN试输入", "too many PIN tries"),
    "40": _r("请求的功能尚不支持", "function not supported"),
    "41": _r("挂失卡", "card reported lost"),
    "43": _r("被窃卡", "card reported stolen"),
    "45": _r("请使用芯片", "use the chip"),
    "51": _r("资金不足", "insufficient funds"),
    "54": _r("过期的卡", "card expired"),
    "55": _r("不正确的PIN", "wrong PIN"),
    "57": _r("不允许持卡人进行的交易", "not permitted to the cardholder", Action.OPERATOR),
    "58": _r("不允许终端进行的交易", "not permitted to the terminal", Action.OPERATOR),
    "59": _r("有作弊嫌疑", "suspected fraud"),
    "61": _r("超出金额限制", "amount limit exceeded"),
    "62": _r("受限制的卡", "restricted card"),
    "64": _r("原始金额错误", "original amount differs"),
    "65": _r("超出消费次数限制", "number of payments exceeded"),
    "68": _r("发卡行响应超时", "the issuer's reply came too late", Action.UNKNOWN),
    "75": _r("允许的输入PIN次数超限", "too many PIN tries"),
    "77": _r("请重新签到", "sign in again", Action.SIGN_IN),
    "90": _r("正在日终处理", "cut-over in progress", Action.UNKNOWN),
    "91": _r("发卡方或交换中心不能操作", "issuer or switch down", Action.UNKNOWN),
    "92": _r("找不到网络设施", "no route", Action.UNKNOWN),
    "94": _r("重复交易", "duplicate transaction", Action.UNKNOWN),
    "95": _r("调节控制错", "totals differ"),
    "96": _r("交换中心系统异常", "system fault", Action.UNKNOWN),
    "97": _r("终端未登记", "terminal unknown", Action.OPERATOR),
    "98": _r("收不到发卡方应答", "no reply from the issuer", Action.UNKNOWN),
    "99": _r("PIN格式错", "PIN format error", Action.SIGN_IN),
    "A0": _r("MAC校验错", "MAC wrong", Action.SIGN_IN),
}

_UNLISTED = Response(Label("未登记的应答码", "a code that is not in the table"), Action.UNKNOWN)


def response(code: str) -> Response:
    """What *code* means; a code that is not in the table leaves the outcome unknown."""
    return RESPONSES.get(code, _UNLISTED)
