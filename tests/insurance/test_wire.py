"""The wire format against the specification's own examples (spec/services.md 1.1 to 1.10), and against bad input."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from pydantic import BaseModel

from protocols.wire.base import Privacy, WireError
from protocols.wire.insurance import vectors
from protocols.wire.insurance.codes import CODES
from protocols.wire.insurance.envelope import Reply, Request, read_reply, read_request, to_bytes
from protocols.wire.insurance.fields import read, write
from protocols.wire.insurance.invariants import MIRRORED, invariant_violations
from protocols.wire.insurance.labels import FIELD_LABELS, PRIVATE_FIELDS
from protocols.wire.insurance.message_id import (
    MessageId,
    build_msgid,
    build_refmsgid,
    parse_msgid,
    parse_refmsgid,
    unix_of,
)
from protocols.wire.insurance.refusals import REASONS, reason_code, reason_text
from protocols.wire.insurance.settlement_messages import CorrectInput, SetlInfo, SettleInput, SettleOutput
from protocols.wire.insurance.trace import tree
from protocols.wire.insurance.transactions import ALIASES, TRANSACTIONS, transaction

# Vectors.


def test_i1_request() -> None:
    request = read_request(vectors.I1_REQUEST)
    assert request.infno == "2207"
    assert request.msgid == "H44190000001202611220830150001"
    assert request.opter_type == "2"
    data = read(SettleInput, request.input).data
    assert (data.medfee_sumamt, data.fulamt_ownpay_amt, data.overlmt_selfpay) == (12560, 500, 0)
    assert (data.preselfpay_amt, data.inscp_scp_amt) == (210, 11850)
    assert (data.invono, data.acct_used_flag, data.chrg_bchno) == ("INV0001", "1", "B0001")


def test_i1_reply_keeps_every_invariant() -> None:
    reply = read_reply(vectors.I1_REPLY)
    assert reply.infcode == "0"
    output = read(SettleOutput, reply.output)
    info = output.setlinfo
    assert (info.fund_pay_sumamt, info.acct_pay, info.psn_cash_pay, info.hosp_part_amt) == (8295, 3000, 1265, 0)
    assert (info.balc, info.pool_prop_selfpay) == (17000, 7000)
    assert info.medins_setl_id == "H44190000001202611220830150001"
    assert output.setldetail[0].fund_payamt == 8295
    assert invariant_violations(info, output.setldetail, [9960, 2100, 500]) == []


def test_i1_request_is_written_as_it_was_read() -> None:
    request = read_request(vectors.I1_REQUEST)
    body = write(read(SettleInput, request.input))
    written = json.loads(to_bytes(request.model_copy(update={"input": body})))
    assert written == json.loads(vectors.I1_REQUEST)


def test_i1_reply_is_written_with_all_that_was_read() -> None:
    reply = read_reply(vectors.I1_REPLY)
    output = write(read(SettleOutput, reply.output))
    written = json.loads(to_bytes(reply.model_copy(update={"output": output})))
    original = json.loads(vectors.I1_REPLY)
    assert {name: written[name] for name in original if name not in ("output", "err_msg")} == {
        name: original[name] for name in original if name not in ("output", "err_msg")
    }
    info = original["output"]["setlinfo"]
    assert {name: written["output"]["setlinfo"][name] for name in info} == info
    assert info.keys() <= written["output"]["setlinfo"].keys()


def test_i2() -> None:
    data = read(CorrectInput, json.loads(vectors.I2_INPUT)).data
    assert (data.psn_no, data.oinfno) == ("44190000000000000001", "2207")
    assert data.omsgid == "H44190000001202611220830150001"


def test_msgid() -> None:
    assert build_msgid("H44190000001", "20261122083015", 1) == "H44190000001202611220830150001"
    assert parse_msgid(vectors.MSGID) == MessageId("H44190000001", "20261122083015", 1)
    assert len(vectors.MSGID) == 30
    reference = "441900202611220830160000000001"
    assert parse_refmsgid(reference) == MessageId("441900", "20261122083016", 1)
    assert build_refmsgid("441900", "20261122083016", 1) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "H44190000001202611220830150001 ",
        "h44190000001202611220830150001",
        "H4419000000120261122083015001",
        "H44190000001202613220830150001",
        "H44190000001202611222530150001",
        "H4419000000120261122083015٠٠٠١",
    ],
)
def test_msgid_refuses(text: str) -> None:
    with pytest.raises(WireError):
        parse_msgid(text)


def test_msgid_parts_must_fit() -> None:
    for parts in (("X44190000001", "20261122083015", 1), ("H44190000001", "20261122083015", 10_000)):
        with pytest.raises(WireError):
            build_msgid(*parts)


def test_times_are_chinese() -> None:
    assert unix_of("2026-11-22 08:00:00") == 1_795_305_600.0
    assert unix_of("2026-11-22") == 1_795_305_600.0 - 8 * 3600
    for text in ("2026-02-30", "2026-11-22T08:00:00", "22.11.2026", "2026-11-22 24:00:00", ""):
        with pytest.raises(WireError):
            unix_of(text)


# Tables.


def test_the_transactions_are_those_of_the_slice() -> None:
    wanted = "9001 9002 1101 1201 2001 2201 2202 2203 2204 2205 2206 2207 2208 2601 3201 3202 5203 9101 9102"
    assert set(TRANSACTIONS) == set(wanted.split())
    assert ALIASES == {"2203A": "2203"}
    assert transaction("2203A") is TRANSACTIONS["2203"]
    with pytest.raises(WireError):
        transaction("2260")


def _fields(model: type[BaseModel]) -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= _fields(part)
    return found


def test_every_field_has_a_label_in_both_languages() -> None:
    fields = _fields(Request) | _fields(Reply)
    for each in TRANSACTIONS.values():
        fields |= _fields(each.request) | (_fields(each.reply) if each.reply else set())
    assert fields <= set(FIELD_LABELS)
    assert all(label.zh and label.en for label in FIELD_LABELS.values())
    assert set(PRIVATE_FIELDS) <= set(FIELD_LABELS)


def test_code_lists_of_the_specification() -> None:
    assert set(CODES["mdtrt_cert_type"]) == {"01", "02", "03"}
    assert set(CODES["insutype"]) == {"310", "320", "330", "340", "390", "392", "510"}
    assert {"11", "12", "13", "14", "41", "51", "52", "53", "91", "92", "93", "99"} <= set(CODES["med_type"])
    assert set(CODES["clr_type"]) == {"11", "21", "41", "51"}
    assert CODES["businessType"]["01301"].en == "outpatient settlement"
    assert all(label.zh and label.en for codes in CODES.values() for label in codes.values())


def test_reasons_carry_their_code() -> None:
    for code in REASONS:
        assert reason_code(reason_text(code, "mdtrt_id")) == code
    assert reason_code("今日未签到，请先签到") == "sign-in-expired"
    assert reason_code("其他错误") == "-1"
    assert reason_code("") == "-1"


def test_a_tree_names_the_fields_and_knows_what_is_private() -> None:
    nodes = {node.name: node for _, node in tree(vectors.I1_REQUEST, True).walk()}
    assert nodes["insurance"].label.en == "insurance request, settlement"
    assert nodes["insutype"].text == "310 职工基本医疗保险"
    assert nodes["medfee_sumamt"].text == "125.60"
    assert nodes["mdtrt_cert_no"].privacy is Privacy.CARD_NUMBER
    assert nodes["psn_no"].privacy is Privacy.OPEN
    by_id = json.dumps({"infno": "1101", "input": {"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "44"}}}).encode()
    assert {n.name: n for _, n in tree(by_id, True).walk()}["mdtrt_cert_no"].privacy is Privacy.ID_NUMBER
    assert tree(b"rubbish", True).name == "undecodable"


# Invariants.


def _i1() -> SetlInfo:
    return read(SettleOutput, read_reply(vectors.I1_REPLY).output).setlinfo


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("medfee_sumamt", 2),
        ("fulamt_ownpay_amt", 1),
        ("overlmt_selfpay", 1),
        ("preselfpay_amt", 1),
        ("inscp_scp_amt", 1),
        ("fund_pay_sumamt", 3),
        ("hifp_pay", 1),
        ("oth_pay", 1),
        ("psn_part_amt", 1),
        ("acct_pay", 2),
        ("psn_cash_pay", 2),
        ("hosp_part_amt", 1),
    ],
)
def test_one_cent_too_much_breaks_the_rules_it_stands_in(name: str, rules: int) -> None:
    info, details = _i1(), read(SettleOutput, read_reply(vectors.I1_REPLY).output).setldetail
    wrong = info.model_copy(update={name: getattr(info, name) + 1})
    assert len(invariant_violations(wrong, details)) == rules


def test_mutual_aid_is_inside_the_account_and_lines_add_up() -> None:
    info = _i1()
    assert len(invariant_violations(info.model_copy(update={"acct_mulaid_pay": 3001}))) == 1
    assert len(invariant_violations(info.model_copy(update={"acct_mulaid_pay": -1}))) == 2
    assert len(invariant_violations(info, lines_fen=[12559])) == 1


def test_a_mirror_is_judged_name_by_name() -> None:
    info = _i1()
    mirror = info.model_copy(update={name: -getattr(info, name) for name in MIRRORED})
    assert invariant_violations(mirror, reverses=info) == []
    for name in MIRRORED:
        wrong = mirror.model_copy(update={name: getattr(mirror, name) + 1})
        assert any(text.startswith(name) for text in invariant_violations(wrong, reverses=info)), name
