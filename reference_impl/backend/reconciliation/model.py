"""What a reconciliation speaks of: books, states, difference codes, terms of a run. Pure values, no I/O.

**How rows of four books belong together.** The platform is the hub. Each of its rows is one movement of one trade (a payment
or what takes it back) with up to three *legs*: it knows the reference of the channel, of the HIS and of the insurance for
it, and what it expects there. A row of another book belongs to the leg that names its reference and is of the same kind.
Rows that the platform does not know are put together by the trade number, where a book carries it.

**Kinds.** ``pay`` is positive. ``undo`` (reversal, void, refund) is negative and stands on its own day under its own
reference; ``original`` names the row that it takes back. ``redo`` takes an undo back (a void that was reversed).

**Pairs.** Within one book a row that is done and the done row that takes it back, with the amount negated, are removed before
anything is compared: their state is ``reversed``, which counts as absent. On the platform this is done leg by leg. A part
refund, or one whose original stands in another day's file, is no pair and is compared as a row of its own.

**Duplicates.** Of several rows of one kind and reference in one book the first is compared, done ones before others; every
further one that is done is a DUPLICATE.

**Cut-over and pool.** A row that misses its partner is held back while it is younger than ``pool_days`` days and stands
between the two books' ends of day, give or take the window (CUTOVER), or misses its partner in the channel (PLATFORM_ONLY).
The next runs compare it again together with the day's rows.

Source: spec/services.md 5; for what it leaves open, ``docs/`` of the same section and the tests of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntFlag, StrEnum

from protocols.wire.base import Label

__all__ = [
    "BOOK_LABELS",
    "CODES",
    "CODE_RULES",
    "LEGS",
    "POOLABLE",
    "Action",
    "Book",
    "BookMask",
    "Code",
    "CodeRule",
    "Finding",
    "Kind",
    "Scope",
    "State",
    "Terms",
]

DAY_S = 86_400


class Book(StrEnum):
    """``channel`` is the bank or a QR channel."""

    PLATFORM = "platform"
    CHANNEL = "channel"
    HIS = "his"
    INSURANCE = "insurance"


LEGS = (Book.CHANNEL, Book.HIS, Book.INSURANCE)
"""The books that a platform row points into, in the order of their columns."""

BOOK_LABELS: Mapping[Book, Label] = {
    Book.PLATFORM: Label("平台", "platform"),
    Book.CHANNEL: Label("银行/扫码渠道", "bank or QR channel"),
    Book.HIS: Label("HIS", "HIS"),
    Book.INSURANCE: Label("医保", "insurance"),
}


class BookMask(IntFlag):
    """In which books a difference shows."""

    CHANNEL = 1
    HIS = 2
    INSURANCE = 4
    PLATFORM = 8

    @staticmethod
    def of(book: Book) -> BookMask:
        return BookMask[book.name]

    def names(self) -> tuple[str, ...]:
        return tuple(book.value for book in Book if BookMask.of(book) & self)


class Kind(StrEnum):
    PAY = "pay"
    UNDO = "undo"
    REDO = "redo"


class State(StrEnum):
    """Of a row in a file: money moved, undecided, or certainly not moved. ``reversed`` and ``absent`` are what an engine
    makes of it: removed with its pair, and not there at all. The order is the preference among rows of one reference."""

    DONE = "done"
    OPEN = "open"
    FAILED = "failed"
    REVERSED = "reversed"
    ABSENT = "absent"


class Code(StrEnum):
    """Exactly those of spec/services.md 5."""

    CHANNEL_ONLY = "CHANNEL_ONLY"
    PLATFORM_ONLY = "PLATFORM_ONLY"
    HIS_MISSING = "HIS_MISSING"
    HIS_ONLY = "HIS_ONLY"
    INS_MISSING = "INS_MISSING"
    INS_ONLY = "INS_ONLY"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    STATUS_MISMATCH = "STATUS_MISMATCH"
    FEE_MISMATCH = "FEE_MISMATCH"
    DUPLICATE = "DUPLICATE"
    CUTOVER = "CUTOVER"


CODES = tuple(Code)

POOLABLE = frozenset(
    {Code.CHANNEL_ONLY, Code.PLATFORM_ONLY, Code.HIS_MISSING, Code.HIS_ONLY, Code.INS_MISSING, Code.INS_ONLY}
)
"""Differences of a row without a partner: near the end of a day they are CUTOVER."""


class Action(StrEnum):
    """What a machine may do about a difference, and nothing else (spec/services.md 5, last column)."""

    QUERY_COMPLETE_OR_REFUND = "query-complete-or-refund"
    POOL_QUERY_PERSON = "pool-query-person"
    TRADE_CHECK_RECOMMIT_OR_REFUND = "trade-check-recommit-or-refund"
    PERSON_CANCEL_OR_LATE_ENTRY = "person-cancel-or-late-entry"
    INSURANCE_QUERY_THEN_PERSON = "insurance-query-then-person"
    NEXT_DAY_FILE = "next-day-file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CodeRule:
    """One row of the table of codes. ``automatic``: the action may be begun without a person."""

    code: Code
    label: Label
    cause: Label
    action: Action
    automatic: bool
    advice: Label


def _rule(code: Code, label: Label, cause: Label, action: Action, automatic: bool, advice: Label) -> CodeRule:
    return CodeRule(code, label, cause, action, automatic, advice)


_BY_PERSON = Label("只由人处理，机器不改账", "a person decides; no machine changes a book")
_INSURANCE = Label(
    "先用5203查证；再由人决定2601冲正或2208撤销", "query with 5203 first; then a person decides on 2601 or 2208"
)

CODE_RULES: Mapping[Code, CodeRule] = {
    rule.code: rule
    for rule in (
        _rule(
            Code.CHANNEL_ONLY,
            Label("渠道单边：渠道已收，平台未成功", "channel only: paid at the channel, not on the platform"),
            Label("应答丢失后平台判失败，或冲正未到渠道", "the reply was lost, or the reversal never arrived"),
            Action.QUERY_COMPLETE_OR_REFUND,
            True,
            Label(
                "查证后：当日仍需要则在HIS补成，否则退款",
                "after a trade query: complete in the HIS if still wanted within the day, else refund",
            ),
        ),
        _rule(
            Code.PLATFORM_ONLY,
            Label("平台单边：平台已付，渠道没有", "platform only: paid on the platform, absent at the channel"),
            Label(
                "渠道对账单缺行或迟到，或渠道已冲正", "a row missing or late in the bill, or reversed by the channel"
            ),
            Action.POOL_QUERY_PERSON,
            True,
            Label("挂账到T+2，再查证，再由人处理", "pool until T+2, then a query, then a person"),
        ),
        _rule(
            Code.HIS_MISSING,
            Label("HIS缺失：平台与渠道已付，HIS没有", "HIS missing: paid, but absent in the HIS"),
            Label("HIS确认失败或应答丢失", "the commit at the HIS failed or its reply was lost"),
            Action.TRADE_CHECK_RECOMMIT_OR_REFUND,
            True,
            Label(
                "trade_check查证，用同一交易号重提，否则退款",
                "trade_check, commit again with the same trade_no, else refund",
            ),
        ),
        _rule(
            Code.HIS_ONLY,
            Label("HIS单边：HIS已结，平台与渠道没有", "HIS only: settled in the HIS, absent elsewhere"),
            Label("HIS退费未完成，或窗口补录", "an undo at the HIS came to nothing, or an entry at a window"),
            Action.PERSON_CANCEL_OR_LATE_ENTRY,
            False,
            Label("由人在HIS撤销或在平台补录", "a person cancels it in the HIS or enters it late"),
        ),
        _rule(
            Code.INS_MISSING,
            Label("医保缺失：平台已结，医保没有", "insurance missing: settled on the platform, absent there"),
            Label("医保已冲正，或平台误记", "taken back at the centre, or booked wrongly on the platform"),
            Action.INSURANCE_QUERY_THEN_PERSON,
            True,
            _INSURANCE,
        ),
        _rule(
            Code.INS_ONLY,
            Label("医保单边：医保已结，平台没有", "insurance only: settled at the insurance, absent here"),
            Label("结算应答丢失，冲正未成功", "the reply was lost and the correction did not succeed"),
            Action.INSURANCE_QUERY_THEN_PERSON,
            True,
            _INSURANCE,
        ),
        _rule(
            Code.AMOUNT_MISMATCH,
            Label("金额不符", "amounts differ"),
            Label("一方改价、部分退款或文件有误", "a change of price, a part refund, or a fault in a file"),
            Action.NONE,
            False,
            _BY_PERSON,
        ),
        _rule(
            Code.STATUS_MISMATCH,
            Label("状态不符", "states differ"),
            Label("一方未得到最终结果", "one side has not got the final result"),
            Action.NONE,
            False,
            _BY_PERSON,
        ),
        _rule(
            Code.FEE_MISMATCH,
            Label("手续费不符", "fees differ"),
            Label("费率参数与渠道合同不一致", "the rate on the platform is not the one of the contract"),
            Action.NONE,
            False,
            _BY_PERSON,
        ),
        _rule(
            Code.DUPLICATE,
            Label("重复：同一参考号有多行", "duplicate: several rows under one reference"),
            Label("重复入账或文件重复", "booked twice, or a file was written twice"),
            Action.NONE,
            False,
            _BY_PERSON,
        ),
        _rule(
            Code.CUTOVER,
            Label("日切：等次日文件", "cut-over: waits for the next day's file"),
            Label("发生在日切附近，对方记在相邻日", "near the end of a day: the other side books it on another day"),
            Action.NEXT_DAY_FILE,
            True,
            Label(
                "次日文件到后自动核销，否则按原差错处理",
                "closed by the next day's file; otherwise it becomes what it would have been",
            ),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What one run covers: a business day, and one institution and one channel, or all of them (empty)."""

    day: date
    institution: str = ""
    channel: str = ""

    def covers(self, other: Scope) -> bool:
        """True where everything of *other* is in this one as well."""
        return (
            self.day == other.day
            and self.institution in ("", other.institution)
            and self.channel in ("", other.channel)
        )

    def overlaps(self, other: Scope) -> bool:
        """True where a row may belong to both."""
        return (
            self.day == other.day
            and (not self.institution or not other.institution or self.institution == other.institution)
            and (not self.channel or not other.channel or self.channel == other.channel)
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """Parameters of a run (DG-FIN-SYS-01). Ends of day are seconds after midnight in China, 86400 being midnight itself.

    ``channel_cut_s`` holds for channels without an entry in ``channel_cuts``. The bank's day ends at 23:00
    (spec/services.md 5 and U8). ``window_s``: how far from an end of day clocks may stand apart.
    """

    day: date
    platform_cut_s: int = DAY_S
    channel_cut_s: int = DAY_S
    channel_cuts: Mapping[str, int] = field(default_factory=lambda: {"bank": 82_800})
    his_cut_s: int = DAY_S
    insurance_cut_s: int = DAY_S
    window_s: int = 600
    pool_days: int = 2

    def __post_init__(self) -> None:
        cuts = (
            self.platform_cut_s,
            self.channel_cut_s,
            self.his_cut_s,
            self.insurance_cut_s,
            *self.channel_cuts.values(),
        )
        if not all(DAY_S // 2 <= cut <= DAY_S for cut in cuts):
            raise ValueError("an end of day is a second from 43200 (noon) to 86400 (midnight): correct the parameters")
        if not 0 <= self.window_s <= DAY_S // 4 or not 0 <= self.pool_days <= 31:
            raise ValueError("the window is 0 to 21600 seconds, the pool 0 to 31 days: correct the parameters")

    def zone(self, book: Book, channel: str) -> tuple[int, int]:
        """First and last second, counted from midnight, in which platform and *book* may book on different days.
        The last may be beyond 86400: it then reaches into the morning."""
        match book:
            case Book.CHANNEL:
                cut = self.channel_cuts.get(channel, self.channel_cut_s)
            case Book.HIS:
                cut = self.his_cut_s
            case _:
                cut = self.insurance_cut_s
        first, last = min(cut, self.platform_cut_s), max(cut, self.platform_cut_s)
        return first - self.window_s, last + self.window_s


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One difference as an engine gives it: a code and the rows it is about, by their position in each file (from 0; -1:
    none). ``underlying`` is what a CUTOVER would otherwise be; ``pooled``: the rows go to the pool."""

    code: str
    p_row: int
    c_row: int
    h_row: int
    i_row: int
    books: int
    underlying: str = ""
    pooled: bool = False
