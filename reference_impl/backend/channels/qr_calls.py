"""The seam between the QR channel and the messages of one family: a call in plain values, a request, an outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from protocols.wire.http import HttpReply, HttpRequest
from protocols.wire.qr.payment_codes import Family
from reference_impl.backend.channels.qr_rules import CONTRADICTION
from reference_impl.backend.settlement.channel import Heard, Outcome

__all__ = ["Call", "QrMessages", "contradiction", "done", "refused", "silence"]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation. ``order_no`` is the number of the payment, ``refund_no`` that of the refund; ``fen`` what is paid or
    returned, ``total_fen`` what the payment was. ``now`` is Unix time; ``nonce`` 32 characters nobody can foresee."""

    op: str
    order_no: str
    refund_no: str
    fen: int
    total_fen: int
    subject: str
    institution: str
    terminal: str
    now: float
    nonce: str
    auth_code: str = field(default="", repr=False)


class QrMessages(Protocol):
    """``cancel_after_s``: the gateway takes no cancel sooner after the pay call."""

    family: Family
    cancel_after_s: float

    def request(self, call: Call) -> HttpRequest: ...

    def heard(self, call: Call, reply: HttpReply) -> Outcome:
        """What *reply* says. Raises :class:`protocols.wire.base.WireError` for one that cannot be read or believed."""
        ...


def done(**facts: str) -> Outcome:
    return Outcome(Heard.DONE, facts={name: value for name, value in facts.items() if value})


def refused(code: str, reason: str = "") -> Outcome:
    return Outcome(Heard.REFUSED, code[:64], reason[:128])


def silence(code: str, reason: str = "") -> Outcome:
    """Nobody knows what became of it."""
    return Outcome(Heard.SILENCE, code[:64], reason[:128])


def contradiction(reason: str, **facts: object) -> Outcome:
    """Under the gateway's own signature stands what cannot be: a person has to look."""
    told: Mapping[str, object] = {f"told_{name}": value for name, value in facts.items()}
    return Outcome(Heard.SILENCE, CONTRADICTION, reason, told)
