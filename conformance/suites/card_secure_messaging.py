"""Checks of secured commands: update, PIN unblock, PIN reload (spec/cards.md 1.6). Application and card block are
never sent: nothing undoes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_basic_files import must_be_record
from conformance.suites.card_conversation import (
    KEY_PUK,
    KEY_RK,
    KEY_UK,
    SPOILED_MAC,
    Session,
    control,
    generation,
    judge_keys,
    only,
    packed_pin,
    pin_given,
    spoiled,
    talks,
    tries_left,
)
from conformance.suites.card_tables import BASIC
from protocols.wire.base import Label

CARD_CLASS = BASIC[1]
UPDATE = "04DC022C"
"""UPDATE RECORD number 02 of SFI 05, with MAC."""
REFUSED_UPDATE = (0x6982, 0x6985, 0x6987, 0x6988, 0x9302)
REFUSED_MAC = (0x6988, 0x9302)
"""6988, or 9302 as cards do for transactions: both readings stand."""


def other_class(record: bytes) -> bytes:
    """A whole record 02 with another class than *record* has."""
    return bytes((CARD_CLASS.tag, CARD_CLASS.length)) + (b"1" if record[-1:] == b"4" else b"4")


class UpdateWithMac(Check):
    """DG-GEN-03, DG-CXC-08: the issuer corrects a card at the kiosk; the change must take, and be there after reset."""

    id = "card.sm.update"
    title = Label("带 MAC 的写记录生效并保持", "an update with the right MAC takes and stays")
    clauses = ("DG-GEN-03", "DG-CXC-08", "DG-W20-11")
    device_class = "card"
    needs = ("card.test_keys",)
    control = "before"
    damage: ClassVar[Mapping[str, int]] = {"card_writes": 2}
    kills = ("card.update-lost", "card.update-refused", "card.update-volatile")
    source = "spec/cards.md 1.4, 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        with t.step("before"):
            old = (await session.read(0xEF05, 0x02, 1)).data
        new = other_class(old)
        await session.authenticate(keys, KEY_UK)
        with t.step("update", value=new.hex()):
            updated = await session.secured(keys, UPDATE, new)
        await session.again()
        with t.step("after"):
            await session.read(0xEF05, 0x02, 1)
        if updated.ok and len(old) == 3:
            await session.ssse()
            await session.authenticate(keys, KEY_UK)
            await session.secured(keys, UPDATE, old)
            with t.step("restored"):
                await session.read(0xEF05, 0x02, 1)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        before, updated, after = only(v, "before"), only(v, "update"), only(v, "after")
        must_be_record(v, before, CARD_CLASS)
        v.must(updated.ok, "密钥和 MAC 正确的写记录应成功", "the update with right key and MAC must succeed", updated)
        wanted = bytes.fromhex(str(v.step("update").note.get("value", "")))
        v.must(after.data == wanted, "复位后应读到新内容", "the new value must be read after reset", after)
        if updated.ok:
            restored = only(v, "restored")
            v.must(restored.data == before.data, "应能写回原内容", "the old value must be written back", restored)


class _UpdateRefused(Check):
    """What checks of refused updates share."""

    device_class = "card"
    needs = ("card.test_keys",)
    control = "before"
    damage: ClassVar[Mapping[str, int]] = {"card_writes": 2}
    source = "spec/cards.md 1.4, 1.6, 1.8"

    async def try_update(self, t: CardTester, session: Session, record: bytes) -> None:
        raise TypeError("each check has its own")

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        with t.step("before"):
            old = (await session.read(0xEF05, 0x02, 1)).data
        await self.try_update(t, session, other_class(old))
        await session.again()
        with t.step("after"):
            await session.read(0xEF05, 0x02, 1)
        await session.authenticate(keys, KEY_UK)
        with t.step("same"):
            await session.secured(keys, UPDATE, old)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        before, after, same = only(v, "before"), only(v, "after"), only(v, "same")
        control(same.ok, "正确的写记录成功", "the right update succeeds", same)
        for step in v.each("refused"):
            v.status_is(step.last, REFUSED_UPDATE, "不正确的写记录", "an update that is not right")
        v.must(after.data == before.data, "记录内容不得改变", "the record must not have changed", before, after)


class UpdateWrongMac(_UpdateRefused):
    """DG-GEN-03: a card that does not check the MAC lets anybody on the line change what the issuer writes."""

    id = "card.sm.wrong_mac"
    title = Label("MAC 错误的写记录被拒绝", "an update with a wrong MAC is refused")
    clauses = ("DG-GEN-03",)
    kills = ("card.mac-first-byte", "card.mac-ignored", "card.update-mac-ignored")

    async def try_update(self, t: CardTester, session: Session, record: bytes) -> None:
        keys = await session.keys()
        for at in SPOILED_MAC:
            await session.authenticate(keys, KEY_UK)
            with t.step("refused"):
                await session.secured(keys, UPDATE, record, spoil=at)


class UpdateWithoutMac(_UpdateRefused):
    """DG-GEN-03: with the key proved but no MAC, a command may still be somebody else's: it must be refused."""

    id = "card.sm.absent_mac"
    title = Label("不带 MAC 的写记录被拒绝", "an update without a MAC is refused")
    clauses = ("DG-GEN-03",)
    kills = ("card.plain-update", "card.update-without-mac")

    async def try_update(self, t: CardTester, session: Session, record: bytes) -> None:
        keys = await session.keys()
        await session.authenticate(keys, KEY_UK)
        await session.challenge()
        with t.step("refused"):
            await t.ask(bytes.fromhex("00DC022C03") + record)


