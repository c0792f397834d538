"""Frames of the CRT-310, typed by hand from spec/devices.md 4.2 (its list of frames).

An answer's ``message`` is the :class:`Reply`, its ``context`` the :class:`Request` that it answers.
"""

from __future__ import annotations

from protocols.wire.base import Vector
from protocols.wire.card_reader import Error, Media, Op, Place, Reply, Request

__all__ = ["VECTORS"]

_LIST = "spec/devices.md 4.2, list of frames"

VECTORS: tuple[Vector, ...] = (
    Vector("02 00 02 30 30 03 03", Request(Op.INITIALISE, Place.STAY), _LIST),
    Vector("02 00 02 31 30 03 02", Request(Op.STATUS), _LIST),
    Vector("02 00 02 31 2F 03 1D", Request(Op.SENSORS), _LIST),
    Vector("02 00 03 2F 33 31 03 2F", Request(Op.ENTRY, enabled=True), _LIST),
    Vector("02 00 03 2F 31 31 03 2D", Request(Op.ENTRY, enabled=False), _LIST),
    Vector("02 00 02 32 31 03 00", Request(Op.MOVE, Place.GATE), _LIST),
    Vector("02 00 02 32 30 03 01", Request(Op.MOVE, Place.EJECT), _LIST),
    Vector("02 00 02 32 33 03 02", Request(Op.MOVE, Place.CAPTURE), _LIST),
    Vector("02 00 02 32 2F 03 1E", Request(Op.MOVE, Place.IC), _LIST),
    Vector("02 00 04 45 30 30 37 03 77", Request(Op.TRACKS), _LIST),
    Vector(
        "02 00 05 31 30 4A 4A 4E 03 4B",
        Reply(media=Media.INSIDE, data=b"\x4a\x4e"),
        _LIST,
        to_device=False,
        context=Request(Op.STATUS),
    ),
    # An abnormal answer echoes CM alone: which command of CM 37 it was, only the asker knows.
    Vector(
        "02 00 03 4E 37 02 03 79",
        Reply(error=Error.CANNOT_EXECUTE, code="02"),
        _LIST,
        to_device=False,
        context=Request(Op.UNKNOWN, cm=0x37),
    ),
)
