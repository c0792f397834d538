"""Writing is whole or not at all, deterministic, never over something else; the key is made once, kept private."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.dossier.read import read_dossier
from conformance.dossier.seal import DossierError, SigningKey
from conformance.dossier.verify import verify_dossier
from conformance.dossier.write import Manifest, begin_dossier, write_dossier
from conformance.result import Overall, RunStatus
from protocols.record import History, HistoryError


def contents(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def beside(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.parent.iterdir() if each.name.startswith("."))


def test_the_same_run_gives_the_same_bytes(master: Any, rewrite: Callable[..., Path]) -> None:
    assert contents(rewrite()) == contents(master.folder)


def test_every_promised_file_is_there(master: Any) -> None:
    promised = {
        "history.jsonl", "result.json", "catalogue.json", "plan.lock.json", "pics.json", "pixit.json", "bench.json",
        "preflight.json", "kill-matrix.json", "trace.txt", "report.html", "junit.xml", "manifest.json",
        "signature.json",
    }  # fmt: skip
    there = contents(master.folder)
    assert promised <= there.keys()
    assert sum(name.startswith("allure-results/") and name.endswith("-result.json") for name in there) == 7
    assert beside(master.folder) == []


def test_a_finished_dossier_is_never_overwritten(master: Any, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    write_dossier(folder, master.result, master.history_path, key=master.key, catalogue=master.catalogue)
    before = contents(folder)
    with pytest.raises(DossierError, match="not overwritten"):
        write_dossier(folder, master.result, master.history_path, key=master.key, catalogue=master.catalogue)
    with pytest.raises(DossierError, match="not overwritten"):
        begin_dossier(folder, "again", key=master.key)
    assert contents(folder) == before


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_nothing_else_is_overwritten(master: Any, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "d"
    if kind == "file":
        folder.write_text("mine")
    elif kind == "link":
        folder.symlink_to(tmp_path / "nowhere")
    else:
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
    with pytest.raises(DossierError, match="choose another folder"):
        write_dossier(folder, master.result, master.history_path, key=master.key, catalogue=master.catalogue)
    assert folder.is_symlink() or folder.is_file() or (folder / "mine.txt").read_text() == "mine"


def test_a_broken_history_leaves_nothing_behind(master: Any, tmp_path: Path) -> None:
    broken = tmp_path / "h.jsonl"
    broken.write_bytes(master.history_path.read_bytes()[:-20])
    with pytest.raises(HistoryError):
        write_dossier(tmp_path / "d", master.result, broken, key=master.key, catalogue=master.catalogue)
    assert [each.name for each in tmp_path.iterdir()] == ["h.jsonl"]


def test_a_failed_write_puts_the_early_record_back(master: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "d"
    begin_dossier(folder, master.result.run_id, key=master.key)
    before = contents(folder)
    real = Path.rename

    def full(self: Path, target: Path) -> Path:
        if target == folder and ".new-" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(DossierError, match="No space left"):
        write_dossier(folder, master.result, master.history_path, key=master.key, catalogue=master.catalogue)
    assert contents(folder) == before
    assert beside(folder) == []


def test_a_killed_run_leaves_a_readable_incomplete_record(master: Any, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    path = begin_dossier(folder, "killed", suite_hash="5" * 64, tool_version="0.1.0", key=master.key)
    with path.open("w", encoding="utf-8", newline="\n") as sink:
        history = History(lambda: 0.0, sink)
        for at in range(5):
            history.append("reader", "rx", "frame", bytes((at,)))
        sink.write('{"seq":5,"half')
    found = verify_dossier(folder)
    assert not found.ok
    assert (found.run_id, found.status, found.overall) == ("killed", RunStatus.INCOMPLETE, Overall.INCOMPLETE)
    assert found.records == 5
    assert "the run did not finish" in found.render("en")
    assert "运行没有完成" in found.render("zh")
    assert found.fingerprint == master.key.fingerprint


def test_an_edited_early_record_is_found(master: Any, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    begin_dossier(folder, "killed", key=master.key)
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    (folder / "manifest.json").write_text(text.replace("incomplete", "complete"), encoding="utf-8")
    assert "signature does not fit" in verify_dossier(folder).render("en")


def test_the_early_record_is_replaced_by_its_own_run_only(master: Any, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    path = begin_dossier(folder, master.result.run_id, key=master.key)
    path.write_bytes(master.history_path.read_bytes())
    other = replace(master.result, run_id="somebody else")
    with pytest.raises(DossierError):
        write_dossier(folder, other, path, key=master.key, catalogue=master.catalogue)
    manifest = write_dossier(folder, master.result, path, key=master.key, catalogue=master.catalogue)
    assert not manifest.early
    assert Manifest.parse((folder / "manifest.json").read_bytes()) == manifest
    assert verify_dossier(
        folder, checks=master.checks, suite_hash="5" * 64, catalogue=master.catalogue, mutants=master.mutants
    ).ok


def test_the_key_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "config" / "onecard" / "signing-key.pem"
    first = SigningKey.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.load(path).fingerprint == first.fingerprint
    assert SigningKey.load(tmp_path / "other.pem").fingerprint != first.fingerprint
    assert [each.name for each in path.parent.iterdir()] == ["signing-key.pem"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    SigningKey.load(path)
    path.chmod(0o644)
    with pytest.raises(DossierError, match="chmod 600"):
        SigningKey.load(path)


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(0o600)
    with pytest.raises(DossierError, match="not an Ed25519 private key") as caught:
        SigningKey.load(path)
    assert caught.value.where == str(path)


def test_reading_names_the_file_that_is_wrong(master: Any, tmp_path: Path) -> None:
    assert read_dossier(master.folder).result.run_id == "sample-run-0001"
    with pytest.raises(DossierError) as caught:
        read_dossier(tmp_path)
    assert caught.value.where.endswith("result.json")
