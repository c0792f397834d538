"""The tables of the PIN pads of family B: commands, parameters, status bytes, key codes, as spec/devices.md 1.2 prints them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from protocols.wire.base import Label
from protocols.wire.pin_pad import (
    Chaining,
    Cipher,
    EntryMode,
    Error,
    Key,
    Keypad,
    MacMode,
    Op,
    PinFormat,
    Setting,
    SmLayout,
)

__all__ = [
    "BATTERY_LOW",
    "COMMANDS",
    "DONE",
    "ENTRY_MODES",
    "ERROR_OF",
    "KEYPADS",
    "KEY_BYTES",
    "KEY_OF",
    "NUMBERS",
    "PARAMETERS",
    "SM_PARAMETERS",
    "Row",
    "Shape",
]


class Shape(Enum):
    """What stands behind a command byte."""

    EMPTY = auto()
    DATA = auto()
    MASTER_KEY = auto()
    WORK_KEY = auto()
    SLOT = auto()
    KEY_NAME = auto()
    ENTRY = auto()
    KEYPAD = auto()
    PARAMETER = auto()
    SM_SLOT = auto()
    ONLY = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One command. ``only`` is the data that it must have (shape ONLY)."""

    code: int
    op: Op
    shape: Shape
    label: Label
    only: bytes = b""


def _row(code: int, op: Op, shape: Shape, zh: str, en: str, only: bytes = b"") -> Row:
    return Row(code, op, shape, Label(zh, en), only)


COMMANDS: tuple[Row, ...] = (
    _row(0x30, Op.VERSION, Shape.EMPTY, "读版本", "version"),
    _row(0x31, Op.RESET, Shape.EMPTY, "自检复位，保留密钥", "self-test reset, keys kept"),
    _row(0x31, Op.WIPE, Shape.ONLY, "复位并清除密钥", "reset and wipe keys", b"\x38"),
    _row(0x32, Op.LOAD_MASTER, Shape.MASTER_KEY, "下载主密钥", "load master key"),
    _row(0x33, Op.RANDOM, Shape.EMPTY, "取随机数", "random"),
    _row(0x33, Op.LOAD_WORK, Shape.WORK_KEY, "下载工作密钥", "load work key"),
    _row(0x34, Op.PAN, Shape.DATA, "下装卡号", "card number"),
    _row(0x35, Op.START_PIN, Shape.ENTRY, "启动密码键盘", "start PIN entry"),
    _row(0x36, Op.ENCRYPT, Shape.DATA, "数据加密", "encrypt"),
    _row(0x37, Op.DECRYPT, Shape.DATA, "数据解密", "decrypt"),
    _row(0x38, Op.SERIAL, Shape.DATA, "读写终端序列号", "terminal serial"),
    _row(0x40, Op.AUTHENTICATE, Shape.DATA, "双向认证", "mutual authentication"),
    _row(0x41, Op.MAC, Shape.DATA, "MAC 运算", "MAC"),
    _row(0x42, Op.PIN_BLOCK, Shape.EMPTY, "取密码块", "PIN block"),
    _row(0x43, Op.ACTIVATE, Shape.SLOT, "激活工作密钥", "activate work key"),
    _row(0x44, Op.CONNECTIVITY, Shape.ONLY, "测试连通", "connectivity", b"\x31"),
    _row(0x45, Op.KEYPAD, Shape.KEYPAD, "开关键盘", "open or close the keypad"),
    _row(0x46, Op.SET, Shape.PARAMETER, "设置参数", "set parameter"),
    _row(0x60, Op.VECTOR, Shape.DATA, "下装初始向量", "initial vector"),
    _row(0x62, Op.DELETE_KEY, Shape.KEY_NAME, "删除密钥", "delete key"),
    _row(0x65, Op.KCV, Shape.KEY_NAME, "读密钥校验值", "key check value"),
    _row(0x7E, Op.KEY_TABLE, Shape.EMPTY, "读密钥表", "key table"),
    _row(0x7F, Op.FIRMWARE, Shape.EMPTY, "读固件版本", "firmware version"),
    _row(0x81, Op.SET, Shape.PARAMETER, "设置国密参数", "set SM parameter"),
    _row(0x82, Op.LOAD_MASTER, Shape.MASTER_KEY, "下载 SM4 主密钥", "load SM4 master key"),
    _row(0x86, Op.ACTIVATE, Shape.SM_SLOT, "激活国密密钥", "activate SM key"),
    _row(0x8B, Op.VECTOR, Shape.DATA, "下装国密初始向量", "SM initial vector"),
    _row(0x9F, Op.CHIP_VERSION, Shape.EMPTY, "读芯片版本", "chip version"),
    _row(0xA0, Op.REARM, Shape.ONLY, "自毁后重新启用", "re-arm after self-destruction", b"\x31"),
    _row(0x23, Op.MANUAL_KEY, Shape.DATA, "手工输入密钥", "manual key entry"),
    _row(0x24, Op.MANUAL_KEY, Shape.DATA, "手工输入密钥", "manual key entry"),
)

