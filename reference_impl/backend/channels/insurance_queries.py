"""Questions to the insurance that move nothing: persons, entitlement, settlements, and reconciliation with its files.

For the identity and reconciliation domains. Source: spec/services.md 1.5, 1.8, 1.9.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from protocols.wire.base import WireError
from protocols.wire.insurance.codes import EQUAL
from protocols.wire.insurance.detail_files import ResultRow, UploadRow, pack, read_results, unpack, write_uploads
from protocols.wire.insurance.file_messages import (
    MOST_BASE64,
    DetailsData,
    DetailsInput,
    DetailsOutput,
    DownloadData,
    DownloadInput,
    TotalsData,
    TotalsInput,
    TotalsOutput,
    UploadData,
    UploadInput,
    UploadOutput,
)
from protocols.wire.insurance.message_id import civil_text
from protocols.wire.insurance.person_messages import (
    EntitlementData,
    EntitlementInput,
    EntitlementOutput,
    PersonData,
    PersonInput,
    PersonOutput,
)
from protocols.wire.insurance.settlement_messages import QueriedSetlInfo, QueryData, QueryInput, QueryOutput
from reference_impl.backend.channels.insurance_client import Answer, InsuranceClient, Party
from reference_impl.backend.settlement.channel import Heard

__all__ = [
    "FileNotReady",
    "InsuranceQueries",
    "InsuredPerson",
    "NotAnswered",
    "RefusedByCentre",
    "ResultFile",
    "Sums",
    "TotalsResult",
]

OUTPATIENT = "11"


class NotAnswered(Exception):
    """No answer that can be used: ask again later. The text has no personal data."""


class RefusedByCentre(Exception):
    """infcode -1. ``code`` is stable (protocols.wire.insurance.refusals); the text has no personal data."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason or code)
        self.code = code


class FileNotReady(Exception):
    """The result is being made: fetch ``file`` later."""

    def __init__(self, file: ResultFile) -> None:
        super().__init__("the centre has not made the result file yet: fetch it later")
        self.file = file


