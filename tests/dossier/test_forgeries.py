"""What a dishonest signer can do with a real run: sign a dossier that agrees with itself. Each forgery must be found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from conformance.dossier.kill_claims import SAMPLED_ROWS, sample
from conformance.dossier.seal import SigningKey
from conformance.dossier.snapshot import Catalogue, take_catalogue
from conformance.dossier.verify import Verification, verify_dossier
from conformance.dossier.write import write_dossier
from conformance.execute import judge
from conformance.model import Verdict, discover_checks
from conformance.mutation import InstalledMutants
from conformance.result import KillMatrix, MutantRow, NotRun, RunResult, WaiverUse
from conformance.service import certify, load
from protocols.record import GENESIS, Record, canonical, read_history
from protocols.wire.base import Label

PLAN = Path(__file__).resolve().parents[2] / "scenarios" / "plans" / "in-process.yaml"
VICTIM = ("reader.line.ack-first", "reader-591")
FAILING = ("card.ef05.dates", "card-3")
X = Label("x", "x")


@dataclass(frozen=True)
class Honest:
    """A true run, and what a forger needs to write another of it."""

    result: RunResult
    records: Sequence[Record]
    key: SigningKey


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    root = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(root))
        done = certify(load(PLAN, {"select": (VICTIM[0], FAILING[0])}), root / "d", with_matrix=False)
        key = SigningKey.load()
    return Honest(done.result, read_history(root / "d" / "history.jsonl"), key)


@pytest.fixture
def forge(honest: Honest, tmp_path: Path) -> Callable[..., Verification]:
    """Write and verify a forged dossier; the suite is the run's, whatever happens to the tree meanwhile."""

    def make(
        result: RunResult, records: Sequence[Record] = honest.records, catalogue: Catalogue | None = None
    ) -> Verification:
        history = tmp_path / "history.jsonl"
        history.write_text("".join(each.line() + "\n" for each in records), encoding="utf-8")
        write_dossier(tmp_path / "forged", result, history, key=honest.key, catalogue=catalogue)
        return verify_dossier(tmp_path / "forged", suite_hash=honest.result.suite_hash)

    return make


