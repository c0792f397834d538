"""The tables of the CRT-591: commands, error codes, status characters, as spec/devices.md 4.1 prints them."""

from __future__ import annotations

from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request
from protocols.wire.card_reader_rows import Part, Rows, group

__all__ = ["COMMANDS", "ERROR_OF", "MEDIA_OF", "NEAREST", "POSITIONS", "POSITION_OF", "RETAIN_BIN", "STACKER", "VCC"]

COMMANDS = Rows(
    (
        # CM 30 initialise: switches the entry off; 34, 35 and 37 also count retracts
        *group(
            0x30,
            Part.EMPTY,
            Part.TEXT,
            (0x30, Request(Op.INITIALISE, Place.GATE), "初始化，卡移到门口", "initialise, card to gate"),
            (0x31, Request(Op.INITIALISE, Place.CAPTURE), "初始化，吞卡", "initialise, capture"),
            (0x33, Request(Op.INITIALISE, Place.STAY), "初始化，卡不动", "initialise, leave card"),
            (
                0x34,
                Request(Op.INITIALISE, Place.GATE, count_retracts=True),
                "初始化，卡移到门口并计数",
                "initialise, card to gate, count retracts",
            ),
            (
                0x35,
                Request(Op.INITIALISE, Place.CAPTURE, count_retracts=True),
                "初始化，吞卡并计数",
                "initialise, capture, count retracts",
            ),
            (
                0x37,
                Request(Op.INITIALISE, Place.STAY, count_retracts=True),
                "初始化，卡不动并计数",
                "initialise, leave card, count retracts",
            ),
        ),
        # CM 31 status
        *group(
            0x31,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.STATUS), "查询状态", "status"),
        ),
        *group(
            0x31,
            Part.EMPTY,
            Part.SENSORS,
            (0x31, Request(Op.SENSORS), "查询传感器", "sensors"),
        ),
        # CM 32 move
        *group(
            0x32,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.MOVE, Place.GATE), "移到门口并夹持", "hold at gate"),
            (0x31, Request(Op.MOVE, Place.IC), "移到 IC 位", "to IC position"),
            (0x32, Request(Op.MOVE, Place.RF), "移到射频位", "to RF position"),
            (0x33, Request(Op.MOVE, Place.CAPTURE), "吞卡", "capture"),
            (0x39, Request(Op.MOVE, Place.EJECT), "退卡", "eject"),
        ),
        # CM 33 front entry
        *group(
            0x33,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.ENTRY, enabled=True), "允许前端进卡", "front entry on"),
            (0x31, Request(Op.ENTRY, enabled=False), "禁止前端进卡", "front entry off"),
        ),
        # CM 50 detect
        *group(
            0x50,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.DETECT), "识别接触式卡类型", "detect IC type"),
            (0x31, Request(Op.DETECT, number=1), "识别非接触卡类型", "detect RF type"),
        ),
        # CM 51 contact CPU card
        *group(
            0x51,
            Part.OPTION,
            Part.ATR,
            (0x30, Request(Op.CHIP_ON), "CPU 卡冷复位", "CPU card cold reset"),
        ),
        *group(
            0x51,
            Part.EMPTY,
            Part.RAW,
            (0x31, Request(Op.CHIP_OFF), "CPU 卡下电", "CPU card power off"),
            (0x32, Request(Op.CHIP_STATE), "CPU 卡状态", "CPU card state"),
        ),
        *group(
            0x51,
            Part.APDU,
            Part.APDU,
            (0x33, Request(Op.CHIP_APDU), "CPU 卡 T=0 指令", "CPU card T=0 APDU"),
            (0x34, Request(Op.CHIP_APDU, number=1), "CPU 卡 T=1 指令", "CPU card T=1 APDU"),
        ),
        *group(
            0x51,
            Part.EMPTY,
            Part.ATR,
            (0x38, Request(Op.CHIP_WARM), "CPU 卡热复位", "CPU card warm reset"),
        ),
        *group(
            0x51,
            Part.APDU,
            Part.APDU,
            (0x39, Request(Op.CHIP_APDU, number=2), "CPU 卡指令，自动协议", "CPU card APDU, auto"),
        ),
        # CM 52 SAM card: as CM 51, and the choice of the socket
        *group(
            0x52,
            Part.OPTION,
            Part.ATR,
            (0x30, Request(Op.CHIP_ON, socket=1), "SAM 卡冷复位", "SAM cold reset"),
        ),
        *group(
            0x52,
            Part.EMPTY,
            Part.RAW,
            (0x31, Request(Op.CHIP_OFF, socket=1), "SAM 卡下电", "SAM power off"),
            (0x32, Request(Op.CHIP_STATE, socket=1), "SAM 卡状态", "SAM state"),
        ),
        *group(
            0x52,
            Part.APDU,
            Part.APDU,
            (0x33, Request(Op.CHIP_APDU, socket=1), "SAM 卡 T=0 指令", "SAM T=0 APDU"),
            (0x34, Request(Op.CHIP_APDU, socket=1, number=1), "SAM 卡 T=1 指令", "SAM T=1 APDU"),
        ),
        *group(
            0x52,
            Part.EMPTY,
            Part.ATR,
            (0x38, Request(Op.CHIP_WARM, socket=1), "SAM 卡热复位", "SAM warm reset"),
        ),
        *group(
            0x52,
            Part.APDU,
            Part.APDU,
            (0x39, Request(Op.CHIP_APDU, socket=1, number=2), "SAM 卡指令，自动协议", "SAM APDU, auto"),
        ),
        *group(
            0x52,
            Part.SOCKET,
            Part.RAW,
            (0x40, Request(Op.SOCKET, socket=1), "选择 SAM 卡座", "select SAM socket"),
        ),
        # CM 53 memory cards
        *group(
            0x53,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.MEMORY), "存储卡复位", "memory card reset"),
        ),
        *group(
            0x53,
            Part.APDU,
            Part.APDU,
            (0x33, Request(Op.MEMORY, number=1), "SLE4442 伪指令", "SLE4442 pseudo-APDU"),
            (0x34, Request(Op.MEMORY, number=2), "SLE4428 伪指令", "SLE4428 pseudo-APDU"),
        ),
        # CM 54 I2C cards, any PM
        *group(
            0x54,
            Part.RAW,
            Part.RAW,
            (None, Request(Op.MEMORY, number=3), "I2C 存储卡", "I2C card"),
        ),
        # CM 60 contactless
        *group(
            0x60,
            Part.RAW,
            Part.RAW,
            (0x30, Request(Op.RF_ON), "非接触卡激活", "contactless activate"),
        ),
        *group(
            0x60,
            Part.EMPTY,
            Part.RAW,
            (0x31, Request(Op.RF_OFF), "非接触卡关闭", "contactless off"),
        ),
        *group(
            0x60,
            Part.APDU,
            Part.APDU,
            (0x33, Request(Op.MIFARE), "Mifare 操作", "Mifare"),
            (0x34, Request(Op.RF_APDU), "A 型卡指令", "type A APDU"),
            (0x35, Request(Op.RF_APDU, number=1), "B 型卡指令", "type B APDU"),
        ),
        # CM A2 the reader itself
        *group(
            0xA2,
            Part.EMPTY,
            Part.TEXT,
            (0x30, Request(Op.SERIAL), "读序列号", "serial number"),
        ),
        *group(
            0xA3,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.CONFIGURATION), "读配置", "configuration"),
        ),
        *group(
            0xA4,
            Part.EMPTY,
            Part.TEXT,
            (0x30, Request(Op.VERSION), "读版本", "version"),
        ),
        *group(
            0xA5,
            Part.EMPTY,
            Part.TEXT,
            (0x30, Request(Op.COUNTER), "读回收计数", "read bin counter"),
        ),
        *group(
            0xA5,
            Part.TEXT,
            Part.RAW,
            (0x31, Request(Op.COUNTER, number=1), "设回收计数", "set bin counter"),
        ),
        *group(
            0xA6,
            Part.EMPTY,
            Part.RAW,
            (0x30, Request(Op.CONFIGURATION, number=1), "复位 PC/SC 部分", "reset PC/SC part"),
        ),
    )
)

