"""From rows to a verdict, by hand: what breaks a load, what says nothing about it, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.latency import CallRow
from loadtest.rows import VisitRow
from loadtest.summary import GeneratorReport, LoadSummary, summarise
from loadtest.verdict import BROKEN, PASSED, UNDECIDED, Verdict, judge
from loadtest.visit import Outcome
from scenarios.load_model import LoadFile, LoadLimits, StageLimits, StageSpec

STAGES = (
    StageSpec(
        stage="steady",
        shape="steady",
        for_s=10,
        rate_per_s=0.2,
        limits=StageLimits(api_p99_ms=200, decided_p99_ms=2000),
    ),
    StageSpec(stage="barrier", shape="barrier", for_s=10, count=2, limits=StageLimits(all_decided_s=4)),
)
LOAD = LoadFile.model_validate(
    {
        "city": "small",
        "title": {"zh": "小", "en": "small"},
        "towns": 1,
        "clinics": 1,
        "kiosks": 2,
        "mix": {"payers": {"self": 1}, "methods": {"wechat": 1}, "credentials": {"resident_id": 1}},
        "stages": [each.model_dump() for each in STAGES],
    }
)
REPORT = GeneratorReport(
    "complete",
    planned={"steady": 2, "barrier": 2},
    offered={"steady": 2, "barrier": 2},
    cpu={"steady": 0.2, "barrier": 0.5},
)


def _call(stage: str, due_s: float, latency_ms: float, lag_ms: float = 1.0, **more: object) -> CallRow:
    sent_s, heard_s = due_s + lag_ms / 1000, due_s + latency_ms / 1000
    values = {"status": 200, "code": "", "call": "pay", **more}
    return CallRow(stage=stage, kiosk=1, due_s=due_s, sent_s=sent_s, heard_s=heard_s, done_s=heard_s, **values)  # type: ignore[arg-type]


def _visit(stage: str, decided_s: float | None, press_s: float | None = None, **more: object) -> VisitRow:
    said = "paid" if decided_s is not None else "uncertain"
    pressed_s = press_s if press_s is not None else 5.0
    outcome = Outcome("T1", said, "", "wechat", 0.1, decided_s, pressed_s)
    return VisitRow(stage, 1, "KSK-00001", 1.0, 9.0, "self", "resident_id", press_s, replace(outcome, **more))  # type: ignore[arg-type]


CALLS = [_call("steady", 1.0, 50), _call("steady", 2.0, 199), _call("barrier", 20.0, 900)]
VISITS = [_visit("steady", 0.5), _visit("steady", 1.9), _visit("barrier", 3.0, 20.0), _visit("barrier", 3.9, 20.0)]


def _summary(
    calls: list[CallRow] | None = None,
    visits: list[VisitRow] | None = None,
    report: GeneratorReport = REPORT,
    others: float = 0.0,
) -> LoadSummary:
    machine = {"steady": {"others": others}, "barrier": {"others": others}}
    shown = CALLS if calls is None else calls
    return summarise(["steady", "barrier"], shown, VISITS if visits is None else visits, report, machine)


def _judged(summary: LoadSummary, money: list[str] | None = []) -> Verdict:  # noqa: B006 never changed
    return judge(LOAD, summary, money)


def _broken(verdict: Verdict) -> list[str]:
    return [each.what.en for each in verdict.broken]


def _unseen(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(each.stage, each.what.en, each.measured) for each in verdict.unseen]


def test_figures_of_a_stage() -> None:
    stage = _summary().stages[0]
    assert (stage.calls, stage.ended, stage.paid, stage.pressed, stage.undecided) == (2, 2, 2, 2, 0)
    assert (stage.api.count, stage.api.p50_ms, stage.api.p99_ms) == (2, 50.0, 199.0)
    assert (stage.sent.p50_ms, stage.lag.p99_ms) == (49.0, 1.0)
    assert (stage.decided.p99_ms, stage.decided.most_ms) == (1900.0, 1900.0)
    barrier = _summary().stages[1]
    assert (barrier.in_one_second, barrier.decided.most_ms) == (2, 3900.0)


def test_a_reply_that_came_with_news_says_nothing_of_speed() -> None:
    waiting = _call("steady", 3.0, 1_990, call="decide", waits=True)
    stage = _summary([*CALLS, waiting]).stages[0]
    assert (stage.calls, stage.api.count, stage.api.p99_ms) == (3, 2, 199.0)


def test_everything_holds() -> None:
    verdict = _judged(_summary())
    assert _broken(verdict) == []
    assert (verdict.exit_code, verdict.overall) == (PASSED, "passed")
    assert verdict.text.zh.startswith("通过")
    assert verdict.text.en.startswith("passed")


@pytest.mark.parametrize(
    ("calls", "visits", "what"),
    [
        ([*CALLS, _call("steady", 3.0, 200.001)], None, "an API call, p99, from its intended instant"),
        (None, [*VISITS[1:], _visit("steady", 2.001)], "from the press of pay to the decision, p99"),
        (None, [*VISITS[:3], _visit("barrier", 4.001, 20.0)], "the last payment is decided"),
        (
            None,
            [*VISITS[:3], _visit("barrier", 1.0, 20.0, pressed_s=21.0)],
            "kiosks that pressed pay in the same second",
        ),
        ([*CALLS, _call("steady", 3.0, 50, status=0, code="no reply")], None, "calls that were never answered"),
    ],
)
def test_one_time_over_its_limit_breaks(calls: list[CallRow] | None, visits: list[VisitRow] | None, what: str) -> None:
    verdict = _judged(_summary(calls, visits))
    assert _broken(verdict) == [what]
    assert (verdict.exit_code, verdict.overall) == (BROKEN, "broken")


@pytest.mark.parametrize(
    ("calls", "visits", "what"),
    [
        ([*CALLS, _call("steady", 3.0, 50, status=409, code="trade-state")], None, "calls that were refused"),
        (None, [*VISITS, _visit("steady", 0.1, said="not-paid", why="not-paid 51")], "services that were not paid"),
        (None, [*VISITS, _visit("steady", None, said="paid")], "pressed pay and never heard a decision"),
    ],
)
def test_what_is_so_breaks_whatever_the_generator_did(
    calls: list[CallRow] | None, visits: list[VisitRow] | None, what: str
) -> None:
    for lag_ms, others in ((1.0, 0.0), (500.0, 2.0)):
        rows = [*(CALLS if calls is None else calls), *(_call("steady", 4.0, 600, lag_ms) for _ in range(9))]
        verdict = _judged(_summary(rows, visits, others=others))
        assert what in _broken(verdict)
        assert verdict.exit_code == BROKEN


def test_a_generator_that_lagged_has_measured_nothing() -> None:
    """A tenth of the tightest limit: 20 ms in the first stage. All times hold and it is no pass all the same."""
    verdict = _judged(_summary([*CALLS, _call("steady", 3.0, 150, 20.001)]))
    assert _broken(verdict) == ["the generator's own lag, p99"]
    assert (verdict.exit_code, verdict.overall) == (UNDECIDED, "generator-was-the-bottleneck")
    assert "未测得" in verdict.text.zh
    assert "not measured" in verdict.text.en


def test_a_generator_that_lagged_puts_nothing_down_to_the_system() -> None:
    verdict = _judged(_summary([*CALLS, _call("steady", 3.0, 900, 800)]))
    assert verdict.overall == "generator-was-the-bottleneck"


def test_a_generator_without_room_has_measured_nothing() -> None:
    verdict = _judged(_summary(report=replace(REPORT, cpu={"steady": 0.2, "barrier": 0.81})))
    assert _broken(verdict) == ["the generator's share of a core, busiest second"]
    assert verdict.exit_code == UNDECIDED


@pytest.mark.parametrize("cpu", [{"steady": 0.2}, {}])
def test_a_cpu_figure_that_is_missing_is_no_idle_generator(cpu: dict[str, float]) -> None:
    """And it puts a slow answer down to nobody."""
    report = replace(REPORT, cpu=cpu)
    for calls in (CALLS, [*CALLS, _call("steady", 3.0, 250)]):
        summary = _summary(calls, report=report)
        assert [each.cpu for each in summary.stages] == [cpu.get("steady"), None]
        verdict = _judged(summary)
        assert (verdict.exit_code, verdict.overall) == (UNDECIDED, "generator-not-measured")
        own = [each.stage for each in verdict.told if each.what.en == "the generator's share of a core, busiest second"]
        assert own == [name for name in ("steady", "barrier") if name not in cpu]
        assert {each.measured for each in verdict.unseen if each.kind == "generator"} == {"未测得 / not measured"}
    assert _judged(_summary(report=report), ["lost T1"]).overall == "broken"


def test_a_stage_without_a_call_has_no_lag_that_could_hold() -> None:
    verdict = _judged(_summary([each for each in CALLS if each.stage == "barrier"]))
    assert _broken(verdict) == ["an API call, p99, from its intended instant"]
    assert ("steady", "the generator's own lag, p99", "未测得 / not measured") in _unseen(verdict)
    assert (verdict.exit_code, verdict.overall) == (UNDECIDED, "generator-not-measured")


def test_a_machine_that_nobody_watched_excuses_nothing() -> None:
    slow = [*CALLS, _call("steady", 3.0, 250)]
    for calls, overall in ((CALLS, "passed"), (slow, "broken")):
        verdict = _judged(summarise(["steady", "barrier"], calls, VISITS, REPORT))
        assert verdict.overall == overall
        assert ("barrier", "processors that other programs used", "未测得 / not measured") in _unseen(verdict)


def test_a_load_that_passes_says_what_of_its_money_nobody_looked_at() -> None:
    verdict = _judged(_summary())
    assert verdict.exit_code == PASSED
    assert _unseen(verdict) == [("", "one press, one payment", "未核对 / not checked")]
    assert verdict.text.en.endswith("; not checked: one press, one payment")
    assert verdict.text.zh.endswith("；未核对：按一次只扣一次")
    assert [each.what.en for each in verdict.told] == ["one press, one payment"]


def test_a_load_in_which_nobody_was_told_anything_has_not_checked_what_was_told() -> None:
    silent = [replace(each, outcome=replace(each.outcome, said="")) for each in VISITS]
    unseen = [what for _, what, _ in _unseen(_judged(_summary(None, silent)))]
    assert unseen == ["one press, one payment", "what citizens were told is so"]


def test_who_did_not_come_was_not_measured() -> None:
    verdict = _judged(_summary(report=replace(REPORT, offered={"steady": 1, "barrier": 2})))
    assert (verdict.exit_code, verdict.overall) == (UNDECIDED, "generator-was-the-bottleneck")


def test_a_busy_machine_excuses_times_and_nothing_else() -> None:
    slow = [*CALLS, _call("steady", 3.0, 250)]
    assert _judged(_summary(slow, others=1.2)).overall == "machine-was-busy"
    assert _judged(_summary(slow, others=0.3)).overall == "broken"
    passed = _judged(_summary(others=1.2))
    assert (passed.overall, [each.what.en for each in passed.told]) == ("passed", ["one press, one payment"])
    assert len(passed.broken) == 2
    assert len(_judged(_summary(slow, others=1.2)).told) == 4
    assert _judged(_summary(slow, others=1.2), ["lost T1"]).overall == "broken"


@pytest.mark.parametrize("money", [["second-debit T1: bank took 1000 fen"], None])
def test_money_decides_first(money: list[str] | None) -> None:
    verdict = _judged(_summary(), money)
    assert _broken(verdict) == ["lost, doubled, books that differ"]
    assert verdict.exit_code == BROKEN


@pytest.mark.parametrize(
    ("status", "overall"),
    [("not-ready", "not-brought-up"), ("defect", "generator-failed"), ("died", "generator-failed")],
)
def test_a_generator_that_failed(status: str, overall: str) -> None:
    verdict = _judged(_summary([], [], replace(REPORT, status=status, offered={})))
    # Nobody was served: that alone would be a fact, but only of a load that ran.
    assert verdict.exit_code != PASSED
    if status == "not-ready":
        assert (verdict.exit_code, verdict.overall) == (UNDECIDED, overall)


def test_a_stop_is_no_verdict_on_what_was_cut_off() -> None:
    cut = _visit("steady", None)
    report = replace(REPORT, status="stopped", unfinished=1, offered={"steady": 2})
    verdict = _judged(_summary(None, [*VISITS[:2], cut], report), [])
    assert (verdict.exit_code, verdict.overall) == (UNDECIDED, "stopped")


def test_a_kiosk_that_gave_up_for_silence_counts_as_a_time() -> None:
    silent = _visit("steady", None, said="uncertain", why="open: silent", pressed_s=None)
    summary = _summary(None, [*VISITS, silent])
    assert summary.stages[0].given_up == 1
    verdict = _judged(summary)
    assert _broken(verdict) == ["services given up for want of an answer"]
    assert _judged(_summary(None, [*VISITS, silent], others=2.0)).overall == "machine-was-busy"


def test_a_part_that_died_breaks() -> None:
    verdict = _judged(replace(_summary(), broken="backend: out of memory"))
    assert _broken(verdict) == ["backend and peers ran to the end"]
    assert verdict.exit_code == BROKEN


def test_a_stage_without_a_limit_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="without a limit cannot fail"):
        StageLimits()


def test_the_limits_of_the_project() -> None:
    assert LoadLimits() == LoadLimits(
        lag_share=0.1, generator_cpu=0.8, others_cpu=0.3, refused=0, unanswered=0, not_paid=0, dropped=0
    )
