"""What identity and reconciliation ask of the insurance, and how the client hears (spec/services.md 1.5, 1.7, 1.9)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from protocols.wire.http import HttpReply, HttpRequest, json_reply
from protocols.wire.insurance.detail_files import UploadRow
from protocols.wire.insurance.settlement_messages import QueryData, QueryInput
from reference_impl.backend.channels.insurance_client import Party
from reference_impl.backend.channels.insurance_queries import (
    FileNotReady,
    InsuranceQueries,
    NotAnswered,
    RefusedByCentre,
    ResultFile,
    Sums,
)
from reference_impl.backend.settlement.channel import Heard
from reference_impl.backend.settlement.model import Leg, TradeState

from .clinic import CARD_1, INSTITUTION, PSN_1
from .world import World, leg, play

DAY = "2026-11-22"
PARTY = Party(INSTITUTION, "模拟社区卫生服务站", "KSK-00001", insuplc="441900")


def ask(story: Any, **options: Any) -> Any:
    async def wrapped(world: World) -> Any:
        return await story(world, InsuranceQueries(world.channel.client))

    return play(wrapped, **options)


def test_a_person() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        person = await queries.person(PARTY, "03", CARD_1, card_sn="00000001")
        assert (person.psn_no, person.insutype, person.insuplc, person.account_fen) == (PSN_1, "310", "441900", 20_000)
        assert (person.name, person.id_number) == ("测试甲", "44190019900101001X")
        assert await queries.person(PARTY, "02", person.id_number, name="测试甲") == person
        with pytest.raises(RefusedByCentre) as refused:
            await queries.person(PARTY, "02", person.id_number, name="别人")
        assert refused.value.code == "credential-mismatch"
        assert person.id_number not in str(refused.value)
        assert world.line.peer.violations() == []

    ask(story)


def test_entitlement() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        assert await queries.entitlement(PARTY, PSN_1, "310", "11")
        assert not await queries.entitlement(PARTY, PSN_1, "390", "11")

    ask(story)


def test_a_settlement_is_found_and_its_reversal_too() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        trade = await world.pay()
        facts = leg(trade, Leg.INSURANCE)[0].facts
        info = await queries.settlement_query(PARTY, PSN_1, facts["mdtrt_id"])
        assert info is not None
        assert (info.setl_id, info.refd_setl_flag, info.fund_pay_sumamt) == (facts["setl_id"], "0", 8_295)
        await world.engine.refund(trade.trade_no, "citizen")
        await world.until(trade.trade_no, lambda each: each.state is TradeState.REFUNDED)
        info = await queries.settlement_query(PARTY, PSN_1, facts["mdtrt_id"], facts["setl_id"])
        assert info is not None
        assert info.refd_setl_flag == "1"
        with pytest.raises(RefusedByCentre):
            await queries.settlement_query(PARTY, PSN_1, "4419M9999")

    ask(story)


async def _settled_and_reversed(world: World) -> list[UploadRow]:
    """One settlement that stands and one that was reversed, as the platform's rows."""
    rows: list[UploadRow] = []
    for key in ("k1", "k2"):
        trade = await world.pay(key)
        settled = leg(trade, Leg.INSURANCE)[0].facts
        common = (settled["mdtrt_id"], PSN_1)
        rows.append(UploadRow(settled["setl_id"], *common, 12_560, settled["fund_fen"], settled["account_fen"]))
    await world.engine.refund(trade.trade_no, "citizen")
    trade = await world.until(trade.trade_no, lambda each: each.state is TradeState.REFUNDED)
    undone = next(each for each in leg(trade, Leg.INSURANCE) if each.original)
    last = rows[-1]
    rows.append(
        UploadRow(
            undone.facts["reversal_setl_id"],
            last.mdtrt_id,
            PSN_1,
            -last.medfee_fen,
            -last.fund_fen,
            -last.account_fen,
            "1",
        )
    )
    return rows