VCC: dict[bytes, tuple[int, bool, Label]] = {
    b"\x30": (5, True, Label("5 V EMV", "5 V EMV")),
    b"\x33": (5, False, Label("5 V ISO 7816", "5 V ISO 7816")),
    b"\x35": (3, True, Label("3 V", "3 V")),
}
"""Vcc byte of a cold reset: volts, EMV rules, name."""

SOCKET_BYTES = range(0x30, 0x35)
"""``52 40``: 30..34 are SAM sockets 1..5."""

# fmt: off
ERROR_OF: dict[str, Error] = {
    "00": Error.UNKNOWN_COMMAND,      "01": Error.PARAMETER,        "02": Error.SEQUENCE,
    "03": Error.NOT_FITTED,           "04": Error.DATA,             "05": Error.CONTACT_NOT_RELEASED,
    "10": Error.JAM,                  "12": Error.SENSOR,           "13": Error.TOO_LONG,
    "14": Error.TOO_SHORT,
    "40": Error.PULLED,               "41": Error.MAGNET,           "43": Error.CANNOT_REACH_IC,
    "45": Error.MOVED_BY_HAND,
    "50": Error.COUNTER_OVERFLOW,     "51": Error.MOTOR,
    "60": Error.SHORT_CIRCUIT,        "61": Error.ACTIVATION,       "62": Error.PROTOCOL,
    "63": Error.NO_ANSWER,            "64": Error.CARD_COMMUNICATION,
    "65": Error.NOT_ACTIVATED,        "66": Error.UNSUPPORTED_CARD, "67": Error.TRANSMISSION,
    "68": Error.OVERTIME,             "69": Error.NOT_EMV,
    "A0": Error.STACKER_EMPTY,        "A1": Error.BIN_FULL,         "B0": Error.NOT_INITIALISED,
}
"""Characters e1 e0 of a failure. A code that is not here is :attr:`Error.OTHER`, and keeps its characters."""

