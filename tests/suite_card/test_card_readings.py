"""Where the documents allow two behaviours: neither fails, unless the profile settles which one applies."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from card_checks import GENERATIONS, card_checks, check_of, exists_for, run_with

from conformance.model import Verdict
from simulators.card.people import make_person
from simulators.card.readings import Readings

HINTS = get_type_hints(Readings)
OTHERS = [
    (each.name, value)
    for each in fields(Readings)
    for value in get_args(HINTS[each.name]) or (True, False)
    if value != each.default
]
SETTLED = [
    ("card.security.other_application", "right_kept_on_reselect", True, False),
    ("card.security.other_application", "right_lost_in_df", True, False),
    ("card.select.fci_algorithm", "fci_algorithm", "by-algorithm", "always-sm4"),
]


def run_all(facts: dict[str, Any], **options: Any) -> list[str]:
    """Ids of the checks that do not pass, over all generations."""
    return [
        f"{check.id}[{generation}]"
        for generation in GENERATIONS
        for check in card_checks()
        if exists_for(check, generation)
        and run_with(check, generation, facts, **options)[0].verdict is not Verdict.PASS
    ]


@pytest.mark.parametrize(("name", "value"), OTHERS)
@pytest.mark.parametrize("algorithm", ["3des", "sm4"])
def test_either_reading_passes_where_none_is_settled(name: str, value: Any, algorithm: str):
    facts = {"pics": {"card.algorithm": algorithm}}
    failing = [
        check.id
        for check in card_checks()
        if exists_for(check, "3.0")
        and run_with(check, "3.0", facts, algorithm=algorithm, readings=Readings(**{name: value}))[0].verdict
        is not Verdict.PASS
    ]
    assert failing == []


@pytest.mark.parametrize(("check_id", "name", "settled", "other"), SETTLED)
def test_settled_reading_is_demanded(check_id: str, name: str, settled: Any, other: Any):
    facts = {"parameters": {f"card.{name}": settled}, "pics": {"card.algorithm": "3des"}}
    for value, wanted in ((settled, Verdict.PASS), (other, Verdict.FAIL)):
        readings = Readings(**{name: value})
        outcome, _ = run_with(check_of(check_id), "3.0", facts, algorithm="3des", readings=readings)
        assert outcome.verdict is wanted


def test_contactless_face_passes():
    assert run_all({}, contactless=True) == []


def test_another_holder_area_and_root_key_pass():
    person = make_person(11)
    facts = {"pixit": {"card.pin": person.pin, "card.root_key": "000102030405060708090A0B0C0D0E0F"}}
    assert run_all(facts, person=person, area="330400", root_key=bytes(range(16))) == []


def test_wrong_declared_root_key_never_passes_an_authentication():
    facts = {"pixit": {"card.root_key": "000102030405060708090A0B0C0D0E0F"}}
    for check in card_checks():
        if "card.test_keys" in check.needs and exists_for(check, "3.0"):
            assert run_with(check, "3.0", facts)[0].verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE), check.id
