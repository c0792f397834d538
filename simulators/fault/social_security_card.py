"""Social security cards whose answer to reset, selection, records or access rules are wrong."""

from __future__ import annotations

from simulators.card.chip import Apdu, StatusError
from simulators.card.files import FREE, DedicatedFile, ElementaryFile
from simulators.card.social_security import SocialSecurityCard, template
from simulators.fault.social_security_mutant import card_mutant, holder_mutant, record_mutant

__all__ = ["MUTANTS"]

Card = SocialSecurityCard


class AtrWithTck(Card):
    def answer_to_reset(self) -> bytes:
        atr = super().answer_to_reset()
        check = 0
        for byte in atr[1:]:
            check ^= byte
        return atr + bytes((check,))


class AtrHistoricalCount(Card):
    def answer_to_reset(self) -> bytes:
        return b"\x3b\x6c\x00\x00" + self.historical[:12]


class AtrArea(Card):
    def answer_to_reset(self) -> bytes:
        return b"\x3b\x6d\x00\x00" + self.historical[:7] + b"\x99\x99" + self.historical[9:]


class AtrWarm(Card):
    def reset(self) -> bytes:
        atr = super().reset()
        return atr[:-1] + bytes((atr[-1] ^ 1,))


class WarmResetDead(Card):
    """The ATR comes, but SSSE is gone until the next cold reset."""

    warm = False

    def power_on(self) -> bytes:
        self.warm = False
        return super().power_on()

    def reset(self) -> bytes:
        atr = super().power_on()
        self.warm = True
        return atr

    def select_name(self, apdu: Apdu) -> bytes:
        return self.not_found() if self.warm else super().select_name(apdu)


class FciNoAlgorithm(Card):
    def proprietary(self) -> bytes:
        return bytes.fromhex("88011E")


class FciWrongAlgorithm(Card):
    def algorithm_id(self) -> int:
        return 0x07


class FciFlat(Card):
    """84 and A5 without their template 6F."""

    def fci(self, df: DedicatedFile) -> bytes:
        return super().fci(df)[2:]


class FciNoDirectory(Card):
    def proprietary(self) -> bytes:
        return super().proprietary()[3:]


class SsseName(Card):
    def fci(self, df: DedicatedFile) -> bytes:
        return template(df.name[:-1] + b"\0", self.proprietary()) if df.label == "SSSE" else super().fci(df)


class DfName(Card):
    def fci(self, df: DedicatedFile) -> bytes:
        fci = super().fci(df)
        return fci[:-1] + bytes((fci[-1] ^ 0x10,)) if df.label.startswith("DF") else fci


class NoMasterFile(Card):
    def select(self, apdu: Apdu) -> bytes:
        return self.not_found() if apdu.data == b"\x3f\x00" else super().select(apdu)


class NoAid(Card):
    def select_name(self, apdu: Apdu) -> bytes:
        return self.not_found() if apdu.data[:1] == b"\xd1" else super().select_name(apdu)


