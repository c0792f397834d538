"""Records and files that each generation must have, typed from spec/cards.md 1.4 and 1.5 for the oracles alone."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BASIC", "FILES", "HOLDER", "MEDICAL", "Item", "holder_items"]


@dataclass(frozen=True, slots=True)
class Item:
    """A record: its tag, length of its value, ``cn`` (digits, padded with F) or ``an`` (text, padded with 00)."""

    tag: int
    length: int
    type: str
    zh: str
    en: str

    @property
    def name(self) -> str:
        return f"{self.tag:02X}"


BASIC = (
    Item(0x01, 0x10, "cn", "卡的识别码", "card identification"),
    Item(0x02, 0x01, "an", "卡的类别", "card class"),
    Item(0x03, 0x04, "an", "规范版本", "version"),
    Item(0x04, 0x0C, "cn", "初始化机构编号", "initialising organisation"),
    Item(0x05, 0x04, "cn", "发卡日期", "date of issue"),
    Item(0x06, 0x04, "cn", "卡有效期", "date of expiry"),
    Item(0x07, 0x09, "an", "卡号", "card number"),
)
"""EF05 of SSSE."""

NAME_EXTENSION = Item(0x4E, 0x14, "an", "姓名扩展", "name extension")
HOLDER = (
    Item(0x08, 0x12, "an", "社会保障号码", "citizen number"),
    Item(0x09, 0x1E, "an", "姓名", "name"),
    Item(0x0A, 0x01, "an", "性别", "sex"),
    Item(0x0B, 0x01, "cn", "民族", "ethnic group"),
    Item(0x0C, 0x03, "cn", "出生地", "place of birth"),
    Item(0x0D, 0x04, "cn", "出生日期", "date of birth"),
)
"""EF06 of SSSE, without 4E, which came with 2.0."""

MEDICAL = (
    Item(0x81, 0x08, "an", "医保数据 81", "insurance data 81"),
    Item(0x84, 0x03, "cn", "医保数据 84", "insurance data 84"),
    Item(0x8C, 0x01, "cn", "医保数据 8C", "insurance data 8C"),
    Item(0x8F, 0x01, "an", "联网标志", "online mark"),
)
"""Some records of DF04/EF05 of 2.0 and 3.0 whose lengths are certain."""


def holder_items(generation: str) -> tuple[Item, ...]:
    """Records of EF06 by generation."""
    return HOLDER if generation == "1.0" else (*HOLDER, NAME_EXTENSION)


_FIRST = {
    0xDF01: (0xEF05, 0xEF06, 0xEF07, 0xEF08, 0xEF09, 0xEF0A),
    0xDF02: (0xEF05, 0xEF06, 0xEF07),
    0xDF03: (0xEF05, 0xEF06, 0xEF07, 0xEF08, 0xEF09, 0xEF0A),
    0xDF04: (0xEF05, 0xEF06, 0xEF08, 0xEF09),
}
_SECOND = {
    0xDF01: (0xEF05, 0xEF06, 0xEF07, 0xEF08, 0xEF09, 0xEF0A, 0xEF15, 0xEF16, 0xEF17, 0xEF18, 0xEF19, 0xEF1A),
    0xDF02: (0xEF05, 0xEF06, 0xEF07, 0xEF09, 0xEF15, 0xEF16),
    0xDF03: (0xEF05, 0xEF06, 0xEF07, 0xEF15, 0xEF19),
    0xDF04: (0xEF05, 0xEF06, 0xEF08, 0xEF15),
    0xDF07: (0xEF05, 0xEF06, 0xEF07),
}
FILES: dict[str, dict[int, tuple[int, ...]]] = {"1.0": _FIRST, "2.0": _SECOND, "3.0": _SECOND}
"""Generation to application to its files, as far as the documents name them one by one."""
