"""Reconciliation at the centre: 3201, 3202 with 9101 and 9102 (spec/services.md 1.9)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from protocols.wire.insurance.detail_files import ResultRow, UploadRow, pack, read_results, unpack, write_uploads

from .clinic import INSTITUTION, MORNING, OTHER_INSTITUTION, PSN_1, Clinic, clinic

DAY = "2026-11-22"


def fen(yuan: float) -> int:
    return round(yuan * 100)


def row_of(info: Mapping[str, Any], refunded: str = "0") -> UploadRow:
    return UploadRow(
        info["setl_id"],
        info["mdtrt_id"],
        info["psn_no"],
        fen(info["medfee_sumamt"]),
        fen(info["fund_pay_sumamt"]),
        fen(info["acct_pay"]),
        refunded,
    )


def totals(party: Clinic, day: str = DAY, **changes: Any) -> dict[str, Any]:
    data = {
        "insutype": "310",
        "clr_type": "11",
        "setl_optins": "441900",
        "stmt_begndate": day,
        "stmt_enddate": day,
        "medfee_sumamt": 0,
        "fund_pay_sumamt": 0,
        "acct_pay": 0,
        "fixmedins_setl_cnt": 0,
    }
    return party.done("3201", {"data": {**data, **changes}})["stmtinfo"]


def upload(party: Clinic, content: bytes, **changes: Any) -> str:
    body = {"in": base64.b64encode(content).decode(), "filename": "a.zip", "fixmedins_code": party.institution}
    return party.done("9101", {"fsUploadIn": {**body, **changes}})["fsUploadOut"]["file_qury_no"]


def details_body(number: str, rows: Sequence[UploadRow], **changes: Any) -> dict[str, Any]:
    data = {
        "setl_optins": "441900",
        "file_qury_no": number,
        "stmt_begndate": DAY,
        "stmt_enddate": DAY,
        "medfee_sumamt": sum(row.medfee_fen for row in rows) / 100,
        "fund_pay_sumamt": sum(row.fund_fen for row in rows) / 100,
        "cash_payamt": 0,
        "fixmedins_setl_cnt": sum(-1 if row.refd_setl_flag == "1" else 1 for row in rows),
        "clr_type": "11",
    }
    return {"data": {**data, **changes}}


def download(party: Clinic, info: Mapping[str, Any]) -> list[ResultRow]:
    party.now += 1
    whole = party.envelope("9102", {"fsDownloadIn": {**_names(info), "fixmedins_code": party.institution}})
    reply = party.send(party.request(whole))
    assert reply.headers["content-type"] == "application/octet-stream", reply.body
    return read_results(unpack(reply.body))


def _names(info: Mapping[str, Any]) -> dict[str, Any]:
    return {"file_qury_no": info["file_qury_no"], "filename": info["filename"]}


def reconcile(party: Clinic, rows: Sequence[UploadRow]) -> list[ResultRow]:
    number = upload(party, pack("a.txt", write_uploads(rows)))
    return download(party, party.done("3202", details_body(number, rows))["fileinfo"])


def test_totals_are_net() -> None:
    """As the example of 1.9: one settlement stands, another was made and reversed on the same day."""
    party = clinic()
    party.settled("O1")
    party.revoke(party.settled("O2"))
    equal = totals(party, medfee_sumamt=125.60, fund_pay_sumamt=82.95, acct_pay=30.00, fixmedins_setl_cnt=1)
    assert equal["stmt_rslt"] == "000000"
    gross = totals(party, medfee_sumamt=251.20, fund_pay_sumamt=165.90, acct_pay=60.00, fixmedins_setl_cnt=2)
    assert gross["stmt_rslt"] == "100001"
    assert "medfee_sumamt 251.20/125.60" in gross["stmt_rslt_dscr"]
    assert "fixmedins_setl_cnt 2/1" in gross["stmt_rslt_dscr"]
    assert totals(party, insutype="390")["stmt_rslt"] == "000000"
    assert totals(party, day="2026-11-21")["stmt_rslt"] == "000000"
    assert totals(party, clr_type="41")["stmt_rslt"] == "000000"


def test_a_refund_counts_on_its_own_day() -> None:
    party = clinic()
    info = party.settled()
    party.now = MORNING + 86_400
    party.sign_in()
    party.revoke(info)
    first = totals(party, medfee_sumamt=125.60, fund_pay_sumamt=82.95, acct_pay=30.00, fixmedins_setl_cnt=1)
    second = totals(
        party, "2026-11-23", medfee_sumamt=-125.60, fund_pay_sumamt=-82.95, acct_pay=-30, fixmedins_setl_cnt=-1
    )
    assert (first["stmt_rslt"], second["stmt_rslt"]) == ("000000", "000000")
    assert totals(party, stmt_enddate="2026-11-23")["stmt_rslt"] == "000000"


def test_what_was_corrected_never_was() -> None:
    party = clinic()
    info = party.settled()
    party.done("2601", {"data": {"psn_no": PSN_1, "oinfno": "2207", "omsgid": info["medins_setl_id"]}})
    assert totals(party)["stmt_rslt"] == "000000"
    assert reconcile(party, []) == []


def test_details_agree_row_by_row() -> None:
    party = clinic()
    stands, gone = party.settled("O1"), party.settled("O2")
    mirror = party.revoke(gone)
    rows = [row_of(stands), row_of(gone), row_of(mirror, "1")]
    result = reconcile(party, rows)
    assert [(row.setl_id, row.stmt_rslt, row.refd_setl_flag, row.medfee_fen) for row in result] == [
        (stands["setl_id"], "000000", "0", 12_560),
        (gone["setl_id"], "000000", "0", 12_560),
        (mirror["setl_id"], "000000", "1", -12_560),
    ]
    assert [row.msgid for row in result] == [each["medins_setl_id"] for each in (stands, gone, mirror)]


def test_details_that_differ() -> None:
    party = clinic()
    first, second = party.settled("O1"), party.settled("O2")
    wrong = UploadRow(first["setl_id"], first["mdtrt_id"], PSN_1, 12_560, 8_295, 2_999)
    ours = UploadRow("44190026112299999999", "4419M0099", PSN_1, 100, 0, 0)
    result = reconcile(party, [wrong, ours])
    assert [(row.setl_id, row.stmt_rslt, row.account_fen) for row in result] == [
        (first["setl_id"], "100004", 3_000),
        (second["setl_id"], "100002", 3_000),
        ("44190026112299999999", "100003", 0),
    ]
    # A second run of the same day is welcome and finds the same.
    assert [row.stmt_rslt for row in reconcile(party, [row_of(first), row_of(second)])] == ["000000", "000000"]


def test_files_of_others_and_files_that_are_none() -> None:
    party = clinic()
    rows = [row_of(party.settled())]
    number = upload(party, pack("a.txt", write_uploads(rows)))
    other = Clinic(party.peer, OTHER_INSTITUTION, now=party.now).sign_in()
    assert other.refused("3202", details_body(number, rows)) == "foreign-institution"
    wanted = {"file_qury_no": number, "filename": "a.zip", "fixmedins_code": INSTITUTION}
    assert other.refused("9102", {"fsDownloadIn": wanted}) == "foreign-institution"
    assert party.refused("9102", {"fsDownloadIn": {**wanted, "filename": "b.zip"}}) == "no-such-file"
    assert party.refused("3202", details_body("F1", rows)) == "no-such-file"
    assert party.refused("3202", details_body(number, rows, medfee_sumamt=1)) == "bad-file"
    assert party.refused("3202", details_body(number, rows, fixmedins_setl_cnt=2)) == "bad-file"
    assert party.refused("3202", details_body(number, rows, stmt_enddate="2026-11-01")) == "malformed"
    for content in (b"no zip", pack("a.txt", b"a\tb\n"), pack("a.txt", write_uploads([*rows, *rows]))):
        assert party.refused("3202", details_body(upload(party, content), rows)) == "bad-file"
    body = {"in": "AAA", "filename": "a.zip", "fixmedins_code": INSTITUTION}
    assert party.refused("9101", {"fsUploadIn": body}) == "bad-file"
    assert party.refused("9101", {"fsUploadIn": {**body, "in": "!"}}) == "malformed"
    assert party.refused("9101", {"fsUploadIn": {**body, "in": "AAAA", "fixmedins_code": "H44190000002"}}) == (
        "foreign-institution"
    )


def test_a_result_takes_its_time() -> None:
    party = clinic(insurance_file_delay_s=60)
    rows = [row_of(party.settled())]
    number = upload(party, pack("a.txt", write_uploads(rows)))
    info = party.done("3202", details_body(number, rows))["fileinfo"]
    body = {"fsDownloadIn": {**_names(info), "fixmedins_code": INSTITUTION}}
    assert party.refused("9102", body) == "file-not-ready"
    party.now += 60
    assert [row.stmt_rslt for row in download(party, info)] == ["000000"]


@pytest.mark.parametrize("infno", ["3202", "9101", "9102"])
def test_the_file_can_be_late_by_a_fault(infno: str) -> None:
    party = clinic()
    rows = [row_of(party.settled())]
    number = upload(party, pack("a.txt", write_uploads(rows)))
    info = party.done("3202", details_body(number, rows))["fileinfo"]
    bodies: dict[str, dict[str, Any]] = {
        "3202": details_body(number, rows),
        "9101": {"fsUploadIn": {"in": "AAAA", "filename": "a.zip", "fixmedins_code": INSTITUTION}},
        "9102": {"fsDownloadIn": {**_names(info), "fixmedins_code": INSTITUTION}},
    }
    reply = party.ask(infno, bodies[infno], "file-not-ready")
    assert "[file-not-ready]" in reply["err_msg"]


def test_a_file_larger_than_a_message_is_taken() -> None:
    party = clinic()
    content = pack("a.txt", b"".join(hashlib.sha256(bytes((n % 256, n // 256))).digest() for n in range(4_000)))
    assert len(content) > 40_000
    assert upload(party, content)
