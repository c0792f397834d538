"""Card readers that answer every command, and corrupt what they carry: data, commands, identities, sessions."""

from __future__ import annotations

from typing import Any

from protocols.wire.card_reader import Place, Request
from simulators.card.base import Card
from simulators.device.card_reader_chip import USER, ChipResult, ChipSockets
from simulators.device.card_reader_logic import ReaderLogic
from simulators.device.card_reader_magnetic import MagneticHead
from simulators.device.card_reader_rules import Outcome
from simulators.fault.card_reader_mutant import CRT310, CRT591, reader_mutant

__all__ = ["MUTANTS"]

DONE = b"\x90\x00"
READ_RECORD, CHALLENGE = 0xB2, 0x84
VERSION, NUMBER = 0x03, 0x07
FIXED_ATR = bytes.fromhex("3B6D0000") + bytes(range(13))


def _is(command: bytes, ins: int) -> bool:
    return command[1:2] == bytes((ins,))


class DataBitFlip(ChipSockets):
    """Byte 5 of every answer of eight data bytes or more."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[:5] + bytes((answer[5] ^ 1,)) + answer[6:] if len(answer) >= 10 else answer


class DataLastFlip(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[:-3] + bytes((answer[-3] ^ 1,)) + answer[-2:] if len(answer) >= 5 else answer


class DataReversed(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[:2] + answer[2:-2][::-1] + answer[-2:] if len(answer) > 12 else answer


class DataZero(ChipSockets):
    """Beyond the 16th byte."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return answer[:16] + bytes(len(answer) - 18) + answer[-2:] if len(answer) > 18 else answer


class DataComplemented(ChipSockets):
    """Values of all records but the version."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        if socket == USER and _is(command, READ_RECORD) and command[2] != VERSION and len(answer) > 4:
            return answer[:2] + bytes(each ^ 0x11 for each in answer[2:-2]) + answer[-2:]
        return answer


class CommandBitFlip(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        if len(command) > 20:
            command = command[:15] + bytes((command[15] ^ 1,)) + command[16:]
        return super().transmit(socket, command)


class CommandCut128(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        if len(command) > 133:
            command = command[:4] + bytes((128,)) + command[5:133]
        return super().transmit(socket, command)


class AtrConstant(ChipSockets):
    def judge_atr(self, socket: int, atr: bytes) -> ChipResult:
        error, good = super().judge_atr(socket, atr)
        return error, FIXED_ATR if error is None and socket == USER else good


class AtrLastByte(ChipSockets):
    def judge_atr(self, socket: int, atr: bytes) -> ChipResult:
        error, good = super().judge_atr(socket, atr)
        return error, good[:-1] + bytes((good[-1] ^ 0x20,)) if error is None else good


class Remembers(ChipSockets):
    """Sockets with a memory of answers."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.known: dict[tuple[int, bytes], bytes] = {}

    def from_memory(self, socket: int, command: bytes, answer: bytes) -> bytes:
        return self.known.setdefault((socket, command), answer)


class RecordsOfPrevious(Remembers):
    """Gives the first card's records, other than the version, for every card."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        remembered = _is(command, READ_RECORD) and command[2] != VERSION and answer.endswith(DONE)
        return self.from_memory(socket, command, answer) if remembered else answer


class NumberOfFirst(Remembers):
    """Gives the first card's number for every card."""

    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        remembered = _is(command, READ_RECORD) and command[2] == NUMBER and answer.endswith(DONE)
        return self.from_memory(socket, b"", answer) if remembered else answer


class ReadCached(Remembers):
    """Answers READ RECORD from memory while the chip is on."""

    def power_on(self, socket: int, volts: int) -> ChipResult:
        self.known.clear()
        return super().power_on(socket, volts)

    def transmit(self, socket: int, command: bytes) -> bytes:
        if _is(command, READ_RECORD) and (socket, command) in self.known:
            return self.known[socket, command]
        answer = super().transmit(socket, command)
        return self.from_memory(socket, command, answer) if _is(command, READ_RECORD) else answer


class ChallengeCached(Remembers):
    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return self.from_memory(socket, command, answer) if socket == USER and _is(command, CHALLENGE) else answer


class SamAnswersCached(Remembers):
    def transmit(self, socket: int, command: bytes) -> bytes:
        if socket != USER and (socket, command) in self.known:
            return self.known[socket, command]
        answer = super().transmit(socket, command)
        return answer if socket == USER else self.from_memory(socket, command, answer)


class SamDataZero(ChipSockets):
    def transmit(self, socket: int, command: bytes) -> bytes:
        answer = super().transmit(socket, command)
        return bytes(len(answer) - 2) + answer[-2:] if socket != USER and len(answer) > 2 else answer


class SamTwoIsOne(ChipSockets):
    def chip(self, socket: int) -> Card | None:
        return super().chip(1 if socket == 2 else socket)


class SamPairsAlike(ChipSockets):
    def chip(self, socket: int) -> Card | None:
        return super().chip(socket - 2 if socket > 2 else socket)


class SamFourDead(ChipSockets):
    def chip(self, socket: int) -> Card | None:
        return None if socket == 4 else super().chip(socket)


class SamSharedPower(ChipSockets):
    """A reset of one SAM resets the others."""

    def power_on(self, socket: int, volts: int) -> ChipResult:
        for other in list(self.powered):
            if USER not in (socket, other) and other != socket:
                self.powered[other].reset()
        return super().power_on(socket, volts)


class SamDiesOnEject(ReaderLogic):
    def start_move(self, place: Place) -> Outcome:
        self.chips.power_off_all()
        return super().start_move(place)


