"""Card readers whose contacts, antenna or magnetic head are wrong."""

from __future__ import annotations

from protocols.wire.card_reader import Error, Reply, Request
from protocols.wire.crt310_tracks import Track
from simulators.card.base import Card
from simulators.device.card_reader_chip import USER, ChipResult, ChipSockets
from simulators.device.card_reader_logic import ReaderLogic
from simulators.device.card_reader_magnetic import STRIPE_FAULTS, MagneticHead
from simulators.device.card_reader_rules import After, Outcome
from simulators.fault.card_reader_mutant import CRT310, CRT591, reader_mutant

__all__ = ["MUTANTS"]

MADE_UP_ATR = bytes.fromhex("3B0290" + "00")
FOREVER_S = 1e6


class ShortAsSuccess(ChipSockets):
    def power_on(self, socket: int, volts: int) -> ChipResult:
        error, atr = super().power_on(socket, volts)
        return (None, MADE_UP_ATR) if error is Error.SHORT_CIRCUIT else (error, atr)


class ShortBurns(ChipSockets):
    """After one short circuit no card works any more."""

    burnt = False

    def power_on(self, socket: int, volts: int) -> ChipResult:
        error, atr = super().power_on(socket, volts)
        self.burnt = self.burnt or error is Error.SHORT_CIRCUIT
        if self.burnt:
            self.power_off(socket)
            return Error.SHORT_CIRCUIT, b""
        return error, atr


class ShortWrongCode(ChipSockets):
    def power_on(self, socket: int, volts: int) -> ChipResult:
        error, atr = super().power_on(socket, volts)
        return (Error.NO_ANSWER if error is Error.SHORT_CIRCUIT else error), atr


class MuteInventsAtr(ChipSockets):
    def power_on(self, socket: int, volts: int) -> ChipResult:
        error, atr = super().power_on(socket, volts)
        return (None, MADE_UP_ATR) if error is Error.NO_ANSWER else (error, atr)


class AtrOfPrevious(ChipSockets):
    last = bytes.fromhex("3B6500000102030405")
    """Of the card that was there before the check began."""

    def judge_atr(self, socket: int, atr: bytes) -> ChipResult:
        error, good = super().judge_atr(socket, atr)
        if error is not None:
            return error, good
        shown, self.last = self.last, good
        return None, shown


class AtrTruncated(ChipSockets):
    def judge_atr(self, socket: int, atr: bytes) -> ChipResult:
        error, good = super().judge_atr(socket, atr)
        return error, good[:-1]


