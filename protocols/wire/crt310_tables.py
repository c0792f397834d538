"""The tables of the CRT-310: commands, abnormal answers, reply letters, positions, as spec/devices.md 4.2 prints them.

Not printed there, and therefore assumptions of this project: that chip and storage card answers open with the same
letter as a move; that the ATR follows a protocol character as on the CRT-591; that a SAM command carries its socket
first; PM 30 of 4A.
"""

from __future__ import annotations

from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request
from protocols.wire.card_reader_rows import Part, Rows, group

__all__ = ["ABNORMAL", "COMMANDS", "LETTERS", "MEDIA_OF", "NEAREST", "POSITIONS", "POSITION_OF", "SAM", "SOCKET_BYTES"]

SAM = 0x3D
SOCKET_BYTES = range(0x30, 0x38)
"""``3D PM socket``: 30..37 are SAM sockets 1..8."""

_FORBID_REAR = b"\x31"
_ASCII_ALL_TRACKS = b"\x30\x37"

COMMANDS = Rows(
    (
        # CM 2E where an accepted card stops
        *group(
            0x2E,
            Part.EMPTY,
            Part.LETTER,
            (0x30, Request(Op.ENTRY, Place.EJECT), "停卡位：前端不夹卡", "stop at front, no hold"),
            (0x31, Request(Op.ENTRY, Place.GATE), "停卡位：前端夹卡", "stop at front, hold"),
            (0x32, Request(Op.ENTRY, Place.INSIDE), "停卡位：机内", "stop inside"),
            (0x33, Request(Op.ENTRY, Place.IC), "停卡位：IC 位", "stop at IC position"),
            (0x34, Request(Op.ENTRY, Place.REAR), "停卡位：后端夹卡", "stop at rear, hold"),
            (0x35, Request(Op.ENTRY, Place.CAPTURE), "停卡位：后端退出", "stop position rear out"),
        ),
        # CM 2F entry control, PM is the front and the data the rear; number 0 any card, 1 magnetic cards, 2 by signal
        *group(
            0x2F,
            Part.OPTION,
            Part.LETTER,
            (0x31, Request(Op.ENTRY, enabled=False), "禁止进卡", "forbid entry"),
            (0x32, Request(Op.ENTRY, enabled=True, number=1), "只允许磁卡进卡", "magnetic cards only"),
            (0x33, Request(Op.ENTRY, enabled=True), "允许任意卡进卡", "allow any card"),
            (0x34, Request(Op.ENTRY, enabled=True, number=2), "磁信号进卡", "entry by magnetic signal"),
            default=_FORBID_REAR,
        ),
        # CM 30 reset, serial number
        *group(
            0x30,
            Part.EMPTY,
            Part.TEXT,
            (0x30, Request(Op.INITIALISE, Place.STAY), "复位", "reset"),
            (0x31, Request(Op.INITIALISE, Place.EJECT), "复位并弹卡", "reset and eject"),
            (0x32, Request(Op.INITIALISE, Place.CAPTURE), "复位并吞卡", "reset and capture"),
            (0x3A, Request(Op.SERIAL), "读序列号", "read serial number"),
        ),
        *group(
            0x30,
            Part.TEXT,
            Part.RAW,
            (0x3B, Request(Op.SERIAL, number=1), "写序列号", "write serial number"),
        ),
        # CM 31 status
        *group(
            0x31,
            Part.EMPTY,
            Part.POSITION,
            (0x30, Request(Op.STATUS), "查询状态", "status"),
        ),
        *group(
            0x31,
            Part.EMPTY,
            Part.SENSORS,
            (0x2F, Request(Op.SENSORS), "查询传感器", "sensors"),
            (0x2E, Request(Op.SENSORS, number=1), "查询传感器（扩展）", "sensors, extended"),
        ),
        *group(
            0x31,
            Part.EMPTY,
            Part.RAW,
            (0x31, Request(Op.DETECT), "识别卡类型", "card type"),
        ),
        # CM 32 move
        *group(
            0x32,
            Part.EMPTY,
            Part.LETTER,
            (0x2E, Request(Op.MOVE, Place.RF), "移到射频位", "to RF position"),
            (0x2F, Request(Op.MOVE, Place.IC), "移到 IC 位", "to IC position"),
            (0x30, Request(Op.MOVE, Place.EJECT), "退卡", "eject"),
            (0x31, Request(Op.MOVE, Place.GATE), "退卡并夹持", "eject and hold"),
            (0x32, Request(Op.MOVE, Place.REAR), "移到后端并夹持", "rear hold"),
            (0x33, Request(Op.MOVE, Place.CAPTURE), "吞卡", "capture"),
            (0x34, Request(Op.CLEAR), "清除异常卡", "clear abnormal card"),
        ),
        # CM 33 power of IC and SAM
        *group(
            0x33,
            Part.EMPTY,
            Part.LETTER,
            (0x30, Request(Op.CHIP_ON, number=1), "IC 卡上电（不复位）", "IC power on, no reset"),
            (0x31, Request(Op.CHIP_OFF), "IC 卡下电", "IC power off"),
        ),
        *group(
            0x4A,
            Part.EMPTY,
            Part.LETTER,
            (0x30, Request(Op.CHIP_OFF, socket=1), "SAM 卡下电", "SAM off"),
        ),
        # CM 34 line speed, number 0..5
        *group(
            0x34,
            Part.EMPTY,
            Part.LETTER,
            (0x30, Request(Op.LINE_SPEED), "波特率 1200", "1200 baud"),
            (0x31, Request(Op.LINE_SPEED, number=1), "波特率 2400", "2400 baud"),
            (0x32, Request(Op.LINE_SPEED, number=2), "波特率 4800", "4800 baud"),
            (0x33, Request(Op.LINE_SPEED, number=3), "波特率 9600", "9600 baud"),
            (0x34, Request(Op.LINE_SPEED, number=4), "波特率 19200", "19200 baud"),
            (0x35, Request(Op.LINE_SPEED, number=5), "波特率 38400", "38400 baud"),
        ),
        # CM 35 Mifare S50/S70, number is PM
        *group(
            0x35,
            Part.RAW,
            Part.LETTER,
            (0x30, Request(Op.MIFARE, number=0x30), "Mifare 寻卡", "Mifare seek"),
            (0x31, Request(Op.MIFARE, number=0x31), "Mifare 读卡号", "Mifare number"),
            (0x32, Request(Op.MIFARE, number=0x32), "Mifare 验证密钥 A", "Mifare verify key A"),
            (0x39, Request(Op.MIFARE, number=0x39), "Mifare 验证密钥 B", "Mifare verify key B"),
            (0x33, Request(Op.MIFARE, number=0x33), "Mifare 读", "Mifare read"),
            (0x34, Request(Op.MIFARE, number=0x34), "Mifare 写", "Mifare write"),
            (0x35, Request(Op.MIFARE, number=0x35), "Mifare 改密钥", "Mifare change key"),
            (0x37, Request(Op.MIFARE, number=0x37), "Mifare 增值", "Mifare add"),
            (0x38, Request(Op.MIFARE, number=0x38), "Mifare 减值", "Mifare subtract"),
        ),
        # CM 36 memory cards, any PM
        *group(
            0x36,
            Part.RAW,
            Part.LETTER,
            (None, Request(Op.MEMORY, number=3), "24Cxx 存储卡", "24Cxx card"),
        ),
        *group(
            0x38,
            Part.RAW,
            Part.LETTER,
            (None, Request(Op.MEMORY, number=1), "SLE4442 存储卡", "SLE4442 card"),
        ),
        *group(
            0x39,
            Part.RAW,
            Part.LETTER,
            (None, Request(Op.MEMORY, number=2), "SLE4428 存储卡", "SLE4428 card"),
        ),
        # CM 37 contact CPU card
        *group(
            0x37,
            Part.EMPTY,
            Part.ATR,
            (0x30, Request(Op.CHIP_ON), "CPU 卡冷复位", "CPU card cold reset"),
            (0x2F, Request(Op.CHIP_WARM), "CPU 卡热复位", "CPU card warm reset"),
        ),
        *group(
            0x37,
            Part.APDU,
            Part.APDU,
            (0x31, Request(Op.CHIP_APDU), "CPU 卡 T=0 指令", "CPU card T=0 APDU"),
            (0x32, Request(Op.CHIP_APDU, number=1), "CPU 卡 T=1 指令", "CPU card T=1 APDU"),
        ),
        # CM 3D SAM card, the socket comes first
        *group(
            SAM,
            Part.SOCKET,
            Part.ATR,
            (0x30, Request(Op.CHIP_ON, socket=1), "SAM 卡冷复位", "SAM cold reset"),
            (0x2F, Request(Op.CHIP_WARM, socket=1), "SAM 卡热复位", "SAM warm reset"),
        ),
        *group(
            SAM,
            Part.APDU,
            Part.APDU,
            (0x31, Request(Op.CHIP_APDU, socket=1), "SAM 卡 T=0 指令", "SAM T=0 APDU"),
            (0x32, Request(Op.CHIP_APDU, socket=1, number=1), "SAM 卡 T=1 指令", "SAM T=1 APDU"),
        ),
        # CM 45 mode 30 ASCII, 31 binary; track 31 1, 32 2, 33 3, 34 1+2, 35 2+3, 36 1+3, 37 all
        *group(
            0x45,
            Part.OPTION,
            Part.TRACKS,
            (0x30, Request(Op.TRACKS), "读磁道", "read tracks"),
            default=_ASCII_ALL_TRACKS,
        ),
        # CM 46 lamps, pass-through, any PM
        *group(
            0x46,
            Part.RAW,
            Part.RAW,
            (None, Request(Op.CONFIGURATION, number=2), "指示灯", "LED"),
        ),
        *group(
            0x49,
            Part.RAW,
            Part.RAW,
            (None, Request(Op.CONFIGURATION, number=3), "指示灯时间", "LED time"),
        ),
        *group(
            0xFA,
            Part.RAW,
            Part.RAW,
            (None, Request(Op.CONFIGURATION, number=4), "透传", "pass-through"),
        ),
    )
)

