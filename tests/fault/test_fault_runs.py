"""Faults and people in whole runs: armed, fired, undone, proven; and nobody's data in what leaves the bench."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.dossier.recompute import recompute
from conformance.dossier.verification import Verification
from conformance.engine import RunOptions, run
from conformance.plan import PlanError, Resolved, resolve
from conformance.result import Overall, RunResult
from conformance.service import certify, load, write_lock
from protocols.clock import LoopClock, run_virtual
from protocols.record import read_history
from protocols.wire.privacy import find_leaks
from scenarios.models import Bench, Fault, Plan, load_plan
from scenarios.people import shipped_people
from scenarios.runtime import LiveBench
from scenarios.strict_yaml import FileError, parse_model
from simulators.card.people import secrets_of
from simulators.fault.injection import FaultEvent

PLANS = Path(__file__).resolve().parents[2] / "scenarios" / "plans"
READER_PICS = load_plan(PLANS / "hostile-line.yaml").pics["reader-591"]
CARD_PICS = {
    "card.generation": "3.0",
    "card.algorithm": "sm4",
    "card.contactless": False,
    "card.offline_account": True,
    "card.pin": True,
    "card.test_keys": True,
}


def plan_of(
    slots: dict[str, object],
    pics: dict[str, object],
    select: list[str],
    faults: list[dict[str, object]],
    clock: str = "virtual",
) -> Plan:
    return Plan.model_validate(
        {
            "plan": "faults",
            "profile": "dongguan-cabinet-xc",
            "bench": {
                "bench": "faults",
                "under_test": ["device.card_reader", "device.card"],
                "clock": clock,
                "slots": slots,
            },
            "select": select,
            "pics": pics,
            "faults": faults,
        }
    )


def reader_plan(*faults: dict[str, object], select: str = "reader.line.ack-in-time") -> Resolved:
    slots: dict[str, object] = {"reader": {"class": "card_reader", "dialect": "crt591", "link": "sim://"}}
    return resolve(plan_of(slots, {"reader": READER_PICS}, [select], [{"slot": "reader", **each} for each in faults]))


def ran(resolved: Resolved, tmp_path: Path) -> tuple[RunResult, list[dict[str, object]]]:
    """The result, and the fault records of its history."""
    history = tmp_path / "history.jsonl"
    result = run(resolved, RunOptions(history, "test"))
    return result, [dict(each.note) for each in read_history(history) if each.kind == "fault"]


def complaints(result: RunResult, tmp_path: Path) -> list[str]:
    found = Verification("x")
    recompute(result, read_history(tmp_path / "history.jsonl"), found)
    return [each.render("en") for each in found.problems]


def test_a_fault_is_armed_fired_undone_and_the_run_says_so(tmp_path: Path) -> None:
    result, records = ran(reader_plan({"id": "split", "after": 2}), tmp_path)
    assert [(each["id"], each["phase"]) for each in records] == [
        ("reader.split", "armed"),
        ("reader.split", "fired"),
        ("reader.split", "undone"),
    ]
    assert result.overall is Overall.PASS_PARTIAL
    assert [(each.name, each.ok) for each in result.preflight[1:]] == [("fault.reader.split", True)]
    assert complaints(result, tmp_path) == []


def test_preflight_is_spared(tmp_path: Path) -> None:
    result, records = ran(reader_plan({"id": "no-answer", "times": 100}), tmp_path)
    assert result.preflight[0].ok
    assert result.overall is Overall.FAIL
    assert records[0]["phase"] == "armed"


def test_a_fault_that_never_fired_leaves_the_run_undecided(tmp_path: Path) -> None:
    result, records = ran(reader_plan({"id": "no-answer", "after": 100_000}), tmp_path)
    assert [each["phase"] for each in records] == ["armed", "undone"]
    assert result.overall is Overall.UNDECIDED
    (told,) = result.unproven_faults
    assert told.name == "fault.reader.no-answer"
    assert "lower `after`" in told.remedy.en
    assert complaints(result, tmp_path) == []


def test_a_result_that_lies_about_a_fault_is_found(tmp_path: Path) -> None:
    result, _ = ran(reader_plan({"id": "no-answer", "after": 100_000}), tmp_path)
    lying = replace(result, preflight=tuple(replace(each, ok=True) for each in result.preflight))
    assert any("does not agree with the fault records" in each for each in complaints(lying, tmp_path))
    silent = replace(result, preflight=result.preflight[:1])
    assert any("a planned fault without a result" in each for each in complaints(silent, tmp_path))


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    plan = reader_plan({"id": "noise-before", "times": 50, "probability": 0.5})
    ran(plan, tmp_path)
    first = (tmp_path / "history.jsonl").read_bytes()
    ran(plan, tmp_path)
    assert (tmp_path / "history.jsonl").read_bytes() == first


def test_a_lock_carries_the_faults_and_brings_them_back(tmp_path: Path) -> None:
    resolved = reader_plan({"id": "split", "options": {"chunks": 4}}, {"id": "split", "after": 9})
    lock = write_lock(resolved, tmp_path / "plan.lock.json")
    assert [each["id"] for each in lock["faults"]] == ["split", "split"]
    again = load(tmp_path / "plan.lock.json")
    assert again.plan.faults == resolved.plan.faults
    result, records = ran(again, tmp_path)
    assert {each["id"] for each in records} == {"reader.split", "reader.split.2"}
    assert result.plan_lock["sha256"] == lock["sha256"]


def test_faults_of_a_bench_strike_without_a_plan() -> None:
    told: list[tuple[str, FaultEvent]] = []
    bench = Bench.model_validate(
        {
            "bench": "b",
            "under_test": "device.card",
            "clock": "virtual",
            "slots": {"card": {"class": "card", "image": "3.0", "link": "sim://"}},
            "faults": [{"id": "card-mute", "slot": "card"}],
        }
    )

    async def main() -> None:
        async with LiveBench(bench, LoopClock(), on_fault=lambda slot, event: told.append((slot, event))) as live:
            await live.cards["card"].port.power_on()
            with pytest.raises(Exception, match="kept silent"):
                await live.cards["card"].port.transmit(bytes.fromhex("0084000008"))
            assert [each.fired for each in live.fault_reports()] == [1]

    run_virtual(main())
    assert [(slot, each.phase) for slot, each in told] == [("card", "armed"), ("card", "fired"), ("card", "undone")]


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("{id: no-anwser, slot: reader}", "unknown fault 'no-anwser'; did you mean 'no-answer'"),
        ("{id: split, slot: reeder}", "'reeder' is no slot of this bench; known: reader"),
        ("{id: card-mute, slot: reader}", "card-mute is for a card; slot 'reader' is a card_reader"),
        ("{id: split, slot: reader, options: {chunk: 3}}", "unknown option 'chunk' of split; known: chunks, gap_s"),
        ("{id: split, slot: reader, options: {chunks: three}}", "write a whole number"),
        ("{id: split, slot: reader, afer: 3}", "did you mean 'after'"),
        ("{id: split, slot: reader, probability: 0}", "probability"),
    ],
)
def test_a_bench_file_says_what_is_wrong_with_a_fault(fault: str, wanted: str) -> None:
    text = f"""