class NoEfByP102(Card):
    def select(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 0x02:
            raise StatusError(0x6A86)
        return super().select(apdu)


class UnknownFileOk(Card):
    def not_found(self) -> bytes:
        return b""


class SelectAnyP1(Card):
    def select(self, apdu: Apdu) -> bytes:
        p1 = apdu.p1 if apdu.p1 in (0, 2, 4) else 0x04 if len(apdu.data) > 2 else 0x00
        return super().select(Apdu(apdu.cla, apdu.ins, p1, 0 if apdu.p2 != 2 else 2, apdu.p3, apdu.data))


class EfKeptOnSelect(Card):
    def enter(self, df: DedicatedFile) -> bytes:
        kept = self.ef
        fci = super().enter(df)
        self.ef = kept
        return fci


class EfMissing(Card):
    def select(self, apdu: Apdu) -> bytes:
        if self.df.label == "DF03" and apdu.data == b"\xef\x07":
            return self.not_found()
        return super().select(apdu)


class Ef06FreeOn30(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(FREE if ef.cell == "SSSE/EF06" else ef.read)


class Ef06ClosedOnOld(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand((frozenset({"SSSE.0A"}),) if ef.cell == "SSSE/EF06" else ef.read)


class BiometricsFree(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(FREE if ef.structure == "transparent" else ef.read)


class LogFree(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(FREE if ef.cell == "DF04/EF08" else ef.read)


class ApplicationsFree(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(ef.read if ef.cell.startswith("SSSE") else FREE)


class Df02Free(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(FREE if ef.cell.startswith("DF02") else ef.read)


class PlainUpdate(Card):
    def refuse_plain_update(self, apdu: Apdu) -> bytes:
        ef = self.file_of(apdu.p2 >> 3)
        self.store(ef.record_cell(apdu.p1), apdu.data)
        return b""


class BinaryEndless(Card):
    def read_binary(self, apdu: Apdu) -> bytes:
        try:
            return super().read_binary(apdu)
        except StatusError as error:
            if error.sw != 0x6B00:
                raise
            return bytes(apdu.p3 or 256)


def cell(name: str, zh: str, en: str, file: str, record: str, variants: tuple[str, ...] = ()) -> object:
    return record_mutant(name, zh, en, "spec/cards.md 1.4", file, record, variants)


_OLD, _NEW = ("1.0", "2.0"), ("3.0",)

_ANSWERS = (
    card_mutant("atr-with-tck", "T=0 的 ATR 多带 TCK", "ATR of T=0 with a TCK", "1.1", card=AtrWithTck),
    card_mutant("atr-historical-count", "历史字节只有 12 个", "12 historical bytes", "1.1", card=AtrHistoricalCount),
    card_mutant("atr-area", "ATR 中的地区代码与 EF05 不符", "area in the ATR is not that of EF05", "1.1", card=AtrArea),
    card_mutant("atr-warm", "热复位的 ATR 不同", "another ATR on warm reset", "ISO/IEC 7816-3", card=AtrWarm),
    card_mutant("warm-reset-dead", "热复位后不能选择 SSSE", "no SSSE after warm reset", "1.2", card=WarmResetDead),
    card_mutant("fci-no-algorithm", "FCI 无算法标识", "FCI without algorithm", "1.2", _NEW, card=FciNoAlgorithm),
    card_mutant(
        "fci-wrong-algorithm", "FCI 算法标识未定义", "undefined algorithm", "1.2", _NEW, card=FciWrongAlgorithm
    ),
    card_mutant("fci-flat", "FCI 缺模板 6F", "FCI without template 6F", "1.2", card=FciFlat),
    card_mutant(
        "fci-no-directory", "FCI 缺目录文件标识", "FCI without SFI of the directory", "1.2", card=FciNoDirectory
    ),
    card_mutant("ssse-name", "FCI 中 SSSE 名称有误", "wrong name of SSSE in its FCI", "1.1", card=SsseName),
    card_mutant("df-name", "应用 FCI 中 AID 有误", "wrong AID in the FCI of the applications", "1.1", card=DfName),
    card_mutant("no-master-file", "不能选择主文件", "MF cannot be selected", "1.2", card=NoMasterFile),
    card_mutant("no-aid", "不能按 AID 选择应用", "applications not found by AID", "1.2", card=NoAid),
    card_mutant("no-ef-by-p1-02", "P1=02 选择 EF 被拒绝", "SELECT of an EF with P1 02 refused", "1.2", card=NoEfByP102),
    card_mutant("unknown-file-9000", "选择不存在的文件返回 9000", "9000 for a missing file", "1.2", card=UnknownFileOk),
    card_mutant("select-any-p1p2", "选择命令不检查 P1 P2", "SELECT ignores P1 P2", "1.2", card=SelectAnyP1),
    card_mutant("ef-kept-on-select", "进入应用后仍保留当前文件", "current EF kept in a DF", "1.2", card=EfKeptOnSelect),
    card_mutant("ef-missing", "DF03 缺 EF07", "DF03 lacks EF07", "1.5", card=EfMissing),
)
_RECORDS = (
    cell("ef05-tag-lost", "记录 05 缺标签", "record 05 without its tag", "SSSE/EF05/5", "0420200101"),
    cell(
        "ef05-record-length", "卡号记录长度有误", "card number of wrong length", "SSSE/EF05/7", "0708" + "41" + "30" * 7
    ),
    cell(
        "ef05-identification",
        "识别码机构标识有误",
        "wrong provider",
        "SSSE/EF05/1",
        "0110441900D15600000600000001FFFFFFFF",
    ),
    cell("ef05-version", "规范版本写为 4.00", "version 4.00", "SSSE/EF05/3", "0304342E3030"),
    cell("ef05-date", "发卡日期为第 13 月", "issued in month 13", "SSSE/EF05/5", "050420201301"),
    cell("ef05-organisation", "机构编号开头有误", "wrong organisation", "SSSE/EF05/4", "040C925600000244190044190001"),
    cell("ef05-class", "卡类别为 7", "card class 7", "SSSE/EF05/2", "020137"),
    record_mutant("df04-length", "医保记录 84 过短", "record 84 too short", "1.5", "DF04/EF05/2", "84024419"),
    holder_mutant("sex-code", "性别代码为 0", "sex code 0", "1.4", 3, lambda record: record[:2] + b"0"),
    holder_mutant(
        "name-length",
        "姓名记录只有实际长度",
        "name with its used length only",
        "1.4",
        2,
        lambda r: b"\x09\x06" + r[2:8],
    ),
    holder_mutant(
        "birth-ascii", "出生日期为 ASCII", "birth date in ASCII", "1.4", 6, lambda record: b"\x0d\x04" + b"1990"
    ),
    holder_mutant(
        "name-blanks",
        "姓名用空格补位",
        "name padded with blanks",
        "1.4",
        2,
        lambda record: record.replace(b"\0", b" "),
        "names are masked before any oracle sees them, and hosts trim NUL and blanks alike (spec/cards.md 1.10)",
    ),
    holder_mutant(
        "id-check-digit",
        "社会保障号码校验位有误",
        "wrong check digit in the citizen number",
        "GB 11643",
        1,
        lambda record: record[:-1] + b"1",
        "citizen numbers are masked before any oracle sees them: only their form can be judged",
    ),
)
_ACCESS = (
    card_mutant("ef06-free-on-3.0", "3.0 卡 EF06 可自由读取", "EF06 of 3.0 is free", "1.4", _NEW, card=Ef06FreeOn30),
    card_mutant(
        "ef06-closed-on-old", "旧卡 EF06 须认证", "EF06 of old cards is closed", "1.4", _OLD, card=Ef06ClosedOnOld
    ),
    card_mutant("biometrics-free", "照片指纹可自由读取", "photo is free", "1.4", ("2.0", "3.0"), card=BiometricsFree),
    card_mutant("log-free", "EF08 明细可自由读取", "transactions are free to read", "1.5", card=LogFree),
    card_mutant(
        "applications-free", "各应用数据可自由读取", "applications are free to read", "1.5", card=ApplicationsFree
    ),
    card_mutant("df02-free", "DF02 可自由读取", "DF02 is free to read", "1.5", card=Df02Free),
    card_mutant("plain-update", "不认证即可写记录", "records are written without any key", "1.6", card=PlainUpdate),
    card_mutant("binary-endless", "超出文件仍给数据", "data beyond the end", "1.8", _NEW, card=BinaryEndless),
)
MUTANTS = (*_ANSWERS, *_RECORDS, *_ACCESS)
