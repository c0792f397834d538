"""A message of the insurance interface as a labelled tree, every field with its name in two languages and its privacy.

For traces and panels only: nothing is decided from a tree. A body that cannot be read becomes one node that says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from protocols.wire.base import Label, Node, Privacy, WireError
from protocols.wire.insurance.codes import CODES
from protocols.wire.insurance.json_text import read_object
from protocols.wire.insurance.labels import FIELD_LABELS, PRIVATE_FIELDS
from protocols.wire.insurance.transactions import transaction

__all__ = ["tree"]

UNDECODABLE = Label("无法解析的医保报文", "insurance message that cannot be read")
_MOST_TEXT = 200
_NUMBER_BY_TYPE = "mdtrt_cert_no"
_PRIVACY_OF_TYPE = {"01": Privacy.CARD_NUMBER, "02": Privacy.ID_NUMBER, "03": Privacy.CARD_NUMBER}


def tree(body: bytes, to_platform: bool) -> Node:
    """The fields of a request (*to_platform*) or a reply, in the order in which they stand."""
    try:
        message = read_object(body)
    except WireError as error:
        return Node("undecodable", UNDECODABLE, body, str(error))
    return Node("insurance", _title(message, to_platform), text=_summary(message), children=tuple(_nodes(message)))


def _title(message: dict[str, Any], to_platform: bool) -> Label:
    if not to_platform:
        return Label("医保应答", "insurance reply")
    try:
        known = transaction(str(message.get("infno", ""))).label
    except WireError:
        return Label("医保请求", "insurance request")
    return Label(f"医保请求 {known.zh}", f"insurance request, {known.en}")


def _summary(message: dict[str, Any]) -> str:
    return str(message.get("infno") or message.get("infcode") or "")[:8]


def _nodes(values: dict[str, Any]) -> Iterator[Node]:
    for name, value in values.items():
        privacy = PRIVATE_FIELDS.get(name, Privacy.OPEN)
        if name == _NUMBER_BY_TYPE:
            privacy = _PRIVACY_OF_TYPE.get(str(values.get("mdtrt_cert_type", "")), Privacy.ID_NUMBER)
        yield from _node(name, value, privacy)


def _node(name: str, value: Any, privacy: Privacy) -> Iterator[Node]:
    label = FIELD_LABELS.get(name, Label(name[:32], name[:32]))
    if isinstance(value, dict):
        yield Node(name, label, children=tuple(_nodes(cast("dict[str, Any]", value))))
    elif isinstance(value, list):
        for number, each in enumerate(cast("list[Any]", value), 1):
            for node in _node(name, each, privacy):
                counted = Label(f"{label.zh} {number}", f"{label.en} {number}")
                yield Node(node.name, counted, node.raw, node.text, node.privacy, node.children)
    else:
        text = "" if value is None else str(value)
        meaning = CODES.get(name, {}).get(text)
        shown = f"{text} {meaning.zh}" if meaning else text[:_MOST_TEXT]
        yield Node(name, label, text.encode(), shown, privacy)
