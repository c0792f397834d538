"""Runs, pool, handling and history on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.intake import DayFile, MissingFiles
from reference_impl.backend.reconciliation.model import Book, Scope
from reference_impl.backend.reconciliation.readers import CsvReader
from reference_impl.backend.reconciliation.records import Difference, HandlingAction, Parameters
from reference_impl.backend.reconciliation.repository import DifferenceQuestion
from reference_impl.backend.reconciliation.service import Refused

from .books import DAY, LATE, Four, equal, paid, platform, row
from .conftest import World

TODAY, NEXT, AFTER = Scope(DAY), Scope(DAY + timedelta(days=1)), Scope(DAY + timedelta(days=2))
DAY_S = 86_400


async def differences(world: World, **question: object) -> list[Difference]:
    return await world.service.repository.differences(DifferenceQuestion(**question))  # type: ignore[arg-type]


async def codes(world: World, **question: object) -> list[tuple[str, str]]:
    return [(each.code, each.state) for each in await differences(world, **question)]


def without_channel() -> Four:
    four = equal("T1", "T2")
    four.channel = four.channel[1:]
    return four


async def test_equal_books(world: World) -> None:
    report = await world.run(equal("T1", "T2"), TODAY)
    run = report.run
    assert (run.run_id, run.state, run.found, run.compared) == ("R20261122-001", "valid", 0, 2)
    assert await differences(world) == []
    assert [each["rows"] for each in json.loads(run.files)] == [2, 2, 2]
    assert [each.run.run_id for each in world.reports] == ["R20261122-001"]


async def test_a_difference_says_all_that_is_needed(world: World) -> None:
    four = equal("T1")
    four.channel = [row("C-T1", 1300, fee_fen=8)]
    await world.run(four, TODAY)
    (found,) = await differences(world)
    assert (found.code, found.state, found.books, found.gap_fen) == ("AMOUNT_MISMATCH", "open", "channel", 35)
    assert (found.trade_no, found.institution, found.channel, found.day) == ("T1", "H44190000001", "bank", "2026-11-22")
    assert found.subject == "AMOUNT_MISMATCH|platform|T1|pay"
    assert found.side["channel"] == {
        "reference": "C-T1",
        "state": "done",
        "day": "2026-11-22",
        "at": 1795320000,
        "fen": 1300,
        "fee_fen": 8,
    }
    assert found.side["platform"]["channel_fen"] == 1265


async def test_taken_back_is_said_of_the_side_that_took_it_back(world: World) -> None:
    four = equal("T1")
    four.channel = [*four.channel, row("V1", -1265, kind="undo", original="C-T1")]
    await world.run(four, TODAY)
    (found,) = await differences(world)
    assert (found.code, found.side["channel"]["state"], found.gap_fen) == ("PLATFORM_ONLY", "reversed", -1265)


@pytest.mark.parametrize(
    ("four", "gap"),
    [
        (Four(channel=[row("C1", 500)]), 500),
        (Four(channel=[row("V1", -500, kind="undo", original="C0")]), -500),
        (Four(his=[row("T1", 900)]), 900),
        (Four([platform("T1/1", channel_leg=("C1", 500), state="failed")], [row("C1", 500)]), 500),
        (Four([platform("T1/1", insurance_leg=("M1", 500))]), -500),
    ],
)
async def test_a_gap_above_zero_is_money_beyond_the_platform(world: World, four: Four, gap: int) -> None:
    await world.run(four, TODAY)
    assert [each.gap_fen for each in await differences(world)] == [gap]


# The pool.


async def test_what_the_channel_lacks_waits_and_is_settled_by_the_next_file(world: World) -> None:
    first = (await world.run(without_channel(), TODAY)).run
    assert (first.found, first.pooled) == (1, 3)  # the platform's row with those of HIS and insurance beside it
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]

    second = (await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)).run
    assert (second.carried, second.settled, second.pooled, second.found) == (3, 3, 0, 0)
    (settled,) = await differences(world)
    assert (settled.state, settled.ended_run, settled.run_id) == ("settled", "R20261123-001", "R20261122-001")


async def test_what_nobody_brings_is_for_a_person_after_two_days(world: World) -> None:
    await world.run(without_channel(), TODAY)
    await world.run(Four(), NEXT)
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    last = (await world.run(Four(), AFTER)).run
    assert (last.found, last.pooled, last.settled) == (1, 0, 3)
    before, after = await differences(world)
    assert (before.state, before.ended_run) == ("replaced", last.run_id)
    assert (after.code, after.state, after.run_id, after.subject) == (
        "PLATFORM_ONLY",
        "open",
        last.run_id,
        before.subject,
    )
    assert (await world.run(Four(), Scope(DAY + timedelta(days=3)))).run.carried == 0


async def test_cut_over_is_closed_by_the_next_days_file(world: World) -> None:
    four = equal("T1")
    four.platform, four.channel = [paid("T1", at=LATE)], []
    await world.run(four, TODAY)
    assert [(each.code, each.underlying, each.state) for each in await differences(world)] == [
        ("CUTOVER", "PLATFORM_ONLY", "pooled")
    ]
    await world.run(Four(channel=[row("C-T1", 1265, at=LATE, day=NEXT.day)]), NEXT)
    assert await codes(world) == [("CUTOVER", "settled")]


async def test_a_cut_over_row_that_comes_with_another_amount_becomes_that(world: World) -> None:
    four = equal("T1")
    four.platform, four.channel = [paid("T1", at=LATE)], []
    await world.run(four, TODAY)
    await world.run(Four(channel=[row("C-T1", 1264, at=LATE, day=NEXT.day)]), NEXT)
    assert await codes(world) == [("CUTOVER", "replaced"), ("AMOUNT_MISMATCH", "open")]


async def test_a_reversal_in_the_next_days_file_settles_its_payment(world: World) -> None:
    """Paid at noon and taken back at 23:30: three files, two days, no difference left."""
    back = platform("T1/2", channel_leg=("V1", -500), kind="undo", original="T1/1", at=LATE)
    await world.run(Four([platform("T1/1", channel_leg=("C1", 500)), back], [row("C1", 500)]), TODAY)
    assert await codes(world) == [("CUTOVER", "pooled")]
    late = row("V1", -500, kind="undo", original="C1", at=LATE, day=NEXT.day)
    second = (await world.run(Four(channel=[late]), NEXT)).run
    assert (second.found, second.carried, second.settled) == (0, 3, 3)
    assert await codes(world) == [("CUTOVER", "settled")]


async def test_a_reversal_does_not_come_back_to_life_in_the_pool(world: World) -> None:
    """The channel has taken it back: its payment waits with its reversal, and stays reversed."""
    four = equal("T1")
    four.channel = [*four.channel, row("V1", -1265, kind="undo", original="C-T1")]
    await world.run(four, TODAY)
    await world.run(Four(), NEXT)
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    await world.run(Four(), AFTER)
    assert await codes(world) == [("PLATFORM_ONLY", "replaced"), ("PLATFORM_ONLY", "open")]


async def test_rows_of_the_pool_are_not_counted_twice(world: World) -> None:
    await world.run(without_channel(), TODAY)
    second = (await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)).run
    lines = await world.service.repository.totals([second.run_id])
    assert [(each.book, each.paid_count, each.paid_fen) for each in lines] == [("channel", 1, 1265)]


# Running again.


async def test_a_second_run_takes_the_place_of_the_first(world: World) -> None:
    await world.run(without_channel(), TODAY)
    report = await world.run(equal("T1", "T2"), TODAY)
    assert (report.run.run_id, [each.run_id for each in report.voided]) == ("R20261122-002", ["R20261122-001"])
    assert await differences(world) == []
    first = await world.service.repository.run("R20261122-001")
    assert first is not None
    assert (first.state, first.reason) == ("void", "replaced by R20261122-002")
    assert (await world.run(Four(), NEXT)).run.carried == 0


async def test_a_day_run_again_voids_the_days_that_stood_on_it(world: World) -> None:
    await world.run(without_channel(), TODAY)
    await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)
    report = await world.run(without_channel(), TODAY)
    assert sorted(each.run_id for each in report.voided) == ["R20261122-001", "R20261123-001"]
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    again = (await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)).run
    assert (again.carried, again.settled) == (3, 3)
    assert await codes(world) == [("PLATFORM_ONLY", "settled")]


async def test_the_next_day_run_again_finds_the_pool_as_it_was(world: World) -> None:
    await world.run(without_channel(), TODAY)
    await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)
    report = await world.run(Four(), NEXT)
    assert (report.run.carried, report.run.settled) == (3, 0)
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    third = await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)
    assert (third.run.carried, third.run.settled) == (3, 3)
    assert await codes(world) == [("PLATFORM_ONLY", "settled")]


async def test_what_a_person_said_stands_while_nothing_changes(world: World) -> None:
    four = equal("T1")
    four.his = [row("T1", 12561)]
    await world.run(four, TODAY)
    (found,) = await differences(world)
    await world.service.handle(found.difference_id, HandlingAction.ACCEPT, "li", "窗口改价")
    await world.run(four, TODAY)
    (again,) = await differences(world)
    assert (again.state, again.handled_by, again.reason) == ("closed", "li", "窗口改价")
    four.his = [row("T1", 12562)]
    await world.run(four, TODAY)
    (changed,) = await differences(world)
    assert (changed.state, changed.handled_by) == ("open", "")
    assert [each.user_id for each in await world.service.repository.handlings(changed.subject)] == ["li"]


async def test_a_narrower_run_does_not_break_a_wider_one(world: World) -> None:
    await world.run(equal("T1"), TODAY)
    with pytest.raises(Refused, match="covers more") as refused:
        await world.run(equal("T1"), Scope(DAY, channel="bank"))
    assert refused.value.code == "wider-run-exists"
    assert len(await world.service.repository.runs("2026-11-22", "2026-11-22")) == 1


async def test_a_wider_run_takes_the_place_of_narrower_ones(world: World) -> None:
    await world.run(equal("T1"), Scope(DAY, institution="H44190000001"))
    await world.run(Four(), Scope(DAY, institution="H44190000002"))
    report = await world.run(equal("T1"), TODAY)
    assert len(report.voided) == 2


async def test_runs_of_two_channels_stand_side_by_side(world: World) -> None:
    four = equal("T1")
    await world.run(four, Scope(DAY, channel="bank"))
    wechat = Four([platform("T2", channel_leg=("W1", 5), channel="wechat")], [row("W1", 4, channel="wechat")])
    report = await world.run(wechat, Scope(DAY, channel="wechat"))
    assert report.voided == ()
    assert await codes(world) == [("AMOUNT_MISMATCH", "open")]


async def test_rows_of_another_channel_or_institution_are_left_out(world: World) -> None:
    four = equal("T1")
    four.channel = [*four.channel, row("W1", 9, channel="wechat"), row("C9", 9, institution="H44190000002")]
    four.insurance = [{**each, "channel": ""} for each in four.insurance] + [row("M9", 9, channel="")]
    scope = Scope(DAY, institution="H44190000001", channel="bank")
    assert (await world.run(four, scope)).run.found == 0


async def test_void_takes_back_what_a_run_did(world: World) -> None:
    await world.run(without_channel(), TODAY)
    second = (await world.run(Four(channel=[row("C-T1", 1265, day=NEXT.day)]), NEXT)).run
    await world.service.void(second.run_id, "li", "文件有误")
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    run = await world.service.repository.run(second.run_id)
    assert run is not None
    assert (run.state, run.reason) == ("void", "li: 文件有误")
    with pytest.raises(Refused) as refused:
        await world.service.void(second.run_id, "li", "again")
    assert refused.value.code == "not-valid"
    with pytest.raises(Refused) as refused:
        await world.service.void("R1", "li", "x")
    assert refused.value.code == "no-such-run"


# Nothing half-done.


async def test_a_bad_file_changes_nothing(world: World) -> None:
    await world.run(without_channel(), TODAY)
    bad = DayFile("bank.csv", b"reference,kind\nx,pay\n", CsvReader(Book.CHANNEL))
    with pytest.raises(FileFault, match=r"bank\.csv:1"):
        await world.service.run(TODAY, [bad], "zhang")
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    assert [each.run_id for each in await world.service.repository.runs("2026-11-01", "2026-11-30")] == [
        "R20261122-001"
    ]
    assert [each.name for each in world.folder.iterdir()] == ["R20261122-001"]


async def test_a_missing_file_is_not_a_day_without_payments(world: World) -> None:
    four = equal("T1")
    world.platform[TODAY] = list(four.platform)
    with pytest.raises(MissingFiles, match=r"channel bank H44190000001; his H44190000001; insurance H44190000001"):
        await world.service.run(TODAY, [], "zhang")
    assert await world.service.repository.runs("2026-11-01", "2026-11-30") == []


async def test_a_file_of_one_channel_holds_no_row_of_another(world: World) -> None:
    header = "reference,kind,original,state,trade_no,amount_fen,fee_fen,institution,channel,day,at\n"
    body = header + "C1,pay,,done,,5,,H44190000001,wechat,2026-11-22,1795307415\n"
    file = DayFile("bank.csv", body.encode(), CsvReader(Book.CHANNEL), channel="bank")
    with pytest.raises(FileFault, match="another channel than bank"):
        await world.service.run(TODAY, [file], "zhang")


async def test_a_run_whose_process_died_never_was(world: World) -> None:
    await world.run(without_channel(), TODAY)
    repository = world.service.repository

    async def dies(records: object) -> None:
        raise RuntimeError("the power went")

    added, repository.add = repository.add, dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="power"):
        await world.run(equal("T1", "T2"), TODAY)
    repository.add = added  # type: ignore[method-assign]
    assert await codes(world) == [("PLATFORM_ONLY", "pooled")]
    assert [each.run_id for each in await world.service.clear_interrupted()] == ["R20261122-002"]
    states = [each.state for each in await repository.runs("2026-11-22", "2026-11-22")]
    assert states == ["valid", "void"]
    assert (await world.run(equal("T1", "T2"), TODAY)).run.run_id == "R20261122-003"


# Handling.


async def test_handling_is_by_name_with_a_reason_and_kept(world: World) -> None:
    await world.run(Four(channel=[row("C1", 500)]), TODAY)
    (found,) = await differences(world)
    handle = world.service.handle
    noted = await handle(found.difference_id, HandlingAction.CONFIRM_QUERY, "li", "银行确认已扣款")
    assert (noted.state, noted.handled_by) == ("open", "li")
    world.clock.time += 60
    closed = await handle(found.difference_id, HandlingAction.REFUND, "wang", "已原路退回", noted.version)
    assert (closed.state, closed.reason, closed.handled_at) == ("closed", "已原路退回", world.clock.time)
    history = await world.service.repository.handlings(found.subject)
    assert [(each.user_id, each.action, each.state_before, each.state_after) for each in history] == [
        ("li", "confirm-query", "open", "open"),
        ("wang", "refund", "open", "closed"),
    ]
    with pytest.raises(Refused) as refused:
        await handle(found.difference_id, HandlingAction.REFUND, "wang", "again")
    assert refused.value.code == "not-open"
    assert (await handle(found.difference_id, HandlingAction.REOPEN, "wang", "退回失败")).state == "open"


@pytest.mark.parametrize(
    ("action", "reason", "version", "code"),
    [
        (HandlingAction.ACCEPT, "  ", None, "reason-missing"),
        (HandlingAction.ACCEPT, "x" * 501, None, "reason-missing"),
        (HandlingAction.ACCEPT, "x", 7, "changed-meanwhile"),
        (HandlingAction.REOPEN, "x", None, "not-closed"),
    ],
)
async def test_handling_that_is_refused(world: World, action, reason, version, code) -> None:
    await world.run(Four(channel=[row("C1", 500)]), TODAY)
    (found,) = await differences(world)
    with pytest.raises(Refused) as refused:
        await world.service.handle(found.difference_id, action, "li", reason, version)
    assert refused.value.code == code
    assert await world.service.repository.handlings(found.subject) == []


async def test_a_difference_of_a_void_run_cannot_be_handled(world: World) -> None:
    await world.run(Four(channel=[row("C1", 500)]), TODAY)
    (found,) = await differences(world)
    await world.run(Four(), TODAY)
    with pytest.raises(Refused) as refused:
        await world.service.handle(found.difference_id, HandlingAction.ACCEPT, "li", "x")
    assert refused.value.code == "no-such-difference"


async def test_a_person_may_close_what_waits_and_no_machine_opens_it_again(world: World) -> None:
    await world.run(without_channel(), TODAY)
    (found,) = await differences(world)
    await world.service.handle(found.difference_id, HandlingAction.ACCEPT, "li", "银行确认丢失")
    await world.run(Four(), NEXT)
    await world.run(Four(), AFTER)
    assert await codes(world) == [("PLATFORM_ONLY", "closed")]


# Parameters.


async def test_parameters_hold_for_the_runs_to_come(world: World) -> None:
    late = Four(channel=[row("C1", 500, at=LATE)])
    await world.run(late, TODAY)
    assert await codes(world) == [("CUTOVER", "pooled")]
    wider = replace(Parameters(), channel_cuts=(("bank", 79_200),), pool_days=0)
    await world.service.set_parameters(wider, "admin")
    await world.run(late, TODAY)
    assert await codes(world) == [("CHANNEL_ONLY", "open")]
    assert await world.service.repository.parameters() == wider


@pytest.mark.parametrize(
    "change", [{"window_s": -1}, {"pool_days": 99}, {"his_cut_s": 3_600}, {"fees_ppm": (("bank", 2_000_000),)}]
)
async def test_parameters_that_cannot_be(world: World, change) -> None:
    with pytest.raises(ValueError, match="correct the parameters"):
        await world.service.set_parameters(replace(Parameters(), **change), "admin")
    assert await world.service.repository.parameters() == Parameters()


async def test_questions_are_answered_in_pages_and_by_institution(world: World) -> None:
    rows = [row(f"C{at}", 5, institution=f"H4419000000{at % 2 + 1}") for at in range(6)]
    await world.run(Four(channel=rows), TODAY)
    mine = frozenset({"H44190000002"})
    first = await differences(world, institutions=mine, limit=2)
    assert len(first) == 3  # one more than asked for: there is a next page
    rest = await differences(world, institutions=mine, limit=2, after=first[1].difference_id)
    assert [each.side["channel"]["reference"] for each in [*first[:2], *rest]] == ["C1", "C3", "C5"]
    assert await differences(world, institutions=frozenset()) == []
    assert await differences(world, first_day="2026-11-23") == []
    assert len(await differences(world, code="CHANNEL_ONLY", state="open", channel="bank")) == 6


async def test_a_large_run_is_written_whole(world: World) -> None:
    await world.run(Four(channel=[row(f"C{at}", 5) for at in range(2_500)]), TODAY)
    assert len(await differences(world, limit=5_000)) == 2_500
    assert date.fromisoformat((await differences(world, limit=1))[0].day) == DAY