NEAREST: dict[Error, str] = {
    Error.SUPPLY: "51",          # the motor cannot run
    Error.POWER_LOST: "B0",      # after the supply returns, initialise is wanted
    Error.ABNORMAL_CARD: "10",   # a card that must be cleared by hand
    Error.CANNOT_EXECUTE: "02",  # not now
    Error.OTHER: "02",
}
"""What a CRT-591 has no code for, and the code it sends instead."""

POSITION_OF: dict[Media, int] = {
    Media.NONE: 0x30,
    Media.GATE: 0x31,
    Media.INSIDE: 0x32,    Media.IC: 0x32,
    # no character of their own: a card of wrong length is stopped at the gate, one at the rear is still inside
    Media.LONG: 0x31,      Media.SHORT: 0x31,
    Media.REAR: 0x32,      Media.UNKNOWN: 0x30,
}
"""Character st0 of each place."""
# fmt: on

MEDIA_OF: dict[int, Media] = {0x30: Media.NONE, 0x31: Media.GATE, 0x32: Media.INSIDE}

POSITIONS: dict[bytes, Label] = {
    b"0": Label("机内无卡", "no card"),
    b"1": Label("卡在门口", "card at gate"),
    b"2": Label("卡在射频或 IC 位", "card at RF or IC position"),
}
STACKER: dict[bytes, Label] = {
    b"0": Label("空", "empty"),
    b"1": Label("少", "few"),
    b"2": Label("足", "enough"),
}
RETAIN_BIN: dict[bytes, Label] = {b"0": Label("未满", "not full"), b"1": Label("已满", "full")}
