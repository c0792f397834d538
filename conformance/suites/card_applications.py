"""Checks of the data applications DF01 to DF07 (spec/cards.md 1.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_basic_files import must_be_record
from conformance.suites.card_conversation import DF04, Session, control, generation, only, pin_given, started
from conformance.suites.card_tables import FILES, MEDICAL
from protocols.wire.base import Label

LOG_LENGTH = 0x1C
LOG_SFI = 0x08


class ApplicationFiles(Check):
    """DG-W20-11: the practitioner's first look at a card: a missing DF or EF stops the service that needs it."""

    id = "card.applications.files"
    title = Label("各应用的文件齐全", "every application has its files")
    clauses = ("DG-W20-11", "LL-A1-18")
    device_class = "card"
    control = "start"
    kills = ("card.ef-missing",)
    source = "spec/cards.md 1.5, 1.11"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for df, files in FILES[generation(t.facts)].items():
            await session.ssse()
            with t.step(f"df.{df:04X}"):
                await session.select(df)
            for ef in files:
                with t.step(f"ef.{df:04X}.{ef:04X}"):
                    await session.select(ef)
            with t.step(f"absent.{df:04X}"):
                await session.select(0xEF7E)

    def oracle(self, v: CardView) -> None:
        started(v)
        for df, files in FILES[generation(v.facts)].items():
            chosen = only(v, f"df.{df:04X}")
            v.must(chosen.ok, f"应能选择 {df:04X}", f"{df:04X} must select", chosen)
            for ef in files:
                found = only(v, f"ef.{df:04X}.{ef:04X}")
                v.must(found.ok, f"{df:04X} 内应有 {ef:04X}", f"{ef:04X} must be in {df:04X}", found)
            absent = only(v, f"absent.{df:04X}")
            control(absent.sw == 0x6A82, "不存在的文件返回 6A82", "an absent file gives 6A82", absent)


class MedicalRecords(Check):
    """DG-W20-11, BJ-KSK-03: settlement reads insurance data by tag; a wrong length shifts every field after it."""

    id = "card.df04.records"
    title = Label("DF04 医保基本信息记录", "insurance records of DF04")
    clauses = ("DG-W20-11", "BJ-KSK-03")
    device_class = "card"
    needs = ("card.pin",)
    variants = ("2.0", "3.0")
    control = "verify"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.df04-length",)
    source = "spec/cards.md 1.5 (DF04 EF05)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(DF04)
        with t.step("verify"):
            await session.right()
        await session.select(0xEF05)
        for item in MEDICAL:
            with t.step(item.name):
                await session.record(item.tag, item.length)

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        verified = only(v, "verify")
        control(verified.ok, "密码通过", "the PIN is accepted", verified)
        for item in MEDICAL:
            talk = only(v, item.name)
            value = must_be_record(v, talk, item)
            if item.tag == 0x8F and value is not None:
                v.must(value in (b"1", b"2"), "联网标志应为 1 或 2", "the online mark must be 1 or 2", talk)


class MedicalLogProtected(Check):
    """BJ-KSK-04, DG-W20-11: past visits are health data: no PIN, no record, by no way of reading."""

    id = "card.df04.log_needs_pin"
    title = Label("卡内就医记录须密码", "past visits in the card need the PIN")
    clauses = ("BJ-KSK-04", "DG-W20-11")
    device_class = "card"
    needs = ("card.pin",)
    control = "open"
    damage: ClassVar[Mapping[str, int]] = {"pin_tries": 1}
    kills = ("card.log-free",)
    source = "spec/cards.md 1.5 (DF04 EF08)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        await session.select(DF04)
        with t.step("closed"):
            await t.ask(bytes((0x00, 0xB2, 0x01, LOG_SFI << 3 | 4, LOG_LENGTH)))
        with t.step("verify"):
            await session.right()
        with t.step("open"):
            await t.ask(bytes((0x00, 0xB2, 0x01, LOG_SFI << 3 | 4, LOG_LENGTH)))

    def oracle(self, v: CardView) -> None:
        started(v)
        pin_given(v)
        verified, opened = only(v, "verify"), only(v, "open")
        control(verified.ok, "密码通过", "the PIN is accepted", verified)
        v.must(
            (opened.ok and len(opened.data) == LOG_LENGTH) or opened.sw == 0x6A83,
            "验证密码后应给出 28 字节记录，或无记录时返回 6A83",
            "with the PIN a record of 28 bytes must come, or 6A83 when there is none",
            opened,
        )
        v.status_is(v.step("closed").last, (0x6982,), "未验证密码读取 EF08", "READ RECORD of EF08 without the PIN")


class ApplicationsProtected(Check):
    """DG-W20-11: household, work and pension data belong to the holder: none may be read without PIN or key."""

    id = "card.applications.protected"
    title = Label("各应用数据未授权不得读取", "data of the applications are closed without a right")
    clauses = ("DG-W20-11", "DG-GEN-03")
    device_class = "card"
    control = "control"
    kills = ("card.applications-free", "card.df02-free", "card.pin-not-needed")
    source = "spec/cards.md 1.5"

    CLOSED: ClassVar[Mapping[Any, Any]] = {
        0xDF01: (0xEF05, 0x20),
        0xDF02: (0xEF05, 0x42),
        0xDF03: (0xEF05, 0x61),
        0xDF04: (0xEF05, 0x81),
    }

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("control"):
            await session.read(0xEF05, 0x03, 4)
        for df, (ef, tag) in self.CLOSED.items():
            await session.ssse()
            await session.select(df)
            with t.step(f"select.{df:04X}"):
                await session.select(ef)
            with t.step(f"read.{df:04X}"):
                await session.record(tag, 0)

    def oracle(self, v: CardView) -> None:
        started(v)
        version = only(v, "control")
        control(version.data[:2] == b"\x03\x04", "EF05 可读", "EF05 can be read", version)
        for df in self.CLOSED:
            selected = only(v, f"select.{df:04X}")
            control(selected.ok, f"{df:04X} 的 EF05 存在", f"EF05 of {df:04X} exists", selected)
            v.status_is(
                v.step(f"read.{df:04X}").last,
                (0x6982,),
                f"未授权读取 {df:04X}",
                f"READ RECORD in {df:04X} without a right",
            )
