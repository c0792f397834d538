"""A message of a QR gateway as a labelled tree, every field with its name in two languages and its privacy.

For traces and panels only: nothing is decided from a tree. A body that cannot be read becomes one node that says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from protocols.wire.base import Label, Node, Privacy, WireError
from protocols.wire.insurance.json_text import read_object
from protocols.wire.qr.alipay import form_fields
from protocols.wire.qr.labels import FIELD_LABELS, PRIVATE_FIELDS
from protocols.wire.qr.wechat_xml import read_xml

__all__ = ["tree"]

UNDECODABLE = Label("无法解析的扫码支付报文", "QR payment message that cannot be read")
_WECHAT = Label("微信支付报文", "WeChat Pay message")
_ALIPAY_CALL = Label("支付宝请求", "Alipay request")
_JSON = Label("扫码支付报文", "QR payment message")
_MOST_TEXT = 200


def tree(body: bytes) -> Node:
    """The fields of *body* in the order in which they stand: XML of WeChat, a form of Alipay, or JSON."""
    try:
        if body.lstrip().startswith(b"<"):
            return Node("wechat", _WECHAT, children=tuple(_nodes(read_xml(body))))
        if body.lstrip().startswith(b"{"):
            return Node("qr", _JSON, children=tuple(_nodes(read_object(body))))
        return Node("alipay", _ALIPAY_CALL, children=tuple(_nodes(_opened(form_fields(body)))))
    except WireError as error:
        return Node("undecodable", UNDECODABLE, body, str(error), Privacy.PIN)


def _opened(fields: Mapping[str, str]) -> dict[str, Any]:
    opened: dict[str, Any] = dict(fields)
    if "biz_content" in fields:
        opened["biz_content"] = read_object(fields["biz_content"].encode())
    return opened


def _nodes(values: Mapping[str, Any]) -> Iterator[Node]:
    for name, value in values.items():
        label = FIELD_LABELS.get(name, Label(name[:40], name[:40]))
        if isinstance(value, dict):
            yield Node(name, label, children=tuple(_nodes(cast("dict[str, Any]", value))))
        else:
            text = "" if value is None else str(value)
            yield Node(
                name, label, text.encode("utf-8", "replace"), text[:_MOST_TEXT], PRIVATE_FIELDS.get(name, Privacy.OPEN)
            )
