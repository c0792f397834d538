"""Reconciliation and files: 3201 totals, 3202 details, 9101 upload, 9102 download. Source: spec/services.md 1.4, 1.9.

The node of 9101 is not public; here ``in`` is the file in base64. 9102 is answered with the bytes themselves.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocols.wire.insurance.fields import (
    Count10,
    Day,
    Flag,
    Moment,
    Must6,
    Must30,
    Must100,
    Part,
    Text6,
    Text200,
    Yuan,
)

__all__ = [
    "MOST_BASE64",
    "DetailsData",
    "DetailsInput",
    "DetailsOutput",
    "DownloadData",
    "DownloadInput",
    "FileInfo",
    "StatementInfo",
    "TotalsData",
    "TotalsInput",
    "TotalsOutput",
    "UploadData",
    "UploadInput",
    "UploadOutput",
    "UploadResult",
]

MOST_BASE64 = 1_000_000


class TotalsData(Part):
    """Sums over a kind of insurance and the days of ``setl_time``, refunds subtracted from the sums and from the count."""

    insutype: Must6
    clr_type: Must6
    setl_optins: Must6
    stmt_begndate: Day
    stmt_enddate: Day
    medfee_sumamt: Yuan
    fund_pay_sumamt: Yuan
    acct_pay: Yuan
    fixmedins_setl_cnt: Count10
    refd_setl_flag: Flag | None = None


class TotalsInput(Part):
    data: TotalsData


class StatementInfo(Part):
    """``stmt_rslt`` 000000: equal."""

    setl_optins: Text6 = ""
    stmt_rslt: Must6
    stmt_rslt_dscr: Text200 = ""


class TotalsOutput(Part):
    stmtinfo: StatementInfo


class DetailsData(Part):
    setl_optins: Must6
    file_qury_no: Must30
    stmt_begndate: Day
    stmt_enddate: Day
    medfee_sumamt: Yuan
    fund_pay_sumamt: Yuan
    cash_payamt: Yuan
    fixmedins_setl_cnt: Count10
    clr_type: Must6
    refd_setl_flag: Flag | None = None


class DetailsInput(Part):
    data: DetailsData


class FileInfo(Part):
    file_qury_no: Must30
    filename: Must100
    dld_endtime: Moment


class DetailsOutput(Part):
    fileinfo: FileInfo


class UploadData(Part):
    content: Annotated[str, Field(alias="in", min_length=1, max_length=MOST_BASE64, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
    filename: Must100
    fixmedins_code: Must30


class UploadInput(Part):
    fs_upload_in: Annotated[UploadData, Field(alias="fsUploadIn")]


class UploadResult(Part):
    file_qury_no: Must30
    filename: Must100
    fixmedins_code: Must30


class UploadOutput(Part):
    """The node of the reply is this project's, like that of the request."""

    fs_upload_out: Annotated[UploadResult, Field(alias="fsUploadOut")]


class DownloadData(Part):
    file_qury_no: Must30
    filename: Must100
    fixmedins_code: Must30


class DownloadInput(Part):
    fs_download_in: Annotated[DownloadData, Field(alias="fsDownloadIn")]
