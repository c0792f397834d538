"""CRT-310 (and the values of the ACT A6): TEXT is ``CM PM data``; the host fetches the answer with ENQ after the ACK.

Source: spec/devices.md 4.2; its tables are in ``crt310_tables.py``. An answer echoes CM PM, then what the row says; an
abnormal answer is ``4E CM E``. The host has 2 s for its ENQ (AS-09); other times as the CRT-591.

What the neutral words need here:

- ENTRY with ``place`` sets where an accepted card stops (2E); ENTRY with ``enabled`` is the entry control (2F), where
  ``number`` is 0 any card, 1 magnetic cards only, 2 by magnetic signal, and ``data`` the byte of the rear entry
  (empty: 31, forbidden). The letter of its answer has an unknown polarity (AS-09): it is kept in ``data`` and never an
  error;
- CHIP_ON ``number`` 1 is the supply without a reset (33 30), answered by a letter alone; SAM requests carry
  their socket;
- TRACKS ``data`` is mode and track characters (empty: ``30 37``, ASCII, all three);
- MIFARE ``number`` is PM; MEMORY as in ``crt591``, with PM in ``pm``; LINE_SPEED ``number`` 0..5;
- an UNKNOWN request has ``number`` 0 for an unknown CM, 1 for an unknown PM, 2 for data that the command cannot have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from construct import Byte, ConstructError, GreedyBytes, Terminated
from construct_typed import DataclassMixin, DataclassStruct, csfield, csfield_const, csfield_noinit

from protocols.wire.base import Framing, Label, Node, Vector, WireError
from protocols.wire.card_reader import ERROR_LABELS, Error, LineRules, Op, Reply, Request
from protocols.wire.card_reader_rows import (
    APDU,
    ATR,
    LETTER,
    OPTION,
    POSITION,
    TRACKS,
    UNKNOWN_COMMAND,
    Row,
    data_node,
    field_node,
    refused_node,
    titled,
)
from protocols.wire.crt310_tables import (
    ABNORMAL,
    COMMANDS,
    LETTERS,
    MEDIA_OF,
    NEAREST,
    POSITION_OF,
    POSITIONS,
    SAM,
    SOCKET_BYTES,
)
from protocols.wire.crt310_tracks import tracks_node
from protocols.wire.crt310_vectors import VECTORS
from protocols.wire.framing import CACHE_SIZE, LengthPrefixedFraming, stx_format

__all__ = ["DIALECT", "Abnormal", "Crt310", "Message"]


@dataclass
class Message(DataclassMixin):
    """``CM PM data``: a command, or the normal answer that echoes it."""

    cm: int = csfield(Byte)
    pm: int = csfield(Byte)
    data: bytes = csfield(GreedyBytes)


@dataclass
class Abnormal(DataclassMixin):
    """``4E CM E``: not carried out."""

    head: int = csfield_const(Byte, 0x4E)
    cm: int = csfield(Byte)
    code: int = csfield(Byte)
    end: None = csfield_noinit(Terminated)


_MESSAGE = DataclassStruct(Message)
_ABNORMAL = DataclassStruct(Abnormal)
_FORMAT = stx_format()
RULES = LineRules(enq=True, host_ack=False, data_limit=264)
_LETTER_ROWS = (LETTER, ATR, APDU)
_CODE_OF = NEAREST | {error: code for code, error in ABNORMAL.items()}


def _message(text: bytes) -> Message:
    try:
        return _MESSAGE.parse(text)
    except ConstructError as error:
        raise WireError(f"not a CRT-310 message: {text[:8].hex(' ').upper()}") from error


@lru_cache(CACHE_SIZE)
def _encode_request(request: Request) -> bytes:
    if request.op is Op.UNKNOWN:
        return _MESSAGE.build(Message(cm=request.cm, pm=request.pm, data=request.data))
    row = COMMANDS.must(request, "CRT-310")
    if request.op in (Op.CHIP_ON, Op.CHIP_WARM) and request.volts != 5:
        raise WireError(f"CRT-310 has no supply of {request.volts} V")
    data = request.data or row.default
    if row.cm == SAM:
        if request.socket > len(SOCKET_BYTES):
            raise WireError(f"CRT-310 has SAM sockets 1 to {len(SOCKET_BYTES)}, not {request.socket}")
        data = bytes((SOCKET_BYTES[request.socket - 1],)) + data
    if len(data) > RULES.data_limit:
        raise WireError(f"{len(data)} data bytes; a CRT-310 command carries {RULES.data_limit}")
    return _MESSAGE.build(Message(cm=row.cm, pm=request.pm if row.pm is None else row.pm, data=data))


@lru_cache(CACHE_SIZE)
def _decode_request(text: bytes) -> Request:
    command = _message(text)
    cm, pm, data = command.cm, command.pm, command.data
    row = COMMANDS.of_bytes(cm, pm)
    if row is None:
        return COMMANDS.unknown(cm, pm, data)
    if row.default and len(data) != len(row.default):
        return COMMANDS.unknown(cm, pm, data, bad_data=True)
    socket = row.means.socket
    if cm == SAM:
        if not data or data[0] not in SOCKET_BYTES:
            return COMMANDS.unknown(cm, pm, data, bad_data=True)
        socket, data = data[0] - SOCKET_BYTES[0] + 1, data[1:]
    if data == row.default:
        data = b""
    return replace(row.means, socket=socket, data=data, pm=pm if row.pm is None else 0)


def _failure_code(reply: Reply, error: Error, row: Row | None) -> str:
    code = reply.code or _CODE_OF[error]
    if code in LETTERS and (row is None or row.returns not in _LETTER_ROWS or row.means.op is Op.ENTRY):
        return "02"
    return code


@lru_cache(CACHE_SIZE)
def _encode_reply(request: Request, reply: Reply) -> bytes:
    row = None if request.op is Op.UNKNOWN else COMMANDS.must(request, "CRT-310")
    cm = request.cm if row is None else row.cm
    pm = request.pm if row is None or row.pm is None else row.pm
    if reply.error is not None:
        code = _failure_code(reply, reply.error, row)
        if code in LETTERS:
            return _MESSAGE.build(Message(cm=cm, pm=pm, data=code.encode()))
        return _ABNORMAL.build(Abnormal(cm=cm, code=_byte_of(code)))
    data = reply.data
    if row is not None:
        data = _success_data(row, reply)
    return _MESSAGE.build(Message(cm=cm, pm=pm, data=data))


def _byte_of(code: str) -> int:
    try:
        return int(code, 16) & 0xFF
    except ValueError as error:
        raise WireError(f"error code {code!r}: the CRT-310 has a letter or two hexadecimal digits") from error


def _success_data(row: Row, reply: Reply) -> bytes:
    if row.returns is POSITION:
        return bytes((0x4E if reply.media is None else POSITION_OF[reply.media],)) + reply.data
    if row.means.op is Op.ENTRY:
        return reply.data or b"Y"
    if row.means.op in (Op.CHIP_ON, Op.CHIP_OFF) and row.returns is LETTER:
        return b"Y"
    if row.returns is ATR:
        return b"Y" + bytes((0x30 + (reply.protocol or 0),)) + reply.data
    return b"Y" + reply.data if row.returns in _LETTER_ROWS else reply.data


@lru_cache(CACHE_SIZE)
def _decode_reply(text: bytes) -> tuple[Request, Reply]:
    if text[:1] == b"\x4e":
        try:
            abnormal = _ABNORMAL.parse(text)
        except ConstructError as error:
            raise WireError(f"not a CRT-310 abnormal answer: {text[:8].hex(' ').upper()}") from error
        code = f"{abnormal.code:02X}"
        return Request(Op.UNKNOWN, cm=abnormal.cm), Reply(error=ABNORMAL.get(code, Error.OTHER), code=code)
    answer = _message(text)
    row = COMMANDS.of_bytes(answer.cm, answer.pm)
    if row is None:
        return COMMANDS.unknown(answer.cm, answer.pm, b""), Reply(data=answer.data)
    request = replace(row.means, pm=answer.pm) if row.pm is None else row.means
    return request, _reply_of(row, answer.data)


def _reply_of(row: Row, data: bytes) -> Reply:
    if row.returns is POSITION:
        media = MEDIA_OF.get(data[0]) if data else None
        if media is None:
            raise WireError(f"position {data[:1].hex().upper() or 'missing'} is not in the table", 2)
        return Reply(media=media, data=data[1:])
    if row.means.op is Op.ENTRY:
        return Reply(data=b"" if data == b"Y" else data)
    if row.returns not in _LETTER_ROWS:
        return Reply(data=data)
    letter = data[:1].decode("latin-1")
    if letter not in LETTERS:
        raise WireError(f"reply letter {data[:1].hex().upper() or 'missing'} is not Y, N, E or W", 2)
    error = LETTERS[letter]
    if error is not None:
        return Reply(error=error, code=letter, data=data[1:])
    if row.returns is not ATR:
        return Reply(data=data[1:])
    if data[1:2] not in (b"0", b"1"):
        raise WireError("no protocol character (30 T=0, 31 T=1) before the ATR", 3)
    return Reply(protocol=data[1] - 0x30, data=data[2:])


_REAR = {b"\x30": Label("允许后端进卡", "rear entry allowed"), b"\x31": Label("禁止后端进卡", "rear entry forbidden")}
_LETTER_LABELS = {
    b"Y": Label("成功", "done"),
    b"N": Label("失败", "failed"),
    b"E": Label("机内无卡", "no card"),
    b"W": Label("卡不在可操作的位置", "card not where the command needs it"),
}


def _head_nodes(text: bytes) -> tuple[Node, ...]:
    return (
        Node("cm", Label("命令码 CM", "command code CM"), text[:1]),
        Node("pm", Label("参数 PM", "parameter PM"), text[1:2]),
    )


def _command_tree(text: bytes) -> Node:
    command = _message(text)
    row, data = COMMANDS.of_bytes(command.cm, command.pm), command.data
    nodes: list[Node | None] = [*_head_nodes(text)]
    if row is not None and row.cm == SAM and data:
        nodes.append(Node("socket", Label("卡座号", "socket number"), data[:1]))
        data = data[1:]
    if row is not None and row.sends is OPTION and row.means.op is Op.ENTRY:
        nodes.append(field_node("rear", Label("后端", "rear"), data, _REAR))
    elif row is not None:
        nodes.append(data_node(row.sends, data, True))
    elif data:
        nodes.append(Node("data", Label("数据", "data"), data))
    what = row.label if row else UNKNOWN_COMMAND
    return Node("command", titled("命令", "command", what), text, children=tuple(node for node in nodes if node))


def _answer_tree(text: bytes) -> Node:
    request, reply = _decode_reply(text)
    if text[:1] == b"\x4e" and reply.error is not None:
        cm = Node("cm", Label("命令码 CM", "command code CM"), text[1:2])
        code = Label(f"错误 {reply.code}", f"error {reply.code}")
        error = Node("error", titled(code.zh, code.en, ERROR_LABELS[reply.error]), text[2:3])
        return Node("abnormal", Label("异常应答", "abnormal answer"), text, children=(cm, error))
    row = None if request.op is Op.UNKNOWN else COMMANDS.of_bytes(text[0], text[1])
    nodes: list[Node | None] = [*_head_nodes(text)]
    rest = text[2:]
    if row is not None and row.returns is POSITION:
        nodes.append(field_node("s1", Label("卡位置 S1", "card position S1"), rest[:1], POSITIONS))
        rest = rest[1:]
    elif row is not None and row.returns in _LETTER_ROWS:
        nodes.append(field_node("letter", Label("结果", "result"), rest[:1], _LETTER_LABELS))
        rest = rest[1:]
    if row is not None and row.returns is ATR and reply.ok:
        nodes.append(Node("protocol", Label(f"协议 T={reply.protocol}", f"protocol T={reply.protocol}"), rest[:1]))
        rest = rest[1:]
    if row is not None and row.returns is TRACKS:
        nodes.append(tracks_node(rest))
    elif row is not None:
        nodes.append(data_node(row.returns, rest, False))
    elif rest:
        nodes.append(Node("data", Label("数据", "data"), rest))
    what = row.label if row else UNKNOWN_COMMAND
    title = titled("应答", "answer", what) if reply.ok else titled("失败", "failed", what)
    return Node("answer", title, text, children=tuple(node for node in nodes if node))


class Crt310:
    """The :class:`protocols.wire.card_reader.CardReaderDialect` of the CRT-310."""

    name = "crt310"
    label = Label("CRT-310 电动三合一读卡器", "CRT-310 motorised three-in-one card reader")
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
        if reply_text[:1] == b"\x4e":
            return len(reply_text) == 3 and command_text[:1] == reply_text[1:2]
        return len(reply_text) >= 2 and command_text[:2] == reply_text[:2]

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


DIALECT = Crt310()
