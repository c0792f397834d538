"""Social security cards whose offline medical account loses or makes money, or proves it wrongly."""

from __future__ import annotations

from simulators.card.account import MedicalAccount, Started
from simulators.card.chip import Apdu, StatusError
from simulators.card.storage import Memory
from simulators.fault.social_security_mutant import card_mutant

__all__ = ["MUTANTS"]

Account = MedicalAccount


class BalanceMoves(Account):
    """Each reading costs a fen."""

    def read_balance(self, apdu: Apdu) -> bytes:
        answer = super().read_balance(apdu)
        self.memory.write_number("account/balance", max(0, self.balance() - 1))
        return answer


class BalanceInYuan(Account):
    def read_balance(self, apdu: Apdu) -> bytes:
        return (self.balance() // 100).to_bytes(4, "big") if apdu.p2 == 1 else super().read_balance(apdu)


class DebitFree(Account):
    def take_money(self, started: Started, time: bytes) -> None:
        return


class DebitTwice(Account):
    def take_money(self, started: Started, time: bytes) -> None:
        super().take_money(started, time)
        super().take_money(started, time)


class Overdraw(Account):
    def check_funds(self, amount: int) -> None:
        return


class WriteThrough(Memory):
    """No journal: each write is permanent at once."""

    def write(self, cell: str, value: bytes) -> None:
        super().write(cell, value)
        super().personalise({cell: value})


class LogOutsideJournal(Account):
    """The log is permanent before the money moved."""

    def take_money(self, started: Started, time: bytes) -> None:
        amounts = b"".join(each.to_bytes(4, "big") for each in started.amounts)
        sequence = started.sequence.to_bytes(2, "big")
        super().write_log(sequence + started.kind + started.terminal + time + amounts)
        self.memory.commit()
        super().take_money(started, time)

    def write_log(self, record: bytes) -> None:
        if record[2:3] == b"1":
            super().write_log(record)


class LogMissing(Account):
    def write_log(self, record: bytes) -> None:
        return


class LogWrong(Account):
    """The amounts of the log are in the wrong order."""

    def write_log(self, record: bytes) -> None:
        super().write_log(record[:16] + record[20:] + record[16:20])


class SequenceStands(Account):
    def write_sequence(self, kind: str, value: int) -> None:
        return


class TacConstant(Account):
    def certificate(self, message: bytes) -> bytes:
        return bytes.fromhex("12345678")


class Mac1Ignored(Account):
    def check_mac(self, given: bytes, right: bytes) -> None:
        return

    def check_load_mac(self, given: bytes, right: bytes) -> None:
        if given != right:
            raise StatusError(0x9302)


class Mac1FirstByte(Account):
    def check_mac(self, given: bytes, right: bytes) -> None:
        super().check_mac(given[:1], right[:1])

    def check_load_mac(self, given: bytes, right: bytes) -> None:
        super().check_mac(given, right)


class Mac2FirstByte(Account):
    def check_load_mac(self, given: bytes, right: bytes) -> None:
        super().check_load_mac(given[:1], right[:1])


class LeavesOneFen(Account):
    """The last fen cannot be spent."""

    def check_funds(self, amount: int) -> None:
        super().check_funds(amount + 1)


class Mac2Ignored(Account):
    def check_load_mac(self, given: bytes, right: bytes) -> None:
        return


class InitStays(Account):
    """An initialised transaction stays usable until it is completed."""

    def next_command(self) -> None:
        if self.started is not None:
            self.usable, self.started = self.started, None

    def finish(self, started: Started, time: bytes, answer: bytes) -> None:
        super().finish(started, time, answer)
        self.drop()


class Replay(Account):
    """The same DEBIT pays as often as it is sent."""

    def next_command(self) -> None:
        if self.started is not None or self.usable is None or not self.paid:
            super().next_command()

    def finish(self, started: Started, time: bytes, answer: bytes) -> None:
        super().finish(started, time, answer)
        self.paid = True

    def init(self, apdu: Apdu) -> bytes:
        self.paid = False
        return super().init(apdu)

    paid = False


class AnyKeyIndex(Account):
    def init(self, apdu: Apdu) -> bytes:
        return super().init(Apdu(apdu.cla, apdu.ins, apdu.p1, apdu.p2, apdu.p3, b"\x01" + apdu.data[1:]))


class LoadNothing(Account):
    def credit(self, apdu: Apdu) -> bytes:
        before = self.balance()
        answer = super().credit(apdu)
        self.memory.write_number("account/balance", before)
        return answer


class ProofMissing(Account):
    def proof(self, apdu: Apdu) -> bytes:
        raise StatusError(0x9406)


class ProofAny(Account):
    """The proof of the last transaction for any sequence number."""

    def proof(self, apdu: Apdu) -> bytes:
        stored = self.memory.read(f"account/proof/{apdu.p2}")
        return super().proof(Apdu(apdu.cla, apdu.ins, apdu.p1, apdu.p2, apdu.p3, stored[:2]))


MUTANTS = (
    card_mutant("balance-moves", "读余额即扣一分", "reading the balance costs a fen", "1.7", account=BalanceMoves),
    card_mutant("balance-in-yuan", "余额以元为单位", "balance in yuan", "1.7", account=BalanceInYuan),
    card_mutant("debit-free", "消费不扣款", "a purchase takes nothing", "1.7", account=DebitFree),
    card_mutant("debit-twice", "消费扣两次", "a purchase takes twice", "1.7", account=DebitTwice),
    card_mutant("overdraw", "允许透支", "the account may go below zero", "1.7", account=Overdraw),
    card_mutant("torn-write-through", "断电后只写一部分", "no journal: torn writes stay", "1.7", memory=WriteThrough),
    card_mutant(
        "torn-log-first", "明细先于扣款写入", "the log is kept before the money", "1.7", account=LogOutsideJournal
    ),
    card_mutant("log-missing", "不写消费明细", "no log record", "1.7", account=LogMissing),
    card_mutant("log-wrong", "明细金额次序有误", "log amounts in wrong order", "1.5", account=LogWrong),
    card_mutant("sequence-stands", "交易序号不增加", "the sequence stands", "1.7", account=SequenceStands),
    card_mutant("tac-constant", "TAC 恒定", "a constant TAC", "1.7", account=TacConstant),
    card_mutant("mac1-ignored", "不检查 MAC1", "MAC1 of a purchase not checked", "1.7", account=Mac1Ignored),
    card_mutant("mac1-first-byte", "只比较 MAC1 首字节", "one byte of MAC1 compared", "1.7", account=Mac1FirstByte),
    card_mutant("mac2-first-byte", "只比较 MAC2 首字节", "one byte of MAC2 compared", "1.7", account=Mac2FirstByte),
    card_mutant("last-fen", "最后一分不能用", "the last fen cannot be spent", "1.7", account=LeavesOneFen),
    card_mutant("mac2-ignored", "圈存不检查 MAC2", "MAC2 of a load not checked", "1.7", account=Mac2Ignored),
    card_mutant("init-stays", "初始化一直有效", "an INIT stays valid", "1.7", account=InitStays),
    card_mutant("replay", "重发消费再次扣款", "a repeated DEBIT pays again", "1.7", account=Replay),
    card_mutant("any-key-index", "不检查密钥索引", "key index not checked", "1.7", account=AnyKeyIndex),
    card_mutant("load-nothing", "圈存不增加余额", "a load adds nothing", "1.7", account=LoadNothing),
    card_mutant("proof-missing", "取不到交易证明", "no transaction proof", "1.7", account=ProofMissing),
    card_mutant("proof-any", "任意序号都给证明", "a proof for any sequence number", "1.7", account=ProofAny),
)