DES_LOAD, SM4_LOAD = 0x32, 0x82
DES_ACTIVATE, SM_ACTIVATE = 0x43, 0x86
DES_VECTOR, SM_VECTOR = 0x60, 0x8B
DES_SET, SM_SET = 0x46, 0x81

Choice = tuple[Setting, StrEnum | int]

# fmt: off
PARAMETERS: dict[tuple[int, int], Choice] = {
    (0x00, 0x20): (Setting.LOAD_CIPHER, Cipher.DES),         (0x00, 0x30): (Setting.LOAD_CIPHER, Cipher.TDES),
    (0x01, 0x20): (Setting.WORK_CIPHER, Cipher.DES),         (0x01, 0x30): (Setting.WORK_CIPHER, Cipher.TDES),
    (0x01, 0x60): (Setting.WORK_CIPHER, Cipher.MASTER_DES),  (0x01, 0x70): (Setting.WORK_CIPHER, Cipher.MASTER_TDES),
    (0x04, 0x00): (Setting.PIN_FORMAT, PinFormat.ASCII),     (0x04, 0x10): (Setting.PIN_FORMAT, PinFormat.ISO_0),
    (0x04, 0x11): (Setting.PIN_FORMAT, PinFormat.ISO_1),     (0x04, 0x12): (Setting.PIN_FORMAT, PinFormat.ISO_2),
    (0x04, 0x13): (Setting.PIN_FORMAT, PinFormat.ISO_3),     (0x04, 0x20): (Setting.PIN_FORMAT, PinFormat.IBM_3624),
    (0x04, 0x23): (Setting.PIN_FORMAT, PinFormat.VISA_3),    (0x04, 0x24): (Setting.PIN_FORMAT, PinFormat.VISA_4),
    (0x05, 0x05): (Setting.KCV_ON, 1),
    (0x05, 0x01): (Setting.AUTO_END, 1),                     (0x05, 0x00): (Setting.AUTO_END, 0),
    (0x06, 0x01): (Setting.MAC_MODE, MacMode.X9),            (0x06, 0x02): (Setting.MAC_MODE, MacMode.PBOC),
    (0x06, 0x03): (Setting.MAC_MODE, MacMode.UNIONPAY),      (0x06, 0x04): (Setting.MAC_MODE, MacMode.CBC),
    (0x07, 0x10): (Setting.CHAINING, Chaining.ECB),          (0x07, 0x11): (Setting.CHAINING, Chaining.CBC),
}
"""``46 p v``."""

