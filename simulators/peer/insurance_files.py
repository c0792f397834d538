"""Reconciliation at the insurance centre: 3201 totals, 3202 details with files by 9101 and 9102 (spec/services.md 1.9).

The day of a row is that of the centre's clock. A settlement that was taken back by 2208 stands with a positive and a negative row;
one that was cancelled by 2601 never was.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from protocols.wire.base import WireError
from protocols.wire.insurance.codes import (
    EQUAL,
    ROW_AMOUNTS_DIFFER,
    ROW_CENTRE_ONLY,
    ROW_INSTITUTION_ONLY,
    SUMS_DIFFER,
)
from protocols.wire.insurance.detail_files import (
    ResultRow,
    UploadRow,
    pack,
    read_uploads,
    unpack,
    write_results,
)
from protocols.wire.insurance.file_messages import (
    DetailsData,
    DetailsInput,
    DetailsOutput,
    DownloadInput,
    FileInfo,
    StatementInfo,
    TotalsInput,
    TotalsOutput,
    UploadInput,
    UploadOutput,
    UploadResult,
)
from protocols.wire.insurance.message_id import civil_text, day_of
from protocols.wire.money import yuan_text
from simulators.peer.insurance_centre import Centre, Decision, Message, Refused

__all__ = ["details", "download", "totals", "upload_file"]

KEPT_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the centre. ``sign`` -1 for a reversal."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    msgid: str
    insutype: str
    medfee_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    sign: int


def _rows(centre: Centre, institution: str, first: str, last: str, clr_type: str, insutype: str = "") -> Iterator[_Row]:
    """What the centre holds of *institution* for the days *first* to *last*."""
    for move in centre.records.moves.values():
        settlement = centre.records.settlements[move.of]
        if not move.listed or settlement.institution != institution or settlement.clr_type != clr_type:
            continue
        if not first <= day_of(move.at) <= last or (insutype and settlement.insutype != insutype):
            continue
        sign = 1 if move.kind == "pay" else -1
        figures = settlement.figures
        yield _Row(
            setl_id=move.setl_id,
            mdtrt_id=settlement.mdtrt_id,
            psn_no=settlement.psn_no,
            msgid=move.msgid,
            insutype=settlement.insutype,
            medfee_fen=sign * figures.total_fen,
            fund_fen=sign * figures.fund_fen,
            account_fen=sign * figures.account_fen,
            cash_fen=sign * figures.cash_fen,
            sign=sign,
        )


def _sums(rows: Iterable[_Row]) -> tuple[int, int, int, int, int]:
    """Total, funds, accounts, cash, count: refunds subtract from each."""
    total = fund = account = cash = count = 0
    for row in rows:
        total, fund, account = total + row.medfee_fen, fund + row.fund_fen, account + row.account_fen
        cash, count = cash + row.cash_fen, count + row.sign
    return total, fund, account, cash, count


def _days(begin: str, end: str) -> None:
    if begin > end:
        raise Refused("malformed", "stmt_begndate after stmt_enddate")


def totals(centre: Centre, message: Message) -> Decision:
    """3201."""
    data = cast("TotalsInput", message.body).data
    _days(data.stmt_begndate, data.stmt_enddate)
    rows = _rows(
        centre, message.institution, data.stmt_begndate, data.stmt_enddate, data.clr_type, insutype=data.insutype
    )
    total, fund, account, _, count = _sums(rows)
    pairs = (
        ("medfee_sumamt", data.medfee_sumamt, total),
        ("fund_pay_sumamt", data.fund_pay_sumamt, fund),
        ("acct_pay", data.acct_pay, account),
    )
    wrong = [f"{name} {yuan_text(theirs)}/{yuan_text(ours)}" for name, theirs, ours in pairs if theirs != ours]
    if data.fixmedins_setl_cnt != count:
        wrong.append(f"fixmedins_setl_cnt {data.fixmedins_setl_cnt}/{count}")
    info = StatementInfo(
        setl_optins=data.setl_optins,
        stmt_rslt=SUMS_DIFFER if wrong else EQUAL,
        stmt_rslt_dscr=f"机构/中心: {'; '.join(wrong)}"[:200] if wrong else "",
    )
    return Decision(output=centre.written(TotalsOutput(stmtinfo=info)))


def upload_file(centre: Centre, message: Message) -> Decision:
    """9101: the zip is looked into when 3202 asks for it."""
    data = cast("UploadInput", message.body).fs_upload_in
    if data.fixmedins_code != message.institution:
        raise Refused("foreign-institution", "fixmedins_code")
    try:
        base64.b64decode(data.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("bad-file", "in is no base64") from error
    number = _file_number(centre, message.at)
    file = _file(message.institution, data.filename, data.content, message.at)
    result = UploadResult(file_qury_no=number, filename=data.filename, fixmedins_code=data.fixmedins_code)
    return Decision({"do": "file", "number": number, "file": file}, centre.written(UploadOutput(fs_upload_out=result)))


def _file_number(centre: Centre, at: float) -> str:
    return f"F{day_of(at).replace('-', '')}{centre.records.peek('file'):08d}"


def _file(institution: str, filename: str, content: str, ready_at: float, result: bool = False) -> dict[str, Any]:
    return {
        "institution": institution,
        "filename": filename,
        "content": content,
        "ready_at": ready_at,
        "result": result,
    }


def details(centre: Centre, message: Message) -> Decision:
    """3202: the uploaded rows against the centre's; the result is a file of its own. It may be asked again at will."""
    data = cast("DetailsInput", message.body).data
    _days(data.stmt_begndate, data.stmt_enddate)
    uploads = _uploads(centre, message, data)
    ours = list(_rows(centre, message.institution, data.stmt_begndate, data.stmt_enddate, data.clr_type))
    tsv = write_results(_compared(ours, uploads))
    number = _file_number(centre, message.at)
    filename = f"{message.institution}_{data.stmt_begndate}_{data.stmt_enddate}.zip"
    content = base64.b64encode(pack(filename.replace(".zip", ".txt"), tsv)).decode()
    file = _file(message.institution, filename, content, message.at + centre.file_delay_s, result=True)
    info = FileInfo(file_qury_no=number, filename=filename, dld_endtime=civil_text(message.at + KEPT_S))
    return Decision({"do": "file", "number": number, "file": file}, centre.written(DetailsOutput(fileinfo=info)))


