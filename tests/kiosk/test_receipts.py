"""Slips: text by golden files, widths by a second opinion, ESC/POS bytes by a decoder of our own (spec/devices.md 5.1)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.wire.platform.models import BillItem, CheckIn, ReceiptView, SplitView, TradeView
from reference_impl.kiosk.business.menu import SlipKind
from reference_impl.kiosk.receipt import WIDTHS, Slip, columns_of, layout, printable, slip_of
from reference_impl.kiosk.receipt_escpos import escpos_bytes

GOLDEN = Path(__file__).parent / "golden"
NOON = 1_795_320_000.0
SPLIT = SplitView(fund_fen=8_295, account_fen=3_000, mutual_aid_fen=500, cash_fen=1_265, hospital_fen=0)


def trade(state: str, kind: str = "bill", method: str = "wechat") -> TradeView:
    return TradeView(
        trade_no="DG2026112200000001", kind=kind, state=state, decided=state != "paying", total_fen=12_560, split=SPLIT,
        method=method, deadline=NOON, reason="",
    )  # fmt: skip


def receipt(kind: str = "bill", see_no: str = "") -> ReceiptView:
    return ReceiptView(
        trade_no="DG2026112200000001", institution="模拟社区卫生服务站00001", kind=kind, state="paid",
        at="2026-11-22 08:30:16", total_fen=12_560, split=SPLIT, method="bank_card", channel_reference="261122000012",
        reconciliation_no="HIS20261122000001", see_no=see_no, qr="https://ebill.example/44190000001",
        items=(
            BillItem(name="阿莫西林胶囊 0.25g*24（国产，甲类医保报销目录内药品，按说明书服用）", kind="药品", quantity="2",
                     price="31.40", amount_fen=6_280),
            BillItem(name="血常规", kind="检验", quantity="1", price="62.80", amount_fen=6_280),
        ),
    )  # fmt: skip


SLIPS: dict[str, Slip] = {
    "payment": slip_of(SlipKind.PAYMENT, "KSK-00001", NOON, trade("paid"), receipt()),
    "payment-without-receipt": slip_of(SlipKind.PAYMENT, "KSK-00001", NOON, trade("paid")),
    "registration": slip_of(
        SlipKind.REGISTRATION, "KSK-00001", NOON, trade("paid", "registration"), receipt("registration", "12")
    ),
    "check-in": slip_of(
        SlipKind.CHECK_IN, "KSK-00001", NOON, check_in=CheckIn(appointment_id="A20261122001", see_no="7", room="203")
    ),
    "refund": slip_of(SlipKind.REFUND, "KSK-00001", NOON, trade("refunded")),
    "uncertain": slip_of(SlipKind.UNCERTAIN, "KSK-00001", NOON, trade("paying")),
    "manual": slip_of(SlipKind.UNCERTAIN, "KSK-00001", NOON, trade("manual")),
}


def width(text: str) -> int:
    """Columns by Unicode's East Asian width, ambiguous ones wide: the second opinion on :func:`columns_of`."""
    return sum(2 if unicodedata.east_asian_width(each) in "WFA" else 1 for each in text)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", SLIPS)
def test_the_text_of_a_slip(name: str, columns: int) -> None:
    text = "".join(line.text.rstrip() + "\n" for line in layout(SLIPS[name], columns))
    assert text == (GOLDEN / f"{name}-{columns}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [24, 32, *WIDTHS])
@pytest.mark.parametrize("name", SLIPS)
def test_no_line_is_wider_than_the_paper(name: str, columns: int) -> None:
    for line in layout(SLIPS[name], columns):
        assert width(line.text) <= columns
        assert width(line.text) == columns_of(line.text)


def test_amounts_stand_at_the_right_edge() -> None:
    lines = [line.text for line in layout(SLIPS["payment"], 42)]
    for caption in ("合计 Total", "统筹支付 Fund", "个人账户 Account", "个人现金 Cash"):
        (line,) = [each for each in lines if each.startswith(caption)]
        assert line.endswith("元")
        assert width(line) == 42


def test_the_sums_of_a_slip_are_those_of_the_receipt() -> None:
    lines = [line.text for line in layout(SLIPS["payment"], 48)]

    def fen(caption: str) -> int:
        (line,) = [each for each in lines if each.startswith(caption)]
        return round(float(line.split()[-2]) * 100)

    assert fen("合计") == fen("统筹支付") + fen("个人账户") + fen("个人现金") == 12_560


@pytest.mark.parametrize("name", ["uncertain", "manual"])
def test_a_slip_of_an_undecided_trade_promises_nothing(name: str) -> None:
    text = "".join(line.text for line in layout(SLIPS[name], 48))
    assert "DG2026112200000001" in text
    assert "尚未" in text
    for promise in ("成功", "退回", "paid", "Paid:"):
        assert promise not in text.replace("Paid by", "").replace("proof of payment", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("测试甲", "测试甲"),
        ("𠮷野", "〓野"),
        ("a\x1b@b\n", "a @b "),
        ("Ⅳ…—", "Ⅳ…—"),
        ("emoji 😀", "emoji 〓"),
        ("阿卜杜热西提·买买提明", "阿卜杜热西提·买买提明"),
    ],
)
def test_what_a_printer_cannot_set(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(max_size=60), st.sampled_from((24, *WIDTHS)))
def test_any_name_of_an_item_fits_and_carries_no_command(name: str, columns: int) -> None:
    item = BillItem.model_construct(name=name, kind="", quantity="1", price="1.00", amount_fen=100)
    slip = slip_of(SlipKind.PAYMENT, "KSK-00001", NOON, trade("paid"), receipt().model_copy(update={"items": (item,)}))
    for line in layout(slip, columns):
        assert columns_of(line.text) <= columns
        assert not any(ord(each) < 32 for each in line.text)


