"""Every vector of every dialect, both ways and inside its framing."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.wire.base import Frame, Node, Vector, discover
from protocols.wire.card_reader import CardReaderDialect

DIALECTS: list[CardReaderDialect] = list(discover("protocols.wire", "DIALECT"))
CASES = [pytest.param(each, vector, id=f"{each.name}-{vector.hex}") for each in DIALECTS for vector in each.vectors]


def test_the_dialects_of_the_slice_are_found() -> None:
    assert {"crt591", "crt310"} <= {dialect.name for dialect in DIALECTS}
    assert all(len(dialect.vectors) >= 11 for dialect in DIALECTS)


@pytest.mark.parametrize(("dialect", "vector"), CASES)
def test_decode(dialect: CardReaderDialect, vector: Vector) -> None:
    items = dialect.framing().feed(vector.raw, 0.0)
    assert [type(item) for item in items] == [Frame]
    text = items[0].text  # type: ignore[union-attr]
    decoded: Any = dialect.decode_request(text) if vector.to_device else dialect.decode_reply(text)
    assert decoded == (vector.message if vector.to_device else (vector.context, vector.message))


@pytest.mark.parametrize(("dialect", "vector"), CASES)
def test_encode(dialect: CardReaderDialect, vector: Vector) -> None:
    if vector.to_device:
        text = dialect.encode_request(vector.message)
        assert dialect.supports(vector.message)
    else:
        text = dialect.encode_reply(vector.context, vector.message)
    assert dialect.framing().wrap(text) == vector.raw


@pytest.mark.parametrize(("dialect", "vector"), CASES)
def test_tree_is_labelled_in_both_languages(dialect: CardReaderDialect, vector: Vector) -> None:
    frame = dialect.framing().feed(vector.raw, 0.0)[0]
    assert isinstance(frame, Frame)
    tree = dialect.tree(frame.text, vector.to_device)
    nodes: list[Node] = [node for _, node in tree.walk()]
    assert tree.name != "undecodable"
    assert len(nodes) > 1
    assert all(node.label.zh and node.label.en for node in nodes)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("to_device", [True, False])
def test_tree_never_raises(dialect: CardReaderDialect, to_device: bool) -> None:
    for text in (b"", b"\x43", b"\x50\x31\x30", b"\x4e\x31\x30\x31", b"\xff" * 40, b"2", b"\x50\x31\x30\x39\x30\x30"):
        assert dialect.tree(text, to_device).render("zh")
