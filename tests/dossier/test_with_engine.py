"""The engine's own run, in process: its dossier verifies, explains itself, and shows when somebody improves it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.dossier.write import write_dossier
from conformance.model import Verdict
from conformance.service import Certified, certify, explain, load, read_dossier, verify_dossier

PLAN = Path(__file__).resolve().parents[2] / "scenarios" / "plans" / "in-process.yaml"
SELECT = ("reader.line.ack-first", "reader.move.eject", "card.pin.wrong_counts")


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    root = tmp_path_factory.mktemp("engine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(root / "config"))
        return certify(load(PLAN, {"select": SELECT}), root / "dossier", with_matrix=False)


def test_the_engines_dossier_verifies(certified: Certified) -> None:
    found = certified.verification
    assert found.problems == []
    assert found.recomputed == len(certified.result.outcomes) >= 3
    assert (certified.folder / "report.html").stat().st_size < 3_000_000


def test_every_check_of_it_explains_itself(certified: Certified) -> None:
    dossier = read_dossier(certified.folder)
    for outcome in dossier.result.outcomes:
        why = explain(dossier, outcome.check_id, outcome.target)
        assert why.clauses
        assert why.shown
        assert outcome.check_id in why.render("zh")
        assert why.check.title.en in why.render("en")


def test_an_improved_verdict_of_it_is_found(certified: Certified, tmp_path: Path) -> None:
    result = certified.result
    wrong = Verdict.FAIL if result.outcomes[0].verdict is Verdict.PASS else Verdict.PASS
    forged = replace(result, outcomes=(replace(result.outcomes[0], verdict=wrong), *result.outcomes[1:]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        write_dossier(tmp_path / "forged", forged, certified.folder / "history.jsonl")
    found = verify_dossier(tmp_path / "forged")
    assert [each.where.partition(" ")[0] for each in found.problems] == ["outcomes[0]"]
