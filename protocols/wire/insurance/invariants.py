"""The rules that the amounts of a settlement keep, in cents (spec/services.md 1.5). Pure.

Regions may have exceptions: a suite takes a broken rule as a finding to be looked at, this project's own peer keeps them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from protocols.wire.insurance.settlement_messages import FundDetail, SetlInfo
from protocols.wire.money import yuan_text

__all__ = ["MIRRORED", "invariant_violations"]

_FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay")
MIRRORED = (
    "medfee_sumamt",
    "fulamt_ownpay_amt",
    "overlmt_selfpay",
    "preselfpay_amt",
    "inscp_scp_amt",
    "act_pay_dedc",
    *_FUNDS,
    "fund_pay_sumamt",
    "psn_part_amt",
    "acct_pay",
    "acct_mulaid_pay",
    "psn_cash_pay",
    "hosp_part_amt",
)
"""What a reversal gives back with the opposite sign."""


def invariant_violations(
    setlinfo: SetlInfo,
    setldetail: Sequence[FundDetail] | None = None,
    lines_fen: Iterable[int] | None = None,
    reverses: SetlInfo | None = None,
) -> list[str]:
    """Every rule that *setlinfo* breaks, in words with both amounts; empty: none.

    *setldetail* is the list beside it, *lines_fen* the amounts of its fee lines, *reverses* the settlement of which it is the
    mirror. What is not given is not judged.
    """
    return list(_broken(setlinfo, setldetail, lines_fen, reverses))


def _broken(
    setl: SetlInfo,
    details: Sequence[FundDetail] | None,
    lines_fen: Iterable[int] | None,
    reverses: SetlInfo | None,
) -> Iterator[str]:
    yield from _differ(
        "medfee_sumamt",
        setl.medfee_sumamt,
        "fund_pay_sumamt + acct_pay + psn_cash_pay + hosp_part_amt",
        setl.fund_pay_sumamt + setl.acct_pay + setl.psn_cash_pay + setl.hosp_part_amt,
    )
    yield from _differ("psn_part_amt", setl.psn_part_amt, "acct_pay + psn_cash_pay", setl.acct_pay + setl.psn_cash_pay)
    yield from _differ(
        "medfee_sumamt",
        setl.medfee_sumamt,
        "fulamt_ownpay_amt + overlmt_selfpay + preselfpay_amt + inscp_scp_amt",
        setl.fulamt_ownpay_amt + setl.overlmt_selfpay + setl.preselfpay_amt + setl.inscp_scp_amt,
    )
    funds = sum(getattr(setl, name) for name in _FUNDS)
    yield from _differ("fund_pay_sumamt", setl.fund_pay_sumamt, " + ".join(_FUNDS), funds)
    if abs(setl.acct_mulaid_pay) > abs(setl.acct_pay) or setl.acct_mulaid_pay * setl.acct_pay < 0:
        yield f"acct_mulaid_pay {yuan_text(setl.acct_mulaid_pay)} is not inside acct_pay {yuan_text(setl.acct_pay)}"
    if details is not None:
        total = sum(each.fund_payamt for each in details)
        yield from _differ("fund_pay_sumamt", setl.fund_pay_sumamt, "the sum of setldetail.fund_payamt", total)
    if lines_fen is not None:
        yield from _differ("medfee_sumamt", setl.medfee_sumamt, "the sum of det_item_fee_sumamt", sum(lines_fen))
    if reverses is None:
        negative = [name for name in MIRRORED if getattr(setl, name) < 0]
        if negative and setl.medfee_sumamt >= 0:
            yield f"{', '.join(negative)} negative in a settlement"
        return
    for name in MIRRORED:
        yield from _differ(name, getattr(setl, name), f"minus the {name} of the settlement", -getattr(reverses, name))


def _differ(name: str, fen: int, other: str, other_fen: int) -> Iterator[str]:
    if fen != other_fen:
        yield f"{name} {yuan_text(fen)} is not {other} {yuan_text(other_fen)}"
