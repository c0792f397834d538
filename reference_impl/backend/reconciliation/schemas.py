"""What users and the backend say to each other about reconciliation. Amounts in fen, days ``2026-11-22``, times Unix seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from protocols.wire.platform.message import Message
from reference_impl.backend.reconciliation.causes import probable_cause
from reference_impl.backend.reconciliation.model import CODE_RULES, Code
from reference_impl.backend.reconciliation.records import (
    Difference,
    DifferenceState,
    Handling,
    HandlingAction,
    Parameters,
    Run,
    parameters_of,
)
from reference_impl.backend.reconciliation.report import CodeLine, DailyReport
from reference_impl.backend.reconciliation.service import MOST_REASON, RunReport
from reference_impl.backend.reconciliation.totals import Total

__all__ = [
    "Day",
    "DifferenceDetail",
    "DifferencePage",
    "DifferenceQuery",
    "DifferenceView",
    "HandlingRequest",
    "ParametersView",
    "ReportView",
    "RowPage",
    "RowQuery",
    "RowView",
    "RunPage",
    "RunQuery",
    "RunReportView",
    "RunRequest",
    "RunView",
    "VoidRequest",
]


_MONTHS = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
Day = Annotated[
    str,
    Field(
        pattern=rf"^(20[0-9]{{2}}-({_MONTHS})|20([02468][048]|[13579][26])-02-29)$",
        description="a day of the years 2000 to 2099",
        examples=["2026-11-22"],
    ),
]
Code32 = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{0,32}$")]
Channel = Annotated[str, Field(pattern=r"^[a-z_]{0,32}$", examples=["bank"])]
Reason = Annotated[
    str, Field(min_length=1, max_length=MOST_REASON, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]


class RunRequest(Message):
    """An empty ``institution`` or ``channel`` means all."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"day": "2026-11-22", "channel": "bank"}]})

    day: Day
    institution: Code32 = ""
    channel: Channel = ""


class VoidRequest(Message):
    reason: Reason


class RunView(Message):
    """``compared``: platform rows; ``carried``: rows out of the pool; ``found``: differences; ``pooled``: rows that wait for
    a later file; ``settled``: rows that left the pool."""

    run_id: str
    day: str
    institution: str
    channel: str
    state: str
    started_by: str
    started_at: float
    ended_at: float
    compared: int
    carried: int
    found: int
    pooled: int
    settled: int
    reason: str
    files: list[dict[str, str | int]]

    @classmethod
    def of(cls, run: Run) -> RunView:
        values = {name: getattr(run, name) for name in cls.model_fields if name != "files"}
        return cls(**values, files=json.loads(run.files))


class RunReportView(Message):
    """``voided``: runs that do not count any more; those of later days must be run again."""

    run: RunView
    voided: list[str]

    @classmethod
    def of(cls, report: RunReport) -> RunReportView:
        return cls(run=RunView.of(report.run), voided=[each.run_id for each in report.voided])


class RunQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first_day: Day
    last_day: Day


class RunPage(Message):
    items: list[RunView]


class RowQuery(BaseModel):
    """``differing``: only rows with a difference, or only those without one."""

    model_config = ConfigDict(extra="forbid")

    book: Literal["platform", "channel", "his", "insurance"] = "platform"
    differing: bool | None = None
    after: Annotated[int, Field(ge=-1, le=2**31)] = -1
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class RowView(Message):
    """A row as it was compared; ``legs`` only on the platform: for each book the reference and the fen expected there."""

    row: int
    reference: str
    kind: str
    original: str
    state: str
    trade_no: str
    fen: int | None
    fee_fen: int | None
    legs: dict[str, tuple[str, int]]
    institution: str
    channel: str
    day: str
    at: int
    codes: list[str]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> RowView:
        legs = {
            book: (row[f"{book}_ref"], row[f"{book}_fen"])
            for book in ("channel", "his", "insurance")
            if row.get(f"{book}_ref")
        }
        plain = {name: row[name] for name in cls.model_fields if name in row and name != "day"}
        return cls(**plain, fen=row.get("amount_fen"), legs=legs, day=f"{row['day']:%Y-%m-%d}")


class RowPage(Message):
    """``after`` of the next page; -1 on the last."""

    items: list[RowView]
    after: int


class DifferenceQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first_day: Day | Literal[""] = ""
    last_day: Day | Literal[""] = ""
    run_id: Annotated[str, Field(pattern=r"^(R[0-9]{8}-[0-9]{3,6})?$")] = ""
    code: Code | Literal[""] = ""
    state: DifferenceState | Literal[""] = ""
    channel: Channel = ""
    institution: Code32 = ""
    after: Annotated[str, Field(pattern=r"^[0-9R-]{0,40}$")] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Words(Message):
    zh: str
    en: str


