"""Oracle side of the role ``device.pin_pad``: the records of a step as exchanges in neutral words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from conformance.model import NoObservation
from conformance.view import CheckView, StepRecords
from protocols.record import Record
from protocols.wire.base import Frame, Label, WireError, discover
from protocols.wire.pin_pad import ERROR_LABELS, Error, Op, PinPadDialect, Reply, Request
from protocols.wire.privacy_frames import DIGIT_MARK

__all__ = ["VIEW", "PadExchange", "PadStep", "PadView", "is_digit"]

ETX = 0x03


def is_digit(byte: int) -> bool:
    """A digit in the clear; in a history that leaves the bench it stands as ``#``."""
    return 0x30 <= byte <= 0x39 or byte == DIGIT_MARK


@dataclass(slots=True)
class PadExchange:
    """One command of the host and everything that came back until the next one."""

    seq: int
    t: float
    text: bytes
    request: Request | None
    answers: list[tuple[Record, Reply]] = field(default_factory=list[tuple[Record, Reply]])
    keys: list[Record] = field(default_factory=list[Record])
    noises: list[Record] = field(default_factory=list[Record])
    last: int = 0

    @property
    def seqs(self) -> tuple[int, int]:
        return self.seq, max(self.last, self.seq)

    @property
    def answered(self) -> bool:
        return bool(self.answers)

    @property
    def reply(self) -> Reply:
        """The first answer. Raises :class:`NoObservation` when there is none."""
        if not self.answers:
            raise NoObservation(Label("设备没有应答该命令", "the device did not answer the command"), self.seqs)
        return self.answers[0][1]

    @property
    def took_s(self) -> float:
        """From the command to its answer."""
        if not self.answers:
            raise NoObservation(Label("设备没有应答该命令", "the device did not answer the command"), self.seqs)
        return self.answers[0][0].t - self.t


class PadStep:
    """A step of a PIN pad check. ``keys`` are the bytes that came outside of frames, in order."""

    def __init__(self, step: StepRecords, dialect: PinPadDialect) -> None:
        self.name, self.note, self.records, self.seqs = step.name, step.note, step.records, step.seqs
        self.duration_s = step.duration_s
        self.exchanges = _pair(step.records, dialect)
        self.keys = bytes(r.data[0] for r in step.records if _is_key(r))
        self.replies = [_reply(r, dialect) for r in step.records if r.kind == "frame" and r.direction == "rx"]
        """Everything that the pad said in frames, asked or not."""
        self.noises = [r for r in step.records if r.kind == "noise" and r.direction == "rx"]

    def all(self, op: Op) -> list[PadExchange]:
        return [each for each in self.exchanges if each.request is not None and each.request.op is op]

    def only(self, op: Op) -> PadExchange:
        """The last exchange of that operation. Raises :class:`NoObservation`."""
        found = self.all(op)
        if not found:
            what = Label(f"步骤“{self.name}”中没有 {op} 命令", f"step {self.name!r} holds no {op} command")
            raise NoObservation(what, self.seqs)
        return found[-1]

    @property
    def first(self) -> PadExchange:
        """The first exchange. Raises :class:`NoObservation`."""
        if not self.exchanges:
            what = Label(f"步骤“{self.name}”中没有命令", f"step {self.name!r} holds no command")
            raise NoObservation(what, self.seqs)
        return self.exchanges[0]


