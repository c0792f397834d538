"""Dialect ``epp-b``: encrypting PIN pads of family B (ZT596/ZT599-C90, KMY350x, XZ-F10/F30).

Source: spec/devices.md 1.2, its open readings in open-readings.md, "EPP family B"; the framing is in
``hex_split_framing.py``, the tables are in ``epp_b_tables.py``. TEXT is ``CMD DATA`` one way and ``ST DATA`` the other: an
answer does not name its command, so it belongs to the last one.

What the neutral words need here:

- N of 33 and 43 is sent as 40h + 4M + k and understood as k (0 to 3) too; one that belongs to another master is refused;
- ``32`` with M + 40h: the key comes enciphered under the active key;
- ``62`` and ``65``: M alone names a master key, M N a work key; ``86``: kind, M, N; ``81 p v`` is numbered like ``46``. The
  document gives these commands without their data: the layouts are assumptions of this project (confidence C);
- an UNKNOWN request has ``number`` 0 for an unknown command, 1 for data that a known one cannot have.

Times: no command is answered later than two seconds, except those that compute (1.4: up to 75 ms a block of eight bytes).
"""

from __future__ import annotations

from construct import ConstructError

from protocols.wire.base import Framing, Label, Node, Timing, Vector, WireError
from protocols.wire.epp_b_messages import (
    ENTRY,
    MASTER_KEY,
    PARAMETER,
    PLACE,
    PLAIN,
    SM_PLACE,
    SWITCH,
    WORK_KEY,
    Entry,
    MasterKey,
    Parameter,
    Place,
    Plain,
    SmPlace,
    Switch,
    WorkKey,
)
from protocols.wire.epp_b_tables import (
    BATTERY_LOW,
    COMMANDS,
    DES_ACTIVATE,
    DES_LOAD,
    DES_SET,
    DES_VECTOR,
    DONE,
    ENTRY_MODES,
    ERROR_OF,
    KEY_BYTES,
    KEY_OF,
    KEYPADS,
    NUMBERS,
    PARAMETERS,
    SM4_LOAD,
    SM_ACTIVATE,
    SM_KINDS,
    SM_PARAMETERS,
    SM_SET,
    SM_VECTOR,
    Row,
    Shape,
)
from protocols.wire.epp_b_tree import command_tree, reply_tree
from protocols.wire.epp_b_vectors import VECTORS
from protocols.wire.hex_split_framing import HexSplitFraming
from protocols.wire.pin_pad import Cipher, Error, Key, LineRules, Op, Reply, Request

__all__ = ["DIALECT", "EppB", "work_number"]

DATA_LIMIT_BYTES = 248
MAC_LIMIT_BYTES = 1016
WORK_KEYS = 4
WRAPPED = FIRST_WORK = 0x40
KEY_LENGTHS = (8, 16, 24)
MASTERS = 0x20
"""Most masters of any model: C90 has 00 to 1F."""


RULES = LineRules(DATA_LIMIT_BYTES, MAC_LIMIT_BYTES, Timing(reply_s=2.0, resync_s=0.1, resends=1))

_ROWS: dict[int, tuple[Row, ...]] = {
    row.code: tuple(each for each in COMMANDS if each.code == row.code) for row in COMMANDS
}
_CODES: dict[tuple[Op, Cipher | None], int] = {
    (Op.LOAD_MASTER, None): DES_LOAD,
    (Op.LOAD_MASTER, Cipher.SM4): SM4_LOAD,
    (Op.ACTIVATE, None): DES_ACTIVATE,
    (Op.ACTIVATE, Cipher.SM4): SM_ACTIVATE,
    (Op.ACTIVATE, Cipher.SM2): SM_ACTIVATE,
    (Op.VECTOR, None): DES_VECTOR,
    (Op.VECTOR, Cipher.SM4): SM_VECTOR,
}
_PARAMETER_OF = {
    **{choice: (DES_SET, *pair) for pair, choice in PARAMETERS.items()},
    **{choice: (SM_SET, *pair) for pair, choice in SM_PARAMETERS.items()},
}
_NUMBER_OF = {setting: parameter for parameter, setting in NUMBERS.items()}
_KEYPAD_OF = {keypad: value for value, keypad in KEYPADS.items()}
_MODE_OF = {mode: value for value, mode in ENTRY_MODES.items()}
_KIND_OF = {cipher: kind for kind, cipher in SM_KINDS.items()}
_STATUS_OF = {error: status for status, error in ERROR_OF.items()}


def work_number(master: int, slot: int) -> int:
    """N of work key *slot* (0 to 3) under *master*: 40h + 4M + k."""
    return FIRST_WORK + WORK_KEYS * master + slot


def _slot_of(master: int, number: int) -> int:
    """k of N, in either numbering. Raises WireError for a number that is not this master's."""
    if number < WORK_KEYS:
        return number
    slot = number - work_number(master, 0)
    if not 0 <= slot < WORK_KEYS:
        raise WireError(f"work key number {number:02X} does not belong to master {master:02X}")
    return slot


# Requests to bytes.


