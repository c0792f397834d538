"""Social security cards that shape their answers wrongly: lengths, GET RESPONSE, unknown commands, absent records."""

from __future__ import annotations

from simulators.card.chip import Apdu, Direction, StatusError
from simulators.card.files import ElementaryFile
from simulators.card.social_security import SocialSecurityCard
from simulators.fault.social_security_mutant import card_mutant

__all__ = ["MUTANTS"]

Card = SocialSecurityCard


class LengthOfValue(Card):
    """6Cxx tells the length without tag and length."""

    def deliver(self, data: bytes, apdu: Apdu) -> bytes:
        try:
            return super().deliver(data, apdu)
        except StatusError as error:
            raise StatusError(error.sw - 2 if apdu.ins == 0xB2 else error.sw) from error


class LeIgnored(Card):
    def deliver(self, data: bytes, apdu: Apdu) -> bytes:
        return data[: apdu.p3 or 256] + b"\x90\x00"


class ResponseRepeats(Card):
    def get_response(self, apdu: Apdu) -> bytes:
        kept = self.waiting
        answer = super().get_response(apdu)
        self.waiting = kept
        return answer


class ResponseStale(Card):
    def execute(self, apdu: Apdu) -> bytes:
        kept = self.stale
        answer = super().execute(apdu)
        self.stale = self.waiting or kept
        self.waiting = self.stale
        return answer

    stale = b""


class ResponseMissing(Card):
    def announce(self, data: bytes) -> bytes:
        return b"\x90\x00"


class ResponseShort(Card):
    def get_response(self, apdu: Apdu) -> bytes:
        answer = super().get_response(apdu)
        return answer[:-3] + b"\x90\x00"


class UnknownInsOk(Card):
    def find_command(self, apdu: Apdu) -> tuple[Direction, str]:
        try:
            return super().find_command(apdu)
        except StatusError as error:
            if error.sw != 0x6D00:
                raise
            return "in", "accept"

    def accept(self, apdu: Apdu) -> bytes:
        return b""


class AnyClass(Card):
    def find_command(self, apdu: Apdu) -> tuple[Direction, str]:
        same = [way for (_, ins), way in self.COMMANDS.items() if ins == apdu.ins]
        return super().find_command(apdu) if (apdu.cla, apdu.ins) in self.COMMANDS or not same else same[0]


class AnyParameters(Card):
    def execute(self, apdu: Apdu) -> bytes:
        if apdu.ins in (0x84, 0x88):
            apdu = Apdu(apdu.cla, apdu.ins, 0, 0, apdu.p3, apdu.data)
        return super().execute(apdu)


class AnyLength(Card):
    @staticmethod
    def check_authentication(apdu: Apdu) -> None:
        if apdu.p1:
            raise StatusError(0x6A86)


class HalfStatusWord(Card):
    def transmit(self, apdu: bytes) -> bytes:
        answer = super().transmit(apdu)
        return answer[:1] if answer == b"\x6d\x00" else answer


class NumberFromZero(Card):
    def find_record(self, records: list[bytes], p1: int, mode: int) -> int:
        return super().find_record(records, p1 + 1 if mode == 4 else p1, mode)


class AllReversed(Card):
    def join_records(self, records: list[bytes], apdu: Apdu, mode: int) -> bytes:
        return super().join_records(records[::-1], apdu, mode)


class MissingRecordEmpty(Card):
    """An absent record is answered with the last one there is."""

    def find_record(self, records: list[bytes], p1: int, mode: int) -> int:
        try:
            return super().find_record(records, p1, mode)
        except StatusError:
            return len(records)


class MissingSfiCurrent(Card):
    def file_of(self, sfi: int) -> ElementaryFile:
        return super().file_of(sfi if self.df.by_sfi(sfi) else 5)


class UnselectedReads(Card):
    def file_of(self, sfi: int) -> ElementaryFile:
        return super().file_of(sfi or (0 if self.ef else 5))


MUTANTS = (
    card_mutant("6c-value-length", "6Cxx 不含标签和长度", "6Cxx tells the value length", "1.10", card=LengthOfValue),
    card_mutant("le-ignored", "Le 不符时截短给出", "data cut to Le", "1.3", card=LeIgnored),
    card_mutant("response-repeats", "GET RESPONSE 可重复取", "GET RESPONSE repeats", "1.2", card=ResponseRepeats),
    card_mutant("response-stale", "旧答复保留到其后", "an old answer stays waiting", "1.2", card=ResponseStale),
    card_mutant("61xx-missing", "有数据却只返回 9000", "9000 instead of 61xx", "1.2", card=ResponseMissing),
    card_mutant("response-short", "GET RESPONSE 少一字节", "GET RESPONSE one byte short", "1.2", card=ResponseShort),
    card_mutant("unknown-ins-9000", "未定义指令返回 9000", "9000 for unknown INS", "1.8", card=UnknownInsOk),
    card_mutant("any-class", "不检查 CLA", "CLA is not checked", "1.8", card=AnyClass),
    card_mutant("any-parameters", "不检查 P1 P2", "P1 P2 are not checked", "1.8", card=AnyParameters),
    card_mutant("any-length", "认证命令不检查长度", "lengths of authentication unchecked", "1.8", card=AnyLength),
    card_mutant("half-status-word", "状态字只有一字节", "a status word of one byte", "4", card=HalfStatusWord),
    card_mutant("number-from-zero", "记录号从 0 起", "record numbers from zero", "1.3", card=NumberFromZero),
    card_mutant("all-reversed", "全部记录次序颠倒", "all records in reverse", "1.3", card=AllReversed),
    card_mutant(
        "missing-record-last", "不存在的记录给出末条", "last record for a missing one", "1.3", card=MissingRecordEmpty
    ),
    card_mutant("missing-sfi-ef05", "不存在的 SFI 读出 EF05", "EF05 for a missing SFI", "1.8", card=MissingSfiCurrent),
    card_mutant("unselected-reads", "未选文件即可读", "reads with no file selected", "1.8", card=UnselectedReads),
)
