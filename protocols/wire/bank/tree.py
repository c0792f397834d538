"""A message as a labelled tree, for traces and panels. Card numbers, tracks, PIN blocks and keys are marked private and
never spelled out in its texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import iso8583

from protocols.wire.bank.codes import response
from protocols.wire.bank.fields import FIELDS, MAC_FIELD, specification
from protocols.wire.bank.frame import split
from protocols.wire.bank.message import Message, decode
from protocols.wire.bank.parts import EntryMode, Original, Totals, TypeAndBatch
from protocols.wire.base import Label, Node, Privacy, WireError

__all__ = ["MESSAGE_LABELS", "tree"]

MESSAGE_LABELS: Mapping[str, Label] = {
    "0100": Label("预授权请求", "pre-authorisation request"),
    "0110": Label("预授权应答", "pre-authorisation reply"),
    "0200": Label("金融请求", "financial request"),
    "0210": Label("金融应答", "financial reply"),
    "0220": Label("退货请求", "refund request"),
    "0230": Label("退货应答", "refund reply"),
    "0320": Label("批上送请求", "batch upload request"),
    "0330": Label("批上送应答", "batch upload reply"),
    "0400": Label("冲正请求", "reversal request"),
    "0410": Label("冲正应答", "reversal reply"),
    "0500": Label("批结算请求", "settlement request"),
    "0510": Label("批结算应答", "settlement reply"),
    "0620": Label("脚本结果通知", "script result"),
    "0630": Label("脚本结果应答", "script result reply"),
    "0800": Label("签到请求", "sign-in request"),
    "0810": Label("签到应答", "sign-in reply"),
    "0820": Label("网络管理请求", "network management request"),
    "0830": Label("网络管理应答", "network management reply"),
}
_UNKNOWN_MESSAGE = Label("未知报文", "message of an unknown type")
_UNDECODABLE = Label("无法解析", "cannot be read")


def _yuan(text: str) -> str:
    return f"{int(text[:-2] or '0')}.{text[-2:]} CNY"


def _node(name: str, zh: str, en: str, text: str) -> Node:
    return Node(name, Label(zh, en), text=text)


def _entry_mode(text: str) -> tuple[Node, ...]:
    mode = EntryMode.of(text)
    hows = {"01": "manual", "02": "stripe", "03": "code", "05": "chip", "07": "contactless"}
    return (
        _node("22.1", "输入方式", "how", hows[mode.how]),
        _node("22.2", "PIN", "PIN", "with PIN" if mode.with_pin else "without PIN"),
    )


def _totals(text: str) -> tuple[Node, ...]:
    if len(text) != 62:
        return ()
    totals = Totals.of(text)
    return (
        _node("48.1", "借记", "debits", f"{totals.debit_count} / {totals.debit_fen} fen"),
        _node("48.2", "贷记", "credits", f"{totals.credit_count} / {totals.credit_fen} fen"),
        _node("48.3", "对账结果", "result", str(totals.result)),
    )


def _type_and_batch(text: str) -> tuple[Node, ...]:
    part = TypeAndBatch.of(text)
    return (
        _node("60.1", "交易类型码", "type", part.type),
        _node("60.2", "批次号", "batch", part.batch),
        _node("60.3", "网络管理信息码", "network code", part.network),
    )


def _original(text: str) -> tuple[Node, ...]:
    part = Original.of(text)
    return (
        _node("61.1", "原始批次号", "original batch", part.batch),
        _node("61.2", "原始流水号", "original trace", part.trace),
        _node("61.3", "原始日期", "original date", part.date),
    )


_PARTS: Mapping[int, Callable[[str], tuple[Node, ...]]] = {
    22: _entry_mode,
    48: _totals,
    60: _type_and_batch,
    61: _original,
}


def _text(number: int, value: str) -> str:
    if FIELDS[number].privacy is not Privacy.OPEN:
        return ""
    if number == 4:
        return _yuan(value)
    if number == 39:
        label = response(value).label
        return f"{value} {label.zh} {label.en}"
    if number == MAC_FIELD:
        return bytes.fromhex(value).decode("ascii", "replace")
    return value


def _field(number: int, value: str, raw: bytes) -> Node:
    field = FIELDS[number]
    try:
        children = _PARTS[number](value) if number in _PARTS else ()
    except WireError:
        children = ()  # the trace shows what was sent, also where its parts make no sense
    return Node(str(number), field.label, raw, _text(number, value), field.privacy, children)


def _fields(message: Message, body: bytes) -> tuple[Node, ...]:
    encoded: Mapping[str, Any]
    _, encoded = iso8583.decode(body, specification(16 if message.header.application == "61" else 8))
    nodes = [
        _field(number, value, encoded[str(number)]["len"] + encoded[str(number)]["data"])
        for number, value in sorted(message.fields.items())
    ]
    return (Node("bitmap", Label("位图", "bitmap"), encoded["p"]["data"]), *nodes)


def tree(frame: bytes) -> Node:
    """The tree of a frame without its length. Never raises: what cannot be read is a single node that says so, without
    its bytes, for they may be a card number in the wrong place."""
    try:
        message = decode(frame)
        _, _, body = split(frame)
    except WireError as error:
        return Node("undecodable", _UNDECODABLE, text=error.why)
    tpdu, header = message.tpdu, message.header
    children = (
        Node("tpdu", Label("TPDU", "TPDU"), frame[:5], f"{tpdu.source} -> {tpdu.destination}"),
        Node("header", Label("报文头", "header"), frame[5:11], f"{header.application} request {header.request}"),
        Node("mti", Label("消息类型", "message type"), body[:2], message.mti),
        *_fields(message, body),
    )
    return Node("message", MESSAGE_LABELS.get(message.mti, _UNKNOWN_MESSAGE), text=message.mti, children=children)
