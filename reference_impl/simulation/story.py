"""A story: who pays what and when, and what goes wrong. A plain value, made from a seed, played by ``world.py``.

Nothing in a story is a probability. Every fault names the message that it strikes (its peer, its address, the how manieth),
every crash the step at which it happens. So a story from which something was taken away plays the rest as before, which is what
makes it possible to shrink one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from protocols.seeded import SeededChoice

__all__ = [
    "BEFORE_CUT_OVER",
    "BEFORE_MIDNIGHT",
    "MORNING",
    "Crash",
    "Payment",
    "Shape",
    "Story",
    "Strike",
    "story_of_seed",
]

Method = Literal["bank_card", "wechat", "alipay", "unionpay_qr"]
Kind = Literal["bill", "registration"]

PAYERS = ("pays", "pays", "pays", "password", "never", "declines", "poor", "unknown-paid", "unknown-unpaid", "expired")
PEER_STRIKES = (
    "refuse",
    "delay-then-commit",
    "commit-then-drop-reply",
    "drop-request",
    "duplicate",
    "malformed",
    "wrong-reference",
)
NETWORK_STRIKES = ("lose-request", "lose-reply", "slow-request", "slow-reply", "repeat-request")

ADDRESSES: dict[str, tuple[str, ...]] = {
    "his": (
        "POST /his/v1/settlements/lock",
        "POST /his/v1/settlements",
        "DELETE /his/v1/settlements/lock",
        "GET /his/v1/trades",
        "POST /his/v1/refunds",
        "GET /his/v1/refunds",
        "POST /his/v1/registrations",
    ),
    "insurance": ("9001", "2201", "2203A", "2204", "2205", "2202", "2206", "2207", "2208", "2601", "5203"),
    "bank": ("0800", "0200/000000", "0200/200000", "0400", "0500", "0220/200000"),
    "qr": (
        "wechat/pay",
        "wechat/query",
        "wechat/cancel",
        "wechat/refund",
        "alipay/pay",
        "alipay/query",
        "alipay/cancel",
        "alipay/refund",
        "unionpay/pay",
        "unionpay/query",
        "unionpay/cancel",
        "unionpay/refund",
    ),
    "backend": ("open", "pay", "trade", "trade_by_key", "cancel", "refund", "pin_key"),
}
"""Messages that a fault may be aimed at. ``backend`` is asked by the kiosks."""

WEIGHTS: dict[str, int] = {"his": 3, "insurance": 5, "bank": 5, "qr": 4, "backend": 4}


@dataclass(frozen=True, slots=True)
class Payment:
    """One citizen at one kiosk. ``at_s`` after the beginning; ``payer`` how their code behaves (``pays``, ``password``,
    ``never``, ``declines``, ``poor``, ``unknown-paid``, ``unknown-unpaid``, ``expired``); ``wrong_pin`` so many wrong PINs first; ``walks_away`` at
    which step they leave the kiosk alone (``quote``, ``paying``, empty for not); ``refund_after_s`` when they want their
    money back, 0 for never."""

    kiosk: int
    at_s: float
    resident: int
    kind: Kind = "bill"
    bills: int = 1
    insured: bool = True
    use_account: bool = True
    method: Method = "bank_card"
    payer: str = "pays"
    wrong_pin: int = 0
    cancels: bool = False
    walks_away: str = ""
    refund_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Strike:
    """The *nth* message (from 1) with that address to that peer is struck."""

    peer: str
    address: str
    nth: int
    fault: str


@dataclass(frozen=True, slots=True)
class Crash:
    """*party* dies at the *nth* event of that kind and comes back *down_s* later. Events: ``commit-before`` (the group is
    lost), ``commit-after`` (it is durable, nobody was told), ``send`` (a request has just left), ``receive`` (a reply has
    just come), ``message`` (a peer has been asked), ``time`` (*nth* seconds after the beginning), ``step`` (of a kiosk)."""

    party: str
    event: str
    nth: int
    down_s: float


@dataclass(frozen=True, slots=True)
class Story:
    """``begins_at`` is Unix time: stories near the cut-over begin there. ``re_sign_in``: after so many seconds the bank
    takes new working keys from everybody (0: never)."""

    seed: int
    begins_at: float
    payments: tuple[Payment, ...]
    strikes: tuple[Strike, ...] = ()
    crashes: tuple[Crash, ...] = ()
    re_sign_in: float = 0.0

    @property
    def size(self) -> int:
        """What shrinking makes smaller."""
        return len(self.payments) + len(self.strikes) + len(self.crashes) + bool(self.re_sign_in)

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for a file."""
        return asdict(self)

    @staticmethod
    def of_dict(value: Mapping[str, Any]) -> Story:
        """The story of :meth:`as_dict`. Raises TypeError or KeyError for anything else."""
        return Story(
            seed=value["seed"],
            begins_at=value["begins_at"],
            payments=tuple(Payment(**each) for each in value["payments"]),
            strikes=tuple(Strike(**each) for each in value.get("strikes", ())),
            crashes=tuple(Crash(**each) for each in value.get("crashes", ())),
            re_sign_in=value.get("re_sign_in", 0.0),
        )