def test_totals_and_details_agree() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        rows = await _settled_and_reversed(world)
        equal = await queries.totals(PARTY, "310", DAY, DAY, Sums(12_560, 8_295, 3_000, 1_265, 1))
        assert equal.equal
        differ = await queries.totals(PARTY, "310", DAY, DAY, Sums(12_561, 8_295, 3_000, 1_265, 1))
        assert (differ.equal, differ.code) == (False, "100001")
        assert "125.61/125.60" in differ.text
        result = await queries.details(PARTY, DAY, DAY, rows, 1_265)
        assert [row.stmt_rslt for row in result] == ["000000"] * 3
        assert [row.setl_id for row in result] == [row.setl_id for row in rows]
        less = await queries.details(PARTY, DAY, DAY, rows[:1], 1_265)
        assert [row.stmt_rslt for row in less] == ["000000", "100002", "100002"]
        assert await queries.details(PARTY, "2026-11-21", "2026-11-21", [], 0) == []

    ask(story)


def test_a_lost_reversal_still_reconciles() -> None:
    """The reply of the 2208 was lost; 5203 gave the number of its row."""

    async def story(world: World, queries: InsuranceQueries) -> None:
        rows = await _settled_and_reversed(world)
        assert [row.stmt_rslt for row in await queries.details(PARTY, DAY, DAY, rows, 1_265)] == ["000000"] * 3

    ask(story, faults=["commit-then-drop-reply:2208"])


def test_a_file_that_is_late_is_fetched_later() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        rows = await _settled_and_reversed(world)
        with pytest.raises(FileNotReady) as late:
            await queries.details(PARTY, DAY, DAY, rows, 1_265)
        file = late.value.file
        assert isinstance(file, ResultFile)
        with pytest.raises(FileNotReady):
            await queries.download(PARTY, file)
        await world.clock.sleep_until(world.clock.now() + 120)
        assert len(await queries.download(PARTY, file)) == 3

    ask(story, insurance_file_delay_s=120)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", RefusedByCentre),
        ("drop-request", NotAnswered),
        ("commit-then-drop-reply", NotAnswered),
        ("malformed", NotAnswered),
        ("delay-then-commit", NotAnswered),
        ("duplicate", NotAnswered),
        ("clock-skew", NotAnswered),
        ("file-not-ready", FileNotReady),
    ],
)
def test_a_download_that_goes_wrong(fault: str, error: type[Exception]) -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        with pytest.raises(error):
            await queries.details(PARTY, DAY, DAY, [], 0)

    ask(story, faults=[f"{fault}:9102"])


def test_an_expired_sign_in_is_renewed_by_itself() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        await queries.person(PARTY, "03", CARD_1, card_sn="1")
        await queries.person(PARTY, "03", CARD_1, card_sn="1")
        assert [infno for infno, _ in world.line.sent] == ["9001", "1101", "9001", "1101", "1101"]
        numbers = [whole["msgid"] for _, whole in world.line.sent]
        assert len(set(numbers)) == len(numbers)

    ask(story, faults=["sign-in-expired:1101"])


def test_a_sign_in_that_expires_for_ever_is_a_refusal() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        with pytest.raises(RefusedByCentre) as refused:
            await queries.person(PARTY, "03", CARD_1, card_sn="1")
        assert refused.value.code == "sign-in-expired"

    ask(story, faults=["sign-in-expired:1101,times=9"])


def test_one_operator_signs_in_once_however_many_ask() -> None:
    async def story(world: World, queries: InsuranceQueries) -> None:
        await asyncio.gather(*(queries.person(PARTY, "03", CARD_1, card_sn="1") for _ in range(5)))
        other = Party(INSTITUTION, "", "KSK-00002")
        await queries.person(other, "03", CARD_1, card_sn="1")
        assert [infno for infno, _ in world.line.sent].count("9001") == 2

    ask(story)


# How the client hears.


def _heard(reply: HttpReply) -> Heard:
    async def story(world: World) -> Heard:
        client = world.channel.client
        await InsuranceQueries(client).entitlement(PARTY, PSN_1, "310", "11")
        world.line.on_request = lambda infno, request: reply
        body = QueryInput(data=QueryData(psn_no=PSN_1, mdtrt_id="4419M0001"))
        return (await client.call("5203", PARTY, body)).heard

    return play(story)


REFERENCE = "441900202611220800000000009999"


