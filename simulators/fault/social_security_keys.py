"""Social security cards whose challenges, keys or secure messaging are wrong."""

from __future__ import annotations

from simulators.card.chip import Apdu, StatusError
from simulators.card.crypto import Sm4Suite
from simulators.card.files import FREE, PIN_RIGHT, ElementaryFile, Rule
from simulators.card.security import Security
from simulators.card.social_security import SocialSecurityCard
from simulators.fault.social_security_mutant import card_mutant

__all__ = ["MUTANTS"]

Card = SocialSecurityCard


class ChallengeConstant(Security):
    def new_challenge(self, length: int) -> bytes:
        self.challenge = bytes(range(length))
        return self.challenge


class ChallengeResets(Card):
    """The random numbers begin anew with each reset."""

    def forget(self) -> None:
        super().forget()
        self._drawn = 0


class ChallengeAnyLength(Card):
    def get_challenge(self, apdu: Apdu) -> bytes:
        return self.security.new_challenge(apdu.p3 or 8)


class ChallengeReusable(Security):
    def take_challenge(self) -> bytes:
        challenge = super().take_challenge()
        self.challenge = challenge
        return challenge


class ChallengeKept(Security):
    def entered(self, df: str) -> None:
        kept = self.challenge
        super().entered(df)
        self.challenge = kept


class ChallengeNotNeeded(Security):
    def take_challenge(self) -> bytes:
        self.challenge = self.challenge or bytes(8)
        return super().take_challenge()


class ChallengeCounter(Security):
    """The challenge counts up."""

    count = 0

    def new_challenge(self, length: int) -> bytes:
        self.count += 1
        self.challenge = self.count.to_bytes(length, "big")
        return self.challenge


class ChallengeAfterFailure(Security):
    """A failed authentication leaves its challenge standing."""

    def external(self, key_id: int, proof: bytes, data: bytes) -> None:
        challenge = self.challenge
        try:
            super().external(key_id, proof, data)
        except StatusError:
            self.challenge = challenge
            raise


class ProofFirstByte(Security):
    def proof_is_right(self, key: bytes, challenge: bytes, proof: bytes, data: bytes) -> bool:
        return proof[:1] == self.suite.authenticate(self.suite.session_key(key, challenge), data)[:1]


class ProofHalf(Security):
    def proof_is_right(self, key: bytes, challenge: bytes, proof: bytes, data: bytes) -> bool:
        return proof[:4] == self.suite.authenticate(self.suite.session_key(key, challenge), data)[:4]


class AnyKeyAllRights(Security):
    """One proved key gives the rights of all keys of SSSE."""

    def external(self, key_id: int, proof: bytes, data: bytes) -> None:
        super().external(key_id, proof, data)
        self.rights |= {f"SSSE.{each:02X}" for each in self.ring.keys["SSSE"]}


class RightsForAll(Security):
    """Any right opens everything."""

    def demand(self, rule: Rule) -> None:
        if not self.rights:
            super().demand(rule)


class InternalConstant(Security):
    def internal(self, key_id: int, factor: bytes, data: bytes) -> bytes:
        return super().internal(key_id, bytes(8), bytes(8))


class InternalIgnoresFactor(Security):
    def internal(self, key_id: int, factor: bytes, data: bytes) -> bytes:
        return self.suite.authenticate(self.suite.session_key(self.key(key_id), data), data)


class LeftHalf(Sm4Suite):
    def fold_authentication(self, block: bytes) -> bytes:
        return block[:8]


class LeftWord(Sm4Suite):
    def fold_mac(self, block: bytes) -> bytes:
        return block[:4]


class ExternalAccepts(Security):
    def proof_is_right(self, key: bytes, challenge: bytes, proof: bytes, data: bytes) -> bool:
        return True


class ExternalRefuses(Security):
    def proof_is_right(self, key: bytes, challenge: bytes, proof: bytes, data: bytes) -> bool:
        return False


class KeyCounterStands(Security):
    def after_failure(self, left: int) -> int:
        return left


class KeyCounterNotReset(Security):
    """The counter of a key is never filled again."""

    def external(self, key_id: int, proof: bytes, data: bytes) -> None:
        cell = f"tries/{self.right_of(key_id)}"
        left = self.key_tries(cell)
        super().external(key_id, proof, data)
        self.memory.write_number(cell, left)


class KeyNeverLocks(Security):
    def after_failure(self, left: int) -> int:
        return max(1, left - 1)


class MissingKeyFound(Security):
    def key(self, key_id: int) -> bytes:
        try:
            return super().key(key_id)
        except StatusError:
            return self.ring.tac


class RightsOverReset(Security):
    """What was proved before a reset is still proved after it."""

    def drop(self) -> None:
        self.challenge = b""

    def entered(self, df: str) -> None:
        kept = self.rights - {PIN_RIGHT} if self.df == "MF" else set[str]()
        super().entered(df)
        self.rights |= kept


class RightsOverWarmReset(Card):
    def reset(self) -> bytes:
        kept = set(self.security.rights)
        atr = super().reset()
        self.security.rights |= kept
        return atr


