"""Checks that nobody writes without the right of the file, in SSSE and in the applications (spec/cards.md 1.4, 1.5).

What is tried is to write a record with the very bytes that it holds: a card that wrongly does so loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from conformance.judge_crypto import CardKeys
from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import (
    KEY_RK,
    KEY_UK,
    Session,
    control,
    generation,
    judge_keys,
    only,
    pin_given,
    started,
    talks,
)
from protocols.wire.base import Label

APPLICATIONS = (0xDF01, 0xDF02, 0xDF03, 0xDF04)
"""Those whose EF05 the PIN opens for reading; DF07 asks for keys that no test card tells."""
REFUSALS = (0x63, 0x67, 0x69, 0x6A, 0x6D, 0x6E, 0x93)
HOLDER_RECORD, APPLICATION_RECORD, OWN_RECORD = "0334", "012C", "022C"
"""P1 P2: record 3 of SFI 06, record 1 of SFI 05, and the card class in EF05 of SSSE."""


async def whole_record(session: Session, where: str) -> bytes:
    """The record at P1 P2 *where*, empty when it is not to be read."""
    answer = await session.t.ask(bytes.fromhex(f"00B2{where}00"))
    return answer.data if answer.ok and len(answer.data) > 2 and answer.data[1] == len(answer.data) - 2 else b""


class _WritesRefused(Check):
    """What both checks share: read with a right, reset, write without one."""

    clauses = ("DG-GEN-03", "DG-W20-11")
    device_class = "card"
    control = "control"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    source = "spec/cards.md 1.4, 1.5, 1.6"

    async def prepare(self, session: Session) -> CardKeys | None:
        raise TypeError("each check has its own")

    async def write(self, session: Session, keys: CardKeys | None, where: str, record: bytes) -> None:
        raise TypeError("each check has its own")

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await self.prepare(session)
        with t.step("control"):
            await session.read(0xEF05, 0x03, 4)
        if generation(t.facts) == "3.0" and keys is not None:
            await session.authenticate(keys, KEY_RK)
        holder = await whole_record(session, HOLDER_RECORD)
        found: dict[int, bytes] = {}
        await session.right()
        for df in APPLICATIONS:
            await session.ssse()
            if (await session.select(df)).ok and (record := await whole_record(session, APPLICATION_RECORD)):
                found[df] = record
        await session.again()
        if holder:
            with t.step("write.EF06"):
                await self.write(session, keys, HOLDER_RECORD, holder)
        for df, record in found.items():
            await session.ssse()
            await session.select(df)
            with t.step(f"write.{df:04X}"):
                await self.write(session, keys, APPLICATION_RECORD, record)

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        version = only(v, "control")
        control(version.data[:2] == b"\x03\x04", "EF05 可读", "EF05 can be read", version)
        for step in v.each("write.*"):
            told = talks(step)[-1] if talks(step) else step.last
            where = step.name.partition(".")[2]
            v.must(
                told.sw >> 8 in REFUSALS,
                f"无权限写 {where} 应被拒绝",
                f"a write to {where} without the right must be refused",
                told,
            )


class PlainWritesRefused(_WritesRefused):
    """DG-GEN-03, DG-W20-11: a plain UPDATE RECORD that any application accepts lets any reader rewrite the citizen."""

    id = "card.applications.plain_update"
    title = Label("各应用拒绝不带 MAC 的写记录", "plain updates are refused in every application")
    needs = ("card.pin",)
    kills = ("card.applications-plain-update", "card.plain-update")

    async def prepare(self, session: Session) -> CardKeys | None:
        return None

    async def write(self, session: Session, keys: CardKeys | None, where: str, record: bytes) -> None:
        await session.t.ask(bytes.fromhex(f"00DC{where}") + bytes((len(record),)) + record)


class WritesNeedTheirKey(_WritesRefused):
    """DG-GEN-03, DG-W20-11: a right MAC is no right to write: each file asks for its own update key besides."""

    id = "card.applications.update_without_right"
    title = Label("各文件未认证更新密钥不得写", "no file is written without its update key")
    needs = ("card.pin", "card.test_keys")
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1, "card_writes": 1}
    kills = ("card.update-free-outside-ef05", "card.update-without-right")

    async def prepare(self, session: Session) -> CardKeys | None:
        return await session.keys()

    async def write(self, session: Session, keys: CardKeys | None, where: str, record: bytes) -> None:
        assert keys is not None, "prepare gave them"
        await session.secured(keys, f"04DC{where}", record)

    async def stimulus(self, t: CardTester) -> None:
        await super().stimulus(t)
        session = await Session.open(t)
        keys = await session.keys()
        record = await whole_record(session, OWN_RECORD)
        await session.authenticate(keys, KEY_UK)
        with t.step("same"):
            await session.secured(keys, f"04DC{OWN_RECORD}", record)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        same = only(v, "same")
        control(same.ok, "认证更新密钥后写记录成功", "an update with the right key succeeds", same)
        super().oracle(v)
