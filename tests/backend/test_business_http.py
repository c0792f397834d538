"""One bill over the whole HTTP face, with the kiosk's own client and peers on real sockets, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from business_bench import business_on, card_of

from protocols.wire.platform.models import OpenTradeRequest, TradeView
from reference_impl.kiosk.platform import PlatformRefused
from reference_impl.kiosk.platform_client import PlatformClient
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
