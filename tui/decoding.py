"""Bytes to labelled trees, by the name of a dialect."""

from __future__ import annotations

from collections.abc import Callable

from protocols.wire.apdu import command_tree, response_tree
from protocols.wire.base import Control, Frame, Label, Node, Noise, WireError, discover
from protocols.wire.card_reader import CardReaderDialect
from protocols.wire.tlv import Tlv
from tui.console import UserError

__all__ = ["decode_bytes", "dialect_names"]

CONTROL_NAMES = {0x04: "EOT", 0x05: "ENQ", 0x06: "ACK", 0x15: "NAK"}
NOISE_LABELS: dict[str, Label] = {
    "noise": Label("不属于任何帧", "belongs to no frame"),
    "checksum": Label("校验不符", "wrong checksum"),
    "length": Label("长度不对", "wrong length"),
    "trailer": Label("帧尾不对", "wrong trailer"),
    "truncated": Label("帧不完整", "truncated frame"),
}
LONG_AFTER_S = 1e6
"""A time at which every unfinished frame has waited too long."""


def _dialects() -> dict[str, CardReaderDialect]:
    return {each.name: each for each in discover("protocols.wire", "DIALECT")}


def dialect_names() -> list[str]:
    return [*sorted(_dialects()), *sorted(_PLAIN)]


def decode_bytes(dialect: str, raw: bytes, *, to_device: bool = True) -> list[Node]:
    """The tree of every item in *raw*. Raises UserError for bytes that a one-message format cannot be."""
    if dialect in _PLAIN:
        try:
            return _PLAIN[dialect](raw)
        except (WireError, ValueError, IndexError) as error:
            raise UserError(
                Label(f"无法按 {dialect} 解码：{error}", f"cannot be decoded as {dialect}: {error}"),
                Label("检查字节是否完整", "check that no byte is missing"),
            ) from error
    known = _dialects()[dialect]
    framing = known.framing()
    nodes: list[Node] = []
    for item in [*framing.feed(raw, 0.0), *framing.expire(LONG_AFTER_S)]:
        if isinstance(item, Frame):
            nodes.append(known.tree(item.text, to_device))
        elif isinstance(item, Control):
            name = CONTROL_NAMES.get(item.byte, f"{item.byte:02X}")
            nodes.append(Node("control", Label("控制字节", "control byte"), item.raw, name))
        else:
            assert isinstance(item, Noise)
            why = NOISE_LABELS.get(item.why, Label(item.why, item.why))
            nodes.append(Node("noise", Label(f"无效字节：{why.zh}", f"not valid: {why.en}"), item.raw))
    return nodes


def _atr(raw: bytes) -> list[Node]:
    from protocols.wire.atr import atr_tree

    return [atr_tree(raw)]


def _tlv(raw: bytes) -> list[Node]:
    from protocols.wire.tlv import parse_tlv

    return [_tlv_node(each) for each in parse_tlv(raw)]


def _tlv_node(one: Tlv) -> Node:
    children = tuple(_tlv_node(each) for each in one.children)
    return Node(
        "tlv", Label(f"标签 {one.tag:X}", f"tag {one.tag:X}"), one.value, f"{len(one.value)} B", children=children
    )


_PLAIN: dict[str, Callable[[bytes], list[Node]]] = {
    "apdu": lambda raw: [command_tree(raw)],
    "response": lambda raw: [response_tree(raw)],
    "atr": _atr,
    "tlv": _tlv,
}