def relocked(lock: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    made = {**lock, **changes}
    made.pop("sha256")
    return {**made, "sha256": hashlib.sha256(canonical(made).encode()).hexdigest()}


def chained(records: Sequence[Record], lock: str = "") -> list[Record]:
    """*records* numbered and chained anew, under another lock when one is given."""
    made: list[Record] = []
    prev = GENESIS
    for seq, each in enumerate(records):
        note = dict(each.note)
        if lock and each.kind == "run" and note.get("phase") == "begin":
            note["lock"] = lock
        made.append(replace(each, seq=seq, prev=prev, note=note))
        prev = made[-1].digest()
    return made


def rejudged(result: RunResult, records: Sequence[Record]) -> RunResult:
    known = {each.id: each for each in discover_checks()}
    return replace(
        result, outcomes=tuple(judge(known[each.check_id], records, each.target) for each in result.outcomes)
    )


def inside(records: Sequence[Record], key: tuple[str, str]) -> list[bool]:
    found: list[bool] = []
    running = False
    for each in records:
        mark = each.kind == "check" and (each.note.get("id"), each.slot) == key
        running = (running or mark) and not (mark and each.note.get("phase") == "end")
        found.append(running or mark)
    return found


def failing(honest: Honest) -> tuple[RunResult, list[Record]]:
    """The run as it would have been with a card whose dates are wrong: a true fail."""
    bad = [
        replace(each, data=b"\x05\x04\xff\xff\xff\xff\x90\x00")
        if mine and each.direction == "rx" and each.data[:2] == b"\x05\x04"
        else each
        for each, mine in zip(honest.records, inside(honest.records, FAILING), strict=True)
    ]
    records = chained(bad)
    return rejudged(honest.result, records), records


def test_the_true_run_verifies(honest: Honest, forge: Callable[..., Verification]) -> None:
    found = forge(honest.result)
    assert found.problems == []
    assert not found.signer_known
    assert found.exit_code == 3
    assert "signer UNKNOWN" in found.render("en")


def test_a_simulator_told_as_a_real_device_is_found(honest: Honest, forge: Callable[..., Verification]) -> None:
    bench = honest.result.bench
    slots = tuple(
        replace(each, simulated=False, link="serial:///dev/ttyUSB0", self_description="ACME 9000")
        for each in bench.slots
    )
    forged = replace(honest.result, bench_class="real_device", clock_class="real", bench=replace(bench, slots=slots))
    where = " ".join(each.where for each in forge(forged).problems)
    for stamp in ("bench_class", "clock_class", ".simulated", ".link", ".self_description"):
        assert stamp in where


@pytest.mark.parametrize("field", ["profile", "laboratory", "scope", "pixit", "tool_version"])
def test_other_stamps_are_those_of_the_lock(honest: Honest, forge: Callable[..., Verification], field: str) -> None:
    result = honest.result
    changed: dict[str, Any] = {
        "profile": "beijing-standard",
        "laboratory": replace(result.laboratory, authorised_by="x"),
        "scope": X,
        "pixit": {},
        "tool_version": "9.9",
    }
    assert field in {each.where for each in forge(replace(result, **{field: changed[field]})).problems}


def test_a_check_cut_out_and_told_as_not_applicable_is_found(
    honest: Honest, forge: Callable[..., Verification]
) -> None:
    gone = inside(honest.records, VICTIM)
    records = chained([each for each, mine in zip(honest.records, gone, strict=True) if not mine])
    result = honest.result
    kept = tuple(each for each in result.outcomes if (each.check_id, each.target) != VICTIM)
    for verdict in (Verdict.NOT_APPLICABLE, Verdict.NOT_TESTED):
        told = NotRun(*VICTIM, verdict, Label("PICS 声明不满足", "PICS condition not met"))
        forged = replace(result, outcomes=kept, not_run=(*result.not_run, told))
        found = verify_forged(forge, rejudged(forged, records), records)
        assert any("for a reason that does not hold" in each.what.en for each in found.problems)


def verify_forged(forge: Callable[..., Verification], result: RunResult, records: Sequence[Record]) -> Verification:
    import shutil

    found = forge(result, records)
    shutil.rmtree(found.path)
    return found


def test_not_run_outside_the_plan_is_as_the_lock_says(honest: Honest, forge: Callable[..., Verification]) -> None:
    first, *others = honest.result.not_run
    softer = replace(first, verdict=Verdict.NOT_APPLICABLE, reason=X)
    found = forge(replace(honest.result, not_run=(softer, *others)))
    assert [each.where for each in found.problems] == [first.key]


@pytest.mark.parametrize("expires", ["2099-01-01", "2001-01-01"])
def test_a_waiver_that_the_plan_lacks_is_found(
    honest: Honest, forge: Callable[..., Verification], expires: str
) -> None:
    result, records = failing(honest)
    assert Verdict.FAIL in {each.verdict for each in result.outcomes}
    waived = replace(result, waivers=(WaiverUse(FAILING[0], "nobody", expires, "x", True, False, ""),))
    assert any(each.where.startswith("waivers") for each in forge(waived, records).problems)


def test_an_expired_waiver_of_the_plan_cannot_be_told_as_standing(
    honest: Honest, forge: Callable[..., Verification]
) -> None:
    result, records = failing(honest)
    waiver = {
        "check": FAILING[0],
        "target": "",
        "owner": "x",
        "expires": "2001-01-01",
        "reason": {"zh": "x", "en": "x"},
    }
    lock = relocked(result.plan_lock, waivers=[waiver])
    records = chained(records, lock["sha256"])
    told = WaiverUse(FAILING[0], "x", "2001-01-01", "x / x", True, False, "")
    found = forge(rejudged(replace(result, plan_lock=lock, waivers=(told,)), records), records)
    assert [each.where for each in found.problems] == [f"waivers[0] {FAILING[0]}"]


def test_another_suite_hash_is_never_good(honest: Honest, forge: Callable[..., Verification]) -> None:
    lock = relocked(honest.result.plan_lock, suite_hash="0" * 64)
    records = chained(honest.records, lock["sha256"])
    forged = rejudged(replace(honest.result, suite_hash="0" * 64, plan_lock=lock), records)
    found = forge(forged, records)
    assert not found.ok
    assert found.exit_code == 2
    assert found.recomputed == len(forged.outcomes)
    assert "suite " + "0" * 64 in found.problems[0].remedy.en


def test_invented_words_in_the_catalogue_are_found(honest: Honest, forge: Callable[..., Verification]) -> None:
    true = take_catalogue()
    praise = replace(true, checks=tuple(replace(each, title=X) for each in true.checks))
    assert [each.file for each in forge(honest.result, catalogue=praise).problems] == ["catalogue.json"]


def test_an_invented_kill_matrix_is_found(honest: Honest, forge: Callable[..., Verification]) -> None:
    row = MutantRow("reader.invented", X, {VICTIM[0]: Verdict.FAIL})
    found = forge(replace(honest.result, kill_matrix=KillMatrix((row,), (), "measured today")))
    assert {each.file for each in found.problems} == {"kill-matrix.json"}
    assert "reader.invented" in {each.where for each in found.problems}


def test_verdicts_of_a_kill_matrix_are_measured_again(honest: Honest, forge: Callable[..., Verification]) -> None:
    """Every device told as failed by one check of its class: the sample meets it."""
    empty = InstalledMutants().empty_matrix()
    lies = {"reader": {VICTIM[0]: Verdict.INCONCLUSIVE}, "card": {FAILING[0]: Verdict.INCONCLUSIVE}}
    rows = tuple(
        replace(each, verdicts=lies["card" if "card." in each.mutant[:10] else "reader"]) for each in empty.rows
    )
    found = forge(replace(honest.result, kill_matrix=replace(empty, rows=rows)))
    assert 0 < len(found.problems) <= SAMPLED_ROWS
    assert "measured again" in found.render("en")
    matrix = replace(empty, rows=rows)
    assert [row.mutant for row, _ in sample("a", matrix)] == [row.mutant for row, _ in sample("a", matrix)]
    assert [row.mutant for row, _ in sample("a", matrix)] != [row.mutant for row, _ in sample("b", matrix)]


def test_facts_that_the_plan_does_not_declare_are_found(honest: Honest, forge: Callable[..., Verification]) -> None:
    for name, value in (("dialect", "crt310"), ("bench_class", "real_device"), ("story", ["x"]), ("favour", True)):
        records = chained(
            [
                replace(each, note={**each.note, "facts": {**each.note["facts"], name: value}})
                if each.kind == "check" and each.note["phase"] == "begin"
                else each
                for each in honest.records
            ]
        )
        assert any(name in each.what.en for each in verify_forged(forge, honest.result, records).problems)


def test_a_history_begins_once_under_its_lock(honest: Honest, forge: Callable[..., Verification]) -> None:
    for records in ([honest.records[0], *honest.records], honest.records[1:]):
        found = verify_forged(forge, honest.result, chained(records))
        assert any("one record of the begin of the run" in each.what.en for each in found.problems)
