"""A supplier cannot declare its way to a pass: mandatory items declared absent, and slots of which nothing passed."""

from __future__ import annotations

import pytest

from conformance.demands import unmet_demands
from scenarios.profiles import load_profile

PICS = {
    "reader.motorised": True,
    "reader.capture": True,
    "reader.contact": True,
    "reader.rf": True,
    "reader.magnetic": True,
    "reader.interface": "rs232",
    "reader.sam_sockets": 4,
}
SLOTS = [("reader", "card_reader")]


def test_a_full_declaration_meets_the_cabinet() -> None:
    assert unmet_demands("dongguan-cabinet-xc", SLOTS, {"reader": PICS}) == ()


@pytest.mark.parametrize(
    ("item", "value", "clause"),
    [
        ("reader.motorised", False, "DG-CXC-09"),
        ("reader.capture", False, "DG-CXC-09"),
        ("reader.magnetic", False, "DG-CXC-08"),
        ("reader.interface", "usb", "DG-CXC-13"),
        ("reader.sam_sockets", 1, "DG-CXC-17"),
    ],
)
def test_a_mandatory_item_declared_absent_names_its_clause(item: str, value: object, clause: str) -> None:
    found = unmet_demands("dongguan-cabinet-xc", SLOTS, {"reader": {**PICS, item: value}})
    assert [(each.clause, each.item, each.target) for each in found] == [(clause, item, "reader")]


def test_every_demanded_item_is_one_that_can_be_declared() -> None:
    demands = load_profile("dongguan-cabinet-xc").device("card_reader").demands
    assert {each.item for each in demands} == set(PICS)
