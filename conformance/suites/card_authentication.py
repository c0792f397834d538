"""Checks of challenges and of both authentications, against the independent judge (spec/cards.md 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import (
    AUTH_DATA,
    KEY_RK,
    KEY_UK,
    SPOILED_PROOF,
    Session,
    control,
    generation,
    judge_keys,
    only,
    spoiled,
    started,
    tries_left,
)
from protocols.wire.base import Label

ABSENT_KEY = 0x1F
"""No document gives SSSE a key of this id."""
STALE = (0x6984, 0x6985)


def proving_key(v_or_t: CardTester | CardView) -> int:
    """A key that every card of the generation has: RKSSSE on 3.0, the update key before."""
    return KEY_RK if generation(v_or_t.facts) == "3.0" else KEY_UK


class InternalAuthentication(Check):
    """DG-W20-11, DG-W20-14, DG-WXC-24: the kiosk's PSAM accepts a card by its answer; a wrong one is a forged card.

    Two different challenges; both answers must be those of the judge for the card's algorithm and derived key.
    """

    id = "card.internal_auth.answer"
    title = Label("内部认证的应答", "answer to INTERNAL AUTHENTICATE")
    clauses = ("DG-W20-11", "DG-W20-14", "DG-WXC-24", "DG-GEN-03")
    device_class = "card"
    needs = ("card.test_keys",)
    control = "start"
    kills = ("card.internal-constant", "card.internal-wrong")
    source = "spec/cards.md 1.6"

    CASES: ClassVar[Mapping[Any, Any]] = {
        "first": "01020304050607081112131415161718",
        "second": "F1E2D3C4B5A6978800FF11EE22DD33CC",
    }

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.keys()
        for name, data in self.CASES.items():
            with t.step(name):
                await t.ask("0088000010" + data)

    def oracle(self, v: CardView) -> None:
        keys = judge_keys(v)
        for name, data in self.CASES.items():
            raw, talk = bytes.fromhex(data), only(v, name)
            v.must(
                talk.ok and talk.data == keys.authentication(raw[:8], raw[8:]),
                "内部认证应答应与独立计算一致",
                "the answer must be the one that the judge computes",
                talk,
            )


class ExternalAuthenticationRight(Check):
    """DG-W20-11, DG-W20-14: a card that refuses the right cryptogram cannot be used by any kiosk with a PSAM."""

    id = "card.external_auth.right"
    title = Label("外部认证成功", "EXTERNAL AUTHENTICATE succeeds")
    clauses = ("DG-W20-11", "DG-W20-14")
    device_class = "card"
    needs = ("card.test_keys",)
    control = "start"
    kills = ("card.external-refuses", "card.sm4-left-half")
    source = "spec/cards.md 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        with t.step("prove"):
            await session.authenticate(keys, proving_key(t))

    def oracle(self, v: CardView) -> None:
        keys = judge_keys(v)
        challenge, proof = only(v, "prove", 0), only(v, "prove", 1)
        sent = proof.command[5:13]
        control(sent == keys.authentication(challenge.data, AUTH_DATA), "密文正确", "the cryptogram is right", proof)
        v.must(proof.ok, "正确的外部认证应成功", "the right cryptogram must be accepted", challenge, proof)


class ExternalAuthenticationWrong(Check):
    """DG-W20-11: a card that takes a wrong cryptogram has no lock; one that does not count it can be searched through.

    Wrong: ``63Cx``, a try fewer; the right one resets the counter, so the next wrong one tells the same number.
    """

    id = "card.external_auth.wrong"
    title = Label("外部认证失败计数与恢复", "a wrong cryptogram is counted, the right one resets the counter")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.test_keys",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"key_tries": 3}
    kills = ("card.external-accepts", "card.key-counter-kept", "card.proof-first-byte", "card.proof-half")
    source = "spec/cards.md 1.6 (EXTERNAL AUTH)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        key = proving_key(t)
        with t.step("before"):
            await session.authenticate(keys, key)
        for at in SPOILED_PROOF:
            with t.step("wrong", byte=at):
                await session.authenticate(keys, key, spoil=at)
            with t.step("right"):
                await session.authenticate(keys, key)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        before = only(v, "before")
        control(before.ok, "正确的外部认证成功", "the right cryptogram is accepted", before)
        wrong = [step.last for step in v.each("wrong")]
        left = [tries_left(each.sw) for each in wrong]
        v.must(None not in left, "错误密文应返回 63Cx", "a wrong cryptogram must be answered with 63Cx", *wrong)
        v.must(len(set(left)) == 1, "正确认证应恢复计数", "the right cryptogram must reset the counter", *wrong)
        for step in v.each("right"):
            v.must(step.last.sw == 0x9000, "其后的正确认证应成功", "the right one must succeed afterwards", step)


class ExternalAuthenticationCounts(Check):
    """DG-W20-11, DG-GEN-03: two wrong cryptograms in a row must cost two tries, or a key can be searched through."""

    id = "card.external_auth.counter_falls"
    title = Label("连续错误使计数递减", "the counter falls with each wrong cryptogram")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.test_keys",)
    control = "restore"
    damage: ClassVar[Mapping[str, int]] = {"key_tries": 2}
    kills = ("card.external-accepts", "card.key-counter-stands")
    source = "spec/cards.md 1.6 (EXTERNAL AUTH)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        key = proving_key(t)
        with t.step("first"):
            left = tries_left((await session.authenticate(keys, key, spoil=7)).sw)
        if left is not None and left >= 2:  # the last try of a key is never taken
            with t.step("second"):
                await session.authenticate(keys, key, spoil=7)
        with t.step("restore"):
            await session.authenticate(keys, key)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        restore = only(v, "restore")
        first = only(v, "first")
        one = tries_left(first.sw)
        v.must(one is not None, "错误密文应返回 63Cx", "a wrong cryptogram must be answered with 63Cx", first)
        if one is not None and one >= 2:
            second = only(v, "second")
            v.must(
                tries_left(second.sw) == one - 1, "第二次错误应少一次", "the second must cost one more", first, second
            )
        v.must(restore.ok, "正确认证应恢复", "the right cryptogram must restore it", restore)


class ExternalAuthenticationWithoutChallenge(Check):
    """DG-W20-11: without a challenge of the card, a recorded cryptogram would open it; ``6984`` is the only answer."""

    id = "card.external_auth.no_challenge"
    title = Label("未取随机数的外部认证", "EXTERNAL AUTHENTICATE without a challenge")
    clauses = ("DG-W20-11",)
    device_class = "card"
    needs = ("card.test_keys",)
    control = "right"
    kills = ("card.challenge-not-needed",)
    source = "spec/cards.md 1.6, 1.8 (6984)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        with t.step("none"):
            await session.external(proving_key(t), keys.authentication(bytes(8), AUTH_DATA))
        with t.step("right"):
            await session.authenticate(keys, proving_key(t))

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        right = only(v, "right")
        control(right.ok, "正确的外部认证成功", "the right cryptogram is accepted", right)
        v.status_is(v.step("none").last, STALE, "未取随机数", "without a challenge")


class ChallengeOnce(Check):
    """DG-W20-11: a challenge serves one authentication; a second use of it would let a recorded one through."""

    id = "card.external_auth.challenge_once"
    title = Label("随机数只能使用一次", "a challenge serves once")
    clauses = ("DG-W20-11",)
    device_class = "card"
    needs = ("card.test_keys",)
    control = "first"
    kills = ("card.challenge-reusable",)
    source = "spec/cards.md 1.6 (GET CHALLENGE)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        proof = keys.authentication(await session.challenge(), AUTH_DATA)
        with t.step("first"):
            await session.external(proving_key(t), proof)
        with t.step("second"):
            await session.external(proving_key(t), proof)
        await session.authenticate(keys, proving_key(t))

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        first = only(v, "first")
        control(first.ok, "首次使用成功", "the first use is accepted", first)
        v.status_is(v.step("second").last, STALE, "随机数第二次使用", "second use of a challenge")


class ChallengeAfterFailure(Check):
    """DG-W20-11, DG-GEN-03: a challenge that a wrong cryptogram leaves standing can be guessed at until one fits."""

    id = "card.external_auth.challenge_after_failure"
    title = Label("认证失败也用掉随机数", "a failed authentication uses the challenge up")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    needs = ("card.test_keys",)
    control = "right"
    damage: ClassVar[Mapping[str, int]] = {"key_tries": 1}
    kills = ("card.challenge-after-failure", "card.challenge-reusable")
    source = "spec/cards.md 1.6 (GET CHALLENGE: usable once)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        proof = keys.authentication(await session.challenge(), AUTH_DATA)
        with t.step("wrong"):
            await session.external(proving_key(t), spoiled(proof, 0))
        with t.step("late"):
            await session.external(proving_key(t), proof)
        with t.step("right"):
            await session.authenticate(keys, proving_key(t))

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        right, wrong = only(v, "right"), only(v, "wrong")
        control(right.ok, "正确的外部认证成功", "the right cryptogram is accepted", right)
        v.must(tries_left(wrong.sw) is not None, "错误密文应返回 63Cx", "a wrong cryptogram must give 63Cx", wrong)
        v.status_is(v.step("late").last, STALE, "认证失败后再用同一随机数", "the same challenge after a failure")


class ChallengeLostOnSelect(Check):
    """DG-W20-11: a challenge belongs to the current application; one from elsewhere must not serve."""

    id = "card.external_auth.challenge_of_application"
    title = Label("随机数只在当前应用有效", "a challenge serves in its application only")
    clauses = ("DG-W20-11",)
    device_class = "card"
    needs = ("card.test_keys",)
    control = "right"
    kills = ("card.challenge-kept",)
    source = "spec/cards.md 1.6 (GET CHALLENGE: usable once, in the current application)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        proof = keys.authentication(await session.challenge(), AUTH_DATA)
        await session.select(0xDF04)
        await session.ssse()
        with t.step("foreign"):
            await session.external(proving_key(t), proof)
        with t.step("right"):
            await session.authenticate(keys, proving_key(t))

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        right = only(v, "right")
        control(right.ok, "正确的外部认证成功", "the right cryptogram is accepted", right)
        v.status_is(v.step("foreign").last, STALE, "进出 DF04 之后使用旧随机数", "a challenge from before DF04")


class ExternalAuthenticationNoKey(Check):
    """DG-W20-11: a key that is not there must be told as ``6A88``: hosts then fall back (-27272)."""

    id = "card.external_auth.missing_key"
    title = Label("不存在的密钥", "a key that does not exist")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "challenge"
    kills = ("card.missing-key-found",)
    source = "spec/cards.md 1.6, 1.8 (6A88), 1.9"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("challenge"):
            await session.challenge()
        with t.step("absent"):
            await session.external(ABSENT_KEY, bytes(8))

    def oracle(self, v: CardView) -> None:
        started(v)
        challenge = only(v, "challenge")
        control(challenge.ok and len(challenge.data) == 8, "取得随机数", "a challenge was given", challenge)
        v.status_is(v.step("absent").last, (0x6A88,), "不存在的密钥 1F", "absent key 1F")