MORNING = 1_795_305_600.0
"""2026-11-22 08:00:00 in China."""
BEFORE_CUT_OVER = MORNING + 15 * 3600 - 45
"""22:59:15: the bank's day ends at 23:00."""
BEFORE_MIDNIGHT = MORNING + 16 * 3600 - 45


@dataclass(frozen=True, slots=True)
class Shape:
    """How large and how bad stories are."""

    most_payments: int = 5
    most_strikes: int = 5
    most_crashes: int = 3
    kiosks: int = 3
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ADDRESSES)


def story_of_seed(seed: int, shape: Shape | None = None) -> Story:
    """The story of *seed*: always the same."""
    shape = shape or Shape()
    choice = SeededChoice(seed, "story")
    begins_at = choice.one_of((MORNING, MORNING, MORNING, BEFORE_CUT_OVER, BEFORE_MIDNIGHT))
    payments = tuple(_payment(choice, number, shape) for number in range(1 + choice.below(shape.most_payments)))
    strikes = tuple(_strike(choice, shape) for _ in range(choice.below(shape.most_strikes + 1)))
    crashes = tuple(_crash(choice) for _ in range(choice.below(shape.most_crashes + 1)))
    re_sign_in = choice.between(5.0, 60.0) if choice.chance(0.15) else 0.0
    return Story(seed, begins_at, payments, strikes, crashes, round(re_sign_in, 1))


def _payment(choice: SeededChoice, number: int, shape: Shape) -> Payment:
    method = choice.one_of(("bank_card", "bank_card", "wechat", "alipay", "unionpay_qr"))
    payer = choice.one_of(PAYERS)
    payment = Payment(
        kiosk=1 + choice.below(shape.kiosks),
        at_s=round(choice.between(0.0, 40.0), 1),
        resident=1 + choice.below(40),
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
    )
    return payment if number or payment.walks_away != "quote" else replace(payment, walks_away="")


def _strike(choice: SeededChoice, shape: Shape) -> Strike:
    peer = choice.one_of([name for name, weight in WEIGHTS.items() for _ in range(weight)])
    faults = NETWORK_STRIKES if peer == "backend" or choice.chance(0.4) else PEER_STRIKES
    return Strike(peer, choice.one_of(shape.addresses[peer]), 1 + choice.below(4), choice.one_of(faults))


def _crash(choice: SeededChoice) -> Crash:
    party = choice.one_of(("backend", "backend", "backend", "kiosk", "kiosk", "bank", "insurance", "his", "qr"))
    down_s = round(choice.between(0.5, 20.0), 1)
    if party == "backend":
        event = choice.one_of(("commit-before", "commit-after", "send", "receive"))
        return Crash(party, event, 1 + choice.below(30), down_s)
    if party == "kiosk":
        return Crash(f"kiosk-{1 + choice.below(3)}", "step", 1 + choice.below(8), down_s)
    return Crash(party, "message", 1 + choice.below(12), down_s)
