"""Day files from the other systems: what is asked of whom, and what happens when one of them gives nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from protocols.clock import LoopClock, run_virtual
from protocols.wire.base import WireError
from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.insurance.detail_files import ResultRow, UploadRow
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.channels.his_client import DayNotReady, HisNotAnswered, RefusedByHis
from reference_impl.backend.channels.insurance_queries import (
    FileNotReady,
    NotAnswered,
    RefusedByCentre,
    ResultFile,
    Sums,
    TotalsResult,
)
from reference_impl.backend.channels.qr_bills import NoBill
from reference_impl.backend.reconciliation.frames import FileFault
from reference_impl.backend.reconciliation.insurance_rows import held_rows, sums
from reference_impl.backend.reconciliation.intake import DayFile
from reference_impl.backend.reconciliation.model import Book, Scope, Terms
from reference_impl.backend.reconciliation.peer_files import Doors, PeerFiles
from reference_impl.backend.reconciliation.readers import CsvReader
from reference_impl.backend.settlement.model import Act, Attempt, AttemptState, Leg, Trade, TradeKind
from reference_impl.backend.transport import NoAnswer

DAY = date(2026, 11, 22)
NOON = 1_795_320_000.0
ONE, OTHER = "H44190000001", "H44190000002"
WHOLE = Scope(DAY)


@dataclass
class Others:
    """All other systems at once. ``says``: what each raises; ``asked``: in which order they were asked for what."""

    says: dict[str, Exception | int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    uploads: list[tuple[list[UploadRow], int]] = field(default_factory=list)
    not_ready: int = 0

    def _ask(self, who: str, what: str) -> None:
        self.asked.append(f"{who} {what}")
        said = self.says.get(who)
        if isinstance(said, Exception):
            raise said

    async def exchange(self, peer: str, request: HttpRequest, limit_s: float) -> HttpReply:
        self._ask("bank", request.target)
        status = self.says.get("bank", 200)
        assert isinstance(status, int)
        return HttpReply(status, {}, b"H|1|2026-11-22|*|1795369200\nT|0|0|0|0|0\n")

    async def file(self, family: Family, day: date) -> bytes:
        self._ask(family.value, f"{day}")
        return b"bill"

    async def daily_trades(self, institution: str, day: str) -> tuple[Any, ...]:
        self._ask("his", institution)
        return ()

    async def totals(self, party: Any, insutype: str, first: str, last: str, sums: Sums, clr_type: str) -> TotalsResult:
        self._ask("3201", f"{party.institution} {insutype} {sums.total_fen} {sums.count}")
        return TotalsResult(False, "000001", "")

    async def details(
        self, party: Any, first: str, last: str, rows: list[UploadRow], cash_fen: int, clr_type: str
    ) -> list[ResultRow]:
        self._ask("3202", f"{party.institution} {party.institution_name} {clr_type}")
        self.uploads.append((rows, cash_fen))
        if self.not_ready:
            raise FileNotReady(ResultFile("F1", "x.zip", party.institution))
        return []

    async def download(self, party: Any, file: ResultFile) -> list[ResultRow]:
        self.not_ready -= 1
        if self.not_ready:
            raise FileNotReady(file)
        return []


def trade(*attempts: Attempt, insured: bool = False) -> Trade:
    terms = {"psn_no": "P1", "insutype": "310"}
    return Trade(
        "DG1", TradeKind.BILL, "DG1", "", "KSK-00001", ONE, "P1", 12_560, NOON, 0.0, "20261122",
        insured=insured, terms=terms, attempts=attempts,
    )  # fmt: skip


def attempt(seq: int, leg: Leg, channel: str, **fields: Any) -> Attempt:
    return Attempt(
        f"DG1-{seq}", "DG1", seq, leg, fields.pop("act", Act.DO), channel, "", f"{channel}-{seq}", 1_265, NOON,
        state=fields.pop("state", AttemptState.SUCCESS), updated_at=NOON, **fields,
    )  # fmt: skip


SETTLED = {
    "setl_id": "S1",
    "mdtrt_id": "M1",
    "setl_time": "2026-11-22 12:00:00",
    "medfee_fen": 12_560,
    "fund_fen": 8_295,
    "account_fen": 3_000,
    "cash_fen": 1_265,
    "clr_type": "11",
}
BACK = {"reversal_setl_id": "S2", "reversal_time": "2026-11-22 13:00:00"}


def fetched(others: Others, scope: Scope = WHOLE, *trades: Trade, by_hand: tuple[DayFile, ...] = ()) -> list[DayFile]:
    class Folder:
        async def files(self, scope: Scope) -> list[DayFile]:
            return list(by_hand)

    async def known(scope: Scope) -> tuple[list[Trade], Terms]:
        return list(trades), Terms(scope.day)

    async def main() -> list[DayFile]:
        doors = Doors(others, others, others, others)  # type: ignore[arg-type]
        source = PeerFiles(doors, Folder(), known, lambda: {ONE: "一站", OTHER: "二站"}, LoopClock(NOON))
        return await source.files(scope)

    return run_virtual(main())


def test_everybody_is_asked_for_everything_of_a_day() -> None:
    others = Others()
    files = fetched(others)
    assert sorted(others.asked) == [
        f"3202 {ONE} 一站 11",
        f"3202 {OTHER} 二站 11",
        "alipay 2026-11-22",
        "bank /bills/2026-11-22",
        f"his {ONE}",
        f"his {OTHER}",
        "unionpay_qr 2026-11-22",
        "wechat 2026-11-22",
    ]
    assert [each.name.partition("/")[2] for each in files] == [
        "channel.bank.all.bill",
        "channel.wechat.all.wechat",
        "channel.alipay.all.alipay",
        "channel.unionpay_qr.all.unionpay_qr",
        f"his.all.{ONE}.list",
        f"insurance.all.{ONE}.3202",
        f"his.all.{OTHER}.list",
        f"insurance.all.{OTHER}.3202",
    ]
    lists = [each for each in files if each.book is Book.HIS]
    assert [json.loads(each.data)[0]["state"] for each in lists] == ["NONE", "NONE"]
    assert [each.reader.read(each.data, each.name).height for each in lists] == [0, 0]


def test_of_one_institution_and_channel_only_that() -> None:
    others = Others()
    fetched(others, Scope(DAY, OTHER, "bank"))
    assert sorted(others.asked) == [
        f"3202 {OTHER} 二站 11",
        f"bank /bills/2026-11-22?institution={OTHER}",
        f"his {OTHER}",
    ]


def test_what_lies_in_the_folder_is_not_asked_for() -> None:
    others = Others()
    by_hand = (
        DayFile("a", b"", CsvReader(Book.CHANNEL), channel="alipay"),
        DayFile("b", b"", CsvReader(Book.HIS), institution=ONE),
        DayFile("c", b"", CsvReader(Book.INSURANCE)),
    )
    files = fetched(others, WHOLE, by_hand=by_hand)
    assert tuple(files[:3]) == by_hand
    assert sorted(others.asked) == [
        "bank /bills/2026-11-22",
        f"his {OTHER}",
        "unionpay_qr 2026-11-22",
        "wechat 2026-11-22",
    ]


@pytest.mark.parametrize(
    ("who", "said", "file", "told"),
    [
        ("bank", NoAnswer("silent"), f"channel.bank.{ONE}.bill", "the bank does not answer: run it again later"),
        ("bank", 404, f"channel.bank.{ONE}.bill", "no bill of that day yet"),
        ("wechat", NoAnswer("silent"), "channel.wechat.all.wechat", "the channel does not answer"),
        ("alipay", WireError("the signature is wrong"), "channel.alipay.all.alipay", "the signature is wrong"),
        ("his", DayNotReady("fetch it later"), f"his.all.{ONE}.list", "fetch it later"),
        ("his", HisNotAnswered("silent"), f"his.all.{ONE}.list", "the HIS does not answer"),
        ("his", RefusedByHis("unknown-institution", "?"), f"his.all.{ONE}.list", "(unknown-institution)"),
        ("3202", NotAnswered("silent"), f"insurance.all.{ONE}.3202", "the insurance centre does not answer"),
        ("3202", RefusedByCentre("bad-file", "?"), f"insurance.all.{ONE}.3202", "(bad-file)"),
    ],
)
def test_one_file_that_cannot_be_had_is_a_fault_of_the_whole(who: str, said: Any, file: str, told: str) -> None:
    with pytest.raises(FileFault) as caught:
        fetched(Others({who: said}), Scope(DAY, ONE))
    assert caught.value.file == f"2026-11-22/{file}"
    assert told in caught.value.text.en


def test_a_channel_without_a_bill_had_no_trade_unless_we_know_of_one() -> None:
    others = Others({"wechat": NoBill(Family.WECHAT, "NO_STATEMENT_EXIST")})
    (bill,) = (each for each in fetched(others, Scope(DAY, ONE, "wechat")) if each.book is Book.CHANNEL)
    assert bill.reader.read(bill.data, bill.name).is_empty()
    failed = attempt(1, Leg.CASH, "wechat", state=AttemptState.FAIL)
    assert fetched(others, Scope(DAY, ONE, "wechat"), trade(failed))
    with pytest.raises(FileFault, match="NO_STATEMENT_EXIST"):
        fetched(others, Scope(DAY, ONE, "wechat"), trade(attempt(1, Leg.CASH, "wechat")))


def test_what_was_paid_at_the_end_of_a_day_may_stand_in_the_next_bill() -> None:
    others = Others({"wechat": NoBill(Family.WECHAT, "NO_STATEMENT_EXIST")})
    late = 1_795_276_800.0 + 86_400 - 60
    paid = trade(Attempt("DG1-1", "DG1", 1, Leg.CASH, Act.DO, "wechat", "", "w1", 5, late, state=AttemptState.SUCCESS))
    assert fetched(others, Scope(DAY, ONE, "wechat"), paid)


# The insurance.


def test_our_own_rows_go_up_and_the_sums_are_told_before() -> None:
    others = Others()
    own = trade(attempt(1, Leg.INSURANCE, "insurance", facts=SETTLED), insured=True)
    fetched(others, Scope(DAY, ONE), own)
    assert f"3201 {ONE} 310 12560 1" in others.asked
    assert others.uploads == [([UploadRow("S1", "M1", "P1", 12_560, 8_295, 3_000, "0")], 1_265)]


def test_a_result_that_is_being_made_is_waited_for() -> None:
    assert fetched(Others(not_ready=5), Scope(DAY, ONE))
    with pytest.raises(FileFault, match="医保对账结果尚未生成"):
        fetched(Others(not_ready=100), Scope(DAY, ONE))


@pytest.mark.parametrize(
    ("attempts", "rows", "net"),
    [
        ([attempt(1, Leg.INSURANCE, "insurance", facts=SETTLED)], ["S1"], Sums(12_560, 8_295, 3_000, 1_265, 1)),
        (
            [
                attempt(1, Leg.INSURANCE, "insurance", facts=SETTLED),
                attempt(2, Leg.INSURANCE, "insurance", act=Act.UNDO, original="DG1-1", facts=BACK),
            ],
            ["S1", "S2"],
            Sums(0, 0, 0, 0, 0),
        ),
        (
            [attempt(1, Leg.INSURANCE, "insurance", state=AttemptState.REVERSED, facts={**SETTLED, **BACK})],
            ["S1", "S2"],
            Sums(0, 0, 0, 0, 0),
        ),
        # Cancelled by 2601 before anybody knew of it: it never was.
        ([attempt(1, Leg.INSURANCE, "insurance", state=AttemptState.REVERSED, facts=SETTLED)], [], Sums(0, 0, 0, 0, 0)),
        (
            [attempt(1, Leg.INSURANCE, "insurance", state=AttemptState.FAIL, facts={"mdtrt_id": "M1"})],
            [],
            Sums(0, 0, 0, 0, 0),
        ),
        (
            [attempt(1, Leg.INSURANCE, "insurance", facts={**SETTLED, "setl_time": "2026-11-23 00:00:01"})],
            [],
            Sums(0, 0, 0, 0, 0),
        ),
    ],
    ids=["settled", "refunded", "taken back at once", "cancelled", "failed", "next day"],
)
def test_rows_of_a_day_as_the_centre_counts_them(attempts: list[Attempt], rows: list[str], net: Sums) -> None:
    found = held_rows([trade(*attempts, insured=True)], ONE, DAY)
    assert [each.upload.setl_id for each in found] == rows
    assert sums(found) == net
    assert held_rows([trade(*attempts, insured=True)], OTHER, DAY) == []
