"""The verdict on a flow, from its history and nothing else. Pure: the same history gives the same verdict on any machine.

What the runner believed while it ran does not count: every step is judged anew by the pages that the kiosk showed, money by
the rows of all books, and a search for secrets that did not find what was planted for it proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.oracles.money import ORACLES, judge_money
from conformance.oracles.money_facts import Claim, MoneyFacts
from protocols.record import Record
from protocols.wire.base import Label
from scenarios.flow.expect import lacking, quote_wrong
from scenarios.flow.lock import flow_of_lock
from scenarios.flow.model import Flow, QuoteExpect, Step
from scenarios.flow.words import WORDS

__all__ = ["BookRow", "FlowFinding", "FlowVerdict", "StepVerdict", "judge_flow"]

TOLD_TO_SAID = {
    "paid": "paid",
    "not_paid": "not-paid",
    "given_back": "not-paid",
    "refunded": "refunded",
    "uncertain": "uncertain",
}


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """One step: whether what it expects came, and the records that show it. ``ms``: how long it took on this run."""

    number: int
    name: str
    met: bool
    why: str
    first_record: int
    last_record: int
    ms: int


@dataclass(frozen=True, slots=True)
class FlowFinding:
    """Something that is wrong. ``kind`` is a stable id (``step``, ``outcome``, an oracle of money, ``leak`` ...)."""

    kind: str
    subject: str
    text: Label


@dataclass(frozen=True, slots=True)
class BookRow:
    """What the books hold for one trade, net, in fen: the platform's parts, and what each peer says that it has."""

    trade_no: str
    state: str
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    his_fen: int
    insurance_fen: int
    bank_fen: int
    qr_fen: int


@dataclass(frozen=True, slots=True)
class FlowVerdict:
    """``verdict``: pass, fail, error (the harness or a program could not run) or incomplete (the history has no end)."""

    flow: str
    title: Label
    verdict: str
    why: str
    steps: tuple[StepVerdict, ...]
    findings: tuple[FlowFinding, ...]
    books: tuple[BookRow, ...]
    remarks: tuple[str, ...]
    seconds: float
    records: int

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"


def judge_flow(records: Sequence[Record]) -> FlowVerdict:
    """Raises ValueError for a history that is not of a flow."""
    if not records or records[0].kind != "run" or not isinstance(records[0].note.get("flow"), Mapping):
        raise ValueError("the history does not begin with a flow")
    flow = flow_of_lock(records[0].note["flow"])
    steps = tuple(_steps(flow, records))
    end = records[-1] if records[-1].kind == "end" else None
    facts = _money(records)
    findings = [*_of_steps(steps), *_of_money(flow, facts, records), *_of_secrets(records), *_of_programs(records)]
    status = str(end.note.get("status", "")) if end is not None else ""
    if end is None or status == "stopped":
        verdict = "incomplete"
    elif status == "error":
        verdict = "error"
    else:
        verdict = "fail" if findings or status != "done" else "pass"
    title = flow.title
    return FlowVerdict(
        flow.flow,
        Label(title.zh, title.en),
        verdict,
        str(end.note.get("why", "")) if end is not None else "",
        steps,
        tuple(findings),
        tuple(_book_rows(facts)) if facts is not None else (),
        tuple(f"{each.slot}: {each.note.get('text', '')}" for each in records if _is_remark(each)),
        round(records[-1].t - records[0].t, 3),
        len(records),
    )


# Steps.