@dataclass(frozen=True, slots=True)
class InsuredPerson:
    """``insuplc`` is the place of insurance, which every later message must name; ``account_fen`` the balance of the account,
    0 where there is none. ``insutype`` is empty for who is not insured."""

    psn_no: str
    name: str
    id_number: str
    insutype: str
    insuplc: str
    account_fen: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Net sums of settlements, in fen: what was taken back is subtracted, from ``count`` too."""

    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    count: int


@dataclass(frozen=True, slots=True)
class TotalsResult:
    equal: bool
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ResultFile:
    number: str
    name: str
    institution: str


class InsuranceQueries:
    """Raises :class:`NotAnswered` and :class:`RefusedByCentre` from every method."""

    def __init__(self, client: InsuranceClient) -> None:
        self._client = client

    async def person(
        self,
        party: Party,
        cert_type: Literal["01", "02", "03"],
        cert_no: str,
        *,
        card_sn: str = "",
        id_number: str = "",
        name: str = "",
    ) -> InsuredPerson:
        """1101. *cert_type* 01 token of the e-credential, 02 identity card, 03 social security card with its *card_sn*. The other
        two are compared by the centre where they are given."""
        data = PersonData(
            mdtrt_cert_type=cert_type, mdtrt_cert_no=cert_no, card_sn=card_sn, certno=id_number, psn_name=name
        )
        output = _done(await self._client.call("1101", party, PersonInput(data=data))).of(PersonOutput)
        held = next(iter(output.insuinfo), None)
        return InsuredPerson(
            psn_no=output.baseinfo.psn_no,
            name=output.baseinfo.psn_name,
            id_number=output.baseinfo.certno,
            insutype=held.insutype if held else "",
            insuplc=held.insuplc_admdvs if held else "",
            account_fen=held.balc if held else 0,
        )

    async def entitlement(self, party: Party, psn_no: str, insutype: str, med_type: str) -> bool:
        """2001: whether that person may be treated on that insurance today."""
        data = EntitlementData(
            psn_no=psn_no,
            insutype=insutype,
            fixmedins_code=party.institution,
            med_type=med_type,
            begntime=civil_text(self._client.clock.now()),
        )
        output = _done(await self._client.call("2001", party, EntitlementInput(data=data))).of(EntitlementOutput)
        return any(each.trt_enjymnt_flag == "1" for each in output.trtinfo)

    async def settlement_query(
        self, party: Party, psn_no: str, mdtrt_id: str, setl_id: str = ""
    ) -> QueriedSetlInfo | None:
        """5203: the settlement that is named, else the newest of the visit; None where there is none. ``refd_setl_flag`` 1: it
        was taken back."""
        data = QueryData(psn_no=psn_no, mdtrt_id=mdtrt_id, setl_id=setl_id)
        return _done(await self._client.call("5203", party, QueryInput(data=data))).of(QueryOutput).setlinfo

    async def totals(
        self, party: Party, insutype: str, first_day: str, last_day: str, sums: Sums, clr_type: str = OUTPATIENT
    ) -> TotalsResult:
        """3201 for the days ``yyyy-MM-dd`` of the centre's clock."""
        data = TotalsData(
            insutype=insutype,
            clr_type=clr_type,
            setl_optins=self._client.settings.area,
            stmt_begndate=first_day,
            stmt_enddate=last_day,
            medfee_sumamt=sums.total_fen,
            fund_pay_sumamt=sums.fund_fen,
            acct_pay=sums.account_fen,
            fixmedins_setl_cnt=sums.count,
        )
        info = _done(await self._client.call("3201", party, TotalsInput(data=data))).of(TotalsOutput).stmtinfo
        return TotalsResult(info.stmt_rslt == EQUAL, info.stmt_rslt, info.stmt_rslt_dscr)

    async def details(
        self,
        party: Party,
        first_day: str,
        last_day: str,
        rows: Sequence[UploadRow],
        cash_fen: int,
        clr_type: str = OUTPATIENT,
    ) -> list[ResultRow]:
        """3202: *rows* go up by 9101, the centre compares, its rows come down by 9102. *cash_fen* is their net cash part.

        Raises :class:`FileNotReady` with what :meth:`download` fetches later; WireError for rows that no file can hold.
        """
        file_qury_no = await self._upload(party, f"{first_day}_{last_day}", write_uploads(rows))
        data = DetailsData(
            setl_optins=self._client.settings.area,
            file_qury_no=file_qury_no,
            stmt_begndate=first_day,
            stmt_enddate=last_day,
            medfee_sumamt=sum(row.medfee_fen for row in rows),
            fund_pay_sumamt=sum(row.fund_fen for row in rows),
            cash_payamt=cash_fen,
            fixmedins_setl_cnt=sum(-1 if row.refd_setl_flag == "1" else 1 for row in rows),
            clr_type=clr_type,
        )
        info = _done(await self._client.call("3202", party, DetailsInput(data=data))).of(DetailsOutput).fileinfo
        return await self.download(party, ResultFile(info.file_qury_no, info.filename, party.institution))

    async def _upload(self, party: Party, name: str, tsv: bytes) -> str:
        content = base64.b64encode(pack(f"{name}.txt", tsv)).decode()
        if len(content) > MOST_BASE64:
            raise WireError("too many rows for one file: reconcile fewer days at once")
        data = UploadData(content=content, filename=f"{name}.zip", fixmedins_code=party.institution)
        output = _done(await self._client.call("9101", party, UploadInput(fs_upload_in=data))).of(UploadOutput)
        return output.fs_upload_out.file_qury_no

    async def download(self, party: Party, file: ResultFile) -> list[ResultRow]:
        """9102. Raises :class:`FileNotReady` while the centre is not done."""
        data = DownloadData(file_qury_no=file.number, filename=file.name, fixmedins_code=file.institution)
        answer = await self._client.call("9102", party, DownloadInput(fs_download_in=data))
        if answer.heard is Heard.REFUSED and answer.code == "file-not-ready":
            raise FileNotReady(file)
        try:
            return read_results(unpack(_done(answer).octets))
        except WireError as error:
            raise NotAnswered(f"the result file cannot be read: {error.why}") from error


def _done(answer: Answer) -> Answer:
    if answer.heard is Heard.REFUSED:
        raise RefusedByCentre(answer.code, answer.reason)
    if not answer.done:
        raise NotAnswered(answer.reason or answer.code or answer.heard.value)
    return answer
