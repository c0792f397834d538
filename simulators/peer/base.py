"""The seam of every peer: a pure core between a request and its reply, with books that an oracle can read.

A module of this package that offers a peer defines ``PEER``, a :class:`PeerKind`: that is how ``onecard peer`` finds it.

State changes only by events. ``handle`` decides, appends each event to the journal and applies it; a core that is
built from the journal of an earlier one is that earlier one. So a peer that is killed comes back with all that it had
answered for, and a simulation may crash it at any message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, Protocol, TypeVar

from protocols.wire.base import Label
from protocols.wire.http import HttpReply, HttpRequest

__all__ = [
    "TWISTS",
    "BookRow",
    "FilePeer",
    "Journal",
    "Peer",
    "PeerKind",
    "PeerOptions",
    "Setting",
    "Temper",
    "Twist",
    "forget_events",
]

Q_contra = TypeVar("Q_contra", contravariant=True)
A = TypeVar("A")
Q = TypeVar("Q")

Temper = Literal["strict", "realistic", "hostile"]
"""``strict`` refuses whatever the documents forbid; ``realistic`` accepts what the field accepts, and reports it;
``hostile`` follows the letter in the least convenient way that the documents allow."""

Twist = Literal["", "refuse", "wrong-reference", "sign-in-expired", "file-not-ready"]
TWISTS: tuple[Twist, ...] = ("refuse", "wrong-reference", "sign-in-expired", "file-not-ready")
"""Faults that only the core can make, because they are words of its own language."""

Journal = Callable[[Mapping[str, Any]], None]
"""Takes one event, a JSON object, and has made it durable when it returns."""


def forget_events(event: Mapping[str, Any]) -> None:
    """The journal of a peer that need not survive."""


@dataclass(frozen=True, slots=True)
class BookRow:
    """One line of a peer's book, in words that are the same for all peers.

    ``reference`` is the id under which the asker sent it (bank: terminal/batch/trace; qr: out_trade_no; insurance: msgid
    of the settlement; his: trade_no). ``kind``: ``pay`` or ``undo``. ``original`` names the row that an ``undo`` undoes.
    ``amount_fen`` is positive in both. ``at`` is Unix time by the peer's own clock, ``day`` its business day
    (``2026-11-22``). ``parts`` splits an insurance or HIS amount (fund_fen, account_fen, cash_fen).
    """

    book: str
    reference: str
    kind: Literal["pay", "undo"]
    amount_fen: int
    at: float
    day: str
    institution: str = ""
    channel: str = ""
    original: str = ""
    parts: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of a peer that a bench file or a command line may set."""

    name: str
    default: str | int | bool
    label: Label


@dataclass(frozen=True, slots=True)
class PeerOptions:
    """What every peer is built from. ``people`` and ``institutions`` are the synthetic city (scenarios/people)."""

    temper: Temper = "strict"
    seed: int = 1
    settings: Mapping[str, str | int | bool] = field(default_factory=dict[str, "str | int | bool"])


class Peer(Protocol[Q_contra, A]):
    """A service: no I/O, no clock of its own, deterministic. ``now`` is Unix time and never goes backwards."""

    def address(self, request: Q_contra) -> str:
        """The name of the message, by which faults find it: ``2207``, ``0200/000000``, ``POST /his/v1/trades``.
        ``?`` for a request that cannot be read."""
        ...

    def handle(self, request: Q_contra, now: float, twist: Twist = "") -> A | None:
        """The reply, after every event was journalled. None: the protocol gives such a request no answer.
        Never raises for anything that a client can send."""
        ...

    def spoil(self, reply: A) -> A:
        """*reply* so damaged that nobody can read it."""
        ...

    def book(self) -> Iterable[BookRow]:
        """Every movement of money that this peer answers for, in the order of its clock."""
        ...

    def violations(self) -> list[str]:
        """What clients did against the protocol since the last call, without personal data."""
        ...

    def snapshot(self) -> Mapping[str, object]:
        """Inner state for panels and tests; masked."""
        ...


class FilePeer(Protocol):
    """The second face of a peer whose day files are fetched over HTTP while its business runs over something else."""

    def handle_file(self, request: HttpRequest, now: float, twist: Twist = "") -> HttpReply:
        """Never raises for anything that a client can send."""
        ...


@dataclass(frozen=True, slots=True)
class PeerKind(Generic[Q, A]):
    """How a kind of peer is made and reached.

    ``make(options, journal, events)``: *events* is what an earlier core had journalled. ``transport`` ``http``: requests
    and replies are HttpRequest and HttpReply; ``frames``: bytes, each frame with its two-byte length in front.
    """

    name: str
    label: Label
    transport: Literal["http", "frames"]
    make: Callable[[PeerOptions, Journal, Iterable[Mapping[str, Any]]], Peer[Q, A]]
    settings: tuple[Setting, ...] = ()
    files: bool = False
    """The peer hands out files besides: it is a :class:`FilePeer` too, on an HTTP port of its own."""

    def own(self, options: PeerOptions) -> PeerOptions:
        """*options* with the settings of this kind alone: a bench gives one set to all its peers."""
        names = {each.name for each in self.settings}
        settings = {name: value for name, value in options.settings.items() if name in names}
        return replace(options, settings=settings)
