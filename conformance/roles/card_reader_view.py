"""Oracle side of the role ``device.card_reader``: the records of a step as exchanges in neutral words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from conformance.model import NoObservation
from conformance.roles.card_reader import NO_SIGN
from conformance.view import CheckView, StepRecords
from protocols.record import Record
from protocols.wire.base import Frame, Label, WireError, discover
from protocols.wire.card_reader import ERROR_LABELS, CardReaderDialect, Error, Media, Op, Reply, Request

__all__ = ["VIEW", "Answer", "Exchange", "ReaderStep", "ReaderView", "card_reader_dialect"]

ENQ, EOT, ACK, NAK = 0x05, 0x04, 0x06, 0x15


@cache
def card_reader_dialect(name: str) -> CardReaderDialect:
    """The dialect of that name. Raises KeyError naming the known ones."""
    known: dict[str, CardReaderDialect] = {
        each.name: each
        for each in discover("protocols.wire", "DIALECT", deep=False)
        if each.device_class == "card_reader"
    }
    if name not in known:
        raise KeyError(f"no card reader dialect {name!r}; known: {', '.join(sorted(known))}")
    return known[name]


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame from the reader. ``reply`` None when it does not follow the dialect; ``echoes`` the command it answers."""

    seq: int
    t: float
    text: bytes
    reply: Reply | None
    echoes: bool


@dataclass(slots=True)
class Exchange:
    """One command of the host and everything that came back until the next one."""

    seq: int
    t: float
    text: bytes
    request: Request | None
    sends: int = 1
    ack_t: float | None = None
    naks: int = 0
    enq_t: float | None = None
    eots: list[float] = field(default_factory=list[float])
    answers: list[Answer] = field(default_factory=list[Answer])
    noises: list[Record] = field(default_factory=list[Record])
    limits: list[str] = field(default_factory=list[str])
    closed: bool = False
    last: int = 0

    @property
    def seqs(self) -> tuple[int, int]:
        return self.seq, max(self.last, self.seq)

    @property
    def reply(self) -> Reply:
        """The first answer that echoes the command. Raises :class:`NoObservation` when there is none."""
        for answer in self.answers:
            if answer.echoes and answer.reply is not None:
                return answer.reply
        raise NoObservation(Label("设备没有应答该命令", "the device did not answer the command"), self.seqs)

    @property
    def answered(self) -> bool:
        return any(answer.echoes and answer.reply is not None for answer in self.answers)

    @property
    def reply_t(self) -> float:
        """When that answer arrived."""
        for answer in self.answers:
            if answer.echoes and answer.reply is not None:
                return answer.t
        raise NoObservation(Label("设备没有应答该命令", "the device did not answer the command"), self.seqs)


class ReaderStep:
    """A step of a reader check."""

    def __init__(self, step: StepRecords, dialect: CardReaderDialect) -> None:
        self.name, self.note, self.records, self.seqs = step.name, step.note, step.records, step.seqs
        self.duration_s = step.duration_s
        self.exchanges = pair(step.records, dialect)

    def all(self, op: Op) -> list[Exchange]:
        """Exchanges of that operation, in order."""
        return [each for each in self.exchanges if each.request is not None and each.request.op is op]

    def only(self, op: Op) -> Exchange:
        """The last exchange of that operation. Raises :class:`NoObservation`."""
        found = self.all(op)
        if not found:
            what = Label(f"步骤“{self.name}”中没有 {op} 命令", f"step {self.name!r} holds no {op} command")
            raise NoObservation(what, self.seqs)
        return found[-1]

    @property
    def first(self) -> Exchange:
        """The first exchange. Raises :class:`NoObservation`."""
        if not self.exchanges:
            what = Label(f"步骤“{self.name}”中没有命令", f"step {self.name!r} holds no command")
            raise NoObservation(what, self.seqs)
        return self.exchanges[0]


