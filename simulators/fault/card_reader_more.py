"""Card readers that deceive: resets that never reach the chip, faults that they keep to themselves, words too many."""

from __future__ import annotations

from protocols.wire.base import Frame, Noise
from protocols.wire.card_reader import Error, Media, Op, Request
from simulators.card.base import Card
from simulators.device.card_reader_chip import AUTOMATIC, ChipResult, ChipSockets
from simulators.device.card_reader_line import ACK, ReaderLine, State
from simulators.device.card_reader_logic import ReaderLogic
from simulators.device.card_reader_mechanics import ReaderMechanics
from simulators.device.card_reader_rules import Outcome
from simulators.fault.card_reader_mutant import CRT591, reader_mutant
from simulators.fault.card_reader_wire import F2_HEADER_BYTES, STX_HEADER_BYTES

__all__ = ["MUTANTS"]

ONLY_COUNT = b"007"


class RemembersAtr(ChipSockets):
    """Keeps the answer of each chip's first reset, to give it again."""

    known: tuple[Card, ChipResult] | None = None

    def power_on(self, socket: int, volts: int) -> ChipResult:
        result = super().power_on(socket, volts)
        if result[0] is None:
            self.known = self.powered[socket], result
        return result

    def remembered(self, socket: int) -> ChipResult | None:
        """The remembered answer, if that chip is still under the contacts."""
        chip = self.chip(socket)
        return self.known[1] if self.known is not None and chip is self.known[0] else None


class WarmKeepsState(RemembersAtr):
    def warm_reset(self, socket: int) -> ChipResult:
        return (self.ready(socket) is None and self.remembered(socket)) or super().warm_reset(socket)


class ColdKeepsState(RemembersAtr):
    def power_on(self, socket: int, volts: int) -> ChipResult:
        return (socket in self.powered and self.remembered(socket)) or super().power_on(socket, volts)


class OffKeepsState(RemembersAtr):
    """Power-off refuses commands, but leaves the supply on; the next reset is made up."""

    def power_on(self, socket: int, volts: int) -> ChipResult:
        result = self.remembered(socket) if self.answers_at(socket, volts) else None
        if result is None or self.mechanics.shorted():
            return super().power_on(socket, volts)
        chip = self.chip(socket)
        assert chip is not None
        self.powered[socket], self.protocols[socket] = chip, 0
        return result

    def power_off(self, socket: int) -> None:
        self.powered.pop(socket, None)
        self.protocols.pop(socket, None)


class ShortUnderPowerUnseen(ChipSockets):
    """Looks for a short circuit at the cold reset only."""

    def exchange(self, socket: int, apdu: bytes, protocol: int = 0) -> ChipResult:
        if self.mechanics.shorted() and self.ready(socket) is None:
            return None, self.transmit(socket, apdu)
        return super().exchange(socket, apdu, protocol)


class ProtocolIgnored(ChipSockets):
    def exchange(self, socket: int, apdu: bytes, protocol: int = 0) -> ChipResult:
        return super().exchange(socket, apdu, AUTOMATIC)


class SensorsOneBit(ReaderMechanics):
    """Its sensors tell card and no card, not where."""

    def sensors(self) -> bytes:
        return b"0" * (self.readings.sensor_bytes - 1) + (b"0" if self.media is Media.NONE else b"1")


class SensorFaultUnreported(ReaderMechanics):
    def health(self) -> Error | None:
        error = super().health()
        return None if error is Error.SENSOR else error


class SupplyIgnored(ReaderMechanics):
    def health(self) -> Error | None:
        error = super().health()
        return None if error is Error.SUPPLY else error


class CounterSetIgnored(ReaderLogic):
    """Takes one value only, and says yes to all."""

    def counter(self, request: Request) -> Outcome:
        return self.ok() if request.number and request.data != ONLY_COUNT else super().counter(request)


class TrailerUnchecked(ReaderLine):
    def on_noise(self, noise: Noise, now: float) -> None:
        header = F2_HEADER_BYTES if noise.raw[:1] == b"\xf2" else STX_HEADER_BYTES
        if noise.why == "trailer":
            self.on_frame(Frame(noise.raw[header:-2], noise.raw), now)
        else:
            super().on_noise(noise, now)


class AckTwice(ReaderLine):
    def acknowledge(self, now: float) -> None:
        self.send_control(ACK, now)
        super().acknowledge(now)


class AnswerUnasked(ReaderLine):
    """Says once more what the host has acknowledged."""

    def on_control(self, byte: int, now: float) -> None:
        acknowledged = byte == ACK and self.state is State.WAIT_HOST_ACK
        super().on_control(byte, now)
        if acknowledged and self._request.op is not Op.UNKNOWN:
            self.outbox.emit(self.answer, now)


_RESET = "DG-WXC-19: a reset resets the chip"
_FAULT = "DG-CXC-12: faults are reported"
_LINE = "spec/devices.md 4.1, 4.2: frames and control bytes"

_m = reader_mutant

MUTANTS = (
    _m("warm-keeps-state", "热复位未作用于芯片", "a warm reset never reaches the chip", _RESET, chips=WarmKeepsState),
    _m("cold-keeps-state", "再次冷复位未作用于芯片", "a second cold reset is made up", _RESET, chips=ColdKeepsState),
    _m("off-keeps-state", "下电只作标记，芯片仍有电", "power-off only marks the chip", _RESET, chips=OffKeepsState),
    _m(
        "short-under-power-unseen",
        "上电后的短路不察觉",
        "does not notice a short circuit under power",
        _FAULT,
        chips=ShortUnderPowerUnseen,
    ),
    _m("protocol-ignored", "对 T=0 卡接受 T=1 指令", "accepts T=1 with a T=0 card", _RESET, chips=ProtocolIgnored),
    _m(
        "sensors-one-bit",
        "传感器不分卡口与机内",
        "its sensors do not tell mouth from inside",
        "DG-MOD-04: the reader tells what it senses",
        mechanics=SensorsOneBit,
    ),
    _m(
        "sensor-fault-unreported",
        "传感器故障不报告",
        "keeps a failed sensor to itself",
        _FAULT,
        mechanics=SensorFaultUnreported,
    ),
    _m("supply-ignored", "供电超限仍走卡", "moves cards on a bad supply", _FAULT, mechanics=SupplyIgnored),
    _m("counter-set-ignored", "设置计数多被忽略", "ignores most counts", _FAULT, CRT591, logic=CounterSetIgnored),
    _m("trailer-unchecked", "不检查结尾字节", "does not look at the trailer", _LINE, CRT591, line=TrailerUnchecked),
    _m("ack-twice", "每条命令回两个 ACK", "acknowledges twice", _LINE, line=AckTwice),
    _m("answer-unasked", "主机确认后又发应答", "answers again after the ACK", _LINE, CRT591, line=AnswerUnasked),
)
