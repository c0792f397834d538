"""The bank's bill of UnionPay QR payments: GBK lines of fields between bars, head, details and tail, amounts in fen.

The bank's real layout is not public (assumption U8): this one is the project's own. A day ends at the bank's cut-over.

``H|UPQR|1.0|merchant|yyyy-MM-dd`` ·
``D|PAY or REFUND or CANCEL|time|terminal|institution|order|refund|reference|refund reference|fen|fee|OK or PROCESSING|payer|subject`` ·
``T|details|paid fen|returned fen|fee fen``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.wire.base import WireError
from protocols.wire.qr.bill import MOMENT, BillFile, BillLine, bill_number, totals_of

__all__ = ["build_unionpay_bill", "parse_unionpay_bill"]

KINDS = {"pay": "PAY", "refund": "REFUND", "cancel": "CANCEL"}
_KINDS: Mapping[str, str] = {word: kind for kind, word in KINDS.items()}
DETAIL_FIELDS = 14
END = "\r\n"


def build_unionpay_bill(merchant: str, day: str, lines: Iterable[BillLine]) -> bytes:
    """The file of *day* (``yyyy-MM-dd``, the bank's business day)."""
    chosen = list(lines)
    rows = [f"H|UPQR|1.0|{merchant}|{day}"]
    for line in chosen:
        fields = (
            "D",
            KINDS[line.kind],
            line.at,
            line.terminal,
            line.institution,
            line.order_no,
            line.refund_no,
            line.channel_no,
            line.refund_channel_no,
            str(line.amount_fen),
            str(line.fee_fen),
            "OK" if line.done else "PROCESSING",
            line.payer,
            line.subject,
        )
        rows.append("|".join(" ".join(each.replace("|", " ").split()) for each in fields))
    totals = totals_of(chosen)
    rows.append(f"T|{totals.count}|{totals.paid_fen}|{totals.returned_fen}|{totals.fee_fen}")
    return (END.join(rows) + END).encode("gbk", "replace")


def parse_unionpay_bill(body: bytes) -> BillFile:
    """Raises :class:`WireError` naming the row and the field, and where the tail does not agree with the details."""
    try:
        rows = body.decode("gbk").replace(END, "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise WireError("the bill is no GBK", error.start) from None
    head = rows[0].split("|")
    if len(head) != 5 or head[:3] != ["H", "UPQR", "1.0"]:
        raise WireError("row 1: not the head of a UnionPay QR bill of version 1.0")
    if len(rows) < 2 or not rows[-1].startswith("T|"):
        raise WireError(f"row {len(rows)}: the tail is missing: was the file cut off?")
    lines = tuple(_line(number, row.split("|"), head[3]) for number, row in enumerate(rows[1:-1], 2))
    totals = totals_of(lines)
    wanted = ["T", *map(str, (totals.count, totals.paid_fen, totals.returned_fen, totals.fee_fen))]
    if rows[-1].split("|") != wanted:
        raise WireError(f"row {len(rows)}: the tail does not agree with the details")
    return BillFile(head[3], head[4], lines)


def _line(number: int, fields: list[str], merchant: str) -> BillLine:
    if len(fields) != DETAIL_FIELDS or fields[0] != "D":
        raise WireError(f"row {number}: {len(fields)} fields instead of {DETAIL_FIELDS} after D")
    kind = _KINDS.get(fields[1])
    if kind is None:
        raise WireError(f"row {number}, field 2: none of {', '.join(_KINDS)}")
    if not MOMENT.fullmatch(fields[2]):
        raise WireError(f"row {number}, field 3: not yyyy-MM-dd HH:mm:ss")
    fee = fields[10]
    return BillLine(
        kind=kind,  # pyright: ignore[reportArgumentType]  # one of the three by its table
        at=fields[2],
        merchant=merchant,
        terminal=fields[3],
        institution=fields[4],
        order_no=fields[5],
        refund_no=fields[6],
        channel_no=fields[7],
        refund_channel_no=fields[8],
        amount_fen=bill_number(fields[9], "amount", number),
        fee_fen=-bill_number(fee[1:], "fee", number) if fee.startswith("-") else bill_number(fee, "fee", number),
        done=fields[11] == "OK",
        payer=fields[12],
        subject=fields[13],
    )
