"""The platform's own book of a day: trades and their attempts as movements in the neutral form.

A trade that the HIS has confirmed is one movement with all legs that stood then. Every other attempt is a movement of its own:
what was paid and not confirmed, what failed, what is undecided, what takes something back. An attempt that was reversed
because nobody knew of it is a payment and its undo: the channel may have both, or neither, or each on a day of its own.

A movement's time is when it was sent. Where nobody knew the outcome across an end of day, it is that end of day itself: its
partner may stand on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from protocols.clock import CHINA, civil
from reference_impl.backend.reconciliation.frames import PLATFORM_SCHEMA
from reference_impl.backend.reconciliation.model import DAY_S, Kind, Scope, State, Terms
from reference_impl.backend.settlement.ledger import CLEARING
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Trade
from reference_impl.backend.settlement.rows import attempt_of, trade_of, with_attempts
from reference_impl.backend.settlement.tables import ATTEMPTS, POSTINGS, TRADES

__all__ = ["Movement", "day_start", "movements", "platform_rows", "trades_of_day"]

_BOOKS: Mapping[Leg, str] = {Leg.CASH: "channel", Leg.COMMIT: "his", Leg.INSURANCE: "insurance"}
"""Legs that move money, and the book that each of them stands in."""

_STATES: Mapping[AttemptState, State] = {
    AttemptState.SUCCESS: State.DONE,
    AttemptState.REVERSED: State.DONE,
    AttemptState.FAIL: State.FAILED,
}
CHINA_OFFSET_S = 8 * 3600
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Movement:
    """A platform row. ``legs``: for each book its reference and the fen expected there (negative in an undo)."""

    reference: str
    kind: Kind
    original: str
    state: State
    trade_no: str
    legs: Mapping[str, tuple[str, int]]
    institution: str
    channel: str
    day: date
    at: int


def movements(trade: Trade, terms: Terms) -> Iterator[Movement]:
    """All movements of *trade*, of whatever day, each before what takes it back."""
    together = _confirmed(trade)
    home: dict[str, Movement] = {}
    if together:
        whole = _movement(trade, together, Kind.PAY, None, terms)
        home = {each.attempt_id: whole for each in together}
        yield whole
    for attempt in trade.attempts:
        if attempt.leg not in _BOOKS or attempt.attempt_id in home:
            continue
        undoes = attempt.act is Act.UNDO
        original = home.get(attempt.original) if undoes else None
        own = _movement(trade, (attempt,), Kind.UNDO if undoes else Kind.PAY, original, terms)
        home[attempt.attempt_id] = own
        yield own
        if attempt.state is AttemptState.REVERSED:
            yield _taken_back(own, attempt, terms)


def _confirmed(trade: Trade) -> tuple[Attempt, ...]:
    """What stood when the HIS confirmed the trade, with that confirmation; empty for a trade that it never did."""
    standing: dict[Leg, Attempt] = {}
    for attempt in trade.attempts:
        if attempt.state is not AttemptState.SUCCESS or attempt.leg not in _BOOKS:
            continue
        if attempt.act is Act.UNDO:
            standing.pop(attempt.leg, None)
            continue
        standing[attempt.leg] = attempt
        if attempt.leg is Leg.COMMIT:
            return tuple(standing.values())
    return ()


def _movement(
    trade: Trade, attempts: Sequence[Attempt], kind: Kind, original: Movement | None, terms: Terms
) -> Movement:
    first = attempts[0]
    sign = -1 if kind is Kind.UNDO else 1
    cash = next((each.channel for each in attempts if each.leg is Leg.CASH), "")
    state = _STATES.get(first.state, State.OPEN)
    legs = {_BOOKS[each.leg]: (_reference(trade, each), sign * _fen(trade, each)) for each in attempts}
    if kind is Kind.PAY and state is State.FAILED and first.leg is Leg.CASH and not _asked_to_confirm(trade):
        # Whether the HIS has it all the same is what tells CHANNEL_ONLY from a difference of states.
        legs["his"] = (trade.trade_no, trade.total_fen)
    at, day = _sent(first, terms, cash)
    return Movement(
        reference=f"{trade.trade_no}/{first.seq}",
        kind=kind,
        original=original.reference if original else "",
        state=state,
        trade_no=trade.trade_no,
        legs=legs,
        institution=trade.institution,
        channel=cash or (original.channel if original else ""),
        day=day,
        at=at,
    )


def _asked_to_confirm(trade: Trade) -> bool:
    return any(each.leg is Leg.COMMIT and each.act is Act.DO for each in trade.attempts)


def _taken_back(own: Movement, attempt: Attempt, terms: Terms) -> Movement:
    """The other half of an attempt that was reversed, when that was known. The insurance takes a settlement back under a
    number of its own, the others under the number of what they take back."""
    at = int(attempt.updated_at)
    revoked = str(attempt.facts.get("revoke_msgid", attempt.reference))
    legs = {book: (revoked if book == "insurance" else reference, -fen) for book, (reference, fen) in own.legs.items()}
    return replace(
        own,
        reference=f"{own.reference}r",
        kind=Kind.REDO if own.kind is Kind.UNDO else Kind.UNDO,
        original=own.reference,
        legs=legs,
        at=at,
        day=_day(at, terms.platform_cut_s),
    )


def _reference(trade: Trade, attempt: Attempt) -> str:
    """Under which the other book has it: the HIS keeps a trade under the platform's number."""
    return trade.trade_no if attempt.leg is Leg.COMMIT and attempt.act is Act.DO else attempt.reference


