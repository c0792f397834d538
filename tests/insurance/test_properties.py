"""Whatever is settled, reversed and corrected in whatever order: invariants hold, balances are conserved, books add up, and the
journal rebuilds the centre."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from protocols.wire.insurance.fields import read
from protocols.wire.insurance.invariants import invariant_violations
from protocols.wire.insurance.json_text import read_object
from protocols.wire.insurance.settlement_messages import SettleOutput
from simulators.peer.city import City
from simulators.peer.insurance_policy import Figures, Item, Policy, Purse, calculate, split_line

from .clinic import Clinic, centre

CITY = City()
PEOPLE = (1, 2, 3, 7, 18, 23, 31, 40)
FEN = st.integers(0, 500_000)
QUANTITY = st.sampled_from([10_000, 5_000, 20_000, 12_345, 33_333])
ITEMS = st.builds(
    Item,
    st.sampled_from(["01", "02", "03"]),
    st.sampled_from([0, 1_000, 2_000, 3_333]),
    st.sampled_from([0, 1, 9_990_000, 25_000_000]),
)


@given(ITEMS, FEN, QUANTITY)
def test_the_parts_of_a_line_are_the_line(item: Item, fee_fen: int, quantity: int) -> None:
    split = split_line(item, fee_fen, quantity)
    parts = (split.own_fen, split.over_fen, split.first_fen, split.scope_fen)
    assert sum(parts) == fee_fen
    assert min(parts) >= 0


@given(
    st.lists(st.tuples(ITEMS, FEN, QUANTITY), min_size=1, max_size=8),
    st.sampled_from(["310", "390"]),
    st.integers(0, 5_000),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.integers(0, 10_000),
    st.booleans(),
)
def test_every_calculation_adds_up(
    lines: list[tuple[Item, int, int]],
    insutype: str,
    deducted_fen: int,
    own_fen: int,
    aid_fen: int,
    limit_fen: int,
    over: bool,
) -> None:
    policy = Policy(account_limit_fen=limit_fen, over_to_institution=over)
    splits = [split_line(*line) for line in lines]
    got = calculate(policy, insutype, splits, deducted_fen, Purse(own_fen, aid_fen))
    assert got.total_fen == sum(fee for _, fee, _ in lines)
    assert got.total_fen == got.fund_fen + got.account_fen + got.cash_fen + got.hospital_fen
    assert got.total_fen == got.own_fen + got.over_fen + got.first_fen + got.scope_fen
    assert got.person_fen == got.account_fen + got.cash_fen
    assert 0 <= got.aid_fen <= min(got.account_fen, aid_fen)
    assert got.account_fen - got.aid_fen <= own_fen
    assert min(vars_of(got)) >= 0
    assert got.cash_fen >= got.own_fen
    if limit_fen:
        assert got.account_fen <= limit_fen


def vars_of(figures: Figures) -> list[int]:
    return [getattr(figures, name) for name in Figures.__dataclass_fields__]


class CentreMachine(RuleBasedStateMachine):
    """Opens, settles, reverses, corrects and closes visits of several people at once, with messages that come again and late."""

    visits = Bundle("visits")
    settlements = Bundle("settlements")

    def __init__(self) -> None:
        super().__init__()
        self.peer, self.events = centre()
        self.party = Clinic(self.peer).sign_in()
        self.count = 0

    @rule(
        target=visits,
        number=st.sampled_from(PEOPLE),
        lines=st.lists(st.tuples(st.integers(0, 30), FEN), min_size=1, max_size=5),
    )
    def open(self, number: int, lines: list[tuple[int, int]]) -> dict[str, Any]:
        self.count += 1
        resident = CITY.resident(number)
        assert resident is not None
        psn_no, card = resident.psn_no, resident.person.card_number
        mdtrt_id = self.party.register(f"O{self.count}", psn_no, card, resident.insutype)
        self.party.diagnose(mdtrt_id, psn_no)
        rows = [
            self.party.line(mdtrt_id, f"{at}", f"code-{code}", fen, psn_no=psn_no)
            for at, (code, fen) in enumerate(lines, 1)
        ]
        self.party.upload(*rows)
        changes = {"psn_no": psn_no, "mdtrt_cert_no": card, "insutype": resident.insutype}
        total = sum(fen for _, fen in lines)
        return {
            "mdtrt_id": mdtrt_id,
            "fen": total,
            "lines": [fen for _, fen in lines],
            "changes": changes,
            "no": self.count,
        }

    @rule(target=settlements, visit=visits, account=st.sampled_from(["0", "1"]))
    def settle(self, visit: dict[str, Any], account: str) -> dict[str, Any]:
        changes = {**visit["changes"], "acct_used_flag": account}
        asked = self.party.ask("2206", self.party.pre_settle_body(visit["mdtrt_id"], visit["fen"], **changes))
        if asked["infcode"] == "-1":
            return {}
        quote = asked["output"]["setlinfo"]
        body = self.party.settle_body(visit["mdtrt_id"], visit["fen"], quote, **changes)
        whole = self.party.envelope("2207", body)
        reply = json.loads(self.party.send(self.party.request(whole)).body)
        output = read(SettleOutput, read_object(json.dumps(reply["output"]).encode()))
        assert invariant_violations(output.setlinfo, output.setldetail, visit["lines"]) == []
        assert reply["output"]["setlinfo"]["psn_cash_pay"] == quote["psn_cash_pay"]
        return {"info": reply["output"]["setlinfo"], "model": output.setlinfo, "visit": visit, "whole": whole}

    @rule(settled=settlements)
    def reverse(self, settled: dict[str, Any]) -> None:
        if not settled:
            return
        body = {"data": {name: settled["info"][name] for name in ("setl_id", "mdtrt_id", "psn_no")}}
        reply = self.party.ask("2208", body)
        if reply["infcode"] == "0":
            mirror = read(SettleOutput, read_object(json.dumps(reply["output"]).encode()))
            assert invariant_violations(mirror.setlinfo, mirror.setldetail, reverses=settled["model"]) == []

    @rule(settled=settlements)
    def correct(self, settled: dict[str, Any]) -> None:
        if settled:
            data = {"psn_no": settled["info"]["psn_no"], "oinfno": "2207", "omsgid": settled["whole"]["msgid"]}
            self.party.done("2601", {"data": data})

    @rule(settled=settlements)
    def repeat(self, settled: dict[str, Any]) -> None:
        """A settlement that comes again, however late, gives its first answer or none, and moves nothing."""
        if not settled:
            return
        rows = len(list(self.peer.book()))
        reply = json.loads(self.party.send(self.party.request(settled["whole"])).body)
        assert reply["output"]["setlinfo"] == settled["info"]
        assert len(list(self.peer.book())) == rows

    @rule(visit=visits)
    def close(self, visit: dict[str, Any]) -> None:
        psn_no = visit["changes"]["psn_no"]
        self.party.ask("2205", {"data": {"mdtrt_id": visit["mdtrt_id"], "chrg_bchno": "0000", "psn_no": psn_no}})
        self.party.ask("2202", {"data": {"psn_no": psn_no, "ipt_otp_no": f"O{visit['no']}"}})

    @rule()
    def restart(self) -> None:
        again, events = centre()
        for event in self.events:
            again.centre.records.apply(event)
        assert again.centre.records.as_dict() == self.peer.centre.records.as_dict()
        events.extend(self.events)
        self.peer = self.party.peer = again
        self.events = events

    @invariant()
    def balances_are_conserved(self) -> None:
        records = self.peer.centre.records
        valid = [each for each in records.settlements.values() if each.valid]
        assert sum(records.spent.values()) == sum(each.figures.account_fen for each in valid)
        for number in PEOPLE:
            resident = CITY.resident(number)
            assert resident is not None
            assert 0 <= self.peer.centre.balance_fen(resident) <= resident.account_fen
        assert all(fen >= 0 for fen in records.deducted.values())

    @invariant()
    def the_book_nets_to_what_stands(self) -> None:
        net = sum(row.amount_fen if row.kind == "pay" else -row.amount_fen for row in self.peer.book())
        records = self.peer.centre.records
        stands = [each.figures for each in records.settlements.values() if each.valid]
        assert net == sum(each.fund_fen + each.account_fen for each in stands)
        batches = [(each.mdtrt_id, each.batch) for each in records.settlements.values() if each.valid]
        assert len(set(batches)) == len(batches)

    @invariant()
    def nobody_is_blamed(self) -> None:
        assert self.peer.violations() == []


CentreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestCentre = CentreMachine.TestCase


@pytest.mark.parametrize("seed", range(3))
def test_a_hostile_centre_keeps_the_same_rules(seed: int) -> None:
    """Numbers as texts and ceilings borne by the institution: still every invariant."""
    peer, _ = centre("hostile")
    party = Clinic(peer).sign_in()
    mdtrt_id = party.register("O1")
    party.diagnose(mdtrt_id)
    lines = [("XSIM000000000000A002", 6_000 + seed), ("XSIM000000000000B002", 7_777), (f"code-{seed}", 333)]
    results = party.upload(*(party.line(mdtrt_id, f"{at}", code, fen) for at, (code, fen) in enumerate(lines)))
    assert all(isinstance(row["det_item_fee_sumamt"], str) for row in results)
    total = sum(fen for _, fen in lines)
    quote = party.quote(mdtrt_id, total)
    info = party.done("2207", party.settle_body(mdtrt_id, total, quote))
    output = read(SettleOutput, read_object(json.dumps(info).encode()))
    assert invariant_violations(output.setlinfo, output.setldetail, [fen for _, fen in lines]) == []
    assert output.setlinfo.hosp_part_amt > 0
