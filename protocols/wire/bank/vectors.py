"""Known messages and keys, typed by hand from spec/services.md 3.3. Card, merchant and terminal are synthetic.

``context`` of a vector is the MAC key (hexadecimal) under which its field 64 is right; None where it carries none.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.bank.frame import Header, Tpdu
from protocols.wire.bank.message import Message
from protocols.wire.base import Vector

__all__ = ["K1", "K2_BLOCKS", "VECTORS", "KeyDownload"]

_SOURCE = "spec/services.md 3.3"


@dataclass(frozen=True, slots=True)
class KeyDownload:
    """A key download with everything that it leads to; all hexadecimal."""

    master_key: str
    field_62: str
    pin_key: str
    pin_check: str
    mac_key: str
    mac_check: str


K1 = KeyDownload(
    master_key="CA5D92598DCA48CE8A4C76361A9269E9",
    field_62="6701EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA",
    pin_key="807A23AD32B36D457AE91FDF927570EA",
    pin_check="8D0A74B8",
    mac_key="5BB5C72CD00B7338",
    mac_check="AB7153CA",
)

K2_BLOCKS: tuple[tuple[str, str, str], ...] = (
    ("123456", "6225880123456789", "06126CD6EDCBA987"),
    ("123456", "5413330002001015", "06120766FFDFFEFE"),
)
"""PIN, card number, clear block of format 0. The first under the PIN key of K1 is 4912D20B01E8AB8F."""

_TO_HOST, _TO_TERMINAL = Tpdu("0006", "0000"), Tpdu("0000", "0006")
_HEADER = Header("60", "01", "0", "0", "310000")
_TERMINAL, _MERCHANT = "10000001", "898441900000001"


def _message(mti: str, fields: dict[int, str], to_host: bool = True) -> Message:
    return Message(mti, {**fields, 41: _TERMINAL, 42: _MERCHANT}, _HEADER, _TO_HOST if to_host else _TO_TERMINAL)


_K3 = Message(
    "0200",
    {
        3: "000000",
        4: "000000001234",
        11: "000002",
        22: "030",
        25: "99",
        41: "00000001",
        42: "952718182217875",
        49: "156",
        60: "2600000100060000000",
        62: "5F01123238343431323334353637383930313233345F03063136303033365F04063230303832365C023031",
        64: "4233413039324145",
    },
    Header("60", "32", "1", "0", "320072"),
    Tpdu("0003", "0000"),
)

_M1 = _message("0800", {11: "000001", 60: "00000001003", 63: "01 "})

_M2 = _message(
    "0810",
    {
        11: "000001",
        12: "083000",
        13: "1122",
        32: "48020000",
        37: "261122083000",
        39: "00",
        60: "00000001003",
        62: K1.field_62,
    },
    to_host=False,
)

_M3 = _message(
    "0200",
    {
        3: "000000",
        4: "000000001250",
        11: "000012",
        22: "072",
        25: "00",
        35: "6225880123456789D30122010000012300000",
        49: "156",
        60: "2200000100060",
        64: "3233434644413538",
    },
)

_M4 = _message(
    "0210",
    {
        3: "000000",
        4: "000000001250",
        11: "000012",
        12: "083015",
        13: "1122",
        25: "00",
        32: "48020000",
        37: "261122000012",
        38: "A00012",
        39: "00",
        49: "156",
        60: "22000001",
        64: "3143353341313646",
    },
    to_host=False,
)

_M5 = _message(
    "0400",
    {
        3: "000000",
        4: "000000001250",
        11: "000012",
        22: "072",
        25: "00",
        39: "98",
        49: "156",
        60: "2200000100060",
        61: "000001000012",
        64: "3934393943353346",
    },
)

_M6 = _message(
    "0500",
    {
        11: "000099",
        48: "00000000125000100000000000000000000000000000000000000000000000",
        49: "156",
        60: "00000001201",
        63: "01 ",
    },
)

VECTORS: tuple[Vector, ...] = (
    Vector(
        "007F600003000060321032007202003020048000C08015000000000000001234000002030099303030303030303139353237313831"
        "383232313738373531353600192600000100060000000000435F01123238343431323334353637383930313233345F030631363030"
        "33365F04063230303832365C0230314233413039324145",
        _K3,
        f"{_SOURCE} K3",
        context="0723C80DB5F4CD3D",
    ),
    Vector(
        "003C600006000060010031000008000020000000C0001200000131303030303030313839383434313930303030303030310011000000"
        "0100300003303120",
        _M1,
        f"{_SOURCE} M1",
    ),
    Vector(
        "007960000000066001003100000810003800010AC0001400000108300011220848020000323631313232303833303030303031303030"
        "303030313839383434313930303030303030310011000000010030004067"
        "01EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA",
        _M2,
        f"{_SOURCE} M2",
        to_device=False,
    ),
    Vector(
        "0063600006000060010031000002003020048020C08011000000000000001250000012072000376225880123456789D3012201000001"
        "2300000031303030303030313839383434313930303030303030313135360013220000010006003233434644413538",
        _M3,
        f"{_SOURCE} M3",
        context=K1.mac_key,
    ),
    Vector(
        "006860000000066001003100000210303800810EC0801100000000000000125000001208301511220008480200003236313132323030"
        "303031324130303031323030313030303030303138393834343139303030303030303131353600082200"
        "00013143353341313646",
        _M4,
        f"{_SOURCE} M4",
        to_device=False,
        context=K1.mac_key,
    ),
    Vector(
        "0059600006000060010031000004003020048002C0801900000000000000125000001207200039383130303030303031383938343431"
        "39303030303030303131353600132200000100060000120000010000123934393943353346",
        _M5,
        f"{_SOURCE} M5",
        context=K1.mac_key,
    ),
    Vector(
        "0060600006000060010031000005000020000000C1801200009931303030303030313839383434313930303030303030310062000000"
        "0012500010000000000000000000000000000000000000000000000031353600110000000120100003303120",
        _M6,
        f"{_SOURCE} M6",
    ),
)
"""K3 and M1 to M6: a published purchase by code, and one day of one terminal (purchase 12.50, trace 000012)."""
