"""Checks of the holder's data, EF06 to EF08 of SSSE, and who may read them (spec/cards.md 1.4).

Names and numbers are masked in the history, so only their form is judged, never their value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_basic_files import is_date, must_be_record
from conformance.suites.card_conversation import (
    KEY_RK,
    SSSE_NAME,
    Session,
    control,
    generation,
    judge_keys,
    only,
    pin_given,
    started,
)
from conformance.suites.card_tables import Item, holder_items
from protocols.wire.base import Label

SECURITY = (0x6982,)


async def read_holder(t: CardTester, session: Session) -> None:
    """Every record of EF06, each in a step of its tag."""
    await session.select(0xEF06)
    for item in holder_items(generation(t.facts)):
        with t.step(item.name):
            await session.record(item.tag, item.length)


def judge_holder(v: CardView) -> None:
    """Form of every record of EF06."""
    for item in holder_items(generation(v.facts)):
        talk = only(v, item.name)
        value = must_be_record(v, talk, item)
        if value is not None:
            _judge_value(v, item, value, talk)


def _judge_value(v: CardView, item: Item, value: bytes, talk: object) -> None:
    if item.tag == 0x0A:
        v.must(value in (b"1", b"2", b"9"), "性别应为 1、2 或 9", "sex must be 1, 2 or 9", talk)
    elif item.tag == 0x0B:
        v.must(value.hex().isdecimal(), "民族应为数字代码", "ethnic group must be digits", talk)
    elif item.tag == 0x0C:
        v.must(value.hex().isdecimal(), "出生地应为地区代码数字", "place of birth must be area digits", talk)
    elif item.tag == 0x0D:
        v.must(is_date(value), "出生日期应为 YYYYMMDD 的 BCD 码", "date of birth must be BCD YYYYMMDD", talk)


class Ef06Free(Check):
    """DG-W20-11, LL-A1-18, BJ-KSK-03: hosts read the holder of a 1.0 or 2.0 card without authentication.

    A record that is missing, has another length or an impossible code leaves the kiosk without its citizen.
    """

    id = "card.ef06.free_read"
    title = Label("1.0/2.0 卡持卡人信息可自由读取", "the holder's data of 1.0 and 2.0 cards is read freely")
    clauses = ("DG-W20-11", "LL-A1-18", "BJ-KSK-03")
    device_class = "card"
    variants = ("1.0", "2.0")
    control = "start"
    kills = ("card.birth-ascii", "card.ef06-closed-on-old", "card.name-length", "card.sex-code")
    source = "spec/cards.md 1.4"

    async def stimulus(self, t: CardTester) -> None:
        await read_holder(t, await Session.open(t))

    def oracle(self, v: CardView) -> None:
        started(v)
        judge_holder(v)


class Ef06NeedsRk(Check):
    """DG-W20-11: a 3.0 card that shows its holder to anybody gives away citizens' data over the contactless interface.

    Before EXTERNAL AUTHENTICATE with RKSSSE every read of EF06 must be refused with 6982, by tag and by SFI.
    """

    id = "card.ef06.needs_rk_on_3_0"
    title = Label("3.0 卡未认证不得读取持卡人信息", "a 3.0 card keeps the holder's data until authenticated")
    clauses = ("DG-W20-11", "DG-SVC-PAY-05")
    device_class = "card"
    variants = ("3.0",)
    control = "control"
    kills = ("card.ef06-free-on-3.0", "card.missing-sfi-ef05")
    source = "spec/cards.md 1.4"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("control"):
            await session.read(0xEF05, 0x03, 4)
        await session.select(0xEF06)
        for item in holder_items("3.0"):
            with t.step(f"tag.{item.name}"):
                await session.record(item.tag, item.length)
        with t.step("sfi"):
            await t.ask("00B2013414")
        with t.step("all"):
            await t.ask("00B2013500")

    def oracle(self, v: CardView) -> None:
        started(v)
        version = only(v, "control")
        control(version.data[:2] == b"\x03\x04", "EF05 可读", "EF05 can be read", version)
        for step in (*v.each("tag.*"), v.step("sfi"), v.step("all")):
            v.status_is(step.last, SECURITY, "未认证读取 EF06", "READ RECORD of EF06 without authentication")


class Ef06AfterRk(Check):
    """DG-W20-11, BJ-KSK-03, DG-SVC-PAY-05: after RKSSSE the whole holder must come, or the kiosk is blind."""

    id = "card.ef06.after_rk"
    title = Label("3.0 卡外部认证后读取持卡人信息", "a 3.0 card gives the holder's data after authentication")
    clauses = ("DG-W20-11", "BJ-KSK-03", "DG-SVC-PAY-05")
    device_class = "card"
    variants = ("3.0",)
    needs = ("card.test_keys",)
    control = "authenticate"
    kills = ("card.birth-ascii", "card.name-length", "card.sex-code")
    source = "spec/cards.md 1.4, 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        with t.step("authenticate"):
            await session.authenticate(keys, KEY_RK)
        await read_holder(t, session)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        proof = only(v, "authenticate")
        v.must(proof.ok, "RKSSSE 外部认证应成功", "EXTERNAL AUTHENTICATE with RKSSSE must succeed", proof)
        judge_holder(v)


class BiometricsNeedRk(Check):
    """DG-W20-11: fingerprint and photo are the most personal data on the card; a free read of them is a leak."""

    id = "card.ef07_ef08.needs_rk"
    title = Label("指纹与照片文件未认证不得读取", "fingerprint and photo cannot be read without authentication")
    clauses = ("DG-W20-11",)
    device_class = "card"
    variants = ("2.0", "3.0")
    control = "control"
    kills = ("card.biometrics-free", "card.missing-sfi-ef05")
    source = "spec/cards.md 1.4 (EF07, EF08)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("control"):
            await session.read(0xEF05, 0x03, 4)
        for ef in (0xEF07, 0xEF08):
            with t.step(f"select.{ef:04X}"):
                await session.select(ef)
            with t.step(f"read.{ef:04X}"):
                await t.ask("00B0000010")

    def oracle(self, v: CardView) -> None:
        started(v)
        version = only(v, "control")
        control(version.data[:2] == b"\x03\x04", "EF05 可读", "EF05 can be read", version)
        for name in ("EF07", "EF08"):
            selected = only(v, f"select.{name}")
            v.must(selected.ok, f"{name} 应存在", f"{name} must exist", selected)
            v.status_is(
                v.step(f"read.{name}").last, SECURITY, f"未认证读取 {name}", f"READ BINARY of {name} unauthorised"
            )


class BiometricsAfterRk(Check):
    """DG-W20-11: after RKSSSE the transparent files must be readable at any offset inside and refuse one outside."""

    id = "card.ef07_ef08.after_rk"
    title = Label("认证后读取指纹与照片文件", "fingerprint and photo are read after authentication")
    clauses = ("DG-W20-11",)
    device_class = "card"
    variants = ("3.0",)
    needs = ("card.test_keys",)
    control = "authenticate"
    kills = ("card.binary-endless", "card.fci-no-algorithm")
    source = "spec/cards.md 1.4 (EF07 300h, EF08 1000h), 1.8 (6B00)"

    ENDS: ClassVar[Mapping[Any, Any]] = {0xEF07: 0x300, 0xEF08: 0x1000}

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        with t.step("authenticate"):
            await session.authenticate(keys, KEY_RK)
        for ef, size in self.ENDS.items():
            await session.select(ef)
            with t.step(f"first.{ef:04X}"):
                await t.ask("00B0000010")
            with t.step(f"last.{ef:04X}"):
                await t.ask(bytes((0x00, 0xB0)) + (size - 16).to_bytes(2) + b"\x10")
            with t.step(f"beyond.{ef:04X}"):
                await t.ask(bytes((0x00, 0xB0)) + (size + 16).to_bytes(2) + b"\x10")

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        proof = only(v, "authenticate")
        v.must(proof.ok, "RKSSSE 外部认证应成功", "EXTERNAL AUTHENTICATE with RKSSSE must succeed", proof)
        for ef in self.ENDS:
            for name in ("first", "last"):
                read = only(v, f"{name}.{ef:04X}")
                v.must(
                    read.ok and len(read.data) == 16,
                    f"{ef:04X} 内应读出 16 字节",
                    f"16 bytes inside {ef:04X} must be read",
                    read,
                )
            beyond = v.step(f"beyond.{ef:04X}").last
            v.must(
                beyond.sw in (0x6B00, 0x6A86, 0x6700) and not beyond.data,
                "超出文件末尾的偏移应被拒绝（6B00）",
                "an offset beyond the file must be refused (6B00)",
                beyond,
            )


class PinIsNoKey(Check):
    """DG-W20-11, DG-SVC-PAY-05: rights are not interchangeable: the PIN must not open what asks for RKSSSE.

    Otherwise a reader without a PSAM gets the holder's file of a 3.0 card, and photo and fingerprint, with a PIN alone.
    """

    id = "card.security.pin_is_no_key"
    title = Label("验证密码不等于外部认证", "the PIN does not stand for the read key")
    clauses = ("DG-W20-11", "DG-SVC-PAY-05")
    device_class = "card"
    variants = ("3.0",)
    needs = ("card.pin",)
    control = "verify"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.biometrics-free",)
    source = "spec/cards.md 1.4, 1.6"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("verify"):
            await session.right()
        with t.step("holder"):
            await session.read(0xEF06, 0x0A, 1)
        await session.select(0xEF08)
        with t.step("photo"):
            await t.ask("00B0000010")

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        verified = only(v, "verify")
        control(verified.ok, "密码通过", "the PIN is accepted", verified)
        v.status_is(v.step("holder").last, SECURITY, "仅凭密码读取 EF06", "READ RECORD of EF06 with the PIN alone")
        v.status_is(v.step("photo").last, SECURITY, "仅凭密码读取 EF08", "READ BINARY of EF08 with the PIN alone")


class SecurityLostOnReset(Check):
    """DG-W20-11, DG-SVC-PAY-05: a right that survives reset lets the next host read the citizen without a key."""

    id = "card.security.lost_on_reset"
    title = Label("复位后外部认证权限失效", "reset takes away the right of EXTERNAL AUTHENTICATE")
    clauses = ("DG-W20-11", "DG-SVC-PAY-05")
    device_class = "card"
    variants = ("3.0",)
    needs = ("card.test_keys",)
    control = "before"
    kills = ("card.rights-over-reset",)
    source = "spec/cards.md 1.6 (EXTERNAL AUTH)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        for name, warm in (("warm", True), ("cold", False)):
            await session.authenticate(keys, KEY_RK)
            with t.step("before"):
                await session.read(0xEF06, 0x0A, 1)
            await session.again(warm)
            with t.step(name):
                await session.read(0xEF06, 0x0A, 1)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        for index, step in enumerate(v.each("before")):
            control(step.last.sw == 0x9000, "认证后可读 EF06", "EF06 is read after authentication", only(v, "before"))
            name, zh = (("warm", "热复位"), ("cold", "冷复位"))[index]
            v.status_is(v.step(name).last, SECURITY, f"{zh}后读取 EF06", f"READ RECORD of EF06 after {name} reset")


class SecurityOnOtherApplication(Check):
    """DG-W20-11: the right belongs to SSSE; another application must not inherit it, nor give it back to strangers.

    Whether it survives a new SELECT of SSSE, and a visit to a DF, is judged only where the profile settles it.
    """

    id = "card.security.other_application"
    title = Label("选择其他应用后的权限", "the right after another application was selected")
    clauses = ("DG-W20-11",)
    device_class = "card"
    variants = ("3.0",)
    needs = ("card.test_keys",)
    control = "before"
    kills = ("card.rights-leak",)
    source = "spec/cards.md 1.6; open-readings.md, right after EXTERNAL AUTHENTICATE"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        keys = await session.keys()
        await session.authenticate(keys, KEY_RK)
        with t.step("before"):
            await session.read(0xEF06, 0x0A, 1)
        await session.ssse()
        with t.step("reselected"):
            await session.read(0xEF06, 0x0A, 1)
        await session.ssse()
        await session.authenticate(keys, KEY_RK)
        await session.select(0xDF04)
        with t.step("inside"):
            await session.read(0xEF05, 0x81, 8)
        await t.ask(bytes.fromhex("00A404000F") + SSSE_NAME)
        with t.step("returned"):
            await session.read(0xEF06, 0x0A, 1)

    def oracle(self, v: CardView) -> None:
        judge_keys(v)
        before = only(v, "before")
        control(before.ok, "认证后可读 EF06", "EF06 is read after authentication", before)
        inside = only(v, "inside")
        v.must(
            inside.sw == 0x6982 and not inside.data,
            "SSSE 的权限不得用于 DF04",
            "the right of SSSE must not open DF04",
            inside,
        )
        self._reading(v, "card.right_kept_on_reselect", "reselected", True, "重新选择 SSSE 后", "on re-selecting SSSE")
        self._reading(v, "card.right_lost_in_df", "returned", False, "进入 DF 再返回后", "on returning from a DF")

    @staticmethod
    def _reading(v: CardView, parameter: str, step: str, means_kept: bool, zh: str, en: str) -> None:
        value = v.facts.get("parameters", {}).get(parameter)
        read = only(v, step)
        allowed = (0x9000, 0x6982)
        if isinstance(value, bool):
            allowed = (0x9000,) if value == means_kept else (0x6982,)
        v.status_is(v.step(step).last, allowed, f"{zh}读取 EF06", f"READ RECORD of EF06 {en}")
        v.must(read.ok == bool(read.data), "数据与状态字应相符", "data and status word must agree", read)