def test_paper_that_is_too_narrow_is_refused() -> None:
    with pytest.raises(ValueError, match="24 columns"):
        layout(SLIPS["payment"], 20)


# The bytes.


@dataclass
class Decoded:
    """What a printer would do: text lines with their style, codes, cuts."""

    lines: list[str] = field(default_factory=list)
    styles: list[tuple[bool, bool]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    cuts: int = 0
    initialised: int = 0
    chinese: bool = False


def decode(data: bytes) -> Decoded:
    """ESC/POS by the table of spec/devices.md 5.1 and the usual text commands; anything else is an error."""
    found = Decoded()
    bold = tall = False
    text = bytearray()
    stored = b""
    at = 0
    while at < len(data):
        two = data[at : at + 2]
        if two == b"\x1b@":
            found.initialised += 1
            at += 2
        elif two in (b"\x1c&", b"\x1c."):
            found.chinese = two == b"\x1c&"
            at += 2
        elif two == b"\x1bE":
            bold, at = data[at + 2] == 1, at + 3
        elif two == b"\x1b!":
            tall, at = bool(data[at + 2] & 0x10), at + 3
        elif two in (b"\x1ba", b"\x1bd", b"\x1b-", b"\x1bM", b"\x1dB"):
            at += 3
        elif two == b"\x1dV":
            found.cuts += 1
            at += 4 if data[at + 2] in (65, 66) else 3
        elif data[at : at + 3] == b"\x1d(k":
            length = data[at + 3] | data[at + 4] << 8
            body = data[at + 5 : at + 5 + length]
            assert body[:1] == b"1", "a two-dimensional code that is no QR"
            if body[1] == 0x50:
                stored = body[3:]
            elif body[1] == 0x51:
                found.codes.append(stored.decode())
            at += 5 + length
        elif data[at] == 0x0A:
            if text:
                assert found.chinese or text.isascii(), "Chinese outside of Chinese mode"
                found.lines.append(text.decode("gbk"))
                found.styles.append((bold, tall))
            text = bytearray()
            at += 1
        else:
            pair = data[at] >= 0x81
            assert data[at] >= 0x20, f"unknown command {data[at : at + 4].hex()}"
            text += data[at : at + (2 if pair else 1)]
            at += 2 if pair else 1
    assert not text
    return found


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", SLIPS)
def test_a_printer_sets_what_the_layout_says(name: str, columns: int) -> None:
    slip = SLIPS[name]
    found = decode(escpos_bytes(slip, columns))
    assert found.lines == [line.text.rstrip() for line in layout(slip, columns) if line.text.strip()]
    assert all(width(line) <= columns for line in found.lines)
    assert (found.initialised, found.cuts, found.codes) == (1, 1, [slip.qr] if slip.qr else [])
    assert found.styles[0] == (True, True)
    assert found.styles[1] == (False, False)
    strong = [line for line, (bold, _) in zip(found.lines, found.styles, strict=True) if bold]
    assert any("合计" in line or "就诊序号" in line for line in strong)


def test_the_code_of_an_undecided_trade_is_its_number() -> None:
    assert decode(escpos_bytes(SLIPS["uncertain"], 42)).codes == ["DG2026112200000001"]