ABNORMAL: dict[str, Error] = {
    "00": Error.UNKNOWN_COMMAND,
    "01": Error.PARAMETER,
    "02": Error.CANNOT_EXECUTE,
    "04": Error.DATA,
    "05": Error.SUPPLY,  # outside 10.8 to 14.5 V
    "06": Error.ABNORMAL_CARD,
    "07": Error.POWER_LOST,  # on backup supply
}
"""Byte E of an abnormal answer ``4E CM E``, as two hexadecimal digits."""

LETTERS: dict[str, Error | None] = {"Y": None, "N": Error.OTHER, "E": Error.SEQUENCE, "W": Error.CANNOT_EXECUTE}
"""Reply letter of a move or card command: done, failed, no card, card not where the command needs it."""

# fmt: off
NEAREST: dict[Error, str] = {
    Error.SEQUENCE: "E",              Error.STACKER_EMPTY: "E",
    Error.JAM: "06",                  Error.TOO_LONG: "06",           Error.TOO_SHORT: "06",
    Error.NOT_FITTED: "02",           Error.NOT_INITIALISED: "02",    Error.CONTACT_NOT_RELEASED: "02",
    Error.BIN_FULL: "02",             Error.COUNTER_OVERFLOW: "02",
    Error.SENSOR: "N",                Error.PULLED: "N",              Error.MAGNET: "N",
    Error.CANNOT_REACH_IC: "N",       Error.MOVED_BY_HAND: "N",       Error.MOTOR: "N",
    Error.SHORT_CIRCUIT: "N",         Error.ACTIVATION: "N",          Error.PROTOCOL: "N",
    Error.NO_ANSWER: "N",             Error.CARD_COMMUNICATION: "N",  Error.NOT_ACTIVATED: "N",
    Error.UNSUPPORTED_CARD: "N",      Error.TRANSMISSION: "N",        Error.OVERTIME: "N",
    Error.NOT_EMV: "N",               Error.OTHER: "N",
}
"""What a CRT-310 has no code for, and the code it sends instead. A letter becomes ``02`` where the answer has none."""