SM_PARAMETERS: dict[tuple[int, int], Choice] = {
    (0x04, 0x00): (Setting.SM_LAYOUT, SmLayout.WIDE),        (0x04, 0x01): (Setting.SM_LAYOUT, SmLayout.PAD_00),
    (0x04, 0x02): (Setting.SM_LAYOUT, SmLayout.PAD_FF),      (0x04, 0x03): (Setting.SM_LAYOUT, SmLayout.PAD_80),
    (0x06, 0x01): (Setting.SM_MAC_MODE, MacMode.X9),         (0x06, 0x02): (Setting.SM_MAC_MODE, MacMode.PBOC),
    (0x06, 0x03): (Setting.SM_MAC_MODE, MacMode.UNIONPAY),   (0x06, 0x04): (Setting.SM_MAC_MODE, MacMode.CBC),
    (0x07, 0x10): (Setting.SM_CHAINING, Chaining.ECB),       (0x07, 0x11): (Setting.SM_CHAINING, Chaining.CBC),
}
"""``81 p v``: numbered like 46, an assumption of this project, since the document names the command alone."""

NUMBERS: dict[int, Setting] = {0x08: Setting.LEAST_DIGITS, 0x0D: Setting.KCV_BYTES}
"""``46 p n``: the value is the number itself."""

KEYPADS: dict[int, Keypad] = {
    0x00: Keypad.CLOSED,        0x01: Keypad.OPEN,          0x02: Keypad.CLOSED_SOUND,  0x03: Keypad.OPEN_SOUND,
    0x20: Keypad.CLEAR_ALL,     0x21: Keypad.BACKSPACE,     0x09: Keypad.USE_TRAILER,
}

ENTRY_MODES: dict[int, EntryMode] = {
    0x00: EntryMode.BY_PARAMETER, 0x01: EntryMode.WITH_PAN, 0x02: EntryMode.ASCII, 0x03: EntryMode.IBM_3624,
}

SM_KINDS: dict[int, Cipher] = {0x01: Cipher.SM4, 0x02: Cipher.SM2}
"""First data byte of 86."""

DONE, BATTERY_LOW = 0x04, 0xC4

ERROR_OF: dict[int, Error] = {
    0x15: Error.PARAMETER,     0x16: Error.KEY_CHECK,     0x17: Error.MODE,          0x18: Error.KCV,
    0x19: Error.NO_PIN,        0x1A: Error.SERIAL_SET,
    0x80: Error.TIME_OUT,      0x81: Error.NO_KEY_PRESSED,
    0xA4: Error.MASTER_MISSING, 0xA5: Error.WORK_MISSING,
    0xB5: Error.UNKNOWN_COMMAND_MASTER, 0xD5: Error.UNKNOWN_COMMAND_BATTERY,
    0xE0: Error.UNKNOWN_COMMAND, 0xE1: Error.LOCKED,      0xE2: Error.NOT_CLEARED,   0xE3: Error.NOT_VERIFIED,
    0xF0: Error.TEST_CPU,      0xF1: Error.TEST_SRAM,     0xF2: Error.TEST_KEYS,     0xF3: Error.TEST_SERIAL,
    0xF4: Error.TEST_CARD,     0xF5: Error.TEST_BATTERY,  0xF6: Error.TEST_MASTER_LOST, 0xF7: Error.TEST_OTHER,
}
"""Status byte of an answer. One that is not here is :attr:`Error.OTHER`, and keeps its byte."""

KEY_BYTES: dict[Key, int] = {
    **{key: ord(key.value) for key in Key if key.digit},
    Key.MASKED: 0x2A, Key.CANCEL: 0x1B, Key.ENTER: 0x0D, Key.CLEAR: 0x08, Key.POINT: 0x2E,
    Key.DOUBLE_ZERO: 0x22, Key.BLANK: 0x20, Key.TIME_OUT: 0x80,
    Key.F1: 0x41, Key.F2: 0x42, Key.F3: 0x43, Key.F4: 0x44, Key.F5: 0x45, Key.F6: 0x46, Key.F7: 0x47, Key.F8: 0x48,
}
"""What a key is sent as (spec/devices.md 1.1, key codes)."""

KEY_OF: dict[int, Key] = {
    **{byte: key for key, byte in KEY_BYTES.items()},
    0x7F: Key.DOUBLE_ZERO,     0x07: Key.BLANK,
}
"""What a raw byte means: two keys have a second code in some models."""
# fmt: on
