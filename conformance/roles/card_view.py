"""Oracle side of the role ``device.card``: the records of a step as APDU exchanges. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.model import NoObservation
from conformance.view import CheckView, StepRecords
from protocols.record import Record
from protocols.wire.base import Label

__all__ = ["VIEW", "ApduExchange", "CardStep", "CardView"]


@dataclass(frozen=True, slots=True)
class ApduExchange:
    """One command and its answer. ``answered`` False when the card kept silent or went away; ``sw`` is then -1."""

    seqs: tuple[int, int]
    t: float
    command: bytes
    data: bytes
    sw: int
    answered: bool

    @property
    def header(self) -> str:
        """CLA INS P1 P2 as eight hex digits."""
        return self.command[:4].hex().upper()


@dataclass(frozen=True, slots=True)
class Atr:
    """An answer to reset as it came."""

    seqs: tuple[int, int]
    raw: bytes
    warm: bool


class CardStep:
    """A step of a card check."""

    def __init__(self, step: StepRecords) -> None:
        self.name, self.note, self.records, self.seqs = step.name, step.note, step.records, step.seqs
        self.exchanges = _pair(step.records)
        self.atrs = [Atr((r.seq, r.seq), r.data, bool(r.note.get("warm"))) for r in step.records if r.kind == "atr"]

    def at(self, index: int) -> ApduExchange:
        """The exchange of that index (negative from the end). Raises :class:`NoObservation`."""
        try:
            exchange = self.exchanges[index]
        except IndexError:
            what = Label(f"步骤“{self.name}”缺少第 {index} 条指令", f"step {self.name!r} lacks command {index}")
            raise NoObservation(what, self.seqs) from None
        if not exchange.answered:
            raise NoObservation(Label("卡没有应答该指令", "the card did not answer the command"), exchange.seqs)
        return exchange

    @property
    def last(self) -> ApduExchange:
        return self.at(-1)

    def collected(self) -> bytes:
        """Data of all answers of the step, joined: the answer to a command that needed GET RESPONSE."""
        return b"".join(each.data for each in self.exchanges)

    @property
    def atr(self) -> Atr:
        """The last ATR of the step. Raises :class:`NoObservation`."""
        if not self.atrs:
            raise NoObservation(Label("没有收到 ATR", "no answer to reset"), self.seqs)
        return self.atrs[-1]


class CardView(CheckView):
    """The history of one check of a card."""

    device_class = "card"

    def step(self, name: str) -> CardStep:
        """The one step of that name. Raises :class:`NoObservation`."""
        return CardStep(self.step_records(name))

    def each(self, name: str) -> list[CardStep]:
        """Every step of that name; a trailing ``*`` matches beginnings. Raises NoObservation when there is none."""
        found = self.steps(name)
        if not found:
            raise NoObservation(Label(f"没有到达步骤“{name}”", f"step {name!r} was not reached"))
        return [CardStep(each) for each in found]

    def status_is(self, exchange: ApduExchange, allowed: Iterable[int], zh: str, en: str) -> bool:
        """The status word must be one of *allowed*; ``0x6C00`` and ``0x6100`` stand for their whole families."""
        wanted = set(allowed)
        holds = exchange.sw in wanted or (exchange.sw & 0xFF00 in (0x6C00, 0x6100) and exchange.sw & 0xFF00 in wanted)
        listed = "/".join(f"{each:04X}" for each in sorted(wanted))
        seen = "-" if exchange.sw < 0 else f"{exchange.sw:04X}"
        return self.must(holds, f"{zh}：应为 {listed}，实际 {seen}", f"{en}: must be {listed}, got {seen}", exchange)


VIEW = CardView


def _pair(records: Sequence[Record]) -> list[ApduExchange]:
    exchanges: list[ApduExchange] = []
    pending: Record | None = None
    for record in records:
        if record.kind != "apdu":
            continue
        if record.direction == "tx":
            if pending is not None:
                exchanges.append(_unanswered(pending))
            pending = record
        elif pending is not None:
            raw = record.data
            sw = int.from_bytes(raw[-2:]) if len(raw) >= 2 else -1
            data = raw[:-2] if len(raw) >= 2 else raw
            exchanges.append(ApduExchange((pending.seq, record.seq), record.t, pending.data, data, sw, True))
            pending = None
    if pending is not None:
        exchanges.append(_unanswered(pending))
    return exchanges


def _unanswered(command: Record) -> ApduExchange:
    return ApduExchange((command.seq, command.seq), command.t, command.data, b"", -1, False)