MEDIA_OF: dict[int, Media] = {
    0x46: Media.LONG,    0x47: Media.SHORT,   0x48: Media.GATE,   0x49: Media.GATE,
    0x4A: Media.INSIDE,  0x4B: Media.IC,      0x4C: Media.REAR,   0x4D: Media.REAR,   0x4E: Media.NONE,
}
"""Byte S1 of a status answer."""

POSITION_OF: dict[Media, int] = {
    Media.LONG: 0x46,    Media.SHORT: 0x47,   Media.GATE: 0x49,
    Media.INSIDE: 0x4A,  Media.IC: 0x4B,      Media.REAR: 0x4C,   Media.NONE: 0x4E,   Media.UNKNOWN: 0x4E,
}
# fmt: on

POSITIONS: dict[bytes, Label] = {
    b"\x46": Label("卡过长", "card too long"),
    b"\x47": Label("卡过短", "card too short"),
    b"\x48": Label("前端不夹卡位", "front, not held"),
    b"\x49": Label("前端夹卡位", "front, held"),
    b"\x4a": Label("机内", "inside"),
    b"\x4b": Label("IC 位", "IC position"),
    b"\x4c": Label("后端夹卡位", "rear, held"),
    b"\x4d": Label("后端不夹卡位", "rear, out"),
    b"\x4e": Label("无卡", "none"),
}
