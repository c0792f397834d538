"""What the command table of a card reader dialect is made of: rows that read like the table in the document.

One row ties the bytes CM and PM to the neutral words that they mean, and says what the data of
command and answer are, so the codec and the labelled tree are both driven by the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from protocols.wire.apdu import command_tree, response_tree
from protocols.wire.atr import atr_tree
from protocols.wire.base import Label, Node, WireError
from protocols.wire.card_reader import Op, Place, Request

__all__ = [
    "APDU",
    "ATR",
    "EMPTY",
    "LETTER",
    "OPTION",
    "POSITION",
    "RAW",
    "SENSORS",
    "SOCKET",
    "TEXT",
    "TRACKS",
    "UNKNOWN_COMMAND",
    "Part",
    "Row",
    "Rows",
    "data_node",
    "field_node",
    "group",
    "refused_node",
    "titled",
]


class Part(Enum):
    """What the data of a command or an answer is."""

    RAW = auto()
    EMPTY = auto()
    TEXT = auto()
    SENSORS = auto()
    APDU = auto()
    ATR = auto()
    OPTION = auto()
    SOCKET = auto()
    LETTER = auto()
    POSITION = auto()
    TRACKS = auto()


RAW, EMPTY, TEXT, SENSORS, APDU = Part.RAW, Part.EMPTY, Part.TEXT, Part.SENSORS, Part.APDU
ATR, OPTION, SOCKET, LETTER = Part.ATR, Part.OPTION, Part.SOCKET, Part.LETTER
POSITION, TRACKS = Part.POSITION, Part.TRACKS


@dataclass(frozen=True, slots=True)
class Row:
    """``CM PM`` means *means*. ``pm`` None: any PM, which then travels in ``Request.pm``.

    ``sends`` and ``returns`` say what the data of the command and of the answer are; ``default`` is the data that an
    empty ``Request.data`` stands for.
    """

    cm: int
    pm: int | None
    means: Request
    label: Label
    sends: Part = RAW
    returns: Part = RAW
    default: bytes = b""


def group(
    cm: int, sends: Part, returns: Part, *rows: tuple[int | None, Request, str, str], default: bytes = b""
) -> tuple[Row, ...]:
    """Rows of one CM whose data have the same form: PM, meaning, Chinese and English name of each."""
    return tuple(Row(cm, pm, means, Label(zh, en), sends, returns, default) for pm, means, zh, en in rows)


_Key = tuple[Op, Place | None, bool | None, bool, int, bool]


def _key(request: Request) -> _Key:
    """The part of a request that chooses its row. Socket numbers choose only between user card and SAM."""
    return (
        request.op,
        request.place,
        request.enabled,
        request.socket > 0,
        request.number,
        request.count_retracts,
    )


class Rows:
    """A command table, searchable from both sides."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)
        self._by_bytes = {(row.cm, row.pm): row for row in self._rows}
        self._by_key = {_key(row.means): row for row in reversed(self._rows)}
        self._commands = frozenset(row.cm for row in self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def of_bytes(self, cm: int, pm: int) -> Row | None:
        return self._by_bytes.get((cm, pm)) or self._by_bytes.get((cm, None))

    def of_request(self, request: Request) -> Row | None:
        """The row that says *request*. INITIALISE without a place leaves the card where it is."""
        if request.op is Op.INITIALISE and request.place is None:
            request = replace(request, place=Place.STAY)
        return self._by_key.get(_key(request))

    def unknown(self, cm: int, pm: int, data: bytes, bad_data: bool = False) -> Request:
        """The UNKNOWN request: ``number`` 0 unknown CM, 1 unknown PM, 2 data that the command cannot have."""
        number = 2 if bad_data else 1 if cm in self._commands else 0
        return Request(Op.UNKNOWN, cm=cm, pm=pm, data=data, number=number)

    def must(self, request: Request, dialect: str) -> Row:
        """The row of *request*; raises WireError where the dialect cannot say it."""
        row = self.of_request(request)
        if row is None:
            raise WireError(f"{dialect} cannot say {request}")
        return row


UNKNOWN_COMMAND = Label("未定义的命令", "unknown command")


def titled(zh: str, en: str, what: Label) -> Label:
    """``命令：弹卡`` / ``command: eject``."""
    return Label(f"{zh}：{what.zh}", f"{en}: {what.en}")


def field_node(name: str, label: Label, raw: bytes, values: Mapping[bytes, Label] | None = None) -> Node:
    """A field; where *values* knows the bytes, the label says what they mean."""
    meaning = (values or {}).get(raw)
    if meaning is not None:
        label = titled(label.zh, label.en, meaning)
    return Node(name, label, raw)


def refused_node(text: bytes, why: str) -> Node:
    """Bytes that are no message of the dialect."""
    return Node("undecodable", Label("无法解码", "undecodable"), text, why)


_DATA_LABELS: dict[Part, Label] = {
    TEXT: Label("文本", "text"),
    SENSORS: Label("传感器状态", "sensor states"),
    OPTION: Label("选项", "option"),
    SOCKET: Label("卡座号", "socket number"),
}


def data_node(part: Part, data: bytes, to_device: bool) -> Node | None:
    """The data of a command or answer, decoded as far as *part* tells; None when there is none."""
    if not data:
        return None
    if part is APDU:
        return command_tree(data) if to_device else response_tree(data)
    if part is ATR and not to_device:
        return atr_tree(data)
    label = _DATA_LABELS.get(part, Label("数据", "data"))
    text = data.decode("ascii", "replace") if part is TEXT else ""
    return Node("data", label, data, text)
