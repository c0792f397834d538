"""Whatever is sent in whatever order: the balance is what was there less what was captured, and nothing is taken twice.

The model beside the core knows only what the core answered, and what the rules of spec/services.md 3.4 make of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import MORNING, PAN, PIN, START, Bank, answered, ask
from .foreign_terminal import ForeignTerminal

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(1, 2), st.integers(1, 5_000)),
        st.tuples(st.just("repeat"), st.integers(0, 30)),
        st.tuples(st.just("reverse"), st.integers(0, 30)),
        st.tuples(st.just("reverse-unknown"), st.integers(1, 2), st.integers(1, 3)),
        st.tuples(st.just("void"), st.integers(0, 30)),
        st.tuples(st.just("refund"), st.integers(0, 30), st.integers(1, 5_000)),
        st.tuples(st.just("sign-in"), st.integers(1, 2)),
        st.tuples(st.just("close"), st.integers(1, 2)),
        st.tuples(st.just("reborn")),
    ),
    max_size=30,
)


@dataclass
class Sent:
    """A message, and what the core said to it first."""

    terminal: int
    kind: str
    fen: int
    trace: str
    batch: str
    raw: bytes
    code: str
    retrieval: str
    original: Sent | None = None
    reversed: bool = False
    keys: bytes = b""

    @property
    def stands(self) -> bool:
        return self.code == "00" and not self.reversed


@dataclass
class Model:
    bank: Bank
    sent: list[Sent] = field(default_factory=list)
    fenced: set[tuple[int, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.terminals = {number: self.bank.terminal(number) for number in (1, 2)}

    def run(self, steps: list[tuple]) -> None:
        for name, *rest in steps:
            getattr(self, name.replace("-", "_"))(*rest)
            self.check()

    def undone(self, entry: Sent) -> int:
        return sum(each.fen for each in self.sent if each.original is entry and each.stands)

    def _pick(self, number: int, kind: str = "") -> Sent | None:
        found = [each for each in self.sent if not kind or each.kind == kind]
        return found[number % len(found)] if found else None

    def _send(self, number: int, kind: str, fen: int, trace: str, raw: bytes, original: Sent | None = None) -> str:
        terminal = self.terminals[number]
        fenced = (number, terminal.batch, trace) in self.fenced
        reply = ask(terminal, raw)
        assert reply["authentic"] is True
        code, retrieval = reply["39"], reply["37"]
        assert not (fenced and code == "00")
        self.sent.append(
            Sent(number, kind, fen, trace, terminal.batch, raw, code, retrieval, original, keys=terminal.mac_key)
        )
        return code

    def buy(self, number: int, fen: int) -> None:
        terminal = self.terminals[number]
        trace = terminal.next_trace()
        fenced = (number, terminal.batch, trace) in self.fenced
        code = self._send(number, "purchase", fen, trace, terminal.purchase(fen, PAN, PIN, trace))
        assert code == ("12" if fenced else "00")

    def repeat(self, at: int) -> None:
        entry = self._pick(at)
        if entry is None:
            return
        code = ask(self.terminals[entry.terminal], entry.raw)["39"]
        known = entry.keys == self.terminals[entry.terminal].mac_key
        assert code in (("94", "12", "77") if known else ("A0", "77"))

    def reverse(self, at: int) -> None:
        entry = self._pick(at)
        if entry is None or entry.kind == "refund":
            return
        terminal = self.terminals[entry.terminal]
        processing, kind = ("000000", "22") if entry.kind == "purchase" else ("200000", "23")
        raw = terminal.reversal(entry.fen, entry.trace, processing, kind, batch=entry.batch)
        code = answered(terminal, raw)
        if entry.stands and not self.undone(entry):
            assert code == "00"
            entry.reversed = True
        else:
            assert code in ("00", "12", "25")

    def reverse_unknown(self, number: int, ahead: int) -> None:
        """Of a trace that is still to come: the network may bring a reversal before its original."""
        terminal = self.terminals[number]
        trace = f"{terminal.trace + ahead:06d}"
        assert answered(terminal, terminal.reversal(100, trace)) == "25"
        self.fenced.add((number, terminal.batch, trace))

    def _undo(self, mti: str, kind: str, at: int, fen: int | None) -> None:
        entry = self._pick(at, "purchase")
        if entry is None:
            return
        terminal, wanted = self.terminals[entry.terminal], entry.fen if fen is None else fen
        trace = terminal.next_trace()
        fenced = (entry.terminal, terminal.batch, trace) in self.fenced
        left = entry.fen - self.undone(entry)
        allowed = entry.stands and left == entry.fen and entry.batch == terminal.batch
        if kind == "refund":
            allowed = entry.stands and wanted <= left
        raw = terminal.undo(mti, wanted, PAN, entry.trace, entry.retrieval, trace, entry.batch)
        code = self._send(entry.terminal, kind, wanted, trace, raw, entry)
        assert (code == "00") == (allowed and not fenced)

    def void(self, at: int) -> None:
        self._undo("0200", "void", at, None)

    def refund(self, at: int, fen: int) -> None:
        self._undo("0220", "refund", at, fen)

    def sign_in(self, number: int) -> None:
        assert self.terminals[number].sign_in(MORNING)["39"] == "00"

    def close(self, number: int) -> None:
        terminal = self.terminals[number]
        mine = [each for each in self.sent if each.terminal == number and each.batch == terminal.batch and each.stands]
        paid = [each.fen for each in mine if each.kind == "purchase"]
        back = [each.fen for each in mine if each.kind != "purchase"]
        answer = terminal.settle((sum(paid), len(paid)), (sum(back), len(back)), MORNING)
        assert answer["48"][30] == "1"
        assert terminal.end("207", 0, MORNING)["39"] == "00"
        terminal.batch = f"{int(terminal.batch) + 1:06d}"

    def reborn(self) -> None:
        self.bank.core = self.bank.reborn()
        for terminal in self.terminals.values():
            terminal.core = self.bank.core

    def check(self) -> None:
        paid = sum(each.fen for each in self.sent if each.kind == "purchase" and each.stands)
        back = sum(each.fen for each in self.sent if each.kind != "purchase" and each.stands)
        core = self.bank.core
        assert core.balance_fen(1) == START - paid + back
        rows = list(core.book())
        assert sum(row.amount_fen * (1 if row.kind == "pay" else -1) for row in rows) == paid - back
        payments = Counter(row.reference for row in rows if row.kind == "pay" and not row.original)
        assert all(times == 1 for times in payments.values())
        taken_back = {
            row.reference: row.original for row in rows if row.kind == "undo" and row.original != row.reference
        }
        left: Counter[str] = Counter()
        for row in rows:
            of = taken_back.get(row.original, row.original) or row.reference
            left[of] += row.amount_fen if row.kind == "pay" else -row.amount_fen
        assert all(left[reference] >= 0 for reference in payments)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_money_is_conserved(steps: list[tuple]) -> None:
    Model(Bank()).run(steps)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_money_is_conserved_by_a_hostile_bank(steps: list[tuple]) -> None:
    Model(Bank(temper="hostile")).run(steps)


def test_the_model_would_notice() -> None:
    """Its check fails when the core's books are wrong."""
    model = Model(Bank())
    model.buy(1, 100)
    model.sent[0].fen = 99
    try:
        model.check()
    except AssertionError:
        return
    raise AssertionError("a wrong book was not noticed")


def test_terminals_do_not_share_traces() -> None:
    bank = Bank()
    one, two = bank.terminal(1), bank.terminal(2)
    for terminal in (one, two):
        assert isinstance(terminal, ForeignTerminal)
        assert answered(terminal, terminal.purchase(1, PAN, PIN, "000500")) == "00"