class RightsLeakIntoDf(Security):
    def entered(self, df: str) -> None:
        proved = any(right.startswith("SSSE.") for right in self.rights)
        super().entered(df)
        if proved and df.startswith("DF"):
            self.rights.add(PIN_RIGHT)


class MacIgnored(Security):
    def mac_is_right(self, session: bytes, message: bytes, mac: bytes) -> bool:
        return True


class MacFirstByte(Security):
    def mac_is_right(self, session: bytes, message: bytes, mac: bytes) -> bool:
        return mac[:1] == self.suite.mac(session, message)[:1]


class UpdateAnyRight(Card):
    """Any right is enough to write."""

    def demand_update(self, ef: ElementaryFile) -> None:
        if not self.security.rights:
            super().demand_update(ef)


class UpdateFreeOutsideEf05(Card):
    """Only EF05 of SSSE asks for the update key."""

    def demand_update(self, ef: ElementaryFile) -> None:
        if ef.cell == "SSSE/EF05":
            super().demand_update(ef)


class ApplicationsPlainUpdate(Card):
    """The applications accept UPDATE without a MAC."""

    def refuse_plain_update(self, apdu: Apdu) -> bytes:
        return super().refuse_plain_update(apdu) if self.df.label == "SSSE" else b""


class ReloadKeepsTries(Card):
    def reload(self, data: bytes, session: bytes) -> None:
        before = self.security.pin_tries()
        super().reload(data, session)
        self.memory.write_number("pin/tries", before)


class UpdateMacIgnored(Card):
    def secured(self, apdu: Apdu, sfi: int, *, transparent: bool) -> tuple[ElementaryFile, bytes]:
        ef = self.file_of(sfi)
        self.demand_update(ef)
        self.security.take_challenge()
        return ef, apdu.data[:-4]


class UpdateWithoutMac(Card):
    def refuse_plain_update(self, apdu: Apdu) -> bytes:
        ef = self.file_of(apdu.p2 >> 3)
        self.demand_update(ef)
        self.store(ef.record_cell(apdu.p1), apdu.data)
        return b""


class UpdateWithoutRight(Card):
    def demand_update(self, ef: ElementaryFile) -> None:
        self.security.demand(FREE)


class UpdateVolatile(Card):
    """What is written is gone after reset."""

    def store(self, cell: str, value: bytes) -> None:
        self.undo.setdefault(cell, self.memory.read(cell))
        super().store(cell, value)

    def forget(self) -> None:
        super().forget()
        self.memory.personalise(self.undo)
        self.undo.clear()

    @property
    def undo(self) -> dict[str, bytes]:
        return self.__dict__.setdefault("written", {})


class UpdateLost(Card):
    def store(self, cell: str, value: bytes) -> None:
        return


class UpdateRefused(Card):
    def demand_update(self, ef: ElementaryFile) -> None:
        raise StatusError(0x6982)


class UnblockWithoutPuk(Security):
    def demand(self, rule: Rule) -> None:
        if rule != (frozenset({"SSSE.06"}),):
            super().demand(rule)


class UnblockNothing(Security):
    def restore_tries(self) -> None:
        return


class ReloadNothing(Card):
    def reload(self, data: bytes, session: bytes) -> None:
        return


class ReloadAnyMac(Card):
    def unblock_or_reload(self, apdu: Apdu) -> bytes:
        if apdu.p2 == 0:
            return super().unblock_or_reload(apdu)
        self.reload(apdu.data[:-4], self.security.session(0x02))
        return b""


class UnblockAnyMac(Card):
    def unblock_or_reload(self, apdu: Apdu) -> bytes:
        if apdu.p2 != 0:
            return super().unblock_or_reload(apdu)
        self.security.demand((frozenset({"SSSE.06"}),))
        self.unblock(b"")
        return b""


_NEW, _FROM_2 = ("3.0",), ("2.0", "3.0")
_LAST_TRY = "the last try is never taken (damage budget), so a lock is never reached"

