"""The oracle of the ledger: each account says what the attempts that succeeded say, and no other account says anything.

Stated here a second time and in other words than the platform's own, from the trade and its attempts alone. What the insurance
pays, the institution bears and the citizen pays by a channel is owed to the platform (debit); what the HIS has been given is owed
to the institution (credit). ``clearing`` takes the other side of each, so every attempt adds up to zero.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.oracles.money_facts import AttemptFact, Finding, MoneyFacts, PostingFact, TradeFact

__all__ = ["judge_ledger"]

CLEARING = "clearing"
NO_CASH = ("receivable:insurance:", "payable:", "borne:")
Balances = Mapping[str, int]


def judge_ledger(facts: MoneyFacts) -> Iterator[Finding]:
    """Entries of nobody, entries that do not add up, and accounts that stand otherwise than what was done."""
    entries: dict[str, list[PostingFact]] = defaultdict(list)
    for row in facts.postings:
        entries[row.trade_no].append(row)
    attempts: dict[str, list[AttemptFact]] = defaultdict(list)
    for each in facts.attempts:
        attempts[each.trade_no].append(each)
    known = {each.trade_no for each in facts.trades}
    for trade_no, rows in entries.items():
        if trade_no not in known:
            yield Finding("ledger", trade_no, f"{len(rows)} entries of a trade that there is not")
        if fen := sum(row.amount_fen for row in rows):
            yield Finding("ledger", trade_no, f"the entries add up to {fen} fen, not to zero")
    for trade in facts.trades:
        rows, done = entries[trade.trade_no], attempts[trade.trade_no]
        yield from _by_attempt(trade, done, rows)
        stand = _balances(rows)
        if trade.state == "paid":
            yield from _as_done(trade, done, stand)
            yield from _paid(trade, stand)
        elif trade.state in ("closed", "refunded"):
            yield from _as_done(trade, done, stand)
            if stand:
                yield Finding("ledger", trade.trade_no, f"{trade.state}, but accounts stand open: {dict(stand)}")


def _by_attempt(trade: TradeFact, attempts: Sequence[AttemptFact], rows: Sequence[PostingFact]) -> Iterator[Finding]:
    """Each attempt by itself. An entry made twice and taken back twice is zero in the sum and wrong here."""
    if not all(row.attempt_id for row in rows):
        return
    booked: dict[str, list[PostingFact]] = defaultdict(list)
    for row in rows:
        booked[row.attempt_id].append(row)
    for attempt_id in booked.keys() - {each.attempt_id for each in attempts}:
        yield Finding("ledger", attempt_id, f"{trade.trade_no} has entries of an attempt that it does not have")
    for each in attempts:
        stand, due = _balances(booked[each.attempt_id]), _balances_due(trade, [each])
        if fen := sum(stand.values()):
            yield Finding("ledger", each.attempt_id, f"the entries of this attempt add up to {fen} fen, not to zero")
        # An insurance may settle otherwise than it was agreed to: that is taken back at once, and no trade is paid on it.
        if each.leg == "insurance" and trade.state not in ("paid", "refunded") and each.state == "success":
            continue
        if stand != due:
            text = f"{each.leg} {each.act} at {each.channel} is {each.state}: {_apart(stand, due)}"
            yield Finding("ledger", each.attempt_id, text)


def _as_done(trade: TradeFact, attempts: Sequence[AttemptFact], stand: Balances) -> Iterator[Finding]:
    due = _balances_due(trade, attempts)
    if stand != due:
        yield Finding("ledger", trade.trade_no, f"{trade.state}: {_apart(stand, due)}")


def _paid(trade: TradeFact, stand: Balances) -> Iterator[Finding]:
    """Whatever the attempts say: the institution has the whole bill to come, and the cash part is owed by channels of payment."""
    payable = -stand.get(f"payable:{trade.institution}", 0)
    cash = sum(fen for account, fen in stand.items() if account != CLEARING and not account.startswith(NO_CASH))
    if payable != trade.total_fen or cash != trade.cash_fen or CLEARING in stand:
        text = f"paid {trade.total_fen} fen with {trade.cash_fen} in cash, but the accounts say {dict(stand)}"
        yield Finding("ledger", trade.trade_no, text)


def _balances(rows: Iterable[PostingFact]) -> Balances:
    """Account to fen, without those that are zero."""
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row.account] += row.amount_fen
    return {account: fen for account, fen in sums.items() if fen}


def _balances_due(trade: TradeFact, attempts: Iterable[AttemptFact]) -> Balances:
    """What has to stand when each of *attempts* that succeeded is booked once."""
    sums: Counter[str] = Counter()
    for each in attempts:
        if each.state != "success":
            continue
        way = 1 if each.act == "do" else -1
        for account, fen in _owed(trade, each).items():
            sums[account] += way * fen
            sums[CLEARING] -= way * fen
    return {account: fen for account, fen in sums.items() if fen}


def _owed(trade: TradeFact, attempt: AttemptFact) -> Balances:
    """Who owes what once *attempt* is done; to whom it is owed stands negative. Lock and visit move no money."""
    if attempt.leg == "insurance":
        return {
            "receivable:insurance:fund": trade.fund_fen,
            "receivable:insurance:account": trade.account_fen,
            "borne:institution": trade.total_fen - trade.fund_fen - trade.account_fen - trade.cash_fen,
        }
    if attempt.leg == "cash":
        return {f"receivable:{attempt.channel}": attempt.amount_fen}
    if attempt.leg == "commit":
        return {f"payable:{trade.institution}": -attempt.amount_fen}
    return {}


def _apart(stand: Balances, due: Balances) -> str:
    """The accounts that differ, in words."""
    accounts = sorted(account for account in {*stand, *due} if stand.get(account, 0) != due.get(account, 0))
    parts = (f"{each} stands at {stand.get(each, 0)} fen, what was done makes {due.get(each, 0)}" for each in accounts)
    return "; ".join(parts)
