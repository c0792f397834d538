"""Command and response APDU (ISO/IEC 7816-4), as T=0 carries them, with names and status words for people.

Sources: spec/cards.md 3.2 (cases), 1.2 to 1.7 and 6 (commands), 1.8 (status words); tables in ``apdu_tables.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wire.apdu_tables import COMMAND_NAMES, PIN_COMMANDS, STATUS_WORDS
from protocols.wire.base import Label, Node, Privacy, WireError
from protocols.wire.pboc_tags import TAGS
from protocols.wire.social_security import record_nodes
from protocols.wire.tlv import Tlv, parse_tlv

__all__ = [
    "Command",
    "Response",
    "command_name",
    "command_tree",
    "decode_command",
    "decode_response",
    "response_tree",
    "sw_label",
]

SHORT_DATA, SHORT_LE, EXTENDED_LE = 255, 256, 65_536


@dataclass(frozen=True, slots=True)
class Command:
    """A command APDU. ``le`` None: no answer data asked for; 256 is the Le byte 00, 65536 the extended 0000.

    ``extended`` when a length is written in the extended form; lengths that need it set it themselves.
    """

    cla: int
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    le: int | None = None
    extended: bool = False

    @property
    def header(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def case(self) -> int:
        """1 nothing, 2 Le, 3 data, 4 data and Le."""
        return (3 if self.data else 1) + (self.le is not None)

    def encode(self) -> bytes:
        """The APDU. Raises WireError when a length does not fit the form."""
        le, extended = self.le, self.extended or len(self.data) > SHORT_DATA or (self.le or 0) > SHORT_LE
        if len(self.data) > 0xFFFF or (le is not None and not 1 <= le <= EXTENDED_LE):
            raise WireError(f"{len(self.data)} data bytes and Le {le} fit no APDU")
        size = 2 if extended else 1
        built = self.header + (b"\x00" if extended and self.case > 1 else b"")
        if self.data:
            built += len(self.data).to_bytes(size, "big") + self.data
        if le is not None:
            built += (le % (EXTENDED_LE if extended else SHORT_LE)).to_bytes(size, "big")
        return built

    def t0(self) -> bytes:
        """What T=0 sends: header, P3 and data. Case 1 has P3 00; case 4 loses Le: GET RESPONSE fetches its answer."""
        if len(self.data) > SHORT_DATA or (self.le or 0) > SHORT_LE:
            raise WireError("T=0 carries 255 data bytes and Le up to 256")
        if self.data:
            return self.header + bytes((len(self.data),)) + self.data
        return self.header + bytes(((self.le or 0) % SHORT_LE,))


@dataclass(frozen=True, slots=True)
class Response:
    """A response APDU: data and the status word as a number."""

    data: bytes
    sw: int

    @property
    def ok(self) -> bool:
        return self.sw == 0x9000

    @property
    def more(self) -> int | None:
        """Bytes that wait for GET RESPONSE after 61xx; None otherwise."""
        return ((self.sw & 0xFF) or SHORT_LE) if self.sw >> 8 == 0x61 else None

    @property
    def right_le(self) -> int | None:
        """Le to repeat the command with after 6Cxx; None otherwise."""
        return ((self.sw & 0xFF) or SHORT_LE) if self.sw >> 8 == 0x6C else None

    @property
    def tries_left(self) -> int | None:
        """The counter of 63Cx; None otherwise."""
        return self.sw & 0x0F if self.sw & 0xFFF0 == 0x63C0 else None

    def encode(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")


def decode_command(raw: bytes) -> Command:
    """Cases 1 to 4, short and extended. Five bytes are case 2: ``0020000000`` reads as a command with Le 256.

    Raises WireError with the offset where the lengths disagree.
    """
    if len(raw) < 4:
        raise WireError(f"{len(raw)} bytes; an APDU header has four", len(raw))
    cla, ins, p1, p2 = raw[:4]
    body = raw[4:]
    if not body:
        return Command(cla, ins, p1, p2)
    if len(body) == 1:
        return Command(cla, ins, p1, p2, le=body[0] or SHORT_LE)
    if body[0]:
        data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
        if len(data) != body[0] or len(rest) > 1:
            raise WireError(f"Lc is {body[0]}, {len(body) - 1} bytes follow", 4)
        return Command(cla, ins, p1, p2, data=data, le=(rest[0] or SHORT_LE) if rest else None)
    if len(body) < 3:
        raise WireError("extended length is cut off", 5)
    length = int.from_bytes(body[1:3], "big")
    if len(body) == 3:
        return Command(cla, ins, p1, p2, le=length or EXTENDED_LE, extended=True)
    data, rest = body[3 : 3 + length], body[3 + length :]
    if not length or len(data) != length or len(rest) not in (0, 2):
        raise WireError(f"extended Lc is {length}, {len(body) - 3} bytes follow", 5)
    return Command(
        cla, ins, p1, p2, data=data, le=(int.from_bytes(rest, "big") or EXTENDED_LE) if rest else None, extended=True
    )


def decode_response(raw: bytes) -> Response:
    """Data and status word. Raises WireError below two bytes."""
    if len(raw) < 2:
        raise WireError(f"{len(raw)} bytes; a response ends with a status word of two", len(raw))
    return Response(raw[:-2], int.from_bytes(raw[-2:], "big"))


def sw_label(sw: int) -> Label:
    """What a status word means (spec/cards.md 1.8), with the counts of 61xx, 63Cx and 6Cxx."""
    known = STATUS_WORDS.get(sw)
    if known is not None:
        return known
    low = sw & 0xFF
    if sw >> 8 == 0x61:
        return Label(f"还有 {low or '256 或更多'} 字节待取", f"{low or '256 or more'} bytes wait for GET RESPONSE")
    if sw >> 8 == 0x6C:
        return Label(f"Le 错误，应为 {low or 256}", f"wrong Le, the right one is {low or 256}")
    if sw & 0xFFF0 == 0x63C0:
        return Label(f"验证失败，还可尝试 {low & 0x0F} 次", f"verification failed, {low & 0x0F} tries left")
    return Label("未定义的状态字", "unknown status word")


def command_name(raw: bytes) -> Label:
    """Name of the command that *raw* begins with; the most exact row of the table wins."""
    if len(raw) >= 4:
        for row in COMMAND_NAMES:
            if row.names(raw[0], raw[1], raw[2], raw[3]):
                return row.label
    return Label("未知指令", "unknown command")


def _tlv_nodes(objects: tuple[Tlv, ...]) -> tuple[Node, ...]:
    return tuple(_tlv_node(each) for each in objects)


def _tlv_node(each: Tlv) -> Node:
    """Named where a bank card has such an object. Only the leaves are marked private: a template shows its parts."""
    known = TAGS.get(each.tag)
    label = Label(f"{each.tag:02X}", f"{each.tag:02X}")
    if known is not None:
        label = Label(f"{each.tag:02X} {known.label.zh}", f"{each.tag:02X} {known.label.en}")
    text = ""
    if not each.children and (each.tag == 0x84 or (known is not None and known.packing == "an")):
        text = each.value.decode("gbk") if _is_gbk(each.value) else ""
    privacy = known.privacy if known is not None else Privacy.OPEN
    return Node("tlv", label, each.value, text, privacy, _tlv_nodes(each.children))


def _is_gbk(value: bytes) -> bool:
    try:
        return value.decode("gbk").isprintable()
    except UnicodeDecodeError:
        return False


def command_tree(raw: bytes) -> Node:
    """Labelled tree of a command APDU. Never raises."""
    name = command_name(raw)
    title = Label(f"指令 APDU：{name.zh}", f"command APDU: {name.en}")
    try:
        command = decode_command(raw)
    except WireError as error:
        return Node("command_apdu", title, raw, str(error))
    nodes = [
        Node(key, Label(key.upper(), key.upper()), bytes((value,)))
        for key, value in zip(("cla", "ins", "p1", "p2"), command.header, strict=True)
    ]
    if command.data:
        privacy = PIN_COMMANDS.get((command.cla, command.ins), Privacy.OPEN)
        nodes.append(Node("lc", Label("数据长度 Lc", "Lc"), b"", str(len(command.data))))
        text = command.data.decode("gbk") if command.ins == 0xA4 and command.p1 & 4 and _is_gbk(command.data) else ""
        nodes.append(Node("data", Label("数据", "data"), command.data, text, privacy))
    if command.le is not None:
        nodes.append(Node("le", Label("期望长度 Le", "Le"), b"", str(command.le)))
    return Node("command_apdu", title, raw, children=tuple(nodes))


def response_tree(raw: bytes) -> Node:
    """Labelled tree of a response APDU: records, FCI or plain data, then the status word. Never raises."""
    try:
        response = decode_response(raw)
    except WireError as error:
        return Node("response_apdu", Label("应答 APDU", "response APDU"), raw, str(error))
    nodes: list[Node] = []
    if response.data:
        children = record_nodes(response.data) or _fci_nodes(response.data)
        nodes.append(Node("data", Label("数据", "data"), response.data, children=children))
    meaning = sw_label(response.sw)
    sw = Label(f"状态字 {response.sw:04X}：{meaning.zh}", f"status word {response.sw:04X}: {meaning.en}")
    nodes.append(Node("sw", sw, raw[-2:]))
    return Node("response_apdu", Label("应答 APDU", "response APDU"), raw, children=tuple(nodes))


def _fci_nodes(data: bytes) -> tuple[Node, ...]:
    if data[:1] not in (b"\x6f", b"\x61", b"\x70", b"\x77"):
        return ()
    try:
        return _tlv_nodes(parse_tlv(data))
    except WireError:
        return ()
