"""The same settlement written the textbook way: FastAPI, SQLAlchemy's asynchronous ORM, a transaction a step.

A benchmark only. It keeps the invariants of the engine, on the same tables: one trade a key, an attempt durable before it
is sent, a result durable before it is told, double entry, an outbox row with the last step; and it loses to the engine on
nothing but speed. It has no recovery, no refund and no way back: those cost nothing on the way that is measured.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from protocols.clock import Clock, civil
from reference_impl.backend.settlement.ledger import entries
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Split, Trade, TradeKind
from reference_impl.backend.settlement.tables import ATTEMPTS, OUTBOX, POSTINGS, TRADES

__all__ = ["ACCOUNT_SHARE", "FUND_SHARE", "OpenRequest", "PayRequest", "TradeReply", "build_textbook"]

FUND_SHARE, ACCOUNT_SHARE = 0.6, 0.1


class Base(DeclarativeBase):
    """The tables are the engine's own."""

    metadata = TRADES.metadata


class TradeRow(Base):
    __table__ = TRADES


class AttemptRow(Base):
    __table__ = ATTEMPTS


class PostingRow(Base):
    __table__ = POSTINGS


class OutboxRow(Base):
    __table__ = OUTBOX


class OpenRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    terminal_id: str = Field(max_length=64)
    institution: str = Field(max_length=64)
    patient_id: str = Field(max_length=64)
    total_fen: int = Field(gt=0)
    bill_ids: list[str] = Field(max_length=20)


class PayRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str = Field(max_length=32)


class TradeReply(BaseModel):
    trade_no: str
    state: str
    total_fen: int
    cash_fen: int | None


@dataclass(slots=True)
class _Numbers:
    prefix: str
    count: int = 0

    def next(self, day: str) -> str:
        self.count += 1
        return f"TB{day}{self.prefix}{self.count:07d}"


def build_textbook(engine: AsyncEngine, clock: Clock, prefix: str) -> FastAPI:
    """The application over *engine*, whose tables exist. *prefix* keeps the trade numbers of two runs apart."""
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    numbers = _Numbers(prefix)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/trades", status_code=201, response_model=TradeReply)
    async def open_trade(wanted: OpenRequest, idempotency_key: str = Header()) -> TradeReply:
        async with sessions() as session, session.begin():
            known = await session.scalar(
                select(TradeRow).where(
                    TRADES.c.terminal_id == wanted.terminal_id, TRADES.c.idempotency_key == idempotency_key
                )
            )
            if known is not None:
                return _reply(known)
            trade = _new_trade(wanted, idempotency_key, clock.now(), numbers)
            session.add(trade)
        trade_no: str = trade.trade_no
        for leg in (Leg.LOCK, Leg.VISIT):
            await _attempt(sessions, clock, trade_no, leg)
        return await _moved(sessions, trade_no, state="awaiting")

    @app.post("/trades/{trade_no}/pay", status_code=202, response_model=TradeReply)
    async def pay(trade_no: str, wanted: PayRequest) -> TradeReply:
        await _moved(sessions, trade_no, state="paying", method=wanted.method, agreed=True)
        for leg in (Leg.INSURANCE, Leg.CASH, Leg.COMMIT):
            await _attempt(sessions, clock, trade_no, leg)
        return await _finished(sessions, clock, trade_no)

    @app.get("/trades/{trade_no}", response_model=TradeReply)
    async def show(trade_no: str) -> TradeReply:
        async with sessions() as session:
            return _reply(await _must(session, trade_no))

    return app


async def _must(session: AsyncSession, trade_no: str, lock: bool = False) -> Any:
    found = await session.get(TradeRow, trade_no, with_for_update=lock)
    if found is None:
        raise HTTPException(404, f"there is no trade {trade_no}")
    return found


async def _attempt(sessions: async_sessionmaker[AsyncSession], clock: Clock, trade_no: str, leg: Leg) -> None:
    """One leg: durable, sent, heard, durable."""
    async with sessions() as session, session.begin():
        trade = await _must(session, trade_no, lock=True)
        count = len((await session.scalars(select(ATTEMPTS.c.seq).where(ATTEMPTS.c.trade_no == trade_no))).all())
        row = _new_attempt(trade, leg, count + 1, clock.now())
        session.add(row)
    # Here the peer is asked; in the benchmark it answers at once, for both candidates.
    async with sessions() as session, session.begin():
        trade = await _must(session, trade_no, lock=True)
        kept = await session.get(AttemptRow, row.attempt_id, with_for_update=True)
        assert kept is not None
        _succeed(session, trade, kept, clock.now())


async def _moved(sessions: async_sessionmaker[AsyncSession], trade_no: str, **values: object) -> TradeReply:
    async with sessions() as session, session.begin():
        trade = await _must(session, trade_no, lock=True)
        for name, value in values.items():
            setattr(trade, name, value)
        trade.version += 1
    return _reply(trade)


