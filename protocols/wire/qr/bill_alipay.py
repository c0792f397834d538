"""Alipay's bill: a zip of two GBK files, the detail and its summary by shop, amounts in yuan, refunds negative.

Source: spec/services.md 4 (zip of GBK CSV, detail and summary); column names as merchants publish them. Lines that begin
with # are titles; fields may end with blanks or tabs.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from protocols.wire.base import WireError
from protocols.wire.money import fen_of_yuan, yuan_text
from protocols.wire.qr.bill import MOMENT, BillFile, BillLine, totals_of

__all__ = ["DETAIL", "SUMMARY", "build_alipay_bill", "parse_alipay_bill"]

_DETAIL = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
    "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_SUMMARY = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
DETAIL: tuple[str, ...] = tuple(_DETAIL.split(","))
SUMMARY: tuple[str, ...] = tuple(_SUMMARY.split(","))

TRADE, REFUND = "交易", "退款"
TOTAL = "合计"
MOST_FILES = 4
MOST_BYTES = 256 << 20
END = "\r\n"
_ZEROS = (
    "支付宝红包（元）",
    "集分宝（元）",
    "支付宝优惠（元）",
    "商家优惠（元）",
    "券核销金额（元）",
    "商家红包消费金额（元）",
    "卡消费金额（元）",
    "分润（元）",
)


def build_alipay_bill(account: str, day: str, lines: Iterable[BillLine]) -> bytes:
    """The zip of *day* (``yyyy-MM-dd``). A character that GBK does not have becomes a question mark, as it does there."""
    chosen = list(lines)
    head = [f"#账号:[{account}]", f"#起始日期:[{_chinese(day)} 00:00:00]   终止日期:[{_chinese(day)} 24:00:00]"]
    detail = ["#支付宝业务明细查询", *head, f"#{'-' * 41}业务明细列表{'-' * 40}", ",".join(DETAIL)]
    detail += [_row(_detail(line)) for line in chosen]
    detail.append(f"#{'-' * 41}业务明细列表结束{'-' * 36}")
    summary = ["#支付宝业务汇总查询", *head, f"#{'-' * 41}业务汇总列表{'-' * 40}", ",".join(SUMMARY)]
    by_shop: dict[str, list[BillLine]] = {}
    for line in chosen:
        by_shop.setdefault(line.institution, []).append(line)
    summary += [_row(_summary(shop, by_shop[shop])) for shop in sorted(by_shop)]
    summary += [_row(_summary(TOTAL, chosen)), f"#{'-' * 41}业务汇总列表结束{'-' * 36}"]
    whole = io.BytesIO()
    stamp = (int(day[:4]), int(day[5:7]), int(day[8:]), 0, 0, 0)
    base = f"{account}_{day.replace('-', '')}_业务明细"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in ((f"{base}.csv", detail), (f"{base}(汇总).csv", summary)):
            archive.writestr(zipfile.ZipInfo(name, stamp), (END.join(rows) + END).encode("gbk", "replace"))
    return whole.getvalue()


def _chinese(day: str) -> str:
    return f"{day[:4]}年{day[5:7]}月{day[8:]}日"


def _row(values: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([" ".join(value.split()) for value in values])
    return out.getvalue()


def _detail(line: BillLine) -> list[str]:
    sign = 1 if line.kind == "pay" else -1
    amount = yuan_text(sign * line.amount_fen)
    values = {
        "支付宝交易号": line.channel_no,
        "商户订单号": line.order_no,
        "业务类型": TRADE if line.kind == "pay" else REFUND,
        "商品名称": line.subject,
        "创建时间": line.at,
        "完成时间": line.at,
        "门店编号": line.institution,
        "终端号": line.terminal,
        "对方账户": line.payer,
        "订单金额（元）": amount,
        "商家实收（元）": amount,
        "退款批次号/请求号": "" if line.kind == "pay" else (line.refund_no or line.order_no),
        "服务费（元）": yuan_text(-line.fee_fen),
        **dict.fromkeys(_ZEROS, "0.00"),
    }
    return [values.get(name, "") for name in DETAIL]


def _summary(shop: str, lines: Sequence[BillLine]) -> list[str]:
    totals = totals_of(lines)
    trades = sum(line.kind == "pay" for line in lines)
    net = totals.paid_fen - totals.returned_fen
    counts = [shop, "", str(trades), str(totals.count - trades)]
    zeros = ["0.00", "0.00", "0.00"]
    return [
        *counts,
        yuan_text(net),
        yuan_text(net),
        *zeros,
        yuan_text(-totals.fee_fen),
        "0.00",
        yuan_text(net - totals.fee_fen),
    ]


def parse_alipay_bill(body: bytes, day: str) -> BillFile:
    """The bill of *day*. Raises :class:`WireError` naming file, row and column, and where the summary does not agree."""
    detail, summary = _files(body)
    account = _account(detail)
    lines = tuple(_line(number, values, account) for number, values in _table(detail, DETAIL, "detail"))
    sums = [values for _, values in _table(summary, SUMMARY, "summary") if values["门店编号"] == TOTAL]
    if len(sums) != 1:
        raise WireError("summary: there must be one line 合计")
    wanted = dict(zip(SUMMARY, _summary(TOTAL, lines), strict=True))
    for name in ("交易订单总笔数", "退款订单总笔数"):
        if sums[0][name] != wanted[name]:
            raise WireError(f"summary, {name}: not the number of rows")
    for name in ("订单金额（元）", "商家实收（元）", "服务费（元）", "实收净额（元）"):
        if _fen(sums[0][name], "summary", 0, name) != fen_of_yuan(wanted[name]):
            raise WireError(f"summary, {name}: not the sum of the rows")
    return BillFile(account, day, lines)


def _files(body: bytes) -> tuple[str, str]:
    """Detail and summary, told apart by what stands in them: names of old archives are in no known encoding."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise WireError("the archive holds more than a bill can")
            texts = [archive.read(entry).decode("gbk") for entry in entries]
    except UnicodeDecodeError as error:
        raise WireError("a file of the archive is no GBK", error.start) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        if isinstance(error, WireError):
            raise
        raise WireError("this is no zip archive that can be read") from None
    detail = [text for text in texts if text.startswith("#支付宝业务明细查询")]
    summary = [text for text in texts if text.startswith("#支付宝业务汇总查询")]
    if len(detail) != 1 or len(summary) != 1:
        raise WireError("the archive must hold one detail and one summary")
    return detail[0], summary[0]


