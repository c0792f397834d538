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
from protocols.wire.qr import alipay, unionpay, wechat

__all__ = [
    "ADDRESSES",
    "BEFORE_CUT_OVER",
    "BEFORE_MIDNIGHT",
    "MORNING",
    "NETWORK_STRIKES",
    "PEER_STRIKES",
    "Crash",
    "Payment",
    "Shape",
    "Story",
    "Strike",
    "story_of_seed",
]

Method = Literal["bank_card", "wechat", "alipay", "unionpay_qr"]
Kind = Literal["bill", "registration"]
Shown = Literal["resident_id", "social_security_card", "e_credential"]

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
NETWORK_STRIKES = (
    "lose-request",
    "lose-reply",
    "slow-request",
    "slow-reply",
    "repeat-request",
    "stale-reply",
    "forge-reply",
)
"""``stale-reply``: the request is lost, and the reply to an earlier message of that address comes in its place;
``forge-reply``: somebody on the line has changed what the reply says, and could not sign it anew."""
KIOSK_STRIKES = NETWORK_STRIKES[:5]

ADDRESSES: dict[str, tuple[str, ...]] = {
    "his": (
        "POST /his/v1/settlements/lock",
        "POST /his/v1/settlements",
        "POST /his/v1/settlements",
        "DELETE /his/v1/settlements/lock",
        "GET /his/v1/trades",
        "POST /his/v1/refunds",
        "GET /his/v1/refunds",
        "POST /his/v1/registrations",
        "POST /his/v1/slots/locks",
    ),
    "insurance": (
        "9001",
        "2201",
        "2203A",
        "2204",
        "2206",
        "2207",
        "2207",
        "2207",
        "2205",
        "2202",
        "2208",
        "2601",
        "5203",
    ),
    "bank": ("0800", "0200/000000", "0200/000000", "0200/000000", "0200/200000", "0400", "0400", "0500", "0220/200000"),
    "qr": (
        wechat.MICROPAY,
        wechat.MICROPAY,
        wechat.ORDERQUERY,
        wechat.REVERSE,
        wechat.REFUND,
        wechat.REFUNDQUERY,
        alipay.PAY,
        alipay.PAY,
        alipay.QUERY,
        alipay.CANCEL,
        alipay.REFUND,
        alipay.REFUND_QUERY,
        unionpay.PAY,
        unionpay.PAY,
        unionpay.QUERY,
        unionpay.CANCEL,
        unionpay.REFUND,
        unionpay.REFUND_QUERY,
    ),
    "backend": ("open", "pay", "pay", "pay", "trade", "trade_by_key", "cancel", "refund", "pin_key", "lock_slot"),
}
"""Messages that a fault may be aimed at, by the names that the peers themselves give them; what matters more stands there more
often. ``backend`` is asked by the kiosks."""

WEIGHTS: dict[str, int] = {"his": 3, "insurance": 5, "bank": 5, "qr": 4, "backend": 4}


@dataclass(frozen=True, slots=True)
class Payment:
    """One citizen at one kiosk. ``at_s`` after the beginning; ``payer`` how their code behaves (``pays``, ``password``,
    ``never``, ``declines``, ``poor``, ``unknown-paid``, ``unknown-unpaid``, ``expired``); ``wrong_pin`` so many wrong PINs first; ``walks_away`` at
    which step they leave the kiosk alone (``quote``, ``paying``, empty for not); ``refund_after_s`` when they want their
    money back, 0 for never; ``shows`` what they prove with who they are."""

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
    shows: Shown = "resident_id"


@dataclass(frozen=True, slots=True)
class Strike:
    """The *nth* message (from 1) with that address to that peer is struck."""

    peer: str
    address: str
    nth: int
    fault: str


@dataclass(frozen=True, slots=True)
class Crash:
    """*party* dies at the *nth* event of that kind and comes back *down_s* later; a kiosk never again with a negative one.

    Events: ``commit-before`` (the group is lost), ``commit-after`` (it is durable, nobody was told), ``send`` (a request has
    just left), ``receive`` (a reply has just come), ``message`` (a peer has been asked), ``step`` (of a kiosk). ``takeover``:
    at the *nth* commit another backend takes over the database while this one still believes that it runs, and is only then
    put right by it.
    """

    party: str
    event: str
    nth: int
    down_s: float


@dataclass(frozen=True, slots=True)
class Story:
    """``begins_at`` is Unix time: stories near the cut-over begin there. ``re_sign_in``: after so many seconds the bank
    takes new working keys from everybody; ``settles``: after so many the batches of all bank terminals are settled, so that
    what comes later is a new batch (0: never)."""

    seed: int
    begins_at: float
    payments: tuple[Payment, ...]
    strikes: tuple[Strike, ...] = ()
    crashes: tuple[Crash, ...] = ()
    re_sign_in: float = 0.0
    settles: float = 0.0

    @property
    def size(self) -> int:
        """What shrinking makes smaller."""
        return len(self.payments) + len(self.strikes) + len(self.crashes) + bool(self.re_sign_in) + bool(self.settles)

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
            settles=value.get("settles", 0.0),
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
    strikes = tuple(
        each for _ in range(choice.below(shape.most_strikes + 1)) for each in _strikes(choice, shape, payments)
    )
    crashes = tuple(_crash(choice, shape) for _ in range(choice.below(shape.most_crashes + 1)))
    re_sign_in = choice.between(5.0, 60.0) if choice.chance(0.15) else 0.0
    settles = choice.between(30.0, 200.0) if choice.chance(0.2) else 0.0
    return Story(seed, begins_at, payments, strikes, crashes, round(re_sign_in, 1), round(settles, 1))


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


