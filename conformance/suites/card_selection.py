"""Checks of SELECT: environment, applications and files (spec/cards.md 1.1, 1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from conformance.model import Check
from conformance.roles.card import CardTester
from conformance.roles.card_view import CardView
from conformance.suites.card_conversation import (
    ALGORITHM_IDS,
    SELECT_SSSE,
    SSSE_NAME,
    Session,
    children,
    control,
    generation,
    only,
    parameter,
    started,
)
from protocols.wire.base import Label

AIDS = {0xDF01: "D15600000500", 0xDF02: "D15600000501", 0xDF03: "D15600000502", 0xDF04: "D15600000503"}
AID_DF07 = "D15600000504"
REFUSED_P1P2 = (0x6A86, 0x6B00, 0x6A81)


def applications(v_or_t: CardTester | CardView) -> dict[int, str]:
    """FID to AID of the applications of the declared generation: DF07 came with 2.0."""
    return AIDS if generation(v_or_t.facts) == "1.0" else {**AIDS, 0xDF07: AID_DF07}


class SelectEnvironment(Check):
    """DG-W20-11, LL-A1-18: a card that does not select SSSE by its name is no social security card for any host.

    The FCI must be a whole template 6F with the name (84) and, in A5, the SFI of the directory (88).
    """

    id = "card.select.ssse"
    title = Label("按名称选择社会保障系统环境", "select the social security environment by name")
    clauses = ("DG-W20-11", "LL-A1-18", "DG-GEN-03")
    device_class = "card"
    kills = ("card.61xx-missing", "card.fci-flat", "card.fci-no-directory", "card.response-short", "card.ssse-name")
    source = "spec/cards.md 1.2"

    async def stimulus(self, t: CardTester) -> None:
        with t.step("reset"):
            await t.power_on()
        with t.step("select"):
            await t.ask(SELECT_SSSE)

    def oracle(self, v: CardView) -> None:
        selected = only(v, "select")
        v.status_is(v.step("select").last, (0x9000,), "选择 SSSE", "SELECT of SSSE")
        fci = children(selected.data).get(0x6F, b"")
        v.must(
            len(selected.data) == len(fci) + 2 and bool(fci),
            "应返回完整的 FCI 模板 6F，长度与内容相符",
            "the answer must be one whole FCI template 6F whose length fits",
            selected,
        )
        parts = children(fci)
        v.must(parts.get(0x84) == SSSE_NAME, "FCI 的 84 应为 SSSE 名称", "tag 84 must be the name of SSSE", selected)
        directory = children(parts.get(0xA5, b"")).get(0x88, b"")
        v.must(
            len(directory) == 1, "A5 中应有目录文件的 SFI（88）", "A5 must hold the SFI of the directory (88)", selected
        )


class SelectFciAlgorithm(Check):
    """DG-W20-11, DG-SVC-PAY-05: hosts choose PSAM keys by the algorithm in the FCI; a 3.0 card must tell a known one.

    Which one is judged only where the supplier declares it and the profile does not leave the reading open.
    """

    id = "card.select.fci_algorithm"
    title = Label("FCI 中的算法标识", "algorithm identifier in the FCI")
    clauses = ("DG-W20-11", "DG-SVC-PAY-05")
    device_class = "card"
    control = "start"
    kills = ("card.fci-wrong-algorithm",)
    source = "spec/cards.md 1.2; open-readings.md, algorithm in the FCI of 3.0"

    async def stimulus(self, t: CardTester) -> None:
        await Session.open(t)

    def oracle(self, v: CardView) -> None:
        start = started(v)
        discretionary = start.proprietary.get(0x9F0C)
        if discretionary is None:
            v.must(
                generation(v.facts) != "3.0",
                "3.0 卡的 FCI 应有 9F0C；更早的卡可以没有",
                "the FCI of a 3.0 card must hold 9F0C; earlier cards may lack it",
                start,
            )
            return
        stated = children(discretionary).get(0x86, b"")
        v.must(
            len(stated) == 1 and stated[0] in (1, 2, 3),
            "9F0C 中的 86 应为 01、02 或 03",
            "tag 86 inside 9F0C must be 01, 02 or 03",
            start,
        )
        declared = ALGORITHM_IDS.get(str(v.facts.get("pics", {}).get("card.algorithm")))
        if declared is not None and len(stated) == 1 and parameter(v.facts, "card.fci_algorithm") == "by-algorithm":
            v.must(stated[0] == declared, "算法标识应与声明一致", "the algorithm must be the declared one", start)


class SelectMasterFile(Check):
    """DG-W20-11: old hosts go back to the master file before each card; SSSE must still be there afterwards."""

    id = "card.select.mf"
    title = Label("选择主文件后再选环境", "select the master file, then the environment again")
    clauses = ("DG-W20-11", "LL-A1-18")
    device_class = "card"
    control = "start"
    kills = ("card.no-master-file",)
    source = "spec/cards.md 1.2"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("mf"):
            await session.select(0x3F00)
        with t.step("again"):
            await session.ssse()

    def oracle(self, v: CardView) -> None:
        start = started(v)
        selected, again = only(v, "mf"), only(v, "again")
        v.must(selected.ok, "选择 3F00 应成功", "SELECT of 3F00 must succeed", selected)
        v.must(again.data == start.fci, "再次选择 SSSE 的 FCI 应不变", "SSSE must select with the same FCI", again)


class _SelectApplications(Check):
    """What both ways of selecting an application share."""

    device_class = "card"
    control = "start"
    source = "spec/cards.md 1.1, 1.2, 1.5; open-readings.md, answer to SELECT of a DF"

    @staticmethod
    def command(fid: int, aid: str) -> bytes:
        raise TypeError("the two checks give it")

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for fid, aid in applications(t).items():
            with t.step(f"select.{fid:04X}", aid=aid):
                await t.ask(self.command(fid, aid))
            with t.step(f"inside.{fid:04X}"):
                await session.select(0xEF05)
            await session.ssse()

    def oracle(self, v: CardView) -> None:
        started(v)
        for fid, aid in applications(v).items():
            name = f"{fid:04X}"
            selected, inside = only(v, f"select.{name}"), only(v, f"inside.{name}")
            v.must(selected.ok, f"应能选择应用 {name}", f"application {name} must select", selected)
            named = children(children(selected.data).get(0x6F, b"")).get(0x84)
            if selected.data:
                v.must(
                    named == bytes.fromhex(aid),
                    f"{name} 的 FCI 应给出其 AID",
                    f"the FCI of {name} must name it",
                    selected,
                )
            v.must(inside.ok, f"{name} 内应有 EF05", f"EF05 must be selectable inside {name}", inside)


class SelectApplicationByFid(_SelectApplications):
    """DG-W20-11: hosts reach the data applications by file identifier; each of the generation must be there."""

    id = "card.select.df_by_fid"
    title = Label("按文件标识选择各应用", "select the applications by file identifier")
    clauses = ("DG-W20-11",)
    kills = ("card.df-name",)

    @staticmethod
    def command(fid: int, aid: str) -> bytes:
        return bytes.fromhex("00A4000002") + fid.to_bytes(2)


class SelectApplicationByAid(_SelectApplications):
    """DG-W20-11: the directory gives AIDs; what selects only by FID is lost to a host that follows it."""

    id = "card.select.df_by_aid"
    title = Label("按 AID 选择各应用", "select the applications by AID")
    clauses = ("DG-W20-11",)
    kills = ("card.df-name", "card.no-aid")

    @staticmethod
    def command(fid: int, aid: str) -> bytes:
        return bytes.fromhex("00A4040006" + aid)


class SelectElementaryFile(Check):
    """DG-W20-11: hosts select EF05 with P1 00 or 02; a card that knows one fails half of them."""

    id = "card.select.ef_both_forms"
    title = Label("两种 P1 选择基本文件", "select an elementary file with both P1 forms")
    clauses = ("DG-W20-11", "LL-A1-18")
    device_class = "card"
    control = "start"
    kills = ("card.no-ef-by-p1-02",)
    source = "spec/cards.md 1.2 (select EF)"

    FORMS: ClassVar[Mapping[Any, Any]] = {"p1_02": "00A4020002EF05", "p1_00": "00A4000002EF05"}

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for name, command in self.FORMS.items():
            with t.step(name):
                await t.ask(command)
            with t.step(f"{name}.read"):
                await session.record(0x03, 4)
            await session.ssse()

    def oracle(self, v: CardView) -> None:
        started(v)
        for name in self.FORMS:
            selected, record = only(v, name), only(v, f"{name}.read")
            v.must(selected.ok, f"选择 EF05（{name}）应成功", f"SELECT of EF05 ({name}) must succeed", selected)
            v.must(
                record.ok and record.data[:2] == b"\x03\x04",
                f"选择 EF05（{name}）后应读到记录 03",
                f"after SELECT of EF05 ({name}) record 03 must be read",
                record,
            )


class SelectUnknown(Check):
    """DG-W20-11: a card that accepts names it does not have lets a host read the wrong application."""

    id = "card.select.unknown_name"
    title = Label("选择不存在的名称和文件", "select names and files that do not exist")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "start"
    kills = ("card.no-ef-by-p1-02", "card.unknown-file-9000")
    source = "spec/cards.md 1.2 (SW of SELECT)"

    CASES: ClassVar[Mapping[Any, Any]] = {
        "name": ("00A404000F" + "7378392E73682EC9E7BBE1B1A3D5CF", "名称", "name"),
        "aid": ("00A4040006D156000005FF", "AID", "AID"),
        "df": ("00A4000002DF7E", "DF", "DF"),
        "ef": ("00A4020002EF7E", "EF", "EF"),
    }

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        for name, (command, _, _) in self.CASES.items():
            with t.step(name):
                await t.ask(command)
            await session.ssse()
        with t.step("after"):
            await session.ssse()

    def oracle(self, v: CardView) -> None:
        start = started(v)
        for name, (_, zh, en) in self.CASES.items():
            v.status_is(v.step(name).last, (0x6A82,), f"选择不存在的 {zh}", f"SELECT of an unknown {en}")
        after = only(v, "after")
        control(after.data == start.fci, "其后 SSSE 仍可选择", "SSSE selects afterwards", after)


class SelectWrongP1P2(Check):
    """DG-W20-11: an undefined way of selecting must be refused, not taken for another one."""

    id = "card.select.wrong_p1p2"
    title = Label("SELECT 的错误 P1 P2", "SELECT with undefined P1 P2")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "start"
    kills = ("card.select-any-p1p2",)
    source = "spec/cards.md 1.2, 1.8"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("wrong_p1"):
            await t.send(bytes.fromhex("00A47F000F") + SSSE_NAME)
        await session.ssse()
        with t.step("wrong_p2"):
            await t.send(bytes.fromhex("00A4047F0F") + SSSE_NAME)

    def oracle(self, v: CardView) -> None:
        started(v)
        for name in ("wrong_p1", "wrong_p2"):
            v.status_is(v.step(name).at(0), REFUSED_P1P2, "未定义的 P1 P2", "undefined P1 P2")


class SelectForgetsFile(Check):
    """DG-W20-11: after entering an application the file of the one before must be gone, or a host reads stale data."""

    id = "card.select.forgets_current_file"
    title = Label("进入应用后不再有当前文件", "entering an application forgets the current file")
    clauses = ("DG-W20-11",)
    device_class = "card"
    control = "before"
    kills = ("card.ef-kept-on-select",)
    source = "spec/cards.md 1.2, 1.3, 1.8 (6986)"

    async def stimulus(self, t: CardTester) -> None:
        session = await Session.open(t)
        with t.step("before"):
            await session.read(0xEF05, 0x03, 4)
        await session.select(0xDF04)
        with t.step("inside"):
            await session.record(0x03, 4)

    def oracle(self, v: CardView) -> None:
        started(v)
        before, inside = only(v, "before"), only(v, "inside")
        control(before.data[:2] == b"\x03\x04", "SSSE 中读到记录 03", "record 03 is read in SSSE", before)
        v.must(
            not inside.ok and not inside.data,
            "DF04 内未选文件时不得读出 SSSE 的记录",
            "inside DF04, with no file selected, no record of SSSE may be read",
            inside,
        )