def _encode(request: Request) -> bytes:
    match request.op:
        case Op.UNKNOWN | Op.MANUAL_KEY:
            return PLAIN.build(Plain(code=request.code, data=request.data))
        case Op.LOAD_MASTER:
            master = request.master + (WRAPPED if request.wrapped else 0)
            return MASTER_KEY.build(MasterKey(code=_code(request), master=_byte(master), key=request.data))
        case Op.LOAD_WORK:
            number = work_number(request.master, request.slot or 0)
            return WORK_KEY.build(WorkKey(code=0x33, master=request.master, number=number, key=request.data))
        case Op.ACTIVATE:
            return _encode_place(request)
        case Op.START_PIN:
            entry = Entry(
                code=0x35,
                most=_byte(request.most),
                shown=int(request.shown),
                mode=_MODE_OF[request.mode],
                prompt=_byte(request.prompt),
                limit_s=_byte(request.limit_s),
            )
            return ENTRY.build(entry)
        case Op.KEYPAD:
            if request.keypad is None:
                raise WireError("KEYPAD needs to know what")
            return SWITCH.build(Switch(code=0x45, value=_KEYPAD_OF[request.keypad]))
        case Op.SET:
            return _encode_setting(request)
        case Op.DELETE_KEY | Op.KCV:
            place = bytes((request.master,))
            if request.slot is not None:
                place += bytes((work_number(request.master, request.slot),))
            return PLAIN.build(Plain(code=0x62 if request.op is Op.DELETE_KEY else 0x65, data=place))
        case Op.VECTOR:
            return PLAIN.build(Plain(code=_code(request), data=request.data))
        case _:
            row = next(each for each in COMMANDS if each.op is request.op)
            if row.shape is Shape.EMPTY and request.data:
                raise WireError(f"{request.op} carries no data")
            return PLAIN.build(Plain(code=row.code, data=row.only or request.data))


def _encode_place(request: Request) -> bytes:
    number = work_number(request.master, request.slot or 0)
    if request.cipher is None:
        return PLACE.build(Place(code=DES_ACTIVATE, master=request.master, number=number))
    return SM_PLACE.build(
        SmPlace(code=_code(request), kind=_KIND_OF[request.cipher], master=request.master, number=number)
    )


def _encode_setting(request: Request) -> bytes:
    number = _NUMBER_OF.get(request.setting) if request.setting else None
    if number is not None and isinstance(request.value, int):
        return PARAMETER.build(Parameter(code=DES_SET, parameter=number, value=_byte(request.value)))
    found = _PARAMETER_OF.get((request.setting, request.value)) if request.setting else None
    if found is None:
        raise WireError(f"family B cannot set {request.setting} to {request.value}")
    code, parameter, value = found
    return PARAMETER.build(Parameter(code=code, parameter=parameter, value=value))


def _code(request: Request) -> int:
    code = _CODES.get((request.op, request.cipher))
    if code is None:
        raise WireError(f"family B has no {request.op} for {request.cipher}")
    return code


def _byte(value: int) -> int:
    if not 0 <= value <= 0xFF:
        raise WireError(f"{value} is no byte")
    return value


# Bytes to requests.


def _decode(text: bytes) -> Request:
    plain = PLAIN.parse(text)
    rows = _ROWS.get(plain.code)
    if rows is None:
        return Request(Op.UNKNOWN, code=plain.code, data=plain.data)
    try:
        return _decode_row(_row_of(rows, plain.data), text, plain.data)
    except (ConstructError, WireError, KeyError):
        return Request(Op.UNKNOWN, code=plain.code, data=plain.data, number=1)


def _row_of(rows: tuple[Row, ...], data: bytes) -> Row:
    """The row that *data* choose among those of one command byte. Raises WireError when none can have them."""
    for row in rows:
        if row.shape is Shape.EMPTY:
            fits = not data
        else:
            fits = data == row.only if row.shape is Shape.ONLY else True
        if fits:
            return row
    raise WireError("these data do not belong to this command")


def _decode_row(row: Row, text: bytes, data: bytes) -> Request:
    match row.shape:
        case Shape.EMPTY | Shape.ONLY:
            return Request(row.op)
        case Shape.MASTER_KEY:
            loaded = MASTER_KEY.parse(text)
            wrapped = WRAPPED <= loaded.master < 2 * WRAPPED
            return Request(
                row.op,
                master=_master(loaded.master - (WRAPPED if wrapped else 0)),
                wrapped=wrapped,
                cipher=Cipher.SM4 if row.code == SM4_LOAD else None,
                data=_key(loaded.key),
            )
        case Shape.WORK_KEY:
            work = WORK_KEY.parse(text)
            slot = _slot_of(work.master, work.number)
            return Request(row.op, master=_master(work.master), slot=slot, data=_key(work.key))
        case Shape.SLOT:
            place = PLACE.parse(text)
            return Request(row.op, master=_master(place.master), slot=_slot_of(place.master, place.number))
        case Shape.SM_SLOT:
            sm = SM_PLACE.parse(text)
            slot = _slot_of(sm.master, sm.number)
            return Request(row.op, master=_master(sm.master), slot=slot, cipher=SM_KINDS[sm.kind])
        case Shape.KEY_NAME:
            return _decode_name(row, data)
        case Shape.ENTRY:
            entry = ENTRY.parse(text)
            return Request(
                row.op,
                most=entry.most,
                shown=_flag(entry.shown),
                mode=ENTRY_MODES[entry.mode],
                prompt=entry.prompt,
                limit_s=entry.limit_s,
            )
        case Shape.KEYPAD:
            return Request(row.op, keypad=KEYPADS[SWITCH.parse(text).value])
        case Shape.PARAMETER:
            return _decode_setting(row, text)
        case Shape.DATA:
            cipher = Cipher.SM4 if row.code == SM_VECTOR else None
            return Request(row.op, data=data, cipher=cipher, code=row.code if row.op is Op.MANUAL_KEY else 0)