bench: b
under_test: device.card_reader
slots:
  reader: {{class: card_reader, dialect: crt591, link: "sim://"}}
faults:
  - {fault}
"""
    with pytest.raises(FileError) as caught:
        parse_model(text, Bench, "bench.yaml")
    assert wanted in str(caught.value)
    assert "bench.yaml:" in str(caught.value)


def test_a_real_device_takes_no_injected_fault() -> None:
    bench = Bench.model_validate(
        {
            "bench": "b",
            "under_test": "device.card_reader",
            "slots": {"reader": {"class": "card_reader", "dialect": "crt591", "link": "serial:///dev/ttyUSB0"}},
        }
    )
    (problem,) = bench.fault_problems((Fault(id="split", slot="reader"),))
    assert "no simulator of ours" in problem


def test_a_hostile_line_that_a_host_must_survive(tmp_path: Path) -> None:
    result, records = ran(load(PLANS / "hostile-line.yaml"), tmp_path)
    assert result.overall is Overall.PASS
    assert not result.unproven_faults
    fired = [each["id"] for each in records if each["phase"] == "fired"]
    assert len(set(fired)) == 6
    assert fired.count("reader-591.nak") == 1


@pytest.mark.parametrize("inline", [False, True])
def test_nobody_is_found_in_what_leaves_the_bench(tmp_path: Path, inline: bool) -> None:
    person = shipped_people()["long-name"]
    slots: dict[str, object] = {
        "card": {
            "class": "card",
            "image": "3.0",
            "link": "sim://",
            "person": person.model_dump() if inline else "long-name",
        }
    }
    checks = ["card.*"]
    resolved = resolve(plan_of(slots, {"card": CARD_PICS}, checks, []))
    certified = certify(resolved, tmp_path / "dossier", with_matrix=False)
    assert certified.verification.ok
    assert all(each.verdict == "pass" for each in certified.result.outcomes)
    assert len(certified.result.outcomes) > 40
    secrets = [each for each in secrets_of(1, [person.person]) if len(each[1]) >= 6]
    name = person.name.encode("gbk")
    clear = [
        person.name,
        person.id_number,
        person.card_number,
        name[:30].hex(),
        name[30:].hex(),
        "3" + person.pin + '"',
    ]
    for path in sorted((tmp_path / "dossier").rglob("*")):
        if not path.is_file() or path.suffix == ".pdf":
            continue
        data = path.read_bytes()
        assert find_leaks(data, secrets) == [], path.name
        text = data.decode("utf-8", "replace").lower()
        assert [each for each in clear if each.lower() in text] == [], path.name
    history = (tmp_path / "dossier" / "history.jsonl").read_text(encoding="utf-8")
    assert "0020000003" in history
    assert "0020000003" + person.pin not in history


def test_a_lock_never_says_who_an_inline_person_is(tmp_path: Path) -> None:
    person = shipped_people()["long-name"]
    slots: dict[str, object] = {
        "card": {"class": "card", "image": "3.0", "link": "sim://", "person": person.model_dump()}
    }
    resolved = resolve(plan_of(slots, {"card": CARD_PICS}, ["card.pin.*"], []))
    lock = write_lock(resolved, tmp_path / "plan.lock.json")
    assert person.name not in json.dumps(lock, ensure_ascii=False)
    with pytest.raises(PlanError, match="no lock says who the holder is"):
        load(tmp_path / "plan.lock.json")


def test_a_holder_whose_file_is_gone_is_found_before_the_run() -> None:
    slots: dict[str, object] = {"card": {"class": "card", "image": "3.0", "link": "sim://", "person": "./gone.yaml"}}
    with pytest.raises(PlanError, match=r"slot 'card': person: gone.yaml:1: .*no such file"):
        resolve(plan_of(slots, {"card": CARD_PICS}, ["card.pin.*"], []))


def test_a_slot_left_out_takes_its_faults_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slots: dict[str, object] = {
        "reader": {"class": "card_reader", "dialect": "crt591", "link": "sim://"},
        "card": {"class": "card", "image": "3.0", "link": "vpcd://"},
    }
    faults: list[dict[str, object]] = [{"id": "card-mute", "slot": "card"}, {"id": "split", "slot": "reader"}]
    plan = plan_of(
        slots,
        {"reader": READER_PICS, "card": CARD_PICS},
        ["reader.line.ack-in-time", "card.pin.*"],
        faults,
        clock="real",
    )
    monkeypatch.setattr("conformance.preflight.missing", lambda: ["pcscd"])
    result, records = ran(resolve(plan.model_copy(update={"missing_pcsc": "not_tested"})), tmp_path)
    assert {each["id"] for each in records} == {"reader.split"}
    assert result.overall is Overall.PASS_PARTIAL
    assert complaints(result, tmp_path) == []