def _fen(trade: Trade, attempt: Attempt) -> int:
    if attempt.leg is Leg.COMMIT:
        return trade.total_fen
    if attempt.leg is Leg.INSURANCE:
        settled = trade.attempt(attempt.original) if attempt.act is Act.UNDO else attempt
        split = settled.facts.get("split")
        return split["fund_fen"] + split["account_fen"] if split else attempt.amount_fen
    return attempt.amount_fen


def _sent(attempt: Attempt, terms: Terms, channel: str) -> tuple[int, date]:
    """When it was sent, or the end of day across which it was open; and the platform's day of that."""
    at = int(attempt.created_at)
    until = int(attempt.updated_at) if attempt.updated_at else at
    cuts = {terms.platform_cut_s, terms.his_cut_s, terms.insurance_cut_s}
    cuts.add(terms.channel_cuts.get(channel, terms.channel_cut_s))
    midnight = at - (at + CHINA_OFFSET_S) % DAY_S
    crossed = sorted(midnight + cut for cut in cuts if at <= midnight + cut <= until)
    return (crossed[0] if crossed else at), _day(at, terms.platform_cut_s)


def _day(at: int, cut_s: int) -> date:
    moment = civil(at)
    second = (at + CHINA_OFFSET_S) % DAY_S
    return moment.date() + timedelta(days=1 if second >= cut_s else 0)


def day_start(day: date) -> float:
    """Unix time of its midnight in China."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp()


def platform_rows(trades: Iterable[Trade], scope: Scope, terms: Terms, fees_ppm: Mapping[str, int]) -> pl.DataFrame:
    """The book of *scope*. *fees_ppm*: what each channel keeps, in millionths; a channel that is not named has no fee that
    the platform knows."""
    rows = [
        _row(each, fees_ppm)
        for trade in trades
        for each in movements(trade, terms)
        if scope.covers(Scope(each.day, each.institution, each.channel))
    ]
    return pl.DataFrame(rows, schema=PLATFORM_SCHEMA, orient="row")


def _row(each: Movement, fees_ppm: Mapping[str, int]) -> tuple[object, ...]:
    legs = [part for book in ("channel", "his", "insurance") for part in each.legs.get(book, ("", 0))]
    fee = None
    if "channel" in each.legs and each.channel in fees_ppm:
        fen = each.legs["channel"][1]
        fee = (abs(fen) * fees_ppm[each.channel] + MILLION // 2) // MILLION * (-1 if fen < 0 else 1)
    head = (each.reference, each.kind.value, each.original, each.state.value, each.trade_no)
    return (*head, *legs, fee, each.institution, each.channel, each.day, each.at)


async def trades_of_day(engine: AsyncEngine, day: date, pool_days: int) -> list[Trade]:
    """Every trade that can have a movement on *day*: opened then or shortly before, or with an entry of that day."""
    opened = [f"{day - timedelta(days=back):%Y%m%d}" for back in range(pool_days + 2)]
    booked = select(POSTINGS.c.trade_no).where(and_(POSTINGS.c.account == CLEARING, POSTINGS.c.day == opened[0]))
    wanted = or_(TRADES.c.day.in_(opened), TRADES.c.trade_no.in_(booked))
    numbers = select(TRADES.c.trade_no).where(wanted)
    async with engine.connect() as connection:
        trades = [trade_of(tuple(row)) for row in await connection.execute(select(TRADES).where(wanted))]
        found = await connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.trade_no.in_(numbers)))
        attempts: dict[str, list[Attempt]] = {each.trade_no: [] for each in trades}
        for row in found:
            attempt = attempt_of(tuple(row))
            if attempt.trade_no in attempts:
                attempts[attempt.trade_no].append(attempt)
    return [with_attempts(each, attempts[each.trade_no]) for each in sorted(trades, key=lambda each: each.trade_no)]