_CHALLENGES = (
    card_mutant("challenge-constant", "随机数恒定", "a constant challenge", "1.6", security=ChallengeConstant),
    card_mutant("challenge-resets", "复位后随机数重来", "challenges repeat after reset", "1.6", card=ChallengeResets),
    card_mutant("challenge-any-length", "随机数长度不检查", "challenges of any length", "1.6", card=ChallengeAnyLength),
    card_mutant(
        "challenge-reusable", "随机数可重复使用", "a challenge serves twice", "1.6", security=ChallengeReusable
    ),
    card_mutant("challenge-kept", "换应用后随机数仍有效", "a challenge outlives SELECT", "1.6", security=ChallengeKept),
    card_mutant(
        "challenge-after-failure",
        "认证失败不用掉随机数",
        "a failure keeps the challenge",
        "1.6",
        security=ChallengeAfterFailure,
    ),
    card_mutant("challenge-counter", "随机数逐一递增", "challenges count up", "1.6", security=ChallengeCounter),
    card_mutant(
        "challenge-not-needed", "不取随机数也可认证", "no challenge needed", "1.6", security=ChallengeNotNeeded
    ),
)
_KEYS = (
    card_mutant("internal-constant", "内部认证应答恒定", "constant internal answer", "1.6", security=InternalConstant),
    card_mutant(
        "internal-wrong", "内部认证过程因子有误", "wrong session factor", "1.6", security=InternalIgnoresFactor
    ),
    card_mutant("sm4-left-half", "SM4 认证取左半", "left half with SM4", "cards.md, Unknown 7", _NEW, suite=LeftHalf),
    card_mutant("sm4-left-word", "SM4 MAC 取左四字节", "left word as MAC", "cards.md, Unknown 7", _NEW, suite=LeftWord),
    card_mutant("external-accepts", "外部认证一概通过", "any cryptogram accepted", "1.6", security=ExternalAccepts),
    card_mutant("external-refuses", "外部认证一概拒绝", "no cryptogram accepted", "1.6", security=ExternalRefuses),
    card_mutant("proof-first-byte", "只比较密文首字节", "one byte of a proof compared", "1.6", security=ProofFirstByte),
    card_mutant("proof-half", "只比较密文前半", "half of a proof compared", "1.6", security=ProofHalf),
    card_mutant("any-key-all-rights", "任一密钥给出全部权限", "one key gives all", "1.6", security=AnyKeyAllRights),
    card_mutant("rights-for-all", "任一权限打开全部文件", "any right opens all", "1.6", security=RightsForAll),
    card_mutant("key-counter-stands", "密钥错误不计数", "wrong proofs not counted", "1.6", security=KeyCounterStands),
    card_mutant(
        "key-counter-kept", "认证成功不恢复计数", "key counter not refilled", "1.6", security=KeyCounterNotReset
    ),
    card_mutant("key-never-locks", "密钥从不锁定", "a key never locks", "1.6", (), _LAST_TRY, security=KeyNeverLocks),
    card_mutant("missing-key-found", "不存在的密钥也可用", "a missing key is found", "1.6", security=MissingKeyFound),
    card_mutant("rights-over-reset", "复位后权限仍在", "rights survive reset", "1.6", _NEW, security=RightsOverReset),
    card_mutant(
        "rights-over-warm-reset",
        "热复位后权限仍在",
        "rights survive warm reset",
        "1.6",
        _FROM_2,
        card=RightsOverWarmReset,
    ),
    card_mutant(
        "rights-leak", "SSSE 权限可用于应用", "SSSE's right opens a DF", "1.6", _NEW, security=RightsLeakIntoDf
    ),
)
_MESSAGING = (
    card_mutant("mac-ignored", "不检查 MAC", "MACs are not checked", "1.6", security=MacIgnored),
    card_mutant("mac-first-byte", "只比较 MAC 首字节", "one byte of a MAC compared", "1.6", security=MacFirstByte),
    card_mutant("update-with-any-right", "任一权限即可写", "any right writes", "1.6", card=UpdateAnyRight),
    card_mutant(
        "update-free-outside-ef05", "仅 EF05 检查写权限", "only EF05 asks for a key", "1.6", card=UpdateFreeOutsideEf05
    ),
    card_mutant(
        "applications-plain-update",
        "应用接受不带 MAC 的写记录",
        "plain updates in the applications",
        "1.6",
        card=ApplicationsPlainUpdate,
    ),
    card_mutant("reload-keeps-tries", "重装不恢复次数", "a reload keeps the tries", "1.6", card=ReloadKeepsTries),
    card_mutant("update-mac-ignored", "写记录不检查 MAC", "updates without checking MAC", "1.6", card=UpdateMacIgnored),
    card_mutant("update-without-mac", "接受不带 MAC 的写记录", "plain updates accepted", "1.6", card=UpdateWithoutMac),
    card_mutant("update-without-right", "写记录不要求权限", "updates without the key", "1.6", card=UpdateWithoutRight),
    card_mutant("update-volatile", "写入内容复位后丢失", "updates vanish at reset", "1.6", card=UpdateVolatile),
    card_mutant("update-lost", "写记录成功却未写入", "updates change nothing", "1.6", card=UpdateLost),
    card_mutant("update-refused", "拒绝正确的写记录", "right updates refused", "1.6", card=UpdateRefused),
    card_mutant("unblock-without-puk", "解锁不要求 PUK", "unblock without PUK", "1.6", security=UnblockWithoutPuk),
    card_mutant("unblock-any-mac", "解锁不检查 MAC", "unblock with any MAC", "1.6", card=UnblockAnyMac),
    card_mutant("unblock-nothing", "解锁不恢复次数", "unblock restores nothing", "1.6", security=UnblockNothing),
    card_mutant("reload-any-mac", "重装不检查 MAC", "reload with any MAC", "1.6", card=ReloadAnyMac),
    card_mutant("reload-nothing", "重装不改变密码", "reload changes nothing", "1.6", card=ReloadNothing),
)
MUTANTS = (*_CHALLENGES, *_KEYS, *_MESSAGING)
