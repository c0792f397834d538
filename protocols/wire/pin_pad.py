"""The device class *PIN pad* (encrypting keypad, EPP) in neutral words: what every dialect of it means.

Simulator, driver and oracles speak these words; a dialect module (``epp_b.py``) turns them into bytes. The nouns follow
XFS4IoT (Keyboard, PinPad, KeyManagement, Crypto); sources: spec/devices.md 1.1, 1.2, 1.4, 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from protocols.wire.base import Framing, Label, Node, Timing, Vector

__all__ = [
    "ERROR_LABELS",
    "KEY_LABELS",
    "SELF_TEST_ERRORS",
    "Chaining",
    "Cipher",
    "EntryMode",
    "Error",
    "Key",
    "Keypad",
    "LineRules",
    "MacMode",
    "Op",
    "PinFormat",
    "PinPadDialect",
    "Reply",
    "Request",
    "Setting",
    "SmLayout",
    "Value",
]


class Op(StrEnum):
    """What a host asks of a PIN pad."""

    RESET = "reset"
    WIPE = "wipe"
    VERSION = "version"
    LOAD_MASTER = "load_master"
    LOAD_WORK = "load_work"
    RANDOM = "random"
    PAN = "pan"
    START_PIN = "start_pin"
    PIN_BLOCK = "pin_block"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    MAC = "mac"
    ACTIVATE = "activate"
    KEYPAD = "keypad"
    SET = "set"
    VECTOR = "vector"
    DELETE_KEY = "delete_key"
    KCV = "kcv"
    KEY_TABLE = "key_table"
    SERIAL = "serial"
    FIRMWARE = "firmware"
    CHIP_VERSION = "chip_version"
    AUTHENTICATE = "authenticate"
    REARM = "rearm"
    CONNECTIVITY = "connectivity"
    MANUAL_KEY = "manual_key"
    UNKNOWN = "unknown"


class Key(StrEnum):
    """A key of the pad, or what a pad says instead of one. ``MASKED`` stands for a digit during PIN entry."""

    D0 = "0"
    D1 = "1"
    D2 = "2"
    D3 = "3"
    D4 = "4"
    D5 = "5"
    D6 = "6"
    D7 = "7"
    D8 = "8"
    D9 = "9"
    ENTER = "enter"
    CLEAR = "clear"
    CANCEL = "cancel"
    POINT = "point"
    DOUBLE_ZERO = "00"
    BLANK = "blank"
    F1 = "f1"
    F2 = "f2"
    F3 = "f3"
    F4 = "f4"
    F5 = "f5"
    F6 = "f6"
    F7 = "f7"
    F8 = "f8"
    MASKED = "masked"
    TIME_OUT = "time-out"

    @property
    def digit(self) -> bool:
        """True for a digit in the clear."""
        return self.value.isdecimal() and len(self.value) == 1


KEY_LABELS: dict[Key, Label] = {
    Key.ENTER: Label("确认", "enter"),
    Key.CLEAR: Label("更正", "clear"),
    Key.CANCEL: Label("取消", "cancel"),
    Key.POINT: Label("小数点", "point"),
    Key.DOUBLE_ZERO: Label("双零键", "double zero"),
    Key.BLANK: Label("空白键", "blank key"),
    Key.MASKED: Label("一位密码（已屏蔽）", "a digit of the PIN, masked"),
    Key.TIME_OUT: Label("输入超时", "entry timed out"),
}
"""Names of the keys that have no digit or letter of their own."""


class Cipher(StrEnum):
    """What a key is used with. The two MASTER kinds use a master key as if it were a work key."""

    DES = "des"
    TDES = "3des"
    SM4 = "sm4"
    MASTER_DES = "master-des"
    MASTER_TDES = "master-3des"
    SM2 = "sm2"


class PinFormat(StrEnum):
    """The block in which a PIN is enciphered (ISO 9564, spec/devices.md 3)."""

    ASCII = "ascii"
    ISO_0 = "iso-0"
    ISO_1 = "iso-1"
    ISO_2 = "iso-2"
    ISO_3 = "iso-3"
    IBM_3624 = "ibm-3624"
    VISA_3 = "visa-3"
    VISA_4 = "visa-4"


class MacMode(StrEnum):
    """How a MAC is computed. X9: X9.9 with a single-length key, X9.19 with a longer one."""

    X9 = "x9"
    PBOC = "pboc"
    UNIONPAY = "unionpay"
    CBC = "cbc"


class Chaining(StrEnum):
    """How blocks of data hang together."""

    ECB = "ecb"
    CBC = "cbc"


class SmLayout(StrEnum):
    """The PIN block under SM4 (AS-03): sixteen bytes filled with F, or a format 0 block of eight bytes, padded."""

    WIDE = "wide"
    PAD_00 = "pad-00"
    PAD_FF = "pad-ff"
    PAD_80 = "pad-80"


class EntryMode(StrEnum):
    """What START_PIN says of the block that will be asked for."""

    BY_PARAMETER = "by-parameter"
    WITH_PAN = "with-pan"
    ASCII = "ascii"
    IBM_3624 = "ibm-3624"


class Keypad(StrEnum):
    """Whether keys are heard, with or without a sound, and what the clear key does."""

    CLOSED = "closed"
    OPEN = "open"
    CLOSED_SOUND = "closed-sound"
    OPEN_SOUND = "open-sound"
    CLEAR_ALL = "clear-all"
    BACKSPACE = "backspace"
    USE_TRAILER = "use-trailer"


class Setting(StrEnum):
    """A parameter that a host sets. The value is one of the enumerations above, or a number."""

    LOAD_CIPHER = "load-cipher"
    WORK_CIPHER = "work-cipher"
    PIN_FORMAT = "pin-format"
    KCV_ON = "kcv-on"
    AUTO_END = "auto-end"
    MAC_MODE = "mac-mode"
    CHAINING = "chaining"
    LEAST_DIGITS = "least-digits"
    KCV_BYTES = "kcv-bytes"
    SM_LAYOUT = "sm-layout"
    SM_MAC_MODE = "sm-mac-mode"
    SM_CHAINING = "sm-chaining"


class Error(StrEnum):
    """Why a pad refused or failed."""

    PARAMETER = "parameter"
    KEY_CHECK = "key_check"
    MODE = "mode"
    KCV = "kcv"
    NO_PIN = "no_pin"
    SERIAL_SET = "serial_set"
    TIME_OUT = "time_out"
    NO_KEY_PRESSED = "no_key_pressed"
    MASTER_MISSING = "master_missing"
    WORK_MISSING = "work_missing"
    UNKNOWN_COMMAND = "unknown_command"
    UNKNOWN_COMMAND_MASTER = "unknown_command_master"
    UNKNOWN_COMMAND_BATTERY = "unknown_command_battery"
    LOCKED = "locked"
    NOT_CLEARED = "not_cleared"
    NOT_VERIFIED = "not_verified"
    TEST_CPU = "test_cpu"
    TEST_SRAM = "test_sram"
    TEST_KEYS = "test_keys"
    TEST_SERIAL = "test_serial"
    TEST_CARD = "test_card"
    TEST_BATTERY = "test_battery"
    TEST_MASTER_LOST = "test_master_lost"
    TEST_OTHER = "test_other"
    OTHER = "other"


SELF_TEST_ERRORS = (
    Error.TEST_CPU,
    Error.TEST_SRAM,
    Error.TEST_KEYS,
    Error.TEST_SERIAL,
    Error.TEST_CARD,
    Error.TEST_BATTERY,
    Error.TEST_MASTER_LOST,
    Error.TEST_OTHER,
)

ERROR_LABELS: dict[Error, Label] = {
    Error.PARAMETER: Label("参数或长度错误", "wrong parameter or length"),
    Error.KEY_CHECK: Label("密钥校验错误", "key check failed"),
    Error.MODE: Label("当前模式下不允许", "not allowed in this mode"),
    Error.KCV: Label("密钥校验值错误", "wrong key check value"),
    Error.NO_PIN: Label("无密码或密码长度不符", "no PIN, or a PIN of wrong length"),
    Error.SERIAL_SET: Label("序列号已设置", "serial number already set"),
    Error.TIME_OUT: Label("超时或按键未释放", "timed out, or a key is held"),
    Error.NO_KEY_PRESSED: Label("超时未按键", "no key in time"),
    Error.MASTER_MISSING: Label("主密钥不存在或无效", "master key missing or invalid"),
    Error.WORK_MISSING: Label("工作密钥不存在或无效", "work key missing or invalid"),
    Error.UNKNOWN_COMMAND: Label("无效命令", "invalid command"),
    Error.UNKNOWN_COMMAND_MASTER: Label("无效命令，且主密钥无效", "invalid command, and the master key is invalid"),
    Error.UNKNOWN_COMMAND_BATTERY: Label("无效命令，且电池已坏", "invalid command, and the battery is bad"),
    Error.LOCKED: Label("自毁已锁定", "self-destruction locked"),
    Error.NOT_CLEARED: Label("自毁状态未能清除", "self-destruction could not be cleared"),
    Error.NOT_VERIFIED: Label("尚未认证", "not verified"),
    Error.TEST_CPU: Label("自检：CPU 或 EEPROM", "self-test: CPU or EEPROM"),
    Error.TEST_SRAM: Label("自检：SRAM", "self-test: SRAM"),
    Error.TEST_KEYS: Label("自检：按键短路", "self-test: key short-circuit"),
    Error.TEST_SERIAL: Label("自检：串口电平", "self-test: serial level"),
    Error.TEST_CARD: Label("自检：CPU 卡", "self-test: CPU card"),
    Error.TEST_BATTERY: Label("自检：电池", "self-test: battery"),
    Error.TEST_MASTER_LOST: Label("自检：主密钥丢失", "self-test: master keys lost"),
    Error.TEST_OTHER: Label("自检：其他", "self-test: other"),
    Error.OTHER: Label("其他错误", "other error"),
}

Value = StrEnum | int


@dataclass(frozen=True, slots=True)
class Request:
    """What the host asks. Fields that an operation does not use keep their defaults.

    ``master`` is a slot of the key store, ``slot`` the work key under it (0 to 3) or None for the master key itself;
    ``cipher`` says that a key is meant for another cipher than DES, and ``wrapped`` that a master key comes enciphered
    under the active key. ``data`` holds the key, the digits of PAN, blocks or text. ``setting`` and ``value`` belong to
    SET, ``keypad`` to KEYPAD; ``most``, ``shown``, ``mode``, ``prompt`` and ``limit_s`` to START_PIN. An UNKNOWN request
    keeps its bytes: ``code`` and ``data``; ``number`` 0: the command is unknown, 1: its data are wrong.
    """

    op: Op
    master: int = 0
    slot: int | None = None
    cipher: Cipher | None = None
    wrapped: bool = False
    data: bytes = b""
    setting: Setting | None = None
    value: Value = 0
    keypad: Keypad | None = None
    most: int = 0
    shown: bool = True
    mode: EntryMode = EntryMode.BY_PARAMETER
    prompt: int = 0
    limit_s: int = 0
    code: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the pad answers. ``error`` None means done; ``code`` is then empty, else the dialect's own code in hex.

    ``battery_low`` of an answer that is done all the same; ``data`` the KCV, block, MAC or text.
    """

    error: Error | None = None
    code: str = ""
    data: bytes = b""
    battery_low: bool = False

    @property
    def ok(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class LineRules:
    """Limits of a dialect. ``data_limit`` bytes for ENCRYPT and DECRYPT, ``mac_limit`` for MAC."""

    data_limit: int
    mac_limit: int
    timing: Timing = field(default_factory=Timing)


class PinPadDialect(Protocol):
    """A PIN pad's wire format: neutral words to the framing's text and back. Pure and stateless."""

    name: str
    label: Label
    device_class: str
    rules: LineRules
    vectors: tuple[Vector, ...]

    def framing(self) -> Framing:
        """A new framing decoder, for one direction of one link. Raw key bytes come out as Control items."""
        ...

    def encode_request(self, request: Request) -> bytes: ...

    def decode_request(self, text: bytes) -> Request:
        """Well-formed text with an unknown command gives ``Op.UNKNOWN``; anything else wrong raises WireError."""
        ...

    def encode_reply(self, request: Request | None, reply: Reply) -> bytes: ...

    def decode_reply(self, text: bytes) -> tuple[Request | None, Reply]:
        """The request, where an answer names it (None where it does not), and the reply. Raises WireError."""
        ...

    def key_of(self, byte: int) -> Key | None:
        """The key that a raw byte outside of frames means; None when it means none."""
        ...

    def byte_of(self, key: Key) -> int: ...

    def supports(self, request: Request) -> bool: ...

    def tree(self, text: bytes, to_device: bool) -> Node:
        """Labelled tree of a frame's text, for traces. Never raises: undecodable bytes become a node that says so."""
        ...
