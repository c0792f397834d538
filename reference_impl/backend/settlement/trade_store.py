"""What the engine takes and keeps: a wish to pay, and where trades are stored. Values and a seam, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reference_impl.backend.settlement.model import Trade, TradeKind
from reference_impl.backend.storage.writes import Write

__all__ = ["OpenTrade", "TradeStore"]


@dataclass(frozen=True, slots=True)
class OpenTrade:
    """What a terminal asks to pay for. ``terms`` is what HIS and insurance need; ``request_hash`` its fingerprint."""

    kind: TradeKind
    key: str
    request_hash: str
    terminal_id: str
    institution: str
    patient_id: str
    total_fen: int
    insured: bool
    terms: Mapping[str, object]


class TradeStore(Protocol):
    """``commit`` returns when all rows are durable, or raises and none is."""

    async def commit(self, writes: Sequence[Write]) -> None: ...

    async def open_trades(self) -> list[Trade]: ...

    async def trade(self, trade_no: str) -> Trade | None: ...

    async def trade_by_key(self, terminal_id: str, key: str) -> Trade | None: ...