@pytest.mark.parametrize(
    ("reply", "heard"),
    [
        (json_reply({"infcode": "0", "inf_refmsgid": REFERENCE, "output": {"setlinfo": None}}), Heard.DONE),
        (json_reply({"infcode": 0, "inf_refmsgid": REFERENCE, "output": {}}), Heard.DONE),
        (json_reply({"infcode": "-1", "inf_refmsgid": REFERENCE, "err_msg": "x"}), Heard.REFUSED),
        (json_reply({"infcode": "-2", "inf_refmsgid": REFERENCE, "err_msg": "x"}), Heard.SILENCE),
        (json_reply({"infcode": "0", "inf_refmsgid": REFERENCE}), Heard.SILENCE),
        (json_reply({"infcode": "0", "inf_refmsgid": "", "output": {}}), Heard.SILENCE),
        (json_reply({"infcode": "0", "inf_refmsgid": "440100" + REFERENCE[6:], "output": {}}), Heard.SILENCE),
        (json_reply({"infcode": "0", "inf_refmsgid": REFERENCE, "output": {"setlinfo": {"x": 1}}}), Heard.SILENCE),
        (json_reply({"infcode": "-1", "inf_refmsgid": REFERENCE, "err_msg": "x"}, 502), Heard.SILENCE),
        (json_reply({"code": 401, "message": "x"}, 401), Heard.SILENCE),
        (HttpReply(200, {}, b"<html>"), Heard.SILENCE),
        (HttpReply(200, {}, b""), Heard.SILENCE),
        (HttpReply(200, {"content-type": "application/octet-stream"}, b"PK"), Heard.SILENCE),
    ],
)
def test_only_a_reply_that_can_be_read_counts(reply: HttpReply, heard: Heard) -> None:
    assert _heard(reply) is heard


def test_a_reply_that_was_heard_before_belongs_to_another_request() -> None:
    async def story(world: World) -> None:
        client = world.channel.client
        await InsuranceQueries(client).entitlement(PARTY, PSN_1, "310", "11")
        reply = json_reply({"infcode": "0", "inf_refmsgid": REFERENCE, "output": {"setlinfo": None}})
        world.line.on_request = lambda infno, request: reply
        body = QueryInput(data=QueryData(psn_no=PSN_1, mdtrt_id="4419M0001"))
        heard = [(await client.call("5203", PARTY, body)).heard for _ in range(2)]
        assert heard == [Heard.DONE, Heard.SILENCE]

    play(story)


def test_free_words_of_a_platform_lose_what_is_personal() -> None:
    words = f"参保人测试甲({CARD_1})证件44190019900101001X未参保，电话13800138000"

    async def story(world: World, queries: InsuranceQueries) -> None:
        await queries.entitlement(PARTY, PSN_1, "310", "11")
        reply = json_reply({"infcode": "-1", "inf_refmsgid": REFERENCE, "err_msg": words})
        world.line.on_request = lambda infno, request: reply
        with pytest.raises(RefusedByCentre) as refused:
            await queries.person(PARTY, "03", CARD_1, card_sn="1", name="测试甲")
        text = str(refused.value)
        assert refused.value.code == "-1"
        assert "未参保" in text
        for private in ("测试甲", CARD_1, "44190019900101001X", "13800138000"):
            assert private not in text

    ask(story)


def test_the_secret_is_shown_nowhere() -> None:
    async def story(world: World) -> None:
        assert "TIF-TEST-SECRET" not in repr(world.channel.client.settings)
        await world.pay()
        assert "TIF-TEST-SECRET" not in json.dumps(
            [world.line.sent, world.line.events, list(world.rows.tables)], default=str
        )

    play(story)


def test_every_request_has_a_nonce_and_a_number_of_its_own() -> None:
    async def story(world: World) -> None:
        seen: list[HttpRequest] = []

        def keep(infno: str, request: HttpRequest) -> None:
            seen.append(request)

        world.line.on_request = keep
        await world.pay("k1")
        await world.engine.aclose()
        world.start()
        await world.pay("k2")
        nonces = [request.headers["x-tif-nonce"] for request in seen]
        numbers = [json.loads(request.body)["msgid"] for request in seen]
        assert len(set(nonces)) == len(nonces) > 10
        assert len(set(numbers)) == len(numbers)
        assert all(request.headers["x-tif-signature"] for request in seen)

    play(story)
