"""Bank terminals in memory: trace counter, batch, working keys, and what holds a terminal up.

A row is handed to the store the moment it changes, and the store keeps the order, so the newest row is the one that stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from reference_impl.backend.banking.tables import BANK_TERMINALS
from reference_impl.backend.storage.writes import Write

__all__ = ["MOST_PURCHASES", "BankPlace", "BankTerminal", "BankTerminals", "NoBankTerminal", "read_terminals"]

MOST_PURCHASES = 900
"""Traces of a batch after which no payment is begun: a count in the settlement has three digits, and what takes money back
must still find room."""

MOST_TRACES = 999_999


class NoBankTerminal(ValueError):
    """A kiosk without a bank terminal: it cannot take cards."""


@dataclass(frozen=True, slots=True)
class BankPlace:
    """``terminal`` field 41, ``merchant`` field 42."""

    terminal: str
    merchant: str


@dataclass(slots=True)
class BankTerminal:
    """``number`` is field 41. ``lock`` is held for every exchange: a point-of-sale terminal says one thing at a time.
    ``pending`` are the references of payments and voids whose outcome is open, with their trades; ``settling`` while its batch
    is being settled; ``key_refused`` when the bank has asked for a new sign-in."""

    number: str
    terminal_id: str
    merchant: str
    batch: int = 0
    trace: int = 0
    keys: str = ""
    key_version: str = ""
    signed_day: str = ""
    version: int = 0
    key_refused: bool = False
    settling: bool = False
    pending: dict[str, str] = field(default_factory=dict[str, str])
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def write(self) -> Write:
        """The row as it is now, to be handed to the store at once."""
        self.version += 1
        return Write(
            BANK_TERMINALS,
            (
                self.number,
                self.terminal_id,
                self.merchant,
                self.batch,
                self.trace,
                self.keys,
                self.key_version,
                self.signed_day,
                self.version,
            ),
        )

    def next_trace(self) -> int:
        """A trace that this batch has not seen."""
        if self.trace >= MOST_TRACES:
            raise RuntimeError(f"bank terminal {self.number} has used up the traces of its batch: settle it")
        self.trace += 1
        return self.trace

    def begin_batch(self, batch: int) -> None:
        self.batch, self.trace = batch, 0

    @property
    def batch_text(self) -> str:
        return f"{self.batch:06d}"

    def reference(self, trace: int) -> str:
        """Under which the bank and we know a message: ``terminal/batch/trace``."""
        return f"{self.number}/{self.batch_text}/{trace:06d}"

    def held_by_others(self, trade_no: str) -> bool:
        """True while a payment or void of another trade is open here, or the batch is being settled."""
        return self.settling or any(each != trade_no for each in self.pending.values())


class BankTerminals:
    """*places* tells the bank terminal of a kiosk now; *rows* are those of the table at the start."""

    def __init__(self, places: Callable[[str], BankPlace | None], rows: Iterable[Sequence[Any]] = ()) -> None:
        self._places = places
        self._by_number = {terminal.number: terminal for terminal in (BankTerminal(*row) for row in rows)}

    def at(self, terminal_id: str) -> BankTerminal:
        """That of a kiosk. Raises :class:`NoBankTerminal`."""
        place = self._places(terminal_id)
        if place is None:
            raise NoBankTerminal(f"{terminal_id} has no bank terminal: give it one in the settings")
        known = self._by_number.get(place.terminal)
        if known is None:
            known = self._by_number[place.terminal] = BankTerminal(place.terminal, terminal_id, place.merchant)
        known.terminal_id, known.merchant = terminal_id, place.merchant
        return known

    def of_reference(self, reference: str) -> BankTerminal:
        """That under which an attempt was sent: its row became durable together with the attempt. Raises KeyError."""
        return self._by_number[reference.partition("/")[0]]

    def all(self) -> list[BankTerminal]:
        """Every terminal that was ever used."""
        return list(self._by_number.values())


async def read_terminals(engine: AsyncEngine) -> list[Sequence[Any]]:
    """The rows of the table, for :class:`BankTerminals`."""
    async with engine.connect() as connection:
        found = await connection.execute(select(*BANK_TERMINALS.columns))
        return [tuple(row) for row in found]
