"""A run result survives JSON unchanged, and nothing that does not fit is let in."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from conformance.model import Outcome, Verdict
from conformance.result import NotRun, Overall, RunResult, RunStatus, WaiverUse
from conformance.strict_json import StrictJsonError, parse_json, pretty
from protocols.wire.base import Label


def test_round_trip_through_text(master: Any) -> None:
    text = pretty(master.result.to_json())
    again = RunResult.from_json(parse_json(text))
    assert pretty(again.to_json()) == text
    assert again.outcomes == master.result.outcomes
    assert again.waivers == master.result.waivers


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("run_id",), 7, "run_id"),
        (("status",), "done", "status"),
        (("surprise",), 1, "top level"),
        (("outcomes", 0, "verdict"), "passed", "outcomes[0].verdict"),
        (("outcomes", 0, "findings", 0, "records", 0), "5", "outcomes[0].findings[0].records[0]"),
        (("outcomes", 0, "findings", 0, "kind"), "guess", "outcomes[0].findings[0].kind"),
        (("bench", "slots", 0, "simulated"), 1, "bench.slots[0].simulated"),
        (("preflight", 0, "text"), "ok", "preflight[0].text"),
        (("waivers",), {}, "waivers"),
    ],
)
def test_what_does_not_fit_is_refused_by_path(master: Any, path: tuple[Any, ...], value: Any, where: str) -> None:
    plain = json.loads(json.dumps(master.result.to_json()))
    at = plain
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(StrictJsonError) as caught:
        RunResult.from_json(plain)
    assert where in str(caught.value)


def test_missing_key_is_refused(master: Any) -> None:
    plain = copy.deepcopy(master.result.to_json())
    del plain["pics"]
    with pytest.raises(StrictJsonError, match="missing key 'pics'"):
        RunResult.from_json(plain)


def test_a_check_that_did_not_run_cannot_pass(master: Any) -> None:
    plain = json.loads(json.dumps(master.result.to_json()))
    plain["not_run"][0]["verdict"] = "pass"
    with pytest.raises(StrictJsonError, match="cannot be"):
        RunResult.from_json(plain)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"a":NaN}', "[" * 100_000, '{"a":'])
def test_json_that_json_itself_would_let_through(text: str) -> None:
    with pytest.raises(StrictJsonError):
        parse_json(text)


def _run(master: Any, *verdicts: Verdict, **changes: Any) -> RunResult:
    outcomes = tuple(Outcome(f"c{at}", "reader", verdict) for at, verdict in enumerate(verdicts))
    return replace(master.result, **{"outcomes": outcomes, "not_run": (), "waivers": (), **changes})


WAIVER = WaiverUse("c0", "测试丙", "2099-01-01", "r", used=True)
NOT_TESTED = NotRun("c9", "reader", Verdict.NOT_TESTED, Label("无", "none"))
NOT_APPLICABLE = NotRun("c9", "reader", Verdict.NOT_APPLICABLE, Label("无", "none"))


@pytest.mark.parametrize(
    ("verdicts", "changes", "wanted"),
    [
        ((), {}, Overall.UNDECIDED),
        ((Verdict.PASS,), {}, Overall.PASS),
        ((Verdict.PASS,), {"not_run": (NOT_APPLICABLE,)}, Overall.PASS),
        ((), {"not_run": (NOT_APPLICABLE,)}, Overall.UNDECIDED),
        ((Verdict.PASS,), {"not_run": (NOT_TESTED,)}, Overall.PASS_PARTIAL),
        ((Verdict.PASS, Verdict.FAIL), {}, Overall.FAIL),
        ((Verdict.FAIL, Verdict.PASS), {"waivers": (WAIVER,)}, Overall.PASS_WITH_WAIVERS),
        ((Verdict.FAIL,), {"waivers": (WAIVER,)}, Overall.UNDECIDED),
        ((Verdict.FAIL, Verdict.PASS), {"waivers": (replace(WAIVER, stale=True),)}, Overall.FAIL),
        ((Verdict.FAIL, Verdict.PASS), {"waivers": (replace(WAIVER, target="other"),)}, Overall.FAIL),
        ((Verdict.PASS,), {"waivers": (replace(WAIVER, used=False, stale=True),)}, Overall.FAIL),
        ((Verdict.PASS, Verdict.ERROR), {}, Overall.UNDECIDED),
        ((Verdict.PASS, Verdict.INCONCLUSIVE), {}, Overall.UNDECIDED),
        ((Verdict.PASS, Verdict.NEEDS_REVIEW), {}, Overall.UNDECIDED),
        ((Verdict.PASS,), {"status": RunStatus.STOPPED}, Overall.INCOMPLETE),
        ((Verdict.FAIL,), {"status": RunStatus.STOPPED}, Overall.FAIL),
    ],
)
def test_the_word_over_the_run_is_pessimistic(
    master: Any, verdicts: tuple[Verdict, ...], changes: dict[str, Any], wanted: Overall
) -> None:
    assert _run(master, *verdicts, **changes).overall is wanted
