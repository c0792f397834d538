"""PIN pad: keys that are destroyed on purpose, by wiping or by taking the pad out of the cabinet (spec/devices.md 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.judge_pin_pad import check_value, encipher
from conformance.roles.pin_pad import PadTester
from conformance.roles.pin_pad_view import PadView
from conformance.suites.pin_pad_words import (
    MISSING,
    SINGLE,
    PadCheck,
    ask,
    keyed,
    load,
    load_work,
    parameter,
    pin_entry,
    use,
)
from protocols.wire.base import Label
from protocols.wire.pin_pad import Error, Op, Request

ZEROS = bytes(8)
SWITCH_S = 0.1
"""How long keys may outlive the opening of the switch (AS-04)."""

TAMPERED = (Error.LOCKED, Error.NOT_CLEARED, Error.NOT_VERIFIED)
REFUSED = (*MISSING, *TAMPERED)


class DestroyCheck(PadCheck):
    """Two master keys, each with a work key; one of those is active and known to work."""

    clauses = ("DG-WXC-11",)
    control = "before"
    damage: ClassVar[Mapping[str, int]] = {"wiped_keys": 1}

    async def prepare(self, t: PadTester) -> None:
        for master in (0, 15):
            await load(t, SINGLE, master)
            await load_work(t, encipher(SINGLE, SINGLE), master)
        await use(t)
        await ask(t, "before", Request(Op.ENCRYPT, data=ZEROS))

    async def try_all(self, t: PadTester) -> None:
        """Use every key that was there, and enter a PIN."""
        await ask(t, "gone", Request(Op.ENCRYPT, data=ZEROS))
        for master in (0, 15):
            await use(t, master, step="gone")
        await ask(t, "gone", Request(Op.ENCRYPT, data=ZEROS))
        await pin_entry(t, step="pin")

    def inside(self, v: PadView) -> None:
        keyed(v)
        v.known_answer(v.step("before").first, check_value(SINGLE), "销毁之前可用", "usable before")

    def all_gone(self, v: PadView, allowed: tuple[Error, ...]) -> None:
        for step in v.each("gone"):
            v.refused(step.first, allowed, "销毁之后使用密钥", "use a key afterwards")
        v.refused(v.step("pin").only(Op.START_PIN), (), "销毁之后启动密码输入", "start PIN entry afterwards")


class Wiped(DestroyCheck):
    """DG-WXC-11: a wipe that leaves a key behind would break it."""

    id = "pad.wipe.all-keys"
    title = Label("清除命令销毁全部密钥", "a wipe destroys every key")
    kills = ("pad.wipe-keeps-work-keys", "pad.wipe-does-nothing")
    source = "spec/devices.md 1.2, 31 38; open-readings.md, work key asked for right after a wipe"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await ask(t, "wipe", Request(Op.WIPE))
        await self.try_all(t)

    def judge(self, v: PadView) -> None:
        self.inside(v)
        v.succeeded(v.step("wipe").first, "清除", "wipe")
        settled = {"A4": (Error.MASTER_MISSING,), "A5": MISSING}.get(str(parameter(v, "after_wipe")), MISSING)
        self.all_gone(v, settled)


class Removed(DestroyCheck):
    """DG-WXC-11, LL-A1-14: a key that is still usable after the pad was taken out, or once it is back, would break it."""

    id = "pad.tamper.keys-destroyed"
    title = Label("拆离键盘即销毁全部密钥", "taking the pad out destroys every key")
    clauses = ("DG-WXC-11", "LL-A1-14")
    kills = ("pad.removal-unnoticed",)
    hand = ("remove-keypad", "refit")
    needs = ("pad.removal_switch",)
    source = "spec/devices.md 1.4, 12 (AS-04)"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await t.act("remove-keypad")
        await t.pause(SWITCH_S)
        await self.try_all(t)
        await t.act("refit")
        await self.try_all(t)

    def judge(self, v: PadView) -> None:
        self.inside(v)
        self.all_gone(v, REFUSED)
        v.must(
            len(v.each("gone")) == 8,
            "装回前后各试四次",
            "four tries before it is put back, four after",
            *v.each("gone"),
        )


class RemovalTold(DestroyCheck):
    """DG-WXC-11: a pad that destroys its keys and then says that all is well would break it."""

    id = "pad.tamper.state-told"
    title = Label(
        "拆离后的状态可查，未重新启用前不能下载密钥", "removal is told, and no key is accepted before the re-arm"
    )
    kills = ("pad.removal-untold", "pad.loads-while-removed")
    hand = ("remove-keypad", "refit")
    needs = ("pad.removal_switch",)
    source = "spec/devices.md 1.2, F6 and A0 31 (AS-04); open-readings.md, key load while tampered"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await t.act("remove-keypad")
        await t.pause(SWITCH_S)
        await ask(t, "self-test", Request(Op.RESET))
        await ask(t, "load-removed", Request(Op.LOAD_MASTER, data=SINGLE))
        await t.act("refit")
        await ask(t, "self-test", Request(Op.RESET))
        await ask(t, "load-removed", Request(Op.LOAD_MASTER, data=SINGLE))
        await ask(t, "re-arm", Request(Op.REARM))
        await ask(t, "armed", Request(Op.RESET))
        await ask(t, "load-armed", Request(Op.LOAD_MASTER, data=SINGLE))

    def judge(self, v: PadView) -> None:
        self.inside(v)
        for step in v.each("self-test"):
            v.refused(step.first, (Error.TEST_MASTER_LOST, *TAMPERED), "拆离后自检", "self-test after the removal")
        settled = {"E1": TAMPERED, "A4": (Error.MASTER_MISSING,)}.get(str(parameter(v, "load_while_tampered")), REFUSED)
        for step in v.each("load-removed"):
            v.refused(step.first, settled, "重新启用前下载密钥", "load a key before the re-arm")
        v.succeeded(v.step("re-arm").first, "重新启用", "re-arm")
        v.succeeded(v.step("armed").first, "重新启用后自检", "self-test after the re-arm")
        v.succeeded(v.step("load-armed").first, "重新启用后下载密钥", "load a key after the re-arm")


class RemovedWithoutSupply(DestroyCheck):
    """DG-WXC-11: keys that outlive a removal without supply, or come back with the power, would break it."""

    id = "pad.tamper.without-supply"
    title = Label(
        "断电时拆离同样销毁，上电不恢复", "a removal without supply destroys too, and power brings nothing back"
    )
    kills = ("pad.removal-needs-supply", "pad.keys-back-with-power")
    hand = ("remove-keypad", "refit", "poweroff", "poweron")
    needs = ("pad.removal_switch",)
    source = "spec/devices.md 1.4, tamper"

    async def drive(self, t: PadTester) -> None:
        await self.prepare(t)
        await t.act("poweroff")
        await t.act("remove-keypad")
        await t.pause(SWITCH_S)
        await t.act("refit")
        with t.step("power"):
            await t.power_cycle()
        await self.try_all(t)

    def judge(self, v: PadView) -> None:
        self.inside(v)
        self.all_gone(v, REFUSED)