def _steps(flow: Flow, records: Sequence[Record]) -> Iterator[StepVerdict]:
    """Every step of the flow; one that was never begun is not met."""
    begun = {
        each.note.get("number"): each for each in records if each.kind == "step" and each.note.get("phase") == "begin"
    }
    ended = {
        each.note.get("number"): each for each in records if each.kind == "step" and each.note.get("phase") == "end"
    }
    pages = [each for each in records if each.kind == "page"]
    for number, step in enumerate(flow.steps, 1):
        begin, end = begun.get(number), ended.get(number)
        if begin is None or begin.note.get("name") != step.do:
            yield StepVerdict(number, step.do, False, "not begun", -1, -1, 0)
            continue
        if end is None:
            yield StepVerdict(number, step.do, False, "not ended", begin.seq, begin.seq, 0)
            continue
        why = _unmet(step, pages, begin, end)
        yield StepVerdict(number, step.do, not why, why, begin.seq, end.seq, int(end.note.get("ms", 0)))


def _unmet(step: Step, pages: Sequence[Record], begin: Record, end: Record) -> str:
    """Why the step is not met; empty when it is."""
    if not step.expect:
        return "" if end.note.get("met") else str(end.note.get("why") or "not done")
    seen = [each for each in pages if begin.seq < each.seq < end.seq]
    if WORDS[step.do].passive:
        seen = [*[each for each in pages if each.seq < begin.seq][-1:], *seen]
    if any(not lacking(step.expect, each.note) for each in seen):
        return "" if end.note.get("met") else str(end.note.get("why") or "not done")
    return str(end.note.get("why")) or f"no page shows {', '.join(lacking(step.expect, {}))}"


def _of_steps(steps: Sequence[StepVerdict]) -> Iterator[FlowFinding]:
    for each in steps:
        if not each.met:
            label = WORDS[each.name].label
            text = Label(f"第 {each.number} 步“{label.zh}”：{each.why}", f"step {each.number}, {label.en}: {each.why}")
            yield FlowFinding("step", each.name, text)
            return  # what follows a step that failed was never tried


# Money.


def _money(records: Sequence[Record]) -> MoneyFacts | None:
    found = [each for each in records if each.kind == "snapshot" and each.slot == "books"]
    try:
        return MoneyFacts.of_note(found[-1].note) if found else None
    except (KeyError, TypeError):
        return None


def _of_money(flow: Flow, facts: MoneyFacts | None, records: Sequence[Record]) -> Iterator[FlowFinding]:
    yield from _of_quotes(records)
    if facts is None:
        if flow.stood.backend is not None:
            yield _finding("vacuous", "books", "没有读到账目", "the books were not read")
        return
    for each in judge_money(replace(facts, presses=_presses(records))):
        label = ORACLES[each.oracle][1] if each.oracle in ORACLES else Label("没有交易", "there is no trade")
        yield FlowFinding(
            each.oracle, each.subject, Label(f"{label.zh}：{each.text}", f"not so: {label.en}: {each.text}")
        )
    for trade in facts.trades:
        if trade.state not in flow.outcome:
            wanted = " | ".join(flow.outcome)
            yield _finding(
                "outcome",
                trade.trade_no,
                f"交易为 {trade.state}，应为 {wanted}",
                f"the trade is {trade.state}, not {wanted}",
            )
    if set(facts.claims) != set(_claims(facts, records)):
        yield _finding("history", "claims", "账目记录与终端页面不符", "what the kiosk told is not what its pages show")
    for each in records:
        if each.kind == "fault" and each.note.get("struck") == 0:
            name = f"{each.slot} {each.note.get('id', '')}"
            yield _finding("vacuous", name, "故障从未发生", "the fault never struck: the flow did not test it")


def _claims(facts: MoneyFacts, records: Sequence[Record]) -> list[Claim]:
    """What the kiosk told last about each trade, from its pages."""
    told: dict[str, str] = {}
    for each in records:
        trade = each.note.get("trade")
        if each.kind == "page" and isinstance(trade, Mapping) and isinstance(each.note.get("told"), str):
            told[str(trade.get("trade_no", ""))] = str(each.note["told"])
    terminal = facts.claims[0].terminal_id if facts.claims else ""
    return [Claim(terminal, number, TOLD_TO_SAID[said]) for number, said in told.items() if said in TOLD_TO_SAID]


