"""Social security cards whose PIN is not what it should be."""

from __future__ import annotations

from simulators.card.files import FREE, PIN_RIGHT, ElementaryFile
from simulators.card.security import PIN_TRIES, Security
from simulators.card.social_security import SocialSecurityCard
from simulators.fault.social_security_mutant import card_mutant

__all__ = ["MUTANTS"]

Card = SocialSecurityCard


class WrongPinOk(Security):
    def verify_pin(self, pin: bytes) -> None:
        self.pin_accepted()


class WrongPinOpens(Security):
    def verify_pin(self, pin: bytes) -> None:
        try:
            super().verify_pin(pin)
        finally:
            self.rights.add(PIN_RIGHT)


class RightPinRefused(Security):
    def verify_pin(self, pin: bytes) -> None:
        super().verify_pin(pin[::-1])


class RightPinRefusedLater(Security):
    """The right PIN passes once."""

    passed = False

    def verify_pin(self, pin: bytes) -> None:
        super().verify_pin(pin[::-1] if self.passed else pin)
        self.passed = True


class PinPrefix(Security):
    """Only the first two bytes are compared."""

    def verify_pin(self, pin: bytes) -> None:
        right = self.memory.read("pin/value")
        super().verify_pin(right if pin[:2] == right[:2] else pin)


class PinTailIgnored(Security):
    """What follows the right PIN is not looked at."""

    def verify_pin(self, pin: bytes) -> None:
        super().verify_pin(pin[: len(self.memory.read("pin/value"))])


class MasterPin(Security):
    """The maker's PIN was left in."""

    def verify_pin(self, pin: bytes) -> None:
        super().verify_pin(self.memory.read("pin/value") if pin == bytes(3) else pin)


class WrongPinKeepsRight(Security):
    def verify_pin(self, pin: bytes) -> None:
        kept = self.rights & {PIN_RIGHT}
        try:
            super().verify_pin(pin)
        finally:
            self.rights |= kept


class PinNeverLocks(Security):
    """The tries stop falling at three."""

    def spend_try(self, left: int) -> None:
        super().spend_try(max(left, 4))


class ChangeKeepsTries(Security):
    """A change leaves the tries as they were."""

    def change_pin(self, data: bytes) -> None:
        before = self.pin_tries()
        super().change_pin(data)
        self.memory.write_number("pin/tries", before)


class PinCounterStands(Security):
    def spend_try(self, left: int) -> None:
        return


class PinCounterNotReset(Security):
    def pin_accepted(self) -> None:
        self.rights.add(PIN_RIGHT)


class PinCounterOnReset(Security):
    def drop(self) -> None:
        super().drop()
        self.memory.personalise({"pin/tries": PIN_TRIES.to_bytes(4, "big")})


class PinCounterVolatile(Security):
    """The query always tells the full number of tries."""

    def query_pin(self) -> int:
        return 0x63C0 | PIN_TRIES


class LockedPinVerifies(Security):
    def verify_pin(self, pin: bytes) -> None:
        if self.pin_tries() == 0 and pin == self.memory.read("pin/value"):
            self.pin_accepted()
        else:
            super().verify_pin(pin)


class ChangeAnyOld(Security):
    def check_old_pin(self, old: bytes) -> None:
        return


class ChangeNothing(Security):
    def set_pin(self, pin: bytes) -> None:
        self.restore_tries()


class ChangeShort(Security):
    def change_pin(self, data: bytes) -> None:
        old, _, new = data.partition(b"\xff")
        self.check_old_pin(old)
        self.set_pin(new)


class PinNotNeeded(Card):
    def demand_read(self, ef: ElementaryFile) -> None:
        self.security.demand(FREE if ef.cell == "DF04/EF05" else ef.read)


class PinOverReset(Security):
    def drop(self) -> None:
        kept = self.rights & {PIN_RIGHT}
        super().drop()
        self.rights |= kept


_FROM_2 = ("2.0", "3.0")
_UNKNOWN_PIN = "nobody can tell a card that refuses its PIN from a wrong declaration: configuration is blamed"
_LAST_TRY = "the last try is never taken (damage budget), so a lock is never reached"

MUTANTS = (
    card_mutant("pin-wrong-9000", "错误密码返回 9000", "9000 for a wrong PIN", "1.6", security=WrongPinOk),
    card_mutant(
        "pin-wrong-opens", "错误密码也打开文件", "a wrong PIN opens files", "1.6", _FROM_2, security=WrongPinOpens
    ),
    card_mutant(
        "pin-right-refused",
        "正确密码被拒绝",
        "the right PIN refused",
        "1.6",
        (),
        _UNKNOWN_PIN,
        security=RightPinRefused,
    ),
    card_mutant(
        "pin-right-refused-later",
        "正确密码只通过一次",
        "the right PIN passes once",
        "1.6",
        security=RightPinRefusedLater,
    ),
    card_mutant("pin-prefix", "只比较密码前两字节", "two bytes of the PIN compared", "1.6", security=PinPrefix),
    card_mutant(
        "pin-tail-ignored", "密码之后的字节不检查", "bytes after the PIN ignored", "1.6", security=PinTailIgnored
    ),
    card_mutant("pin-master", "留有万能密码 000000", "a second PIN 000000", "1.6", security=MasterPin),
    card_mutant(
        "pin-wrong-keeps-right", "输错后权限仍在", "a wrong PIN keeps the right", "1.6", security=WrongPinKeepsRight
    ),
    card_mutant("pin-never-locks", "次数到三即不再减少", "the tries stop at three", "1.6", security=PinNeverLocks),
    card_mutant(
        "pin-change-keeps-tries", "修改密码不恢复次数", "a change keeps the tries", "1.6", security=ChangeKeepsTries
    ),
    card_mutant("pin-counter-stands", "密码错误不计数", "wrong PINs not counted", "1.6", security=PinCounterStands),
    card_mutant("pin-counter-kept", "密码正确不恢复次数", "tries not refilled", "1.6", security=PinCounterNotReset),
    card_mutant("pin-counter-on-reset", "复位即恢复次数", "reset refills the tries", "1.6", security=PinCounterOnReset),
    card_mutant("pin-query-wrong", "查询次数总是满", "the query always tells full", "1.6", security=PinCounterVolatile),
    card_mutant(
        "pin-locked-verifies",
        "锁定后仍可验证",
        "a locked PIN verifies",
        "1.6",
        (),
        _LAST_TRY,
        security=LockedPinVerifies,
    ),
    card_mutant("pin-change-any-old", "旧密码错误也可修改", "change with any old PIN", "1.6", security=ChangeAnyOld),
    card_mutant("pin-change-nothing", "修改密码无效", "change does nothing", "1.6", security=ChangeNothing),
    card_mutant("pin-short", "接受三位密码", "PIN of three digits", "1.6", security=ChangeShort),
    card_mutant("pin-not-needed", "医疗数据不要求密码", "medical data without PIN", "1.5", _FROM_2, card=PinNotNeeded),
    card_mutant(
        "pin-over-reset", "复位后密码仍有效", "a verified PIN survives reset", "1.6", _FROM_2, security=PinOverReset
    ),
)