def _account(text: str) -> str:
    for row in text.replace(END, "\n").split("\n"):
        if row.startswith("#账号:[") and row.endswith("]"):
            return row[len("#账号:[") : -1]
    raise WireError("detail: the line #账号 is missing")


def _table(text: str, columns: Sequence[str], name: str) -> list[tuple[int, dict[str, str]]]:
    rows = [
        (number, row)
        for number, row in enumerate(text.replace(END, "\n").split("\n"), 1)
        if row and not row.startswith("#")
    ]
    if "列表结束" not in text:
        raise WireError(f"{name}: the line 列表结束 is missing: was the file cut off?")
    if not rows:
        raise WireError(f"{name}: there is no header")
    header = [each.strip().replace("(", "（").replace(")", "）") for each in rows[0][1].split(",")]
    missing = [each for each in columns if each not in header]
    if missing:
        raise WireError(f"{name}, row {rows[0][0]}: the column {missing[0]} is missing")
    found: list[tuple[int, dict[str, str]]] = []
    for number, row in rows[1:]:
        values: list[Any] = next(csv.reader([row]))
        if len(values) != len(header):
            raise WireError(f"{name}, row {number}: {len(values)} fields instead of {len(header)}")
        found.append((number, {key: str(value).strip() for key, value in zip(header, values, strict=True)}))
    return found


def _line(number: int, values: Mapping[str, str], account: str) -> BillLine:
    kind = values["业务类型"]
    if kind not in (TRADE, REFUND):
        raise WireError(f"detail, row {number}, 业务类型: neither {TRADE} nor {REFUND}")
    if not MOMENT.fullmatch(values["完成时间"]):
        raise WireError(f"detail, row {number}, 完成时间: not yyyy-MM-dd HH:mm:ss")
    fen = _fen(values["订单金额（元）"], "detail", number, "订单金额（元）")
    if (fen < 0) is (kind == TRADE):
        raise WireError(f"detail, row {number}, 订单金额（元）: the sign does not fit 业务类型")
    request = values["退款批次号/请求号"]
    cancelled = kind == REFUND and request == values["商户订单号"]
    return BillLine(
        kind="pay" if kind == TRADE else "cancel" if cancelled else "refund",
        at=values["完成时间"],
        merchant=account,
        order_no=values["商户订单号"],
        channel_no=values["支付宝交易号"],
        amount_fen=abs(fen),
        fee_fen=-_fen(values["服务费（元）"], "detail", number, "服务费（元）"),
        refund_no=request if kind == REFUND and not cancelled else "",
        institution=values["门店编号"],
        terminal=values["终端号"],
        payer=values["对方账户"],
        subject=values["商品名称"],
    )


def _fen(text: str, name: str, number: int, column: str) -> int:
    try:
        return fen_of_yuan(text)
    except WireError:
        raise WireError(f"{name}, row {number}, {column}: no amount in yuan") from None