def _presses(records: Sequence[Record]) -> dict[str, int]:
    """How often pay was pressed on each trade, from the pages: no debit without a press of its own."""
    pressed: dict[str, int] = {}
    for each in records:
        trade = each.note.get("trade")
        if each.kind == "page" and isinstance(trade, Mapping):
            number = str(trade.get("trade_no", ""))
            pressed[number] = max(pressed.get(number, 0), int(each.note.get("presses", 0)))
    return pressed


def _of_quotes(records: Sequence[Record]) -> Iterator[FlowFinding]:
    """Fund, account and cash make up the total on every page that shows a quote."""
    said: set[str] = set()
    for each in records:
        trade: Any = each.note.get("trade") if each.kind == "page" else None
        if not isinstance(trade, Mapping) or not trade.get("split"):
            continue
        number = str(trade.get("trade_no", ""))
        if quote_wrong(QuoteExpect(), trade) and number not in said:
            said.add(number)
            yield _finding(
                "quote", number, "统筹、账户、现金之和不等于合计", "fund, account and cash do not make up the total"
            )


BOOKS = {"his": "his_fen", "insurance": "insurance_fen", "bank": "bank_fen", "qr": "qr_fen"}


def _book_rows(facts: MoneyFacts) -> Iterator[BookRow]:
    held: dict[tuple[str, str], int] = defaultdict(int)
    trade_of = {each.reference: each.trade_no for each in facts.attempts}
    numbers = {each.trade_no for each in facts.trades}
    for row in facts.books:
        reference = row.reference if row.kind == "pay" else row.original
        number = trade_of.get(reference) or (reference if reference in numbers else "")
        held[number, row.book] += row.amount_fen if row.kind == "pay" else -row.amount_fen
    for each in facts.trades:
        amounts = {name: held[each.trade_no, book] for book, name in BOOKS.items()}
        yield BookRow(
            each.trade_no, each.state, each.total_fen, each.fund_fen, each.account_fen, each.cash_fen, **amounts
        )


# Secrets and programs.


def _of_secrets(records: Sequence[Record]) -> Iterator[FlowFinding]:
    for each in records:
        if each.kind == "leak":
            what, form = each.note.get("privacy", ""), each.note.get("form", "")
            yield _finding(
                "leak", each.slot, f"{each.slot} 中有 {what}（{form}）", f"{what} ({form}) stands in {each.slot}"
            )
        elif "withheld" in each.note and each.kind != "run":
            yield _finding("leak", each.slot, "历史记录中出现个人信息", "something personal was about to be recorded")
    search = next((each.note for each in reversed(records) if each.kind == "search"), None)
    if search is None:
        yield _finding("vacuous", "search", "没有做泄漏检查", "nothing was searched for secrets")
    elif search.get("planted") != search.get("found") or not search.get("planted") or not search.get("bytes"):
        yield _finding(
            "vacuous", "search", "泄漏检查没有找到植入的秘密", "the search did not find what was planted for it"
        )
    elif not search.get("keys_known"):
        yield _finding(
            "vacuous", "keys", "工作密钥未知，检查无效", "the working keys in use are not those that were looked for"
        )
    elif search.get("leaks"):
        count = search["leaks"]
        yield _finding("leak", "search", f"发现 {count} 处泄漏", f"{count} leaks were found")


def _of_programs(records: Sequence[Record]) -> Iterator[FlowFinding]:
    for each in records:
        if each.kind == "violation" and each.slot == "kiosk":
            yield _finding("protocol", "kiosk", str(each.note.get("text", "")), str(each.note.get("text", "")))


def _is_remark(record: Record) -> bool:
    """A device that says its host broke the protocol: a motor that a hand has set going is nobody's fault."""
    return record.kind == "violation" and record.slot != "kiosk"


def _finding(kind: str, subject: str, zh: str, en: str) -> FlowFinding:
    return FlowFinding(kind, subject, Label(zh, en))
