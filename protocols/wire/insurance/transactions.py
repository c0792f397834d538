"""The transactions of the interface that this project speaks, each with its models (spec/services.md 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocols.wire.base import Label, WireError
from protocols.wire.insurance import file_messages as files
from protocols.wire.insurance import person_messages as people
from protocols.wire.insurance import settlement_messages as money
from protocols.wire.insurance import visit_messages as visits
from protocols.wire.insurance.fields import Part

__all__ = ["ALIASES", "TRANSACTIONS", "Transaction", "transaction"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """``request`` models the whole ``input``, ``reply`` the whole ``output``; None: the platform only acknowledges.
    ``moves_money``: its outcome must never be guessed. ``octets``: answered with a file."""

    infno: str
    label: Label
    request: type[Part]
    reply: type[Part] | None
    moves_money: bool = False
    octets: bool = False


_ALL = (
    Transaction("9001", Label("签到", "sign in"), people.SignInInput, people.SignInOutput),
    Transaction("9002", Label("签退", "sign out"), people.SignOutInput, people.SignOutOutput),
    Transaction("1101", Label("人员信息获取", "person information"), people.PersonInput, people.PersonOutput),
    Transaction("1201", Label("医药机构信息获取", "institution"), people.InstitutionInput, people.InstitutionOutput),
    Transaction("2001", Label("待遇检查", "entitlement check"), people.EntitlementInput, people.EntitlementOutput),
    Transaction("2201", Label("门诊挂号", "outpatient registration"), visits.VisitInput, visits.VisitOutput),
    Transaction("2202", Label("门诊挂号撤销", "registration cancelled"), visits.CancelVisitInput, None),
    Transaction("2203", Label("门诊就诊信息上传", "visit information upload"), visits.VisitInfoInput, None),
    Transaction("2204", Label("门诊费用明细上传", "fee detail upload"), visits.FeeInput, visits.FeeOutput),
    Transaction("2205", Label("门诊费用明细撤销", "fee detail withdrawal"), visits.WithdrawInput, None),
    Transaction("2206", Label("门诊预结算", "pre-settlement"), money.PreSettleInput, money.SettleOutput),
    Transaction("2207", Label("门诊结算", "settlement"), money.SettleInput, money.SettleOutput, moves_money=True),
    Transaction(
        "2208", Label("门诊结算撤销", "settlement reversal"), money.RevokeInput, money.SettleOutput, moves_money=True
    ),
    Transaction("2601", Label("冲正", "correction"), money.CorrectInput, None, moves_money=True),
    Transaction("3201", Label("对总账", "total reconciliation"), files.TotalsInput, files.TotalsOutput),
    Transaction("3202", Label("对明细账", "detail reconciliation"), files.DetailsInput, files.DetailsOutput),
    Transaction("5203", Label("结算信息查询", "settlement query"), money.QueryInput, money.QueryOutput),
    Transaction("9101", Label("文件上传", "file upload"), files.UploadInput, files.UploadOutput),
    Transaction("9102", Label("文件下载", "file download"), files.DownloadInput, None, octets=True),
)

TRANSACTIONS: Mapping[str, Transaction] = {each.infno: each for each in _ALL}

ALIASES: Mapping[str, str] = {"2203A": "2203"}
"""Numbers under which a region knows a transaction, and its national number."""


def transaction(infno: str) -> Transaction:
    """The transaction with that number, or the one that it is another name of. Raises :class:`WireError`."""
    found = TRANSACTIONS.get(ALIASES.get(infno, infno))
    if found is None:
        raise WireError("there is no such transaction: see spec/services.md 1.4")
    return found