class UpdateWithoutRight(_UpdateRefused):
    """DG-GEN-03: the MAC proves the message, not the right to write: without UKSSSE the update must be refused."""

    id = "card.sm.update_without_right"
    title = Label("未认证更新密钥的写记录被拒绝", "an update without the update key is refused")
    clauses = ("DG-GEN-03",)
    kills = ("card.update-without-right",)

    async def try_update(self, t: CardTester, session: Session, record: bytes) -> None:
        keys = await session.keys()
        with t.step("refused"):
            await session.secured(keys, UPDATE, record)


class UpdateWithOtherKey(_UpdateRefused):
    """DG-GEN-03, DG-W20-11: rights are not interchangeable: who proved PUK or the read key may not rewrite the card."""

    id = "card.sm.update_with_other_key"
    title = Label("认证其他密钥后的写记录被拒绝", "an update after another key was proved is refused")
    clauses = ("DG-GEN-03", "DG-W20-11")
    kills = ("card.any-key-all-rights", "card.rights-for-all", "card.update-with-any-right")

    async def try_update(self, t: CardTester, session: Session, record: bytes) -> None:
        keys = await session.keys()
        for key in (KEY_PUK, KEY_RK) if generation(t.facts) == "3.0" else (KEY_PUK,):
            await session.again()
            with t.step("proved"):
                await session.authenticate(keys, key)
            with t.step("refused"):
                await session.secured(keys, UPDATE, record)

    def oracle(self, v: CardView) -> None:
        super().oracle(v)
        for step in v.each("proved"):
            control(step.last.sw == 0x9000, "外部认证成功", "the other key is proved", talks(step)[-1])


