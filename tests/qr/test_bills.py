"""Bills in the channels' own formats: typed files first, then round trips, then files that lie."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire.base import WireError
from protocols.wire.qr.bill import BillLine
from protocols.wire.qr.bill_alipay import DETAIL, build_alipay_bill, parse_alipay_bill
from protocols.wire.qr.bill_unionpay import build_unionpay_bill, parse_unionpay_bill
from protocols.wire.qr.bill_wechat import COLUMNS, build_wechat_bill, parse_wechat_bill

DAY = "2026-11-22"

# Typed from spec/services.md 4: columns, backticks, a refund on the day it was initiated, an order reversed after payment
# again under its own order number.
WECHAT_FILE = (
    "\ufeff交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,"
    "订单金额,申请退款金额,费率备注\r\n"
    "`2026-11-22 08:30:15,`wx0000000000000001,`1900000001,`0,`KSK-00001,`4200000020261122000000000001,`DG20261122000001,`oSIM1,"
    "`MICROPAY,`SUCCESS,`OTHERS,`CNY,`12.50,`0.00,`0,`0,`0.00,`0.00,`,`,`门诊缴费,`H44190000001,`0.03000,`0.20%,`12.50,`0.00,`\r\n"
    "`2026-11-22 09:00:00,`wx0000000000000001,`1900000001,`0,`KSK-00001,`4200000020261122000000000001,`DG20261122000001,`oSIM1,"
    "`MICROPAY,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5000000020261122000000000001,`DG20261122000001R,`12.50,`0.00,`ORIGINAL,`PROCESSING,"
    "`门诊缴费,`H44190000001,`-0.03000,`0.20%,`0.00,`12.50,`\r\n"
    "`2026-11-22 09:01:00,`wx0000000000000001,`1900000001,`0,`KSK-00002,`4200000020261122000000000002,`DG20261122000002,`oSIM2,"
    "`MICROPAY,`REVOKED,`OTHERS,`CNY,`0.00,`0.00,`4200000020261122000000000002,`DG20261122000002,`1.00,`0.00,`ORIGINAL,`SUCCESS,"
    "`门诊缴费,`H44190000002,`0.00000,`0.20%,`0.00,`1.00,`\r\n"
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
    "`3.0,`12.50,`13.50,`0.00,`0.00000,`12.50,`13.50\r\n"
).encode()

PAID = BillLine(
    kind="pay",
    at="2026-11-22 08:30:15",
    merchant="1900000001",
    order_no="DG20261122000001",
    channel_no="4200000020261122000000000001",
    amount_fen=1250,
    fee_fen=3,
    institution="H44190000001",
    terminal="KSK-00001",
    payer="oSIM1",
    subject="门诊缴费",
)
REFUNDED = replace(
    PAID,
    kind="refund",
    at="2026-11-22 09:00:00",
    fee_fen=-3,
    refund_no="DG20261122000001R",
    refund_channel_no="5000000020261122000000000001",
    done=False,
)
REVERSED = replace(
    PAID,
    kind="cancel",
    at="2026-11-22 09:01:00",
    order_no="DG20261122000002",
    channel_no="4200000020261122000000000002",
    amount_fen=100,
    fee_fen=0,
    institution="H44190000002",
    terminal="KSK-00002",
    payer="oSIM2",
    refund_channel_no="4200000020261122000000000002",
)
LINES = (PAID, REFUNDED, REVERSED)


class TestWechat:
    def test_the_typed_file_is_read(self) -> None:
        bill = parse_wechat_bill(WECHAT_FILE, DAY)
        assert bill.lines == LINES
        assert (bill.merchant, bill.day) == ("1900000001", DAY)
        assert (bill.totals.count, bill.totals.paid_fen, bill.totals.returned_fen, bill.totals.fee_fen) == (
            3,
            1250,
            1350,
            0,
        )

    def test_the_typed_file_is_written(self) -> None:
        assert build_wechat_bill("wx0000000000000001", "1900000001", LINES, "0.20%") == WECHAT_FILE

    def test_references_are_those_under_which_it_was_sent(self) -> None:
        assert [(line.reference, line.original) for line in LINES] == [
            ("DG20261122000001", ""),
            ("DG20261122000001R", "DG20261122000001"),
            ("DG20261122000002", "DG20261122000002"),
        ]

    def test_columns_in_another_order_are_found_by_their_names(self) -> None:
        rows = WECHAT_FILE.decode().split("\r\n")
        moved = [
            ",".join(each.split(",")[1:2] + each.split(",")[:1] + each.split(",")[2:]) if n < 4 else each
            for n, each in enumerate(rows)
        ]
        moved[0] = moved[0].replace("公众账号ID,\ufeff交易时间", "\ufeff交易时间x,公众账号ID")
        with pytest.raises(WireError, match="row 1"):
            parse_wechat_bill("\r\n".join(moved).encode(), DAY)
        swapped = [
            ",".join([*each.split(",")[:-2], each.split(",")[-1], each.split(",")[-2]]) if n < 4 else each
            for n, each in enumerate(rows)
        ]
        assert parse_wechat_bill("\r\n".join(swapped).encode(), DAY).lines == LINES

    def test_only_payments_or_only_what_was_taken_back(self) -> None:
        paid = build_wechat_bill("wx1", "1900000001", LINES, "0.20%", "SUCCESS")
        assert "退款金额" not in paid.decode().split("\r\n")[0]
        assert parse_wechat_bill(paid, DAY).lines == (PAID,)
        back = build_wechat_bill("wx1", "1900000001", LINES, "0.20%", "REFUND")
        assert parse_wechat_bill(back, DAY).lines == (REFUNDED, REVERSED)

    def test_a_bill_without_rows(self) -> None:
        assert parse_wechat_bill(build_wechat_bill("wx1", "19", ()), DAY).lines == ()

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            ("`3.0,", "`2.0,", "总交易单数"),
            ("`12.50,`13.50\r\n", "`12.51,`13.50\r\n", "订单总金额"),
            ("`12.50,`13.50\r\n", "`12.50,`13.49\r\n", "申请退款总金额"),
            ("`0.00000,`12.50,`13.50\r\n", "`9.00000,`12.50,`13.50\r\n", "手续费总金额"),
            ("`SUCCESS,`OTHERS", "`PAID,`OTHERS", "row 2, 交易状态"),
            ("`2026-11-22 08:30:15", "`22.11.2026", "row 2, 交易时间"),
            ("`12.50,`0.00,`\r\n", "`-12.50,`0.00,`\r\n", "row 2, 订单金额"),
            ("`12.50,`0.00,`\r\n", "`12.505,`0.00,`\r\n", "row 2, 订单金额"),
            ("`0.03000", "`x", "row 2, 手续费"),
            ("`0.03000", "`NaN", "row 2, 手续费"),
            (
                "`wx0000000000000001,`1900000001,`0,`KSK-00001",
                "`wx0000000000000001,`19,`0,`KSK-00001",
                "several merchants",
            ),
            ("总交易单数,应结", "应结", "row 5"),
            ("`wx0000000000000001,", "", "row 2: 26 fields"),
            ("商户数据包", "商户", "商户数据包"),
        ],
    )
    def test_a_file_that_lies_is_refused_at_the_place(self, old: str, new: str, why: str) -> None:
        text = WECHAT_FILE.decode()
        assert old in text
        with pytest.raises(WireError, match=why) as caught:
            parse_wechat_bill(text.replace(old, new, 1).encode(), DAY)
        assert "DG2026" not in str(caught.value)

    @pytest.mark.parametrize("body", [b"", b"\xff", b"<xml></xml>", WECHAT_FILE[:500], WECHAT_FILE[:-60]])
    def test_what_is_no_bill_is_refused(self, body: bytes) -> None:
        with pytest.raises(WireError):
            parse_wechat_bill(body, DAY)


class TestAlipay:
    def lines(self) -> tuple[BillLine, ...]:
        """What survives Alipay's columns: no channel number of a refund, everything done."""
        return tuple(replace(line, merchant="2021000000000001", refund_channel_no="", done=True) for line in LINES)

    def test_round_trip(self) -> None:
        body = build_alipay_bill("2021000000000001", DAY, self.lines())
        bill = parse_alipay_bill(body, DAY)
        assert bill.lines == self.lines()
        assert bill.merchant == "2021000000000001"

    def test_the_files_as_another_program_reads_them(self) -> None:
        """Python's own zip and csv: two GBK files, comment lines, refunds negative, sums that agree."""
        with zipfile.ZipFile(io.BytesIO(build_alipay_bill("2021000000000001", DAY, self.lines()))) as archive:
            assert archive.namelist() == [
                "2021000000000001_20261122_业务明细.csv",
                "2021000000000001_20261122_业务明细(汇总).csv",
            ]
            detail, summary = (archive.read(name).decode("gbk") for name in archive.namelist())
        assert detail.startswith(
            "#支付宝业务明细查询\r\n#账号:[2021000000000001]\r\n#起始日期:[2026年11月22日 00:00:00]"
        )
        rows = list(csv.DictReader(each for each in detail.splitlines() if not each.startswith("#")))
        assert list(rows[0]) == list(DETAIL)
        assert [row["业务类型"] for row in rows] == ["交易", "退款", "退款"]
        assert [row["订单金额（元）"] for row in rows] == ["12.50", "-12.50", "-1.00"]
        assert [row["服务费（元）"] for row in rows] == ["-0.03", "0.03", "0.00"]
        assert [row["退款批次号/请求号"] for row in rows] == ["", "DG20261122000001R", "DG20261122000002"]
        sums = list(csv.reader(each for each in summary.splitlines() if not each.startswith("#")))
        assert sums[-1] == ["合计", "", "1", "2", "-1.00", "-1.00", "0.00", "0.00", "0.00", "0.00", "0.00", "-1.00"]
        assert [row[0] for row in sums[1:]] == ["H44190000001", "H44190000002", "合计"]

    def test_names_that_gbk_does_not_have_do_not_stop_a_bill(self) -> None:
        strange = replace(self.lines()[0], subject='门诊𠮷😀缴费,"引号"\r\n`')
        bill = parse_alipay_bill(build_alipay_bill("2021000000000001", DAY, [strange]), DAY)
        assert bill.lines[0].subject == '门诊??缴费,"引号" `'

    def test_half_width_brackets_and_blanks_as_older_files_have_them(self) -> None:
        body = build_alipay_bill("2021000000000001", DAY, self.lines())
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w") as new:
            for number, entry in enumerate(old.infolist()):
                text = old.read(entry).decode("gbk").replace("（", "(").replace("）", ")").replace(",", "\t,")
                new.writestr(f"{number}.csv", text.encode("gbk"))
        assert parse_alipay_bill(out.getvalue(), DAY).lines == self.lines()

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            ("交易,门诊缴费", "支付,门诊缴费", "业务类型"),
            (",12.50,12.50,", ",-12.50,12.50,", "订单金额"),
            (",12.50,12.50,", ",12.51,12.51,", "summary"),
            (",12.50,12.50,", ",x,12.50,", "detail, row 6, 订单金额"),
            ("2026-11-22 08:30:15,H", "08:30,H", "完成时间"),
            ("合计,", "总计,", "合计"),
            ("合计,,1,", "合计,,2,", "交易订单总笔数"),
            ("业务明细列表结束", "", "列表结束"),
            ("商户订单号,", "订单,", "商户订单号"),
            ("#账号:[2021000000000001]", "#", "账号"),
        ],
    )
    def test_a_file_that_lies_is_refused_at_the_place(self, old: str, new: str, why: str) -> None:
        body, changed = build_alipay_bill("2021000000000001", DAY, self.lines()), 0
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(body)) as before, zipfile.ZipFile(out, "w") as after:
            for entry in before.infolist():
                text = before.read(entry).decode("gbk")
                changed += old in text
                after.writestr(entry, text.replace(old, new, 1).encode("gbk"))
        assert changed
        with pytest.raises(WireError, match=why):
            parse_alipay_bill(out.getvalue(), DAY)

    def test_what_is_no_archive_is_refused(self) -> None:
        body = build_alipay_bill("2021000000000001", DAY, self.lines())
        for bad in (b"", b"PK", body[:100], body[:-30], body.replace(b"PK\x01\x02", b"PK\x09\x09")):
            with pytest.raises(WireError):
                parse_alipay_bill(bad, DAY)

    def test_an_archive_that_would_fill_the_memory_is_refused(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as file:
            for _ in range(257):
                file.write(bytes(1 << 20))
        assert len(out.getvalue()) < 1 << 20
        with pytest.raises(WireError, match="more than a bill can"):
            parse_alipay_bill(out.getvalue(), DAY)

    def test_files_of_another_encoding_are_refused(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("a.csv", b"#\xff\xff")
        with pytest.raises(WireError, match="GBK"):
            parse_alipay_bill(out.getvalue(), DAY)


class TestUnionpay:
    TYPED = (
        "H|UPQR|1.0|898441900000001|2026-11-22\r\n"
        "D|PAY|2026-11-22 08:30:15|KSK-00001|H44190000001|DG20261122000001||202611220001||1250|3|OK|SIM1|门诊缴费\r\n"
        "D|REFUND|2026-11-22 09:00:00|KSK-00001|H44190000001|DG20261122000001|DG20261122000001R|202611220001|202611220002|1250|-3"
        "|PROCESSING|SIM1|门诊缴费\r\n"
        "T|2|1250|1250|0\r\n"
    ).encode("gbk")

    def test_the_typed_file_both_ways(self) -> None:
        bill = parse_unionpay_bill(self.TYPED)
        assert (bill.merchant, bill.day) == ("898441900000001", DAY)
        assert [(line.kind, line.reference, line.amount_fen, line.fee_fen, line.done) for line in bill.lines] == [
            ("pay", "DG20261122000001", 1250, 3, True),
            ("refund", "DG20261122000001R", 1250, -3, False),
        ]
        assert build_unionpay_bill("898441900000001", DAY, bill.lines) == self.TYPED

    def test_bars_and_line_ends_of_a_description_do_not_break_the_file(self) -> None:
        line = replace(PAID, subject="a|b\r\nc😀", merchant="m")
        assert parse_unionpay_bill(build_unionpay_bill("m", DAY, [line])).lines[0].subject == "a b c?"

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            (b"T|2|", b"T|3|", "row 4"),
            (b"T|2|1250|", b"T|2|1251|", "row 4"),
            (b"|1250|3|OK", b"|-1250|3|OK", "row 2, amount"),
            (b"|1250|3|OK", b"|12.50|3|OK", "row 2, amount"),
            (b"|1250|3|OK", b"|99999999999999|3|OK", "row 2, amount"),
            (b"|1250|3|OK", b"|1250|--3|OK", "row 2, fee"),
            (b"D|PAY|", b"D|PAID|", "row 2, field 2"),
            (b"2026-11-22 08:30:15", b"08:30:15", "row 2, field 3"),
            (b"H|UPQR|1.0", b"H|UPQR|2.0", "row 1"),
            (b"|OK|SIM1", b"|OK", "row 2: 13 fields"),
            (b"T|2|1250|1250|0\r\n", b"", "row 3: the tail"),
            (b"D|PAY", b"D\xff\xff|PAY", "GBK"),
        ],
    )
    def test_a_file_that_lies_is_refused_at_the_place(self, old: bytes, new: bytes, why: str) -> None:
        assert old in self.TYPED
        with pytest.raises(WireError, match=why):
            parse_unionpay_bill(self.TYPED.replace(old, new, 1))


