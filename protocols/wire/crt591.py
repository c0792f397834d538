"""CRT-591 and the F2/BCC family: TEXT is ``43 CM PM data`` one way, ``50`` (done) or ``4E`` (failed) the other.

Source: spec/devices.md 4.1; its tables are in ``crt591_tables.py``. Times: no ACK in 300 ms means resend (4.1), answer
in 20 s (4.3), resynchronisation after 100 ms and three resends (open-readings.md). The negative head is sent as 4E and
accepted as 4E or 45 (AS-10).

What the neutral words need here:

- a command of 52 acts on the socket that ``52 40`` selected: only SOCKET carries a number, and other requests to a SAM
  read back as socket 1;
- CHIP_APDU ``number``: 0 T=0, 1 T=1, 2 automatic; RF_APDU: 0 type A, 1 type B; DETECT: 0 IC, 1 RF; COUNTER: 0 read,
  1 set;
- MEMORY ``number``: 0 reset, 1 and 2 the pseudo-APDU of SLE4442 and SLE4428, 3 the I2C group, whose PM travels
  in ``pm``;
- CONFIGURATION ``number``: 0 read, 1 reset of the PC/SC part;
- an UNKNOWN request has ``number`` 0 for an unknown CM, 1 for an unknown PM, 2 for data that the command cannot have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from construct import Byte, Bytes, ConstructError, GreedyBytes, OneOf, Terminated
from construct_typed import DataclassMixin, DataclassStruct, csfield, csfield_const, csfield_noinit

from protocols.wire.base import Framing, Label, Node, Vector, WireError
from protocols.wire.card_reader import ERROR_LABELS, Error, LineRules, Op, Reply, Request
from protocols.wire.card_reader_rows import (
    ATR,
    OPTION,
    RAW,
    SOCKET,
    UNKNOWN_COMMAND,
    Row,
    data_node,
    field_node,
    refused_node,
    titled,
)
from protocols.wire.crt591_tables import (
    COMMANDS,
    ERROR_OF,
    MEDIA_OF,
    NEAREST,
    POSITION_OF,
    POSITIONS,
    RETAIN_BIN,
    SOCKET_BYTES,
    STACKER,
    VCC,
)
from protocols.wire.crt591_vectors import VECTORS
from protocols.wire.framing import CACHE_SIZE, LengthPrefixedFraming, f2_format

__all__ = ["DIALECT", "Command", "Crt591", "Failure", "Success"]

COMMAND, SUCCESS, FAILURE, FAILURE_AS_PRINTED = 0x43, 0x50, 0x4E, 0x45


@dataclass
class Command(DataclassMixin):
    """``43 CM PM data``: host to reader."""

    head: int = csfield_const(Byte, COMMAND)
    cm: int = csfield(Byte)
    pm: int = csfield(Byte)
    data: bytes = csfield(GreedyBytes)


@dataclass
class Success(DataclassMixin):
    """``50 CM PM st0 st1 st2 data``: carried out; the characters say where card, stacker and bin stand after it."""

    head: int = csfield_const(Byte, SUCCESS)
    cm: int = csfield(Byte)
    pm: int = csfield(Byte)
    st0: int = csfield(Byte)
    st1: int = csfield(Byte)
    st2: int = csfield(Byte)
    data: bytes = csfield(GreedyBytes)


@dataclass
class Failure(DataclassMixin):
    """``4E CM PM e1 e0``: not carried out. ``code`` is the two characters e1 e0."""

    head: int = csfield(OneOf(Byte, (FAILURE, FAILURE_AS_PRINTED)))
    cm: int = csfield(Byte)
    pm: int = csfield(Byte)
    code: bytes = csfield(Bytes(2))
    end: None = csfield_noinit(Terminated)


_COMMAND = DataclassStruct(Command)
_SUCCESS = DataclassStruct(Success)
_FAILURE = DataclassStruct(Failure)
_FORMAT = f2_format()
RULES = LineRules(enq=False, host_ack=True, data_limit=512)
_SOCKET_BY_BYTE = {bytes((byte,)): number for number, byte in enumerate(SOCKET_BYTES, 1)}
_VCC_BY_CHOICE = {(volts, emv): byte for byte, (volts, emv, _) in VCC.items()} | {(3, False): b"\x35"}
_CODE_OF = {error: code for code, error in ERROR_OF.items()} | NEAREST


def _command(text: bytes) -> Command:
    try:
        return _COMMAND.parse(text)
    except ConstructError as error:
        raise WireError(f"not a CRT-591 command: {text[:8].hex(' ').upper()}") from error


def _answer(text: bytes) -> Success | Failure:
    try:
        return (_SUCCESS if text[:1] == b"\x50" else _FAILURE).parse(text)
    except ConstructError as error:
        raise WireError(f"not a CRT-591 answer: {text[:8].hex(' ').upper()}") from error


@lru_cache(CACHE_SIZE)
def _encode_request(request: Request) -> bytes:
    if len(request.data) > RULES.data_limit:
        raise WireError(f"{len(request.data)} data bytes; a CRT-591 command carries {RULES.data_limit}")
    if request.op is Op.UNKNOWN:
        return _COMMAND.build(Command(cm=request.cm, pm=request.pm, data=request.data))
    row = COMMANDS.must(request, "CRT-591")
    data = request.data
    if row.sends is OPTION:
        choice = _VCC_BY_CHOICE.get((request.volts, request.emv))
        if choice is None:
            raise WireError(f"CRT-591 has no supply of {request.volts} V")
        data = choice
    elif row.sends is SOCKET:
        if request.socket > len(SOCKET_BYTES):
            raise WireError(f"CRT-591 has SAM sockets 1 to {len(SOCKET_BYTES)}, not {request.socket}")
        data = bytes((SOCKET_BYTES[request.socket - 1],))
    return _COMMAND.build(Command(cm=row.cm, pm=request.pm if row.pm is None else row.pm, data=data))


@lru_cache(CACHE_SIZE)
def _decode_request(text: bytes) -> Request:
    command = _command(text)
    cm, pm, data = command.cm, command.pm, command.data
    row = COMMANDS.of_bytes(cm, pm)
    if row is None:
        return COMMANDS.unknown(cm, pm, data)
    if row.sends is OPTION and data:
        if data not in VCC:
            return COMMANDS.unknown(cm, pm, data, bad_data=True)
        volts, emv, _ = VCC[data]
        return replace(row.means, volts=volts, emv=emv)
    if row.sends is SOCKET:
        if data not in _SOCKET_BY_BYTE:
            return COMMANDS.unknown(cm, pm, data, bad_data=True)
        return replace(row.means, socket=_SOCKET_BY_BYTE[data])
    return replace(row.means, data=data, pm=pm if row.pm is None else 0)


def _echo(request: Request) -> tuple[int, int, Row | None]:
    """CM and PM that answer *request*, and its row."""
    if request.op is Op.UNKNOWN:
        return request.cm, request.pm, None
    row = COMMANDS.must(request, "CRT-591")
    return row.cm, request.pm if row.pm is None else row.pm, row


@lru_cache(CACHE_SIZE)
def _encode_reply(request: Request, reply: Reply) -> bytes:
    cm, pm, row = _echo(request)
    if reply.error is not None:
        code = (reply.code or _CODE_OF[reply.error]).encode("ascii", "replace")
        if len(code) != 2:
            raise WireError(f"error code {reply.code!r}: the CRT-591 has two characters")
        return _FAILURE.build(Failure(head=FAILURE, cm=cm, pm=pm, code=code))
    data = reply.data
    if row is not None and row.returns is ATR:
        data = bytes((0x30 + (reply.protocol or 0),)) + data
    return _SUCCESS.build(
        Success(
            cm=cm,
            pm=pm,
            st0=0x30 if reply.media is None else POSITION_OF[reply.media],
            st1=0x30 + (reply.stacker or 0),
            st2=0x31 if reply.bin_full else 0x30,
            data=data,
        )
    )


@lru_cache(CACHE_SIZE)
def _decode_reply(text: bytes) -> tuple[Request, Reply]:
    answer = _answer(text)
    row = COMMANDS.of_bytes(answer.cm, answer.pm)
    if row is None:
        request = COMMANDS.unknown(answer.cm, answer.pm, b"")
    else:
        request = replace(row.means, pm=answer.pm) if row.pm is None else row.means
    if isinstance(answer, Failure):
        code = answer.code.decode("latin-1").upper()
        return request, Reply(error=ERROR_OF.get(code, Error.OTHER), code=code)
    protocol, data = None, answer.data
    if row is not None and row.returns is ATR:
        if data[:1] not in (b"0", b"1"):
            raise WireError("no protocol character (30 T=0, 31 T=1) before the ATR", 6)
        protocol, data = data[0] - 0x30, data[1:]
    media = MEDIA_OF.get(answer.st0)
    if media is None or not 0x30 <= answer.st1 <= 0x32 or not 0x30 <= answer.st2 <= 0x31:
        raise WireError(f"status characters {text[3:6].hex(' ').upper()} are not in the table", 3)
    return request, Reply(
        media=media, stacker=answer.st1 - 0x30, bin_full=answer.st2 == 0x31, protocol=protocol, data=data
    )


_VCC_LABELS = {byte: label for byte, (_, _, label) in VCC.items()}


def _command_tree(text: bytes) -> Node:
    command = _command(text)
    row = COMMANDS.of_bytes(command.cm, command.pm)
    if row is not None and row.sends is OPTION:
        data = field_node("vcc", Label("供电", "supply"), command.data, _VCC_LABELS) if command.data else None
    else:
        data = data_node(row.sends if row else RAW, command.data, True)
    return Node(
        "command",
        titled("命令", "command", row.label if row else UNKNOWN_COMMAND),
        text,
        children=(*_head_nodes(text), *((data,) if data else ())),
    )


def _head_nodes(text: bytes) -> tuple[Node, ...]:
    return (
        Node("cm", Label("命令码 CM", "command code CM"), text[1:2]),
        Node("pm", Label("参数 PM", "parameter PM"), text[2:3]),
    )


def _answer_tree(text: bytes) -> Node:
    _, reply = _decode_reply(text)
    row = COMMANDS.of_bytes(text[1], text[2])
    what = row.label if row else UNKNOWN_COMMAND
    if reply.error is not None:
        code = Label(f"错误 {reply.code}", f"error {reply.code}")
        error = Node("error", titled(code.zh, code.en, ERROR_LABELS[reply.error]), text[3:5])
        return Node("failure", titled("失败", "failed", what), text, children=(*_head_nodes(text), error))
    status = (
        field_node("st0", Label("卡位置", "card"), text[3:4], POSITIONS),
        field_node("st1", Label("卡箱", "stacker"), text[4:5], STACKER),
        field_node("st2", Label("回收箱", "retain bin"), text[5:6], RETAIN_BIN),
    )
    data = () if row is None else (data_node(row.returns, text[6:], False),)
    if row is not None and row.returns is ATR:
        protocol = Node("protocol", Label(f"协议 T={reply.protocol}", f"protocol T={reply.protocol}"), text[6:7])
        data = (protocol, data_node(ATR, reply.data, False))
    children = (*_head_nodes(text), *status, *(node for node in data if node is not None))
    return Node("success", titled("完成", "done", what), text, children=children)


class Crt591:
    """The :class:`protocols.wire.card_reader.CardReaderDialect` of the CRT-591."""

    name = "crt591"
    label = Label("CRT-591 电动读卡器", "CRT-591 motorised card reader")
    device_class = "card_reader"
    rules = RULES
    vectors: tuple[Vector, ...] = VECTORS

    def framing(self) -> Framing:
        return LengthPrefixedFraming(_FORMAT, RULES.timing.resync_s)

    def encode_request(self, request: Request) -> bytes:
        return _encode_request(request)

    def decode_request(self, text: bytes) -> Request:
        return _decode_request(text)

    def encode_reply(self, request: Request, reply: Reply) -> bytes:
        return _encode_reply(request, reply)

    def decode_reply(self, text: bytes) -> tuple[Request, Reply]:
        return _decode_reply(text)

    def answers(self, command_text: bytes, reply_text: bytes) -> bool:
        return reply_text[:1] in (b"P", b"N", b"E") and command_text[1:3] == reply_text[1:3] != b""

    def supports(self, request: Request) -> bool:
        try:
            _encode_request(request)
        except WireError:
            return False
        return True

    def tree(self, text: bytes, to_device: bool) -> Node:
        try:
            return _command_tree(text) if to_device else _answer_tree(text)
        except WireError as error:
            return refused_node(text, str(error))


DIALECT = Crt591()
