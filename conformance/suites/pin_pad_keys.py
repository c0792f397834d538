"""PIN pad: the key store (spec/devices.md 1.4): check values, replacement, 16 groups, write only, what outlives what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.judge_pin_pad import check_value, decipher, encipher
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadView
from conformance.suites.pin_pad_words import (
    DOUBLE,
    MISSING,
    SINGLE,
    TPK,
    TRIPLE,
    PadCheck,
    ask,
    keyed,
    load,
    load_work,
    parameter,
    pics,
    use,
)
from protocols.driver.line_port import NoReply
from protocols.wire.base import Label
from protocols.wire.pin_pad import Op, Request

ZEROS = bytes(8)
KCV_BYTES = 4
WORK_KEYS = 4

# What a sweep leaves out: it changes keys or parameters, opens the keys, or answers with what was enciphered on purpose.
CHANGES = frozenset(
    (0x23, 0x24, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x40, 0x41, 0x42, 0x43, 0x45, 0x46, 0x60, 0x62, 0x81, 0x82,
     0x86, 0x8B, 0xA0)
)  # fmt: skip
WRITES_SERIAL = 0x38
SWEEP_DATA = (b"", b"\x00", b"\x00\x40")
SWEEP_LIMIT_S = 0.3


class CheckValues(PadCheck):
    """DG-WXC-09, DG-WXC-07, DG-W20-08, LL-A1-14: a check value that is not a block of zeros under the key would break it."""

    id = "pad.key.check-values"
    title = Label("单、双、三倍长密钥的校验值正确", "check values of single, double and triple keys are right")
    clauses = ("DG-WXC-09", "DG-WXC-07", "DG-W20-08", "LL-A1-14")
    kills = ("pad.check-value-of-ones", "pad.triple-as-double")
    source = "spec/devices.md 3, KCV"

    KEYS: ClassVar[tuple[bytes, ...]] = (SINGLE, DOUBLE, TRIPLE)

    async def drive(self, t: PadTester) -> None:
        for key in self.KEYS[: pics(t.facts, "group_bytes", 24) // 8]:
            await load(t, key, step="load")

    def judge(self, v: PadView) -> None:
        for key, step in zip(self.KEYS, v.each("load"), strict=False):
            bits = len(key) * 8
            v.known_answer(
                step.first, check_value(key)[:KCV_BYTES], f"{bits} 位密钥的校验值", f"check value, {bits} bits"
            )


class UnderMaster(PadCheck):
    """DG-WXC-07, DG-W20-09: a work key that is not what its master key deciphers would break it."""

    id = "pad.key.work-under-master"
    title = Label("工作密钥由主密钥解密", "a work key is what its master key deciphers")
    clauses = ("DG-WXC-07", "DG-W20-09")
    kills = ("pad.work-key-enciphered", "pad.work-key-in-clear")
    needs = ("pad.group_bytes>=16",)
    source = "spec/devices.md 3, TPK under D"

    async def drive(self, t: PadTester) -> None:
        await load(t, DOUBLE)
        await load_work(t, encipher(DOUBLE, TPK))
        await use(t)
        await ask(t, "zeros", Request(Op.ENCRYPT, data=ZEROS))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("load-work").first, check_value(TPK)[:KCV_BYTES], "工作密钥的校验值", "its check value")
        v.known_answer(v.step("zeros").first, check_value(TPK), "用工作密钥加密", "enciphered with the work key")


class Replace(PadCheck):
    """DG-WXC-10: a key that cannot be overwritten, or whose overwriting changes another one, would break it."""

    id = "pad.key.replace"
    title = Label("密钥可被覆盖，且只影响自己", "a key can be overwritten, and no other changes")
    clauses = ("DG-WXC-10",)
    kills = ("pad.first-key-stays", "pad.one-work-key")
    source = "spec/devices.md 1.4, 12"

    OTHER = encipher(DOUBLE, b"overwrit")

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE)
        for slot, key in ((0, SINGLE), (1, self.OTHER)):
            await load_work(t, encipher(SINGLE, key), slot=slot, step="first")
        await load_work(t, encipher(SINGLE, self.OTHER[::-1]), slot=0, step="again")
        for slot in (0, 1):
            await use(t, slot=slot)
            await ask(t, "zeros", Request(Op.ENCRYPT, data=ZEROS))

    def judge(self, v: PadView) -> None:
        keyed(v)
        new = self.OTHER[::-1]
        v.known_answer(v.step("again").first, check_value(new)[:KCV_BYTES], "覆盖后的校验值", "its new check value")
        for key, step in zip((new, self.OTHER), v.each("zeros"), strict=False):
            v.known_answer(step.first, check_value(key), "加密结果属于该密钥", "enciphered with the key of that place")


def group_key(number: int, length: int) -> bytes:
    """A key of its own for each place: 8 or 16 bytes."""
    return encipher(DOUBLE, bytes((0,) * 7 + (number,)) + bytes((1,) * 7 + (number,)))[:length]


class Groups(PadCheck):
    """DG-WXC-10: a group of the store that cannot be used, or that is another group in disguise, would break it."""

    id = "pad.key.groups"
    title = Label("所声明的密钥组全部可用，互不相同", "every declared key group is usable and its own")
    clauses = ("DG-WXC-10",)
    kills = ("pad.eight-groups", "pad.one-work-key")
    source = "spec/devices.md 1.4 (AS-01)"

    async def drive(self, t: PadTester) -> None:
        groups, length = pics(t.facts, "groups", 16), min(pics(t.facts, "group_bytes", 24), 16)
        for master in range(groups):
            await load(t, group_key(master, length), master)
        for master in range(groups):
            for slot in range(WORK_KEYS):
                await load_work(t, group_key(64 + WORK_KEYS * master + slot, length), master, slot)
        for master in range(groups):
            for slot in range(WORK_KEYS):
                with t.step("zeros", master=master, work=slot, length=length):
                    await t.ask(Request(Op.ACTIVATE, master=master, slot=slot))
                    await t.ask(Request(Op.ENCRYPT, data=ZEROS))

    def judge(self, v: PadView) -> None:
        for step in v.each("zeros"):
            master, slot, length = (int(step.note[name]) for name in ("master", "work", "length"))
            work = decipher(group_key(master, length), group_key(64 + WORK_KEYS * master + slot, length))
            place = f"{master}/{slot}"
            v.known_answer(step.only(Op.ENCRYPT), check_value(work), f"{place} 号密钥", f"key {place}")
        wanted = pics(v.facts, "groups", 16) * WORK_KEYS
        found = len(v.each("zeros"))
        v.must(found == wanted, f"用过 {found} 个工作密钥", f"{found} work keys were used", *v.each("zeros")[-1:])


def traces_of(key: bytes) -> tuple[bytes, ...]:
    """The key's parts, forwards, backwards and complemented: what no answer may hold."""
    parts = [key[at : at + 8] for at in range(0, len(key), 8)]
    return tuple(
        form for part in parts for form in (part, part[::-1], bytes(byte ^ 0xFF for byte in part), part.hex().encode())
    )


