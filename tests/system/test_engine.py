"""The rules of verdicts, through the whole engine: what may pass, who is blamed, what is left out and why."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.engine import RunOptions, run
from conformance.execute import judge
from conformance.model import Blame, Check, Finding, Verdict, conclude
from conformance.plan import resolve
from conformance.result import Overall, RunResult
from conformance.service import load, write_lock
from protocols.record import read_history
from protocols.wire.base import Label
from scenarios.models import Bench, Plan, Slot, Waiver, load_plan
from scenarios.profiles import device_class_profile

PLAN = Path(__file__).resolve().parents[2] / "scenarios" / "plans" / "in-process.yaml"
TEXT = Label("试", "test")
SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


class CardCheck(Check):
    """DG-W20-14: a check for these tests; nothing would break it."""

    id = "card.probe"
    title = TEXT
    clauses = ("DG-W20-14",)
    device_class = "card"
    kills = ()

    async def stimulus(self, t: Any) -> None:
        await t.power_on()
        await t.send(SELECT_SSSE)

    def oracle(self, v: Any) -> None:
        v.must(True, "应答", "answered")


class EmptyOracle(CardCheck):
    """DG-W20-14: looks at nothing."""

    def oracle(self, v: Any) -> None:
        return None


class BrokenStimulus(CardCheck):
    """DG-W20-14: the harness breaks."""

    async def stimulus(self, t: Any) -> None:
        await t.power_on()
        raise ZeroDivisionError("our own mistake")


class BrokenOracle(CardCheck):
    """DG-W20-14: the oracle breaks."""

    def oracle(self, v: Any) -> None:
        v.must(True, "应答", "answered")
        raise KeyError("our own mistake")


class WithoutControl(CardCheck):
    """DG-W20-14: its positive control never happens."""

    control: ClassVar[str] = "first it works"


class Violated(CardCheck):
    """DG-W20-14: always violated."""

    def oracle(self, v: Any) -> None:
        v.must(False, "不合", "it does not")


class NeedsContactless(CardCheck):
    """DG-W20-14: only for contactless cards."""

    needs: ClassVar[tuple[str, ...]] = ("card.contactless",)


class NeedsJuggling(CardCheck):
    """DG-W20-14: no hand can do it."""

    hand: ClassVar[tuple[str, ...]] = ("juggle",)


class CostsTries(CardCheck):
    """DG-W20-14: takes two PIN tries."""

    damage: ClassVar[dict[str, int]] = {"pin_tries": 2}


def plan(**changes: Any) -> Plan:
    return load_plan(PLAN).model_copy(update={"select": ("all",), **changes})


def only(plan_: Plan, **slots: Slot) -> Plan:
    """*plan_* on a bench of these slots alone."""
    assert isinstance(plan_.bench, Bench)
    bench = plan_.bench.model_copy(update={"slots": slots})
    return plan_.model_copy(
        update={"bench": bench, "pics": {name: items for name, items in plan_.pics.items() if name in slots}}
    )


def on_card(tmp_path: Path, *checks: Check, **changes: Any) -> RunResult:
    slot = Slot.model_validate({"class": "card", "image": "3.0", "link": "sim://"})
    resolved = resolve(only(plan(**changes), **{"card-3": slot}), checks)
    return run(resolved, RunOptions(tmp_path / "history.jsonl", "0" * 16))


def named(check: type[Check], name: str) -> Check:
    return type(check.__name__, (check,), {"id": name, "__doc__": check.__doc__})()


def test_an_observation_passes(tmp_path: Path) -> None:
    result = on_card(tmp_path, CardCheck())
    assert [each.verdict for each in result.outcomes] == [Verdict.PASS]
    assert result.overall is Overall.PASS


@pytest.mark.parametrize(
    ("check", "verdict", "blame"),
    [
        (EmptyOracle, Verdict.INCONCLUSIVE, Blame.HARNESS),
        (WithoutControl, Verdict.INCONCLUSIVE, Blame.HARNESS),
        (BrokenStimulus, Verdict.ERROR, Blame.HARNESS),
        (BrokenOracle, Verdict.ERROR, Blame.HARNESS),
        (Violated, Verdict.FAIL, Blame.DEVICE),
    ],
)
def test_what_is_no_pass(tmp_path: Path, check: type[Check], verdict: Verdict, blame: Blame) -> None:
    result = on_card(tmp_path, check())
    (outcome,) = result.outcomes
    assert (outcome.verdict, outcome.blame) == (verdict, blame)
    assert outcome.cause is not None
    assert outcome.cause.zh
    assert result.overall is (Overall.FAIL if verdict is Verdict.FAIL else Overall.UNDECIDED)
    # The verdict is in the history, not in the memory of the run.
    again = judge(check(), read_history(tmp_path / "history.jsonl"), "card-3")
    assert (again.verdict, again.blame, again.cause) == (outcome.verdict, outcome.blame, outcome.cause)


def test_a_broken_check_does_not_stop_the_others(tmp_path: Path) -> None:
    checks = (named(BrokenStimulus, "card.a"), named(CardCheck, "card.b"))
    verdicts = {each.check_id: each.verdict for each in on_card(tmp_path, *checks).outcomes}
    assert verdicts == {"card.a": Verdict.ERROR, "card.b": Verdict.PASS}


@pytest.mark.parametrize(
    ("check", "verdict", "reason"),
    [
        (NeedsContactless, Verdict.NOT_APPLICABLE, "card.contactless"),
        (NeedsJuggling, Verdict.NOT_TESTED, "juggle"),
    ],
)
def test_what_is_left_out_says_why(tmp_path: Path, check: type[Check], verdict: Verdict, reason: str) -> None:
    result = on_card(tmp_path, named(check, "card.left"), named(CardCheck, "card.run"))
    (left,) = result.not_run
    assert (left.check_id, left.verdict) == ("card.left", verdict)
    assert reason in left.reason.en
    assert reason in left.reason.zh
    assert [each.check_id for each in result.outcomes] == ["card.run"]


def test_the_damage_budget_stops(tmp_path: Path) -> None:
    checks = [named(CostsTries, f"card.try-{n}") for n in range(3)]
    result = on_card(tmp_path, *checks, damage_budget={"pin_tries": 4})
    assert [each.check_id for each in result.outcomes] == ["card.try-0", "card.try-1"]
    (left,) = result.not_run
    assert left.verdict is Verdict.NOT_TESTED
    assert "damage budget of pin_tries" in left.reason.en
    assert result.overall is Overall.PASS_PARTIAL


def waiver(check: str, target: str = "") -> Waiver:
    reason = {"zh": "已知", "en": "known"}
    return Waiver.model_validate(
        {"check": check, "target": target, "owner": "测试甲", "expires": date(2099, 1, 1), "reason": reason}
    )


@pytest.mark.parametrize(
    ("target", "overall"),
    [("", Overall.PASS_WITH_WAIVERS), ("card-3", Overall.PASS_WITH_WAIVERS), ("card-9", Overall.FAIL)],
)
def test_a_waiver_excuses_its_own_fail_only(tmp_path: Path, target: str, overall: Overall) -> None:
    checks = (named(Violated, "card.a"), named(CardCheck, "card.b"))
    result = on_card(tmp_path, *checks, waivers=(waiver("card.a", target),))
    assert result.counts()[Verdict.FAIL] == 1
    assert result.overall is overall


@pytest.mark.parametrize("dialect", ["crt591", "crt310"])
def test_a_silent_reader_ends_without_a_pass(tmp_path: Path, dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from simulators.fault.null_devices import NULL_DEVICES

    monkeypatch.setattr("scenarios.build.maker_of", lambda slot, name: NULL_DEVICES["silent"])
    slot = Slot.model_validate({"class": "card_reader", "dialect": dialect, "link": "sim://"})
    name = f"reader-{dialect[3:]}"
    result = run(resolve(only(plan(), **{name: slot})), RunOptions(tmp_path / "h", "0" * 16))
    assert len(result.outcomes) > 40
    assert {each.verdict for each in result.outcomes} == {Verdict.ERROR}  # preflight: nothing was skipped silently
    assert result.overall is Overall.UNDECIDED


def test_lanes_do_not_mix_records(tmp_path: Path) -> None:
    """Two readers run at once over real ttys; each verdict recomputed from the shared history is the same."""
    slots = {
        f"reader-{number}": Slot.model_validate(
            {"class": "card_reader", "dialect": f"crt{number}", "link": "pty://", "timing": "brisk"}
        )
        for number in (591, 310)
    }
    wanted = only(plan(select=("reader.line.ack-first", "reader.sync.a*")), **slots)
    assert isinstance(wanted.bench, Bench)
    wanted = wanted.model_copy(update={"bench": wanted.bench.model_copy(update={"clock": "real"})})
    resolved = resolve(wanted)
    result = run(resolved, RunOptions(tmp_path / "h", "0" * 16))
    records = read_history(tmp_path / "h")
    checks = {each.check.id: each.check for each in resolved.selected}
    spans = {name: [(o.first_record, o.last_record) for o in result.outcomes if o.target == name] for name in slots}
    first, second = spans.values()
    assert any(a < d and c < b for a, b in first for c, d in second)  # they did run side by side
    for outcome in result.outcomes:
        again = judge(checks[outcome.check_id], records, outcome.target)
        assert again == outcome
        shown = {seq for finding in outcome.findings for seq in finding.records}
        assert {records[seq].slot for seq in shown} <= {outcome.target}
        assert outcome.verdict is Verdict.PASS


def test_a_run_from_the_lock_is_the_same_run(tmp_path: Path) -> None:
    first = load(PLAN, {"select": ("reader.sync.*", "card.atr.*")})
    lock = write_lock(first, tmp_path / "p.lock.json")
    second = load(tmp_path / "p.lock.json")
    assert [each.key for each in second.selected] == [each.key for each in first.selected] == lock["checks"]
    for number, each in enumerate((first, second)):
        run(each, RunOptions(tmp_path / f"h{number}", "0" * 16))
    assert (tmp_path / "h0").read_bytes() == (tmp_path / "h1").read_bytes()


def test_an_edited_lock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.lock.json"
    write_lock(load(PLAN), path)
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 7', '"seed": 8'), encoding="utf-8")
    with pytest.raises(Exception, match="was edited"):
        load(path)


KINDS = get_args(Finding.__dataclass_fields__["kind"].type) or (
    "observed",
    "violation",
    "inconclusive",
    "error",
    "review",
)
finding = st.builds(Finding, st.sampled_from(KINDS), st.just(TEXT), st.just(()), st.sampled_from(list(Blame)))


@settings(max_examples=100, deadline=None)
@given(st.lists(finding, max_size=6), st.booleans())
def test_pass_only_when_observed_and_nothing_else(findings: list[Finding], control: bool) -> None:
    verdict, blame = conclude(findings, control)
    kinds = {each.kind for each in findings}
    assert (verdict is Verdict.PASS) == (kinds == {"observed"} and control)
    assert (blame is None) == (verdict is Verdict.PASS)
    worst: tuple[tuple[Literal["error", "violation", "inconclusive", "review"], Verdict], ...] = (
        ("error", Verdict.ERROR),
        ("violation", Verdict.FAIL),
        ("inconclusive", Verdict.INCONCLUSIVE),
        ("review", Verdict.NEEDS_REVIEW),
    )
    for kind, wanted in worst:
        if kind in kinds:
            assert verdict is wanted
            assert blame is next(each.blame for each in findings if each.kind == kind)
            return


def test_every_damage_has_a_limit_on_a_real_device() -> None:
    from conformance.engine import REAL_DEVICE_BUDGET
    from conformance.model import discover_checks

    used = {what for check in discover_checks() for what in check.damage}
    assert used
    assert used <= set(REAL_DEVICE_BUDGET)
    assert device_class_profile("card").pics_items