def _decode_name(row: Row, data: bytes) -> Request:
    if len(data) not in (1, 2):
        raise WireError("a key is named by M, or by M N")
    slot = _slot_of(data[0], data[1]) if len(data) == 2 else None
    return Request(row.op, master=_master(data[0]), slot=slot)


def _decode_setting(row: Row, text: bytes) -> Request:
    given = PARAMETER.parse(text)
    number = NUMBERS.get(given.parameter) if row.code == DES_SET else None
    if number is not None:
        return Request(row.op, setting=number, value=given.value)
    table = PARAMETERS if row.code == DES_SET else SM_PARAMETERS
    setting, value = table[given.parameter, given.value]
    return Request(row.op, setting=setting, value=value)


def _key(key: bytes) -> bytes:
    if len(key) not in KEY_LENGTHS:
        raise WireError(f"a key of {len(key)} bytes; there are keys of 8, 16 and 24")
    return key


def _master(number: int) -> int:
    if number >= MASTERS:
        raise WireError(f"master key {number:02X}; there are at most {MASTERS:02X}h")
    return number


def _flag(value: int) -> bool:
    if value not in (0, 1):
        raise WireError(f"{value:02X} is neither 00 nor 01")
    return value == 1


class EppB:
    """The :class:`protocols.wire.pin_pad.PinPadDialect` of family B. *trailer*: this end sends the final 03; frames
    without it are understood in any case."""

    name = "epp-b"
    label = Label("B 族加密键盘", "PIN pad, family B")
    device_class = "pin_pad"
    rules = RULES
    vectors: tuple[Vector, ...] = VECTORS

    def __init__(self, trailer: bool = True) -> None:
        self.trailer = trailer

    def framing(self) -> Framing:
        return HexSplitFraming(KEY_OF, resync_s=RULES.timing.resync_s, trailer=self.trailer)

    def encode_request(self, request: Request) -> bytes:
        if request.op is Op.UNKNOWN and not 0 <= request.code <= 0xFF:
            raise WireError(f"{request.code} is no command byte")
        if not 0 <= request.master < MASTERS or not 0 <= (request.slot or 0) < WORK_KEYS:
            raise WireError(f"family B has no key {request.master}/{request.slot}")
        try:
            text = _encode(request)
        except (ConstructError, StopIteration) as error:
            raise WireError(f"family B cannot say {request.op}") from error
        if request.op in (Op.ENCRYPT, Op.DECRYPT) and len(request.data) > DATA_LIMIT_BYTES:
            raise WireError(f"{len(request.data)} bytes; one command takes {DATA_LIMIT_BYTES}")
        if len(request.data) > MAC_LIMIT_BYTES:
            raise WireError(f"{len(request.data)} bytes; a frame takes {MAC_LIMIT_BYTES}")
        return text

    def decode_request(self, text: bytes) -> Request:
        if not text:
            raise WireError("a frame without a command")
        return _decode(text)

    def encode_reply(self, request: Request | None, reply: Reply) -> bytes:
        if reply.error is None:
            return bytes((BATTERY_LOW if reply.battery_low else DONE,)) + reply.data
        status = int(reply.code, 16) if reply.code else _STATUS_OF.get(reply.error, _STATUS_OF[Error.TEST_OTHER])
        return bytes((status,)) + reply.data

    def decode_reply(self, text: bytes) -> tuple[Request | None, Reply]:
        if not text:
            raise WireError("an answer without a status")
        status, data = text[0], text[1:]
        if status in (DONE, BATTERY_LOW):
            return None, Reply(data=data, battery_low=status == BATTERY_LOW)
        return None, Reply(ERROR_OF.get(status, Error.OTHER), f"{status:02X}", data)

    def key_of(self, byte: int) -> Key | None:
        return KEY_OF.get(byte)

    def byte_of(self, key: Key) -> int:
        return KEY_BYTES[key]

    def supports(self, request: Request) -> bool:
        try:
            self.encode_request(request)
        except WireError:
            return False
        return True

    def tree(self, text: bytes, to_device: bool) -> Node:
        if to_device and text:
            return command_tree(text, self.decode_request(text))
        if text:
            return reply_tree(text, self.decode_reply(text)[1])
        return Node("undecodable", Label("无法解码", "undecodable"), text, "empty")


DIALECT = EppB()
