"""What the bank knows, and how each event changes it. Nothing else changes it.

Events hold no card number, PIN or clear key: a card is a keyed token, working keys stand as they were sent (enciphered under
the terminal's master key), and a message is recognised by a keyed digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulators.peer.base import BookRow

__all__ = ["BankState", "Card", "Entry", "EntryKind", "TerminalState"]

EntryKind = Literal["purchase", "void", "refund", "balance", "refused", "fence"]
KEPT_MAC_KEYS = 16
"""So many earlier sign-ins of a terminal are remembered: a message that was under way when it signed in again is old, not
forged."""


@dataclass(slots=True)
class Entry:
    """One message of one terminal, by ``reference`` (``terminal/batch/trace``).

    ``refused`` and ``fence`` moved nothing, but their trace is used up. ``original`` is what a void or refund takes back;
    ``undone_fen`` what was taken back of this one.
    """

    reference: str
    kind: EntryKind
    amount_fen: int = 0
    card: str = ""
    merchant: str = ""
    institution: str = ""
    retrieval: str = ""
    approval: str = ""
    at: float = 0.0
    day: str = ""
    digest: str = ""
    original: str = ""
    code: str = ""
    processing: str = ""
    reversed: bool = False
    reversed_day: str = ""
    undone_fen: int = 0

    @property
    def moved(self) -> bool:
        """Money has moved by this, and has not been moved back by a reversal."""
        return self.kind in ("purchase", "void", "refund") and not self.reversed


@dataclass(slots=True)
class TerminalState:
    """``keys`` is field 62 of the last sign-in, empty while there is none; ``earlier`` those of the sign-ins before."""

    batch: int = 1
    sign_ins: int = 0
    keys: str = ""
    application: str = ""
    signed_day: str = ""
    earlier: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    uploaded: dict[str, str] = field(default_factory=dict[str, str])
    closed: dict[int, str] = field(default_factory=dict[int, str])


@dataclass(slots=True)
class Card:
    captured_fen: int = 0
    wrong_pins: int = 0
    wrong_day: str = ""


class BankState:
    """Built from events by :meth:`apply`; read by everybody."""

    def __init__(self) -> None:
        self.terminals: dict[str, TerminalState] = {}
        self.cards: dict[str, Card] = {}
        self.counters: dict[str, int] = {}
        """The highest transaction counter that each chip has shown, by the token of the plastic."""
        self.entries: dict[str, Entry] = {}
        self.by_retrieval: dict[str, str] = {}
        self.by_batch: dict[str, list[str]] = {}
        self.by_day: dict[str, list[str]] = {}
        self.reversed_on: dict[str, list[str]] = {}
        self.rows: list[BookRow] = []
        self.count = 0

    def terminal(self, number: str) -> TerminalState:
        """That of a terminal; a new one before its first sign-in."""
        return self.terminals.get(number) or TerminalState()

    def card(self, token: str) -> Card:
        return self.cards.get(token) or Card()

    def apply(self, event: Mapping[str, Any]) -> None:
        """Raises KeyError or TypeError for an event of another kind of journal."""
        match event["type"]:
            case "signed-in":
                self._signed_in(event)
            case "signed-out":
                self._signed_out(event["terminal"])
            case "approved" | "refused" | "fenced":
                self._entered(event)
            case "reversed":
                self._reversed(event)
            case "uploaded":
                self._own(event["terminal"]).uploaded[event["reference"]] = event["code"]
            case "closed":
                self._closed(event)
            case other:
                raise KeyError(f"no event {other!r} of a bank")

    def _own(self, number: str) -> TerminalState:
        return self.terminals.setdefault(number, TerminalState())

    def _signed_in(self, event: Mapping[str, Any]) -> None:
        terminal = self._own(event["terminal"])
        if terminal.keys:
            terminal.earlier = [*terminal.earlier, (terminal.application, terminal.keys)][-KEPT_MAC_KEYS:]
        terminal.keys, terminal.application = event["keys"], event["application"]
        terminal.signed_day = event["day"]
        terminal.sign_ins += 1

    def _signed_out(self, number: str) -> None:
        for terminal in self.terminals.values() if number == "*" else [self._own(number)]:
            if terminal.keys:
                terminal.earlier = [*terminal.earlier, (terminal.application, terminal.keys)][-KEPT_MAC_KEYS:]
            terminal.keys = ""

    def _entered(self, event: Mapping[str, Any]) -> None:
        values = dict(event["entry"])
        pin, chip, counter = values.pop("pin", ""), values.pop("chip", ""), values.pop("counter", -1)
        if chip:
            self.counters[chip] = max(self.counters.get(chip, -1), counter)
        entry = Entry(**values)
        self.count += 1
        self.entries[entry.reference] = entry
        self._on_card(entry, pin)
        if event["type"] != "approved":
            return
        self.by_batch.setdefault(entry.reference.rpartition("/")[0], []).append(entry.reference)
        if entry.retrieval:
            self.by_retrieval[entry.retrieval] = entry.reference
        if entry.kind == "balance":
            return
        self.by_day.setdefault(entry.day, []).append(entry.reference)
        self._move(entry, 1)
        kind = "pay" if entry.kind == "purchase" else "undo"
        self.rows.append(self._row(entry, kind, entry.original, entry.at, entry.day))

    def _on_card(self, entry: Entry, pin: str) -> None:
        if not entry.card:
            return
        card = self.cards.setdefault(entry.card, Card())
        if pin == "wrong":
            card.wrong_pins = card.wrong_pins + 1 if card.wrong_day == entry.day else 1
            card.wrong_day = entry.day
        elif pin == "right":
            card.wrong_pins = 0

    def _move(self, entry: Entry, way: int) -> None:
        """Money of *entry*, forwards or (a reversal) backwards."""
        card = self.cards.setdefault(entry.card, Card())
        if entry.kind == "purchase":
            card.captured_fen += way * entry.amount_fen
            return
        card.captured_fen -= way * entry.amount_fen
        self.entries[entry.original].undone_fen += way * entry.amount_fen

    def _reversed(self, event: Mapping[str, Any]) -> None:
        entry = self.entries[event["reference"]]
        entry.reversed, entry.reversed_day = True, event["day"]
        self.reversed_on.setdefault(entry.reversed_day, []).append(entry.reference)
        self._move(entry, -1)
        # A void that is reversed: the money is with the merchant again.
        kind = "undo" if entry.kind == "purchase" else "pay"
        self.rows.append(self._row(entry, kind, entry.reference, event["at"], event["day"]))

    def _closed(self, event: Mapping[str, Any]) -> None:
        terminal = self._own(event["terminal"])
        terminal.closed[event["batch"]] = event["totals"]
        terminal.batch = event["batch"] + 1
        terminal.uploaded = {}

    @staticmethod
    def _row(entry: Entry, kind: Literal["pay", "undo"], original: str, at: float, day: str) -> BookRow:
        return BookRow(
            book="bank",
            reference=entry.reference,
            kind=kind,
            amount_fen=entry.amount_fen,
            at=at,
            day=day,
            institution=entry.institution,
            channel="bank",
            original=original,
        )
