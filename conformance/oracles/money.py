"""Oracles of money: no second debit, none lost, nothing undecided, books equal, nothing stuck, nobody lied to.

Pure, over :class:`~conformance.oracles.money_facts.MoneyFacts`. They know nothing of how the platform works: only its rows,
and what each peer says happened in its own book.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from conformance.oracles.money_facts import AttemptFact, Finding, MoneyFacts, TradeFact
from conformance.oracles.money_ledger import judge_ledger
from protocols.wire.base import Label

__all__ = ["ORACLES", "Finding", "judge_money", "not_checked"]

FINAL = frozenset({"paid", "closed", "refunded"})
OPEN = frozenset({"pending", "unknown"})
BOOK_OF = {"his": "his", "insurance": "insurance", "bank": "bank", "wechat": "qr", "alipay": "qr", "unionpay_qr": "qr"}
CASH_BOOKS = ("bank", "qr")
TELLING_ALARMS = frozenset({"peer-contradicts-itself", "undo-refused"})
"""Alarms that no story without a contradictory peer may raise; the others only say that something takes long."""


Oracle = Callable[[MoneyFacts], Iterator[Finding]]


def _net(facts: MoneyFacts) -> dict[tuple[str, str], int]:
    """(trade, book) to fen paid less fen given back. A row that no attempt explains is nobody's: see ``lost``."""
    trade_of = {(BOOK_OF[each.channel], each.reference): each.trade_no for each in facts.attempts}
    trades = {each.trade_no for each in facts.trades}
    net: dict[tuple[str, str], int] = defaultdict(int)
    for row in facts.books:
        reference = row.reference if row.kind == "pay" else row.original
        trade = trade_of.get((row.book, reference)) or (reference if reference in trades else None)
        if trade is not None:
            net[trade, row.book] += row.amount_fen if row.kind == "pay" else -row.amount_fen
    return net


def _second_debit(facts: MoneyFacts) -> Iterator[Finding]:
    count = Counter((row.book, row.reference) for row in facts.books if row.kind == "pay")
    for (book, reference), times in count.items():
        if times > 1:
            yield Finding("second-debit", reference, f"{book} holds {times} payments under one reference")
    due = {each.trade_no: each for each in facts.trades}
    for (trade_no, book), fen in _net(facts).items():
        trade = due.get(trade_no)
        if trade is None:
            continue
        most = {"his": trade.total_fen, "insurance": trade.fund_fen + trade.account_fen}.get(book, trade.cash_fen)
        if fen > most and trade.state in FINAL:
            yield Finding("second-debit", trade_no, f"{book} took {fen} fen, {most} were agreed")
        if fen < 0:
            yield Finding("second-debit", trade_no, f"{book} gave back {-fen} fen more than it took")


def _lost(facts: MoneyFacts) -> Iterator[Finding]:
    """A payment, or money given back for a payment, of which the platform knows nothing."""
    known = {(BOOK_OF[each.channel], each.reference) for each in facts.attempts}
    trades = {each.trade_no for each in facts.trades}
    for row in facts.books:
        paid = row.kind == "pay"
        payment = row.reference if paid else row.original
        if (row.book, payment) in known or payment in trades:
            continue
        text = f"{row.book} holds {row.amount_fen} fen" if paid else f"{row.book} gave back {row.amount_fen} fen"
        source = "" if paid else f" for {payment or 'no payment'}"
        yield Finding("lost", row.reference, f"{text}{source} of which the platform knows nothing")


def _expected(trade: TradeFact) -> dict[str, int]:
    if trade.state != "paid":
        return {"his": 0, "insurance": 0, "cash": 0}
    return {"his": trade.total_fen, "insurance": trade.fund_fen + trade.account_fen, "cash": trade.cash_fen}


def _books_equal(facts: MoneyFacts) -> Iterator[Finding]:
    net = _net(facts)
    for trade in facts.trades:
        if trade.state not in FINAL:
            continue
        held = {
            "his": net.get((trade.trade_no, "his"), 0),
            "insurance": net.get((trade.trade_no, "insurance"), 0),
            "cash": sum(net.get((trade.trade_no, book), 0) for book in CASH_BOOKS),
        }
        for part, fen in _expected(trade).items():
            if held[part] != fen:
                text = f"the trade is {trade.state}: {part} holds {held[part]} fen, {fen} are right"
                yield Finding("books-equal", trade.trade_no, text)


def _decided(facts: MoneyFacts) -> Iterator[Finding]:
    for trade in facts.trades:
        if trade.state not in FINAL:
            yield Finding("decided", trade.trade_no, f"the trade is still {trade.state}")
    for each in facts.attempts:
        if each.state in OPEN or each.state == "manual":
            yield Finding("decided", each.attempt_id, f"{each.leg} {each.act} at {each.channel} is still {each.state}")


def _stuck(facts: MoneyFacts) -> Iterator[Finding]:
    for lock in facts.locks:
        yield Finding("stuck", lock.trade_no or lock.what, f"{lock.peer} still keeps {lock.what}")


_ORDER = ("lock", "visit", "insurance", "cash", "commit")