NUMBERS = st.text("0123456789ABCDEFabcdef_-", min_size=1, max_size=32)
SUBJECTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="`|"), max_size=30
)
PAYMENTS = st.builds(
    BillLine,
    kind=st.just("pay"),
    at=st.just("2026-11-22 08:30:15"),
    merchant=st.just("1900000001"),
    order_no=NUMBERS,
    channel_no=NUMBERS,
    amount_fen=st.integers(1, 10_000_000_000),
    fee_fen=st.integers(0, 1_000_000),
    institution=NUMBERS,
    terminal=NUMBERS,
    payer=NUMBERS,
    subject=SUBJECTS.map(str.strip),
)


@given(st.lists(PAYMENTS, max_size=8))
def test_whatever_was_paid_comes_back_from_a_wechat_bill(lines: list[BillLine]) -> None:
    """Backticks and line ends are the only characters that the format cannot hold."""
    assert list(parse_wechat_bill(build_wechat_bill("wx1", "1900000001", lines), DAY).lines) == lines


@given(st.lists(PAYMENTS, max_size=8))
def test_whatever_was_paid_comes_back_from_the_gbk_bills_but_for_what_gbk_cannot_write(lines: list[BillLine]) -> None:
    def in_gbk(line: BillLine) -> BillLine:
        return replace(line, subject=line.subject.encode("gbk", "replace").decode("gbk"))

    wanted = [in_gbk(line) for line in lines]
    assert list(parse_alipay_bill(build_alipay_bill("1900000001", DAY, lines), DAY).lines) == wanted
    assert list(parse_unionpay_bill(build_unionpay_bill("1900000001", DAY, lines)).lines) == wanted


@given(st.binary(max_size=300))
def test_no_file_makes_a_parser_fall_over(body: bytes) -> None:
    for parse in (
        lambda: parse_wechat_bill(body, DAY),
        lambda: parse_alipay_bill(body, DAY),
        lambda: parse_unionpay_bill(body),
    ):
        with pytest.raises(WireError):
            parse()


def test_the_columns_are_those_of_the_specification() -> None:
    assert len(COLUMNS) == 27