class FieldChanged(ReaderLogic):
    """Changes what the antenna brings."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        on, exchange = self.rf.on, self.rf.exchange

        def changed_on() -> ChipResult:
            error, data = on()
            return error, self.activation(data) if error is None else data

        def changed_exchange(apdu: bytes) -> ChipResult:
            error, data = exchange(apdu)
            return error, self.answer(data) if error is None else data

        self.rf.on, self.rf.exchange = changed_on, changed_exchange

    def activation(self, data: bytes) -> bytes:
        return data

    def answer(self, data: bytes) -> bytes:
        return data


class FieldUidConstant(FieldChanged):
    def activation(self, data: bytes) -> bytes:
        return data[:3] + bytes.fromhex("11223344") + data[7:]


class FieldAtsConstant(FieldChanged):
    def activation(self, data: bytes) -> bytes:
        return data[:-3] + bytes(3)


class FieldDataZero(FieldChanged):
    """All but the tag, the length and the version record."""

    def answer(self, data: bytes) -> bytes:
        return data[:2] + bytes(len(data) - 4) + data[-2:] if len(data) > 8 else data


class FieldUidOfFirst(FieldChanged):
    """Short activations, those of storage cards, are answered from memory."""

    first = b""

    def activation(self, data: bytes) -> bytes:
        if len(data) >= 12:
            return data
        self.first = self.first or data
        return self.first


class WrongHead(MagneticHead):
    def read(self, request: Request) -> ChipResult:
        error, data = super().read(request)
        if error is None and len(data) > 20:
            data = data[:12] + bytes((data[12] ^ 1, data[13] ^ 2)) + data[14:]
        return error, data


class TrackDigitsWrong(ReaderLogic):
    magnetic_head = WrongHead


_CARRIED = "DG-WXC-19: what the card says and hears is carried unchanged"
_OWN = "DG-WXC-21: every answer is of the card that is there now"
_SAM = "DG-W20-14, DG-WXC-24: each PSAM socket has a card and a session of its own"
_FIELD = "DG-WXC-15: contactless CPU cards"
_TRACK = "DG-WXC-23: magnetic tracks"
_m = reader_mutant

MUTANTS = (
    _m("data-bit-flip", "应答第 6 字节错一位", "flips a bit of the sixth byte", _CARRIED, chips=DataBitFlip),
    _m("data-last-flip", "应答末字节错一位", "flips a bit of the last byte", _CARRIED, chips=DataLastFlip),
    _m("data-reversed", "长应答字节倒序", "reverses long answers", _CARRIED, chips=DataReversed),
    _m("data-zero", "16 字节之后全为零", "zeroes data beyond 16 bytes", _CARRIED, chips=DataZero),
    _m("data-complemented", "记录内容全错", "changes every value but the version", _CARRIED, chips=DataComplemented),
    _m("command-bit-flip", "长命令错一位", "flips a bit of long commands", _CARRIED, chips=CommandBitFlip),
    _m("command-cut-128", "命令截为 128 字节", "cuts commands at 128 bytes", _CARRIED, chips=CommandCut128),
    _m("atr-constant", "ATR 固定不变", "gives one ATR for every card", _OWN, chips=AtrConstant),
    _m("atr-last-byte", "ATR 末字节错", "changes the last byte of the ATR", _CARRIED, chips=AtrLastByte),
    _m("records-of-previous", "给出第一张卡的记录", "gives the first card's records", _OWN, chips=RecordsOfPrevious),
    _m("number-of-first", "给出第一张卡的卡号", "gives the first card's number", _OWN, chips=NumberOfFirst),
    _m("read-cached", "读记录用旧应答", "answers READ RECORD from memory", _OWN, chips=ReadCached),
    _m("challenge-cached", "重复同一随机数", "repeats a challenge from memory", _OWN, chips=ChallengeCached),
    _m("sam-answers-cached", "SAM 用旧应答", "answers for SAMs from memory", _SAM, chips=SamAnswersCached),
    _m("sam-data-zero", "SAM 应答数据全为零", "zeroes the data of SAMs", _SAM, chips=SamDataZero),
    _m("sam-2-is-1", "卡座 2 通向卡座 1", "socket 2 is socket 1", _SAM, chips=SamTwoIsOne),
    _m("sam-34-are-12", "卡座 3、4 通向 1、2", "sockets 3 and 4 are 1 and 2", _SAM, chips=SamPairsAlike),
    _m("sam-4-dead", "卡座 4 不通", "socket 4 is dead", _SAM, chips=SamFourDead),
    _m("sam-shared-power", "复位一个 SAM 波及其他", "a reset of one SAM resets all", _SAM, chips=SamSharedPower),
    _m("sam-dies-on-eject", "移动卡时 SAM 断电", "a card motion powers SAMs off", _SAM, logic=SamDiesOnEject),
    _m("field-uid-constant", "UID 固定不变", "one UID for every card", _FIELD, CRT591, logic=FieldUidConstant),
    _m("field-uid-of-first", "给出第一张卡的 UID", "the first card's UID", _FIELD, CRT591, logic=FieldUidOfFirst),
    _m("field-ats-constant", "ATS 末字节为零", "zeroes the end of the ATS", _FIELD, CRT591, logic=FieldAtsConstant),
    _m("field-data-zero", "非接触数据全为零", "zeroes contactless data", _FIELD, CRT591, logic=FieldDataZero),
    _m("track-digits-wrong", "磁道字符错", "changes characters of a track", _TRACK, CRT310, logic=TrackDigitsWrong),
)
