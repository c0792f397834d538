"""Settlement of a terminal's batch: compare totals, upload every record where they differ, begin the next batch.

Sources: spec/services.md 3.2 (0500, 0320), 3.4 (batch rules). Nothing here moves money. A settlement that breaks off is simply
done again: the host answers for a batch that it has closed as it did the first time.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from protocols.wire.bank.codes import APPROVED, Action, response
from protocols.wire.bank.message import Message
from protocols.wire.bank.parts import Original, Totals
from protocols.wire.base import WireError
from reference_impl.backend.banking import messages
from reference_impl.backend.banking.host import BankHost, BankUnavailable, Reply
from reference_impl.backend.banking.terminals import BankTerminal
from reference_impl.backend.settlement.model import AttemptState
from reference_impl.backend.settlement.tables import ATTEMPTS

__all__ = ["BatchItem", "BatchResult", "BatchSource", "TerminalEngaged", "batch_items", "settle_batch", "totals_of"]

EQUAL = 1


class TerminalEngaged(Exception):
    """A payment or a void of this terminal is open: its batch is settled when that has ended."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A transaction of the batch that succeeded. ``operation`` purchase, void, refund."""

    operation: str
    reference: str
    amount_fen: int
    retrieval: str
    date: str = ""


BatchSource = Callable[[str], Awaitable[Sequence[BatchItem]]]
"""The transactions whose reference begins with ``terminal/batch/``."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """``totals`` ours; ``equal``: the bank has the same; ``uploaded`` records otherwise, of which the bank does not know
    ``unknown``. ``batch`` 0: there was nothing to settle."""

    batch: int
    totals: Totals
    equal: bool
    uploaded: int = 0
    unknown: tuple[str, ...] = ()


def totals_of(items: Sequence[BatchItem]) -> Totals:
    """Purchases in, voids and refunds out."""
    paid = [each.amount_fen for each in items if each.operation == "purchase"]
    returned = [each.amount_fen for each in items if each.operation != "purchase"]
    return Totals(sum(paid), len(paid), sum(returned), len(returned))


def batch_items(engine: AsyncEngine) -> BatchSource:
    """The source over the database."""

    async def items(prefix: str) -> list[BatchItem]:
        wanted = (
            select(ATTEMPTS.c.operation, ATTEMPTS.c.reference, ATTEMPTS.c.amount_fen, ATTEMPTS.c.facts)
            .where(ATTEMPTS.c.channel == "bank", ATTEMPTS.c.state == AttemptState.SUCCESS.value)
            .where(ATTEMPTS.c.reference.startswith(prefix, autoescape=True))
            .order_by(ATTEMPTS.c.reference)
        )
        async with engine.connect() as connection:
            rows = (await connection.execute(wanted)).all()
        return [_item(*row) for row in rows]

    return items


def _item(operation: str, reference: str, amount_fen: int, facts: str) -> BatchItem:
    known = json.loads(facts)
    return BatchItem(operation, reference, amount_fen, known.get("retrieval", ""), known.get("bank_date", ""))


async def settle_batch(host: BankHost, terminal: BankTerminal, source: BatchSource) -> BatchResult:
    """Settle the open batch. Raises :class:`TerminalEngaged`, :class:`BankUnavailable`: then nothing has changed."""
    if terminal.settling or terminal.pending:
        raise TerminalEngaged(f"bank terminal {terminal.number} has an open transaction")
    if terminal.batch == 0:
        return BatchResult(0, Totals(), equal=True)
    terminal.settling = True
    try:
        async with terminal.lock:
            return await _settle(host, terminal, source)
    finally:
        terminal.settling = False


async def _settle(host: BankHost, terminal: BankTerminal, source: BatchSource) -> BatchResult:
    batch = terminal.batch
    await host.sign_in(terminal)
    if terminal.batch != batch:  # the bank had closed it already, and we had not heard
        return BatchResult(batch, Totals(), equal=True)
    await host.commit([terminal.write()])  # with this row everything that was decided before it is durable
    items = await source(f"{terminal.number}/{terminal.batch_text}/")
    if not items:
        return BatchResult(0, Totals(), equal=True)
    totals = totals_of(items)
    answer = await _asked(host, terminal, lambda origin: messages.settlement(origin, totals))
    try:
        equal = Totals.of(answer.get(48)).result == EQUAL
    except WireError as error:
        raise BankUnavailable(f"terminal {terminal.number}: {error.why}") from None
    unknown: list[str] = []
    if equal:
        await _asked(host, terminal, messages.balanced)
    else:
        unknown = [item.reference for item in items if await _upload(host, terminal, item) != APPROVED]
        await _asked(host, terminal, lambda origin: messages.not_balanced(origin, len(items)))
    terminal.begin_batch(batch + 1)
    await host.commit([terminal.write()])
    return BatchResult(batch, totals, equal, 0 if equal else len(items), tuple(unknown))


async def _upload(host: BankHost, terminal: BankTerminal, item: BatchItem) -> str:
    _, batch, trace = item.reference.split("/")
    processing = messages.PURCHASE if item.operation == "purchase" else messages.RETURN
    original = Original(batch, trace, item.date)
    message = messages.upload(
        await _origin(host, terminal), processing, item.amount_fen, item.retrieval or "0" * 12, original
    )
    reply = await host.ask(terminal, message, mac=False)
    if reply.message is None:
        raise _unavailable(terminal, reply)
    return reply.code


async def _origin(host: BankHost, terminal: BankTerminal) -> messages.Origin:
    reference = terminal.reference(terminal.next_trace())
    await host.commit([terminal.write()])
    return messages.Origin.of(reference, terminal.merchant)


async def _asked(host: BankHost, terminal: BankTerminal, make: Callable[[messages.Origin], Message]) -> Message:
    """The approval of a message; a bank that wants a new sign-in first gets one, once."""
    reply = await host.ask(terminal, make(await _origin(host, terminal)), mac=False)
    batch = terminal.batch
    if reply.message is not None and response(reply.code).action is Action.SIGN_IN:
        await host.sign_in(terminal)
        if terminal.batch == batch:
            reply = await host.ask(terminal, make(await _origin(host, terminal)), mac=False)
    if reply.message is None or reply.code != APPROVED:
        raise _unavailable(terminal, reply)
    return reply.message


def _unavailable(terminal: BankTerminal, reply: Reply) -> BankUnavailable:
    return BankUnavailable(f"bank terminal {terminal.number} is not settled: {reply.fault or reply.code}")