def _ordered(facts: MoneyFacts) -> Iterator[Finding]:
    """Legs are done in their order and undone in the opposite one (spec/services.md 8): nothing is settled on top of what does not
    stand, and nothing is taken away under what does."""
    trades = {each.trade_no: each for each in facts.trades}
    by_trade: dict[str, list[AttemptFact]] = defaultdict(list)
    for each in facts.attempts:
        by_trade[each.trade_no].append(each)
    for trade_no, attempts in by_trade.items():
        if trade_no in trades:
            yield from _in_order(trades[trade_no], sorted(attempts, key=lambda each: each.attempt_id))


def _in_order(trade: TradeFact, attempts: Sequence[AttemptFact]) -> Iterator[Finding]:
    insured = any(each.leg == "visit" for each in attempts)
    wanted = (
        {"lock"} | ({"visit", "insurance"} if insured else set[str]()) | ({"cash"} if trade.cash_fen else set[str]())
    )
    stands: set[str] = set()
    for each in attempts:
        place = _ORDER.index(each.leg)
        if each.act == "do":
            missing = [leg for leg in _ORDER[:place] if leg in wanted and leg not in stands]
            if missing:
                yield Finding(
                    "ordered", each.attempt_id, f"{each.leg} was begun while {', '.join(missing)} did not stand"
                )
        else:
            above = [leg for leg in _ORDER[place + 1 :] if leg in stands]
            if above:
                yield Finding("ordered", each.attempt_id, f"{each.leg} was taken back under {', '.join(above)}")
        if each.state == "success":
            (stands.add if each.act == "do" else stands.discard)(each.leg)


def _pressed(facts: MoneyFacts) -> Iterator[Finding]:
    """Money of the citizen is asked for once for each time that they pressed pay."""
    if facts.presses is None:
        return
    asked = Counter(each.trade_no for each in facts.attempts if (each.leg, each.act) == ("cash", "do"))
    for trade_no, times in asked.items():
        pressed = facts.presses.get(trade_no, 0)
        if times > pressed:
            yield Finding("pressed", trade_no, f"{times} payments were asked for, pay was pressed {pressed} times")


def _truthful(facts: MoneyFacts) -> Iterator[Finding]:
    """What the citizen was told last is what is so; ``uncertain`` is never a lie. Terminals that were listened to and said nothing
    at all of what was paid were not heard: that proves nothing."""
    states = {each.trade_no: each.state for each in facts.trades}
    right = {"paid": {"paid", "refunded", "refunding"}, "not-paid": {"closed"}, "refunded": {"refunded"}}
    for claim in facts.claims:
        allowed = right.get(claim.said)
        state = states.get(claim.trade_no)
        if allowed is not None and state not in allowed:
            yield Finding("truthful", claim.trade_no, f"{claim.terminal_id} said {claim.said}, the trade is {state}")
    paid = sum(state == "paid" for state in states.values())
    if facts.listened and paid and not facts.claims:
        yield Finding("truthful", "-", f"{paid} trades were paid, and no terminal told anybody anything")


def _alarms(facts: MoneyFacts) -> Iterator[Finding]:
    for code in facts.alarms:
        if code in TELLING_ALARMS:
            yield Finding("alarms", code, "an alarm for a person, and no peer contradicted itself")


def _protocol(facts: MoneyFacts) -> Iterator[Finding]:
    for text in facts.violations:
        yield Finding("protocol", text[:40], text)


ORACLES: dict[str, tuple[Oracle, Label]] = {
    "second-debit": (_second_debit, Label("没有重复扣款", "no second debit")),
    "lost": (_lost, Label("没有丢失的付款", "no payment is lost")),
    "books-equal": (_books_equal, Label("四方账一致", "four books agree")),
    "decided": (_decided, Label("没有悬而未决的交易", "nothing is left undecided")),
    "ledger": (
        judge_ledger,
        Label("分录平衡，各科目与办成的步骤相符", "the ledger is balanced and says what was done"),
    ),
    "ordered": (_ordered, Label("各步骤按次序进行和撤销", "steps are done and undone in order")),
    "pressed": (_pressed, Label("按一次只扣一次", "one press, one payment")),
    "stuck": (_stuck, Label("没有残留的锁", "no lock is stuck")),
    "truthful": (_truthful, Label("对市民所说属实", "what citizens were told is so")),
    "alarms": (_alarms, Label("无需人工的报警", "no alarm for a person")),
    "protocol": (_protocol, Label("无协议违例", "no protocol violation")),
}


def judge_money(facts: MoneyFacts) -> Sequence[Finding]:
    """Everything that is wrong, by oracle. Empty: nothing is. Facts without a trade are no proof of anything."""
    found = [finding for oracle, _ in ORACLES.values() for finding in oracle(facts)]
    if not facts.trades:
        found.append(Finding("vacuous", "-", "there is no trade: nothing was tested"))
    return found


def not_checked(facts: MoneyFacts) -> tuple[Label, ...]:
    """What :func:`judge_money` could not look at, for want of facts. Whoever shows a verdict shows these: silence about them is no
    proof."""
    missing = {"pressed": facts.presses is None, "truthful": not facts.listened}
    return tuple(ORACLES[name][1] for name, lacks in missing.items() if lacks)