class WriteOnly(PadCheck):
    """DG-WXC-10: any command whose answer holds a key, or a half of one, would break it."""

    id = "pad.key.write-only"
    title = Label("没有任何命令能读出密钥", "no command reads a key back")
    clauses = ("DG-WXC-10",)
    kills = ("pad.check-value-tells-key", "pad.table-tells-keys", "pad.serial-tells-key", "pad.service-command")
    control = "load-work"
    source = "spec/devices.md 1.4, 12"

    SECRET = bytes.fromhex("1F2E3D4C5B6A7988")

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE)
        await load_work(t, encipher(SINGLE, self.SECRET))
        await use(t)
        with t.step("sweep"):
            for code in range(0x100):
                if code in CHANGES:
                    continue
                for data in SWEEP_DATA[:1] if code == WRITES_SERIAL else SWEEP_DATA:
                    try:
                        await t.ask(Request(Op.UNKNOWN, code=code, data=data), SWEEP_LIMIT_S)
                    except NoReply:
                        continue

    def judge(self, v: PadView) -> None:
        loaded = v.step("load-work").first
        v.known_answer(loaded, check_value(self.SECRET)[:KCV_BYTES], "密钥在内", "the key is inside")
        step = v.step("sweep")
        traces = (*traces_of(SINGLE), *traces_of(self.SECRET))
        told = [each for each in step.exchanges for _, reply in each.answers if any(x in reply.data for x in traces)]
        v.must(
            not told,
            f"{len(step.exchanges)} 条命令的应答中没有密钥",
            f"no answer to {len(step.exchanges)} commands holds a key",
            *(told[:3] or [step]),
        )
        answered = sum(each.answered for each in step.exchanges)
        v.must(answered > 0, f"有应答 {answered} 个", f"{answered} of them were answered", step)


