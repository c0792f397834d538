"""The simulated gateway: bills of the next morning (spec/services.md 4)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from protocols.wire.http import HttpRequest
from protocols.wire.qr import alipay, unionpay, wechat_v3
from protocols.wire.qr.bill_alipay import parse_alipay_bill
from protocols.wire.qr.bill_unionpay import parse_unionpay_bill
from protocols.wire.qr.bill_wechat import parse_wechat_bill
from protocols.wire.qr.payment_codes import Family
from protocols.wire.qr.wechat_xml import read_xml
from simulators.peer.base import PeerOptions
from simulators.peer.qr_codes import Behaviour
from simulators.peer.qr_keys import gateway_key, merchant_key

from .qr_bench import (
    APPID,
    DAY_S,
    MCH_ID,
    MERCHANTS,
    MORNING,
    AlipayMerchant,
    Bench,
    UnionpayMerchant,
    WechatMerchant,
)


def _told(line: Any) -> tuple[str, str, int]:
    return ("pay" if line.kind == "pay" else "undo", line.reference, line.amount_fen)


class TestBills:
    def fetch(self, bench: Bench, url: str) -> tuple[int, bytes]:
        reply = bench.send(HttpRequest("GET", url.removeprefix("http://qr.test")))
        return reply.status, reply.body

    def story(self, temper: str = "strict") -> Bench:
        bench = Bench(PeerOptions(temper=temper, settings={"fee_bp": 20}))  # type: ignore[arg-type]
        for family in Family:
            merchant = MERCHANTS[family](bench)
            bench.now = MORNING
            merchant.pay("DG1", 1250, bench.code(family))
            merchant.pay("DG2", 1000, bench.code(family))
            merchant.pay("DG3", 1, bench.code(family, Behaviour.POOR))
            bench.now = MORNING + 60
            merchant.cancel("DG2")
            if temper == "hostile":
                merchant.cancel("DG2")
            bench.now = MORNING + 15.9 * 3600  # 23:54: initiated today, done tomorrow
            merchant.refund("DG1", "R1", 250, 1250)
            bench.now = MORNING + 16.1 * 3600
            merchant.pay("DG4", 400, bench.code(family))
        return bench

    def v3(self, bench: Bench, day: str, wanted: str = "ALL") -> Any:
        request = HttpRequest("GET", f"{wechat_v3.TRADEBILL}?bill_date={day}&bill_type={wanted}", {"host": "qr.test"})
        return bench.send(wechat_v3.authorized(request, MCH_ID, "S", int(bench.now), "N", merchant_key()))

    def test_wechat_text(self) -> None:
        bench = self.story()
        bench.now = MORNING + 26.5 * 3600  # 10:30 on the next day
        bill = parse_wechat_bill(WechatMerchant(bench).bill("20261122"), "2026-11-22")
        assert [(line.kind, line.reference, line.amount_fen, line.done) for line in bill.lines] == [
            ("pay", "DG1", 1250, True),
            ("pay", "DG2", 1000, True),
            ("cancel", "DG2", 1000, True),
            ("refund", "R1", 250, True),
        ]
        assert bill.lines[0].fee_fen == 3  # 0.20 % of 12.50, rounded
        assert bill.lines[3].fee_fen == -1
        assert bill.lines[0].institution == "H44190000001"
        bench.now += DAY_S
        assert [line.reference for line in parse_wechat_bill(WechatMerchant(bench).bill("20261123"), "x").lines] == [
            "DG4"
        ]

    def test_made_at_nine_and_fetched_after_ten(self) -> None:
        for temper, opens in (("strict", 10), ("hostile", 10), ("realistic", 9)):
            bench = self.story(temper)
            bench.now = MORNING + (16 + opens) * 3600 - 1
            reply = read_xml(WechatMerchant(bench).bill("20261122"))
            assert (reply["return_msg"], reply["error_code"]) == ("Bill Creating", "20002")
            assert self.v3(bench, "2026-11-22").status == 400
            bench.now += 2
            assert parse_wechat_bill(WechatMerchant(bench).bill("20261122"), "x").lines

    @pytest.mark.parametrize("day", ["20261121", "20270101", "20261301", "00000000", "99991231"])
    def test_no_bill_exists(self, day: str) -> None:
        bench = self.story()
        bench.now = MORNING + 27 * 3600
        reply = read_xml(WechatMerchant(bench).bill(day))
        assert (reply["return_code"], reply["return_msg"], reply["error_code"]) == ("FAIL", "No Bill Exist", "20002")

    def test_kept_three_months(self) -> None:
        bench = self.story()
        bench.now = MORNING + 92 * DAY_S
        assert parse_wechat_bill(WechatMerchant(bench).bill("20261122"), "x").lines
        bench.now += 2 * DAY_S
        assert read_xml(WechatMerchant(bench).bill("20261122"))["error_code"] == "20002"

    def test_wechat_v3_address_and_digest(self) -> None:
        bench = self.story()
        bench.now = MORNING + 27 * 3600
        address = wechat_v3.verified_address(self.v3(bench, "2026-11-22"), gateway_key().public_key())
        status, body = self.fetch(bench, address.download_url)
        assert status == 200
        assert hashlib.sha1(body).hexdigest() == address.hash_value
        assert body == WechatMerchant(bench).bill("20261122")
        paid = wechat_v3.verified_address(self.v3(bench, "2026-11-22", "SUCCESS"), gateway_key().public_key())
        assert len(parse_wechat_bill(self.fetch(bench, paid.download_url)[1], "x").lines) == 2

    def test_an_address_lives_thirty_seconds_and_survives_a_restart(self) -> None:
        bench = self.story()
        bench.now = MORNING + 27 * 3600
        url = wechat_v3.verified_address(self.v3(bench, "2026-11-22"), gateway_key().public_key()).download_url
        bench.peer = bench.reborn()
        bench.now += 30
        assert self.fetch(bench, url)[0] == 200
        assert self.fetch(bench, url[:-1] + ("0" if url[-1] != "0" else "1"))[0] == 403
        bench.now += 0.1
        assert self.fetch(bench, url)[0] == 403

    def test_alipay_zip(self) -> None:
        bench = self.story()
        bench.now = MORNING + 27 * 3600
        node = AlipayMerchant(bench).call(alipay.BILL, bill_type="trade", bill_date="2026-11-22")
        bill = parse_alipay_bill(self.fetch(bench, node["bill_download_url"])[1], "2026-11-22")
        assert [(line.kind, line.reference, line.amount_fen) for line in bill.lines] == [
            ("pay", "DG1", 1250),
            ("pay", "DG2", 1000),
            ("cancel", "DG2", 1000),
            ("refund", "R1", 250),
        ]
        absent = AlipayMerchant(bench).call(alipay.BILL, bill_type="trade", bill_date="2026-11-21")
        assert absent["sub_code"] == "isp.bill_not_exist"

    def test_unionpay_day_ends_at_the_banks_cut_over(self) -> None:
        bench = self.story()
        bench.now = MORNING + 51 * 3600
        merchant = UnionpayMerchant(bench)
        bills = {}
        for day in ("20261122", "20261123"):
            reply = merchant.call(unionpay.BILL, settle_date=day)
            body = self.fetch(bench, reply["download_url"])[1]
            assert hashlib.sha1(body).hexdigest() == reply["sha1"]
            bills[day] = [line.reference for line in parse_unionpay_bill(body).lines]
        # 23:54 is the next day already.
        assert bills == {"20261122": ["DG1", "DG2", "DG2"], "20261123": ["R1", "DG4"]}
        assert merchant.call(unionpay.BILL, settle_date="20261121")["resp_code"] == "25"

    def test_not_ready_by_order(self) -> None:
        bench = self.story()
        bench.now = MORNING + 27 * 3600
        bench.twist = "file-not-ready"
        assert read_xml(WechatMerchant(bench).bill("20261122"))["return_msg"] == "Bill Creating"
        assert self.v3(bench, "2026-11-22").status == 400
        assert AlipayMerchant(bench).call(alipay.BILL, bill_date="2026-11-22")["sub_code"] == "isp.bill_not_exist"
        assert UnionpayMerchant(bench).call(unionpay.BILL, settle_date="20261122")["resp_code"] == "25"

    def test_a_stranger_gets_no_address(self) -> None:
        bench = self.story()
        bench.now = MORNING + 27 * 3600
        request = HttpRequest("GET", f"{wechat_v3.TRADEBILL}?bill_date=2026-11-22")
        for asked in (
            request,
            wechat_v3.authorized(request, MCH_ID, "S", int(bench.now), "N", gateway_key()),
            wechat_v3.authorized(request, "1900000002", "S", int(bench.now), "N", merchant_key()),
            wechat_v3.authorized(request, MCH_ID, "S", int(bench.now) - 400, "N", merchant_key()),
        ):
            assert bench.send(asked).status == 401
        assert APPID not in " ".join(bench.peer.violations())

    def test_bills_say_what_the_book_says(self) -> None:
        bench = self.story()
        bench.now = MORNING + 51 * 3600
        told: set[tuple[str, str, str, int]] = set()
        for day in ("20261122", "20261123"):
            told |= {("wechat", *_told(each)) for each in parse_wechat_bill(WechatMerchant(bench).bill(day), day).lines}
        booked = {
            (row.channel, row.kind, row.reference, row.amount_fen)
            for row in bench.peer.book()
            if row.channel == "wechat"
        }
        assert told == booked