class PadView(CheckView):
    """The history of one check of a PIN pad."""

    device_class = "pin_pad"

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__(records)
        self.dialect = _dialect(str(self.facts.get("dialect", "")))

    def step(self, name: str) -> PadStep:
        """The one step of that name. Raises :class:`NoObservation`."""
        return PadStep(self.step_records(name), self.dialect)

    def each(self, name: str) -> list[PadStep]:
        """Every step of that name; a trailing ``*`` matches beginnings. Raises NoObservation when there is none."""
        found = self.steps(name)
        if not found:
            raise NoObservation(Label(f"没有到达步骤“{name}”", f"step {name!r} was not reached"))
        return [PadStep(each, self.dialect) for each in found]

    # The sentences that most oracles say.

    def succeeded(self, exchange: PadExchange, zh: str, en: str) -> bool:
        """The pad must have carried out the command. *zh* and *en* name the command."""
        error = exchange.reply.error
        if error is None:
            return self.must(True, f"{zh}：成功", f"{en}: succeeded", exchange)
        why = ERROR_LABELS[error]
        return self.must(
            False,
            f"{zh}：应成功，实际 {why.zh} {exchange.reply.code}",
            f"{en}: must succeed, got {why.en} {exchange.reply.code}",
            exchange,
        )

    def refused(self, exchange: PadExchange, allowed: Iterable[Error], zh: str, en: str) -> bool:
        """The pad must have refused, with one of *allowed* (empty: any error)."""
        error, wanted = exchange.reply.error, set(allowed)
        if error is None:
            return self.must(False, f"{zh}：应被拒绝，实际成功", f"{en}: must be refused, but succeeded", exchange)
        names_zh = "、".join(ERROR_LABELS[each].zh for each in sorted(wanted)) or "任一错误"
        names_en = ", ".join(ERROR_LABELS[each].en for each in sorted(wanted)) or "any error"
        seen = ERROR_LABELS[error]
        return self.must(
            not wanted or error in wanted,
            f"{zh}：应报 {names_zh}，实际 {seen.zh} {exchange.reply.code}",
            f"{en}: must report {names_en}, got {seen.en} {exchange.reply.code}",
            exchange,
        )

    def known_answer(self, exchange: PadExchange, wanted: bytes, zh: str, en: str) -> bool:
        """The data of the answer must be *wanted*, byte for byte."""
        reply = exchange.reply
        got = "-" if reply.error is None else reply.code
        if reply.ok:
            got = reply.data.hex().upper() or "-"
        return self.must(
            reply.ok and reply.data == wanted,
            f"{zh}：应为 {wanted.hex().upper()}，实际 {got}",
            f"{en}: must be {wanted.hex().upper()}, got {got}",
            exchange,
        )


VIEW = PadView


def _dialect(name: str) -> PinPadDialect:
    known: dict[str, PinPadDialect] = {
        each.name: each for each in discover("protocols.wire", "DIALECT", deep=False) if each.device_class == "pin_pad"
    }
    if name not in known:
        raise KeyError(f"no PIN pad dialect {name!r}; known: {', '.join(sorted(known))}")
    return known[name]


def _is_key(record: Record) -> bool:
    return record.kind == "control" and record.direction == "rx" and record.data != bytes((ETX,))


def _pair(records: Iterable[Record], dialect: PinPadDialect) -> list[PadExchange]:
    """Group records into exchanges: each frame of the host begins one."""
    exchanges: list[PadExchange] = []
    for record in records:
        if record.kind == "frame" and record.direction == "tx":
            text = _text(record.data, dialect)
            exchanges.append(PadExchange(record.seq, record.t, text, _request(text, dialect)))
        elif exchanges:
            _attach(exchanges[-1], record, dialect)
        if exchanges:
            exchanges[-1].last = record.seq
    return exchanges


def _attach(current: PadExchange, record: Record, dialect: PinPadDialect) -> None:
    if record.kind == "frame":
        current.answers.append((record, _reply(record, dialect)))
    elif _is_key(record):
        current.keys.append(record)
    elif record.kind == "noise" and record.direction == "rx":
        current.noises.append(record)


def _text(raw: bytes, dialect: PinPadDialect) -> bytes:
    framing = dialect.framing()
    items = [*framing.feed(raw, 0.0), *framing.expire(1.0)]
    return items[0].text if items and isinstance(items[0], Frame) else b""


def _reply(record: Record, dialect: PinPadDialect) -> Reply:
    return dialect.decode_reply(_text(record.data, dialect))[1]


def _request(text: bytes, dialect: PinPadDialect) -> Request | None:
    try:
        return dialect.decode_request(text)
    except WireError:
        return None
