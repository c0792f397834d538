"""The file map of the social security card: what each elementary file of each application holds.

Sources: spec/cards.md 1.4 (environment SSSE) and 1.5 (applications of V2.0). Files and items that
the documents list without a name are named after their number or tag; lengths that they do not give are None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import Label, Privacy

__all__ = ["EF_FILES", "File", "Item", "Kind", "Structure"]

Kind = Literal["cn", "an", "b"]
Structure = Literal["record", "transparent", "cyclic"]


@dataclass(frozen=True, slots=True)
class Item:
    """One data item. ``kind`` cn packed digits padded with F, an text padded with 00, b binary; ``length`` of the
    value in bytes; ``since`` the first generation that has it; ``private_last`` how many bytes at the end ``privacy``
    speaks of (0: all); ``occurs`` how many records carry the tag. ``tag`` 0: a field of a cyclic record without tags.
    """

    tag: int
    label: Label
    kind: Kind = "an"
    length: int | None = None
    privacy: Privacy = Privacy.OPEN
    since: str = "1.0"
    private_last: int = 0
    occurs: int = 1


@dataclass(frozen=True, slots=True)
class File:
    """One elementary file. ``df`` is ``SSSE`` or ``DF01`` .. ``DF07``; ``ef`` its number as in ``EF05``, so that its
    identifier is ``EF`` and this byte; ``length`` bytes of a transparent file or of one cyclic record.

    ``read`` and ``update`` say what opens it: ``free``, ``PIN``, a key name, or words between them; ``read_3`` where
    3.0 differs.
    """

    df: str
    ef: int
    label: Label
    items: tuple[Item, ...] = ()
    read: str = "free"
    update: str = ""
    read_3: str = ""
    since: str = "1.0"
    structure: Structure = "record"
    length: int = 0
    least_records: int = 0

    @property
    def fid(self) -> int:
        """Two-byte file identifier, ``0xEF05``."""
        return 0xEF00 | self.ef

    def read_right(self, generation: str) -> str:
        return self.read_3 or self.read if generation >= "3" else self.read


def _plain(zh: str, en: str, *tags: int, since: str = "1.0", **lengths: int) -> tuple[Item, ...]:
    """Items known by tag alone, or by tag and length (``t21=0x50``)."""
    return tuple(
        Item(tag, Label(f"{zh} {tag:02X}", f"{en} {tag:02X}"), length=lengths.get(f"t{tag:02X}"), since=since)
        for tag in tags
    )


_EF05 = (
    Item(0x01, Label("卡的识别码", "card identification code"), "cn", 0x10, Privacy.CARD_NUMBER, private_last=8),
    Item(0x02, Label("卡的类别", "card category"), "an", 1),
    Item(0x03, Label("规范版本", "specification version"), "an", 4),
    Item(0x04, Label("初始化机构编号", "initialising organisation"), "cn", 0x0C),
    Item(0x05, Label("发卡日期", "issue date"), "cn", 4),
    Item(0x06, Label("有效期", "valid until"), "cn", 4),
    Item(0x07, Label("卡号", "card number"), "an", 9, Privacy.CARD_NUMBER),
)
_EF06 = (
    Item(0x08, Label("社会保障号码", "social security number"), "an", 0x12, Privacy.ID_NUMBER),
    Item(0x09, Label("姓名", "name"), "an", 0x1E, Privacy.NAME),
    Item(0x0A, Label("性别", "sex"), "an", 1),
    Item(0x0B, Label("民族", "ethnic group"), "cn", 1),
    Item(0x0C, Label("出生地", "place of birth"), "cn", 3),
    Item(0x0D, Label("出生日期", "date of birth"), "cn", 4),
    Item(0x4E, Label("姓名扩展", "name, continued"), "an", 0x14, Privacy.NAME, since="2.0"),
)
_EDUCATION = (
    Item(0x2A, Label("文化程度", "education")),
    Item(0x40, Label("学历信息", "education record"), "b", 0x34, since="2.0", occurs=3),
)
_MEDICAL_BASIC = (
    Item(0x81, Label("医疗保险 81", "medical insurance 81"), "an", 8),
    Item(0x84, Label("医疗保险 84", "medical insurance 84"), "cn", 3),
    Item(0x87, Label("医疗保险 87", "medical insurance 87"), "an", 0x11),
    Item(0x8C, Label("医疗保险 8C", "medical insurance 8C"), "cn", 1),
    Item(0x80, Label("医疗保险 80", "medical insurance 80"), "cn", 4),
    Item(0x8B, Label("医疗保险 8B", "medical insurance 8B"), "an", 0x1D),
    Item(0x8A, Label("医疗保险 8A", "medical insurance 8A"), "an", 0x0F),
    *(
        Item(tag, Label(f"医疗保险 {tag:02X}", f"medical insurance {tag:02X}"), "an", 9)
        for tag in (0x83, 0x86, 0x89, 0x7D, 0x7E, 0x7F, 0x8D, 0x8E)
    ),
    Item(0x8F, Label("联网标志", "online flag"), "an", 1),
)
_MEDICAL_STATE = (
    Item(0x90, Label("医疗保险 90", "medical insurance 90"), "an", 1),
    Item(0x92, Label("医疗保险 92", "medical insurance 92"), "cn", 4),
    Item(0x93, Label("医疗保险 93", "medical insurance 93"), "an", 2),
)
_TRANSACTION = (
    Item(0, Label("交易序号", "sequence number"), "b", 2),
    Item(0, Label("交易类型：1 账户划入，2 医疗结算", "type: 1 load, 2 medical settlement"), "an", 1),
    Item(0, Label("终端机编号", "terminal"), "cn", 6),
    Item(0, Label("交易时间", "time"), "cn", 7),
    Item(0, Label("账户金额（分）", "account amount, fen"), "b", 4),
    Item(0, Label("自付金额（分）", "self-paid amount, fen"), "b", 4),
    Item(0, Label("统筹金额（分）", "pool fund amount, fen"), "b", 4),
)

_SSSE = (
    File("SSSE", 0x05, Label("发卡数据", "issuer data"), _EF05, "free", "UKSSSE"),
    File("SSSE", 0x06, Label("持卡人基本信息", "holder"), _EF06, "free", "UKSSSE", read_3="RKSSSE"),
    File("SSSE", 0x07, Label("指纹", "fingerprint"), (), "RKSSSE", "UKSSSE", "", "2.0", "transparent", 0x300),
    File("SSSE", 0x08, Label("照片", "photo"), (), "RKSSSE", "UKSSSE", "", "2.0", "transparent", 0x1000),
)

_P1 = "PIN or RK1DF01"
_DF01 = (
    File(
        "DF01",
        0x05,
        Label("户籍", "household"),
        _plain("户籍", "household", 0x20, 0x21, 0x0E, t21=0x50),
        _P1,
        "UK1DF01",
    ),
    File(
        "DF01",
        0x06,
        Label("常住地", "residence"),
        _plain("常住地", "residence", 0x23, 0x24, 0x28, 0x2C, 0x2D, t23=0x50, t24=3, t28=0x0F, t2C=0x32, t2D=0x0F),
        _P1,
        "UK4DF01",
    ),
    File(
        "DF01", 0x07, Label("个人状况", "personal status"), (Item(0x29, Label("个人状况", "status")),), _P1, "UK2DF01"
    ),
    File("DF01", 0x08, Label("婚姻", "marriage"), (Item(0x2B, Label("婚姻状况", "marital status")),), _P1, "UK3DF01"),
    File(
        "DF01",
        0x09,
        Label("就业单位", "employer"),
        _plain("就业单位", "employer", 0x2E, 0x30, 0x32, t2E=0x46, t30=9, t32=2),
        _P1,
        "UK2DF01",
    ),
    File(
        "DF01",
        0x0A,
        Label("国籍与政治面貌", "nationality and affiliation"),
        _plain("国籍与政治面貌", "nationality and affiliation", 0x37, 0x38, 0x39, t37=3, t38=2, t39=4),
        _P1,
        "UK5DF01",
    ),
    File("DF01", 0x15, Label("学历", "education"), _EDUCATION, _P1, "UK6DF01", since="2.0"),
    *(
        File(
            "DF01",
            ef,
            Label(f"预留 {ef:02X}", f"reserved {ef:02X}"),
            read="free",
            update=f"UK{ef - 0x16 + 7:X}DF01",
            since="2.0",
            structure="transparent",
            length=0x128,
        )
        for ef in range(0x16, 0x1B)
    ),
)

_WORK = ("就业与失业", "employment")
_DF02 = (
    File(
        "DF02",
        0x05,
        Label("就业与失业 EF05", "employment EF05"),
        (
            *_plain(*_WORK, 0x42, 0x41),
            Item(0x43, Label("就业与失业 43", "employment 43"), "b", 0x6C, occurs=2),
            Item(0x44, Label("就业与失业 44", "employment 44"), "b", 0x65, occurs=2),
        ),
        "per DF",
        "per DF",
    ),
    File(
        "DF02",
        0x06,
        Label("就业与失业 EF06", "employment EF06"),
        _plain(*_WORK, 0x4C, 0x4B, 0x4D, 0x60, 0x4F, 0x50, 0x3A),
        "per DF",
        "per DF",
    ),
    File(
        "DF02",
        0x07,
        Label("就业与失业 EF07", "employment EF07"),
        (),
        "per DF",
        "per DF",
        structure="cyclic",
        length=0x55,
        least_records=4,
    ),
    File(
        "DF02",
        0x09,
        Label("就业与失业 EF09", "employment EF09"),
        _plain(*_WORK, 0x55, 0x56, 0x96, 0x97),
        "per DF",
        "per DF",
        "",
        "2.0",
    ),
    File(
        "DF02",
        0x15,
        Label("就业与失业 EF15", "employment EF15"),
        (Item(0x99, Label("就业与失业 99", "employment 99"), "b", occurs=4), *_plain(*_WORK, 0x0F, 0x1F)),
        "per DF",
        "per DF",
        since="2.0",
    ),
    File(
        "DF02",
        0x16,
        Label("就业与失业 EF16", "employment EF16"),
        since="2.0",
        structure="cyclic",
        length=0x12,
        least_records=4,
    ),
)

_INSURANCE = ("社会保险", "social insurance")
_P3 = "PIN or RK2DF03"
_DF03 = (
    File(
        "DF03",
        0x05,
        Label("社会保险 EF05", "social insurance EF05"),
        _plain(*_INSURANCE, 0x61, 0x60, 0x98, *range(0x62, 0x67)),
        _P3,
    ),
    File(
        "DF03",
        0x07,
        Label("社会保险 EF07", "social insurance EF07"),
        _plain(*_INSURANCE, 0x70, 0x71, 0x6E, 0x6C, 0x6F, 0x73, t70=3, t71=3),
        _P3,
    ),
    File(
        "DF03",
        0x15,
        Label("社会保险 EF15", "social insurance EF15"),
        _plain(*_INSURANCE, 0x7A, 0x7B, 0x7C),
        _P3,
        since="2.0",
    ),
    File(
        "DF03", 0x16, Label("社会保险 EF16", "social insurance EF16"), _plain(*_INSURANCE, 0x51, 0x5F), _P3, since="2.0"
    ),
    File(
        "DF03",
        0x19,
        Label("社会保险 EF19", "social insurance EF19"),
        (Item(0x79, Label("社会保险 79", "social insurance 79"), "b", 0x27, since="2.0", occurs=4),),
        _P3,
        since="2.0",
    ),
)

_DF04 = (
    File("DF04", 0x05, Label("医疗 EF05", "medical EF05"), _MEDICAL_BASIC, "PIN or RK1DF04", "UK1DF04"),
    File("DF04", 0x06, Label("医疗 EF06", "medical EF06"), _MEDICAL_STATE, "PIN and RK1DF04", "UK2DF04"),
    File("DF04", 0x08, Label("交易明细", "transactions"), _TRANSACTION, "PIN", "card", "", "1.0", "cyclic", 0x1C, 30),
    File("DF04", 0x15, Label("特殊结算明细", "special settlements"), (), "PIN", "card", "", "2.0", "cyclic", 0x3B, 8),
)

_TALENT = ("人事人才", "personnel")
_DF07 = (
    File(
        "DF07",
        0x05,
        Label("人事人才 EF05", "personnel EF05"),
        _plain(*_TALENT, *range(0xF0, 0xF5)),
        "RK1DF07",
        "UK1DF07",
        "",
        "2.0",
    ),
    File(
        "DF07",
        0x06,
        Label("人事人才 EF06", "personnel EF06"),
        _plain(*_TALENT, *range(0xF5, 0xF8)),
        "RK2DF07",
        "UK2DF07",
        "",
        "2.0",
    ),
    File(
        "DF07",
        0x07,
        Label("人事人才 EF07", "personnel EF07"),
        _plain(*_TALENT, 0xF8, 0xF9),
        "RK3DF07",
        "UK3DF07",
        "",
        "2.0",
    ),
)

EF_FILES: tuple[File, ...] = (*_SSSE, *_DF01, *_DF02, *_DF03, *_DF04, *_DF07)
"""Every file whose content the documents tell, in order of application and number."""
