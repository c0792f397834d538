"""PIN pads whose key store is wrong: what they keep, where they keep it, and what they tell of it."""

from __future__ import annotations

from protocols.wire.pin_pad import Op, Reply, Request
from simulators.device.pin_pad_ciphers import TDES
from simulators.device.pin_pad_crypto import KeyLogic
from simulators.device.pin_pad_keys import KeyStore, StoredKey
from simulators.device.pin_pad_logic import PadLogic
from simulators.device.pin_pad_rules import Outcome
from simulators.fault.pin_pad_mutant import pad_mutant

__all__ = ["MUTANTS"]


class CheckValueOfOnes(KeyLogic):
    def loaded(self, key: StoredKey) -> Reply:
        return self.state.done(TDES.encipher(key.value, b"\xff" * 8)[: self.state.settings.kcv_bytes])


class TripleAsDouble(KeyStore):
    def load_master(self, master: int, key: StoredKey) -> None:
        super().load_master(master, StoredKey(key.value[:16], key.sm4))

    def load_work(self, master: int, slot: int, key: StoredKey) -> None:
        super().load_work(master, slot, StoredKey(key.value[:16], key.sm4))


class TripleAsDoubleTold(KeyLogic):
    """Tells the check value of what it kept."""

    def loaded(self, key: StoredKey) -> Reply:
        return super().loaded(StoredKey(key.value[:16], key.sm4))


class WorkKeyEnciphered(KeyLogic):
    def load_work(self, request: Request) -> Outcome:
        under = self.store.find(request.master, None)
        if under is None or not self.store.fits(request.master, request.data):
            return super().load_work(request)
        key = StoredKey(self.load_cipher(under).encipher(under.value, request.data), under.sm4)
        return self.keep_work(request, key)


class WorkKeyInClear(KeyLogic):
    def keep_work(self, request: Request, key: StoredKey) -> Reply:
        return super().keep_work(request, StoredKey(request.data, key.sm4))


class EightGroups(KeyStore):
    def load_master(self, master: int, key: StoredKey) -> None:
        super().load_master(master % 8, key)

    def load_work(self, master: int, slot: int, key: StoredKey) -> None:
        super().load_work(master % 8, slot, key)

    def find(self, master: int, slot: int | None) -> StoredKey | None:
        return super().find(master % 8, slot)


class OneWorkKey(KeyStore):
    def load_work(self, master: int, slot: int, key: StoredKey) -> None:
        super().load_work(master, 0, key)

    def find(self, master: int, slot: int | None) -> StoredKey | None:
        return super().find(master, None if slot is None else 0)


class FirstKeyStays(KeyStore):
    def load_master(self, master: int, key: StoredKey) -> None:
        if master not in self.masters:
            super().load_master(master, key)

    def load_work(self, master: int, slot: int, key: StoredKey) -> None:
        if (master, slot) not in self.works:
            super().load_work(master, slot, key)


class FirstKeyStaysTold(KeyLogic):
    """Tells the check value of the key that stays."""

    def keep_master(self, master: int, key: StoredKey) -> Reply:
        super().keep_master(master, key)
        return self.loaded(self.store.find(master, None) or key)

    def keep_work(self, request: Request, key: StoredKey) -> Reply:
        super().keep_work(request, key)
        return self.loaded(self.store.find(request.master, request.slot or 0) or key)


class CheckValueTellsKey(KeyLogic):
    def kcv(self, request: Request) -> Outcome:
        key = self.store.find(request.master, request.slot)
        return super().kcv(request) if key is None else self.state.done(key.value)


class TableTellsKeys(KeyStore):
    def table(self) -> bytes:
        return b"".join(key.value for key in self.works.values())


class SerialTellsKey(PadLogic):
    def terminal_serial(self, request: Request) -> Outcome:
        key = self.store.find(0, None)
        if key is None or request.data:
            return super().terminal_serial(request)
        return self.state.done(bytes(byte ^ 0xFF for byte in key.value[:8]))


class ServiceCommand(PadLogic):
    """A command of the factory that nobody took out again."""

    CODE = 0xD7

    def begin(self, request: Request, now: float) -> Outcome:
        key = self.store.find(0, 0)
        if request.op is Op.UNKNOWN and request.code == self.CODE and key is not None:
            return self.state.done(b"KEY=" + key.value[:8].hex().encode())
        return super().begin(request, now)


class MissingIsZero(KeyLogic):
    def activate(self, request: Request) -> Outcome:
        if self.store.find(request.master, request.slot) is None:
            self.active, self.active_sm = (request.master, request.slot or 0), False
            return self.state.done()
        return super().activate(request)

    def active_key(self) -> StoredKey | Reply:
        key = super().active_key()
        return StoredKey(bytes(8)) if isinstance(key, Reply) and self.active is not None else key


class ActiveByAccident(KeyLogic):
    """The last key that was loaded is the active one."""

    def keep_work(self, request: Request, key: StoredKey) -> Reply:
        reply = super().keep_work(request, key)
        self.active, self.active_sm = (request.master, request.slot or 0), key.sm4
        return reply


class ResetWipes(PadLogic):
    def reset(self, request: Request) -> Outcome:
        self.store.erase()
        return super().reset(request)


class PowerLosesKeys(PadLogic):
    def power_off(self) -> None:
        super().power_off()
        self.store.erase()


class WipeKeepsWorkKeys(PadLogic):
    def wipe(self, request: Request) -> Outcome:
        kept = dict(self.store.works)
        outcome = super().wipe(request)
        self.store.works.update(kept)
        return outcome


