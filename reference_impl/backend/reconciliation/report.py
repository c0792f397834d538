"""The report of a day and its exports (DG-FIN-REC-01, 02, 04). Inside stand neutral codes; what 长款 and 短款 mean is said at
the head of every report, because the field uses them both ways (spec/services.md 5)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from protocols.wire.base import Label
from protocols.wire.money import yuan_text
from reference_impl.backend.reconciliation.causes import probable_cause
from reference_impl.backend.reconciliation.model import CODE_RULES, Book, Code
from reference_impl.backend.reconciliation.records import Difference, Run, TotalLine
from reference_impl.backend.reconciliation.totals import Total, rolled_up

__all__ = ["LONG_SHORT", "CodeLine", "DailyReport", "daily_report", "differences_csv", "report_csv", "report_json"]

LONG_SHORT = Label(
    "定义：差额＝对方账（渠道、HIS、医保）减平台账。差额为正是长款（对方多收），为负是短款（对方少收）。代码是中性的，不含长短。",
    "Definition: gap = the other book (channel, HIS, insurance) less the platform. Above zero it is long (长款), below zero "
    "short (短款). The codes themselves are neutral.",
)


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One code in figures. ``long_fen`` and ``short_fen``: the sums of gaps above and below zero; ``states``: how many are
    open, pooled, closed, settled, replaced."""

    code: str
    label_zh: str
    label_en: str
    advice_zh: str
    advice_en: str
    count: int
    long_fen: int
    short_fen: int
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DailyReport:
    """``places``: institution code to its lines, each with all that is below it, the root first."""

    day: str
    definition_zh: str
    definition_en: str
    runs: tuple[Run, ...]
    codes: tuple[CodeLine, ...]
    places: Mapping[str, Sequence[Total]] = field(default_factory=dict[str, "Sequence[Total]"])


def daily_report(
    day: str,
    runs: Sequence[Run],
    lines: Iterable[TotalLine],
    differences: Sequence[Difference],
    parents: Mapping[str, str | None],
    places: frozenset[str] | None = None,
) -> DailyReport:
    """The figures of *day*, ``2026-11-22``. *parents*: see :func:`.totals.rolled_up`; *places*: whose figures may be seen,
    None for all."""
    totals = [_total(each) for each in lines]
    rolled = rolled_up((each for each in totals if places is None or each.institution in places), parents)
    shown = {place: table for place, table in rolled.items() if places is None or place in places}
    codes = tuple(_code_line(code, [each for each in differences if each.code == code]) for code in Code)
    depth = {place: _depth(place, parents) for place in shown}
    ordered = dict(sorted(shown.items(), key=lambda each: (depth[each[0]], each[0])))
    return DailyReport(day, LONG_SHORT.zh, LONG_SHORT.en, tuple(runs), codes, ordered)


def _total(line: TotalLine) -> Total:
    figures = (line.paid_count, line.paid_fen, line.returned_count, line.returned_fen)
    return Total(Book(line.book), Book(line.leg), line.channel, line.institution, *figures)


def _depth(place: str, parents: Mapping[str, str | None]) -> int:
    depth, seen = 0, {place}
    above = parents.get(place)
    while above is not None and above not in seen:
        seen.add(above)
        depth, above = depth + 1, parents.get(above)
    return depth


def _code_line(code: Code, found: Sequence[Difference]) -> CodeLine:
    rule = CODE_RULES[code]
    states: dict[str, int] = {}
    for each in found:
        states[each.state] = states.get(each.state, 0) + 1
    return CodeLine(
        code=code.value,
        label_zh=rule.label.zh,
        label_en=rule.label.en,
        advice_zh=rule.advice.zh,
        advice_en=rule.advice.en,
        count=len(found),
        long_fen=sum(each.gap_fen for each in found if each.gap_fen > 0),
        short_fen=sum(each.gap_fen for each in found if each.gap_fen < 0),
        states=dict(sorted(states.items())),
    )


# Exports.


def report_json(report: DailyReport) -> bytes:
    """The report as one JSON document, amounts in fen."""
    document: dict[str, Any] = {
        "day": report.day,
        "definition": {"zh": report.definition_zh, "en": report.definition_en},
        "runs": [asdict(each) for each in report.runs],
        "codes": [asdict(each) for each in report.codes],
        "places": {
            place: [{**asdict(line), "net_count": line.net_count, "net_fen": line.net_fen} for line in lines]
            for place, lines in report.places.items()
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def report_csv(report: DailyReport) -> bytes:
    """The report as CSV for spreadsheets: UTF-8 with a byte order mark, amounts in yuan, the definition on top."""
    rows: list[Sequence[object]] = [
        ("对账日报 / daily reconciliation", report.day),
        (report.definition_zh,),
        (report.definition_en,),
        (),
        (
            "代码 code",
            "名称 name",
            "笔数 count",
            "长款 long 元",
            "短款 short 元",
            "待处理 open",
            "挂账 pooled",
            "建议 advice",
        ),
    ]
    rows += [
        (
            line.code,
            f"{line.label_zh} / {line.label_en}",
            line.count,
            yuan_text(line.long_fen),
            yuan_text(line.short_fen),
            line.states.get("open", 0),
            line.states.get("pooled", 0),
            f"{line.advice_zh} / {line.advice_en}",
        )
        for line in report.codes
    ]
    rows += [
        (),
        (
            "机构 institution",
            "渠道 channel",
            "账 book",
            "对应 leg",
            "收笔数 paid",
            "收 paid 元",
            "退笔数 returned",
            "退 returned 元",
            "净额 net 元",
        ),
    ]
    rows += [
        (
            place,
            line.channel,
            line.book.value,
            line.leg.value,
            line.paid_count,
            yuan_text(line.paid_fen),
            line.returned_count,
            yuan_text(line.returned_fen),
            yuan_text(line.net_fen),
        )
        for place, lines in report.places.items()
        for line in lines
    ]
    return _csv(rows)


def differences_csv(differences: Iterable[Difference]) -> bytes:
    """Differences as CSV for spreadsheets, the definition on top."""
    rows: list[Sequence[object]] = [
        (LONG_SHORT.zh,),
        (LONG_SHORT.en,),
        (
            "编号 id",
            "代码 code",
            "原代码 underlying",
            "账 books",
            "日期 day",
            "机构 institution",
            "渠道 channel",
            "交易号 trade_no",
            "差额 gap 元",
            "状态 state",
            "平台 platform",
            "渠道号 channel ref",
            "HIS号 his ref",
            "医保号 insurance ref",
            "可能原因 cause",
            "处理人 by",
            "处理说明 reason",
        ),
    ]
    for each in differences:
        sides = {book.value: each.side.get(book.value, {}).get("reference", "") for book in Book}
        cause = probable_cause(each)
        rows.append(
            (
                each.difference_id,
                each.code,
                each.underlying,
                each.books,
                each.day,
                each.institution,
                each.channel,
                each.trade_no,
                yuan_text(each.gap_fen),
                each.state,
                *sides.values(),
                f"{cause.zh} / {cause.en}",
                each.handled_by,
                each.reason,
            )
        )
    return _csv(rows)


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = frozenset("-0123456789.")


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: object) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front: it may be somebody else's."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not set(text) <= _NUMBER else text
