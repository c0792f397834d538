"""Checks of the personal PIN against guessing (spec/cards.md 1.6): near misses, tries that fall, rights that end.

A PIN that may be wrong is presented only while :data:`~conformance.suites.card_conversation.FEWEST_TRIES` tries are
left; the right one, which this card has accepted before, follows and brings them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import (
    DF04,
    FEWEST_TRIES,
    Session,
    control,
    only,
    pin_given,
    started,
    tries_left,
)
from protocols.wire.base import Label

MOST_GUESSES = 4
"""Wrong PINs in a row at most."""
LOG = bytes.fromhex("00B201441C")
"""READ RECORD of the newest visit: EF08 of DF04, which every generation has and opens with the PIN alone."""


def near_misses(pin: str) -> dict[str, str]:
    """PINs that are nearly *pin*, or that a maker may have left in: by name of the step."""

    def other(digit: str) -> str:
        return str((int(digit) + 1) % 10)

    found = {
        "first_digit": other(pin[0]) + pin[1:],
        "last_digit": pin[:-1] + other(pin[-1]),
        "longer": pin + "0",
        "zeros": "000000",
        "all_zeros": "0" * len(pin),
    }
    return {name: each for name, each in found.items() if each != pin and (name != "all_zeros" or len(pin) != 6)}


class PinNearMiss(Check):
    """DG-W20-11, DG-GEN-03: a card that compares a part of the PIN, or knows a second one, is opened by a guess.

    Another first digit, another last digit, a digit more, all zeros: each must be refused and cost a try.
    """

    id = "card.pin.near_misses"
    title = Label("近似密码一概拒绝", "PINs that are nearly right are refused")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 5}
    kills = ("card.pin-master", "card.pin-prefix", "card.pin-tail-ignored")
    source = "spec/cards.md 1.6 (VERIFY)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        for name, guess in near_misses(session.pin).items():
            await session.spare_tries()
            with t.step(f"wrong.{name}"):
                await session.verify(guess)
            with t.step("right"):
                await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        for tries, wrong in zip(v.each("tries"), v.each("wrong.*"), strict=False):
            full, told = tries_left(tries.last.sw), wrong.last
            if wrong.name == "wrong.longer":  # a card may refuse its form, and then counts nothing
                refused = told.sw >> 8 in (0x63, 0x67, 0x69, 0x6A)
                v.must(refused, "多一位的密码应被拒绝", "a PIN with a digit more must be refused", told)
                continue
            v.must(
                tries_left(told.sw) == (full or 0) - 1,
                "近似的密码应返回少一次的 63Cx",
                "a PIN that is nearly right must be answered with 63Cx, one try less",
                tries,
                told,
            )
        for step in v.each("right"):
            v.must(step.last.sw == 0x9000, "其后正确密码应通过", "the right PIN must be accepted afterwards", step)


class PinTriesFall(Check):
    """DG-W20-11, DG-GEN-03: tries that stop falling before they are used up let a thief guess for ever.

    Wrong PINs in a row, as long as that cannot lock the card: each must cost one, in the answer and in the query.
    """

    id = "card.pin.tries_fall"
    title = Label("连续错误使次数逐次递减", "the tries fall with each wrong PIN in a row")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.pin",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": MOST_GUESSES}
    kills = ("card.pin-counter-stands", "card.pin-never-locks")
    source = "spec/cards.md 1.6 (VERIFY)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        left: int | None = await session.spare_tries()
        for _ in range(MOST_GUESSES):
            if left is None or left < FEWEST_TRIES:
                break
            with t.step("wrong"):
                await session.verify(session.wrong_pin())
            with t.step("left"):
                left = tries_left((await session.query()).sw)
        with t.step("right"):
            await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        full = tries_left(only(v, "tries").sw) or 0
        for spent, (wrong, left) in enumerate(zip(v.each("wrong"), v.each("left"), strict=False), 1):
            v.must(
                tries_left(wrong.last.sw) == full - spent == tries_left(left.last.sw),
                f"连续第 {spent} 次错误后应剩 {full - spent} 次",
                f"after {spent} wrong PINs in a row {full - spent} tries must be left",
                wrong,
                left,
            )
        right = only(v, "right")
        v.must(right.ok, "其后正确密码应通过", "the right PIN must be accepted afterwards", right)


class PinWrongTakesRight(Check):
    """DG-GEN-03, DG-W20-11: the next person at the kiosk types a wrong PIN and must not read the last one's visits."""

    id = "card.pin.wrong_takes_right"
    title = Label("正确后再输错，权限即失效", "a wrong PIN takes away what the right one gave")
    clauses = ("DG-GEN-03", "DG-W20-11")
    device_class = "card"
    needs = ("card.pin",)
    control = "open"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.pin-wrong-keeps-right", "card.pin-wrong-opens")
    source = "spec/cards.md 1.5, 1.6; ISO/IEC 7816-4 security status"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(DF04)
        await session.right()
        with t.step("open"):
            await t.ask(LOG)
        await session.spare_tries()
        with t.step("wrong"):
            await session.verify(session.wrong_pin())
        with t.step("closed"):
            await t.ask(LOG)
        await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        opened, wrong = only(v, "open"), only(v, "wrong")
        control(opened.sw in (0x9000, 0x6A83), "正确密码后可读 EF08", "EF08 is open with the right PIN", opened)
        v.must(not wrong.ok, "错误密码应被拒绝", "the wrong PIN must be refused", wrong)
        v.status_is(v.step("closed").last, (0x6982,), "其后读取 EF08", "READ RECORD of EF08 after the wrong PIN")


class PinChangeRefills(Check):
    """DG-W20-11: who changes the PIN proved the old one: tries lost before must be there again, or a card soon locks."""

    id = "card.pin.change_refills"
    title = Label("修改密码恢复次数", "a change of the PIN restores the tries")
    clauses = ("DG-W20-11",)
    device_class = "card"
    needs = ("card.pin",)
    control = "change"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 1}
    kills = ("card.pin-change-keeps-tries",)
    source = "spec/cards.md 1.6 (CHANGE PIN: resets the counter)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.right()
        await session.spare_tries()
        await session.verify(session.wrong_pin())
        with t.step("spent"):
            await session.query()
        with t.step("change"):
            await session.change_pin(session.pin, session.pin)
        with t.step("after"):
            await session.query()
        await session.right()

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        tries, spent, changed, after = (only(v, name) for name in ("tries", "spent", "change", "after"))
        control(tries_left(spent.sw) == (tries_left(tries.sw) or 0) - 1, "先用去一次", "a try was spent first", spent)
        control(changed.ok, "以旧密码修改成功", "the change with the old PIN succeeds", changed)
        v.must(after.sw == tries.sw, "修改密码应恢复次数", "the change must restore the tries", tries, after)
