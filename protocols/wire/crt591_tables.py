"""The tables of the CRT-591: commands, error codes, status characters, as spec/devices.md 4.1 prints them."""

from __future__ import annotations

from protocols.wire.base import Label
from protocols.wire.card_reader import Error, Media, Op, Place, Request
from protocols.wire.card_reader_rows import APDU, ATR, EMPTY, OPTION, RAW, SENSORS, SOCKET, TEXT, Row, Rows

__all__ = ["COMMANDS", "ERROR_OF", "MEDIA_OF", "NEAREST", "POSITIONS", "POSITION_OF", "RETAIN_BIN", "STACKER", "VCC"]

_INIT, _MOVE, _ENTRY = Op.INITIALISE, Op.MOVE, Op.ENTRY

COMMANDS = Rows(
    (
        # CM 30 initialise: switches the entry off; 34, 35 and 37 also count retracts
        Row(0x30, 0x30, Request(_INIT, Place.GATE), Label("初始化，卡移到门口", "initialise, card to gate"), EMPTY, TEXT),
        Row(0x30, 0x31, Request(_INIT, Place.CAPTURE), Label("初始化，吞卡", "initialise, capture"), EMPTY, TEXT),
        Row(0x30, 0x33, Request(_INIT, Place.STAY), Label("初始化，卡不动", "initialise, leave card"), EMPTY, TEXT),
        Row(
            0x30,
            0x34,
            Request(_INIT, Place.GATE, count_retracts=True),
            Label("初始化，卡移到门口并计数", "initialise, card to gate, count retracts"),
            EMPTY,
            TEXT,
        ),
        Row(
            0x30,
            0x35,
            Request(_INIT, Place.CAPTURE, count_retracts=True),
            Label("初始化，吞卡并计数", "initialise, capture, count retracts"),
            EMPTY,
            TEXT,
        ),
        Row(
            0x30,
            0x37,
            Request(_INIT, Place.STAY, count_retracts=True),
            Label("初始化，卡不动并计数", "initialise, leave card, count retracts"),
            EMPTY,
            TEXT,
        ),
        # CM 31 status
        Row(0x31, 0x30, Request(Op.STATUS), Label("查询状态", "status"), EMPTY),
        Row(0x31, 0x31, Request(Op.SENSORS), Label("查询传感器", "sensors"), EMPTY, SENSORS),
        # CM 32 move
        Row(0x32, 0x30, Request(_MOVE, Place.GATE), Label("移到门口并夹持", "hold at gate"), EMPTY),
        Row(0x32, 0x31, Request(_MOVE, Place.IC), Label("移到 IC 位", "to IC position"), EMPTY),
        Row(0x32, 0x32, Request(_MOVE, Place.RF), Label("移到射频位", "to RF position"), EMPTY),
        Row(0x32, 0x33, Request(_MOVE, Place.CAPTURE), Label("吞卡", "capture"), EMPTY),
        Row(0x32, 0x39, Request(_MOVE, Place.EJECT), Label("退卡", "eject"), EMPTY),
        # CM 33 front entry
        Row(0x33, 0x30, Request(_ENTRY, enabled=True), Label("允许前端进卡", "front entry on"), EMPTY),
        Row(0x33, 0x31, Request(_ENTRY, enabled=False), Label("禁止前端进卡", "front entry off"), EMPTY),
        # CM 50 detect
        Row(0x50, 0x30, Request(Op.DETECT), Label("识别接触式卡类型", "detect IC type"), EMPTY),
        Row(0x50, 0x31, Request(Op.DETECT, number=1), Label("识别非接触卡类型", "detect RF type"), EMPTY),
        # CM 51 contact CPU card
        Row(0x51, 0x30, Request(Op.CHIP_ON), Label("CPU 卡冷复位", "CPU card cold reset"), OPTION, ATR),
        Row(0x51, 0x31, Request(Op.CHIP_OFF), Label("CPU 卡下电", "CPU card power off"), EMPTY),
        Row(0x51, 0x32, Request(Op.CHIP_STATE), Label("CPU 卡状态", "CPU card state"), EMPTY),
        Row(0x51, 0x33, Request(Op.CHIP_APDU), Label("CPU 卡 T=0 指令", "CPU card T=0 APDU"), APDU, APDU),
        Row(0x51, 0x34, Request(Op.CHIP_APDU, number=1), Label("CPU 卡 T=1 指令", "CPU card T=1 APDU"), APDU, APDU),
        Row(0x51, 0x38, Request(Op.CHIP_WARM), Label("CPU 卡热复位", "CPU card warm reset"), EMPTY, ATR),
        Row(0x51, 0x39, Request(Op.CHIP_APDU, number=2), Label("CPU 卡指令，自动协议", "CPU card APDU, auto"), APDU, APDU),
        # CM 52 SAM card: as CM 51, and the choice of the socket
        Row(0x52, 0x30, Request(Op.CHIP_ON, socket=1), Label("SAM 卡冷复位", "SAM cold reset"), OPTION, ATR),
        Row(0x52, 0x31, Request(Op.CHIP_OFF, socket=1), Label("SAM 卡下电", "SAM power off"), EMPTY),
        Row(0x52, 0x32, Request(Op.CHIP_STATE, socket=1), Label("SAM 卡状态", "SAM state"), EMPTY),
        Row(0x52, 0x33, Request(Op.CHIP_APDU, socket=1), Label("SAM 卡 T=0 指令", "SAM T=0 APDU"), APDU, APDU),
        Row(0x52, 0x34, Request(Op.CHIP_APDU, socket=1, number=1), Label("SAM 卡 T=1 指令", "SAM T=1 APDU"), APDU, APDU),
        Row(0x52, 0x38, Request(Op.CHIP_WARM, socket=1), Label("SAM 卡热复位", "SAM warm reset"), EMPTY, ATR),
        Row(0x52, 0x39, Request(Op.CHIP_APDU, socket=1, number=2), Label("SAM 卡指令，自动协议", "SAM APDU, auto"), APDU, APDU),
        Row(0x52, 0x40, Request(Op.SOCKET, socket=1), Label("选择 SAM 卡座", "select SAM socket"), SOCKET),
        # CM 53, 54 memory cards
        Row(0x53, 0x30, Request(Op.MEMORY), Label("存储卡复位", "memory card reset"), EMPTY),
        Row(0x53, 0x33, Request(Op.MEMORY, number=1), Label("SLE4442 伪指令", "SLE4442 pseudo-APDU"), APDU, APDU),
        Row(0x53, 0x34, Request(Op.MEMORY, number=2), Label("SLE4428 伪指令", "SLE4428 pseudo-APDU"), APDU, APDU),
        Row(0x54, None, Request(Op.MEMORY, number=3), Label("I2C 存储卡", "I2C card")),
        # CM 60 contactless
        Row(0x60, 0x30, Request(Op.RF_ON), Label("非接触卡激活", "contactless activate")),
        Row(0x60, 0x31, Request(Op.RF_OFF), Label("非接触卡关闭", "contactless off"), EMPTY),
        Row(0x60, 0x33, Request(Op.MIFARE), Label("Mifare 操作", "Mifare"), APDU, APDU),
        Row(0x60, 0x34, Request(Op.RF_APDU), Label("A 型卡指令", "type A APDU"), APDU, APDU),
        Row(0x60, 0x35, Request(Op.RF_APDU, number=1), Label("B 型卡指令", "type B APDU"), APDU, APDU),
        # CM A2..A6 the reader itself
        Row(0xA2, 0x30, Request(Op.SERIAL), Label("读序列号", "serial number"), EMPTY, TEXT),
        Row(0xA3, 0x30, Request(Op.CONFIGURATION), Label("读配置", "configuration"), EMPTY, RAW),
        Row(0xA4, 0x30, Request(Op.VERSION), Label("读版本", "version"), EMPTY, TEXT),
        Row(0xA5, 0x30, Request(Op.COUNTER), Label("读回收计数", "read bin counter"), EMPTY, TEXT),
        Row(0xA5, 0x31, Request(Op.COUNTER, number=1), Label("设回收计数", "set bin counter"), TEXT),
        Row(0xA6, 0x30, Request(Op.CONFIGURATION, number=1), Label("复位 PC/SC 部分", "reset PC/SC part"), EMPTY),
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