class DifferenceView(Message):
    """``gap_fen``: the other book less the platform; above zero 长款 (long), below zero 短款 (short). ``sides``: what each book
    says. ``advice`` is what may be done, ``automatic`` whether a machine may begin with it."""

    difference_id: str
    run_id: str
    code: str
    underlying: str
    label: Words
    cause: Words
    advice: Words
    automatic: bool
    books: str
    institution: str
    channel: str
    day: str
    trade_no: str
    kind: str
    sides: dict[str, dict[str, str | int]]
    gap_fen: int
    pooled: bool
    state: str
    ended_run: str
    handled_by: str
    handled_at: float
    reason: str
    version: int

    @classmethod
    def of(cls, each: Difference) -> DifferenceView:
        rule, cause = CODE_RULES[each.rule_code], probable_cause(each)
        made = {"label", "cause", "advice", "automatic", "sides"}
        return cls(
            **{name: getattr(each, name) for name in cls.model_fields if name not in made},
            label=Words(zh=rule.label.zh, en=rule.label.en),
            cause=Words(zh=cause.zh, en=cause.en),
            advice=Words(zh=rule.advice.zh, en=rule.advice.en),
            automatic=rule.automatic,
            sides={book: dict(side) for book, side in each.side.items()},
        )


class DifferencePage(Message):
    """``definition`` says what long and short mean here; ``next`` is empty on the last page."""

    definition: Words
    items: list[DifferenceView]
    next: str


class HandlingView(Message):
    handling_id: str
    difference_id: str
    at: float
    user_id: str
    action: str
    reason: str
    state_before: str
    state_after: str

    @classmethod
    def of(cls, each: Handling) -> HandlingView:
        return cls(**{name: getattr(each, name) for name in cls.model_fields})


class DifferenceDetail(Message):
    """``handlings``: all that was done about it, in whichever run it was found."""

    difference: DifferenceView
    handlings: list[HandlingView]

    @classmethod
    def made(cls, difference: Difference, handlings: Sequence[Handling]) -> DifferenceDetail:
        return cls(difference=DifferenceView.of(difference), handlings=[HandlingView.of(each) for each in handlings])


class HandlingRequest(Message):
    """``version``: that of the difference as it was seen."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "refund", "reason": "已原路退回", "version": 1}]}
    )

    action: Annotated[HandlingAction, Field(strict=False)]
    reason: Reason
    version: Annotated[int, Field(ge=1, le=2**31)]


Cut = Annotated[int, Field(ge=43_200, le=86_400, description="seconds after midnight in China")]


class ParametersView(Message):
    """Of the runs to come. ``window_s``: how far clocks may stand apart; ``fees_ppm``: what a channel keeps, in millionths."""

    platform_cut_s: Cut
    channel_cut_s: Cut
    channel_cuts: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")], Cut]
    his_cut_s: Cut
    insurance_cut_s: Cut
    window_s: Annotated[int, Field(ge=0, le=21_600)]
    pool_days: Annotated[int, Field(ge=0, le=31)]
    fees_ppm: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")], Annotated[int, Field(ge=0, le=1_000_000)]]

    @classmethod
    def of(cls, parameters: Parameters) -> ParametersView:
        values: dict[str, Any] = asdict(parameters)
        for name in ("channel_cuts", "fees_ppm"):
            values[name] = dict(values[name])
        return cls(**values)

    def parameters(self) -> Parameters:
        values = self.model_dump()
        for name in ("channel_cuts", "fees_ppm"):
            values[name] = sorted(values[name].items())
        return parameters_of(values)


class CodeLineView(Message):
    code: str
    label_zh: str
    label_en: str
    advice_zh: str
    advice_en: str
    count: int
    long_fen: int
    short_fen: int
    states: dict[str, int]

    @classmethod
    def of(cls, line: CodeLine) -> CodeLineView:
        return cls(
            **{name: getattr(line, name) for name in cls.model_fields if name != "states"}, states=dict(line.states)
        )


class TotalView(Message):
    """``book`` platform has a line for each ``leg``; another book one for itself."""

    book: str
    leg: str
    channel: str
    paid_count: int
    paid_fen: int
    returned_count: int
    returned_fen: int
    net_count: int
    net_fen: int

    @classmethod
    def of(cls, total: Total) -> TotalView:
        values = {name: getattr(total, name) for name in cls.model_fields if name not in ("book", "leg")}
        return cls(**values, book=total.book.value, leg=total.leg.value)


class ReportView(Message):
    """``places``: for each institution its totals with everything below it, the city first."""

    day: str
    definition: Words
    runs: list[RunView]
    codes: list[CodeLineView]
    places: dict[str, list[TotalView]]

    @classmethod
    def of(cls, report: DailyReport) -> ReportView:
        return cls(
            day=report.day,
            definition=Words(zh=report.definition_zh, en=report.definition_en),
            runs=[RunView.of(each) for each in report.runs],
            codes=[CodeLineView.of(each) for each in report.codes],
            places={place: [TotalView.of(each) for each in lines] for place, lines in report.places.items()},
        )