class ReaderView(CheckView):
    """The history of one check of a card reader."""

    device_class = "card_reader"

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__(records)
        self.dialect = card_reader_dialect(str(self.facts.get("dialect", "")))

    def step(self, name: str) -> ReaderStep:
        """The one step of that name. Raises :class:`NoObservation`."""
        return ReaderStep(self.step_records(name), self.dialect)

    def each(self, name: str) -> list[ReaderStep]:
        """Every step of that name; a trailing ``*`` matches beginnings. Raises NoObservation when there is none."""
        found = self.steps(name)
        if not found:
            raise NoObservation(Label(f"没有到达步骤“{name}”", f"step {name!r} was not reached"))
        return [ReaderStep(each, self.dialect) for each in found]

    # The sentences that most oracles say.

    def succeeded(self, exchange: Exchange, zh: str, en: str) -> bool:
        """The reader must have carried out the command. *zh* and *en* name the command."""
        error = exchange.reply.error
        why = Label("", "") if error is None else ERROR_LABELS[error]
        code = f" {exchange.reply.code}" if exchange.reply.code else ""
        if error is None:
            return self.must(True, f"{zh}：成功", f"{en}: succeeded", exchange)
        return self.must(
            False, f"{zh}：应成功，实际 {why.zh}{code}", f"{en}: must succeed, got {why.en}{code}", exchange
        )

    def refused(self, exchange: Exchange, allowed: Iterable[Error], zh: str, en: str) -> bool:
        """The reader must have refused, with one of *allowed* (empty: any error)."""
        error, wanted = exchange.reply.error, set(allowed)
        if error is None:
            return self.must(False, f"{zh}：应被拒绝，实际成功", f"{en}: must be refused, but succeeded", exchange)
        seen, holds = ERROR_LABELS[error], not wanted or error in wanted
        names_zh = "、".join(ERROR_LABELS[each].zh for each in sorted(wanted)) or "任一错误"
        names_en = ", ".join(ERROR_LABELS[each].en for each in sorted(wanted)) or "any error"
        return self.must(
            holds,
            f"{zh}：应报 {names_zh}，实际 {seen.zh} {exchange.reply.code}",
            f"{en}: must report {names_en}, got {seen.en} {exchange.reply.code}",
            exchange,
        )

    def media_is(self, exchange: Exchange, allowed: Iterable[Media], zh: str, en: str) -> bool:
        """The position that the reader reports must be one of *allowed*.

        Raises :class:`NoObservation` for the last position before a hand that does not answer left no sign: nobody can
        then say whether hand or reader failed.
        """
        wanted, seen = set(allowed), exchange.reply.media
        if seen not in wanted and self._hand_left_no_sign(exchange):
            raise NoObservation(Label("人手的操作没有留下迹象", "the hand left no sign"), exchange.seqs)
        listed = "/".join(sorted(wanted))
        return self.must(
            exchange.reply.ok and seen in wanted,
            f"{zh}：卡位置应为 {listed}，实际 {seen or exchange.reply.error}",
            f"{en}: the card must be {listed}, got {seen or exchange.reply.error}",
            exchange,
        )

    def _hand_left_no_sign(self, exchange: Exchange) -> bool:
        """The stimulus ended because a hand left no sign, and *exchange* is the last one before that."""
        for record in self.records:
            if record.seq > exchange.seq and record.kind == "frame" and record.direction == "tx":
                return False
            if record.kind == "cut":
                return record.note.get("why") == "hand" and record.note.get("status") in NO_SIGN
        return False


VIEW = ReaderView


def pair(records: Iterable[Record], dialect: CardReaderDialect) -> list[Exchange]:
    """Group records into exchanges: each new command frame of the host begins one; a resend does not."""
    exchanges: list[Exchange] = []
    current: Exchange | None = None
    for record in records:
        if record.kind == "frame" and record.direction == "tx":
            text = _text(record.data, dialect)
            if current is not None and text == current.text and not current.answers and current.ack_t is None:
                current.sends += 1
            else:
                current = Exchange(record.seq, record.t, text, _request(text, dialect))
                exchanges.append(current)
        elif current is not None:
            _attach(current, record, dialect)
        if current is not None:
            current.last = record.seq
    return exchanges


def _attach(current: Exchange, record: Record, dialect: CardReaderDialect) -> None:
    if record.kind == "control":
        byte = record.data[0]
        if record.direction == "tx":
            current.enq_t = record.t if byte == ENQ and current.enq_t is None else current.enq_t
        elif byte == ACK and current.ack_t is None:
            current.ack_t = record.t
        elif byte == NAK:
            current.naks += 1
        elif byte == EOT:
            current.eots.append(record.t)
    elif record.kind == "frame":
        text = _text(record.data, dialect)
        current.answers.append(_answer(record, text, current.text, dialect))
    elif record.kind == "noise" and record.direction == "rx":
        current.noises.append(record)
    elif record.kind == "limit":
        current.limits.append(str(record.note.get("stage", "")))
    elif record.kind == "link":
        current.closed = True


def _answer(record: Record, text: bytes, command: bytes, dialect: CardReaderDialect) -> Answer:
    try:
        reply: Reply | None = dialect.decode_reply(text)[1]
    except WireError:
        reply = None
    return Answer(record.seq, record.t, text, reply, dialect.answers(command, text))


def _text(raw: bytes, dialect: CardReaderDialect) -> bytes:
    items = dialect.framing().feed(raw, 0.0)
    return items[0].text if items and isinstance(items[0], Frame) else b""


def _request(text: bytes, dialect: CardReaderDialect) -> Request | None:
    try:
        return dialect.decode_request(text)
    except WireError:
        return None
