"""One bill over the whole HTTP face, with the kiosk's own client and peers on real sockets, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from connected_bench import InProcess, business_on, card_of, resident

from protocols.clock import UnixClock
from protocols.seeded import SeededChoice
from protocols.wire.platform.models import OpenTradeRequest, TradeView
from reference_impl.backend.notices.tables import CONTACTS
from reference_impl.kiosk.platform import PlatformRefused
from reference_impl.kiosk.platform_client import PlatformClient
from scenarios.peers import Standing
from simulators.peer.qr_codes import payment_code


async def until(client: PlatformClient, trade: TradeView, *states: str) -> TradeView:
    for _ in range(40):
        if trade.state in states:
            return trade
        trade = await client.trade(trade.trade_no, wait_s=1.0)
    raise AssertionError(f"{trade.state} is none of {states}: {trade}")


@pytest.mark.parametrize("his_vendor", ["json", "xml"])
async def test_a_bill_is_paid_by_wechat_and_refunded(database_url: str, tmp_path: Path, his_vendor: str) -> None:
    async with business_on(database_url, tmp_path, his_vendor) as bench:
        client = await bench.client()
        visitor = await client.identify(card_of(1))
        assert visitor.insured
        bill = (await client.bills(visitor.visitor_id)).bills[0]
        wanted = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=(bill.bill_id,))
        opened = await client.open_trade("k-00000001", wanted)
        assert (await client.open_trade("k-00000001", wanted)).trade_no == opened.trade_no
        quoted = await until(client, opened, "awaiting")
        assert quoted.split is not None
        split = quoted.split
        assert split.fund_fen + split.account_fen + split.mutual_aid_fen + split.cash_fen == bill.total_fen
        pressed = await client.pay(opened.trade_no, "p-00000001", "wechat", auth_code=payment_code("wechat", 1, 1))
        paid = await until(client, pressed, "paid")
        assert paid.decided
        assert (await client.receipt(paid.trade_no)).reconciliation_no
        found = await client.trade_by_key("k-00000001")
        assert found is not None
        assert found.trade_no == paid.trade_no
        assert (await client.bills(visitor.visitor_id)).bills == () or bill.bill_id not in {
            each.bill_id for each in (await client.bills(visitor.visitor_id)).bills
        }
        assert (await client.eligibility(paid.trade_no)).eligible
        refunded = await until(client, await client.refund(paid.trade_no, "citizen"), "refunded")
        assert refunded.state == "refunded"
        assert list(bench.peers.violations()) == []


async def test_what_is_not_the_terminals_is_not_there(database_url: str, tmp_path: Path) -> None:
    async with business_on(database_url, tmp_path) as bench:
        client, other = await bench.client(1), await bench.client(2)
        visitor = await client.identify(card_of(1))
        bill = (await client.bills(visitor.visitor_id)).bills[0]
        wanted = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=(bill.bill_id,))
        trade = await client.open_trade("k-00000001", wanted)
        with pytest.raises(PlatformRefused) as refused:
            await other.trade(trade.trade_no)
        assert refused.value.problem.code == "no-such-trade"
        with pytest.raises(PlatformRefused) as refused:
            await other.bills(visitor.visitor_id)
        assert refused.value.problem.code == "visitor-unknown"
        assert await other.trade_by_key("k-00000001") is None
        await until(client, await client.cancel(trade.trade_no, "citizen"), "closed")


async def test_operators_see_trades_refund_them_and_leave_a_trail(database_url: str, tmp_path: Path) -> None:
    async with business_on(database_url, tmp_path) as bench:
        client = await bench.client()
        visitor = await client.identify(card_of(2))
        bill = (await client.bills(visitor.visitor_id)).bills[0]
        wanted = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=(bill.bill_id,), insured=False)
        opened = await until(client, await client.open_trade("k-00000001", wanted), "awaiting")
        pressed = await client.pay(opened.trade_no, "p-00000001", "alipay", auth_code=payment_code("alipay", 2, 1))
        await until(client, pressed, "paid")
        admin, number = bench.admin, opened.trade_no
        listed = await admin.call("GET", "/v1/admin/trades?state=paid")
        assert [each["trade_no"] for each in listed.json["items"]] == [number]
        assert listed.json["items"][0]["cash_fen"] == bill.total_fen
        detail = (await admin.call("GET", f"/v1/admin/trades/{number}")).json
        assert [(each["leg"], each["state"]) for each in detail["attempts"]] == [
            ("lock", "success"),
            ("cash", "success"),
            ("commit", "success"),
        ]
        assert (await admin.call("GET", "/v1/admin/trades/DG0")).status == 404
        assert (await admin.call("GET", "/v1/admin/ledger")).json["sum_fen"] == 0
        assert (await admin.call("GET", "/v1/admin/alarms")).json["items"] == []
        reply = await admin.call("POST", f"/v1/admin/trades/{number}/refunds", {"note": "窗口退费"})
        assert reply.status == 202
        await until(client, await client.trade(number), "refunded")
        assert (await admin.call("GET", "/v1/admin/ledger")).json["sum_fen"] == 0
        wrong = {"outcome": "fail", "note": "x"}
        attempt = detail["attempts"][1]["attempt_id"]
        reply = await admin.call("POST", f"/v1/admin/trades/{number}/attempts/{attempt}/decisions", wrong)
        assert (reply.status, reply.code) == (409, "not-for-a-person")
        trail = await admin.call("POST", "/v1/admin/audit/search", {"object_kind": "trade", "object_key": number})
        actions = [each["action"] for each in trail.json["items"] if each["action"] != "audit.searched"]
        assert actions == ["trade.refund-ordered"], "what was refused was not decided"


async def test_a_slip_alone_gets_nobody_a_refund(database_url: str, tmp_path: Path) -> None:
    async with business_on(database_url, tmp_path) as bench:
        client = await bench.client()
        visitor = await client.identify(card_of(3))
        bill = (await client.bills(visitor.visitor_id)).bills[0]
        wanted = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=(bill.bill_id,), insured=False)
        opened = await until(client, await client.open_trade("k-00000001", wanted), "awaiting")
        pressed = await client.pay(opened.trade_no, "p-00000001", "wechat", auth_code=payment_code("wechat", 3, 1))
        await until(client, pressed, "paid")
        other = PlatformClient(
            InProcess(bench.app), "KSK-00001", bytes([1]) * 32, UnixClock(), SeededChoice(9, "somebody else")
        )
        bench.services.till.business.identity._visitors._known.clear()  # the visit is over
        await other.identify(card_of(4))
        for ask in (other.eligibility(opened.trade_no), other.refund(opened.trade_no, "citizen")):
            with pytest.raises(PlatformRefused) as refused:
                await ask
            assert refused.value.problem.code == "visitor-unknown"
        assert (await other.trade(opened.trade_no)).state == "paid"
        await other.identify(card_of(3))
        assert (await other.eligibility(opened.trade_no)).eligible


async def test_who_has_left_a_phone_is_told(database_url: str, tmp_path: Path) -> None:
    """The record is the citizen's first at this clinic; the message arrives at the platform once, masked there."""
    newcomer = 40_001
    async with business_on(database_url, tmp_path) as bench:
        client = await bench.client()
        visitor = await client.identify(card_of(newcomer))
        visitor = await client.create_record(visitor.visitor_id, resident(newcomer).phone)
        bill = (await client.bills(visitor.visitor_id)).bills[0]
        wanted = OpenTradeRequest(visitor_id=visitor.visitor_id, bill_ids=(bill.bill_id,), insured=False)
        opened = await until(client, await client.open_trade("k-00000001", wanted), "awaiting")
        code = payment_code("wechat", newcomer, 1)
        await until(client, await client.pay(opened.trade_no, "p-00000001", "wechat", auth_code=code), "paid")
        arrived = await arrived_at(bench.peers)
        assert [(each["channel"], each["template"]) for each in arrived] == [("sms", "paid")]
        async with bench.services.store.engine.connect() as connection:
            rows = (await connection.execute(CONTACTS.select())).all()
        assert len(rows) == 1
        assert resident(newcomer).phone.encode() not in rows[0].sealed


async def arrived_at(peers: Standing) -> list[dict[str, str]]:
    url = next(each.url for each in peers.places if each.name == "notify")
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            async with session.get(f"{url}/sink/messages") as reply:
                found = (await reply.json())["messages"]
            if found:
                return found
            await asyncio.sleep(0.1)
    return []
