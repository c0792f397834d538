"""Any order of calls, on any clock, with restarts: no order is paid twice, nothing is returned that was not paid."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocols.wire.qr.payment_codes import Family
from simulators.peer.base import PeerOptions
from simulators.peer.qr_codes import Behaviour, payment_code

from .qr_bench import MERCHANTS, Bench, outcome

NUMBERS = st.sampled_from(["A1", "A2", "A3"])
AMOUNTS = st.sampled_from([1, 100, 1250, 5_000_001])
CODES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.sampled_from(Behaviour))
GONE = {Family.WECHAT: "ORDERCLOSED", Family.ALIPAY: "ACQ.TRADE_HAS_CLOSE", Family.UNIONPAY: "12"}


class Gateway(RuleBasedStateMachine):
    family: Family

    @initialize(temper=st.sampled_from(["strict", "realistic", "hostile"]))
    def begin(self, temper: Any) -> None:
        self.bench = Bench(PeerOptions(temper=temper))
        self.merchant: Any = MERCHANTS[self.family](self.bench)
        self.fenced: set[str] = set()
        self.asked: set[str] = set()

    @rule(no=NUMBERS, fen=AMOUNTS, code=CODES)
    def pay(self, no: str, fen: int, code: tuple[int, int, Behaviour]) -> None:
        text = payment_code(self.family, code[0], code[1], code[2])
        reply = self.merchant.pay(no, fen, text)
        if self.bench.twist in ("refuse", "sign-in-expired"):
            return
        if no in self.fenced:
            assert outcome(self.family, reply) == GONE[self.family]
        self.asked.add(no)

    @rule(no=NUMBERS)
    def query(self, no: str) -> None:
        before = len(self.bench.events)
        self.merchant.query(no)
        added = {each["e"] for each in self.bench.events[before:]}
        assert added <= {"paid", "ended", "refunded"}  # what was due by the clock, never by the question

    @rule(no=NUMBERS)
    def cancel(self, no: str) -> None:
        self.merchant.cancel(no)
        if no not in self.asked and self.bench.twist not in ("refuse", "sign-in-expired"):
            self.fenced.add(no)

    @rule(no=NUMBERS, refund_no=st.sampled_from(["R1", "R2", "R3"]), fen=st.integers(1, 1251), total=AMOUNTS)
    def refund(self, no: str, refund_no: str, fen: int, total: int) -> None:
        self.merchant.refund(no, refund_no, fen, total)

    @rule(seconds=st.sampled_from([0.5, 5.0, 15.0, 46.0, 61.0, 200.0, 90_000.0]))
    def wait(self, seconds: float) -> None:
        self.bench.now += seconds

    @rule()
    def restart(self) -> None:
        rows, seen = list(self.bench.peer.book()), self.bench.peer.snapshot()
        self.bench.peer = self.bench.reborn()
        assert list(self.bench.peer.book()) == rows
        assert self.bench.peer.snapshot() == seen

    @rule(twist=st.sampled_from(["", "refuse", "wrong-reference", "sign-in-expired"]))
    def twisted(self, twist: Any) -> None:
        self.bench.twist = twist

    @invariant()
    def money_is_moved_once(self) -> None:
        if not hasattr(self, "bench"):
            return
        rows = list(self.bench.peer.book())
        pays = Counter(row.reference for row in rows if row.kind == "pay")
        assert all(count == 1 for count in pays.values())
        assert not set(pays) & self.fenced
        paid = {row.reference: row.amount_fen for row in rows if row.kind == "pay"}
        back: Counter[str] = Counter()
        for row in rows:
            if row.kind == "undo":
                back[row.original] += row.amount_fen
        assert all(fen <= paid[no] for no, fen in back.items())
        assert all(row.amount_fen > 0 for row in rows)
        undone = Counter(row.reference for row in rows if row.kind == "undo")
        assert all(count == 1 for count in undone.values())

    @invariant()
    def a_code_pays_one_order(self) -> None:
        if not hasattr(self, "bench"):
            return
        paid = {row.reference for row in self.bench.peer.book() if row.kind == "pay"}
        orders = {(each["no"]): each["code"] for each in self.bench.events if each["e"] == "order"}
        codes = Counter(orders[no] for no in paid)
        assert all(count == 1 for count in codes.values())


@pytest.mark.parametrize("family", list(Family))
def test_no_order_of_calls_moves_money_twice(family: Family) -> None:
    machine = type(f"Gateway{family.name}", (Gateway,), {"family": family})
    case = machine.TestCase
    case.settings = settings(
        max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    case().runTest()
