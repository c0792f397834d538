"""The sentences that oracles of a card reader share: what positions, answers and chips must look like. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Any, ClassVar

from conformance.model import Blame, Check, NoObservation
from conformance.roles.card_reader import ReaderTester
from conformance.roles.card_reader_view import Exchange, ReaderStep, ReaderView
from protocols.driver.card_reader import NoReply
from protocols.wire.base import Label
from protocols.wire.card_reader import Media, Op, Request

__all__ = [
    "IN_READER",
    "ReaderCheck",
    "Talk",
    "accepted",
    "after_eject",
    "at_ic",
    "atr_flaws",
    "card_seen",
    "controls",
    "ef05_follows",
    "ef05_records",
    "first_talk",
    "moved",
    "needed_talks",
    "parameter",
    "pics",
    "position",
    "talks",
]

IN_READER = (Media.INSIDE, Media.IC)
NONSENSE = Request(Op.UNKNOWN, cm=0x7A, pm=0x30)
"""A command that no dialect of this class defines."""


class ReaderCheck(Check):
    """A check that begins with an empty, initialised reader. Subclasses say ``drive`` and ``judge``.

    ``witness``: also ask for something that no reader does. A device that says yes to that says yes to everything, so
    its other answers show nothing: the check is then inconclusive, and ``reader.command.unknown`` says why.
    """

    device_class = "card_reader"
    witness: ClassVar[bool] = False

    async def drive(self, t: ReaderTester) -> None:
        raise TypeError(f"{type(self).__name__} drives nothing")

    def judge(self, v: ReaderView) -> None:
        raise TypeError(f"{type(self).__name__} judges nothing")

    async def stimulus(self, t: Any) -> None:
        if self.from_home:
            await t.home()
        if self.witness:
            await ask_nonsense(t)
        await self.drive(t)

    def oracle(self, v: Any) -> None:
        if self.witness:
            believe(v)
        try:
            self.judge(v)
        except NoObservation:
            if not any(each.kind == "cut" and each.note.get("why") in ("hand", "not_home") for each in v.records):
                raise  # otherwise the cut itself says why there is nothing to see


async def ask_nonsense(t: ReaderTester) -> None:
    with t.step("witness"):
        try:
            await t.ask(NONSENSE)
        except NoReply:
            await t.port.drain(0.35)


def believe(v: ReaderView) -> None:
    """Say that nothing can be concluded from a device that says yes to nonsense."""
    for step in v.steps("witness"):
        exchange = ReaderStep(step, v.dialect).first
        if exchange.answered and exchange.reply.ok:
            v.unsure(
                "设备对不存在的命令也回答成功，其成功应答不足为凭",
                "the device also says yes to a command that does not exist: its yes proves nothing",
                exchange,
                blame=Blame.DEVICE,
            )


def parameter(v: ReaderView, name: str) -> Any:
    """A declared reading of the documents, None where nothing was declared."""
    declared = v.facts.get("parameters") or {}
    return declared.get(f"reader.{name}", declared.get(name))


def pics(v: ReaderView, name: str, default: Any = None) -> Any:
    """A declared capability, *default* where nothing was declared."""
    declared = v.facts.get("pics") or {}
    return declared.get(f"reader.{name}", default)


# Positions. What each command leaves behind, within the open readings.


def accepted(v: ReaderView) -> tuple[Media, ...]:
    """Where an accepted card may be."""
    places = {"gate": (Media.GATE,), "ic": IN_READER, "rf": IN_READER}
    return places.get(str(parameter(v, "accept_position")), (Media.GATE, *IN_READER))


def after_eject(v: ReaderView) -> tuple[Media, ...]:
    """Where an ejected card may be before it is taken: gone from the reader's sight, or held at the mouth."""
    holds = parameter(v, "eject_holds")
    return (Media.NONE, Media.GATE) if holds is None else (Media.GATE,) if holds else (Media.NONE,)


def at_ic(v: ReaderView) -> tuple[Media, ...]:
    """The IC position, as far as the dialect can tell it from the inside."""
    return IN_READER if v.dialect.rules.host_ack else (Media.IC,)


def position(v: ReaderView, step: str, allowed: Iterable[Media], zh: str, en: str) -> bool:
    """The last status of *step* must be one of *allowed*."""
    return v.media_is(v.step(step).only(Op.STATUS), allowed, zh, en)


def card_seen(v: ReaderView, which: int = 0) -> bool:
    """The inserted card must be shown."""
    return v.media_is(v.each("insert")[which].only(Op.STATUS), accepted(v), "插卡后", "after a card was inserted")


def moved(v: ReaderView, step: str, allowed: Iterable[Media], zh: str, en: str) -> bool:
    """The movement of *step* must succeed, and the status after it must say so."""
    done = v.succeeded(v.step(step).only(Op.MOVE), zh, en)
    return position(v, step, allowed, f"{zh}之后", f"after {en}") and done


def controls(step: ReaderStep, byte: int) -> list[int]:
    """Sequence numbers of that control byte from the reader."""
    return [r.seq for r in step.records if r.kind == "control" and r.direction == "rx" and r.data == bytes((byte,))]


# Chips.


@dataclass(frozen=True, slots=True)
class Talk:
    """One APDU with everything fetched: ``data`` without, ``sw`` the last status word. ``reply_ok`` False: refused."""

    apdu: bytes
    data: bytes
    sw: bytes
    exchange: Exchange

    @property
    def done(self) -> bool:
        return self.sw == b"\x90\x00"


