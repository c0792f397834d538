"""The PIN pad suite passes on the reference, fails on what it says it finds, and is fooled by nothing."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from conformance.inprocess import run_device_check
from conformance.model import Check, Verdict, discover_checks
from protocols.wire.base import Privacy
from protocols.wire.privacy import Masker, find_leaks
from scenarios.profiles import device_class_profile
from simulators.device.pin_pad_rules import PinPadOptions, PinPadReadings, PinPadTiming
from simulators.fault.base import mutants, null_devices

CHECKS = {each.id: each for each in discover_checks() if each.device_class == "pin_pad"}
MUTANTS = {each.id: each for each in mutants("pin_pad")}
KILLS = [(check.id, mutant) for check in CHECKS.values() for mutant in check.kills]
READINGS: tuple[dict[str, Any], ...] = (
    {"bad_frame": "silence", "time_out": "key"},
    {"time_out": "on-ask", "keypad_first": False},
    {"short_enter": "error", "reset_keeps": True},
    {"unionpay_answer": "bytes", "master_reload": "dropped"},
    {"load_while_tampered": "A4", "after_wipe": "A5"},
    {"second_codes": True},
)
"""Every value of every open reading that is not the default."""

LINES = (("strict", 1), ("realistic", 1), ("hostile", 1), ("hostile", 2), ("hostile", 3))
WANTED_CLAUSES = {
    *("DG-W20-06", "DG-W20-08", "DG-W20-09", "DG-W20-10", "DG-WXC-07", "DG-WXC-08", "DG-WXC-09", "DG-WXC-10"),
    *("DG-WXC-11", "DG-WXC-12", "LL-A1-14"),
}


def unfair(**options: Any) -> dict[str, str]:
    """Checks that do not pass a good pad."""
    outcomes = [run_device_check(each, "epp-b", **options)[0] for each in CHECKS.values()]
    return {each.check_id: str(each.cause) for each in outcomes if each.verdict is not Verdict.PASS}


@pytest.mark.parametrize(("mode", "seed"), LINES)
def test_the_reference_passes_every_check_on_every_legal_line(mode: str, seed: int) -> None:
    assert unfair(mode=mode, seed=seed) == {}


@pytest.mark.parametrize("number", range(len(READINGS)))
def test_no_value_of_an_open_reading_fails(number: int) -> None:
    mode, seed = LINES[number % len(LINES)]
    assert unfair(readings=PinPadReadings(**READINGS[number]), mode=mode, seed=seed) == {}


def test_every_value_of_a_reading_is_tried_and_settled_ones_are_demanded() -> None:
    assert {name for values in READINGS for name in values} == {each.name for each in fields(PinPadReadings)}
    settled = device_class_profile("pin_pad").defaults()
    assert run_device_check(CHECKS["pad.pin.time-out"], "epp-b")[0].verdict is Verdict.PASS
    assert settled["pad.time_out"] == "frame"

    def builds_another(**options: Any) -> Any:
        from simulators.device.pin_pad import build_pin_pad

        return build_pin_pad(readings=PinPadReadings(time_out="key"), **options)

    outcome, _ = run_device_check(CHECKS["pad.pin.time-out"], "epp-b", builds_another)
    assert outcome.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "options",
    [
        {"options": PinPadOptions(trailer=False)},
        {"timing": PinPadTiming.brisk()},
        {"timing": replace(PinPadTiming(), reply_s=0.2, self_test_s=1.0, boot_s=3.0)},
    ],
    ids=["without-03", "brisk", "slow-to-answer"],
)
def test_other_good_pads_pass(options: dict[str, Any]) -> None:
    left_out = {"pad.data.2048"} if "timing" in options and options["timing"].reply_s > 0.1 else set[str]()
    assert set(unfair(**options)) <= left_out


@pytest.mark.parametrize(("check_id", "mutant_id"), KILLS)
def test_a_check_fails_its_mutant(check_id: str, mutant_id: str) -> None:
    assert run_device_check(CHECKS[check_id], "epp-b", MUTANTS[mutant_id].make)[0].verdict is Verdict.FAIL


def test_every_mutant_is_named_and_every_check_names_one() -> None:
    assert len(CHECKS) >= 40
    assert {mutant for _, mutant in KILLS} == set(MUTANTS)
    assert [each.id for each in CHECKS.values() if not each.kills] == []
    assert all(each.label.zh and each.label.en and each.like for each in MUTANTS.values())


@pytest.mark.parametrize("name", sorted(null_devices("pin_pad")))
def test_null_devices_pass_nothing(name: str) -> None:
    make = null_devices("pin_pad")[name]
    passed = [each.id for each in CHECKS.values() if run_device_check(each, "epp-b", make)[0].verdict is Verdict.PASS]
    assert passed == []


def test_every_clause_is_tested_and_said_first() -> None:
    assert {clause for each in CHECKS.values() for clause in each.clauses} == WANTED_CLAUSES
    for each in CHECKS.values():
        assert (each.__doc__ or "").startswith(", ".join(each.clauses) + ":"), each.id
        assert all((each.title.zh, each.title.en, each.source)), each.id


@pytest.mark.parametrize("check", [CHECKS["pad.pin.masked"], CHECKS["pad.keys.sixteen"], CHECKS["pad.pin.format-0"]])
def test_verdicts_are_the_same_when_the_history_is_masked(check: Check) -> None:
    from conformance.execute import judge
    from protocols.record import History

    outcome, history = run_device_check(check, "epp-b")
    mask = Masker(b"key", vectors_open=True).mask
    masked = History(lambda: 0.0, mask=mask)
    for record in history:
        masked.append(record.slot, record.direction, record.kind, record.data, **dict(record.note))
    again = judge(check, masked.records, "pad")
    assert (again.verdict, outcome.verdict) == (Verdict.PASS, Verdict.PASS)
    literals = [(Privacy.KEY, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")), (Privacy.PIN, b"0123456789")]
    assert find_leaks(b"|".join(each.data for each in masked), literals) == []
