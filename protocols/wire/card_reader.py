"""The device class *card reader* in neutral words: what every dialect of it means.

Simulator, driver and oracles speak these words; a dialect module (``crt591.py``, ``crt310.py``) turns them into bytes.
The nouns follow XFS4IoT (spec/devices.md 4.4); the error names follow spec/devices.md 4.1 to 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from protocols.wire.base import Framing, Label, Node, Timing, Vector

__all__ = ["ERROR_LABELS", "CardReaderDialect", "Error", "LineRules", "Media", "Op", "Place", "Reply", "Request"]


class Op(StrEnum):
    """What a host asks of a card reader."""

    INITIALISE = "initialise"
    STATUS = "status"
    SENSORS = "sensors"
    MOVE = "move"
    ENTRY = "entry"
    DETECT = "detect"
    CHIP_ON = "chip_on"
    CHIP_OFF = "chip_off"
    CHIP_STATE = "chip_state"
    CHIP_WARM = "chip_warm"
    CHIP_APDU = "chip_apdu"
    SOCKET = "socket"
    MEMORY = "memory"
    RF_ON = "rf_on"
    RF_OFF = "rf_off"
    RF_APDU = "rf_apdu"
    MIFARE = "mifare"
    TRACKS = "tracks"
    SERIAL = "serial"
    CONFIGURATION = "configuration"
    VERSION = "version"
    COUNTER = "counter"
    CLEAR = "clear"
    LINE_SPEED = "line_speed"
    UNKNOWN = "unknown"


class Place(StrEnum):
    """Where a card is sent, or where an accepted card stops."""

    GATE = "gate"
    INSIDE = "inside"
    IC = "ic"
    RF = "rf"
    EJECT = "eject"
    CAPTURE = "capture"
    REAR = "rear"
    STAY = "stay"


class Media(StrEnum):
    """Where the reader says the card is (XFS: notPresent, entering, present, jammed, unknown)."""

    NONE = "none"
    GATE = "gate"
    INSIDE = "inside"
    IC = "ic"
    REAR = "rear"
    LONG = "long"
    SHORT = "short"
    UNKNOWN = "unknown"

    @property
    def in_reader(self) -> bool:
        """True where the reader holds the card and the citizen cannot take it."""
        return self in (Media.INSIDE, Media.IC)


class Error(StrEnum):
    """Why a reader refused or failed. A dialect may be unable to say some of them."""

    UNKNOWN_COMMAND = "unknown_command"
    PARAMETER = "parameter"
    SEQUENCE = "sequence"
    NOT_FITTED = "not_fitted"
    DATA = "data"
    CONTACT_NOT_RELEASED = "contact_not_released"
    SUPPLY = "supply"
    POWER_LOST = "power_lost"
    JAM = "jam"
    SENSOR = "sensor"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    ABNORMAL_CARD = "abnormal_card"
    PULLED = "pulled"
    MAGNET = "magnet"
    CANNOT_REACH_IC = "cannot_reach_ic"
    MOVED_BY_HAND = "moved_by_hand"
    COUNTER_OVERFLOW = "counter_overflow"
    MOTOR = "motor"
    SHORT_CIRCUIT = "short_circuit"
    ACTIVATION = "activation"
    PROTOCOL = "protocol"
    NO_ANSWER = "no_answer"
    CARD_COMMUNICATION = "card_communication"
    NOT_ACTIVATED = "not_activated"
    UNSUPPORTED_CARD = "unsupported_card"
    TRANSMISSION = "transmission"
    OVERTIME = "overtime"
    NOT_EMV = "not_emv"
    STACKER_EMPTY = "stacker_empty"
    BIN_FULL = "bin_full"
    NOT_INITIALISED = "not_initialised"
    CANNOT_EXECUTE = "cannot_execute"
    OTHER = "other"


ERROR_LABELS: dict[Error, Label] = {
    Error.UNKNOWN_COMMAND: Label("未定义的命令", "unknown command"),
    Error.PARAMETER: Label("参数错误", "wrong parameter"),
    Error.SEQUENCE: Label("命令顺序错误", "command out of sequence"),
    Error.NOT_FITTED: Label("未安装该硬件", "hardware not fitted"),
    Error.DATA: Label("命令数据错误", "wrong command data"),
    Error.CONTACT_NOT_RELEASED: Label("IC 触点未释放", "IC contact not released"),
    Error.SUPPLY: Label("供电电压超限", "supply out of range"),
    Error.POWER_LOST: Label("主电源断电", "main power lost"),
    Error.JAM: Label("卡堵塞", "card jam"),
    Error.SENSOR: Label("传感器故障", "sensor fault"),
    Error.TOO_LONG: Label("卡过长", "card too long"),
    Error.TOO_SHORT: Label("卡过短", "card too short"),
    Error.ABNORMAL_CARD: Label("机内有异常卡", "abnormal card inside"),
    Error.PULLED: Label("卡被拔出", "card pulled out"),
    Error.MAGNET: Label("电磁铁故障", "solenoid fault"),
    Error.CANNOT_REACH_IC: Label("卡无法到达 IC 位", "card cannot reach the IC position"),
    Error.MOVED_BY_HAND: Label("卡被人为移动", "card moved by hand"),
    Error.COUNTER_OVERFLOW: Label("计数器溢出", "counter overflow"),
    Error.MOTOR: Label("电机故障", "motor fault"),
    Error.SHORT_CIRCUIT: Label("IC 卡短路", "IC short circuit"),
    Error.ACTIVATION: Label("卡激活失败", "activation failed"),
    Error.PROTOCOL: Label("协议不支持", "protocol not supported"),
    Error.NO_ANSWER: Label("卡无应答", "card does not answer"),
    Error.CARD_COMMUNICATION: Label("与卡通信失败", "communication with the card failed"),
    Error.NOT_ACTIVATED: Label("卡未激活", "card not activated"),
    Error.UNSUPPORTED_CARD: Label("不支持的卡", "unsupported card"),
    Error.TRANSMISSION: Label("传输错误", "transmission error"),
    Error.OVERTIME: Label("卡操作超时", "card operation timed out"),
    Error.NOT_EMV: Label("不符合 EMV", "not an EMV card"),
    Error.STACKER_EMPTY: Label("卡箱空", "stacker empty"),
    Error.BIN_FULL: Label("回收箱满", "retain bin full"),
    Error.NOT_INITIALISED: Label("未初始化", "not initialised"),
    Error.CANNOT_EXECUTE: Label("命令不能执行", "command cannot be executed"),
    Error.OTHER: Label("其他错误", "other error"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the host asks. Fields that an operation does not use keep their defaults.

    ``place`` of INITIALISE and MOVE, and of ENTRY where the dialect sets the stop position there; ``enabled`` of ENTRY;
    ``socket`` 0 is the user card, 1.. are SAM sockets; ``volts`` 5 or 3 and ``emv`` of CHIP_ON; ``number`` sub-commands
    that have no neutral meaning; ``data`` the APDU or parameter bytes; ``cm``/``pm`` the bytes of an UNKNOWN request.
    """

    op: Op
    place: Place | None = None
    enabled: bool | None = None
    socket: int = 0
    volts: int = 5
    emv: bool = True
    count_retracts: bool = False
    number: int = 0
    data: bytes = b""
    cm: int = 0
    pm: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the reader answers. ``error`` None means success; ``code`` is then empty, else the dialect's own code.

    ``media`` None where the dialect's answer carries no position. ``protocol`` 0 or 1 beside an ``atr``;
    ``stacker`` 0..2, ``bin_full`` of CRT-591 answers; ``data`` the rest.
    """

    error: Error | None = None
    code: str = ""
    media: Media | None = None
    stacker: int | None = None
    bin_full: bool | None = None
    protocol: int | None = None
    data: bytes = b""

    @property
    def ok(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class LineRules:
    """How the two ends take turns. ``enq``: the host fetches the answer with ENQ after the ACK (CRT-310);
    ``host_ack``: the host acknowledges the answer (CRT-591)."""

    enq: bool = False
    host_ack: bool = False
    data_limit: int = 512
    timing: Timing = field(default_factory=Timing)


class CardReaderDialect(Protocol):
    """A card reader's wire format: neutral words to the framing's text and back. Pure and stateless."""

    name: str
    label: Label
    device_class: str
    rules: LineRules
    vectors: tuple[Vector, ...]

    def framing(self) -> Framing:
        """A new framing decoder, for one direction of one link."""
        ...

    def encode_request(self, request: Request) -> bytes: ...

    def decode_request(self, text: bytes) -> Request:
        """Well-formed text with an unknown command gives ``Op.UNKNOWN``; anything else wrong raises WireError."""
        ...

    def encode_reply(self, request: Request, reply: Reply) -> bytes: ...

    def decode_reply(self, text: bytes) -> tuple[Request, Reply]:
        """The request (as far as the echoed command tells: op, place) and the reply. Raises WireError."""
        ...

    def answers(self, command_text: bytes, reply_text: bytes) -> bool:
        """True when the reply echoes that command: pairing is part of the description."""
        ...

    def supports(self, request: Request) -> bool:
        """True when this dialect can say *request*."""
        ...

    def tree(self, text: bytes, to_device: bool) -> Node:
        """Labelled tree of a frame's text, for traces. Never raises: undecodable bytes become a node that says so."""
        ...