class PinUnblock(Check):
    """DG-W20-11, LL-A1-18: the counter service unblocks a PIN with PUK; the tries must be full again afterwards.

    The PIN is not locked for it: one try is spent, and must be there again.
    """

    id = "card.sm.unblock"
    title = Label("解锁密码恢复次数", "PIN unblock restores the tries")
    clauses = ("DG-W20-11", "LL-A1-18")
    device_class = "card"
    needs = ("card.test_keys", "card.pin")
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 1}
    kills = ("card.sm4-left-word", "card.unblock-nothing")
    source = "spec/cards.md 1.6 (UNBLOCK)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        await session.right()
        await session.spare_tries()
        await session.verify(session.wrong_pin())
        with t.step("spent"):
            await session.query()
        await session.authenticate(keys, KEY_PUK)
        with t.step("unblock"):
            await session.secured(keys, "84240000")
        with t.step("full"):
            await session.query()
        with t.step("right"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        pin_given(v)
        full = tries_left(only(v, "tries").sw)
        spent, unblocked, after = only(v, "spent"), only(v, "unblock"), only(v, "full")
        control(tries_left(spent.sw) == (full or 0) - 1, "先用去一次", "a try was spent first", spent)
        v.must(unblocked.ok, "解锁应成功", "the unblock must succeed", unblocked)
        v.must(tries_left(after.sw) == full, "次数应恢复", "the tries must be full again", after)
        right = only(v, "right")
        v.must(right.ok, "原密码应仍有效", "the PIN must be the same", right)


class PinUnblockRefused(Check):
    """DG-GEN-03: an unblock that needs neither PUK nor MAC makes the try counter worthless."""

    id = "card.sm.unblock_refused"
    title = Label("MAC 错误或未认证的解锁被拒绝", "an unblock with a wrong MAC or no PUK is refused")
    clauses = ("DG-GEN-03", "DG-W20-11")
    device_class = "card"
    needs = ("card.test_keys", "card.pin")
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.unblock-any-mac", "card.unblock-without-puk")
    source = "spec/cards.md 1.6; open-readings.md, wrong MAC in unblock"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        await session.right()
        await session.spare_tries()
        await session.verify(session.wrong_pin())
        with t.step("spent"):
            await session.query()
        with t.step("no_puk"):
            await session.secured(keys, "84240000")
        for at in SPOILED_MAC:
            await session.authenticate(keys, KEY_PUK)
            with t.step("wrong_mac"):
                await session.secured(keys, "84240000", spoil=at)
        with t.step("after"):
            await session.query()
        with t.step("right"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        pin_given(v)
        right, spent, after = only(v, "right"), only(v, "spent"), only(v, "after")
        control(right.ok, "正确密码通过", "the right PIN is accepted", right)
        v.status_is(v.step("no_puk").last, (0x6982, 0x6985), "未认证 PUK 的解锁", "an unblock without PUK")
        for step in v.each("wrong_mac"):
            v.status_is(step.last, REFUSED_MAC, "MAC 错误的解锁", "an unblock with a wrong MAC")
        v.must(after.sw == spent.sw, "剩余次数不得恢复", "the tries must not be restored", spent, after)


class PinReload(Check):
    """DG-W20-11, LL-A1-18: a forgotten PIN is set anew at the counter; only the new one may pass afterwards."""

    id = "card.sm.reload"
    title = Label("重装密码", "reload of the PIN")
    clauses = ("DG-W20-11", "LL-A1-18")
    device_class = "card"
    needs = ("card.test_keys", "card.pin")
    control = "restored"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.pin-change-nothing", "card.reload-any-mac", "card.reload-keeps-tries", "card.reload-nothing")
    source = "spec/cards.md 1.6 (RELOAD PIN)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.keys()
        await session.right()
        await session.spare_tries()
        other = session.wrong_pin()
        for at in SPOILED_MAC:
            with t.step("wrong_mac"):
                await self._reload(session, other, spoil=at)
        with t.step("kept"):
            await session.right()
        await session.spare_tries()
        await session.verify(session.wrong_pin())
        with t.step("reload"):
            await self._reload(session, other)
        await session.again()
        with t.step("full"):
            await session.query()
        with t.step("new"):
            await session.verify(other)
        await self._reload(session, session.pin)
        with t.step("restored"):
            await session.right()

    @staticmethod
    async def _reload(session: Session, pin: str, *, spoil: int | None = None) -> None:
        keys = await session.keys()
        await session.authenticate(keys, KEY_PUK)
        challenge = await session.challenge()
        cipher = keys.enciphered(challenge, packed_pin(pin))
        command = bytes.fromhex("84240001") + bytes((len(cipher) + 4,)) + cipher
        code = keys.command_mac(challenge, command)
        await session.t.ask(command + spoiled(code, spoil))

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        pin_given(v)
        kept, restored = only(v, "kept"), only(v, "restored")
        for step in v.each("wrong_mac"):
            v.status_is(step.last, REFUSED_MAC, "MAC 错误的重装", "a reload with a wrong MAC")
        v.must(kept.ok, "其后原密码应仍有效", "the PIN must be the same after it", kept)
        reloaded, new = only(v, "reload"), only(v, "new")
        v.must(reloaded.ok, "重装应成功", "the reload must succeed", reloaded)
        full, tries = only(v, "full"), only(v, "tries")
        v.must(full.sw == tries.sw, "重装应恢复次数", "the reload must restore the tries", tries, full)
        v.must(new.ok, "新密码应通过", "the new PIN must be accepted", new)
        v.must(restored.ok, "应能重装回原密码", "the old PIN must be loaded back", restored)
