"""A story: who pays what and when, and what goes wrong. A plain value, made from a seed, played by ``world.py``.

Nothing in a story is a probability. Every fault names the message that it strikes (its peer, its address, the how manieth),
every crash the step at which it happens. So a story from which something was taken away plays the rest as before, which is what
makes it possible to shrink one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from protocols.wire.qr import alipay, unionpay, wechat

__all__ = [
    "ADDRESSES",
    "BEFORE_CUT_OVER",
    "BEFORE_MIDNIGHT",
    "KIOSK_STRIKES",
    "MORNING",
    "NETWORK_STRIKES",
    "PEER_STRIKES",
    "Crash",
    "Payment",
    "Story",
    "Strike",
]

Method = Literal["bank_card", "wechat", "alipay", "unionpay_qr"]
Kind = Literal["bill", "registration"]
Shown = Literal["resident_id", "social_security_card", "e_credential"]

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
