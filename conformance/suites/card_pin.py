"""Checks of the personal PIN (spec/cards.md 1.6). A wrong PIN is presented once at most, and the right one follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import DF04, Session, control, only, pin_given, started, tries_left
from protocols.wire.base import Label


class PinRight(Check):
    """DG-W20-11, BJ-KSK-03: a citizen with the right PIN must be let in; querying must not cost a try."""

    id = "card.pin.right"
    title = Label("正确密码与次数查询", "the right PIN, and asking for the tries")
    clauses = ("DG-W20-11", "BJ-KSK-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "start"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-right-refused-later",)
    source = "spec/cards.md 1.6 (VERIFY)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for name in ("query", "query_again"):
            with t.step(name):
                await session.query()
        await session.right()
        with t.step("verify_again"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        first, second = only(v, "query"), only(v, "query_again")
        left = tries_left(first.sw)
        v.must(left is not None, "Lc 00 应返回 63Cx", "Lc 00 must be answered with 63Cx", first)
        v.must(first.sw == second.sw, "查询不得消耗次数", "asking must not cost a try", first, second)
        pin_given(v)
        again = only(v, "verify_again")
        v.must(again.ok, "正确密码再次验证应通过", "the right PIN must be accepted again", again)


class PinWrong(Check):
    """DG-W20-11, DG-GEN-03: a wrong PIN that passes, or costs no try, leaves the holder's account to the finder."""

    id = "card.pin.wrong_counts"
    title = Label("错误密码计数，正确密码恢复", "a wrong PIN costs a try, the right one restores them")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-counter-kept", "card.pin-counter-stands")
    source = "spec/cards.md 1.6 (VERIFY)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        await session.spare_tries()
        with t.step("wrong"):
            await session.verify(session.wrong_pin())
        with t.step("after_wrong"):
            await session.query()
        with t.step("right"):
            await session.right()
        with t.step("after_right"):
            await session.query()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        full = tries_left(only(v, "tries").sw) or 0
        right = only(v, "right")
        wrong, after = only(v, "wrong"), only(v, "after_wrong")
        v.must(right.ok, "其后正确密码应通过", "the right PIN must be accepted afterwards", right)
        v.must(
            tries_left(wrong.sw) == full - 1,
            f"错误密码应返回 63C{full - 1:X}",
            f"a wrong PIN must be answered with 63C{full - 1:X}",
            wrong,
        )
        v.must(tries_left(after.sw) == full - 1, "剩余次数应少一次", "the query must tell one try less", after)
        restored = only(v, "after_right")
        v.must(tries_left(restored.sw) == full, "正确密码应恢复次数", "the right PIN must restore the tries", restored)


