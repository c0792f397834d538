"""Frames of the PIN pads of family B, typed by hand from spec/devices.md 1.2: the golden dialogue of a hospital kiosk.

An answer does not name the command that it answers, so it has no ``context``.
"""

from __future__ import annotations

from protocols.wire.base import Vector
from protocols.wire.pin_pad import Cipher, EntryMode, Error, Keypad, Op, PinFormat, Reply, Request, Setting

__all__ = ["VECTORS"]

_GOLDEN = "spec/devices.md 1.2, golden dialogue"
_TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
_TPK = bytes.fromhex("9B3A7B883A100F73B4ABA2BB791C50E7")


def _host(characters: str, message: Request) -> Vector:
    return Vector(f"02 {characters.encode().hex(' ')} 03", message, _GOLDEN)


def _pad(characters: str, message: Reply) -> Vector:
    return Vector(f"02 {characters.encode().hex(' ')} 03", message, _GOLDEN, to_device=False)


VECTORS: tuple[Vector, ...] = (
    _host("013130", Request(Op.RESET)),
    _pad("010405", Reply()),
    _host("013031", Request(Op.VERSION)),
    _host("0346003075", Request(Op.SET, setting=Setting.LOAD_CIPHER, value=Cipher.TDES)),
    _host("0346013074", Request(Op.SET, setting=Setting.WORK_CIPHER, value=Cipher.TDES)),
    _host("0346041051", Request(Op.SET, setting=Setting.PIN_FORMAT, value=PinFormat.ISO_0)),
    _host("0346050545", Request(Op.SET, setting=Setting.KCV_ON, value=1)),
    _host("1232000123456789ABCDEFFEDCBA987654321020", Request(Op.LOAD_MASTER, master=0, data=_TMK)),
    _pad("050408D7B4FB91", Reply(data=bytes.fromhex("08D7B4FB"))),
    _host("133300409B3A7B883A100F73B4ABA2BB791C50E7B0", Request(Op.LOAD_WORK, master=0, slot=0, data=_TPK)),
    _pad("0504D2B91CC5B3", Reply(data=bytes.fromhex("D2B91CC5"))),
    _host("0343004000", Request(Op.ACTIVATE, master=0, slot=0)),
    _host("0D3436373839303132333435363739", Request(Op.PAN, data=b"678901234567")),
    _host("02450344", Request(Op.KEYPAD, keypad=Keypad.OPEN_SOUND)),
    _host("0635060101003C09", Request(Op.START_PIN, most=6, mode=EntryMode.WITH_PAN, limit_s=60)),
    _host("0635060101001E2B", Request(Op.START_PIN, most=6, mode=EntryMode.WITH_PAN, limit_s=30)),
    _host("014243", Request(Op.PIN_BLOCK)),
    _pad("0904D31E9382D08B1F1481", Reply(data=bytes.fromhex("D31E9382D08B1F14"))),
    _host("02450047", Request(Op.KEYPAD, keypad=Keypad.CLOSED)),
    _pad("011514", Reply(Error.PARAMETER, "15")),
    _pad("01A4A5", Reply(Error.MASTER_MISSING, "A4")),
    _pad("018081", Reply(Error.TIME_OUT, "80")),
    _pad("01F2F3", Reply(Error.TEST_KEYS, "F2")),
    _pad("01E0E1", Reply(Error.UNKNOWN_COMMAND, "E0")),
    _host("0231380B", Request(Op.WIPE)),
)
