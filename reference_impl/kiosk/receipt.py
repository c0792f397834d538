"""What is printed for the citizen, as text in columns: pure.

A receipt printer sets a character of two GBK bytes two columns wide and an ASCII character one wide (spec/devices.md 5.1),
so the width of a text is the number of its GBK bytes. A character that GBK lacks is printed as the geta mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from protocols.clock import civil
from protocols.wire.base import Label
from protocols.wire.money import yuan_text
from protocols.wire.platform.models import BillItem, CheckIn, ReceiptView, SplitView, TradeView
from reference_impl.kiosk.business.menu import METHOD_LABELS, Method, SlipKind

__all__ = ["WIDTHS", "Line", "LineStyle", "Slip", "columns_of", "layout", "printable", "slip_of"]

WIDTHS = (42, 48)
"""Columns of 80 mm paper in the usual two fonts."""

GETA = "〓"
RULE = "-"


class LineStyle(StrEnum):
    HEAD = "head"
    CENTRED = "centred"
    PLAIN = "plain"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line, already filled to its place; a head is set double height by the printer."""

    text: str
    style: LineStyle = LineStyle.PLAIN


@dataclass(frozen=True, slots=True)
class Pair:
    """A caption on the left, a value on the right."""

    caption: Label
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph: Chinese, then English."""

    label: Label


@dataclass(frozen=True, slots=True)
class Rule:
    pass


Part = Pair | Text | Rule | BillItem


@dataclass(frozen=True, slots=True)
class Slip:
    """What is on one slip. ``qr`` empty: no code."""

    kind: SlipKind
    title: Label
    place: str
    parts: tuple[Part, ...]
    qr: str = ""


TITLES: dict[SlipKind, Label] = {
    SlipKind.PAYMENT: Label("缴费凭条", "PAYMENT"),
    SlipKind.REGISTRATION: Label("挂号凭条", "REGISTRATION"),
    SlipKind.CHECK_IN: Label("取号凭条", "CHECK-IN"),
    SlipKind.REFUND: Label("退费凭条", "REFUND"),
    SlipKind.UNCERTAIN: Label("交易结果待确认", "RESULT NOT YET CERTAIN"),
}
NO_RECEIPT = Label("明细请到柜台补打", "Details can be printed at the counter")
KEEP = Label("请妥善保管", "Please keep this slip")
UNCERTAIN = Label(
    "本机尚未得到最终结果，平台会继续核对。查询前请勿重复付款，请凭交易号到柜台查询。",
    "This kiosk does not know the result yet; the platform goes on with it. Do not pay again before you have asked at the "
    "counter with the trade number.",
)
QUOTED = Label("以下为核价金额，不是付款证明", "Amounts as quoted, no proof of payment")
MANUAL = Label("该交易需人工核对。", "Staff will check this trade.")


def slip_of(
    kind: SlipKind,
    terminal_id: str,
    now: float,
    trade: TradeView | None = None,
    receipt: ReceiptView | None = None,
    check_in: CheckIn | None = None,
) -> Slip:
    """The slip of *kind* with what is known; *now* is Unix time. Says no more than *trade* and *receipt* do."""
    parts: list[Part] = [Rule()]
    if trade is not None:
        parts.append(Pair(Label("交易号", "Trade"), trade.trade_no))
    parts.append(Pair(Label("时间", "Time"), receipt.at if receipt else f"{civil(now):%Y-%m-%d %H:%M:%S}"))
    parts.append(Pair(Label("终端", "Kiosk"), terminal_id))
    if check_in is not None and kind is SlipKind.CHECK_IN:
        parts += _check_in(check_in)
    elif kind is SlipKind.UNCERTAIN:
        parts += _uncertain(trade)
    elif receipt is not None:
        parts += _receipt(receipt)
    elif trade is not None:
        parts += [*_amounts(trade.total_fen, trade.split, trade.method), Text(NO_RECEIPT)]
    parts += [Rule(), Text(KEEP)]
    qr = (receipt.qr if receipt is not None else "") or (trade.trade_no if trade is not None else "")
    return Slip(kind, TITLES[kind], receipt.institution if receipt else "", tuple(parts), qr)


def _check_in(check_in: CheckIn) -> Iterator[Part]:
    yield Pair(Label("预约号", "Appointment"), check_in.appointment_id)
    yield Pair(Label("就诊序号", "Number"), check_in.see_no, strong=True)
    if check_in.room:
        yield Pair(Label("诊室", "Room"), check_in.room)


def _uncertain(trade: TradeView | None) -> Iterator[Part]:
    if trade is not None:
        yield Text(QUOTED)
        yield from _amounts(trade.total_fen, trade.split, trade.method)
    yield Rule()
    yield Text(UNCERTAIN)
    if trade is not None and trade.state == "manual":
        yield Text(MANUAL)


def _receipt(receipt: ReceiptView) -> Iterator[Part]:
    if receipt.see_no:
        yield Pair(Label("就诊序号", "Number"), receipt.see_no, strong=True)
    if receipt.items:
        yield Rule()
        yield from receipt.items
        yield Rule()
    yield from _amounts(receipt.total_fen, receipt.split, receipt.method)
    if receipt.channel_reference:
        yield Pair(Label("支付流水", "Reference"), receipt.channel_reference)
    if receipt.reconciliation_no:
        yield Pair(Label("对账号", "HIS no."), receipt.reconciliation_no)


def _amounts(total_fen: int, split: SplitView | None, method: str) -> Iterator[Part]:
    yield Pair(Label("合计", "Total"), _yuan(total_fen), strong=True)
    if split is not None:
        yield Pair(Label("统筹支付", "Fund"), _yuan(split.fund_fen))
        yield Pair(Label("个人账户", "Account"), _yuan(split.account_fen))
        if split.mutual_aid_fen:
            yield Pair(Label("其中家庭共济", "Of it mutual aid"), _yuan(split.mutual_aid_fen))
        if split.hospital_fen:
            yield Pair(Label("医院负担", "Hospital"), _yuan(split.hospital_fen))
        yield Pair(Label("个人现金", "Cash"), _yuan(split.cash_fen), strong=True)
    if method:
        known = METHOD_LABELS[Method(method)] if method in set(Method) else Label(method, "")
        yield Pair(Label("支付方式", "Paid by"), f"{known.zh} {known.en}".strip())


def _yuan(fen: int) -> str:
    return f"{yuan_text(fen)} 元"


# Columns.


def printable(text: str) -> str:
    """*text* as a printer with GBK can set it. Control characters would be commands to it: they become blanks."""
    cleaned = "".join(each if each.isprintable() else " " for each in text)
    return "".join(each if _in_gbk(each) else GETA for each in cleaned)


def _in_gbk(character: str) -> bool:
    try:
        return len(character.encode("gbk")) <= 2
    except UnicodeEncodeError:
        return False


def columns_of(text: str) -> int:
    """Columns that a printable *text* takes."""
    return len(text.encode("gbk"))


def layout(slip: Slip, columns: int) -> tuple[Line, ...]:
    """The lines of *slip*, none wider than *columns*. Raises ValueError for paper narrower than 24 columns."""
    if columns < 24:
        raise ValueError(f"a slip needs 24 columns, not {columns}")
    lines = [Line(_centred(slip.title.zh, columns), LineStyle.HEAD)]
    lines.append(Line(_centred(slip.title.en, columns), LineStyle.CENTRED))
    lines += [Line(_centred(part, columns), LineStyle.CENTRED) for part in _wrap(printable(slip.place), columns)]
    for part in slip.parts:
        lines += _lines_of(part, columns)
    return tuple(lines)


def _lines_of(part: Part, columns: int) -> Iterator[Line]:
    match part:
        case Rule():
            yield Line(RULE * columns)
        case Text():
            for text in (part.label.zh, part.label.en):
                yield from (Line(each) for each in _wrap(printable(text), columns))
        case Pair():
            caption, value = f"{part.caption.zh} {part.caption.en}", printable(part.value)
            style = LineStyle.STRONG if part.strong else LineStyle.PLAIN
            yield from (Line(text, style) for text in _apart(caption, value, columns))
        case BillItem():
            yield from (Line(each) for each in _wrap(printable(part.name), columns))
            count = printable(f"  {part.quantity} x {part.price}")
            yield from (Line(text) for text in _apart(count, yuan_text(part.amount_fen), columns))


def _apart(left: str, right: str, columns: int) -> Iterator[str]:
    """*left* and *right* at the two ends of one line; where they do not fit, *right* stands below."""
    gap = columns - columns_of(left) - columns_of(right)
    if gap >= 1:
        yield left + " " * gap + right
        return
    yield from _wrap(left, columns)
    for each in _wrap(right, columns - 2):
        yield " " * (columns - columns_of(each)) + each


def _wrap(text: str, columns: int) -> list[str]:
    """*text* in lines of at most *columns*: at a blank in the second half, else between any two characters."""
    lines: list[str] = []
    rest = text.strip()
    while rest:
        end = _fitting(rest, columns)
        if end < len(rest):
            blank = rest.rfind(" ", 0, end + 1)
            end = blank if blank > end // 2 else end
        lines.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return lines


def _fitting(text: str, columns: int) -> int:
    """How many characters of *text* fit."""
    width = 0
    for index, character in enumerate(text):
        width += columns_of(character)
        if width > columns:
            return index
    return len(text)


def _centred(text: str, columns: int) -> str:
    return " " * ((columns - columns_of(text)) // 2) + text
