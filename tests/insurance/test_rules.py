"""The rules of the channel on their own: what can follow what; and planted mistakes, each of which some story finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.backend.channels.insurance_rules import Finding, InsuranceRules, Queried, Step
from reference_impl.backend.settlement.channel import Heard, Outcome, Ruling
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, TradeState

from .world import World, die_and_check, pay_and_check, play, refund_and_check

HEARD = st.sampled_from(list(Heard))
OUTCOMES = st.one_of(
    st.builds(Outcome, HEARD, st.sampled_from(["", "refused", "batch-settled", "visit-void"])),
    st.builds(lambda finding: Queried(Heard.DONE, finding=finding), st.sampled_from(list(Finding))),
)
FIRST = {"visit": "open", "settle": "settle", "revoke": "revoke", "close_visit": "close"}
QUERIES = frozenset({"query", "confirm", "verify", "check"})


def attempt(operation: str, op: str = "", **changes: Any) -> Attempt:
    made = Attempt(
        attempt_id="T001",
        trade_no="T",
        seq=1,
        leg=Leg.INSURANCE,
        act=Act.DO,
        channel="insurance",
        operation=operation,
        reference="M",
        amount_fen=1,
        created_at=0.0,
        op=op or FIRST[operation],
        tries=1,
    )
    return replace(made, **changes)


def after(held: Attempt, ruling: Ruling, outcome: Outcome) -> Attempt:
    """As the engine carries a ruling over."""
    tries = held.tries + 1 if ruling.op == held.op else 1
    return replace(held, state=ruling.state, op=ruling.op, tries=tries, code=outcome.code or held.code)


@given(st.sampled_from(sorted(FIRST)), st.lists(st.tuples(OUTCOMES, st.booleans()), max_size=40))
def test_a_walk_through_anything_that_can_be_heard(operation: str, heard: list[tuple[Outcome, bool]]) -> None:
    """Silence is never an end; after a correction nothing is a success; an open attempt always has an op; every pause is bounded."""
    rules, held, corrected = InsuranceRules(), attempt(operation), False
    for outcome, dies in heard:
        name = Step.of(held.op).name
        if isinstance(outcome, Queried) and name not in QUERIES:
            continue
        if name in QUERIES and outcome.heard is Heard.DONE and not isinstance(outcome, Queried):
            continue
        corrected = corrected or name == "correct"
        if dies:
            ruling = rules.interrupted(held)
            assert ruling.state in (AttemptState.UNKNOWN, AttemptState.PENDING)
        else:
            ruling = rules.after(held, outcome)
        if outcome.heard is Heard.SILENCE or dies:
            assert ruling.state is AttemptState.UNKNOWN
        assert bool(ruling.op) is (ruling.state in (AttemptState.UNKNOWN, AttemptState.PENDING))
        assert 0 <= ruling.delay_s <= 60
        if corrected:
            assert ruling.state not in (AttemptState.SUCCESS, AttemptState.FAIL)
            assert Step.of(ruling.op).name not in ("query", "settle")
        if ruling.state is AttemptState.MANUAL:
            assert ruling.alarm == "peer-contradicts-itself"
        assert Step.of(ruling.op).name != "settle", "a settlement is sent once"
        if not ruling.op:
            return
        held = after(held, ruling, outcome)


@pytest.mark.parametrize("text", ["query", "verify#2", "check#3.1"])
def test_a_step_keeps_its_counts_in_its_text(text: str) -> None:
    assert Step.of(text).text == text


@pytest.mark.parametrize(
    ("operation", "op", "outcome", "state", "following"),
    [
        ("visit", "open", Outcome(Heard.DONE), "success", ""),
        ("visit", "open", Outcome(Heard.UNSENT), "fail", ""),
        ("visit", "open", Outcome(Heard.REFUSED, "x"), "unknown", "withdraw"),
        ("visit", "open", Outcome(Heard.SILENCE), "unknown", "withdraw"),
        ("visit", "withdraw", Outcome(Heard.DONE), "reversed", ""),
        ("visit", "withdraw", Outcome(Heard.REFUSED), "unknown", "withdraw"),
        ("settle", "settle", Outcome(Heard.REFUSED, "amount-differs"), "fail", ""),
        ("settle", "settle", Outcome(Heard.REFUSED, "batch-settled"), "unknown", "query"),
        ("settle", "settle", Outcome(Heard.SILENCE), "unknown", "query"),
        ("settle", "query", Outcome(Heard.REFUSED, "x"), "unknown", "query"),
        ("settle", "query", Queried(Heard.DONE, finding=Finding.VALID), "success", ""),
        ("settle", "query", Queried(Heard.DONE, finding=Finding.ABSENT), "unknown", "correct#1"),
        ("settle", "query", Queried(Heard.DONE, finding=Finding.REVERSED), "reversed", ""),
        ("settle", "query", Queried(Heard.DONE, finding=Finding.OTHER), "unknown", "query"),
        ("settle", "correct#1", Outcome(Heard.DONE), "unknown", "confirm"),
        ("settle", "correct#1", Outcome(Heard.SILENCE), "unknown", "verify#1"),
        ("settle", "correct#1", Outcome(Heard.REFUSED, "x"), "unknown", "verify#1"),
        ("settle", "correct#1", Outcome(Heard.UNSENT), "unknown", "correct#1"),
        ("settle", "confirm", Queried(Heard.DONE, finding=Finding.ABSENT), "reversed", ""),
        ("settle", "confirm", Queried(Heard.DONE, finding=Finding.VALID), "manual", ""),
        ("settle", "verify#1", Queried(Heard.DONE, finding=Finding.VALID), "unknown", "revoke#1"),
        ("settle", "verify#1", Queried(Heard.DONE, finding=Finding.ABSENT), "unknown", "correct#2"),
        ("settle", "revoke#1", Outcome(Heard.DONE), "unknown", "confirm"),
        ("settle", "revoke#1", Outcome(Heard.SILENCE), "unknown", "verify#2"),
        ("revoke", "revoke", Outcome(Heard.DONE), "success", ""),
        ("revoke", "revoke", Outcome(Heard.SILENCE), "unknown", "check#1"),
        ("revoke", "revoke", Outcome(Heard.REFUSED, "x"), "unknown", "check#1.1"),
        ("revoke", "check#1", Queried(Heard.DONE, finding=Finding.REVERSED), "success", ""),
        ("revoke", "check#1", Queried(Heard.DONE, finding=Finding.ABSENT), "success", ""),
        ("revoke", "check#2.2", Queried(Heard.DONE, finding=Finding.VALID), "unknown", "revoke#2.2"),
        ("revoke", "check#3.3", Queried(Heard.DONE, finding=Finding.VALID), "fail", ""),
        ("close_visit", "close", Outcome(Heard.DONE), "success", ""),
        ("close_visit", "close", Outcome(Heard.REFUSED, "x"), "unknown", "close"),
        ("close_visit", "close", Outcome(Heard.SILENCE), "unknown", "close"),
    ],
)
def test_rulings(operation: str, op: str, outcome: Outcome, state: str, following: str) -> None:
    ruling = InsuranceRules().after(attempt(operation, op), outcome)
    assert (ruling.state.value, ruling.op) == (state, following)


@pytest.mark.parametrize(
    ("operation", "op", "following"),
    [
        ("visit", "open", "withdraw"),
        ("visit", "withdraw", "withdraw"),
        ("settle", "settle", "query"),
        ("settle", "query", "query"),
        ("settle", "correct#2", "verify#2"),
        ("settle", "confirm", "confirm"),
        ("settle", "verify#2", "verify#2"),
        ("settle", "revoke#2", "verify#2"),
        ("revoke", "revoke#1.1", "check#2.1"),
        ("revoke", "check#2.1", "check#2.1"),
        ("close_visit", "close", "close"),
    ],
)
def test_what_a_death_leaves_behind(operation: str, op: str, following: str) -> None:
    ruling = InsuranceRules().interrupted(attempt(operation, op))
    assert (ruling.state, ruling.op) == (AttemptState.UNKNOWN, following)


def test_a_peer_that_goes_on_about_another_settlement_needs_a_person() -> None:
    other = Queried(Heard.DONE, finding=Finding.OTHER)
    assert InsuranceRules().after(attempt("settle", "query", tries=4), other).state is AttemptState.UNKNOWN
    assert InsuranceRules().after(attempt("settle", "query", tries=5), other).state is AttemptState.MANUAL


# Planted mistakes.

DONE = Ruling(AttemptState.SUCCESS)
BACK = Ruling(AttemptState.REVERSED)


class Mutant(InsuranceRules):
    """Rules that are right but in one place."""

    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return None

    def slip(self, held: Attempt, step: str) -> Ruling | None:
        return None

    def after(self, attempt: Attempt, outcome: Outcome) -> Ruling:
        wrong = self.mistake(attempt, Step.of(attempt.op).name, outcome)
        return wrong or super().after(attempt, outcome)

    def interrupted(self, attempt: Attempt) -> Ruling:
        return self.slip(attempt, Step.of(attempt.op).name) or super().interrupted(attempt)


def unknown(op: str) -> Ruling:
    return Ruling(AttemptState.UNKNOWN, op)


class SilenceIsFailure(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return Ruling(AttemptState.FAIL) if step == "settle" and outcome.heard is Heard.SILENCE else None


class SilenceIsSuccess(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return DONE if step == "settle" and outcome.heard is Heard.SILENCE else None


class AbsentIsTheEnd(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        absent = isinstance(outcome, Queried) and outcome.finding is Finding.ABSENT
        return BACK if step == "query" and absent else None


class RefusedQueryIsAbsence(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return BACK if step == "query" and outcome.heard is Heard.REFUSED else None


class CorrectionIsBelieved(Mutant):
    """Whatever came of the 2601."""

    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return BACK if step == "correct" else None


class CorrectionIsForgotten(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return unknown("query") if step == "correct" and outcome.heard is not Heard.DONE else None


class ValidAfterCorrectionIsSuccess(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        valid = isinstance(outcome, Queried) and outcome.finding is Finding.VALID
        return DONE if step == "verify" and valid else None


class LostReversalIsSuccess(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        lost = outcome.heard in (Heard.SILENCE, Heard.REFUSED)
        return DONE if held.operation == "revoke" and step == "revoke" and lost else None


class LostReversalIsForgotten(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return BACK if held.operation == "settle" and step == "revoke" else None


class VisitIsLeftOpen(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return Ruling(AttemptState.FAIL) if step == "open" and outcome.heard is not Heard.DONE else None


class WithdrawalIsTriedOnce(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return BACK if step == "withdraw" else None


class ClosingIsTriedOnce(Mutant):
    def mistake(self, held: Attempt, step: str, outcome: Outcome) -> Ruling | None:
        return DONE if step == "close" else None


class DeathIsFailure(Mutant):
    def slip(self, held: Attempt, step: str) -> Ruling | None:
        return Ruling(AttemptState.FAIL) if step == "settle" else None


class DeathForgetsTheVisit(Mutant):
    def slip(self, held: Attempt, step: str) -> Ruling | None:
        return BACK if step == "open" else None


class DeathForgetsTheCorrection(Mutant):
    def slip(self, held: Attempt, step: str) -> Ruling | None:
        return unknown("query") if step == "correct" else None


MUTANTS = Mutant.__subclasses__()


def _send(world: World, hit: Any) -> None:
    world.line.on_request = hit


def _receive(world: World, hit: Any) -> None:
    world.line.on_reply = hit


async def _pay(world: World) -> None:
    trade = await pay_and_check(world)
    assert trade.state in (TradeState.PAID, TradeState.CLOSED)


async def _refund(world: World) -> None:
    trade = await refund_and_check(world)
    assert trade.state is TradeState.REFUNDED


def _sent(world: World, hit: Any) -> None:
    world.line.on_sent = hit


def _die(wire: Any, nth: int, down_s: float = 0.0) -> Any:
    async def story(world: World) -> None:
        trade = await die_and_check(world, wire, nth, down_s)
        assert trade is None or trade.state in (TradeState.PAID, TradeState.CLOSED)

    return story


LATE = "delay-then-commit:2207"
BATTERY: list[tuple[Any, dict[str, Any]]] = [
    (_pay, {"faults": [f"{fault}:{infno}"]})
    for infno in ("2201", "2206", "2207")
    for fault in ("drop-request", "commit-then-drop-reply", "delay-then-commit", "malformed", "refuse")
]
BATTERY += [
    (_pay, {"faults": ["delay-then-commit:2207,delay_s=70", "delay-then-commit:2601,delay_s=120"]}),
    (_pay, {"faults": ["delay-then-commit:2207,delay_s=100", "refuse:2601,times=2", "drop-request:2601,times=2"]}),
    (_pay, {"faults": ["delay-then-commit:2207,delay_s=62", "delay-then-commit:5203,delay_s=1", "drop-request:2601"]}),
    (_pay, {"faults": ["commit-then-drop-reply:2207", "refuse:5203,times=2"]}),
    (
        _pay,
        {
            "faults": [
                "delay-then-commit:2207,delay_s=100",
                "refuse:2601,times=9",
                "refuse:2208",
                "drop-request:2208,after=1",
            ]
        },
    ),
    (_pay, {"faults": ["delay-then-commit:2207", "drop-request:2205"]}),
    (_die(_sent, 8, down_s=2), {"faults": ["delay-then-commit:2207,delay_s=61", "delay-then-commit:2601,delay_s=5"]}),
    (_pay, {"faults": ["drop-request:2201", "drop-request:2202,times=2"]}),
    (_pay, {"faults": ["commit-then-drop-reply:2201", "refuse:2202,times=2"]}),
    (_refund, {"faults": ["drop-request:2208"]}),
    (_refund, {"faults": ["refuse:2208"]}),
    (_refund, {"faults": ["drop-request:2202"]}),
    (_refund, {"faults": ["refuse:2205"]}),
]
BATTERY += [
    (_die(wire, nth), {"faults": faults})
    for wire in (_send, _sent, _receive)
    for nth in range(2, 10)
    for faults in ([], [LATE])
]


def _survives(rules: InsuranceRules) -> bool:
    for story, options in BATTERY:
        try:
            play(story, channel_rules=rules, **options)
        except (AssertionError, KeyError):
            return False
    return True


def test_the_rules_pass_every_story() -> None:
    for story, options in BATTERY:
        play(story, channel_rules=InsuranceRules(), **options)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_every_mistake_is_found(mutant: type[Mutant]) -> None:
    assert not _survives(mutant())
