"""The reader suite passes on the reference, fails on what it says it finds, and is fooled by nothing."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from reader_runs import DIALECTS, in_dialect, reader_checks, run_with_program

from conformance.inprocess import run_device_check
from conformance.model import Verdict
from protocols.wire.card_reader import Error, Place
from simulators.device.card_reader import ReaderOptions, ReaderReadings, ReaderTiming
from simulators.fault.base import mutants
from simulators.fault.null_devices import NULL_DEVICES

SLOW = replace(ReaderTiming(), intake_s=1.5, eject_s=1.5, move_s=1.5, capture_s=1.5, boot_s=1.0)
MUTANTS = {each.id: each for each in mutants("card_reader")}
WANTED_CLAUSES = (
    *("DG-W20-11", "DG-W20-14", "DG-WXC-14", "DG-WXC-15", "DG-WXC-16", "DG-WXC-19", "DG-WXC-20", "DG-WXC-21"),
    *("DG-WXC-22", "DG-WXC-23", "DG-WXC-24", "DG-CXC-08", "DG-CXC-09", "DG-CXC-12", "DG-CXC-13", "DG-CXC-17"),
    *("LL-A1-18", "BJ-INS-02", "DG-MOD-04"),
)

OTHER_READINGS = {
    "a": {
        "readings": ReaderReadings(
            accept_stop=Place.GATE, eject_holds=True, no_card="sequence", while_moving="nak", repeat="recognised",
            resends=7, eot_during_motion="stops", truncated="nak", reset_elsewhere=Error.NO_ANSWER, unfitted_stacker=2,
        ),
    },
    "b": {
        "readings": ReaderReadings(
            accept_stop=Place.IC, no_card="stacker-empty", entry_after_card="off", command_as_ack=False,
            move_powered="refused", resolve_61_6c=True, limit_counts="text", reset_elsewhere=Error.SEQUENCE,
            pulled_during_apdu=Error.NO_ANSWER, pulled_afterwards=Error.CARD_COMMUNICATION, pulled_at_rest="nothing",
            initialise_clears_jam=True, status_while_jammed="error", sensor_bytes=6,
        ),
    },
    "slow": {"timing": SLOW, "readings": ReaderReadings()},
    "stacker": {"options": ReaderOptions(stacker=True, stacker_cards=20)},
    "ejects": {"options": ReaderOptions(powerdown="eject")},
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_reference_passes_every_check(dialect: str) -> None:
    verdicts = {each.id: run_device_check(each, dialect)[0] for each in in_dialect(dialect)}
    assert {key: str(each.cause) for key, each in verdicts.items() if each.verdict is not Verdict.PASS} == {}


@pytest.mark.parametrize("name", sorted(OTHER_READINGS))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_open_reading_fails(dialect: str, name: str) -> None:
    if name == "stacker" and dialect == "crt310":
        pytest.skip("a CRT-310 has no stacker")
    outcomes = [run_device_check(each, dialect, **OTHER_READINGS[name])[0] for each in in_dialect(dialect)]
    bad = {
        each.check_id: str(each.cause) for each in outcomes if each.verdict not in (Verdict.PASS, Verdict.INCONCLUSIVE)
    }
    assert bad == {}
    assert sum(each.verdict is Verdict.PASS for each in outcomes) > 0.95 * len(outcomes)


LINES = (("strict", 1), ("realistic", 1), *(("hostile", seed) for seed in (1, 2, 3, 4, 5)))
VALUES = (
    {"while_moving": "queued"},
    {"while_moving": "nak", "resends": 1},
    {"accept_stop": Place.GATE, "pulled_afterwards": Error.NO_ANSWER},
    {"accept_stop": Place.IC, "unfitted_stacker": 2},
    {"eject_holds": True, "limit_counts": "text"},
    {"no_card": "sequence", "sensor_bytes": 16},
    {"no_card": "stacker-empty", "entry_after_card": "off"},
    {"retract_counting": "this", "truncated": "nak"},
    {"repeat": "recognised", "reset_elsewhere": Error.NO_ANSWER},
    {"resends": 7, "reset_elsewhere": Error.CANNOT_REACH_IC},
    {"eot_during_motion": "stops", "pulled_during_apdu": Error.NO_ANSWER},
    {"command_as_ack": False, "reset_elsewhere": Error.SEQUENCE},
    {"move_powered": "refused", "pulled_at_rest": "nothing"},
    {"resolve_61_6c": True, "status_while_jammed": "error"},
    {"initialise_clears_jam": True, "pulled_afterwards": Error.CARD_COMMUNICATION},
    {"sensor_bytes": 6, "resends": 0, "while_moving": "queued"},
)
"""Every value of every open reading that is not the default."""


def _judged_unfairly(dialect: str, **options: Any) -> dict[str, str]:
    """Checks that call a good reader bad, or break down over it."""
    outcomes = [run_device_check(each, dialect, **options)[0] for each in in_dialect(dialect)]
    return {each.check_id: str(each.cause) for each in outcomes if each.verdict in (Verdict.FAIL, Verdict.ERROR)}


@pytest.mark.parametrize("number", range(len(VALUES)))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_of_a_reading_fails_on_any_line(dialect: str, number: int) -> None:
    mode, seed = LINES[number % len(LINES)]
    timing = ReaderTiming.brisk() if number % 4 == 3 else ReaderTiming()
    readings = ReaderReadings(**VALUES[number])
    assert _judged_unfairly(dialect, readings=readings, timing=timing, mode=mode, seed=seed) == {}


def test_every_value_of_a_reading_is_tried() -> None:
    tried = {name for values in VALUES for name in values}
    assert tried == {each.name for each in fields(ReaderReadings)}


@pytest.mark.parametrize(("mode", "seed"), LINES[1::2])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_reader_that_queues_commands_passes_on_every_line(dialect: str, mode: str, seed: int) -> None:
    readings = ReaderReadings(while_moving="queued")
    assert _judged_unfairly(dialect, readings=readings, mode=mode, seed=seed) == {}


@pytest.mark.parametrize(("mode", "seed"), LINES[2::2])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_legal_line_fails_nothing(dialect: str, mode: str, seed: int) -> None:
    assert _judged_unfairly(dialect, mode=mode, seed=seed) == {}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mute_program_as_hand_fails_nothing(dialect: str) -> None:
    outcomes = [run_with_program(each, dialect, timing=SLOW)[0] for each in in_dialect(dialect)]
    assert [each.check_id for each in outcomes if each.verdict not in (Verdict.PASS, Verdict.INCONCLUSIVE)] == []
    assert sum(each.verdict is Verdict.PASS for each in outcomes) >= 60


def _kills() -> list[tuple[str, str]]:
    return [(each.id, mutant) for each in reader_checks().values() for mutant in each.kills]


def test_every_check_kills_a_known_mutant() -> None:
    assert [each.id for each in reader_checks().values() if not each.kills] == []
    assert {mutant for _, mutant in _kills()} <= set(MUTANTS)


@pytest.mark.parametrize(("check_id", "mutant_id"), _kills())
def test_check_fails_its_mutant(check_id: str, mutant_id: str) -> None:
    check, mutant = reader_checks()[check_id], MUTANTS[mutant_id]
    dialects = [
        each for each in DIALECTS if each in (check.variants or DIALECTS) and each in (mutant.variants or DIALECTS)
    ]
    verdicts = [run_device_check(check, each, mutant.make)[0].verdict for each in dialects]
    assert Verdict.FAIL in verdicts


@pytest.mark.parametrize("name", sorted(NULL_DEVICES))
def test_null_devices_pass_nothing(name: str) -> None:
    passed = [
        (each.id, dialect)
        for dialect in DIALECTS
        for each in in_dialect(dialect)
        if run_device_check(each, dialect, NULL_DEVICES[name])[0].verdict is Verdict.PASS
    ]
    assert passed == []


def test_same_seed_same_history() -> None:
    check = reader_checks()["reader.move.eject"]
    first, second = (run_device_check(check, "crt591", seed=3)[1] for _ in range(2))
    assert first.head == second.head


def test_every_clause_of_the_lane_is_tested() -> None:
    tested = {clause for each in reader_checks().values() for clause in each.clauses}
    assert set(WANTED_CLAUSES) <= tested


def test_docstrings_begin_with_the_clauses_and_texts_are_in_two_languages() -> None:
    for each in reader_checks().values():
        assert (each.__doc__ or "").startswith(each.clauses[0]), each.id
        assert each.title.zh, each.id
        assert each.title.en, each.id
        assert each.source, each.id
