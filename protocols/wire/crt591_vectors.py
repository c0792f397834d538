"""Frames of the CRT-591, typed by hand from spec/devices.md 4.1 (the table of frames and the notes beside it).

An answer's ``message`` is the :class:`Reply`, its ``context`` the :class:`Request` that it answers.
"""

from __future__ import annotations

from protocols.wire.base import Vector
from protocols.wire.card_reader import Error, Media, Op, Place, Reply, Request

__all__ = ["VECTORS"]

_TABLE = "spec/devices.md 4.1, table of frames"
_CLIENTS = "spec/devices.md 4.1, table of frames, seen in independent clients"

_INIT_TO_GATE = Request(Op.INITIALISE, Place.GATE)
_STATUS = Request(Op.STATUS)
_HOLD_AT_IC = Request(Op.MOVE, Place.IC)

VECTORS: tuple[Vector, ...] = (
    Vector("F2 00 00 03 43 30 30 03 B1", _INIT_TO_GATE, _TABLE),
    Vector("F2 00 00 03 43 30 33 03 B2", Request(Op.INITIALISE, Place.STAY), _CLIENTS),
    Vector("F2 00 00 03 43 31 30 03 B0", _STATUS, _TABLE),
    Vector("F2 00 00 03 43 31 31 03 B1", Request(Op.SENSORS), _TABLE),
    Vector("F2 00 00 03 43 32 39 03 BA", Request(Op.MOVE, Place.EJECT), _TABLE),
    Vector("F2 00 00 03 43 32 31 03 B2", _HOLD_AT_IC, _TABLE),
    Vector("F2 00 00 03 43 32 32 03 B1", Request(Op.MOVE, Place.RF), _TABLE),
    Vector("F2 00 00 03 43 32 33 03 B0", Request(Op.MOVE, Place.CAPTURE), _TABLE),
    Vector("F2 00 00 03 43 32 30 03 B3", Request(Op.MOVE, Place.GATE), _TABLE),
    Vector("F2 00 00 03 43 33 30 03 B2", Request(Op.ENTRY, enabled=True), _TABLE),
    Vector("F2 00 00 03 43 33 31 03 B3", Request(Op.ENTRY, enabled=False), _TABLE),
    Vector("F2 00 00 04 43 51 30 30 03 E7", Request(Op.CHIP_ON, volts=5, emv=True), _TABLE),
    Vector("F2 00 00 04 43 52 40 31 03 95", Request(Op.SOCKET, socket=2), _TABLE),
    Vector(
        "F2 00 00 08 43 60 33 00 B0 01 00 02 03 5A",
        Request(Op.MIFARE, data=bytes.fromhex("00B0010002")),
        _CLIENTS,
    ),
    Vector(
        "F2 00 00 12 50 30 30 30 30 30 43 52 54 2D 35 39 31 2D 4D 30 30 31 03 87",
        Reply(media=Media.NONE, stacker=0, bin_full=False, data=b"CRT-591-M001"),
        _TABLE,
        to_device=False,
        context=_INIT_TO_GATE,
    ),
    Vector(
        "F2 00 00 06 50 31 30 32 32 30 03 96",
        Reply(media=Media.INSIDE, stacker=2, bin_full=False),
        _TABLE,
        to_device=False,
        context=_STATUS,
    ),
    Vector(
        "F2 00 00 05 4E 32 31 31 30 03 B8",
        Reply(error=Error.JAM, code="10"),
        _TABLE,
        to_device=False,
        context=_HOLD_AT_IC,
    ),
    Vector(
        "F2 00 00 05 4E 31 30 42 30 03 C9",
        Reply(error=Error.NOT_INITIALISED, code="B0"),
        _TABLE,
        to_device=False,
        context=_STATUS,
    ),
)
