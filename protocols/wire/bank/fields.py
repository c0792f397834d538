"""The fields of the dialect as one table, and the table as a specification that pyiso8583 understands.

Source: spec/services.md 3.1 (formats), 3.2 (which message carries what). Bitmaps, lengths and packed digits are
pyiso8583's; this module only says what each field is. In a message a field is text: digits for packed fields,
upper-case hexadecimal for binary ones, characters for the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from protocols.wire.base import Label, Privacy

__all__ = ["FIELDS", "MAC_FIELD", "FieldFormat", "specification"]

Form = Literal["n", "z", "an", "ans", "b"]
"""``n`` packed digits, ``z`` packed track digits with ``D`` as separator, ``an`` and ``ans`` ASCII, ``b`` bytes."""

MAC_FIELD = 64

_CHARACTERS: dict[Form, str] = {
    "n": r"[0-9]*",
    "z": r"[0-9D]*",
    "an": r"[A-Za-z0-9 ]*",
    "ans": r"[\x20-\x7e]*",
    "b": r"([0-9A-F]{2})*",
}
_TIME = r"([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
_DAY = r"(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
_MONTH = r"[0-9]{2}(0[1-9]|1[0-2])"


_MATCHES = {form: re.compile(characters).fullmatch for form, characters in _CHARACTERS.items()}


@lru_cache
def _matches(pattern: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(pattern).fullmatch


@dataclass(frozen=True, slots=True)
class FieldFormat:
    """One field. ``length`` counts digits of packed fields and bytes of the others; it is exact when ``prefix`` is 0,
    otherwise the most that the LL (2) or LLL (3) length may say. ``pattern`` narrows what the form allows."""

    form: Form
    length: int
    label: Label
    prefix: Literal[0, 2, 3] = 0
    pad: Literal["left", "right"] = "right"
    privacy: Privacy = Privacy.OPEN
    pattern: str = ""

    @property
    def packed(self) -> bool:
        return self.form in ("n", "z")

    def allows(self, text: str) -> bool:
        """True for a value that this field may have, its length apart."""
        matches = _matches(self.pattern) if self.pattern else _MATCHES[self.form]
        return matches(text) is not None


def _f(
    form: Form,
    length: int,
    zh: str,
    en: str,
    prefix: Literal[0, 2, 3] = 0,
    pad: Literal["left", "right"] = "right",
    privacy: Privacy = Privacy.OPEN,
    pattern: str = "",
) -> FieldFormat:
    return FieldFormat(form, length, Label(zh, en), prefix, pad, privacy, pattern)


FIELDS: Mapping[int, FieldFormat] = {
    2: _f("n", 19, "主账号", "primary account number", 2, privacy=Privacy.CARD_NUMBER, pattern="[0-9]{12,19}"),
    3: _f("n", 6, "交易处理码", "processing code"),
    4: _f("n", 12, "交易金额（分）", "amount in fen"),
    11: _f("n", 6, "受卡方系统跟踪号", "system trace number"),
    12: _f("n", 6, "受卡方所在地时间", "local time", pattern=_TIME),
    13: _f("n", 4, "受卡方所在地日期", "local date", pattern=_DAY),
    14: _f("n", 4, "卡有效期", "expiry date", privacy=Privacy.CARD_NUMBER, pattern=_MONTH),
    15: _f("n", 4, "清算日期", "settlement date", pattern=_DAY),
    22: _f("n", 3, "服务点输入方式码", "entry mode"),
    23: _f("n", 3, "卡序列号", "card sequence number", pad="left"),
    25: _f("n", 2, "服务点条件码", "condition code"),
    26: _f("n", 2, "服务点PIN获取码", "most PIN digits"),
    32: _f("n", 11, "受理方标识码", "acquirer", 2),
    35: _f("z", 37, "二磁道数据", "track 2", 2, privacy=Privacy.CARD_NUMBER, pattern="[0-9]{12,19}D[0-9]*"),
    36: _f("z", 104, "三磁道数据", "track 3", 3, privacy=Privacy.CARD_NUMBER),
    37: _f("an", 12, "检索参考号", "retrieval reference"),
    38: _f("an", 6, "授权标识应答码", "approval code"),
    39: _f("an", 2, "应答码", "response code"),
    41: _f("ans", 8, "受卡机终端标识码", "terminal"),
    42: _f("ans", 15, "受卡方标识码", "merchant"),
    44: _f("ans", 25, "附加响应数据", "additional reply data", 2),
    48: _f("n", 322, "附加数据", "totals", 3),
    49: _f("an", 3, "交易货币代码", "currency"),
    52: _f("b", 8, "个人标识码数据", "PIN block", privacy=Privacy.PIN),
    53: _f("n", 16, "安全控制信息", "security control"),
    54: _f("an", 40, "余额", "balance", 3),
    55: _f("b", 255, "IC卡数据域", "chip data", 3, privacy=Privacy.CARD_NUMBER),
    60: _f("n", 19, "自定义域（类型、批次、网络管理码）", "type, batch, network code", 3),
    61: _f("n", 29, "原始信息域", "original transaction", 3),
    62: _f("b", 999, "自定义域62", "private data", 3, privacy=Privacy.KEY),
    63: _f("ans", 163, "自定义域63", "operator and private data", 3),
    MAC_FIELD: _f("b", 8, "MAC", "MAC"),
}
"""Every field that this dialect knows; a message with any other is refused."""


@lru_cache
def specification(pin_bytes: int = 8) -> Mapping[str, Mapping[str, Any]]:
    """The table for ``iso8583.encode`` and ``iso8583.decode``, without frame and header.

    *pin_bytes* 16: the SM4 variant, whose PIN block is one block of that cipher.
    """
    spec: dict[str, Mapping[str, Any]] = {
        "h": {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": 0, "desc": "header"},
        "t": {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": 2, "desc": "message type"},
        "p": {"data_enc": "b", "len_enc": "bcd", "len_type": 0, "max_len": 8, "desc": "bitmap"},
    }
    for number, field in FIELDS.items():
        row: dict[str, Any] = {
            "data_enc": "b" if field.packed or field.form == "b" else "ascii",
            "len_enc": "bcd",
            "len_type": {0: 0, 2: 1, 3: 2}[field.prefix],
            "len_count": "nibbles" if field.packed else "bytes",
            "max_len": pin_bytes if number == 52 else field.length,
            "desc": field.label.en,
        }
        if field.packed:
            row[f"{field.pad}_pad"] = "0"
        spec[str(number)] = row
    return spec