def talks(step: ReaderStep, op: Op = Op.CHIP_APDU) -> list[Talk]:
    """The APDUs of *step*; ``61xx`` and ``6Cxx`` are joined with what was fetched after them."""
    found: list[Talk] = []
    command, data = b"", b""
    for exchange in step.all(op):
        sent = exchange.request.data if exchange.request is not None else b""
        if not command:
            command = sent
        answer = exchange.reply.data if exchange.reply.ok else b""
        data += answer[:-2]
        if answer[-2:-1] in (b"\x61", b"\x6c"):
            continue
        found.append(Talk(command, data, answer[-2:], exchange))
        command, data = b"", b""
    if command:  # the reader never came to an end
        found.append(Talk(command, data, step.all(op)[-1].reply.data[-2:], step.all(op)[-1]))
    return found


def first_talk(step: ReaderStep, op: Op = Op.CHIP_APDU) -> Talk:
    """The first APDU of *step*. Raises :class:`NoObservation` when there is none."""
    return needed_talks(step, 1, op)[0]


def needed_talks(step: ReaderStep, count: int, op: Op = Op.CHIP_APDU) -> list[Talk]:
    """At least *count* APDUs of *step*. Raises :class:`NoObservation` when there are fewer."""
    found = talks(step, op)
    if len(found) < count:
        what = Label(f"步骤“{step.name}”的 APDU 不足 {count} 条", f"step {step.name!r} holds fewer than {count} APDUs")
        raise NoObservation(what, step.seqs)
    return found


def ef05_records(talked: Iterable[Talk]) -> dict[int, Talk]:
    """READ RECORD commands by tag."""
    return {talk.apdu[2]: talk for talk in talked if talk.apdu[1:2] == b"\xb2" and talk.apdu[3:4] == b"\x00"}


def ef05_follows(v: ReaderView, generation: str, op: Op = Op.CHIP_APDU, which: int = 0) -> None:
    """EF05 must have the structure of spec/cards.md 1.4, and the version record of *generation*."""
    step = v.each("ef05")[which]
    talked = needed_talks(step, 1, op)
    select = talked[0]
    v.must(
        select.done,
        f"选择社保应用：{_sw(select)}",
        f"select the social security application: {_sw(select)}",
        select.exchange,
    )
    records = ef05_records(talked)
    version = records.get(0x03)
    if version is None:
        raise NoObservation(Label("没有读取规范版本", "the version record was never read"))
    v.must(version.done, f"读规范版本：{_sw(version)}", f"read the version record: {_sw(version)}", version.exchange)
    value = version.data[2:]
    v.must(
        version.data[:2] == b"\x03\x04" and len(value) == 4 and value.startswith(generation.encode()),
        f"规范版本应以 {generation} 开头，实际 {version.data.hex(' ').upper()}",
        f"the version must begin with {generation}, got {version.data.hex(' ').upper()}",
        version.exchange,
    )
    for tag, length in ((0x01, 0x10), (0x07, 0x09)):
        record = records.get(tag)
        if record is not None and record.done:
            v.must(
                record.data[:2] == bytes((tag, length)) and len(record.data) == length + 2,
                f"记录 {tag:02X} 的标签和长度",
                f"tag and length of record {tag:02X}",
                record.exchange,
            )
    whole = next((each for each in talked if each.apdu[1:2] == b"\xb2" and each.apdu[3:4] == b"\x05"), None)
    if whole is not None and whole.done:  # a card may refuse this; what it gives must come through whole
        lost = [tag for tag, each in records.items() if each.done and each.data not in whole.data]
        v.must(
            not lost and _templates_fit(whole.data),
            f"一次读出的全部记录（{len(whole.data)} 字节）完整",
            f"all records read at once ({len(whole.data)} bytes) are whole",
            whole.exchange,
        )


def _templates_fit(data: bytes) -> bool:
    """Tag, length and value again and again, to the last byte."""
    at = 0
    while at + 1 < len(data):
        at += 2 + data[at + 1]
    return at == len(data)


def _sw(talk: Talk) -> str:
    if talk.exchange.reply.error is not None:
        return str(talk.exchange.reply.error)
    return talk.sw.hex().upper() or "-"


def atr_flaws(atr: bytes) -> list[str]:
    """What breaks the rules of ISO 7816-3 in *atr* (spec/cards.md 3.1); empty when it is well formed."""
    if not 2 <= len(atr) <= 33:
        return [f"{len(atr)} bytes"]
    flaws = [] if atr[0] in (0x3B, 0x3F) else [f"TS {atr[0]:02X}"]
    at, present, protocols = 2, atr[1] >> 4, []
    while True:
        at += bin(present & 0x07).count("1")
        if not present & 0x08:
            break
        if at >= len(atr):
            return [*flaws, "cut short"]
        protocols.append(atr[at] & 0x0F)
        present = atr[at] >> 4
        at += 1
    has_check = any(protocols)
    wanted = at + (atr[1] & 0x0F) + has_check
    if len(atr) != wanted:
        flaws.append(f"{len(atr)} bytes instead of {wanted}")
    elif has_check and reduce(xor, atr[1:]):
        flaws.append("TCK")
    return flaws