async def _finished(sessions: async_sessionmaker[AsyncSession], clock: Clock, trade_no: str) -> TradeReply:
    now = clock.now()
    async with sessions() as session, session.begin():
        trade = await _must(session, trade_no, lock=True)
        trade.state, trade.closed_at = "paid", now
        payload = json.dumps({"patient_id": trade.patient_id, "total_fen": trade.total_fen})
        session.add(
            OutboxRow(
                message_id=f"{trade_no}:paid",
                trade_no=trade_no,
                kind="paid",
                payload=payload,
                state="waiting",
                due=now,
                tries=0,
                created_at=now,
                version=1,
            )
        )
    return _reply(trade)


def _new_trade(wanted: OpenRequest, key: str, now: float, numbers: _Numbers) -> Any:
    day = f"{civil(now):%Y%m%d}"
    return TradeRow(
        trade_no=numbers.next(day),
        kind="bill",
        idempotency_key=key,
        request_hash="",
        terminal_id=wanted.terminal_id,
        institution=wanted.institution,
        patient_id=wanted.patient_id,
        total_fen=wanted.total_fen,
        opened_at=now,
        deadline=now + 300,
        day=day,
        insured=True,
        terms=json.dumps({"bill_ids": wanted.bill_ids}),
        state="quoting",
        goal="pay",
        goal_since=now,
        agreed=False,
        method="",
        pay_keys="",
        reason="",
        closed_at=0.0,
        updated_at=now,
        version=1,
    )


def _new_attempt(trade: Any, leg: Leg, seq: int, now: float) -> Any:
    channel = {Leg.LOCK: "his", Leg.COMMIT: "his", Leg.CASH: "wechat"}.get(leg, "insurance")
    attempt_id = f"{trade.trade_no}{seq:03d}"
    return AttemptRow(
        attempt_id=attempt_id,
        trade_no=trade.trade_no,
        seq=seq,
        leg=leg.value,
        act="do",
        channel=channel,
        operation=leg.value,
        reference=attempt_id,
        amount_fen=trade.cash_fen if leg is Leg.CASH else trade.total_fen,
        created_at=now,
        original="",
        state="pending",
        op=leg.value,
        due=now,
        tries=1,
        code="",
        reason="",
        facts="{}",
        sealed=b"",
        updated_at=now,
        version=1,
    )


def _succeed(session: AsyncSession, trade: Any, row: Any, now: float) -> None:
    row.state, row.op, row.due, row.updated_at, row.version = "success", "", 0.0, now, 2
    total: int = trade.total_fen
    fund, account = int(total * FUND_SHARE), int(total * ACCOUNT_SHARE)
    split = Split(fund_fen=fund, account_fen=account, cash_fen=total - fund - account)
    if row.leg == Leg.VISIT.value:
        trade.fund_fen, trade.account_fen, trade.cash_fen = fund, account, split.cash_fen
        trade.mutual_aid_fen = trade.hospital_fen = 0
    if row.leg == Leg.INSURANCE.value:
        row.facts = json.dumps({"split": {"fund_fen": fund, "account_fen": account, "cash_fen": split.cash_fen}})
    day = f"{civil(now):%Y%m%d}"
    for number, (name, fen) in enumerate(entries(_as_trade(trade, split), _as_attempt(row, split)), 1):
        session.add(
            PostingRow(
                posting_id=f"{row.attempt_id}/{number}",
                trade_no=trade.trade_no,
                attempt_id=row.attempt_id,
                account=name,
                amount_fen=fen,
                at=now,
                day=day,
            )
        )
    trade.version += 1


def _as_trade(row: Any, split: Split) -> Trade:
    values = {
        name: getattr(row, name) for name in ("trade_no", "terminal_id", "institution", "patient_id", "total_fen")
    }
    return Trade(
        **values, kind=TradeKind.BILL, key="", request_hash="", opened_at=0.0, deadline=0.0, day="", split=split
    )


def _as_attempt(row: Any, split: Split) -> Attempt:
    values = {
        name: getattr(row, name) for name in ("attempt_id", "trade_no", "seq", "channel", "operation", "reference")
    }
    return Attempt(
        **values,
        leg=Leg(row.leg),
        act=Act.DO,
        amount_fen=row.amount_fen,
        created_at=0.0,
        state=AttemptState.SUCCESS,
        facts={"split": {"fund_fen": split.fund_fen, "account_fen": split.account_fen, "cash_fen": split.cash_fen}},
    )


def _reply(row: Any) -> TradeReply:
    return TradeReply(
        trade_no=row.trade_no,
        state=row.state,
        total_fen=row.total_fen,
        cash_fen=row.cash_fen,
    )
