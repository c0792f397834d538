"""What the insurance pays: classes of items, and the calculation of a settlement in whole cents. Pure.

An item is split into wholly own expense (class C), what is above the ceiling of its price, the share that the insured bears first
(class B), and what is within the policy. Of that, after the deductible of the year, the pooled fund pays its ratio; of the rest
the account pays what it may. Which items, ratios and limits Dongguan has is not public: these are this project's, chosen so that the
worked settlement of spec/services.md 1.10 comes out of them. As in the city, nothing is stored: an item is a function of its code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["CATALOGUE", "Figures", "Item", "LineSplit", "Policy", "Purse", "calculate", "item_of", "split_line"]

SHARE_ONE = 10_000
"""Ratios are whole ten-thousandths, prices and ceilings whole millionths of a yuan, quantities ten-thousandths."""


@dataclass(frozen=True, slots=True)
class Item:
    """``level`` 01 A, 02 B, 03 C; ``own_share`` what the insured bears first; ``ceiling`` of the price, 0 for none."""

    level: str
    own_share: int = 0
    ceiling: int = 0


CATALOGUE: Mapping[str, Item] = {
    "XSIM000000000000A001": Item("01"),
    "XSIM000000000000A002": Item("01", ceiling=25_000_000),
    "XSIM000000000000B001": Item("02", own_share=1_000),
    "XSIM000000000000B002": Item("02", own_share=2_000, ceiling=40_000_000),
    "XSIM000000000000C001": Item("03", own_share=SHARE_ONE),
    "0SIM00000000000REG01": Item("01", ceiling=10_000_000),
    "0SIM00000000000EXM01": Item("02", own_share=1_000),
}
"""Items that examples name. Every other code has a class all the same, drawn from the code itself."""


def item_of(code: str) -> Item:
    """The item with that med_list_codg: six in ten are class A, three class B, one class C; one in eight has a ceiling."""
    known = CATALOGUE.get(code)
    if known is not None:
        return known
    draw = hashlib.sha256(f"item {code}".encode()).digest()
    ceiling = 1_000_000 * (5 + draw[1] % 120) if draw[2] % 8 == 0 else 0
    if draw[0] < 154:
        return Item("01", ceiling=ceiling)
    if draw[0] < 230:
        return Item("02", own_share=1_000 if draw[3] % 2 else 2_000, ceiling=ceiling)
    return Item("03", own_share=SHARE_ONE)


@dataclass(frozen=True, slots=True)
class LineSplit:
    """Parts of one line in fen; they add up to its amount."""

    own_fen: int
    over_fen: int
    first_fen: int
    scope_fen: int


def rounded(numerator: int, denominator: int) -> int:
    """*numerator* / *denominator*, half up, for amounts that are not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def split_line(item: Item, fee_fen: int, quantity: int) -> LineSplit:
    """How *fee_fen* for *quantity* (ten-thousandths) of *item* is split."""
    if item.level == "03":
        return LineSplit(fee_fen, 0, 0, 0)
    # A ceiling in millionths of a yuan times a quantity in ten-thousandths, in fen.
    most_fen = rounded(item.ceiling * quantity, 10**8) if item.ceiling else fee_fen
    over_fen = max(0, fee_fen - most_fen)
    first_fen = rounded((fee_fen - over_fen) * item.own_share, SHARE_ONE)
    return LineSplit(0, over_fen, first_fen, fee_fen - over_fen - first_fen)


@dataclass(frozen=True, slots=True)
class Policy:
    """``ratio`` of the pooled fund and ``deductible_fen`` of the year by kind of insurance; ``account_limit_fen`` is the most that
    accounts pay of one settlement (0: no limit); ``over_to_institution``: what is above a ceiling is not the citizen's."""

    ratio: Mapping[str, int] = field(default_factory=lambda: {"310": 7_000, "390": 5_000})
    deductible_fen: Mapping[str, int] = field(default_factory=lambda: {"390": 3_000})
    account_limit_fen: int = 3_000
    over_to_institution: bool = False


@dataclass(frozen=True, slots=True)
class Purse:
    """What can be drawn on, in fen: the account of the insured, and that of a relative who has allowed it beforehand."""

    own_fen: int = 0
    aid_fen: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """A settlement in fen; ``aid_fen`` is inside ``account_fen``; ``ratio`` in ten-thousandths."""

    total_fen: int
    own_fen: int
    over_fen: int
    first_fen: int
    scope_fen: int
    deductible_fen: int
    ratio: int
    fund_fen: int
    account_fen: int
    aid_fen: int
    cash_fen: int
    hospital_fen: int

    @property
    def person_fen(self) -> int:
        return self.account_fen + self.cash_fen


def calculate(policy: Policy, insutype: str, lines: Iterable[LineSplit], deducted_fen: int, purse: Purse) -> Figures:
    """The settlement of *lines* for a person who has borne *deducted_fen* of this year's deductible already.

    An empty *purse* is that of somebody without an account, or who does not want it used. Accounts do not pay for class C.
    """
    held = list(lines)
    own_fen = sum(each.own_fen for each in held)
    over_fen = sum(each.over_fen for each in held)
    first_fen = sum(each.first_fen for each in held)
    scope_fen = sum(each.scope_fen for each in held)
    total_fen = own_fen + over_fen + first_fen + scope_fen
    deductible_fen = min(scope_fen, max(0, policy.deductible_fen.get(insutype, 0) - deducted_fen))
    ratio = policy.ratio.get(insutype, 0)
    fund_fen = rounded((scope_fen - deductible_fen) * ratio, SHARE_ONE)
    hospital_fen = over_fen if policy.over_to_institution else 0
    person_fen = total_fen - fund_fen - hospital_fen
    payable_fen = person_fen - own_fen
    if policy.account_limit_fen:
        payable_fen = min(payable_fen, policy.account_limit_fen)
    from_own_fen = min(payable_fen, purse.own_fen)
    aid_fen = min(payable_fen - from_own_fen, purse.aid_fen)
    account_fen = from_own_fen + aid_fen
    return Figures(
        total_fen=total_fen,
        own_fen=own_fen,
        over_fen=over_fen,
        first_fen=first_fen,
        scope_fen=scope_fen,
        deductible_fen=deductible_fen,
        ratio=ratio,
        fund_fen=fund_fen,
        account_fen=account_fen,
        aid_fen=aid_fen,
        cash_fen=person_fen - account_fen,
        hospital_fen=hospital_fen,
    )
