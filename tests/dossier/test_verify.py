"""A dossier verifies as written; no change of it goes unnoticed, not even an honest signature over a false result."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.dossier.seal import MANIFEST, SIGNATURE, SigningKey
from conformance.dossier.verify import Verification, verify_dossier
from conformance.dossier.write import write_dossier
from conformance.model import Finding, Outcome, Verdict
from conformance.result import NotRun, RunResult, RunStatus
from protocols.record import canonical, read_history
from protocols.wire.base import Label

Rewrite = Callable[..., Path]


@pytest.fixture
def copy(master: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(master.folder, tmp_path / "copy"))


def check(folder: Path, master: Any, **options: Any) -> Verification:
    installed = {"checks": master.checks, "catalogue": master.catalogue, "mutants": master.mutants}
    return verify_dossier(folder, **{**installed, "suite_hash": "5" * 64, **options})


def files_of(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def blames(found: Verification, name: str) -> bool:
    """*name* is named; a manifest that is still well formed is given away by the signature instead."""
    where = {each.file for each in found.problems}
    return name in where or (name == MANIFEST and SIGNATURE in where)


def test_as_written_it_verifies(master: Any) -> None:
    found = check(master.folder, master)
    assert found.problems == []
    assert found.ok
    assert (found.recomputed, found.records, found.run_id) == (4, 35, "sample-run-0001")
    assert found.fingerprint == master.key.fingerprint
    assert master.key.fingerprint in found.render()
    assert found.to_json()["ok"] is True


def test_one_changed_byte_anywhere_is_found(master: Any, copy: Path) -> None:
    """First, last and middle byte of every file, and a seeded sample of the rest."""
    rng = random.Random(20)
    spots: list[tuple[Path, int]] = []
    for path in files_of(copy):
        size = path.stat().st_size
        spots += [(path, 0), (path, size - 1), (path, size // 2)]
        spots += [(path, rng.randrange(size)) for _ in range(12)]
    assert len(spots) >= 300
    for path, at in spots:
        good = path.read_bytes()
        bad = bytearray(good)
        bad[at] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        found = _seal_only(copy, master)
        path.write_bytes(good)
        name = path.relative_to(copy).as_posix()
        assert blames(found, name), (name, at)
    assert check(copy, master).ok


def _seal_only(folder: Path, master: Any) -> Verification:
    """Without recomputing and rendering, which need not help: the seal alone must find a changed byte."""
    return verify_dossier(folder, checks=(), judge=lambda *_: Outcome("", "", Verdict.PASS), suite_hash="")


@pytest.mark.parametrize("name", [SIGNATURE, MANIFEST])
def test_every_byte_of_seal_and_manifest_counts(master: Any, copy: Path, name: str) -> None:
    path = copy / name
    good = path.read_bytes()
    # 0x20 turns a into A: hex would decode to the same key.
    for at in range(0, len(good), 1 if name == SIGNATURE else 9):
        for flip in (0x01, 0x20):
            path.write_bytes(good[:at] + bytes((good[at] ^ flip,)) + good[at + 1 :])
            assert not _quick(copy), (at, flip)
    path.write_bytes(good)
    assert _quick(copy)


def _quick(folder: Path) -> bool:
    from conformance.dossier.verify import _check_seal

    found = Verification(str(folder))
    return _check_seal(folder, found, None) is not None and found.ok


@pytest.mark.parametrize("edit", ["cut", "insert", "append", "delete", "empty", "crlf"])
def test_cut_inserted_and_missing_bytes_are_found(master: Any, copy: Path, edit: str) -> None:
    edits: dict[str, Callable[[bytes], bytes | None]] = {
        "cut": lambda raw: raw[:-1],
        "insert": lambda raw: raw[: len(raw) // 2] + b" " + raw[len(raw) // 2 :],
        "append": lambda raw: raw + b"\n",
        "delete": lambda raw: None,
        "empty": lambda raw: b"",
        "crlf": lambda raw: raw.replace(b"\n", b"\r\n"),
    }
    for path in files_of(copy):
        good = path.read_bytes()
        bad = edits[edit](good)
        path.unlink() if bad is None else path.write_bytes(bad)
        found = check(copy, master)
        path.write_bytes(good)
        name = path.relative_to(copy).as_posix()
        assert blames(found, name), name


def test_swapped_added_and_linked_files_are_found(master: Any, copy: Path, tmp_path: Path) -> None:
    pics, pixit = copy / "pics.json", copy / "pixit.json"
    a, b = pics.read_bytes(), pixit.read_bytes()
    pics.write_bytes(b)
    pixit.write_bytes(a)
    assert {"pics.json", "pixit.json"} <= {each.file for each in check(copy, master).problems}
    pics.write_bytes(a)
    pixit.write_bytes(b)
    (copy / "allure-results" / "extra.json").write_text("{}")
    (copy / "new").mkdir()
    assert {"allure-results/extra.json", "new"} <= {each.file for each in check(copy, master).problems}
    (copy / "new").rmdir()
    (copy / "allure-results" / "extra.json").unlink()
    pics.rename(tmp_path / "elsewhere.json")
    pics.symlink_to(tmp_path / "elsewhere.json")
    assert [each.file for each in check(copy, master).problems] == ["pics.json"]


def test_signature_of_another_dossier_or_key_is_found(master: Any, copy: Path, tmp_path: Path) -> None:
    other = SigningKey.load(tmp_path / "other.pem")
    write_dossier(tmp_path / "b", master.result, master.history_path, key=other, catalogue=master.catalogue)
    shutil.copy(tmp_path / "b" / SIGNATURE, copy / SIGNATURE)
    assert any(each.file == SIGNATURE for each in check(copy, master).problems)
    # Wholly resigned it holds by itself; only a fingerprint that came another way tells.
    assert check(tmp_path / "b", master).ok
    found = check(tmp_path / "b", master, pinned=master.key.fingerprint)
    assert [each.where for each in found.problems] == ["fingerprint"]
    grouped = "SHA256:" + ":".join(other.fingerprint[at : at + 4].upper() for at in range(0, 64, 4))
    assert check(tmp_path / "b", master, pinned=grouped).pinned
    with pytest.raises(ValueError, match="64 hex digits"):
        check(copy, master, pinned="abcd")


def forged(master: Any, index: int, **changes: Any) -> tuple[Outcome, ...]:
    outcomes = list(master.result.outcomes)
    outcomes[index] = replace(outcomes[index], **changes)
    return tuple(outcomes)


def problems_of(folder: Path, master: Any) -> str:
    found = check(folder, master)
    assert not found.ok
    return found.render("en")


def test_a_better_verdict_than_the_history_gives_is_found(master: Any, rewrite: Rewrite) -> None:
    text = problems_of(rewrite(outcomes=forged(master, 1, verdict=Verdict.PASS, blame=None, cause=None)), master)
    assert "outcomes[1] fake.empty[reader]" in text
    assert "given as pass, but the history gives fail" in text


def test_an_embellished_finding_is_found(master: Any, rewrite: Rewrite) -> None:
    softer = (Finding("violation", Label("几乎没有问题", "hardly a problem"), (11, 14)),)
    assert "differs from the recomputed outcome in findings" in problems_of(
        rewrite(outcomes=forged(master, 1, findings=softer)), master
    )


def test_a_check_that_is_left_out_is_found(master: Any, rewrite: Rewrite) -> None:
    kept = tuple(each for each in master.result.outcomes if each.check_id != "fake.empty")
    text = problems_of(rewrite(outcomes=kept), master)
    assert "the history ran it, the result leaves it out" in text
    assert "planned, but without a verdict" in text


def test_a_fail_that_is_told_as_not_tested_is_found(master: Any, rewrite: Rewrite) -> None:
    kept = tuple(each for each in master.result.outcomes if each.check_id != "fake.empty")
    hidden = NotRun("fake.empty", "reader", Verdict.NOT_TESTED, Label("无", "none"))
    assert "leaves it out" in problems_of(rewrite(outcomes=kept, not_run=(hidden,)), master)


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_a_verdict_without_records_is_found(master: Any, rewrite: Rewrite, verdict: Verdict) -> None:
    assert "but the history never ran it" in problems_of(rewrite(outcomes=forged(master, 4, verdict=verdict)), master)


def test_two_verdicts_for_one_check_are_found(master: Any, rewrite: Rewrite) -> None:
    twice = (*master.result.outcomes, master.result.outcomes[0])
    assert "more than one verdict" in problems_of(rewrite(outcomes=twice), master)


def test_an_invented_waiver_use_is_found(master: Any, rewrite: Rewrite) -> None:
    waivers = (*master.result.waivers, replace(master.result.waivers[0], check_id="fake.answers"))
    assert "waivers[1]" in problems_of(rewrite(waivers=waivers), master)


def test_declarations_other_than_the_plans_are_found(master: Any, rewrite: Rewrite) -> None:
    text = problems_of(rewrite(pics={"reader": {"reader.shutter": False}}), master)
    assert "differs from the PICS in the plan lock" in text


def test_facts_other_than_the_plans_are_found(master: Any, rewrite: Rewrite) -> None:
    lock = {key: value for key, value in master.result.plan_lock.items() if key != "sha256"}
    lock["pics"] = {"reader": {"reader.sam_sockets": 0, "reader.shutter": True}}
    lock["sha256"] = hashlib.sha256(canonical(lock).encode()).hexdigest()
    text = problems_of(rewrite(plan_lock=lock, pics=lock["pics"]), master)
    assert "judged under pics other than those of the plan lock" in text
    assert "the history was made under another plan" in text


def test_an_edited_plan_lock_is_found(master: Any, rewrite: Rewrite) -> None:
    lock = {**master.result.plan_lock, "checks": []}
    assert "does not have the hash it states" in problems_of(rewrite(plan_lock=lock), master)


def test_a_stopped_run_never_verifies(master: Any, rewrite: Rewrite) -> None:
    assert "the run is stopped" in problems_of(rewrite(status=RunStatus.STOPPED), master)


def test_history_with_one_record_less_is_found(master: Any, copy: Path) -> None:
    path = copy / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for at in (0, len(lines) // 2, len(lines) - 1):
        path.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        assert any(each.file == "history.jsonl" for each in check(copy, master).problems)


def test_another_suite_is_named_and_still_recomputes(master: Any) -> None:
    found = check(master.folder, master, suite_hash="9" * 64)
    assert [each.where for each in found.problems] == ["suite_hash"]
    assert "5" * 64 in found.problems[0].remedy.en
    assert any("not recomputed: another suite" in each.en for each in found.notes)
    assert found.recomputed == 4
    assert any("9" * 64 in each.en and "5" * 64 in each.en for each in found.notes)


def test_a_check_that_is_not_installed_cannot_be_trusted(master: Any) -> None:
    found = verify_dossier(
        master.folder, checks=master.checks[1:], suite_hash="5" * 64, catalogue=master.catalogue, mutants=master.mutants
    )
    assert [each.where for each in found.problems] == ["outcomes[0] fake.answers[reader]"]


def test_a_signed_report_that_does_not_follow_from_the_result_is_found(master: Any, copy: Path) -> None:
    from conformance.dossier.seal import file_entries, manifest_bytes
    from conformance.strict_json import pretty, to_plain

    page = copy / "report.html"
    page.write_bytes(page.read_bytes().replace("不通过".encode(), "很通过".encode()))
    manifest = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    contents = {each["path"]: (copy / each["path"]).read_bytes() for each in manifest["files"]}
    raw = manifest_bytes({**manifest, "files": file_entries(contents)})
    (copy / MANIFEST).write_bytes(raw)
    (copy / SIGNATURE).write_text(pretty(to_plain(master.key.sign(raw))), encoding="utf-8")
    assert [each.file for each in check(copy, master).problems] == ["report.html"]


def test_what_is_no_dossier_is_said_so(tmp_path: Path) -> None:
    assert "not a dossier folder" in verify_dossier(tmp_path / "nowhere").render("en")
    assert {each.file for each in verify_dossier(tmp_path).problems} == {MANIFEST, SIGNATURE}


def test_the_sources_are_what_was_given(master: Any) -> None:
    stored = RunResult.from_json(json.loads((master.folder / "result.json").read_text(encoding="utf-8")))
    assert stored.outcomes == master.result.outcomes
    assert (master.folder / "history.jsonl").read_bytes() == master.history_path.read_bytes()
    assert len(read_history(master.folder / "history.jsonl")) == 35