def _addresses(peer: str, payments: tuple[Payment, ...], shape: Shape) -> list[str]:
    """Of the QR gateway the families that are used; WeChat is everybody's second choice."""
    known = shape.addresses[peer]
    if peer != "qr":
        return list(known)
    methods = {each.method for each in payments} | {"wechat"}
    heads = tuple(head for name in methods if name in _OF_METHOD for head in _OF_METHOD[name].split("|"))
    return [each for each in known if each.startswith(heads)]


_DOUBT = (
    "lose-reply",
    "slow-reply",
    "commit-then-drop-reply",
    "malformed",
    "lose-request",
    "slow-request",
    "delay-then-commit",
)
_COMMIT_REFUSED = ("his", "POST /his/v1/settlements", ("refuse",))
_CAUSES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "0400": ("bank", "0200/000000", _DOUBT),
    "0200/200000": _COMMIT_REFUSED,
    "5203": ("insurance", "2207", _DOUBT),
    "2601": ("insurance", "2207", ("lose-request", "slow-request", "drop-request", "delay-then-commit")),
    "2208": _COMMIT_REFUSED,
    "2205": ("insurance", "2206", ("refuse", *_DOUBT)),
    "2202": ("insurance", "2206", ("refuse", *_DOUBT)),
    "GET /his/v1/trades": ("his", "POST /his/v1/settlements", _DOUBT),
    "GET /his/v1/refunds": ("his", "POST /his/v1/refunds", _DOUBT),
    "DELETE /his/v1/settlements/lock": ("insurance", "2201", ("refuse", *_DOUBT)),
    wechat.ORDERQUERY: ("qr", wechat.MICROPAY, _DOUBT),
    wechat.REVERSE: ("qr", wechat.MICROPAY, ("lose-request", "slow-request", "drop-request", "delay-then-commit")),
    wechat.REFUND: _COMMIT_REFUSED,
    wechat.REFUNDQUERY: _COMMIT_REFUSED,
    alipay.QUERY: ("qr", alipay.PAY, _DOUBT),
    alipay.CANCEL: ("qr", alipay.PAY, ("lose-request", "slow-request", "drop-request", "delay-then-commit")),
    alipay.REFUND: _COMMIT_REFUSED,
    alipay.REFUND_QUERY: _COMMIT_REFUSED,
    unionpay.QUERY: ("qr", unionpay.PAY, _DOUBT),
    unionpay.CANCEL: ("qr", unionpay.PAY, ("lose-request", "slow-request", "drop-request", "delay-then-commit")),
    unionpay.REFUND: _COMMIT_REFUSED,
    unionpay.REFUND_QUERY: _COMMIT_REFUSED,
    "trade_by_key": ("backend", "open", NETWORK_STRIKES[:4]),
}
"""What makes a message be sent at all that is only sent when something has gone wrong before."""


def _strikes(choice: SeededChoice, shape: Shape, payments: tuple[Payment, ...]) -> tuple[Strike, ...]:
    """One fault with what leads to it; now and then it lasts for several messages of its kind."""
    peer = choice.one_of(_peers(payments))
    address = choice.one_of(_addresses(peer, payments, shape))
    if peer == "backend":
        fault = choice.one_of(KIOSK_STRIKES)
    else:
        fault = choice.one_of(NETWORK_STRIKES if choice.chance(0.4) else PEER_STRIKES)
    first = choice.one_of((1, 1, 1, 1, 2, 2, 3))
    times = choice.one_of((1, 1, 1, 1, 2, 3, 6))
    strikes = [Strike(peer, address, first + at, fault) for at in range(times)]
    if address in _CAUSES:
        by, cause, faults = _CAUSES[address]
        strikes = [Strike(by, cause, first, choice.one_of(faults))] + [
            replace(each, nth=each.nth - first + 1) for each in strikes
        ]
    return tuple(strikes)


def _crash(choice: SeededChoice, shape: Shape) -> Crash:
    party = choice.one_of(
        ("backend", "backend", "backend", "backend", "kiosk", "kiosk", "bank", "insurance", "his", "qr")
    )
    down_s = round(choice.between(0.5, 20.0), 1)
    if party == "backend":
        event = choice.one_of(("commit-before", "commit-after", "send", "receive", "takeover"))
        return Crash(party, event, 1 + choice.below(60), down_s)
    if party == "kiosk":
        lost = choice.chance(0.15)
        return Crash(f"kiosk-{1 + choice.below(shape.kiosks)}", "step", 1 + choice.below(30), -1.0 if lost else down_s)
    return Crash(party, "message", 1 + choice.below(30 if party in ("his", "insurance") else 8), down_s)
