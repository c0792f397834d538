"""WeChat's bill: UTF-8 text with a byte order mark, every field behind a backtick, detail and summary, amounts in yuan.

Source: spec/services.md 4 (columns, backticks, refund on the day it was initiated, a reversed order again under its own
number). The order of columns is read from the header, because the channel says that it may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from protocols.wire.base import WireError
from protocols.wire.money import fen_of_yuan, yuan_text
from protocols.wire.qr.bill import MOMENT, BillFile, BillLine, BillTotals, totals_of

__all__ = ["COLUMNS", "SUMMARY", "build_wechat_bill", "parse_wechat_bill"]

_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
_SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
COLUMNS: tuple[str, ...] = tuple(_COLUMNS.split(","))
SUMMARY: tuple[str, ...] = tuple(_SUMMARY.split(","))

STATES = {"pay": "SUCCESS", "refund": "REFUND", "cancel": "REVOKED"}
_KINDS: Mapping[str, str] = {state: kind for kind, state in STATES.items()}
MARK = "\ufeff"
END = "\r\n"


def build_wechat_bill(
    appid: str, merchant: str, lines: Iterable[BillLine], rate: str = "0.00%", wanted: str = "ALL"
) -> bytes:
    """The file of *lines*; *wanted* ALL, SUCCESS (payments) or REFUND (all that was taken back).

    With SUCCESS the columns of refunds are not there, as in the channel's own files.
    """
    chosen = [line for line in lines if wanted == "ALL" or (line.kind == "pay") is (wanted == "SUCCESS")]
    columns = [name for name in COLUMNS if wanted != "SUCCESS" or "退款" not in name]
    rows = [",".join(columns)]
    for line in chosen:
        values = _values(appid, merchant, line, rate)
        rows.append(",".join(f"`{_plain(values[name])}" for name in columns))
    rows.append(",".join(SUMMARY))
    totals = totals_of(chosen)
    paid, returned, fee = yuan_text(totals.paid_fen), yuan_text(totals.returned_fen), _fee_text(totals.fee_fen)
    sums = (f"{totals.count}.0", paid, returned, "0.00", fee, paid, returned)
    rows.append(",".join(f"`{each}" for each in sums))
    return (MARK + END.join(rows) + END).encode()


def _values(appid: str, merchant: str, line: BillLine, rate: str) -> Mapping[str, str]:
    paid = yuan_text(line.amount_fen) if line.kind == "pay" else "0.00"
    returned = "0.00" if line.kind == "pay" else yuan_text(line.amount_fen)
    back = line.kind != "pay"
    return {
        "交易时间": line.at,
        "公众账号ID": appid,
        "商户号": merchant,
        "特约商户号": "0",
        "设备号": line.terminal,
        "微信订单号": line.channel_no,
        "商户订单号": line.order_no,
        "用户标识": line.payer,
        "交易类型": "MICROPAY",
        "交易状态": STATES[line.kind],
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": paid,
        "代金券金额": "0.00",
        "微信退款单号": line.refund_channel_no if back else "0",
        "商户退款单号": (line.refund_no or line.order_no) if back else "0",
        "退款金额": returned,
        "充值券退款金额": "0.00",
        "退款类型": "ORIGINAL" if back else "",
        "退款状态": ("SUCCESS" if line.done else "PROCESSING") if back else "",
        "商品名称": line.subject,
        "商户数据包": line.institution,
        "手续费": _fee_text(line.fee_fen),
        "费率": rate,
        "订单金额": paid,
        "申请退款金额": returned,
        "费率备注": "",
    }


def _plain(text: str) -> str:
    """Without what the format itself is made of."""
    return "".join(" " if each in "`\r\n" else each for each in text)


def _fee_text(fen: int) -> str:
    """Five decimal places, as the channel writes fees."""
    return f"{yuan_text(fen)}000"


def parse_wechat_bill(body: bytes, day: str) -> BillFile:
    """The bill of *day* (``yyyy-MM-dd``). Raises :class:`WireError` naming the row and the column, never a value, and where
    the summary does not agree with the rows."""
    try:
        text = body.decode("utf-8").removeprefix(MARK)
    except UnicodeDecodeError as error:
        raise WireError("the bill is no UTF-8", error.start) from None
    rows = [row for row in text.replace("\r\n", "\n").split("\n") if row]
    if len(rows) < 3 or not rows[0].startswith("交易时间"):
        raise WireError("row 1: not the header of a WeChat bill")
    if rows[-2] != _SUMMARY:
        raise WireError(f"row {len(rows) - 1}: the header of the summary is missing: was the file cut off?")
    columns = rows[0].split(",")
    missing = [name for name in COLUMNS if "退款" not in name and name not in columns]
    if missing:
        raise WireError(f"row 1: the column {missing[0]} is missing")
    lines = tuple(_line(columns, row, number) for number, row in enumerate(rows[1:-2], 2))
    merchants = {_row(columns, row, number)["商户号"] for number, row in enumerate(rows[1:-2], 2)}
    if len(merchants) > 1:
        raise WireError("the bill holds rows of several merchants")
    _check(_split(rows[-1], len(SUMMARY), len(rows)), totals_of(lines), len(rows))
    return BillFile(next(iter(merchants), ""), day, lines)


def _split(row: str, count: int, number: int) -> list[str]:
    if not row.startswith("`"):
        raise WireError(f"row {number}: a field without a backtick")
    values = row[1:].split(",`")
    if len(values) != count:
        raise WireError(f"row {number}: {len(values)} fields instead of {count}")
    return values


def _row(columns: Sequence[str], row: str, number: int) -> dict[str, str]:
    return dict(zip(columns, _split(row, len(columns), number), strict=True))


def _line(columns: Sequence[str], row: str, number: int) -> BillLine:
    values = _row(columns, row, number)
    kind = _KINDS.get(values["交易状态"])
    if kind is None:
        raise WireError(f"row {number}, 交易状态: none of {', '.join(_KINDS)}")
    if not MOMENT.fullmatch(values["交易时间"]):
        raise WireError(f"row {number}, 交易时间: not yyyy-MM-dd HH:mm:ss")
    paid = kind == "pay"
    status = values.get("退款状态", "")
    return BillLine(
        kind=kind,  # pyright: ignore[reportArgumentType]  # one of the three by its table
        at=values["交易时间"],
        merchant=values["商户号"],
        order_no=values["商户订单号"],
        channel_no=values["微信订单号"],
        amount_fen=_fen(values["订单金额" if paid else "申请退款金额"], number, "订单金额" if paid else "申请退款金额"),
        fee_fen=_fee(values["手续费"], number),
        refund_no=values["商户退款单号"] if kind == "refund" else "",
        refund_channel_no="" if paid else values["微信退款单号"],
        done=paid or status == "SUCCESS",
        institution=values["商户数据包"],
        terminal=values["设备号"],
        payer=values["用户标识"],
        subject=values["商品名称"],
    )


def _fen(text: str, number: int, name: str) -> int:
    try:
        fen = fen_of_yuan(text)
    except WireError:
        raise WireError(f"row {number}, {name}: no amount in yuan") from None
    if fen < 0:
        raise WireError(f"row {number}, {name}: negative")
    return fen


def _fee(text: str, number: int) -> int:
    """Rounded to the fen: the channel charges fractions of it and settles whole ones."""
    try:
        fen = Decimal(text) * 100
        if not fen.is_finite() or abs(fen) > 10**12:
            raise InvalidOperation
    except InvalidOperation:
        raise WireError(f"row {number}, 手续费: no amount in yuan") from None
    return int(fen.to_integral_value(ROUND_HALF_UP))


def _check(sums: Sequence[str], totals: BillTotals, number: int) -> None:
    found = dict(zip(SUMMARY, sums, strict=True))
    count = found["总交易单数"].removesuffix(".0")
    if count != str(totals.count):
        raise WireError(f"row {number}, 总交易单数: not the number of rows")
    for name, fen in (("订单总金额", totals.paid_fen), ("申请退款总金额", totals.returned_fen)):
        if _fen(found[name], number, name) != fen:
            raise WireError(f"row {number}, {name}: not the sum of the rows")
    # Each row is rounded by itself, so the sum may be off by half a fen a row.
    if abs(_fee(found["手续费总金额"], number) - totals.fee_fen) * 2 > totals.count:
        raise WireError(f"row {number}, 手续费总金额: not the sum of the rows")
