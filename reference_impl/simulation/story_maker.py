"""A story for every seed: who comes, and which messages, disks and machines fail. Always the same for the same seed.

Faults are aimed: a message that is only sent after something else went wrong is struck together with what makes it be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from protocols.seeded import SeededChoice
from protocols.wire.qr import alipay, unionpay, wechat
from reference_impl.simulation.forgery import FORGEABLE
from reference_impl.simulation.story import (
    ADDRESSES,
    BEFORE_CUT_OVER,
    BEFORE_MIDNIGHT,
    KIOSK_STRIKES,
    MORNING,
    NETWORK_STRIKES,
    PEER_STRIKES,
    Crash,
    Payment,
    Story,
    Strike,
)

__all__ = ["Shape", "story_of_seed"]

MOST_REFUSALS = 2
POOR = (14, 31)
"""Residents whose personal account pays for one bill and not for two: who comes second is quoted what is no longer there."""
WEIGHTS: dict[str, int] = {"his": 3, "insurance": 5, "bank": 5, "qr": 4, "backend": 4}


PAYERS = ("pays", "pays", "pays", "password", "never", "declines", "poor", "unknown-paid", "unknown-unpaid", "expired")


@dataclass(frozen=True, slots=True)
class Shape:
    """How large and how bad stories are."""

    most_payments: int = 5
    most_strikes: int = 8
    most_crashes: int = 4
    kiosks: int = 2
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ADDRESSES)


def story_of_seed(seed: int, shape: Shape | None = None) -> Story:
    """The story of *seed*: always the same."""
    shape = shape or Shape()
    choice = SeededChoice(seed, "story")
    begins_at = choice.one_of((MORNING, MORNING, MORNING, BEFORE_CUT_OVER, BEFORE_MIDNIGHT))
    payments = tuple(_payment(choice, number, shape) for number in range(1 + choice.below(shape.most_payments)))
    settles = round(choice.between(30.0, 200.0), 1) if choice.chance(0.2) else 0.0
    if settles:  # somebody wants back what was settled yesterday
        late = round(settles + choice.between(20.0, 120.0), 1)
        wishful = replace(payments[0], method="bank_card", insured=False, cancels=False, walks_away="", wrong_pin=0)
        payments = (replace(wishful, refund_after_s=late), *payments[1:])
    if len(payments) > 1 and choice.chance(0.15):
        one = replace(payments[0], resident=choice.one_of(POOR), insured=True, use_account=True)
        payments = (one, _twin(one, choice, shape), *payments[2:])
    strikes = _bearable(
        each for _ in range(choice.below(shape.most_strikes + 1)) for each in _strikes(choice, shape, payments, settles)
    )
    crashes = tuple(_crash(choice, shape) for _ in range(choice.below(shape.most_crashes + 1)))
    re_sign_in = choice.between(5.0, 60.0) if choice.chance(0.15) else 0.0
    return Story(seed, begins_at, payments, strikes, crashes, round(re_sign_in, 1), settles)


def _twin(payment: Payment, choice: SeededChoice, shape: Shape) -> Payment:
    """The same citizen, or somebody with their card, at the next kiosk at the same time."""
    return replace(
        payment,
        kiosk=payment.kiosk % shape.kiosks + 1,
        at_s=round(payment.at_s + choice.between(0.0, 6.0), 1),
        insured=True,
        use_account=True,
        cancels=False,
        walks_away="",
        refund_after_s=0.0,
    )


def _bearable(strikes: Iterable[Strike]) -> tuple[Strike, ...]:
    """Without the refusals after which a person has to look: whoever refuses to give money back a third time means it."""
    kept: list[Strike] = []
    refused: Counter[tuple[str, str]] = Counter()
    for each in strikes:
        place = (each.peer, each.address)
        refused[place] += each.fault == "refuse"
        if each.fault != "refuse" or refused[place] <= MOST_REFUSALS:
            kept.append(each)
    return tuple(kept)


def _payment(choice: SeededChoice, number: int, shape: Shape) -> Payment:
    method = choice.one_of(("bank_card", "bank_card", "bank_card", "wechat", "alipay", "unionpay_qr"))
    payer = choice.one_of(PAYERS)
    payment = Payment(
        kiosk=1 + choice.below(shape.kiosks),
        at_s=round(choice.between(0.0, 40.0), 1),
        resident=1 + choice.below(4 if choice.chance(0.4) else 40),
        kind=choice.one_of(("bill", "bill", "bill", "registration")),
        bills=1 + choice.below(2),
        insured=choice.chance(0.7),
        use_account=choice.chance(0.6),
        method=method,
        payer="pays" if method == "bank_card" else payer,
        wrong_pin=choice.below(3) if method == "bank_card" and choice.chance(0.2) else 0,
        cancels=choice.chance(0.1),
        walks_away=choice.one_of(("", "", "", "", "", "quote", "paying")),
        refund_after_s=round(choice.between(60.0, 400.0), 1) if choice.chance(0.2) else 0.0,
        shows=choice.one_of(("resident_id", "social_security_card", "e_credential")),
    )
    return payment if number or payment.walks_away != "quote" else replace(payment, walks_away="")


def _peers(payments: tuple[Payment, ...]) -> list[str]:
    """Whom these payments speak to, weighted."""
    weights = dict(WEIGHTS)
    if not any(each.insured for each in payments):
        weights.pop("insurance")
    if not any(each.method == "bank_card" for each in payments):
        weights.pop("bank")
    return [name for name, weight in weights.items() for _ in range(weight)]


_OF_METHOD = {"wechat": "/pay/|/secapi/", "alipay": "alipay.", "unionpay_qr": "/unionpay/"}


def _addresses(peer: str, payments: tuple[Payment, ...], shape: Shape, settles: float) -> list[str]:
    """Of the QR gateway the families that are used (WeChat is everybody's second choice); of the bank what comes after a
    batch only where one is settled."""
    known = shape.addresses[peer]
    if peer == "bank":
        return (
            [*known, *_AFTER_BATCH, *_AFTER_BATCH] if settles else [each for each in known if each not in _AFTER_BATCH]
        )
    if peer != "qr":
        return list(known)
    methods = {each.method for each in payments} | {"wechat"}
    heads = tuple(head for name in methods if name in _OF_METHOD for head in _OF_METHOD[name].split("|"))
    return [each for each in known if each.startswith(heads)]


_AFTER_BATCH = ("0500", "0220/200000", "0220/200000")
_DOUBT = (
    "lose-reply",
    "slow-reply",
    "commit-then-drop-reply",
    "malformed",
    "lose-request",
    "slow-request",
    "delay-then-commit",
)
_COMES_LATE = ("slow-request", "slow-request", "delay-then-commit", "lose-request")
_UNTRUE = ("stale-reply", "forge-reply")
_NOT_HEARD = ("lose-request", "drop-request", "lose-reply", "commit-then-drop-reply")
_COMMIT_REFUSED = ("his", "POST /his/v1/settlements", ("refuse",))
_CAUSES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "0400": ("bank", "0200/000000", _DOUBT),
    "0200/200000": _COMMIT_REFUSED,
    "5203": ("insurance", "2207", _DOUBT),
    "2601": ("insurance", "2207", _COMES_LATE),
    "2208": _COMMIT_REFUSED,
    "2205": ("insurance", "2206", ("refuse", *_DOUBT)),
    "2202": ("insurance", "2206", ("refuse", *_DOUBT)),
    "GET /his/v1/trades": ("his", "POST /his/v1/settlements", _DOUBT),
    "GET /his/v1/refunds": ("his", "POST /his/v1/refunds", _DOUBT),
    "DELETE /his/v1/settlements/lock": ("insurance", "2201", ("refuse", *_DOUBT)),
    wechat.ORDERQUERY: ("qr", wechat.MICROPAY, _DOUBT),
    wechat.REVERSE: ("qr", wechat.MICROPAY, _COMES_LATE),
    wechat.REFUND: _COMMIT_REFUSED,
    wechat.REFUNDQUERY: _COMMIT_REFUSED,
    alipay.QUERY: ("qr", alipay.PAY, _DOUBT),
    alipay.CANCEL: ("qr", alipay.PAY, _COMES_LATE),
    alipay.REFUND: _COMMIT_REFUSED,
    alipay.REFUND_QUERY: _COMMIT_REFUSED,
    unionpay.QUERY: ("qr", unionpay.PAY, _DOUBT),
    unionpay.CANCEL: ("qr", unionpay.PAY, _COMES_LATE),
    unionpay.REFUND: _COMMIT_REFUSED,
    unionpay.REFUND_QUERY: _COMMIT_REFUSED,
    "trade_by_key": ("backend", "open", NETWORK_STRIKES[:4]),
    "pay": ("bank", "0200/000000", ("refuse",)),
    "POST /his/v1/settlements/lock": ("his", "POST /his/v1/settlements/lock", _COMES_LATE),
}
"""What makes a message be sent at all that is only sent when something has gone wrong before."""


def _strikes(choice: SeededChoice, shape: Shape, payments: tuple[Payment, ...], settles: float) -> tuple[Strike, ...]:
    """One fault with what leads to it; now and then it lasts for several messages of its kind."""
    peer = choice.one_of(_peers(payments))
    address = choice.one_of(_addresses(peer, payments, shape, settles))
    if peer == "backend":
        fault = choice.one_of(KIOSK_STRIKES)
    else:
        of_network = NETWORK_STRIKES if peer in FORGEABLE else NETWORK_STRIKES[:-1]
        fault = choice.one_of(of_network if choice.chance(0.4) else PEER_STRIKES)
        if choice.chance(0.25):
            fault = choice.one_of(_UNTRUE if peer in FORGEABLE else _UNTRUE[:1])
        if address in _CAUSES and choice.chance(0.4):
            fault = choice.one_of(_NOT_HEARD)
    first = choice.one_of((1, 1, 1, 1, 2, 2, 3))
    times = choice.one_of((1, 1, 1, 1, 2, 3, 6))
    strikes = [Strike(peer, address, first + at, fault) for at in range(times)]
    if address in _CAUSES:
        by, cause, faults = _CAUSES[address]
        # What is struck twice is struck first by its cause; what the cause leads to counts from its own first message.
        shift = 1 if cause == address else 1 - first
        strikes = [replace(each, nth=each.nth + shift) for each in strikes]
        strikes.insert(0, Strike(by, cause, first, choice.one_of(faults)))
    return tuple(strikes)


def _crash(choice: SeededChoice, shape: Shape) -> Crash:
    party = choice.one_of(
        ("backend", "backend", "backend", "backend", "kiosk", "kiosk", "bank", "insurance", "his", "qr")
    )
    down_s = round(choice.between(0.5, 20.0), 1)
    if party == "backend":
        event = choice.one_of(("commit-before", "commit-before", "commit-after", "send", "receive", "takeover"))
        return Crash(party, event, 1 + choice.below(60), down_s)
    if party == "kiosk":
        lost = choice.chance(0.35)
        return Crash(f"kiosk-{1 + choice.below(shape.kiosks)}", "step", 1 + choice.below(30), -1.0 if lost else down_s)
    return Crash(party, "message", 1 + choice.below(30 if party in ("his", "insurance") else 8), down_s)