class WipeDoesNothing(PadLogic):
    def wipe(self, request: Request) -> Outcome:
        return self.state.done()


class RemovalUnnoticed(PadLogic):
    def remove(self) -> None:
        self.state.removed = True


class RemovalUntold(PadLogic):
    """The keys are gone, and the self-test says that all is well."""

    def self_test(self) -> Reply:
        return self.state.done() if self.state.tampered else super().self_test()


class LoadsWhileRemoved(KeyLogic):
    def locked(self) -> Reply | None:
        return None


class RemovalNeedsSupply(PadLogic):
    """Without supply the switch is not looked at."""

    def __init__(self, *parts: object, **named: object) -> None:
        super().__init__(*parts, **named)  # type: ignore[arg-type]
        self.supplied = True

    def power_off(self) -> None:
        super().power_off()
        self.supplied = False

    def begin(self, request: Request, now: float) -> Outcome:
        self.supplied = True
        return super().begin(request, now)

    def remove(self) -> None:
        if self.supplied:
            super().remove()


class KeysBackWithPower(PadLogic):
    """What was destroyed in the working memory is read again from another one at the next start."""

    def remove(self) -> None:
        self.kept = dict(self.store.masters), dict(self.store.works)
        super().remove()

    def refit(self) -> None:
        super().refit()
        masters, works = getattr(self, "kept", ({}, {}))
        self.store.masters.update(masters)
        self.store.works.update(works)


_TEN, _ELEVEN = "DG-WXC-10", "DG-WXC-11"

MUTANTS = (
    pad_mutant(
        "check-value-of-ones",
        "校验值用全 1 分组计算",
        "the check value is that of a block of ones",
        "DG-WXC-09",
        keys=CheckValueOfOnes,
    ),
    pad_mutant(
        "triple-as-double",
        "三倍长密钥只用前两部分",
        "a triple-length key is used as a double one",
        "DG-WXC-09",
        store=TripleAsDouble,
        keys=TripleAsDoubleTold,
    ),
    pad_mutant(
        "work-key-enciphered",
        "工作密钥被加密而不是解密",
        "a work key is enciphered, not deciphered",
        "DG-W20-09",
        keys=WorkKeyEnciphered,
    ),
    pad_mutant(
        "work-key-in-clear", "工作密钥未解密即存入", "a work key is kept as it came", "DG-W20-09", keys=WorkKeyInClear
    ),
    pad_mutant("eight-groups", "只有 8 组密钥", "there are eight groups, not sixteen", _TEN, store=EightGroups),
    pad_mutant("one-work-key", "四个工作密钥是同一个", "the four work keys are one", _TEN, store=OneWorkKey),
    pad_mutant(
        "first-key-stays",
        "密钥不能被覆盖",
        "a key cannot be overwritten",
        _TEN,
        store=FirstKeyStays,
        keys=FirstKeyStaysTold,
    ),
    pad_mutant(
        "check-value-tells-key",
        "读校验值得到密钥",
        "asking for a check value gives the key",
        _TEN,
        keys=CheckValueTellsKey,
    ),
    pad_mutant("table-tells-keys", "密钥表里有密钥", "the key table holds the keys", _TEN, store=TableTellsKeys),
    pad_mutant(
        "serial-tells-key", "序列号是密钥的反码", "the serial number is a complemented key", _TEN, logic=SerialTellsKey
    ),
    pad_mutant(
        "service-command", "出厂命令可读出密钥", "a command of the factory reads a key", _TEN, logic=ServiceCommand
    ),
    pad_mutant(
        "missing-is-zero", "没有的密钥当作全零密钥", "a key that is missing is a key of zeros", _TEN, keys=MissingIsZero
    ),
    pad_mutant(
        "active-by-accident",
        "下载即激活",
        "a key that is loaded is active at once",
        _TEN,
        keys=ActiveByAccident,
    ),
    pad_mutant("reset-wipes", "普通复位清除密钥", "a plain reset wipes the keys", "DG-WXC-07", logic=ResetWipes),
    pad_mutant("power-loses-keys", "断电丢失密钥", "a power cut loses the keys", _TEN, logic=PowerLosesKeys),
    pad_mutant(
        "wipe-keeps-work-keys", "清除后工作密钥仍在", "a wipe leaves the work keys", _ELEVEN, logic=WipeKeepsWorkKeys
    ),
    pad_mutant("wipe-does-nothing", "清除命令什么也不做", "a wipe does nothing", _ELEVEN, logic=WipeDoesNothing),
    pad_mutant("removal-unnoticed", "拆离未被察觉", "the removal is not noticed", _ELEVEN, logic=RemovalUnnoticed),
    pad_mutant(
        "removal-untold", "拆离后自检报正常", "after a removal all is said to be well", _ELEVEN, logic=RemovalUntold
    ),
    pad_mutant(
        "loads-while-removed",
        "拆离后仍可下载密钥",
        "keys are accepted although the pad was taken out",
        _ELEVEN,
        keys=LoadsWhileRemoved,
    ),
    pad_mutant(
        "removal-needs-supply",
        "断电时拆离不销毁密钥",
        "a removal without supply destroys nothing",
        _ELEVEN,
        logic=RemovalNeedsSupply,
    ),
    pad_mutant(
        "keys-back-with-power",
        "装回后密钥恢复",
        "destroyed keys come back once the pad is put back",
        _ELEVEN,
        logic=KeysBackWithPower,
    ),
)