class Truncated128(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        return super().transmit(socket, command)[:128]


class Lost256(ChipSockets):
    """256 data bytes and SW do not fit its buffer: only SW comes through."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[-2:] if len(answer) >= 258 else answer


class LeDropped(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        return super().transmit(socket, command[:4] if len(command) == 5 else command)


class Swallows61(ChipSockets):
    """Turns 61xx into 9000, and its data are never seen."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[:-2] + b"\x90\x00" if answer[-2:-1] == b"\x61" else answer


class StatusWordSwapped(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[:-2] + answer[-2:][::-1]


class SamTwoOnly(ChipSockets):
    def fitted(self, socket: int) -> bool:
        return super().fitted(socket) and socket <= 2


class SamAllOne(ChipSockets):
    def chip(self, socket: int) -> Card | None:
        return super().chip(USER if socket == USER else 1)


class SamBeyondFitted(ChipSockets):
    def fitted(self, socket: int) -> bool:
        return super().fitted(min(socket, 1))

    def chip(self, socket: int) -> Card | None:
        return super().chip(socket if socket <= self.options.sam_sockets else 1)


class SamIsUserCard(ChipSockets):
    """Every SAM command goes to the user's card."""

    def chip(self, socket: int) -> Card | None:
        return super().chip(USER)


class ThreeVoltFails(ChipSockets):
    def answers_at(self, socket: int, volts: int) -> bool:
        return volts == 5 and super().answers_at(socket, volts)


class AlwaysFiveVolt(ChipSockets):
    def answers_at(self, socket: int, volts: int) -> bool:
        return super().answers_at(socket, 5)


class AnswersWhileOff(ChipSockets):
    """Powers a chip on its own when a command comes."""

    def ready(self, socket: int) -> Error | None:
        if socket not in self.powered and self.chip(socket) is not None:
            self.power_on(socket, 5)
        return super().ready(socket)


class AnswersFromCache(ChipSockets):
    """Repeats the last answer of a card that is gone."""

    last = b""

    def ready(self, socket: int) -> Error | None:
        return None if socket == USER and self.last else super().ready(socket)

    def exchange(self, socket: int, apdu: bytes, protocol: int = 0) -> ChipResult:
        if socket == USER and socket not in self.powered and self.last:
            return None, self.last
        error, answer = super().exchange(socket, apdu, protocol)
        if socket == USER and error is None:
            self.last = answer
        return error, answer


class RemovalHangs(ReaderLogic):
    """A command to a card that was pulled never ends."""

    gone = False

    def card_pulled(self) -> None:
        super().card_pulled()
        self.gone = True

    def chip_on(self, request: Request) -> Outcome:
        self.gone = False
        return super().chip_on(request)

    def chip_apdu(self, request: Request) -> Outcome:
        if self.gone and self.socket(request) == USER:
            return After(FOREVER_S, self.ok)
        return super().chip_apdu(request)

    def apdu_reply(self, socket: int, request: Request) -> Outcome:
        return After(FOREVER_S, self.ok) if self.gone else super().apdu_reply(socket, request)


class MoveLeavesPower(ReaderLogic):
    def release(self) -> None:
        self.rf.off()


class ProtocolByteWrong(ReaderLogic):
    def reset_reply(self, socket: int, result: ChipResult) -> Reply:
        reply = super().reset_reply(socket, result)
        return reply if reply.protocol is None else self.ok(reply.data, reply.protocol ^ 1)


class WarmResetFails(ReaderLogic):
    def chip_warm(self, request: Request) -> Outcome:
        return self.refuse(Error.UNKNOWN_COMMAND)


class PscUnchecked(ReaderLogic):
    def memory_card(self, request: Request) -> Outcome:
        if self.memory.powered is not None:
            self.memory.powered.verified = True
        return super().memory_card(request)


class TrackMixUp(MagneticHead):
    def track(self, number: int, binary: bool) -> Track:
        return super().track(2 if number == 1 else number, binary)


class BlankIsFine(MagneticHead):
    def track(self, number: int, binary: bool) -> Track:
        track = super().track(number, binary)
        return Track(b"") if track.error == STRIPE_FAULTS["!blank"] else track


class MixesTracks(ReaderLogic):
    magnetic_head = TrackMixUp


class PraisesBlank(ReaderLogic):
    magnetic_head = BlankIsFine


_SHORT = "DG-WXC-14: a short circuit gives its own error and the next card works"
_ATR = "DG-WXC-15: the answer to reset is the card's own"
_APDU = "DG-WXC-15: T=0 exchange passes data and status words unchanged"
_SAM = "DG-WXC-24: SAM sockets, each with its own card"
_GONE = "DG-WXC-14: a removed card answers nothing"
_TRACK = "DG-WXC-23: each track with its own result"

_m = reader_mutant

MUTANTS = (
    _m("short-as-success", "短路卡仍报复位成功", "resets a shorted card with success", _SHORT, chips=ShortAsSuccess),
    _m("short-burns", "短路后所有卡都不可用", "no card works after a short circuit", _SHORT, chips=ShortBurns),
    _m("short-wrong-code", "短路报为无应答", "calls a short circuit no answer", _SHORT, CRT591, chips=ShortWrongCode),
    _m("mute-invents-atr", "哑卡得到编造的 ATR", "makes up an ATR for a mute card", _ATR, chips=MuteInventsAtr),
    _m("atr-of-previous", "返回上一张卡的 ATR", "gives the ATR of the previous card", _ATR, chips=AtrOfPrevious),
    _m("atr-truncated", "ATR 少最后一个字节", "cuts the last byte of the ATR", _ATR, chips=AtrTruncated),
    _m("atr-protocol", "ATR 前的协议字节错误", "wrong protocol byte before the ATR", _ATR, logic=ProtocolByteWrong),
    _m("apdu-truncated-128", "APDU 应答截断为 128 字节", "cuts answers at 128 bytes", _APDU, chips=Truncated128),
    _m("apdu-lost-256", "256 字节的应答丢失", "loses an answer of 256 bytes", _APDU, chips=Lost256),
    _m("apdu-le-dropped", "APDU 的 Le 被丢弃", "drops Le", _APDU, chips=LeDropped),
    _m("apdu-swallows-61", "把 61xx 换成 9000", "turns 61xx into 9000", _APDU, chips=Swallows61),
    _m("apdu-sw-swapped", "SW1 与 SW2 互换", "swaps SW1 and SW2", _APDU, chips=StatusWordSwapped),
    _m("sam-two-only", "只有两个 SAM 卡座可用", "only two SAM sockets work", _SAM, chips=SamTwoOnly),
    _m("sam-all-one", "所有 SAM 卡座都是第一个", "every SAM socket is the first", _SAM, chips=SamAllOne),
    _m(
        "sam-beyond-fitted",
        "接受未安装的 SAM 卡座",
        "accepts a SAM socket that is not fitted",
        _SAM,
        chips=SamBeyondFitted,
    ),
    _m("sam-is-user", "SAM 命令发给用户卡", "sends SAM commands to the user's card", _SAM, chips=SamIsUserCard),
    _m("volts-3-fails", "3 V 卡不能复位", "a 3 V card fails", "DG-WXC-16: class B", CRT591, chips=ThreeVoltFails),
    _m("volts-always-5", "始终以 5 V 供电", "always supplies 5 V", "DG-WXC-16: class B", CRT591, chips=AlwaysFiveVolt),
    _m("chip-answers-off", "未上电的芯片也应答", "a chip answers while it is off", _GONE, chips=AnswersWhileOff),
    _m("apdu-cached", "卡取走后用旧应答作答", "answers from memory after removal", _GONE, chips=AnswersFromCache),
    _m("removal-hangs", "卡被拔出后命令不结束", "a command to a pulled card never ends", _GONE, logic=RemovalHangs),
    _m(
        "move-leaves-power",
        "移动后芯片仍上电",
        "leaves the chip powered when the card moves",
        _GONE,
        logic=MoveLeavesPower,
    ),
    _m("warm-reset-fails", "不支持热复位", "has no warm reset", _ATR, logic=WarmResetFails),
    _m(
        "psc-unchecked",
        "存储卡不校验 PSC",
        "does not check the PSC",
        "DG-WXC-22: memory cards",
        CRT591,
        logic=PscUnchecked,
    ),
    _m("track-mix-up", "第一磁道给出第二磁道数据", "gives track 2 for track 1", _TRACK, CRT310, logic=MixesTracks),
    _m("blank-track-ok", "空白磁道报为成功", "reports a blank track as read", _TRACK, CRT310, logic=PraisesBlank),
)
