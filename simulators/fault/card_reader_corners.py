"""Card readers that are wrong in a corner: pieces of frames, stray bytes, the antenna, what they say of themselves."""

from __future__ import annotations

from dataclasses import replace

from protocols.wire.base import Frame
from protocols.wire.card_reader import Error, Op, Request
from simulators.device.card_reader_line import ACK, EOT, NAK, ReaderLine, State
from simulators.device.card_reader_logic import ReaderLogic
from simulators.device.card_reader_rules import Outcome
from simulators.fault.card_reader_mutant import CRT591, reader_mutant

__all__ = ["MUTANTS"]

SMALL_BUFFER_BYTES = 200
MIFARE_AUTHENTICATE = 0x20
MIFARE_HEADER_BYTES = 5
FACTORY_KEY = b"\xff" * 6


class SplitLost(ReaderLine):
    """Takes a frame in one piece only."""

    def receive(self, data: bytes, now: float) -> None:
        self.framing = self.dialect.framing()
        super().receive(data, now)


class GluedDeafens(ReaderLine):
    """Two frames in one piece make it deaf for good."""

    deaf = False

    def receive(self, data: bytes, now: float) -> None:
        whole = self.dialect.framing().feed(data, now)
        self.deaf = self.deaf or sum(isinstance(each, Frame) for each in whole) > 1
        if not self.deaf:
            super().receive(data, now)


class AckSwallows(ReaderLine):
    """Throws away what stands right behind the host's ACK."""

    def receive(self, data: bytes, now: float) -> None:
        super().receive(data[:1] if data[:1] == bytes((ACK,)) else data, now)


class StrayDeafens(ReaderLine):
    """A control byte that means nothing makes it deaf for good."""

    deaf = False

    def on_control(self, byte: int, now: float) -> None:
        self.deaf = self.deaf or (byte in (NAK, EOT) and self.state is State.IDLE)
        super().on_control(byte, now)

    def on_frame(self, frame: Frame, now: float) -> None:
        if not self.deaf:
            super().on_frame(frame, now)


class SmallBuffer(ReaderLine):
    """Loses every command longer than its buffer."""

    def on_frame(self, frame: Frame, now: float) -> None:
        if len(frame.text) <= SMALL_BUFFER_BYTES:
            super().on_frame(frame, now)


class SerialWanders(ReaderLogic):
    """Another serial number each time."""

    asked = 0

    def begin(self, request: Request) -> Outcome:
        if request.op is not Op.SERIAL:
            return super().begin(request)
        self.asked += 1
        return self.ok(b"OC%08d" % self.asked)


class ConfigurationMissing(ReaderLogic):
    def begin(self, request: Request) -> Outcome:
        return self.refuse(Error.UNKNOWN_COMMAND) if request.op is Op.CONFIGURATION else super().begin(request)


class SensorsFrozen(ReaderLogic):
    """Its sensors always say that it is empty."""

    def begin(self, request: Request) -> Outcome:
        if request.op is not Op.SENSORS:
            return super().begin(request)
        return self.ok(b"0" * self.readings.sensor_bytes)


class FieldStaysOn(ReaderLogic):
    def rf_off(self, request: Request) -> Outcome:
        return self.ok()


class FieldWithoutAnswers(ReaderLogic):
    """Activates a contactless card and then loses what it says."""

    def rf_apdu(self, request: Request) -> Outcome:
        return self.ok(b"\x90\x00") if self.rf.active else super().rf_apdu(request)


class SectorKeyUnchecked(ReaderLogic):
    def begin(self, request: Request) -> Outcome:
        if request.op is Op.MIFARE and request.data[1:2] == bytes((MIFARE_AUTHENTICATE,)):
            request = replace(request, data=request.data[:MIFARE_HEADER_BYTES] + FACTORY_KEY)
        return super().begin(request)


_RESYNC = "spec/devices.md 4.1: parser torture list"
_SELF = "DG-MOD-04: the reader tells what it is"
_FIELD = "DG-WXC-15: contactless cards"

_m = reader_mutant

MUTANTS = (
    _m("split-lost", "分段到达的帧丢失", "loses a frame that comes in pieces", _RESYNC, line=SplitLost),
    _m("glued-deafens", "两帧粘连后不再响应", "is deaf after two frames in one piece", _RESYNC, line=GluedDeafens),
    _m(
        "ack-swallows",
        "丢弃紧跟 ACK 的命令",
        "throws away a command right behind the ACK",
        _RESYNC,
        variants=CRT591,
        line=AckSwallows,
    ),
    _m("stray-deafens", "多余控制字符后不再响应", "is deaf after a stray control byte", _RESYNC, line=StrayDeafens),
    _m("small-buffer", "较长的命令丢失", "loses long commands", _RESYNC, line=SmallBuffer),
    _m("serial-wanders", "序列号每次不同", "gives another serial number each time", _SELF, logic=SerialWanders),
    _m(
        "configuration-missing",
        "不能读配置",
        "cannot tell its configuration",
        _SELF,
        CRT591,
        logic=ConfigurationMissing,
    ),
    _m("sensors-frozen", "传感器状态不变", "its sensors never change", _SELF, logic=SensorsFrozen),
    _m("field-stays-on", "关闭射频后仍应答", "answers with the field off", _FIELD, CRT591, logic=FieldStaysOn),
    _m("field-answers-lost", "非接触应答丢失", "loses contactless answers", _FIELD, CRT591, logic=FieldWithoutAnswers),
    _m(
        "sector-key-unchecked",
        "不校验扇区密钥",
        "does not check the sector key",
        "DG-WXC-16: S50 and S70",
        CRT591,
        logic=SectorKeyUnchecked,
    ),
)