class PinCounterSurvivesReset(Check):
    """DG-W20-11, DG-GEN-03: a try counter that reset restores lets a thief try every PIN by pulling the card."""

    id = "card.pin.counter_survives_reset"
    title = Label("复位不恢复密码次数", "reset does not restore the PIN tries")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-counter-on-reset",)
    source = "spec/cards.md 1.6 (VERIFY)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        await session.spare_tries()
        with t.step("wrong"):
            await session.verify(session.wrong_pin())
        await session.again()
        with t.step("after_reset"):
            await session.query()
        with t.step("right"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        full = tries_left(only(v, "tries").sw) or 0
        right = only(v, "right")
        control(right.ok, "正确密码通过", "the right PIN is accepted", right)
        after = only(v, "after_reset")
        v.must(
            tries_left(after.sw) == full - 1,
            "复位后剩余次数应仍少一次",
            "after reset one try must still be missing",
            only(v, "wrong"),
            after,
        )


class PinChange(Check):
    """DG-W20-11: after a change only the new PIN may pass, and the holder must be able to change it back."""

    id = "card.pin.change_and_back"
    title = Label("修改密码并改回", "change the PIN and change it back")
    clauses = ("DG-W20-11",)
    device_class = "card"
    needs = ("card.pin",)
    control = "change_back"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 2}
    kills = ("card.pin-change-nothing", "card.pin-wrong-9000")
    source = "spec/cards.md 1.6 (CHANGE PIN)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        await session.spare_tries()
        other = session.wrong_pin()
        with t.step("change"):
            changed = await session.change_pin(session.pin, other)
        if not changed.ok:
            return
        await session.again()
        with t.step("old"):
            await session.verify(session.pin)
        with t.step("new"):
            await session.verify(other)
        with t.step("change_back"):
            await session.change_pin(other, session.pin)
        with t.step("again"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        changed = only(v, "change")
        if not v.must(changed.ok, "以旧密码修改应成功", "a change with the old PIN must succeed", changed):
            return
        old, new = only(v, "old"), only(v, "new")
        v.must(tries_left(old.sw) is not None, "修改后旧密码应被拒绝", "the old PIN must be refused", old)
        v.must(new.ok, "修改后新密码应通过", "the new PIN must be accepted", new)
        back, again = only(v, "change_back"), only(v, "again")
        v.must(back.ok and again.ok, "应能改回原密码", "it must be possible to change it back", back, again)


class PinChangeWrongOld(Check):
    """DG-W20-11, DG-GEN-03: a change that does not ask for the old PIN hands the account to whoever holds the card.

    A wrong old PIN must be refused and counted, and the PIN must stay.
    """

    id = "card.pin.change_wrong_old"
    title = Label("旧密码错误不得修改", "no change with a wrong old PIN")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-change-any-old", "card.pin-query-wrong")
    source = "spec/cards.md 1.6 (CHANGE PIN)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        await session.spare_tries()
        await session.again()
        wrong = session.wrong_pin()
        with t.step("change"):
            changed = await session.change_pin(wrong, wrong)
        if changed.ok:
            await session.change_pin(wrong, session.pin)
        with t.step("after"):
            await session.query()
        with t.step("right"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        full = tries_left(only(v, "tries").sw) or 0
        changed, after, right = only(v, "change"), only(v, "after"), only(v, "right")
        v.must(
            tries_left(changed.sw) == full - 1,
            "旧密码错误应返回少一次的 63Cx",
            "a wrong old PIN must be answered with 63Cx, one try less",
            changed,
        )
        v.must(after.sw == changed.sw, "次数应已减少", "the tries must have fallen", after)
        v.must(right.ok, "原密码应仍有效", "the PIN must be the old one still", right)


class PinShort(Check):
    """DG-W20-11, DG-GEN-03: a card that accepts a PIN of fewer than four digits can be opened by guessing."""

    id = "card.pin.too_short"
    title = Label("不得设置少于四位的密码", "no PIN of fewer than four digits")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 1}
    kills = ("card.pin-short",)
    source = "spec/cards.md 1.6 (CHANGE PIN: at least 4 digits)"

    SHORT = "357"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        with t.step("change"):
            changed = await session.change_pin(session.pin, self.SHORT)
        if changed.ok:
            await session.change_pin(self.SHORT, session.pin)
        with t.step("right"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        right, changed = only(v, "right"), only(v, "change")
        control(right.ok, "原密码有效", "the PIN is accepted", right)
        v.must(
            not changed.ok and changed.sw >> 8 in (0x63, 0x67, 0x69, 0x6A),
            "三位密码应被拒绝",
            "three digits must be refused",
            changed,
        )


class PinNeeded(Check):
    """DG-W20-11, BJ-KSK-03, BJ-KSK-04: medical data open only to the holder: refused before the PIN, given after it."""

    id = "card.pin.opens_medical_data"
    title = Label("医疗数据须验证密码后读取", "medical data open with the PIN only")
    clauses = ("DG-W20-11", "BJ-KSK-03", "BJ-KSK-04")
    device_class = "card"
    needs = ("card.pin",)
    variants = ("2.0", "3.0")
    control = "after"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.df04-length",)
    source = "spec/cards.md 1.5 (DF04 EF05)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(DF04)
        with t.step("before"):
            await session.read(0xEF05, 0x84, 3)
        await session.right()
        with t.step("after"):
            await session.read(0xEF05, 0x84, 3)

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        after = only(v, "after")
        v.must(
            after.ok and after.data[:2] == b"\x84\x03",
            "验证密码后应读到记录 84",
            "record 84 is read with the PIN",
            after,
        )
        v.status_is(v.step("before").last, (0x6982,), "未验证密码读取", "READ RECORD without the PIN")


class PinWrongOpensNothing(Check):
    """DG-GEN-03: after a wrong PIN the card must be as closed as before, whatever status word it gave."""

    id = "card.pin.wrong_opens_nothing"
    title = Label("错误密码不得打开任何文件", "a wrong PIN opens nothing")
    clauses = ("DG-GEN-03", "DG-W20-11")
    device_class = "card"
    needs = ("card.pin",)
    variants = ("2.0", "3.0")
    control = "after"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-wrong-opens",)
    source = "spec/cards.md 1.5, 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        await session.spare_tries()
        await session.again()
        await session.select(DF04)
        await session.verify(session.wrong_pin())
        with t.step("closed"):
            await session.read(0xEF05, 0x84, 3)
        await session.right()
        with t.step("after"):
            await session.record(0x84, 3)

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        after = only(v, "after")
        control(after.ok and bool(after.data), "正确密码后可读", "it is read with the right PIN", after)
        v.status_is(v.step("closed").last, (0x6982,), "错误密码后读取", "READ RECORD after a wrong PIN")


class PinLostOnReset(Check):
    """DG-W20-11, DG-GEN-03: a PIN that stays verified over reset serves the next person at the kiosk."""

    id = "card.pin.lost_on_reset"
    title = Label("复位后须重新验证密码", "reset takes away the verified PIN")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    variants = ("2.0", "3.0")
    control = "before"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-over-reset", "card.rights-over-reset", "card.rights-over-warm-reset")
    source = "spec/cards.md 1.5, 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for name, warm in (("warm", True), ("cold", False)):
            await session.select(DF04)
            await session.right()
            with t.step("before"):
                await session.read(0xEF05, 0x84, 3)
            await session.again(warm)
            await session.select(DF04)
            with t.step(name):
                await session.read(0xEF05, 0x84, 3)

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        before = only(v, "before")
        control(before.ok and bool(before.data), "验证密码后可读", "it is read with the PIN", before)
        for name, zh in (("warm", "热复位"), ("cold", "冷复位")):
            v.status_is(v.step(name).last, (0x6982,), f"{zh}后读取", f"READ RECORD after {name} reset")
