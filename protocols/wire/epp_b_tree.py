"""Labelled trees of family B frames, for traces (spec/devices.md 1.2)."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.wire.base import Label, Node, Privacy
from protocols.wire.epp_b_tables import (
    BATTERY_LOW,
    COMMANDS,
    DONE,
    ENTRY_MODES,
    KEYPADS,
    NUMBERS,
    PARAMETERS,
    SM4_LOAD,
    SM_PARAMETERS,
    SM_SET,
    Row,
    Shape,
)
from protocols.wire.pin_pad import ERROR_LABELS, Op, Reply, Request

__all__ = ["command_tree", "reply_tree"]

UNKNOWN = Label("未定义的命令", "unknown command")
BAD_DATA = Label("数据不符合命令格式", "data that this command cannot have")


def _titled(zh: str, en: str, what: Label) -> Label:
    return Label(f"{zh}：{what.zh}", f"{en}: {what.en}")


def _valued(zh: str, en: str, value: object) -> Label:
    return Label(f"{zh}：{value}", f"{en}: {value}")


def _row_of(text: bytes, request: Request) -> Row | None:
    return next((row for row in COMMANDS if row.code == text[0] and row.op is request.op), None)


def command_tree(text: bytes, request: Request) -> Node:
    """*text* is at least one byte; *request* is what the dialect makes of it."""
    code = Node("code", Label("命令码", "command code"), text[:1])
    row = _row_of(text, request)
    if row is None:
        known = request.op is not Op.UNKNOWN or request.number == 1
        data = Node("data", BAD_DATA if known else Label("数据", "data"), text[1:], privacy=Privacy.KEY)
        return Node("command", _titled("命令", "command", UNKNOWN), text, children=(code, data))
    children = (code, *(node for node in _data_nodes(row, text, request) if node.raw))
    return Node("command", _titled("命令", "command", row.label), text, children=children)


def _data_nodes(row: Row, text: bytes, request: Request) -> tuple[Node, ...]:
    match row.shape:
        case Shape.MASTER_KEY:
            return _master(text), _key(text[2:], "SM4" if row.code == SM4_LOAD else "DES")
        case Shape.WORK_KEY:
            return _master(text), _number(text[2:3], request), _key(text[3:], "enciphered")
        case Shape.SLOT | Shape.KEY_NAME:
            return _master(text), _number(text[2:3], request)
        case Shape.SM_SLOT:
            return (
                Node("kind", _valued("算法", "algorithm", request.cipher), text[1:2]),
                Node("master", Label("主密钥号", "master key"), text[2:3]),
                _number(text[3:4], request),
            )
        case Shape.ENTRY:
            return (
                Node("most", _valued("最长位数", "most digits", request.most), text[1:2]),
                Node("shown", _valued("回显星号", "asterisks", "yes" if request.shown else "no"), text[2:3]),
                Node("mode", _named("方式", "mode", text[3], ENTRY_MODES), text[3:4]),
                Node("prompt", Label("提示", "prompt"), text[4:5]),
                Node("limit_s", _valued("时限（秒）", "limit in s", request.limit_s), text[5:6]),
            )
        case Shape.KEYPAD:
            return (Node("value", _named("键盘", "keypad", text[1], KEYPADS), text[1:2]),)
        case Shape.PARAMETER:
            return _parameter_nodes(row, text)
        case Shape.DATA if row.op is Op.PAN:
            return (Node("pan", Label("卡号末 12 位", "last 12 digits"), text[1:], privacy=Privacy.CARD_NUMBER),)
        case _:
            return (Node("data", Label("数据", "data"), text[1:]),)


def _parameter_nodes(row: Row, text: bytes) -> tuple[Node, ...]:
    parameter, value = text[1], text[2]
    if row.code != SM_SET and parameter in NUMBERS:
        setting, shown = NUMBERS[parameter], value
    else:
        setting, shown = (SM_PARAMETERS if row.code == SM_SET else PARAMETERS)[parameter, value]
    return (
        Node("parameter", _valued("参数", "parameter", setting), text[1:2]),
        Node("value", _valued("取值", "value", shown), text[2:3]),
    )


def _named(zh: str, en: str, byte: int, names: Mapping[int, object]) -> Label:
    return _valued(zh, en, names.get(byte, f"{byte:02X}"))


def _master(text: bytes) -> Node:
    return Node("master", Label("主密钥号", "master key"), text[1:2])


def _number(raw: bytes, request: Request) -> Node:
    return Node("slot", _valued("工作密钥", "work key", request.slot), raw)


def _key(raw: bytes, form: str) -> Node:
    return Node("key", _valued("密钥", "key", f"{len(raw)} B, {form}"), raw, privacy=Privacy.KEY)


def reply_tree(text: bytes, reply: Reply) -> Node:
    """*text* is at least one byte; *reply* is what the dialect makes of it."""
    data = (Node("data", Label("数据", "data"), text[1:]),) if text[1:] else ()
    if text[0] == DONE:
        status = Label("状态：完成", "status: done")
    elif text[0] == BATTERY_LOW:
        status = Label("状态：完成，电池电压低", "status: done, battery low")
    else:
        assert reply.error is not None
        status = _titled(f"错误 {reply.code}", f"error {reply.code}", ERROR_LABELS[reply.error])
        return Node("failure", Label("失败", "failed"), text, children=(Node("status", status, text[:1]), *data))
    return Node("success", Label("完成", "done"), text, children=(Node("status", status, text[:1]), *data))