def _uploads(centre: Centre, message: Message, data: DetailsData) -> list[UploadRow]:
    """The rows that the institution sent up; they must add up to what the message says."""
    stored = centre.records.files.get(data.file_qury_no)
    if stored is None or stored.result:
        raise Refused("no-such-file", "file_qury_no")
    if stored.institution != message.institution:
        raise Refused("foreign-institution", "file_qury_no")
    try:
        rows = read_uploads(unpack(base64.b64decode(stored.content)))
    except WireError as error:
        raise Refused("bad-file", error.why) from error
    if len({(row.setl_id, row.refd_setl_flag) for row in rows}) != len(rows):
        raise Refused("bad-file", "a row occurs twice")
    total, fund = sum(row.medfee_fen for row in rows), sum(row.fund_fen for row in rows)
    count = sum(-1 if row.refd_setl_flag == "1" else 1 for row in rows)
    if (total, fund, count) != (data.medfee_sumamt, data.fund_pay_sumamt, data.fixmedins_setl_cnt):
        raise Refused("bad-file", "the sums of the message are not those of the file")
    return rows


def _compared(ours: Iterable[_Row], theirs: Iterable[UploadRow]) -> Iterator[ResultRow]:
    uploads = {row.setl_id: row for row in theirs}
    for row in ours:
        upload = uploads.pop(row.setl_id, None)
        if upload is None:
            yield _result(row, ROW_CENTRE_ONLY)
        else:
            amounts = (upload.medfee_fen, upload.fund_fen, upload.account_fen)
            same = amounts == (row.medfee_fen, row.fund_fen, row.account_fen) and upload.psn_no == row.psn_no
            yield _result(row, EQUAL if same else ROW_AMOUNTS_DIFFER)
    for upload in uploads.values():
        yield ResultRow(
            psn_no=upload.psn_no,
            mdtrt_id=upload.mdtrt_id,
            setl_id=upload.setl_id,
            msgid="",
            stmt_rslt=ROW_INSTITUTION_ONLY,
            refd_setl_flag=upload.refd_setl_flag,
            memo="",
            medfee_fen=upload.medfee_fen,
            fund_fen=upload.fund_fen,
            account_fen=upload.account_fen,
        )


def _result(row: _Row, stmt_rslt: str) -> ResultRow:
    return ResultRow(
        psn_no=row.psn_no,
        mdtrt_id=row.mdtrt_id,
        setl_id=row.setl_id,
        msgid=row.msgid,
        stmt_rslt=stmt_rslt,
        refd_setl_flag="1" if row.sign < 0 else "0",
        memo="",
        medfee_fen=row.medfee_fen,
        fund_fen=row.fund_fen,
        account_fen=row.account_fen,
    )


def download(centre: Centre, message: Message) -> Decision:
    """9102: the bytes of a file of this institution."""
    data = cast("DownloadInput", message.body).fs_download_in
    stored = centre.records.files.get(data.file_qury_no)
    if stored is None or stored.filename != data.filename:
        raise Refused("no-such-file")
    if not message.institution == stored.institution == data.fixmedins_code:
        raise Refused("foreign-institution", "fixmedins_code")
    if message.at < stored.ready_at:
        raise Refused("file-not-ready")
    return Decision(octets=base64.b64decode(stored.content))