class Missing(PadCheck):
    """DG-WXC-10: using a key that was never loaded, or never activated, would break it."""

    id = "pad.key.missing"
    title = Label("没有的密钥不能使用", "a key that is not there cannot be used")
    clauses = ("DG-WXC-10",)
    kills = ("pad.missing-is-zero", "pad.active-by-accident")
    control = "zeros"
    damage: ClassVar[Mapping[str, int]] = {"wiped_keys": 1}
    source = "spec/devices.md 1.2, status A4 and A5; open-readings.md, activate (43) an empty slot"

    async def drive(self, t: PadTester) -> None:
        await ask(t, "wipe", Request(Op.WIPE))
        await use(t, step="no-master")
        await load(t, SINGLE)
        await use(t, slot=1, step="no-work-key")
        await load_work(t, encipher(SINGLE, SINGLE))
        await ask(t, "not-active", Request(Op.ENCRYPT, data=ZEROS))
        await use(t)
        await ask(t, "zeros", Request(Op.ENCRYPT, data=ZEROS))

    def judge(self, v: PadView) -> None:
        v.succeeded(v.step("load").first, "下载主密钥", "load a master key")
        v.refused(v.step("no-master").first, MISSING, "没有主密钥时激活", "activate without a master key")
        v.refused(v.step("no-work-key").first, MISSING, "激活不存在的工作密钥", "activate a work key that is not there")
        v.refused(v.step("not-active").first, MISSING, "未激活时加密", "encipher without an active key")
        v.known_answer(v.step("zeros").first, check_value(SINGLE), "激活后加密", "enciphered once it is active")


class KeptAfterReset(PadCheck):
    """DG-WXC-07: a plain reset that takes the keys away would break it."""

    id = "pad.key.kept-after-reset"
    title = Label("普通复位保留密钥", "a plain reset keeps the keys")
    kills = ("pad.reset-wipes",)
    source = "spec/devices.md 1.2, command 31"

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE)
        await load_work(t, encipher(SINGLE, SINGLE))
        await ask(t, "reset", Request(Op.RESET))
        await use(t)
        await ask(t, "zeros", Request(Op.ENCRYPT, data=ZEROS))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.succeeded(v.step("reset").first, "复位", "reset")
        v.known_answer(v.step("zeros").first, check_value(SINGLE), "复位后加密", "enciphered after the reset")


class KeptWithoutSupply(PadCheck):
    """DG-WXC-10: keys that are lost when the supply goes would break it."""

    id = "pad.key.kept-without-supply"
    title = Label("断电不丢失密钥", "keys outlive a power cut")
    clauses = ("DG-WXC-10",)
    kills = ("pad.power-loses-keys",)
    hand = ("poweroff", "poweron")
    source = "spec/devices.md 1.4"

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE)
        await load_work(t, encipher(SINGLE, SINGLE))
        with t.step("power"):
            await t.power_cycle()
        await use(t)
        await ask(t, "zeros", Request(Op.ENCRYPT, data=ZEROS))

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("zeros").first, check_value(SINGLE), "断电后加密", "enciphered after the power cut")


class MasterReload(PadCheck):
    """DG-WXC-10: a master key that is loaded again and is not the new one would break it."""

    id = "pad.key.master-reload"
    title = Label("重新下载的主密钥生效", "a master key that is loaded again is the new one")
    clauses = ("DG-WXC-10",)
    kills = ("pad.first-key-stays",)
    source = "open-readings.md, reloading a master key"

    NEW = encipher(DOUBLE, b"a master")

    async def drive(self, t: PadTester) -> None:
        await load(t, SINGLE)
        await load_work(t, encipher(SINGLE, SINGLE))
        await load(t, self.NEW, step="again")
        await use(t, step="old-work-key")
        await load_work(t, encipher(self.NEW, SINGLE), slot=1, step="new-work-key")

    def judge(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("again").first, check_value(self.NEW)[:KCV_BYTES], "新主密钥", "the new master key")
        v.known_answer(
            v.step("new-work-key").first, check_value(SINGLE)[:KCV_BYTES], "其下的工作密钥", "a key under it"
        )
        old = v.step("old-work-key").first
        settled = parameter(v, "master_reload")
        if settled == "kept":
            v.succeeded(old, "原有工作密钥保留", "the old work key is kept")
        elif settled == "dropped":
            v.refused(old, MISSING, "原有工作密钥作废", "the old work key is dropped")
